// The demo shop: what a shop's own page would do with kin-clip, through its public interface alone.
import { bytesSent } from './sent.js';
import { load, openCatalog } from './kin/index.js';
import { makeCrop } from './crop.js';
import { money, safeUrl, showCards } from './cards.js';

const $ = (id) => document.getElementById(id);
const results = $('results');
const state = { clip: null, shop: null, catalog: null, source: null, query: null, searching: null, pictures: new Map() };

// ---- words for people ----------------------------------------------------------------------------
function showError(error) {
  if (error?.name === 'AbortError') return;
  $('error').textContent = error?.message ?? String(error);
  $('error').hidden = false;
}
const clearError = () => { $('error').hidden = true; };

function progressBar(text, fraction) {
  $('loading').hidden = fraction === null;
  $('loading-text').textContent = text;
  if (fraction !== null) $('progress').value = Math.round(fraction * 100);
}
let loadingNow = false; // late messages of a finished download are passed over
const onProgress = (what) => ({ loaded, total }) => loadingNow &&
  progressBar(`${what}: ${(loaded / 1e6).toFixed(1)} MB${total ? ` of ${(total / 1e6).toFixed(1)} MB` : ''}`, total ? loaded / total : 0);

// ---- model and catalogue -------------------------------------------------------------------------
let opening = null;
function ready() {
  opening ??= (async () => {
    loadingNow = true;
    progressBar('Loading the model', 0);
    state.clip = await load({ model: './model/', onProgress: onProgress('Loading the model') });
    state.shop = await openCatalog('./catalog.safetensors', { clip: state.clip, onProgress: onProgress('Loading the catalogue') });
    state.catalog ??= state.shop;
    fillGroups();
    await state.clip.preload('image');
    loadingNow = false;
    progressBar('', null);
  })().catch((error) => {
    opening = null; // the next attempt starts afresh
    loadingNow = false;
    progressBar('', null);
    throw error;
  });
  return opening;
}

const groups = ['Activities', 'Animals & nature', 'Flags', 'Food & drink', 'Objects', 'People & body',
  'Smileys & emotion', 'Symbols', 'Travel & places'];
function fillGroups() {
  if ($('group').options.length === 1) for (const group of groups) $('group').append(new Option(group, group));
}

const filter = () => {
  if (state.catalog !== state.shop) return undefined;
  const wanted = {};
  if ($('group').value) wanted.group = { in: [$('group').value] };
  if ($('price').value) wanted.price = { lt: Number($('price').value) };
  return Object.keys(wanted).length ? wanted : undefined;
};

const imageOf = (hit) => (state.catalog === state.shop ? hit.image.url ?? hit.item.image : state.pictures.get(hit.id));

// ---- searching: the latest query wins ------------------------------------------------------------
async function search(query) {
  state.query = query;
  state.searching?.abort();
  const { signal } = (state.searching = new AbortController());
  clearError();
  results.setAttribute('aria-busy', 'true');
  try {
    await ready();
    signal.throwIfAborted();
    const found = await state.catalog.search(query, { limit: 24, filter: filter(), signal });
    showCards(results, found.hits, imageOf, 'Nothing here passes the filter. Choose another group or price.');
    const { embed, search: scan } = found.timings;
    const what = query.text !== undefined ? `for “${query.text}”` : 'like your photo';
    $('results-title').textContent = query.text !== undefined ? 'Products in words' : 'Similar products';
    $('status').textContent = found.hits.length
      ? `${found.hits.length} of ${found.total} ${what}. Understood in ${embed.toFixed(0)} ms, searched in ${scan.toFixed(1)} ms.`
      : `Nothing found ${what}.`;
    $('proof').textContent = `${bytesSent()} bytes of your photo sent.`;
  } catch (error) {
    if (!signal.aborted) {
      showError(error);
      $('status').textContent = 'The search did not work.';
    }
  } finally {
    if (state.searching.signal === signal) results.removeAttribute('aria-busy');
  }
}

const searchPhoto = (box) => state.source && search({ image: state.source, box, fit: 'pad' });
const crop = makeCrop($('stage'), $('box'), searchPhoto);

// ---- photos ---------------------------------------------------------------------------------------
let shownUrl = null;
async function usePhoto(source, box, src) {
  state.source = source;
  for (const sample of document.querySelectorAll('.sample')) sample.setAttribute('aria-pressed', String(sample.dataset.src === src));
  if (shownUrl) URL.revokeObjectURL(shownUrl);
  shownUrl = src ? null : URL.createObjectURL(source);
  const photo = $('photo');
  photo.src = src ?? shownUrl;
  crop.reset(box);
  $('text').value = '';
  await searchPhoto(box);
}

const whole = { x: 0, y: 0, width: 1, height: 1 };
function useFiles(files) {
  const pictures = [...files].filter((file) => file.type.startsWith('image/') || /\.(jpe?g|png|webp|heic|gif|avif)$/i.test(file.name));
  if (pictures.length > 1) return buildOwn(pictures);
  if (files.length) return usePhoto(pictures[0] ?? files[0], whole);
  return undefined;
}

