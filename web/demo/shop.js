// The demo shop: what a shop's own page would do with kin-clip and its element, through their public interfaces alone. The
// address says what is looked for (where.js); here it is searched and shown. Nothing of the model is fetched before a
// visitor asks for something: the first hits came with the page.
import './sent.js';
import './kin/element.js';
import { boxText, read, readBox } from './address.js';
import { makeCard, safeUrl, showEmpty, showGhosts, titleOf } from './cards.js';
import { likeness, ordinary } from './likeness.js';
import { buildOwn, most, sameAs } from './own.js';
import { finder, samples, showChip, showIdle, showPhoto, whole } from './photo.js';
import { find, forget, tidyUp } from './photos.js';
import { showProduct } from './product.js';
import { $, bar, clearError, say, showError, withBar } from './say.js';
import { go, inOwn, lookedFor, noQuery, onMove, openProduct, state } from './where.js';

const page = 24; // hits shown at once
const results = $('results'), main = $('main'), root = document.documentElement;
const many = (n) => n.toLocaleString('en');

let clip = null, shop = null, own = null; // own: what buildOwn gave, kept until other pictures are chosen
let searching = new AbortController();
let shown = null; // what the hits on the page answer
let answer = null; // the last search, for "Show more"
let looking = null; // the promise of its end

// ---- model and catalogue: loaded once, again after a failure ---------------------------------------
function once(work) {
  let done = null;
  return () => (done ??= work().catch((error) => {
    done = null;
    throw error;
  }));
}
const ready = once(() => withBar('Loading the model', async () => {
  const opened = await finder.open();
  if (!opened) throw Object.assign(new Error('The search could not be loaded, or cannot run in this browser.'), { code: 'failed' });
  ({ clip, catalog: shop } = opened);
  // Searches here go by vectors, which no one checks.
  if (await clip.identify('image') !== shop.info.metadata['kin.image_id'])
    throw Object.assign(new Error('The catalogue was built with another model: build it again.'), { code: 'model-mismatch' });
}));
const readyForText = once(() => withBar('Loading the model for words', () => clip.preload('text')));

// ---- what is looked for -------------------------------------------------------------------------------
const byPhoto = ({ q, like }) => !q && !like;
const catalogNow = () => (inOwn() ? own?.catalog : shop);
const imageOf = ({ id, image }) => (inOwn() ? own.pictures.get(id) : image.url);

// The photo that the address names, also while words are searched, and its own box. -> null: it is not here (any more)
async function photoOf({ photo: key, sample }) {
  if (key) {
    const file = key.startsWith('own-') ? own?.files.get(key.slice(4)) : await find(key);
    return file ? { key, from: file, box: whole } : null;
  }
  const { dataset: { src, box } } = samples.find((button) => button.dataset.sample === sample) ?? samples[0];
  return { key: src, from: new URL(src, document.baseURI).href, box: readBox(box) };
}
function filterOf(wanted, source) {
  if (inOwn()) { // a picture is not like itself
    if (!byPhoto(wanted)) return undefined;
    const id = source.key.startsWith('own-') ? source.key.slice(4) : source.from instanceof File && sameAs(own, source.from);
    return id ? { number: { ne: Number(id) } } : undefined;
  }
  const filter = {};
  if (wanted.group) filter.group = { in: [wanted.group] };
  if (wanted.price) filter.price = { le: Number(wanted.price) };
  return Object.keys(filter).length ? filter : undefined;
}

let understood = { key: null }; // the last query's vector: filters and further hits need no other
async function queryOf(wanted, source, signal) {
  if (wanted.like && !wanted.q) return { like: [wanted.like] };
  const box = readBox(wanted.box) ?? source?.box;
  const key = wanted.q ? `q ${wanted.q}` : `${source.key} ${boxText(box)}`;
  if (key !== understood.key) {
    const start = performance.now();
    const vector = wanted.q ? await clip.embedText(wanted.q, { signal }) : await clip.embedImage(source.from, { box, fit: 'pad', signal });
    understood = { key, vector, took: performance.now() - start };
  }
  return { vector: understood.vector };
}

function headingOf({ q, like, photo: key, sample }) {
  const what = inOwn() ? 'Your pictures' : 'Products';
  if (q) return `${what} for “${q.slice(0, 60)}”`;
  if (like) return `${what} like ${titleOf(catalogNow()?.get(like) ?? {}, 'this product')}`;
  if (key.startsWith('own-')) return `${what} like ${(own.files.get(key.slice(4))?.name ?? 'one that is gone').slice(0, 60)}`;
  return `${what} like ${key && !sample ? 'your' : 'this'} photo`;
}
function showHeading(text) {
  $('results-title').textContent = text;
  document.title = `${text} · Kin shop`;
}

