// What <kin-search> shows once a shopper has acted: the photo with its crop, the filters, the hits. render(now) shows a
// state; what the shopper does goes out through `on`.
import { makeCard, pictures, safe } from './cards.js';
import { makeCrop } from './crop.js';
import { css } from './styles.js';
import { amount, plural, put } from './texts.js';

const whole = { x: 0, y: 0, width: 1, height: 1 };
const tools = { left: '←', up: '↑', down: '↓', right: '→', smaller: '−', larger: '+', whole: null };
const mends = { 'bad-image': 'badPicture', 'truncated-image': 'badPicture', 'unsupported-image': 'otherFormat', 'too-large': 'tooLarge', 'out-of-memory': 'memory',
  unreadable: 'badPicture', cors: 'network', http: 'network', stalled: 'network' };
const ofPicture = (code) => ['badPicture', 'otherFormat', 'tooLarge'].includes(mends[code]);

const capital = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ');

// parts: as element.js drew them; words(): the texts; on: { crop, filter, more, again, nearest, remove, chosen }.
export function makeView(element, parts, words, on) {
  const { shadow, root, start, choose, hint, said, sheetOf, make } = parts;
  const button = (part, run) => {
    const made = make('button', part);
    made.type = 'button';
    made.addEventListener('click', run);
    return made;
  };

  // ---- the photo -------------------------------------------------------------------------------------------------
  const preview = make('img', 'preview'), noPreview = make('p', 'no-preview'), box = make('div', 'box');
  preview.draggable = false;
  box.tabIndex = 0;
  box.setAttribute('role', 'group');
  for (const corner of ['nw', 'ne', 'sw', 'se']) {
    const grip = make('span', 'grip');
    grip.dataset.corner = corner;
    box.append(grip);
  }
  const frame = make('div', 'frame', preview, make('div', 'shade'), box), stage = make('div', 'stage', noPreview, frame);
  let cropping = 0;
  const crop = makeCrop(frame, box, (now) => {
    clearTimeout(cropping); // a key that is held is one act
    cropping = setTimeout(() => on.crop(now), 150);
  });
  const toolButtons = Object.keys(tools).map((name) => button('tool', () => crop.act(name)));
  const toolbar = make('div', 'tools', ...toolButtons);
  toolbar.id = 'tools';
  toolbar.hidden = true;
  toolbar.setAttribute('role', 'group');
  const adjust = button('adjust', () => {
    toolbar.hidden = !toolbar.hidden;
    adjust.setAttribute('aria-expanded', String(!toolbar.hidden));
  });
  adjust.setAttribute('aria-expanded', 'false');
  adjust.setAttribute('aria-controls', 'tools');
  const remove = button('remove', on.remove);

  let address = null; // of the photo's blob
  const framed = () => {
    frame.style.setProperty('--ratio', preview.naturalWidth / preview.naturalHeight || 4 / 3);
    stage.classList.toggle('blank', preview.complete && !preview.naturalWidth);
  };
  preview.addEventListener('load', framed);
  preview.addEventListener('error', framed); // a format that the browser cannot show
  const forget = () => {
    clearTimeout(cropping);
    if (address) URL.revokeObjectURL(address);
    address = null;
    preview.removeAttribute('src');
  };

  // ---- the hits --------------------------------------------------------------------------------------------------
  const heading = make('h2', 'heading'), told = make('p', 'told'), filters = make('div', 'filters'), bar = make('progress', 'progress');
  const notice = make('div', 'notice'), list = make('ul', 'results'), more = button('more', on.more);
  heading.id = 'heading';
  heading.tabIndex = -1;
  list.setAttribute('role', 'list');
  list.setAttribute('aria-labelledby', 'heading');
  bar.max = 1;
  const summary = make('div', 'summary', heading, told);
  summary.setAttribute('role', 'status'); // what was found is announced, the heading with it
  const found = make('section', 'found', make('div', 'headline', summary, filters), bar, notice, list, more);
  found.setAttribute('aria-labelledby', 'heading');
  const side = make('div', 'side', stage, toolbar);

  let shown = []; // hits on the page: { hit, li, holder }
  const empty = () => {
    for (const { holder } of shown) holder?.remove();
    shown = [];
    list.replaceChildren();
  };
  function cards(hits, how, anew) {
    if (anew || hits.some((hit, i) => shown[i] && shown[i].hit !== hit) || shown.length > hits.length) empty();
    if (!shown.length) list.replaceChildren(); // ghosts
    const fresh = hits.slice(shown.length).map((hit) => ({ hit, ...makeCard(hit, { element, make, how, chosen: on.chosen }) }));
    list.append(...fresh.map(({ li }) => li));
    shown.push(...fresh);
  }
  function ghosts(count) {
    if (shown.length) empty();
    if (!list.children.length) list.append(...Array.from({ length: count }, () => {
      const li = make('li', 'ghost');
      li.setAttribute('aria-hidden', 'true');
      return li;
    }));
  }

  // asked: [{ field, label, choices: [{ value, text }], chosen }]
  function showFilters(asked) {
    const known = filters.dataset.for, now = JSON.stringify(asked.map(({ chosen, ...one }) => one));
    if (known !== now) {
      filters.dataset.for = now;
      filters.replaceChildren(...asked.map(({ field, label, any, choices }) => {
        const select = make('select', 'filter');
        select.setAttribute('aria-label', label);
        select.append(new Option(any, ''), ...choices.map(({ text }, i) => new Option(text, String(i))));
        select.addEventListener('change', () => on.filter(field, select.value === '' ? null : choices[Number(select.value)].value));
        return select;
      }));
    }
    asked.forEach(({ choices, chosen }, i) => { filters.children[i].selectedIndex = choices.findIndex(({ value }) => value === chosen) + 1; });
    filters.hidden = !asked.length;
  }
  // field, value: facts of the catalogue; a page may say other words for fields by strings.fieldNames.
  function choicesOf({ field, steps, values, chosen }, text, how) {
    const label = text.fieldNames?.[field] ?? capital(field);
    const say = (value) => (typeof value === 'boolean' ? text[value ? 'yes' : 'no'] : typeof value === 'number' ? amount(value, field, how.currency, how.language) : String(value));
    const choices = steps ? steps.map((value) => ({ value, text: put(text.upTo, { field: label, value: say(value) }) }))
      : values.map((value) => ({ value, text: say(value).slice(0, 60) }));
    return { field, label, any: put(text.any, { field: label }), choices, chosen };
  }

  function say(now, text, how) {
    const count = () => plural(text.shown, now.hits.length, how.language);
    if (now.kind === 'loading') return [text.loading, now.silent ? text.silent : text.loadingHint];
    if (now.kind === 'shown') return ['', ''];
    if (now.kind === 'searching') return [now.hits.length ? heading.textContent : text.searching, text.searching];
    if (now.kind === 'error') return [text.failed, ''];
    if (now.kind === 'hits' && !now.hits.length && filtered(now)) return [text.filteredOut, ''];
    if (now.kind === 'none' || !now.hits.length) return [text.none, filtered(now) ? '' : text.noneHint];
    return [now.verdict === 'none' ? text.nearestTitle : now.verdict === 'weak' ? text.weak : text.match, count()];
  }
  const filtered = ({ filters: asked }) => asked.some(({ chosen }) => chosen !== null);
  // -> [what went wrong or null, what can be done: [text, function] …]; null: nothing to say
  function noticeOf(now, text, how) {
    if (now.kind === 'error') return [text[mends[now.code] ?? 'broken'], ...ofPicture(now.code) ? [] : [[text.again, on.again]]];
    const clear = filtered(now) ? [[text.clear, () => on.filter(null)]] : [];
    if (now.kind === 'none') return how.own ? [null, [text.nearest, on.nearest], ...clear] : null;
    if (now.kind === 'hits' && !now.hits.length && clear.length) return [null, ...clear];
    return null;
  }
  function showNotice(now, text, how) {
    const asked = noticeOf(now, text, how), wrong = now.kind === 'error';
    notice.hidden = !asked;
    notice.classList.toggle('wrong', wrong);
    if (wrong) notice.setAttribute('role', 'alert');
    else notice.removeAttribute('role');
    if (!asked) return notice.replaceChildren();
    const [sentence, ...acts] = asked;
    notice.replaceChildren(...sentence ? [make('p', 'sentence', sentence)] : [],
      ...acts.map(([name, run]) => Object.assign(button('act', run), { textContent: name })));
    if (wrong && !ofPicture(now.code)) {
      const own = element.querySelector(':scope > [slot="fallback"]');
      if (own) notice.append(Object.assign(document.createElement('slot'), { name: 'fallback' }));
      else if (element.fallbackUrl) notice.append(element.instead());
    }
    return undefined;
  }

  function label(text) {
    choose.text.textContent = text.another;
    noPreview.textContent = text.noPreview;
    preview.alt = text.photo;
    box.setAttribute('aria-label', text.box);
    box.setAttribute('aria-roledescription', text.boxRole);
    toolbar.setAttribute('aria-label', text.crop);
    bar.setAttribute('aria-label', text.loading);
    filters.setAttribute('role', 'group');
    filters.setAttribute('aria-label', text.filters);
    adjust.textContent = text.crop;
    remove.textContent = text.remove;
    more.textContent = text.more;
    for (const [i, [name, sign]] of Object.entries(tools).entries()) {
      toolButtons[i].textContent = sign ?? text[name];
      if (sign) toolButtons[i].setAttribute('aria-label', text[name]);
    }
  }

  // The label and its input stay where they are in the document, so that the focus does.
  function unfold() {
    if (root.classList.contains('open')) return;
    shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheetOf(css)];
    root.classList.add('open');
    start.before(side);
    root.append(found);
    hint.after(adjust, remove);
  }

  return {
    // A new photo, and the part of it that is searched by; null: all of it.
    show(source, part) {
      unfold();
      label(words());
      forget();
      said.textContent = '';
      crop.reset(part ?? whole);
      if (source instanceof Blob) address = URL.createObjectURL(source);
      const src = address ?? safe(source instanceof HTMLImageElement ? source.currentSrc : source instanceof URL ? source.href : source, pictures);
      if (src) preview.src = src;
      framed();
    },
    // Another part of the same photo.
    crop(part) {
      clearTimeout(cropping);
      crop.reset(part ?? whole);
    },
    // now: { kind: 'shown' | 'loading' | 'searching' | 'hits' | 'none' | 'error', hits, verdict, code, share, silent, truncated, filters }; how:
    // { words, language, currency, fields, own: the hits are shown here, not by the page }; anew: the texts have changed.
    render(now, how, anew = false) {
      const text = words(), held = shadow.activeElement;
      if (anew) label(text);
      const busy = now.kind === 'loading' || now.kind === 'searching';
      found.hidden = (how.own ? ['shown'] : ['shown', 'searching', 'hits']).includes(now.kind);
      bar.hidden = now.kind !== 'loading';
      if (now.share === null || now.share === undefined) bar.removeAttribute('value');
      else bar.value = now.share;
      const [title, status] = say(now, text, how);
      for (const [node, wanted] of [[heading, title], [told, status]]) // what is set anew is announced anew
        if (node.textContent !== wanted) node.textContent = wanted;
      showFilters((now.kind === 'error' ? [] : now.filters).map((one) => choicesOf(one, text, how)));
      showNotice(now, text, how);
      if (busy) list.setAttribute('aria-busy', 'true');
      else list.removeAttribute('aria-busy');
      if (busy && !now.hits.length && how.own) ghosts(6);
      else cards(now.kind === 'none' || now.kind === 'error' ? [] : now.hits, how, anew);
      list.hidden = !list.children.length;
      more.hidden = now.kind !== 'hits' || !now.truncated;
      // What was pressed is gone: the focus stays near.
      if (held && !held.getClientRects().length) (found.hidden ? choose.input : heading).focus({ preventScroll: true });
    },
    focusHit: (i) => (shown[i]?.holder ?? shown[i]?.li)?.querySelector('a[href], button')?.focus({ preventScroll: true }),
    // Back to the first view.
    fold() {
      forget();
      empty();
      toolbar.hidden = true;
      adjust.setAttribute('aria-expanded', 'false');
      choose.text.textContent = words().choose;
      root.classList.remove('open');
      for (const part of [side, found, adjust, remove]) part.remove();
      shadow.adoptedStyleSheets = shadow.adoptedStyleSheets.filter((sheet) => sheet !== sheetOf(css));
    },
  };
}