const samples = fetch('./samples/samples.json').then((answer) => answer.json());
samples.catch(() => {}); // said where a sample is used
for (const button of document.querySelectorAll('.sample')) {
  button.dataset.src = button.firstElementChild.getAttribute('src');
  button.addEventListener('click', async () => {
    try {
      const { src, box } = (await samples)[button.dataset.sample];
      await usePhoto(new URL(src, document.baseURI).href, box, src);
    } catch (error) {
      showError(error);
    }
  });
}
for (const id of ['file', 'camera']) $(id).addEventListener('change', ({ target }) => { useFiles(target.files); target.value = ''; });
for (const button of document.querySelectorAll('[data-crop]')) button.addEventListener('click', () => crop.act(button.dataset.crop));
document.addEventListener('paste', ({ clipboardData }) => { if (clipboardData.files.length) useFiles(clipboardData.files); });
document.addEventListener('dragover', (event) => { event.preventDefault(); document.body.classList.add('dragging'); });
document.addEventListener('dragleave', ({ relatedTarget }) => { if (!relatedTarget) document.body.classList.remove('dragging'); });
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dragging');
  useFiles(event.dataTransfer.files);
});

// ---- words and filters -----------------------------------------------------------------------------
let typing = 0;
const searchText = () => {
  const text = $('text').value.trim();
  if (text) search({ text });
  else if (state.source) searchPhoto(crop.value);
};
$('text').addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(searchText, 250); });
$('search').addEventListener('submit', (event) => { event.preventDefault(); clearTimeout(typing); searchText(); });
for (const id of ['group', 'price']) $(id).addEventListener('change', () => search(state.query ?? { text: 'something nice' }));

// ---- one's own pictures ----------------------------------------------------------------------------
async function buildOwn(files) {
  const chosen = files.slice(0, 200), failed = [];
  clearError();
  try {
    await ready();
    const building = await state.clip.createCatalog({ fields: [] });
    for (const url of state.pictures.values()) URL.revokeObjectURL(url);
    state.pictures.clear();
    const start = performance.now();
    for (const [i, file] of chosen.entries()) {
      const left = i ? (performance.now() - start) / i * (chosen.length - i) / 1000 : 0;
      progressBar(`Reading ${i + 1} of ${chosen.length} pictures, ${left.toFixed(0)} s left`, i / chosen.length);
      const id = `${i + 1}`;
      try {
        await building.add({ id, images: [file], item: { title: file.name } });
        state.pictures.set(id, URL.createObjectURL(file));
      } catch (error) {
        failed.push(`${file.name}: ${error.message}`);
      }
    }
    const own = await openCatalog(await building.save(), { clip: state.clip });
    if (state.catalog !== state.shop) state.catalog.close();
    state.catalog = own;
    $('back').hidden = false;
    $('filter').hidden = true;
    if (failed.length) showError(new Error(`${failed.length} of ${chosen.length} pictures could not be read. ${failed[0]}`));
    const first = chosen.find((_, i) => state.pictures.has(`${i + 1}`));
    progressBar('', null);
    const said = $('error').textContent, wrong = failed.length > 0;
    await usePhoto(first, whole);
    if (wrong) { $('error').textContent = said; $('error').hidden = false; }
  } catch (error) {
    progressBar('', null);
    showError(error);
  }
}
$('own').addEventListener('change', ({ target }) => { const files = [...target.files]; target.value = ''; if (files.length) buildOwn(files); });
$('back').addEventListener('click', () => {
  if (state.catalog !== state.shop) state.catalog.close();
  state.catalog = state.shop;
  $('back').hidden = true;
  $('filter').hidden = false;
  search(state.query);
});

// ---- a product and what is like it ------------------------------------------------------------------
async function showProduct(id) {
  try {
    await ready();
    const item = state.catalog.get(id);
    if (!item) throw new Error('This product is not in the catalogue (any more).');
    $('product-title').textContent = item.title ?? id;
    $('product-meta').textContent = item.group ?? '';
    $('product-tags').textContent = (item.tags ?? []).join(', ');
    $('product-price').textContent = money(item.price);
    const src = safeUrl(state.catalog === state.shop ? [item.image].flat()[0] : state.pictures.get(id));
    if (src) $('product-image').src = src;
    const { hits } = await state.catalog.search({ like: [id] }, { limit: 8 });
    showCards($('similar'), hits, imageOf, 'Nothing else is here.');
    if (!$('product').open) $('product').showModal();
    $('product').scrollTop = 0;
  } catch (error) {
    showError(error);
  }
}
function followHash() {
  const match = /^#product=(.+)$/.exec(location.hash);
  if (!match) {
    if ($('product').open) $('product').close();
    return;
  }
  let id = match[1];
  try { id = decodeURIComponent(id); } catch { /* a hash typed by hand */ }
  showProduct(id);
}
window.addEventListener('hashchange', followHash);
$('product').addEventListener('close', () => { if (location.hash.startsWith('#product=')) history.pushState(null, '', location.pathname + location.search); });
$('product').addEventListener('click', ({ target }) => { if (target === $('product')) $('product').close(); });

// ---- start: the first sample is already on the page --------------------------------------------------
samples.then(([first]) => {
  crop.reset(first.box);
  document.querySelector('.sample').setAttribute('aria-pressed', 'true');
  state.source ??= new URL(first.src, document.baseURI).href;
  state.query ??= { image: state.source, box: first.box, fit: 'pad' };
  return ready().then(() => { if (!state.searching) search(state.query); });
}).catch(showError);
followHash();