// ---- searching: the latest query wins ---------------------------------------------------------------
const clearFilter = () => {
  results.focus();
  return go({ group: '', price: '' });
};
function showCount(total) {
  const count = results.querySelectorAll('[data-hit-id]').length;
  $('shown').textContent = total > page ? `${many(count)} of ${many(total)} shown` : '';
  $('more').hidden = count >= total;
  return count;
}

function choose(select, value, name) {
  if (![...select.options].some((option) => option.value === value)) select.add(new Option(name, value)); // typed into the address
  select.value = value;
}
// What stands around the hits: words, filters, where one is.
function showAround() {
  const { q, like, group, price } = state;
  main.dataset.view = !inOwn() ? 'shop' : own ? 'own' : 'choose';
  for (const [id, here] of [['to-shop', !inOwn()], ['to-own', inOwn()]]) {
    if (here) $(id).setAttribute('aria-current', 'page');
    else $(id).removeAttribute('aria-current');
  }
  if ($('text').value.trim() !== q) $('text').value = q;
  choose($('group'), group, group);
  choose($('price'), price, `Up to €${price}`);
  if (group || price) $('filters').setAttribute('aria-expanded', 'true');
  showIdle(!byPhoto(state));
  $('chip').hidden = Boolean(q);
}

// A search that lasts longer than a moment: what was asked stands above, and the hits of before are gone.
function showSearching(wanted) {
  shown = null;
  showHeading(headingOf(wanted));
  say('Searching …');
  showGhosts(results, page);
  showCount(0);
}
function showHits(wanted, { hits, total, timings, verdict }, usual) {
  shown = lookedFor(wanted);
  showHeading(headingOf(wanted));
  if (hits.length) results.replaceChildren(...hits.map(answer.card));
  else if (answer.options.filter && !inOwn()) showEmpty(results, 'Nothing in the shop passes this filter.', { text: 'Clear the filter', run: clearFilter });
  else showEmpty(results, 'There is nothing else here to compare it with.');
  showCount(total);
  const what = inOwn() ? ['picture', 'pictures'] : ['product', 'products'];
  if (!hits.length) say('Nothing was found.');
  else if (verdict === 'none' && byPhoto(wanted)) say(`Nothing similar here: these ${many(hits.length)} are the nearest. Try a closer crop around one thing.`);
  else say(`${wanted.q ? 'Best' : 'Most alike'} of ${many(total)} ${what[Number(total > 1)]}`);
  $('took').textContent = answer.query.vector ? `${understood.took.toFixed(0)} ms` : 'none';
  $('numbers').textContent = answer.catalog.info.dim;
  $('compared').textContent = `${timings.search.toFixed(1)} ms`;
  $('cosine').textContent = usual ? usual.middle.toFixed(2) : '–';
}
function showFailed(wanted, error, again) {
  showError(error, again);
  if (shown === lookedFor(wanted)) return say('These hits came with the page; the search itself did not start.');
  shown = null;
  showHeading(wanted.q ? 'No answer for these words' : wanted.like ? 'No answer for this product' : 'No products for this photo');
  results.replaceChildren();
  showCount(0);
  return say('The search did not work.');
}
// A photo that this browser does not have: of another device, of yesterday, or nothing could be kept.
function showGone(wanted) {
  shown = lookedFor(wanted);
  showHeading('The photo is not here any more');
  say('No photo, no hits.');
  showEmpty(results, 'Photos are kept for a day, and only in the browser in which they were chosen; some browsers keep none. Choose it once more, or try one of the samples.');
  showCount(0);
}
function showChoose({ photo }) {
  shown = null;
  showHeading('Search your own pictures');
  say(photo.startsWith('own-') ? 'They were forgotten when the page was left. Choose them once more.' : 'A shop of your own, for a moment.');
  results.removeAttribute('aria-busy');
  results.replaceChildren();
  showCount(0);
}

