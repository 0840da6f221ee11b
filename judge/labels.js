// "None of these": of photos that belong to some labels 5 % may be told so in vain; how many foreign ones are? And whether
// the probabilities of multiLabel are right. All photos were kept out of training; their kinds were not.
import { load, openPack, promptsOf } from '../web/index.node.js';
import { prepare, score, statistics } from '../web/shared/labels.js';
import { embedSet } from './lib/pictures.js';
import { setNames } from './lib/shown.js';

export const name = 'Labels and "none of these"';

const rounds = 10; // of labels drawn anew

// A draw that stays the same from run to run.
function draw(list, n, seed) {
  let state = seed * 2654435761 >>> 0;
  const next = () => (state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 >>> 0) / 2 ** 32;
  const rest = [...list];
  return Array.from({ length: n }, () => rest.splice(Math.floor(next() * rest.length), 1)[0]);
}

const share = (list, test) => list.filter(test).length / list.length;
const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.floor(q * list.length)];

export async function run({ data, model, sets }) {
  const clip = await load({ model });
  try {
    const all = sets ?? Object.fromEntries(await Promise.all(setNames.map(async (set) => [set, await embedSet(clip, data, set)])));
    const held = Object.entries(all).flatMap(([set, rows]) => rows.filter(({ split }) => split !== 'train')
      .map((row) => ({ ...row, near: set === 'caltech101' })));
    const kinds = [...new Set(all.caltech101.map(({ label }) => label))].sort();
    const background = await openPack(`${model}/background.safetensors`, {});
    const { vectors, scale } = await promptsOf(clip, kinds.map((kind) => `a photo of a ${kind}`));
    const make = (labels) => {
      const pack = prepare({ ...background, scale, labels: labels.map((label) => ({ label, phrases: [label], negatives: [] })),
        phrases: labels.map((label) => vectors[kinds.indexOf(label)]) });
      return { ...pack, null: statistics(pack) };
    };
    const sums = { kinds: 0, all: 0, precision: 0, recall: 0, alarms: 0, right: 0 };
    for (let round = 0; round < rounds; round++) {
      const labels = draw(kinds, [5, 10, 20, 30, 47][round % 5], round + 1);
      const pack = make(labels);
      const told = held.map(({ vector, label, near }) => {
        const found = score(pack, vector, { none: 'none' });
        return { own: near && labels.includes(label), near, label, first: found[0].label,
          none: found.find((one) => one.label === 'none').score };
      });
      const [own, foreign] = [told.filter((one) => one.own), told.filter((one) => !one.own)];
      const bar = quantile(own.map(({ none }) => none), 0.95);
      sums.kinds += share(foreign.filter(({ near }) => near), ({ none }) => none > bar);
      sums.all += share(foreign, ({ none }) => none > bar);
      const said = told.filter(({ first }) => first === 'none');
      sums.precision += share(said, (one) => !one.own);
      sums.recall += share(foreign, ({ first }) => first === 'none');
      sums.alarms += share(own, ({ first }) => first === 'none');
      sums.right += share(own, ({ first, label }) => first === label);
    }
    const mean = (sum) => sum / rounds;
    const bins = new Map();
    for (let round = 0; round < 4 * rounds; round++) {
      const labels = draw(kinds, 5, round + 100);
      const pack = make(labels);
      for (const { vector, label } of held.filter((one) => one.near && labels.includes(one.label)))
        for (const one of score(pack, vector, { multiLabel: true })) {
          const bin = Math.min(4, Math.floor(one.score * 5));
          const { n = 0, said = 0, was = 0 } = bins.get(bin) ?? {};
          bins.set(bin, { n: n + 1, said: said + one.score, was: was + (one.label === label) });
        }
    }
    const rows = [...bins.values()];
    const total = rows.reduce((sum, { n }) => sum + n, 0);
    return { lines: [
      { what: 'none of these, at 5 % false alarms: foreign photos told so (%)', value: 100 * mean(sums.all), floor: 80 },
      { what: '… of other Caltech kinds alone, the nearest there are (%)', value: 100 * mean(sums.kinds), floor: 80 },
      { what: '… as shipped (first where its score is 1/2): recall (%)', value: 100 * mean(sums.recall) },
      { what: '… precision (%)', value: 100 * mean(sums.precision) },
      { what: '… false alarms (%)', value: 100 * mean(sums.alarms) },
      { what: '… photos of the labels, named right (%)', value: 100 * mean(sums.right) },
      { what: 'multiLabel, 5 labels, photos of theirs: mean gap between the probability and how often it was so (%)',
        value: 100 * rows.reduce((sum, { said, was }) => sum + Math.abs(said - was), 0) / total },
      ...[...bins].sort().map(([bin, { n, said, was }]) => ({ what: `… said ${(said / n).toFixed(2)} on average (${n} times): was so (%)`,
        value: 100 * was / n })),
    ] };
  } finally {
    await clip.close();
  }
}
