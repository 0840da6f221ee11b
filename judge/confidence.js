// "Nothing similar": a catalogue of clothes asked for tools, animals and food, and the reverse; in pictures, and in words.
import { load, openCatalog } from '../web/index.node.js';
import { readHeader } from '../catalog/lib/tensors.js';
import { embedSet, firstOf } from './lib/pictures.js';

export const name = 'Confidence: "nothing similar"';

const percent = (list, fits) => 100 * list.filter(fits).length / list.length;

async function openOf(clip, rows) {
  const builder = await clip.createCatalog();
  for (const [i, { vector }] of rows.entries()) await builder.add({ id: `p${i}`, vectors: [vector] });
  const bytes = await builder.save();
  return { bytes, catalog: await openCatalog(bytes, { clip, worker: false }) };
}

// The best hit of each query: { verdict, confidence }.
async function ask(catalog, queries) {
  const found = [];
  for (const query of queries) {
    const { verdict, hits: [{ confidence }] } = await catalog.search(query, { limit: 1 });
    found.push({ verdict, confidence });
  }
  return found;
}

// At the confidence that `false alarms` of the own fall below: how many of the foreign do too.
function atFalseAlarms(own, foreign, share = 0.05) {
  const bound = own.map(({ confidence }) => confidence).sort((a, b) => a - b)[Math.floor(share * own.length)];
  return percent(foreign, ({ confidence }) => confidence < bound);
}

// The largest (score - mean) / deviation of any row by its own statistics: the plain formula, to hold ours against.
function plainly(bytes, all) {
  const queries = all.filter((_, i) => i % 8 === 0); // it is slow
  const { tensors } = readHeader(bytes);
  const data = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const tensor = (name, Type) => {
    const [from, to] = tensors[name].data_offsets;
    return new Type(bytes.slice(data + from, data + to).buffer);
  };
  const [rows, scale, nulls] = [tensor('vectors', Int8Array), tensor('scale', Float32Array), tensor('null', Float32Array)];
  const dim = rows.length / scale.length;
  return queries.map(({ vector }) => {
    let confidence = -Infinity;
    for (let r = 0; r < scale.length; r++) {
      let sum = 0;
      for (let i = 0, at = r * dim; i < dim; i++) sum += vector[i] * rows[at + i];
      confidence = Math.max(confidence, (sum * scale[r] - nulls[4 * r]) / nulls[4 * r + 1]);
    }
    return { confidence };
  });
}

export async function run({ data, model }) {
  const clip = await load({ model, threads: 1 });
  try {
    const clothes = await embedSet(clip, data, 'clothing');
    const few = firstOf(6);
    const things = await embedSet(clip, data, 'caltech101', (row) => row.split === 'val' || few(row));
    const food = await embedSet(clip, data, 'grocery', (row) => row.split !== 'train');
    const of = (set, ...splits) => set.filter(({ split }) => splits.includes(split));
    const cases = [
      ['clothes', of(clothes, 'train'), of(clothes, 'val'), [...of(things, 'val'), ...of(food, 'val')], 'tools, animals and food'],
      ['tools, animals and food', [...of(things, 'train'), ...of(food, 'iconic')], [...of(things, 'val'), ...of(food, 'val')],
        of(clothes, 'val'), 'clothes'],
    ];
    const pictures = (set) => set.map(({ vector }) => ({ vector }));
    const kinds = (set) => [...new Set(set.map(({ label }) => label))].map((label) => ({ text: label }));
    const lines = [];
    for (const [what, rows, own, foreign, others] of cases) {
      const { bytes, catalog } = await openOf(clip, rows);
      const [good, bad] = [await ask(catalog, pictures(own)), await ask(catalog, pictures(foreign))];
      lines.push({ what: `${rows.length} ${what}, asked by photos of ${others}: 'none', at 5 % false alarms (%)`,
        value: atFalseAlarms(good, bad), floor: 85 });
      lines.push({ what: '… by the bound that is built in (%)', value: percent(bad, ({ verdict }) => verdict === 'none') });
      lines.push({ what: `… and ${own.length} held-out photos of ${what} that get 'none' by it (%)`,
        value: percent(good, ({ verdict }) => verdict === 'none') });
      lines.push({ what: '… and those that get \'match\' (%)', value: percent(good, ({ verdict }) => verdict === 'match') });
      lines.push({ what: '… by each row\'s own mean and deviation instead, at 5 % false alarms (%)',
        value: atFalseAlarms(plainly(bytes, own), plainly(bytes, foreign)) });
      const [said, elsewhere] = [await ask(catalog, kinds(rows)), await ask(catalog, kinds(foreign))];
      lines.push({ what: `… asked by the names of ${elsewhere.length} kinds of ${others}: 'none' (%)`,
        value: percent(elsewhere, ({ verdict }) => verdict === 'none') });
      lines.push({ what: `… by the names of its own ${said.length} kinds: 'none' (%)`,
        value: percent(said, ({ verdict }) => verdict === 'none') });
      await catalog.close();
    }
    return { lines };
  } finally {
    await clip.close();
  }
}