async function look(to) {
  searching.abort();
  const { signal } = (searching = new AbortController()), wanted = state;
  const instead = () => { if (shown !== lookedFor(wanted) && !signal.aborted) showSearching(wanted); };
  answer = null;
  clearError();
  const { view } = main.dataset;
  showAround();
  if (main.dataset.view === 'choose') return showChoose(wanted);
  if (root.classList.contains('other') || view !== main.dataset.view) instead();
  root.classList.remove('other');
  const slow = setTimeout(instead, 300);
  results.setAttribute('aria-busy', 'true');
  try {
    const source = await photoOf(wanted);
    if (signal.aborted) return undefined;
    const box = readBox(wanted.box) ?? source?.box ?? whole;
    showPhoto(source, box, !byPhoto(wanted));
    if (source && !wanted.like) showChip(source.from, box, 'To the photo and its crop');
    if (source || !byPhoto(wanted)) {
      await ready();
      if (wanted.q) await readyForText();
      if (signal.aborted) return undefined;
      const catalog = catalogNow(), query = await queryOf(wanted, source, signal);
      const options = { signal, exact: Boolean(wanted.q), filter: filterOf(wanted, source) };
      const usual = await ordinary(catalog, query, { signal, exact: options.exact });
      const found = await catalog.search(query, { ...options, limit: Math.max(page, history.state?.shown ?? 0) });
      if (signal.aborted) return undefined;
      const alike = (score) => likeness(score, usual, wanted.q ? 'text' : 'photo');
      answer = { catalog, query, options, total: found.total, card: (hit) => makeCard(hit, imageOf, alike) };
      showHits(wanted, found, usual);
      if (wanted.like) showChip(safeUrl(imageOf({ id: wanted.like, image: { url: [catalog.get(wanted.like)?.image].flat()[0] } })) ?? '', whole, 'Open the product');
    } else showGone(wanted);
  } catch (error) {
    if (signal.aborted) return undefined;
    showFailed(wanted, error, () => look(to));
  } finally {
    clearTimeout(slow);
    if (searching.signal === signal) results.removeAttribute('aria-busy');
  }
  return to && bring();
}

// Where the page goes, the focus goes. Beside the photo the results are in sight anyway.
function bring() {
  const found = $('found'), { top } = found.getBoundingClientRect();
  if (top >= 0 && !matchMedia('(max-width: 51.25em)').matches) return;
  $('results-title').focus({ preventScroll: true });
  found.scrollIntoView({ block: 'start' });
}

$('more').addEventListener('click', async () => {
  await looking;
  if (!answer) await (looking = look(false)); // the first hits were there before the catalogue
  if (!answer) return;
  const { catalog, query, options, total, card } = answer, { signal } = options;
  results.setAttribute('aria-busy', 'true');
  try {
    const { hits } = await catalog.search(query, { ...options, limit: page, offset: results.children.length });
    if (signal.aborted) return;
    const cards = hits.map(card);
    results.append(...cards);
    const count = showCount(total);
    history.replaceState({ ...history.state, shown: count }, '');
    say(`${many(count)} of ${many(total)} shown.`);
    cards[0]?.querySelector('a').focus({ preventScroll: true });
  } catch (error) {
    if (!signal.aborted) showError(error, () => $('more').click());
  } finally {
    if (!signal.aborted) results.removeAttribute('aria-busy');
  }
});

// ---- photos --------------------------------------------------------------------------------------------
$('chip').addEventListener('click', () => {
  if (state.like) return openProduct(state.like);
  finder.focus({ crop: true, preventScroll: true });
  return window.scrollTo({ top: 0 });
});
for (const button of samples) button.addEventListener('click', () => go({ ...noQuery, sample: button.dataset.sample }, { to: true }));
$('use-photo').addEventListener('click', () => go({ q: '', like: '' }, { to: true }));

$('own').addEventListener('change', ({ target }) => {
  const files = [...target.files];
  target.value = ''; // the same files may be chosen again
  if (files.length) takeOwn(files);
});
$('others').addEventListener('click', () => $('own').click());
// A photo dropped anywhere is the element's, as one that is pasted; many are the visitor's own pictures.
const filesOf = ({ clipboardData, dataTransfer }) => [...(clipboardData ?? dataTransfer)?.files ?? []];
for (const kind of ['paste', 'drop']) {
  document.addEventListener(kind, (event) => {
    document.body.classList.remove('dragging');
    const files = filesOf(event);
    if (files.length < 2 && !(files.length && inOwn() && !own)) return;
    event.preventDefault();
    takeOwn(files);
  }, { capture: true });
  document.addEventListener(kind, (event) => {
    const [file] = filesOf(event);
    if (event.defaultPrevented || !file) return;
    event.preventDefault();
    finder.search(file);
  });
}
document.addEventListener('dragover', (event) => {
  if (!event.dataTransfer.types.includes('Files')) return;
  event.preventDefault();
  document.body.classList.add('dragging');
  finder.preload();
});
document.addEventListener('dragleave', ({ relatedTarget }) => { if (!relatedTarget) document.body.classList.remove('dragging'); });

