// labels/alt.yaml on photos that were kept out of training, and on the half of them that its thresholds were not chosen by: of
// the drafts that say a kind of part, how many say it right, and how many do not say it.
import { fileURLToPath } from 'node:url';
import { execFileSync } from 'node:child_process';
import { load, openCatalog, openPack } from '../web/index.node.js';
import { bestOf, hintsOf, partsOf } from '../web/shared/draft.js';
import { objectsOf, partsShown, splitOf } from './lib/named.js';
import { embedSet } from './lib/pictures.js';

export const name = 'Alternative text';

const root = fileURLToPath(new URL('../', import.meta.url));
const floors = { object: [80, '≤ 30'], colour: [65] };
const said = { object: 'name an object', colour: 'name a colour', material: 'name a material', pattern: 'name a pattern', setting: 'name what it lies on' };

// Clothes of other photographers as a catalogue, each titled as the pack calls its kind: how much a hint of the nearest helps to name the object.
async function hinted(clip, pack, data) {
  const rows = await embedSet(clip, data, 'clothing');
  const builder = await clip.createCatalog();
  const known = rows.filter(({ split }) => split === 'train');
  for (const [i, row] of known.entries())
    await builder.add({ id: String(i), vectors: [row.vector], item: { title: objectsOf('clothing', row)[0] } });
  const catalog = await openCatalog(await builder.save(), { worker: false });
  const asked = rows.filter(({ split, file }) => split === 'val' && splitOf(file) === 'judge');
  const counts = { alone: [0, 0, 0], hint: [0, 0, 0] };
  for (const row of asked) {
    const { hits, verdict } = await catalog.search({ vector: row.vector }, { limit: 8 });
    const bonus = verdict === 'none' ? undefined : hintsOf(pack, hits);
    for (const [way, found] of [['alone', bestOf(pack, row)], ['hint', bestOf(pack, { ...row, bonus })]]) {
      const right = objectsOf('clothing', row).includes(found[0].label);
      const said = partsOf(pack, found)[0]?.kind === 'object';
      counts[way] = counts[way].map((n, i) => n + [right, said, said && right][i]);
    }
  }
  await catalog.close();
  const shown = ([first, said, right]) => `${(100 * right / said).toFixed(1)} · ${(100 * (1 - said / asked.length)).toFixed(1)} · ${(100 * first / asked.length).toFixed(1)}`;
  return [{ what: `${asked.length} photos of clothes: right of those that name one · left out · right in first place (%)`, value: shown(counts.alone) },
    { what: `… with titles of the 8 nearest of ${known.length} clothes as a hint`, value: shown(counts.hint) }];
}

export async function run({ data, model }) {
  const path = `${root}build/judge/alt.safetensors`;
  execFileSync(process.execPath, [`${root}catalog/cli.js`, 'labels', 'build', `${root}labels/alt.yaml`, '-q', '-o', path,
    '--measured', `${root}labels/alt.measured.json`, '--model', model]);
  const clip = await load({ model });
  try {
    const pack = await openPack(path, {});
    const shown = (await partsShown(clip, pack, data)).filter(({ split }) => split === 'judge')
      .map((one) => ({ ...one, parts: partsOf(pack, one.found) }));
    const share = (list, test) => 100 * list.filter(test).length / list.length;
    const lines = [];
    const count = (kind, of, what, [floor, most] = []) => {
      const label = ({ parts }) => parts.find((part) => part.kind === kind)?.label;
      const drafts = of.filter(label);
      lines.push({ what: `${what}: of the drafts that ${said[kind]}, right (%)`, value: drafts.length ? share(drafts, (one) => one.right[kind].includes(label(one))) : 'none does', floor },
        { what: '… left out (%)', value: share(of, (one) => !label(one)), floor: most });
    };
    for (const kind of Object.keys(said)) {
      const of = shown.filter(({ right }) => right[kind]);
      count(kind, of, `${of.length} ${kind === 'object' ? 'photos' : 'pictures'}, ${kind}`, floors[kind]);
      if (kind === 'object')
        for (const set of new Set(of.map((one) => one.set))) count(kind, of.filter((one) => one.set === set), `… those of ${set}`);
      if (kind !== 'setting') lines.push({ what: '… right in first place, had none been left out (%)',
        value: share(of, ({ found, right }) => right[kind].includes(found.find((one) => one.kind === kind)?.label)) });
    }
    return { lines: [...lines, ...await hinted(clip, pack, data)] };
  } finally {
    await clip.close();
  }
}
