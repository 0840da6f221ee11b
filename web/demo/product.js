// A product in its dialog, and what is like it.
import { makeCard, money, plain, safeUrl, showEmpty, titleOf } from './cards.js';
import { read } from './address.js';
import { likeness, ordinary } from './likeness.js';
import { $, showError } from './say.js';
import { go, inOwn, leaveProduct, noQuery, openProduct, state } from './where.js';

const dialog = $('product');

// What the address says. shop: { ready, catalogNow, imageOf } of shop.js
export async function showProduct(shop) {
  const { product: id } = state, { ready, catalogNow, imageOf } = shop;
  if (!id) return dialog.close();
  try {
    await ready();
    const catalog = catalogNow(), item = catalog?.get(id);
    if (!item) throw Object.assign(new Error('This product is not in the catalogue (any more).'), { code: 'unknown-id' });
    const query = { like: [id] }, usual = await ordinary(catalog, query);
    const { hits } = await catalog.search(query, { limit: 8 });
    if (state.product !== id || catalog !== catalogNow()) return undefined;
    $('product-title').textContent = titleOf(item, id);
    $('product-meta').textContent = plain(item.group);
    $('product-tags').textContent = plain(item.tags);
    $('product-price').textContent = money(item.price);
    const src = safeUrl(imageOf({ id, image: { url: [item.image].flat()[0] } }));
    if (src) $('product-image').src = src;
    else $('product-image').removeAttribute('src');
    if (hits.length) $('similar').replaceChildren(...hits.map((hit) => makeCard(hit, imageOf, (score) => likeness(score, usual, 'photo'))));
    else showEmpty($('similar'), 'Nothing else is here.');
    $('like').hidden = !hits.length;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  } catch (error) {
    showError(error, () => showProduct(shop));
  }
  return undefined;
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="#product="]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  openProduct(read(link.hash).product);
});
dialog.addEventListener('close', leaveProduct);
dialog.addEventListener('click', ({ target }) => { if (target === dialog) dialog.close(); });
$('like').addEventListener('click', () => {
  const { product: id } = state;
  go(inOwn() ? { ...noQuery, photo: `own-${id}` } : { like: id, q: '', product: '' }, { to: true });
});
