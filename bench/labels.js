// The job `labels`: 100 labels in one call of Kin, beside ORT-web int8 in batches of several sizes, padded to
// the context as CLIP's processor does and to the labels' own length as transformers.js does.
import { contender } from './browser.js';
import { enough, names, reference } from './models.js';
import { summary } from './race.js';
import { number, ratio, table } from './report.js';
import { kins } from './towers.js';

export async function labels({ browser, url }) {
  const parts = [];
  for (const model of names) {
    const { ids } = reference(model);
    const rows = [];
    const list = [...kins(model).filter(({ threads }) => threads === 1).map((kin) => ({ ...kin, cases: [[100, 0]] })),
      { name: 'ort', label: 'ORT-web int8', dtype: 'int8', threads: 1, cases: [1, 10, 50].flatMap((size) => [[size, ids[0].length], [size, 0]]) }];
    for (const { cases, ...one } of list) {
      const it = await contender(browser, url, { ...one, model, tower: 'text' });
      const cosine = await it.check();
      for (const [size, tokens] of cosine >= enough(model, 'text', one.dtype) ? cases : [])
        rows.push([`${one.label}, ${size} a call${tokens ? `, padded to ${tokens}` : ''}`, cosine,
          summary(await it.call('texts', { name: one.name, size, tokens, budget: 500 }))]);
      if (!(cosine >= enough(model, 'text', one.dtype))) parts.push(`${one.label} disagrees with PyTorch (cosine ${cosine.toFixed(4)}) and was not timed.\n`);
      await it.close();
    }
    const kin = Math.min(...rows.filter(([label]) => label.startsWith('Kin')).map(([, , { median }]) => median));
    parts.push(`### ${model}, 100 labels\n\n${table(['engine', 'cosine', 'median ms', 'best ms', 'runs', '÷ Kin'], rows.map(([label, cosine, { median, best, runs }]) =>
      [label, cosine.toFixed(5), number(median), number(best), runs, ratio(median / kin)]))}\n`);
    console.log(`\n${parts.at(-1)}`);
  }
  return parts.join('\n');
}
