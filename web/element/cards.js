// Hits as cards: the element's own, or the page's by renderHit or a <template>. What a catalogue says is data: it goes into
// text nodes and checked attributes, never into markup. Cards of the page's lie in its own document, where its styles
// reach them, and are shown through slots.
import { schemeOf } from '../shared/addresses.js';
import { amount, plain } from './texts.js';

export const safe = (address, schemes) => (typeof address === 'string' && address && schemes.includes(schemeOf(address, document.baseURI))
  ? new URL(address, document.baseURI).href : null);
export const pictures = ['http:', 'https:', 'blob:', 'data:'];

// What a card may show of a hit: { title, href, src, match, text(field) }; null where there is none.
function factsOf(hit, { words, language, currency }) {
  const { item } = hit;
  const text = (field) => (typeof item[field] === 'number' ? amount(item[field], field, currency, language) : plain(item[field])) || null;
  return { title: plain(item.title).slice(0, 200) || hit.id, href: safe(item.url, ['http:', 'https:']), src: safe(hit.image.url, pictures),
    match: hit.confidence >= 0.95 ? words.very : null, text };
}

// <template>: data-kin-text="price" fills an element with a field (or title, match), data-kin-src="image" an image,
// data-kin-href="url" a link. What a hit has not is left out. Frameworks put children of a template beside its content.
const setters = {
  text: (node, value) => { node.textContent = value; },
  alt: (node, value) => { node.alt = value; },
  src: (node, value) => { node.src = value; },
  href: (node, value) => { node.href = value; },
};
function filled(template, facts) {
  const from = template.content.childNodes.length ? template.content : template;
  const made = document.createDocumentFragment();
  made.append(...[...from.childNodes].map((node) => document.importNode(node, true)));
  for (const node of made.querySelectorAll('*'))
    for (const [kind, set] of Object.entries(setters)) {
      const field = node.getAttribute(`data-kin-${kind}`);
      if (field === null) continue;
      const value = kind === 'src' ? facts.src : kind === 'href' ? facts.href : ['title', 'match'].includes(field) ? facts[field] : facts.text(field);
      if (value !== null) set(node, value);
      else if (kind !== 'href') node.hidden = true;
    }
  return made;
}

// The page's card, or null: there is none, or it failed.
function ownCard(element, hit, facts) {
  try {
    const made = element.renderHit?.(hit, facts);
    if (typeof made === 'string' || made instanceof Node) return made;
    const template = element.querySelector(':scope > template');
    return template && filled(template, facts);
  } catch (error) {
    element.failed(error);
    return null;
  }
}

function plainCard(make, facts, fields) {
  const card = make(facts.href ? 'a' : 'button', 'card');
  if (facts.href) card.href = facts.href;
  else card.type = 'button';
  const picture = make('img', 'picture');
  picture.alt = '';
  picture.width = picture.height = 160;
  picture.loading = 'lazy';
  picture.addEventListener('error', () => picture.removeAttribute('src'));
  if (facts.src) picture.src = facts.src;
  card.append(picture, make('span', 'title', facts.title));
  for (const field of fields) {
    const text = facts.text(field);
    if (text) card.append(make('span', field === 'price' ? 'price' : 'field', text));
  }
  if (facts.match) card.append(make('span', 'match', facts.match));
  return card;
}

// -> { li, holder: what lies in the page's document, or null }. `chosen(hit)` -> whether the page prevented the link.
export function makeCard(hit, { element, make, how, chosen }) {
  const facts = factsOf(hit, how), own = ownCard(element, hit, facts);
  const li = make('li', 'hit');
  let holder = null;
  if (own) {
    holder = document.createElement('div');
    holder.slot = `kin-${hit.position}`;
    holder.append(own);
    element.append(holder);
    li.append(Object.assign(document.createElement('slot'), { name: holder.slot }));
  } else li.append(plainCard(make, facts, how.fields));
  li.addEventListener('click', (event) => {
    const path = event.composedPath(), pressed = path.slice(0, path.indexOf(li)).some((node) => node.matches?.('a[href], .card, [data-kin-choose]'));
    if (pressed && chosen(hit)) event.preventDefault();
  });
  return { li, holder };
}
