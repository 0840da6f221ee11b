// The look of what comes once a shopper has acted; that of the first view is in element.js. The photo keeps its shape within a
// stage that never changes its own, so that nothing below it moves. Words, ours and the catalogue's, are set in their own
// direction, on the page's side.
export const css = `
.open { gap: .75rem; background: none; align-content: start; grid-template-columns: minmax(0, 1fr); }
h2, h3, ul { padding: 0; font: inherit; }
.open .start { border: 0; padding: 0; justify-content: start; text-align: start; align-self: start; }
.open .start > .primary { flex: 1 0 100%; } .open .start > :is(.camera, button) { flex: 1 1 auto; padding-inline: .8rem; }
.blank ~ .tools, .open:has(.blank) .adjust { display: none; }
.open .hint, .open .status:empty, .open .start > slot { display: none; }
.open .primary { color: var(--_ink); background: var(--_surface); border-color: var(--_edge); }
.side { display: grid; gap: .6rem; min-width: 0; align-content: start; }
.stage { display: grid; grid-template: minmax(0, 1fr) / minmax(0, 1fr); place-items: center; height: var(--kin-photo-height, 12rem); border-radius: var(--_r); background: var(--_well); overflow: hidden; }
:host { --_well: var(--kin-well, #f0f1ee); --_bad: var(--kin-error, #a11d1d); }
@supports (color: light-dark(#000, #fff)) { :host { --_well: var(--kin-well, light-dark(#f0f1ee, #272a28)); --_bad: var(--kin-error, light-dark(#a11d1d, #ff9d94)); } }
.stage > * { grid-area: 1 / 1; }
.no-preview { visibility: hidden; padding: 1rem; font-size: .875rem; color: var(--_ink); text-align: center; }
.blank .no-preview { visibility: visible; } .blank .frame { visibility: hidden; }
.frame { position: relative; width: min(100%, calc(var(--kin-photo-height, 12rem) * var(--ratio, 1.3333))); aspect-ratio: var(--ratio, 1.3333);
  touch-action: pan-y pinch-zoom; cursor: crosshair; --right: calc((var(--x) + var(--width)) * 100%); --bottom: calc((var(--y) + var(--height)) * 100%);
  --left: calc(var(--x) * 100%); --top: calc(var(--y) * 100%); }
.preview { display: block; width: 100%; height: 100%; clip-path: inset(1px); user-select: none; -webkit-user-drag: none; }
.shade { position: absolute; inset: 0; background: #0009; pointer-events: none;
  clip-path: polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, var(--left) var(--top), var(--right) var(--top), var(--right) var(--bottom), var(--left) var(--bottom), var(--left) var(--top)); }
.box { position: absolute; left: var(--left); top: var(--top); width: calc(var(--width) * 100%); height: calc(var(--height) * 100%);
  border: 2px solid #fff; box-shadow: 0 0 0 1px #0008, inset 0 0 0 1px #0004; cursor: move; touch-action: none; }
.full .box:not(:focus-visible) { border-color: transparent; box-shadow: none; }
.full .box { cursor: crosshair; touch-action: pan-y pinch-zoom; }
.box:focus-visible { outline: 3px solid #fff; outline-offset: -5px; box-shadow: 0 0 0 1px #0008, inset 0 0 0 7px #000; }
.grip { position: absolute; width: 44px; height: 44px; touch-action: none; }
.grip::after { content: ""; position: absolute; width: 20px; height: 20px; border: 0 solid #fff; filter: drop-shadow(0 0 1.5px #000c); }
.grip[data-corner^="n"] { top: -14px; } .grip[data-corner^="s"] { bottom: -14px; } .grip[data-corner$="w"] { left: -14px; } .grip[data-corner$="e"] { right: -14px; }
.grip[data-corner^="n"]::after { top: 12px; border-top-width: 4px; } .grip[data-corner^="s"]::after { bottom: 12px; border-bottom-width: 4px; }
.grip[data-corner$="w"]::after { left: 12px; border-left-width: 4px; } .grip[data-corner$="e"]::after { right: 12px; border-right-width: 4px; }
.grip[data-corner="nw"], .grip[data-corner="se"] { cursor: nwse-resize; } .grip[data-corner="ne"], .grip[data-corner="sw"] { cursor: nesw-resize; }
.tools { direction: ltr; display: flex; gap: .3rem; }
.tools button { flex: 1 1 2rem; min-width: 0; padding: .3rem; } .tools button:last-child { flex: 2 1 auto; font-size: .8125rem; }
[aria-expanded="true"] { background: var(--_well); }
.found { min-width: 0; display: grid; grid-template-columns: minmax(0, 1fr); gap: .9rem; align-content: start; margin-top: .5rem; }
.headline { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; justify-content: space-between; }
.headline > :first-child { flex: 1 1 12rem; }
.heading { font-size: 1.25rem; font-weight: 600; line-height: 1.3; letter-spacing: -.01em; text-wrap: balance; }
.heading:focus { outline: none; }
.heading, .card > span { unicode-bidi: plaintext; } .open p, .heading, .card > span { text-align: match-parent; text-align: -webkit-match-parent; }
.told { font-size: .875rem; color: var(--_quiet); min-height: 1.5em; }
.filters { display: flex; flex-wrap: wrap; gap: .5rem; min-width: 0; }
select { flex: 1 1 9rem; min-height: 44px; min-width: 0; max-width: 100%; padding: .4rem .6rem; font: inherit; font-size: .9375rem; color: var(--_ink); background: var(--_surface);
  border: 1px solid var(--_edge); border-radius: var(--kin-button-radius, calc(var(--_r) * .75)); text-overflow: ellipsis; }
progress { width: 100%; height: 6px; accent-color: var(--_accent); }
.results { display: grid; gap: var(--kin-gap, .75rem); list-style: none; grid-template-columns: repeat(auto-fill, minmax(min(var(--kin-card-width, 9.5rem), 45%), 1fr)); }
.hit { min-width: 0; }
.card { display: flex; flex-direction: column; align-items: stretch; justify-content: start; gap: .15rem; width: 100%; height: 100%; padding: clamp(.5rem, 2cqi, .75rem); font-weight: 400; text-align: start;
  color: var(--_ink); background: var(--_surface); text-decoration: none; border: 1px solid var(--_line); border-radius: var(--_r); overflow-wrap: anywhere; }
.card:hover { border-color: var(--_accent); text-decoration: none; } .card:hover .title { text-decoration: underline; text-underline-offset: .2em; }
.picture { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; margin-bottom: .45rem; border-radius: calc(var(--_r) / 2); }
.picture:not([src]) { background: var(--_well); }
.title { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-size: .9375rem; font-weight: 550; line-height: 1.3; hyphens: auto; }
.field, .match { font-size: .8125rem; color: var(--_quiet); }
.price { font-variant-numeric: tabular-nums; }
.match { margin-top: auto; padding-top: .15rem; }
.ghost { aspect-ratio: 1 / 1.4; border-radius: var(--_r); background: var(--_well); }
[aria-busy="true"] .picture { opacity: .55; }
.notice { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: center; padding: 1rem 1.25rem; border: 1px solid var(--_line); border-radius: var(--_r); background: var(--_surface); }
.notice p { flex: 1 1 14rem; } .notice:not(.wrong) { padding: 0; border: 0; background: none; } .wrong { color: var(--_bad); border-color: currentColor; }
.more { justify-self: center; min-width: 11rem; }
@container (min-width: 44rem) {
  .open { grid-template: "side found" auto "start found" 1fr / minmax(0, 17rem) minmax(0, 1fr); column-gap: 2rem; }
  .found { margin-top: 0; }
  .side { grid-area: side; } .open .start { grid-area: start; } .found { grid-area: found; }
}
@media (prefers-reduced-motion: no-preference) { .card, .picture { transition: border-color .15s, opacity .15s; } }
@media (forced-colors: active) { .open { border: 0; } .box, .grip::after { border-color: Highlight; } .card { border: 1px solid; } .ghost { border: 1px solid GrayText; } }`;
