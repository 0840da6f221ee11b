// The documentation's page: the contents, the buttons beside code, and the live examples. An example is a module of its
// own, live-NAME.js, that is imported when Run is pressed and not before: what runs is the file that is shown.
import { element, money } from './cards.js';
import { startCopying } from './gallery/copy.js';
import { startPanel } from './gallery/panel.js';
import { bars, canvasOf, hitList, percent, pictureOf } from './gallery/show.js';
import { $, download, withBar } from './say.js';

// One example at a time has a model in memory: { name, things: what its `open` gave, stop(): its panel's, end() }.
let opened = null;
function open(name, { open: start }) {
  opened?.end();
  const loading = new AbortController();
  const mine = { name, things: (async () => start({ signal: loading.signal, onProgress: download }))(), stop: null,
    async end() {
      if (opened === mine) opened = null;
      mine.stop();
      loading.abort();
      for (const one of Object.values(await mine.things.catch(() => ({})))) await one.close?.();
    } };
  mine.things.catch(() => { if (opened === mine) opened = null; });
  return (opened = mine);
}

const verdicts = { match: 'the first is a match', weak: 'the first may be one', none: 'nothing is similar' };

function ofHits({ hits, verdict }, { photo, name, own, photos }) {
  const told = verdicts[verdict] ? `: ${verdicts[verdict]}` : '';
  const from = new Map(photos.map(({ file, src }) => [file.name, src])); // hits of a catalogue of Files have no address
  return { said: hits.length ? `${hits.length} ${hits.length === 1 ? 'hit' : 'hits'}${told}` : `No hits${told}`,
    parts: [...(own ? [pictureOf(photo, name)] : []), hitList(hits.map((hit) => (hit.image.url ? hit : { ...hit, image: { url: from.get(hit.id) } })),
      ({ score, item }) => [money(item.price), score.toFixed(3)].filter(Boolean).map((text) => element('span', 'note', text)))] };
}
const ofLabels = (found, { photo, name }) => ({ said: `${found[0].label}: ${percent(found[0].score)}`,
  parts: [pictureOf(photo, name), bars(found.map(({ label, score }, i) => ({ label, part: score, strong: i === 0 })))] });
const ofText = ({ text, parts }, { photo, name }) => ({ said: text ? `“${text}”` : 'Nothing is sure enough to be said',
  parts: [pictureOf(photo, name), bars(parts.map(({ kind, label, confidence }) => ({ label, part: confidence, strong: true, note: kind })))] });

// A vector as colours: green above zero, brown below, the stronger the further.
function ofVector(vector, { photo, name }) {
  const most = Math.max(...vector.map(Math.abs)), width = 64;
  const paint = (x, y) => {
    const value = (vector[y * width + x] ?? 0) / most, strong = Math.round(255 - 190 * Math.abs(value));
    return value < 0 ? [235, strong, strong * 0.8] : [strong * 0.8, 205, strong];
  };
  return { said: `${vector.length} numbers of unit length`,
    parts: [pictureOf(photo, name), canvasOf(width, Math.ceil(vector.length / width), paint, 'The numbers as colours')] };
}
const show = (value, asked) => (ArrayBuffer.isView(value) ? ofVector : value.hits ? ofHits : value.parts ? ofText : ofLabels)(value, asked);

