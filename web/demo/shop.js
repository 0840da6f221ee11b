// The demo shop: what a shop's own page would do with kin-clip, through its public interface alone.
import { countFromNow, workerUrl } from './sent.js';
import { load, openCatalog } from './kin/index.js';
import { money, plain, safeUrl, showCards, showEmpty, titleOf } from './cards.js';
import { makeCrop } from './crop.js';
import { buildOwn, most } from './own.js';
import { $, bar, clearError, download, say, showError, withBar } from './say.js';

const results = $('results'), product = $('product');
let clip = null, shop = null, own = null; // own: { catalog, pictures } while the visitor's pictures are searched
let source = null; // the photo
let query = null, shown = null; // the last query, and the one whose hits are on the page
let searching = new AbortController();

const catalogNow = () => own?.catalog ?? shop;
const imageOf = ({ id, image }) => (own ? own.pictures.get(id) : image.url);
const many = (n) => n.toLocaleString('en');

// ---- model and catalogue: loaded once, again after a failure ---------------------------------------
function once(work) {
  let done = null;
  return () => (done ??= work().catch((error) => {
    done = null;
    throw error;
  }));
}
const ready = once(() => withBar('Loading the model', async () => {
  const loaded = clip ?? await load({ model: './model/', worker: workerUrl, onProgress: download('Loading the model') });
  clip = loaded;
  shop ??= await openCatalog('./catalog.safetensors', { clip, onProgress: download('Loading the catalogue') });
  await clip.preload('image');
}));
const readyForText = once(() => withBar('Loading the model for words', () => clip.preload('text')));

// ---- searching: the latest query wins ---------------------------------------------------------------
function filter() {
  const wanted = {};
  if ($('group').value) wanted.group = { in: [$('group').value] };
  if ($('price').value) wanted.price = { le: Number($('price').value) };
  return own || !Object.keys(wanted).length ? undefined : wanted;
}
function clearFilter() {
  $('group').value = $('price').value = '';
  results.focus();
  search(query);
}

async function search(next) {
  query = next;
  searching.abort();
  const { signal } = (searching = new AbortController());
  clearError();
  results.setAttribute('aria-busy', 'true');
  try {
    await ready();
    if (next.text !== undefined) await readyForText();
    if (signal.aborted) return;
    const { hits, total, timings } = await catalogNow().search(next, { limit: 24, filter: filter(), signal });
    if (signal.aborted) return;
    shown = next;
    const what = next.text !== undefined ? `for “${next.text.slice(0, 60)}”` : 'like your photo';
    $('results-title').textContent = own ? `Your pictures ${what}` : `Products ${what}`;
    if (hits.length) showCards(results, hits, imageOf);
    else showEmpty(results, 'Nothing in the shop passes this filter.', { text: 'Clear the filter', run: clearFilter });
    say(hits.length ? `${hits.length} of ${many(total)}. Understood in ${timings.embed.toFixed(0)} ms, ` +
      `searched in ${timings.search.toFixed(1)} ms.` : `Nothing found ${what}.`);
  } catch (error) {
    if (signal.aborted) return;
    showError(error, () => search(next));
    if (shown !== next) showEmpty(results, 'No hits, because the search did not work. Try again, or take another photo.');
    say(shown === next ? 'These hits came with the page; the search itself did not start.' : 'The search did not work.');
  } finally {
    if (searching.signal === signal) results.removeAttribute('aria-busy');
  }
}
const searchPhoto = (box) => source && search({ image: source, box, fit: 'pad' });

// ---- the photo and its crop ---------------------------------------------------------------------------
const photo = $('photo'), frame = $('frame');
const crop = makeCrop(frame, $('box'), searchPhoto);
const whole = { x: 0, y: 0, width: 1, height: 1 };

function framePhoto() {
  frame.style.setProperty('--ratio', photo.naturalWidth / photo.naturalHeight || 4 / 3);
  $('stage').classList.toggle('blank', !photo.naturalWidth);
}
photo.addEventListener('load', framePhoto);
photo.addEventListener('error', framePhoto); // a format the browser cannot show

const showSent = ({ bytes, files }) => {
  $('proof').textContent = `${many(bytes)} bytes of your photo sent; ${many(files)} ${files === 1 ? 'file' : 'files'} fetched since you chose it.`;
};

// `src`: of a sample; a file gets an address of its own.
function usePhoto(from, box, src = null) {
  source = from;
  for (const sample of document.querySelectorAll('.sample')) sample.setAttribute('aria-pressed', String(sample.dataset.src === src));
  if (photo.src.startsWith('blob:')) URL.revokeObjectURL(photo.src);
  photo.src = src ?? URL.createObjectURL(from);
  crop.reset(box);
  $('text').value = '';
  countFromNow(showSent);
  return searchPhoto(box);
}
const useFiles = (files) => (files.length > 1 ? takeOwn([...files]) : files.length && usePhoto(files[0], whole));

