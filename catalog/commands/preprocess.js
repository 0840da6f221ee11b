// kin preprocess: the pixels the image tower sees.
import { withModel } from '../lib/engine.js';
import { writeFileSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { npy } from '../lib/npy.js';
import { commonUsage, oneOf, readBox, UsageError } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { naming, openTyped } from '../lib/pictures.js';

export const usage = `Usage: ${kin} preprocess <picture> -o out.npy [--box x,y,w,h] [--fit crop|pad]

Writes what the model sees of a picture, upright, cut and resized: uint8, height x width x 3.
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, box: { type: 'string' }, fit: { type: 'string' },
};

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1) throw new UsageError('preprocess takes one picture');
  if (!values.output) throw new UsageError('preprocess needs -o FILE.npy');
  const box = readBox(values.box);
  const fit = oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']);
  await checkFile(values.output, positionals);
  const source = await openTyped(positionals[0]);
  await withModel(modelOptions, io, async (clip) => {
    const { data, width, height } = await clip.preprocess(source, { box, fit, signal: io.signal })
      .catch(naming(positionals[0]));
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    await writeFileSafely(values.output, npy(bytes, [height, width, 3]));
    if (values.json) io.out(JSON.stringify({ width, height, output: values.output }) + '\n');
  });
  return 0;
}
