// Blended queries: whether "- red" moves red things down, and what diversity costs and gives.
import { load, openCatalog } from '../web/index.node.js';
import { embedSet, firstOf } from './lib/pictures.js';

export const name = 'Blended queries and diversity';

const near = 0.9; // cosine from which two pictures count as near-duplicates
const diversity = 0.3;
const worn = ['Tshirts', 'Shirts', 'Tops', 'Casual Shoes', 'Handbags']; // kinds that come in every colour

async function openOf(clip, rows) {
  const builder = await clip.createCatalog();
  for (const [i, { vector }] of rows.entries()) await builder.add({ id: String(i), vectors: [vector] });
  return openCatalog(await builder.save(), { clip, worker: false });
}

const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

// The share of red among the ten best for products that are red.
async function redAmongTen(clip, rows) {
  const catalog = await openOf(clip, rows);
  const asked = rows.map((row, i) => ({ ...row, i })).filter(({ colour }) => colour === 'Red').slice(0, 150);
  const words = await clip.embedText('a red thing');
  const share = async (queryOf) => {
    const shares = [];
    for (const { i } of asked) {
      const { hits } = await catalog.search(queryOf(String(i)), { limit: 10 });
      shares.push(100 * mean(hits.map(({ id }) => (rows[id].colour === 'Red' ? 1 : 0))));
    }
    return mean(shares);
  };
  const without = (weight) => share((id) => ({ mix: [{ id }, { vector: words, weight }] }));
  const [like, less, least] = [await share((id) => ({ id })), await without(-1), await without(-3)];
  await catalog.close();
  return [
    { what: `${asked.length} red products of ${rows.length}: red among the ten most like it (%)`, value: like },
    { what: '… with "a red thing" at weight -1 (%)', value: less, floor: `≤ ${(like / 2).toFixed(1)}` },
    { what: '… at weight -3 (%)', value: least },
  ];
}

async function withDiversity(clip, what, rows, queries) {
  const catalog = await openOf(clip, rows);
  const measure = async (options) => {
    let [found, same, twins] = [0, 0, 0];
    for (const { vector, label } of queries) {
      const { hits } = await catalog.search({ vector }, { limit: 10, ...options });
      const list = hits.map(({ id }) => rows[id]);
      const right = list.filter((row) => row.label === label).length;
      found += right > 0;
      same += right / 10;
      twins += list.filter((row, i) => list.slice(0, i).some((other) => dot(row.vector, other.vector) >= near)).length;
    }
    return [found, same, twins].map((sum) => sum / queries.length);
  };
  const [plain, diverse] = [await measure({}), await measure({ diversity })];
  await catalog.close();
  return [
    { what: `${queries.length} held-out photos among ${rows.length} ${what}: one of its kind among ten (recall@10, %)`, value: 100 * plain[0] },
    { what: `… with diversity ${diversity}, of that (%)`, value: 100 * diverse[0] / plain[0], floor: 95 },
    { what: `… near-duplicates (cosine ≥ ${near} to one before) among ten`, value: plain[2].toFixed(2) },
    { what: '… with diversity, of that (%)', value: 100 * diverse[2] / plain[2], floor: '≤ 50' },
    { what: '… of its kind among ten, without and with (%)', value: `${(100 * plain[1]).toFixed(1)} · ${(100 * diverse[1]).toFixed(1)}` },
  ];
}

export async function run({ data, model }) {
  const clip = await load({ model, threads: 1 });
  try {
    const clothes = await embedSet(clip, data, 'clothing');
    const few = firstOf(4);
    const food = await embedSet(clip, data, 'grocery', (row) => row.split !== 'train' || few(row));
    const some = firstOf(300, 'type'); // 1,500: of fewer, so few are red that one of them makes half a point
    const shop = await embedSet(clip, data, 'shop', (row) => worn.includes(row.type) && some(row));
    const of = (set, ...splits) => set.filter(({ split }) => splits.includes(split));
    return { lines: [...await redAmongTen(clip, shop),
      ...await withDiversity(clip, 'clothes', of(clothes, 'train'), of(clothes, 'val').filter((_, i) => i % 4 === 0)),
      ...await withDiversity(clip, 'groceries', of(food, 'train', 'iconic'), of(food, 'val'))] };
  } finally {
    await clip.close();
  }
}
