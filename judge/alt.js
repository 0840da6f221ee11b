// labels/alt.yaml on photos that were kept out of training, and on the half of them that its thresholds were not chosen by: of
// the drafts that say a kind of part, how many say it right, and how many do not say it.
import { fileURLToPath } from 'node:url';
import { execFileSync } from 'node:child_process';
import { load, openPack } from '../web/index.node.js';
import { partsOf } from '../web/shared/draft.js';
import { partsShown } from './lib/named.js';

export const name = 'Alternative text';

const root = fileURLToPath(new URL('../', import.meta.url));
const floors = { object: [80, '≤ 30'], colour: [65] };
const said = { object: 'name an object', colour: 'name a colour', material: 'name a material', pattern: 'name a pattern', setting: 'name what it lies on' };

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
    return { lines };
  } finally {
    await clip.close();
  }
}
