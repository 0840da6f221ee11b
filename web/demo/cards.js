// Product cards and the product dialog. Titles, tags and addresses from a catalogue are data: they go
// into text nodes and checked attributes, never into markup.
export const safeUrl = (url) => {
  try {
    const { protocol, href } = new URL(url, document.baseURI);
    return ['http:', 'https:', 'blob:'].includes(protocol) ? href : null;
  } catch {
    return null;
  }
};
const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
export const money = (price) => (typeof price === 'number' ? `€${price.toFixed(2)}` : '');

export function card(hit, imageOf) {
  const { item } = hit, score = hit.score.toFixed(3);
  const li = element('li', 'card');
  li.dataset.hitId = hit.id;
  li.dataset.score = score;
  const link = element('a');
  link.href = `#product=${encodeURIComponent(hit.id)}`;
  const image = element('img');
  const src = safeUrl(imageOf(hit));
  if (src) image.src = src;
  image.alt = '';
  image.width = image.height = 160;
  const meta = element('span', 'meta');
  const shown = element('span', 'score', score);
  shown.title = 'cosine similarity';
  meta.append(element('span', 'price', money(item.price)), shown);
  link.append(image, element('span', 'title', String(item.title ?? hit.id).slice(0, 200)), meta);
  li.append(link);
  return li;
}

export function showCards(list, hits, imageOf, emptyText) {
  list.replaceChildren(...hits.map((hit) => card(hit, imageOf)));
  if (!hits.length) list.append(element('li', 'empty', emptyText));
}
