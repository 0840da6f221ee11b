// The page that `kin-clip serve` shows for a folder with a catalogue and no page of its own: a photo or words in,
// hits out. Titles and addresses of a catalogue are data: they go into text nodes and checked attributes alone.
import { load, openCatalog } from '../index.js';

const $ = (id) => document.getElementById(id);
const page = 24; // hits shown at once
const many = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

const plain = (value) => (['string', 'number', 'boolean'].includes(typeof value) ? String(value).slice(0, 200) : '');
function address(url) {
  if (typeof url !== 'string' || !url) return null;
  try {
    const { protocol, href } = new URL(url, document.baseURI);
    return ['http:', 'https:'].includes(protocol) ? href : null;
  } catch {
    return null;
  }
}

function element(name, className, text = '') {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function card({ id, item, image, score }) {
  const li = element('li', 'hit');
  li.dataset.id = id;
  li.dataset.score = score;
  const title = plain(item.title) || id, href = address(item.url);
  const product = element(href ? 'a' : 'div', 'product');
  if (href) product.href = href;
  const src = address(image.url), picture = element('img', '');
  picture.alt = '';
  picture.loading = 'lazy';
  picture.addEventListener('error', () => picture.removeAttribute('src'));
  if (src) picture.src = src;
  const fields = Object.entries(item).filter(([name]) => !['id', 'title', 'url', 'image'].includes(name))
    .map(([name, value]) => [name, [value].flat().map(plain).filter(Boolean).join(', ')]).filter(([, text]) => text);
  product.append(picture, element('span', 'title', title),
    element('span', 'fields', fields.slice(0, 4).map((pair) => pair.join(' ')).join(' · ')));
  const like = element('button', '', 'More like this');
  like.type = 'button';
  like.setAttribute('aria-label', `More like this: ${title}`);
  like.addEventListener('click', () => {
    $('photo').hidden = true;
    $('text').value = '';
    search({ like: [id] }, `like ${title}`);
  });
  li.append(product, like);
  return li;
}

// ---- the model and the catalogue: loaded once, again after a failure --------------------------------------------
const silent = 'Loading: nothing comes at the moment, still waiting …';
const bar = ({ progress, status }) => {
  if (status === 'stalled') $('status').textContent = silent;
  else if ($('status').textContent === silent) $('status').textContent = 'Loading …';
  $('progress').value = progress || 0;
  $('progress').hidden = status === 'done';
};
let opened = null;
const open = () => (opened ??= (async () => {
  const { catalog: file, name, ...options } = await (await fetch('~kin/shop.json')).json();
  const clip = await load({ ...options, onProgress: bar });
  const catalog = await openCatalog(file, { clip, onProgress: bar });
  $('about').textContent = `${many(catalog.info.products, 'product')} of ${name}. The photo stays on this device.`;
  await clip.preload('image');
  return catalog;
})().catch((error) => {
  opened = null;
  throw error;
}).finally(() => { $('progress').hidden = true; }));

// ---- searching: the latest query wins ----------------------------------------------------------------------------
let searching = new AbortController();
let shown = 0;

// The focus stays in the list when the card that had it goes.
function show(cards) {
  const held = $('hits').contains(document.activeElement);
  $('hits').replaceChildren(...cards);
  if (held) $('hits').focus({ preventScroll: true });
}
function fail(error) {
  $('error').textContent = error.message;
  $('error').hidden = false;
}

// `what` ends the sentence "12 of 300 products …"; with `on` the next hits are added to those shown.
async function search(query, what, on = false) {
  searching.abort();
  const { signal } = (searching = new AbortController());
  $('error').hidden = true;
  $('hits').setAttribute('aria-busy', 'true');
  try {
    const catalog = await open();
    if (signal.aborted) return;
    const { hits, total, verdict } = await catalog.search(query, { limit: page, offset: on ? shown : 0, signal });
    if (signal.aborted) return;
    const cards = hits.map(card);
    if (on) $('hits').append(...cards);
    else show(cards);
    shown = $('hits').children.length;
    const found = `${shown} of ${many(total, 'product')}, ${what}`;
    $('status').textContent = !shown ? `Nothing was found ${what}` : verdict === 'none' && !on ? `Nothing similar. The nearest: ${found}` : found;
    $('more').hidden = shown >= total || !hits.length;
    $('more').onclick = () => search(query, what, true);
    if (on) cards[0]?.querySelector('a, button').focus();
    else if ($('found').getBoundingClientRect().top > innerHeight / 2 || scrollY > $('found').offsetTop) $('found').scrollIntoView();
  } catch (error) {
    if (signal.aborted) return;
    if (!on) { // these were of another search
      show([]);
      $('more').hidden = true;
    }
    $('status').textContent = 'The search did not work.';
    fail(error);
  } finally {
    if (searching.signal === signal) $('hits').removeAttribute('aria-busy');
  }
}

function searchPhoto(file) {
  if (!file) return;
  const photo = $('photo');
  if (photo.src) URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  photo.hidden = false;
  $('text').value = '';
  search({ image: file }, 'like your photo');
}

$('file').addEventListener('change', ({ target }) => {
  const [file] = target.files;
  target.value = ''; // the same file may be chosen again
  searchPhoto(file);
});
$('photo').addEventListener('error', () => { $('photo').hidden = true; }); // a format that the browser cannot show
document.addEventListener('paste', ({ clipboardData }) => searchPhoto(clipboardData.files[0]));
document.addEventListener('dragover', (event) => {
  if (!event.dataTransfer.types.includes('Files')) return; // text goes into the field
  event.preventDefault();
  document.body.classList.add('dragging');
});
document.addEventListener('dragleave', ({ relatedTarget }) => { if (!relatedTarget) document.body.classList.remove('dragging'); });
document.addEventListener('drop', (event) => {
  document.body.classList.remove('dragging');
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  searchPhoto(event.dataTransfer.files[0]);
});
$('words').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (!text) return $('text').focus();
  $('photo').hidden = true;
  return search({ text }, `for “${text.slice(0, 60)}”`);
});

open().then(() => { if (!shown && !$('hits').ariaBusy) $('status').textContent = 'Choose a photo, or say what you look for.'; },
  (error) => {
    $('status').textContent = 'The page did not load.';
    fail(error);
  });
