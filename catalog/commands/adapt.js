// kin adapt: trains an adapter and writes it, if it helps.
import { library, openModel } from '../lib/engine.js';
import { kindsOf, readKinds, readPairs } from '../lib/examples.js';
import { exists, writeFileSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { asNumber, commonUsage, UsageError, wholeNumber } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { readVectors } from '../lib/product-rows.js';
import { readMap } from '../lib/products.js';
import { readFileHeader } from '../lib/tensors.js';

export const usage = `Usage: ${kin} adapt <pairs.csv> -o <adapter.safetensors> [--catalog C]
       ${kin} adapt <products.csv> --kinds <column> -o <adapter.safetensors> [--map image=Name]
       ${kin} adapt --catalog C --kinds <field> -o <adapter.safetensors>
       [--rank 16] [--seed 1] [--hold-out 0.2] [--at K]

Learns a small map over the model's vectors, by which pairs that belong together, or products of the same
kind, lie nearer. Some are held out: half of those say when to stop, the other half is measured before
and after. One that does not help is not written, and the exit code is 1.

pairs.csv      columns left and right: pictures' paths beside the file or, with --catalog, products' ids
  --catalog C  a catalogue (a file, or a folder that 'publish' wrote) whose ids pairs may name, or whose products have kinds
  --kinds F    a column or field: products with the same value belong together
  --rank N     1 to 64: how much it may change, and its size, 8 bytes a number of a vector each
  --seed N     the same examples and seed give the same bytes
  --hold-out S the share held out, at most 0.5
  --at K       of pairs: found among the first K (default 1); of kinds: of the same among the nearest K (default 10)
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, catalog: { type: 'string' }, kinds: { type: 'string' }, rank: { type: 'string' },
  seed: { type: 'string' }, 'hold-out': { type: 'string' }, at: { type: 'string' }, map: { type: 'string', multiple: true },
};

function readHow(values) {
  const how = {};
  for (const [name, option, most] of [['rank', 'rank', 64], ['seed', 'seed', 2 ** 32 - 1], ['at', 'at', 100]])
    if (values[option] !== undefined) {
      how[name] = wholeNumber(values[option], `--${option}`, option === 'seed' ? 0 : 1);
      if (how[name] > most) throw new UsageError(`--${option} is at most ${most}`);
    }
  if (values['hold-out'] !== undefined) {
    how.holdOut = asNumber(values['hold-out']);
    if (!(how.holdOut >= 0.01 && how.holdOut <= 0.5)) throw new UsageError(`--hold-out is a share from 0.01 to 0.5, not '${values['hold-out']}'`);
  }
  return how;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export async function run({ values, positionals, modelOptions }, io) {
  const [path, ...others] = positionals;
  if (!values.output || others.length || path === undefined && !(values.catalog && values.kinds))
    throw new UsageError(`adapt takes a file of pairs or products, or --catalog and --kinds, and -o FILE; see '${kin} adapt --help'`);
  if (path !== undefined && values.catalog && values.kinds)
    throw new UsageError('the kinds are those of a products file or of a --catalog, not of both');
  const how = readHow(values);
  await checkFile(values.output);
  const there = await exists(values.output);
  if (there && (!there.isFile() || (await readFileHeader(values.output))?.metadata['kin.kind'] !== 'adapter'))
    throw new Error(`${values.output} is there already and is no adapter: name another file with -o`);
  const { signal } = io;
  let clip, first, failed = 0;
  const report = (sentence) => {
    failed++;
    first ??= sentence;
    io.note(sentence);
  };
  try {
    const { metadata = {}, products } = values.catalog ? await readVectors(values.catalog, io) : {};
    let imageId = metadata['kin.image_id'] ?? '';
    const embed = async (source) => { // a model is loaded when a picture comes that is not in the catalogue
      if (!clip) {
        clip = await openModel(modelOptions, io);
        const own = await clip.identify('image', { signal });
        if (imageId && imageId !== own)
          throw Object.assign(new Error(`${values.catalog} was built with another image model: name it with --model`), { code: 'model-mismatch' });
        imageId = own;
      }
      return clip.embedImage(source, { fit: metadata['kin.fit'] || 'crop', signal });
    };
    const reading = { embed, report, signal, products, progress: io.progress, map: readMap(values.map) };
    const examples = path === undefined ? kindsOf(products, values.kinds)
      : values.kinds ? await readKinds(path, values.kinds, reading) : await readPairs(path, reading);
    if (!examples.left.length) throw new Error(`of ${path} nothing could be read${first ? `: ${first}` : ''}`);
    const { trainAdapter } = await library();
    const progress = io.progress('rounds, at most', 80);
    const { before, after, error, at, rounds, bytes } = await trainAdapter(examples, { ...how, imageId, signal,
      onProgress: ({ round }) => progress(round) });
    const figures = `${examples.kinds ? `of the same kind among the nearest ${at}` : `found among the first ${at}`}: ` +
      `${percent(before)} before, ${percent(after)} after`;
    if (!bytes)
      throw new Error(`the adapter does not help, and nothing is written: held-out examples ${figures}; a gain counts above ${percent(2 * error)}`);
    await writeFileSafely(values.output, bytes);
    if (values.json) await io.line({ examples: examples.left.length, before, after, error, at, rounds, bytes: bytes.length, failed });
    else await io.line(`held-out examples ${figures}`);
    io.note(`${values.output}: ${bytes.length} bytes, of ${examples.left.length} examples in ${rounds} rounds`);
    return failed ? 3 : 0;
  } finally {
    await clip?.close();
  }
}