// ---- words and filters ----------------------------------------------------------------------------------
let typing = 0, typed = ''; // typed: the words that typing goes on to change, without a step in the history for each letter
const words = () => {
  clearTimeout(typing);
  return $('text').value.trim();
};
$('text').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const q = words();
    go({ q, like: '' }, { replace: typed !== '' && typed === state.q });
    typed = q;
  }, 250);
});
$('text').addEventListener('focus', () => finder.preload(), { once: true });
$('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const q = words();
  typed = '';
  go({ q, like: '' }, { to: true, replace: q === state.q });
});
$('filters').addEventListener('click', () =>
  $('filters').setAttribute('aria-expanded', String($('filters').getAttribute('aria-expanded') !== 'true')));
for (const id of ['group', 'price']) $(id).addEventListener('change', () => go({ q: words(), [id]: $(id).value }));

// ---- the visitor's own pictures ----------------------------------------------------------------------------
const ownFirst = () => `own-${own.files.keys().next().value}`;
let building = null;
async function takeOwn(files) {
  building?.abort();
  const { signal } = (building = new AbortController());
  const chosen = files.slice(0, most);
  clearError();
  try {
    await ready();
    say(`Reading ${many(chosen.length)} pictures …`);
    const built = await withBar('Reading your pictures', () => buildOwn(clip, chosen, { signal,
      onStep: (i, n, rest) => bar(`Reading picture ${i + 1} of ${n}${i ? `, ${rest.toFixed(0)} s left` : ''}`, i / n) }),
    () => building.abort());
    searching.abort();
    own?.catalog.close();
    for (const address of own?.pictures.values() ?? []) URL.revokeObjectURL(address);
    own = built;
    understood = { key: null };
    await go({ ...noQuery, in: 'own', photo: ownFirst() }, { to: true });
    const notes = [];
    if (files.length > most) notes.push(`Only the first ${most} of ${files.length} pictures were taken.`);
    if (built.failed.length) notes.push(`${built.failed.length} of ${chosen.length} pictures could not be read. ${built.failed[0]}`);
    if (notes.length) showError(Object.assign(new Error(notes.join(' ')), { code: 'bad-image' }));
  } catch (error) {
    if (building.signal !== signal) return; // other pictures were chosen meanwhile
    say(error.name === 'AbortError' ? 'Stopped; nothing was changed.' : 'No catalogue was built.');
    if (error.name !== 'AbortError') showError(error, () => takeOwn(files));
  }
}
$('to-shop').addEventListener('click', (event) => {
  event.preventDefault();
  if (inOwn()) go({ in: '', q: '', ...(state.photo.startsWith('own-') && { photo: '', box: '' }) });
});
$('to-own').addEventListener('click', (event) => {
  event.preventDefault();
  if (!inOwn()) go({ ...noQuery, in: 'own', photo: own ? ownFirst() : '' });
});

// ---- how it works -------------------------------------------------------------------------------------------
const showHow = (on) => {
  root.classList.toggle('how', on);
  $('how').setAttribute('aria-checked', String(on));
};
$('how').addEventListener('click', () => {
  showHow(!root.classList.contains('how'));
  looking ??= look(false); // the figures are those of a search
  try {
    localStorage.setItem('how', root.classList.contains('how') ? 'on' : 'off');
  } catch { /* storage is forbidden: it lasts as long as the page */ }
});
showHow(root.classList.contains('how'));
$('forget').addEventListener('click', async () => {
  const { cache } = await import('./kin/index.js');
  await Promise.allSettled([forget(), cache.delete()]); // what fails was never kept
  $('forget').textContent = 'Forgotten';
});
$('skip').addEventListener('click', (event) => { // its address would take the query's place
  event.preventDefault();
  results.focus();
});

// ---- start: the first sample and its hits are already on the page ------------------------------------------------
const products = { ready, catalogNow, imageOf };
onMove(({ product, query, to }) => {
  if (product) showProduct(products);
  if (query) looking = look(to);
  return looking;
});
tidyUp();
if (lookedFor(state) === lookedFor(read(''))) shown = lookedFor(state);
// Asked for by the address, by the switch, or by whoever has seen more hits than these.
if (!shown || root.classList.contains('how') || history.state?.shown) looking = look(false);
else {
  const first = await photoOf(state);
  if (!looking) {
    showPhoto(first, first.box, false);
    showChip(first.from, first.box, 'To the photo and its crop');
  }
}
if (state.product) showProduct(products);
