// 8: an adapter, trained in the page on products and their groups.
import { openCatalog, trainAdapter } from '../kin/index.js';
import { element } from '../cards.js';
import { bar, withBar } from '../say.js';
import { catalog, clip } from './kin.js';
import { startPanel } from './panel.js';
import { bars, hitList } from './show.js';

const percent = (share) => `${(100 * share).toFixed(1)} %`;

let learnt = null; // { before, after, bytes, seconds, shop: the catalogue under the adapter }
async function learn() {
  const start = performance.now(), stop = new AbortController();
  const found = await withBar('Learning', async () => {
    const { vectors, kinds } = await (await fetch('./learn.json')).json();
    return trainAdapter({ left: vectors, kinds }, { signal: stop.signal,
      onProgress: ({ round, progress, best }) => bar(`Learning, round ${round}: ${percent(best)}`, progress / 100) });
  }, () => stop.abort());
  const seconds = (performance.now() - start) / 1000;
  return { ...found, seconds, shop: found.bytes && await openCatalog('./catalog.safetensors', { clip: await clip(), adapter: found.bytes }) };
}

export function startAdapter() {
  const panel = startPanel('adapter', async ({ picture, signal }) => {
    if (!picture) return panel.ask({ first: true });
    const shop = await catalog();
    learnt ??= await learn();
    const { before, after, bytes, seconds, at } = learnt;
    if (!bytes) return { said: 'It was of no help, so there is none.', parts: [] };
    const rows = [];
    for (const [name, one] of [['Before', shop], ['After', learnt.shop]]) {
      const { hits } = await one.search({ id: picture.id }, { limit: 5, signal });
      rows.push(element('h3', '', `${name}: like ${picture.name.toLowerCase()}`), hitList(hits, ({ item }) => [element('span', 'note', item.group)]));
    }
    return { said: `${percent(before)} before, ${percent(after)} after`, parts: [
      element('p', 'note', `of the ${at} products nearest to one that was kept out are of its group. Learnt in ${seconds.toFixed(1)} s; the adapter has ${Math.round(bytes.length / 1000)} KB.`),
      bars([{ label: 'before', part: before, value: percent(before) }, { label: 'after', part: after, value: percent(after), strong: true }]), ...rows] };
  });
  panel.root.querySelector('[name=learn]').addEventListener('click', () => panel.ask({ first: true }));
}
