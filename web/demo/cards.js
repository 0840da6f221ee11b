// Product cards. Titles, tags and addresses from a catalogue are data: they go into text nodes and
// checked attributes, never into markup.
export const safeUrl = (url) => {
  if (typeof url !== 'string') return null;
  try {
    const { protocol, href } = new URL(url, document.baseURI);
    return ['http:', 'https:', 'blob:'].includes(protocol) ? href : null;
  } catch {
    return null;
  }
};
export const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
// Fields of an item are data too: what is neither text, number nor a list of these is not shown.
export const plain = (value) => [value].flat()
  .filter((one) => ['string', 'number', 'boolean'].includes(typeof one)).join(', ');
export const titleOf = (item, id) => (plain(item.title) || id).slice(0, 200);
export const money = (price) => (typeof price === 'number' ? `€${price.toFixed(2)}` : '');

// alike(score): see likeness.js. tools/build-demo.js writes the same as text, for the first frame.
export function makeCard(hit, imageOf, alike) {
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
  const meta = element('span', 'meta'), found = alike(hit.score);
  if (typeof item.price === 'number') meta.append(element('span', 'price', money(item.price)));
  if (found) {
    const word = element('span', 'alike', found.word);
    word.dataset.level = found.level;
    meta.append(word);
  }
  meta.append(element('span', 'score', score));
  link.append(image, element('span', 'title', titleOf(item, hit.id)), meta);
  li.append(link);
  return li;
}

// What takes the cards' place while a search lasts longer than a moment.
export function showGhosts(list, count) {
  list.replaceChildren(...Array.from({ length: count }, () => {
    const li = element('li', 'card ghost');
    li.setAttribute('aria-hidden', 'true');
    return li;
  }));
}

// No hits: why, and what can be done about it.
export function showEmpty(list, text, action = null) {
  const li = element('li', 'empty');
  li.append(element('p', '', text));
  if (action) {
    const button = element('button', '', action.text);
    button.type = 'button';
    button.addEventListener('click', action.run);
    li.append(button);
  }
  list.replaceChildren(li);
}
