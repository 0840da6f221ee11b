// Adapters trained on one part of a shop, measured on what was kept out, by catalogues under them: products of the same type
// nearer; photos that find their clean picture; clothes of the same kind. One that trainAdapter refuses is not used.
import { createHash } from 'node:crypto';
import { load, openCatalog, trainAdapter } from '../web/index.node.js';
import { embedSet } from './lib/pictures.js';

export const name = 'Adapters';

const heldOut = ({ file }) => createHash('sha256').update(file).digest()[0] < 64; // a quarter
const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
const vectorsOf = (rows) => rows.map(({ vector }) => vector);

// What `ask(catalog)` gives of a catalogue of these rows, as it is and under the adapter.
async function beforeAndAfter(clip, rows, { bytes }, ask) {
  const builder = await clip.createCatalog();
  for (const [i, { vector }] of rows.entries()) await builder.add({ id: String(i), vectors: [vector] });
  const file = await builder.save();
  const values = [];
  for (const adapter of [undefined, bytes]) {
    if (adapter === null) values.push(values[0]);
    else {
      const catalog = await openCatalog(file, { adapter });
      values.push(100 * await ask(catalog));
      await catalog.close();
    }
  }
  return values;
}

// The share of the same kind among the ten most like each.
const alike = (rows, kindOf) => async (catalog) => {
  const shares = [];
  for (const [i, row] of rows.entries()) {
    const { hits } = await catalog.search({ id: String(i) }, { limit: 10 });
    shares.push(mean(hits.map(({ id }) => (kindOf(rows[id]) === kindOf(row) ? 1 : 0))));
  }
  return mean(shares);
};

async function train(clip, examples) {
  const made = await trainAdapter(examples, { imageId: await clip.identify('image') });
  return { ...made, said: `${examples.left.length} examples, ` +
    (made.bytes ? `${made.rounds} rounds, ${(made.bytes.length / 1e3).toFixed(0)} KB` : 'refused: of no help to those that it held out itself') };
}

function linesOf(what, [was, is], { said }, gain) {
  return [{ what, value: was }, { what: `… with an adapter (${said})`, value: is, ...gain === undefined && { floor: `≥ ${(Math.floor(10 * was) / 10).toFixed(1)}` } },
    ...gain === undefined ? [] : [{ what: '… gained (points)', value: is - was, ...gain && { floor: gain } }]];
}

export async function run({ data, model }) {
  const clip = await load({ model, threads: 1 });
  try {
    const shop = await embedSet(clip, data, 'shop');
    const food = await embedSet(clip, data, 'grocery');
    const clothes = await embedSet(clip, data, 'clothing');
    const of = (set, split) => set.filter((row) => row.split === split);
    const lines = [];

    const [seen, kept] = [shop.filter((row) => !heldOut(row)), shop.filter(heldOut)];
    const byType = await train(clip, { left: vectorsOf(seen), kinds: seen.map(({ type }) => type) });
    lines.push(...linesOf(`${kept.length} products of a shop that were kept out: of the same type among the ten most like each (%)`,
      await beforeAndAfter(clip, kept, byType, alike(kept, ({ type }) => type)), byType, 5));

    const iconic = of(food, 'iconic'), photos = of(food, 'val');
    const clean = new Map(iconic.map((row) => [row.label, row.vector]));
    const taken = of(food, 'train').filter(({ label }) => clean.has(label));
    const byPair = await train(clip, { left: vectorsOf(taken), right: taken.map(({ label }) => clean.get(label)) });
    const first = async (catalog) => {
      const found = [];
      for (const { vector, label } of photos)
        found.push(iconic[(await catalog.search({ vector }, { limit: 1 })).hits[0].id].label === label ? 1 : 0);
      return mean(found);
    };
    lines.push(...linesOf(`${photos.length} photos of groceries from other shops: the clean picture first among ${iconic.length} (%)`,
      await beforeAndAfter(clip, iconic, byPair, first), byPair));

    const worn = of(clothes, 'train'), others = of(clothes, 'val');
    const byKind = await train(clip, { left: vectorsOf(worn), kinds: worn.map(({ label }) => label) });
    lines.push(...linesOf(`${others.length} photos of clothes by other people: of the same kind among the ten most like each (%)`,
      await beforeAndAfter(clip, others, byKind, alike(others, ({ label }) => label)), byKind, 0));
    return { lines };
  } finally {
    await clip.close();
  }
}
