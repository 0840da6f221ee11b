// The style of `kin report`'s page, light and dark, down to 375 pixels and on paper.
export const reportStyle = `
:root { color-scheme: light dark; --ground: #f6f6f3; --surface: #fff; --ink: #1a1c1b; --quiet: #595c59; --line: #d9dbd6;
  --accent: #0f766e; --soft: #d9efec; --bad: #a11d1d; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131514; --surface: #1d1f1e; --ink: #f0f1ee; --quiet: #aeb2ad; --line: #3a3e3b; --accent: #5fc9bd;
    --soft: #17413c; --bad: #ff9d94; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
main, header { max-width: 72rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem); }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: clamp(1.6rem, 4vw, 2.25rem); line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 3.5rem 0 0.25rem; font-size: 1.35rem; letter-spacing: -0.01em; }
h3 { margin: 1.75rem 0 0.5rem; font-size: 1rem; }
p { margin: 0.25rem 0 1rem; max-width: 46rem; }
.quiet, figcaption, .note { color: var(--quiet); }
a { color: var(--accent); text-underline-offset: 0.2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1rem 0 0; padding: 0; list-style: none; }
nav a { display: inline-block; padding: 0.35rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); gap: 0.75rem;
  margin: 1.75rem 0 0; padding: 0; }
.tiles div { padding: 1rem 1.15rem; background: var(--surface); border: 1px solid var(--line); border-radius: 14px; }
.tiles dt { color: var(--quiet); font-size: 0.9rem; }
.tiles dd { margin: 0; }
.tiles .value { font-size: 1.9rem; font-weight: 600; line-height: 1.25; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.tiles .beside { font-size: 0.9rem; color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; border-radius: 14px; width: 100%; max-width: 46rem;
  background: var(--surface); border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
caption { padding: 0 0 0.5rem; text-align: left; color: var(--quiet); }
th, td { min-width: 7rem; padding: 0.55rem 0.9rem; text-align: left; border-top: 1px solid var(--line); font-weight: 400;
  vertical-align: top; overflow-wrap: break-word; }
thead th { border-top: 0; color: var(--quiet); font-size: 0.9rem; }
.share { font-weight: 600; }
.bar { display: block; min-width: 5rem; height: 0.5rem; margin: 0.3rem 0 0.15rem; background: var(--soft);
  border-radius: 99px; overflow: hidden; }
.bar span { display: block; height: 100%; background: var(--accent); border-radius: 99px; }
.row { margin: 1.25rem 0 0; padding: 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 14px; }
.row > h3 { margin: 0 0 0.75rem; }
.model { margin: 0.9rem 0 0.4rem; font-size: 0.9rem; color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: 0.9rem 0.75rem; margin: 0;
  padding: 0; list-style: none; }
.card { min-width: 0; font-size: 0.82rem; line-height: 1.35; }
.card.asked .picture { outline: 3px solid var(--accent); outline-offset: -3px; }
.picture { display: grid; place-items: center; width: 100%; aspect-ratio: 1; overflow: hidden; border-radius: 10px;
  background: #fff; border: 1px solid var(--line); }
.picture img { display: block; width: 100%; height: 100%; object-fit: contain; }
.picture.none { background: repeating-linear-gradient(135deg, transparent 0 9px, var(--line) 9px 10px); color: var(--quiet);
  font-size: 0.75rem; }
.picture.none span { padding: 0 0.3rem; background: var(--surface); }
.name { display: -webkit-box; overflow: hidden; margin-top: 0.35rem; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.score { color: var(--quiet); font-variant-numeric: tabular-nums; }
footer { margin: 4rem 0 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.9rem; }
@media (max-width: 30rem) { th, td { padding: 0.5rem 0.6rem; } .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (forced-colors: active) { .bar { border: 1px solid CanvasText; } .bar span { background: Highlight; forced-color-adjust: none; } }
@media print { body { background: #fff; } .row, .tiles div { break-inside: avoid; } }
`;
