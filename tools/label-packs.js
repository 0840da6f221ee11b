// What of labels depends on the weights, made anew: background.safetensors in the model's folder, labels/moderation.measured.json
// and labels/alt.measured.json. Run by `make labels` after the weights have changed; it needs the judged sets of photos.
//
//   node tools/label-packs.js <data> [model folder]
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { backgroundBytes, measureLabels, measureParts } from '../catalog/lib/labels.js';
import { embedSet } from '../judge/lib/pictures.js';
import { asBackground, asPictures, setNames } from '../judge/lib/shown.js';
import { partsShown, sources } from '../judge/lib/named.js';
import { load, openLabels, openPack, promptsOf } from '../web/index.node.js';
import { phrases } from '../web/shared/phrases.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const precision = 0.8;
const asked = 0.9; // of the photos that thresholds are chosen on: the model was trained on them, and tells them apart more easily
const partsRight = { object: 0.9, colour: 0.7, material: 0.9, pattern: 0.8, setting: 0.9 };

export async function make(model, data, sets, clip) {
  const ids = { imageId: await clip.identify('image'), textId: await clip.identify('text') };
  const bytes = backgroundBytes({ ...ids, ...await promptsOf(clip, phrases), pictures: asBackground(sets) });
  writeFileSync(join(model, 'background.safetensors'), bytes);

  mkdirSync(`${root}build/labels`, { recursive: true });
  const built = (name) => {
    const path = `${root}build/labels/${name}.safetensors`;
    execFileSync(process.execPath, [`${root}catalog/cli.js`, 'labels', 'build', `${root}labels/${name}.yaml`, '-q', '-o', path, '--model', model]);
    return path;
  };
  const write = (name, labels) =>
    writeFileSync(`${root}labels/${name}.measured.json`, `${JSON.stringify({ ...ids, labels }, null, 2)}\n`);
  const opened = await openLabels(built('moderation'), { clip });
  const labels = await measureLabels(opened, asPictures(sets), precision, `held-out photos of ${setNames.join(', ')}`, console.log, asked);
  write('moderation', labels);
  write('alt', measureParts(await partsShown(clip, await openPack(built('alt'), {}), data), partsRight, sources, console.log));
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  const [data, model = `${root}models/kin-everyday`] = process.argv.slice(2);
  const clip = await load({ model });
  const sets = {};
  for (const set of setNames) sets[set] = await embedSet(clip, data, set);
  await make(model, data, sets, clip);
  await clip.close();
}
