// 5: a query mixed of a picture and words.
import { element } from '../cards.js';
import { catalog, clip, clipWithWords } from './kin.js';
import { startPanel } from './panel.js';
import { hitList } from './show.js';

const id = (name) => document.getElementById(`blend-${name}`);
const sliders = ['picture', 'more-weight', 'less-weight', 'diversity'];
// [picture, more, less, diversity]
const presets = { plain: [1, 0, 0, 0], green: [1, 1.5, 0, 0], less: [1, 0, -1, 0], other: [1, 0, 0, 0.3] };

function showValues() {
  for (const name of sliders) id(name).nextElementSibling.textContent = Number(id(name).value).toFixed(1).replace('-', '−').replace('.0', '');
}
const signed = (value) => `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

// A product is asked for by its id, which leaves itself out of the hits; of another picture the vector is kept, since sliders
// need no other.
let kept = { from: null, vector: null };
async function partOf({ id, from, options }, signal) {
  if (id) return { id };
  if (kept.from !== from) kept = { from, vector: await (await clip()).embedImage(from, { ...options, signal }) };
  return { vector: kept.vector };
}

export function startBlend() {
  const panel = startPanel('blend', async ({ picture, signal }) => {
    const value = (name) => Number(id(name).value);
    const parts = [{ name: 'picture', weight: value('picture') }, ...['more', 'less'].map((name) =>
      ({ name: id(name).value.trim(), text: id(name).value.trim(), weight: value(`${name}-weight`) }))]
      .filter(({ name, weight }) => name && weight);
    if (!parts.length) return { said: 'Give something a weight.', parts: [] };
    if (parts.some(({ text }) => text)) await clipWithWords();
    const shop = await catalog();
    const mix = [];
    for (const { text, weight } of parts) mix.push({ ...(text ? { text } : await partOf(picture, signal)), weight });
    const group = id('group').value;
    const { hits, facets, total } = await shop.search({ mix }, { limit: 12, diversity: value('diversity'), facets: ['group'], signal,
      ...(group && { filter: { group } }) });
    if (!group) id('group').replaceChildren(new Option(`All groups (${total})`, ''), ...facets.group.map((one) => new Option(`${one.value} (${one.count})`, one.value)));
    return { said: `Most alike: ${hits.slice(0, 3).map(({ item }) => item.title).join(', ')}`,
      parts: [hitList(hits, ({ contributions }) => {
        const list = element('ul', 'gave');
        list.append(...parts.map(({ name }, i) => element('li', `part-${i}`, `${name} ${signed(contributions[i])}`)));
        return [list];
      })] };
  });
  const ask = () => panel.ask({ first: true });
  let soon = 0;
  for (const name of sliders) id(name).addEventListener('input', () => {
    showValues();
    clearTimeout(soon);
    soon = setTimeout(ask, 120);
  });
  for (const name of ['more', 'less', 'group']) id(name).addEventListener('change', ask);
  panel.root.querySelector('form').addEventListener('submit', (event) => {
    event.preventDefault();
    ask();
  });
  for (const button of panel.root.querySelectorAll('[data-blend]'))
    button.addEventListener('click', () => {
      presets[button.dataset.blend].forEach((value, i) => { id(sliders[i]).value = value; });
      showValues();
      ask();
    });
  showValues();
}
