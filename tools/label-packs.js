// What of labels depends on the weights, made anew: background.safetensors in the model's folder and
// labels/moderation.measured.json. Run by `make labels` after the weights have changed; it needs the judged sets of photos.
//
//   node tools/label-packs.js <data> [model folder]
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { backgroundBytes, measureLabels } from '../catalog/lib/labels.js';
import { embedSet } from '../judge/lib/pictures.js';
import { asBackground, asPictures, setNames } from '../judge/lib/shown.js';
import { load, openLabels, promptsOf } from '../web/index.node.js';
import { phrases } from '../web/shared/phrases.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const precision = 0.8;

export async function make(model, sets, clip) {
  const ids = { imageId: await clip.identify('image'), textId: await clip.identify('text') };
  const bytes = backgroundBytes({ ...ids, ...await promptsOf(clip, phrases), pictures: asBackground(sets) });
  writeFileSync(join(model, 'background.safetensors'), bytes);

  const pack = `${root}build/labels/moderation.safetensors`;
  mkdirSync(`${root}build/labels`, { recursive: true });
  execFileSync(process.execPath, [`${root}catalog/cli.js`, 'labels', 'build', `${root}labels/moderation.yaml`, '-q', '-o', pack, '--model', model]);
  const opened = await openLabels(pack, { clip });
  const labels = await measureLabels(opened, asPictures(sets), precision, `held-out photos of ${setNames.join(', ')}`, console.log);
  writeFileSync(`${root}labels/moderation.measured.json`, `${JSON.stringify({ ...ids, labels }, null, 2)}\n`);
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  const [data, model = `${root}models/kin-everyday`] = process.argv.slice(2);
  const clip = await load({ model });
  const sets = {};
  for (const set of setNames) sets[set] = await embedSet(clip, data, set);
  await make(model, sets, clip);
  await clip.close();
}
