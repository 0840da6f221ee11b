// kin embed: a line for every picture or text, in the order given; a bad picture is a line too. With --layer all rows of
// a layer stand in an embedding's place.
import { basename } from 'node:path';
import { pixel, withModel } from '../lib/engine.js';
import { writeFileSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { npy } from '../lib/npy.js';
import { fileParts } from '../lib/tensors.js';
import { commonUsage, noPictureOptions, oneOf, readBox, UsageError } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { naming, openTyped } from '../lib/pictures.js';
import { readTexts } from '../lib/terminal.js';

export const usage = `Usage: ${kin} embed <pictures...> [-o F] [--format json|npy]
       ${kin} embed --text "a red shoe" | --text -
       ${kin} embed <pictures...> | --text … --layer -2 -o states.npy|.safetensors

Prints a JSON line for each: {"file"|"text", "embedding"}, or {"file", "error": {"code",
"message"}} in its place (exit 3). --text - reads a JSON string from each line of standard input.

  -o <F>           write to a file instead
  --format npy     float32 [n, dim]; needs -o; a failed picture's row is NaN
  --box x,y,w,h    a part of each picture, in fractions
  --fit crop|pad   centre crop (default), or padded with white to a square
  --layer <n>      all rows of a layer instead, as transformers' hidden_states: 0 what goes into
                   the first block, -1 what comes from the last, or last: last_hidden_state.
                   -o F.npy is float32 [n, rows, channels], -o F.safetensors the same as
                   hidden_states, without pictures that failed; else a line has "dims" and "data"
  --norm           with a number of --layer: its rows through the final norm
${commonUsage}`;

export const options = {
  text: { type: 'string', multiple: true }, output: { type: 'string', short: 'o' },
  format: { type: 'string' }, box: { type: 'string' }, fit: { type: 'string' },
  layer: { type: 'string' }, norm: { type: 'boolean' },
};

const asError = (error) => ({ code: error.code ?? 'failed', message: error.message });

async function readJobs(values, positionals) {
  if (!values.text) return positionals.map((file) => ({ file }));
  const texts = [];
  for (const text of values.text)
    for (const one of text === '-' ? await readTexts() : [text]) texts.push({ text: one });
  return texts;
}

// -> { layer, norm } as hiddenStates takes them, or null.
function readLayer({ layer, norm }) {
  if (layer === undefined && norm) throw new UsageError('--norm goes with --layer');
  if (layer === undefined) return null;
  if (layer !== 'last' && !/^-?\d{1,3}$/.test(layer))
    throw new UsageError(`--layer must be a whole number such as -2, or last, not '${layer}'`);
  if (layer === 'last' && norm) throw new UsageError('--norm goes with a number of --layer: last is last_hidden_state as it is');
  return { layer: layer === 'last' ? layer : Number(layer), norm };
}

// By the ending of -o, where a layer is asked for.
const usualFormat = ({ layer, output }) =>
  (layer !== undefined && /\.(npy|safetensors)$/.exec(output ?? '')?.[1] || 'json');

// Of a result: its numbers and their shape.
const numbersOf = ({ embedding, data, dims }) => (embedding ? { data: embedding, dims: [embedding.length] } : { data, dims });

const asLine = (result) => Object.fromEntries(Object.entries(result).map(([key, value]) =>
  [key, ArrayBuffer.isView(value) ? Array.from(value) : value]));

// The results one after the other: float32 [n, …]; a failed picture's part is NaN.
function stacked(results, usual) {
  const good = results.find((result) => !result.error);
  const dims = good ? numbersOf(good).dims : usual;
  const size = dims.reduce((a, b) => a * b);
  const all = new Float32Array(results.length * size).fill(NaN);
  results.forEach((result, i) => result.error || all.set(numbersOf(result).data, i * size));
  return { all, shape: [results.length, ...dims] };
}

// Of one tensor, and what it is of. Without failed pictures, since readers expect finite numbers.
function statesFile(results, how, { model, dtype, numerics }) {
  const good = results.filter((result) => !result.error);
  const { all, shape } = stacked(good, [0, 0]);
  const bytes = Buffer.from(all.buffer);
  return Buffer.concat(fileParts([{ name: 'hidden_states', dtype: 'F32', shape, bytes }], {
    'kin.dtype': dtype, 'kin.inputs': JSON.stringify(good.map(({ file, text }) => file ?? text)), 'kin.layer': String(how.layer),
    'kin.model': basename(model), 'kin.norm': String(how.norm ?? false), 'kin.numerics': String(numerics),
  }));
}

export async function run({ values, positionals, modelOptions }, io) {
  if ((values.text !== undefined) === (positionals.length > 0))
    throw new UsageError('embed takes pictures, or --text, one of the two');
  const how = readLayer(values);
  const format = oneOf(values.format ?? usualFormat(values), '--format', how ? ['json', 'npy', 'safetensors'] : ['json', 'npy']);
  if (format !== 'json' && !values.output) throw new UsageError(`--format ${format} needs -o FILE`);
  noPictureOptions(values.text !== undefined, values);
  const box = readBox(values.box);
  const fit = oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']);
  if (values.output) await checkFile(values.output, positionals);
  const jobs = await readJobs(values, positionals);
  const results = [];
  let failed = 0;
  await withModel(modelOptions, io, async (clip) => {
    if (how) await clip.hiddenStates(values.text ? { text: '' } : pixel(), { ...how, signal: io.signal });
    else await clip.preload(values.text ? 'text' : 'image', { signal: io.signal });
    const progress = io.progress('embedded', jobs.length);
    for (const [i, job] of jobs.entries()) {
      const result = { ...job };
      try {
        const { signal } = io;
        const given = job.file === undefined ? null : await openTyped(job.file);
        const made = given === null ? clip[how ? 'hiddenStates' : 'embedText'](how ? { text: job.text } : job.text, { ...how, signal })
          : clip[how ? 'hiddenStates' : 'embedImage'](given, { ...how, box, fit, signal }).catch(naming(job.file));
        Object.assign(result, how ? await made : { embedding: await made });
      } catch (error) {
        if (io.signal.aborted || job.file === undefined) throw error;
        result.error = asError(error);
        io.note(error.message);
        failed++;
      }
      if (values.output) results.push(result);
      else await io.line(asLine(result));
      progress(i + 1);
    }
    if (!values.output) return;
    if (format === 'json') {
      const text = results.map((result) => JSON.stringify(asLine(result)) + '\n').join('');
      await writeFileSafely(values.output, text);
    } else if (format === 'npy') {
      const { all, shape } = stacked(results, how ? [0, 0] : [clip.info.dim]);
      await writeFileSafely(values.output, npy(all, shape));
    } else await writeFileSafely(values.output, statesFile(results, how, clip.info));
  });
  return failed ? 3 : 0;
}