function onFiles(id, use) {
  $(id).addEventListener('change', ({ target }) => {
    const files = [...target.files];
    target.value = ''; // the same file may be chosen again
    if (files.length) use(files);
  });
}
onFiles('file', useFiles);
onFiles('camera', useFiles);
onFiles('own', (files) => takeOwn(files));
for (const button of document.querySelectorAll('[data-crop]')) button.addEventListener('click', () => crop.act(button.dataset.crop));
document.addEventListener('paste', ({ clipboardData }) => useFiles(clipboardData.files));
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.toggle('dragging', event.dataTransfer.types.includes('Files'));
});
document.addEventListener('dragleave', ({ relatedTarget }) => { if (!relatedTarget) document.body.classList.remove('dragging'); });
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dragging');
  useFiles(event.dataTransfer.files);
});

// Where the objects of the sample photos are, is written on their buttons.
const sampleOf = ({ dataset: { src, box } }) => {
  const [x, y, width, height] = box.split(' ').map(Number);
  return [new URL(src, document.baseURI).href, { x, y, width, height }, src];
};
for (const button of document.querySelectorAll('.sample')) button.addEventListener('click', () => usePhoto(...sampleOf(button)));

// ---- words and filters ----------------------------------------------------------------------------------
let typing = 0;
function searchText() {
  clearTimeout(typing);
  const text = $('text').value.trim();
  if (text) search({ text });
  else searchPhoto(crop.value);
}
$('text').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(searchText, 250);
});
$('search').addEventListener('submit', (event) => {
  event.preventDefault();
  searchText();
});
for (const id of ['group', 'price']) $(id).addEventListener('change', () => search(query));

// ---- the visitor's own pictures ----------------------------------------------------------------------------
function leaveOwn() {
  own?.catalog.close();
  for (const address of own?.pictures.values() ?? []) URL.revokeObjectURL(address);
  own = null;
  $('back').hidden = true;
  $('filter').hidden = false;
}

let building = null;
async function takeOwn(files) {
  building?.abort();
  const { signal } = (building = new AbortController());
  const chosen = files.slice(0, most);
  clearError();
  try {
    await ready();
    say(`Building a catalogue of ${chosen.length} pictures in this page.`);
    const built = await withBar('Reading your pictures', () => buildOwn(clip, chosen, { signal,
      onStep: (i, n, left) => bar(`Reading picture ${i + 1} of ${n}${i ? `, ${left.toFixed(0)} s left` : ''}`, i / n) }),
    () => building.abort());
    searching.abort();
    leaveOwn();
    own = built;
    $('back').hidden = false;
    $('filter').hidden = true;
    await usePhoto(built.first, whole);
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
$('back').addEventListener('click', () => {
  leaveOwn();
  $('group').focus();
  search(query);
});

// ---- a product and what is like it ---------------------------------------------------------------------------
async function showProduct(id) {
  try {
    await ready();
    const catalog = catalogNow(), item = catalog.get(id);
    if (!item) throw Object.assign(new Error('This product is not in the catalogue (any more).'), { code: 'unknown-id' });
    const { hits } = await catalog.search({ like: [id] }, { limit: 8 });
    if (catalog !== catalogNow()) return;
    $('product-title').textContent = titleOf(item, id);
    $('product-meta').textContent = plain(item.group);
    $('product-tags').textContent = plain(item.tags);
    $('product-price').textContent = money(item.price);
    const src = safeUrl(imageOf({ id, image: { url: [item.image].flat()[0] } }));
    if (src) $('product-image').src = src;
    else $('product-image').removeAttribute('src');
    if (hits.length) showCards($('similar'), hits, imageOf);
    else showEmpty($('similar'), 'Nothing else is here.');
    if (!product.open) product.showModal();
    product.scrollTop = 0;
  } catch (error) {
    showError(error, () => showProduct(id));
  }
}
function followHash() {
  const match = /^#product=(.+)$/.exec(location.hash);
  if (!match) return product.close();
  try {
    return showProduct(decodeURIComponent(match[1]));
  } catch { // a hash typed by hand
    return showProduct(match[1]);
  }
}
window.addEventListener('hashchange', followHash);
product.addEventListener('close', () => {
  if (location.hash.startsWith('#product=')) history.pushState(null, '', location.pathname + location.search);
});
product.addEventListener('click', ({ target }) => { if (target === product) product.close(); });

// ---- start: the first sample and its hits are already on the page; live ones replace them ----------------------
const [href, box] = sampleOf(document.querySelector('.sample'));
source = href;
shown = { image: source, box, fit: 'pad' };
crop.reset(box);
framePhoto();
countFromNow(showSent);
search(shown);
followHash();