// What came back, cut to what one wants to see of it.
const shorten = (value) => {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.length}) ${[...value.slice(0, 4)].map((n) => n.toFixed(4)).join(', ')}, …`;
  if (Array.isArray(value)) return [...value.slice(0, 2).map(shorten), ...(value.length > 2 ? [`… ${value.length - 2} more`] : [])];
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shorten(one)]));
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
};
function raw(value) {
  const details = element('details', 'raw'), text = element('pre');
  text.tabIndex = 0;
  text.append(element('code', '', JSON.stringify(shorten(value), null, 2)));
  details.append(element('summary', '', 'What it returned'), text);
  return details;
}

function startExample(root) {
  const name = root.id.replace('live-', '');
  let photos = null; // of the visitor's: [{ file, src }]
  const samplePhotos = () => Promise.all([...root.querySelectorAll('.sample')].map(async ({ dataset: { src, name: title } }) =>
    ({ src, file: new File([await (await fetch(src)).blob()], title) })));

  startPanel(root.id, async ({ picture, words, stop }) => {
    const first = opened?.name !== name, start = performance.now();
    const run = async () => {
      const module = await import(`./live-${name}.js`);
      const mine = opened?.name === name ? opened : open(name, module);
      mine.stop = stop;
      const asked = { photo: picture?.src, name: picture?.name, own: picture && !picture.id && !picture.options.box,
        photos: root.querySelector('[multiple]') ? photos ?? await samplePhotos() : [] };
      const value = await module.run(await mine.things, { photo: picture?.from, box: picture?.options.box, words, photos: asked.photos.map(({ file }) => file) });
      return { value, asked };
    };
    const { value, asked } = await (first ? withBar('Loading', run, () => opened?.end()) : run());
    const took = `${Math.round(performance.now() - start)} ms${first ? ', loading the model included' : ''}`;
    const { said, parts } = show(value, asked);
    return { said, parts: [...parts, element('p', 'ms', took), raw(value)] };
  }, { atOnce: false });
  root.querySelector('[multiple]')?.addEventListener('change', ({ target }) => {
    for (const { src } of photos ?? []) URL.revokeObjectURL(src);
    photos = target.files.length ? Array.from(target.files, (file) => ({ file, src: URL.createObjectURL(file) })) : null;
    root.querySelector('.said').textContent = photos ? `${photos.length} pictures to search in. Press Run.` : 'Press Run.';
    root.querySelector('.answer').replaceChildren();
  });
}

// The contents: which heading the text is at; on narrow screens a list that opens.
function startContents() {
  const nav = document.querySelector('.contents'), button = nav.querySelector('.unfold');
  const links = [...nav.querySelectorAll('a[href^="#"]')].map((link) => ({ link, target: $(decodeURIComponent(link.hash.slice(1))) }));
  const unfold = (on) => {
    nav.classList.toggle('unfolded', on);
    button.setAttribute('aria-expanded', String(on));
  };
  function follow() {
    const top = nav.querySelector('.unfold').offsetParent ? 90 : 130;
    const at = links.findLast(({ target }) => target.getBoundingClientRect().top <= top) ?? links[0];
    if (at.link.hasAttribute('aria-current')) return;
    for (const { link } of links) link.removeAttribute('aria-current');
    for (const item of nav.querySelectorAll('li')) item.classList.toggle('open', item.contains(at.link));
    at.link.setAttribute('aria-current', 'true');
    button.querySelector('span').textContent = at.link.textContent;
    const box = at.link.getBoundingClientRect(), own = nav.getBoundingClientRect();
    if (box.top < own.top + 60 || box.bottom > own.bottom - 60) nav.scrollTop += box.top - own.top - own.height / 2;
  }
  let soon = 0;
  addEventListener('scroll', () => {
    cancelAnimationFrame(soon);
    soon = requestAnimationFrame(follow);
  }, { passive: true });
  button.addEventListener('click', () => unfold(button.getAttribute('aria-expanded') !== 'true'));
  nav.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    unfold(false);
    button.focus();
  });
  nav.addEventListener('click', ({ target }) => target.closest('a') && unfold(false));
  document.addEventListener('click', ({ target }) => nav.contains(target) || unfold(false));
  nav.addEventListener('focusout', ({ relatedTarget }) => relatedTarget && !nav.contains(relatedTarget) && unfold(false));
  follow();
}

// Code and tables that are wider than the page are scrolled from the keyboard too.
function startScrollers() {
  const wide = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute('tabindex');
    }
  });
  for (const one of document.querySelectorAll('.code > pre:not([role]), .table')) {
    one.setAttribute('role', 'group');
    one.setAttribute('aria-label', one.matches('pre') ? 'Code' : 'Table');
    wide.observe(one);
  }
}

startContents();
startCopying();
startScrollers();
for (const root of document.querySelectorAll('.live')) startExample(root);
