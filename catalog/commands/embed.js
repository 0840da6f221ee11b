// kin embed: a line for every picture or text, in the order given; a bad picture is a line too.
import { withModel } from '../lib/engine.js';
import { writeFileSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { npy } from '../lib/npy.js';
import { commonUsage, noPictureOptions, oneOf, readBox, UsageError } from '../lib/options.js';
import { naming, openTyped } from '../lib/pictures.js';
import { readTexts } from '../lib/terminal.js';

export const usage = `Usage: ${kin} embed <pictures...> [-o F] [--format json|npy]
       ${kin} embed --text "a red shoe" | --text -

Prints a JSON line for each: {"file"|"text", "embedding"}, or {"file", "error": {"code",
"message"}} in its place (exit 3). --text - reads a JSON string from each line of standard input.

  -o <F>           write to a file instead
  --format npy     float32 [n, dim]; needs -o; a failed picture's row is NaN
  --box x,y,w,h    a part of each picture, in fractions
  --fit crop|pad   centre crop (default), or padded with white to a square
${commonUsage}`;

export const options = {
  text: { type: 'string', multiple: true }, output: { type: 'string', short: 'o' },
  format: { type: 'string' }, box: { type: 'string' }, fit: { type: 'string' },
};

const asError = (error) => ({ code: error.code ?? 'failed', message: error.message });

async function readJobs(values, positionals) {
  if (!values.text) return positionals.map((file) => ({ file }));
  const texts = [];
  for (const text of values.text)
    for (const one of text === '-' ? await readTexts() : [text]) texts.push({ text: one });
  return texts;
}

export async function run({ values, positionals, modelOptions }, io) {
  if ((values.text !== undefined) === (positionals.length > 0))
    throw new UsageError('embed takes pictures, or --text, one of the two');
  const format = oneOf(values.format ?? 'json', '--format', ['json', 'npy']);
  if (format === 'npy' && !values.output) throw new UsageError('--format npy needs -o FILE');
  noPictureOptions(values.text !== undefined, values);
  const box = readBox(values.box);
  const fit = oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']);
  const jobs = await readJobs(values, positionals);
  const results = [];
  let failed = 0;
  await withModel(modelOptions, io, async (clip) => {
    await clip.preload(values.text ? 'text' : 'image', { signal: io.signal });
    const progress = io.progress('embedded', jobs.length);
    for (const [i, job] of jobs.entries()) {
      const result = { ...job };
      try {
        const vector = job.file === undefined
          ? await clip.embedText(job.text, { signal: io.signal })
          : await clip.embedImage(await openTyped(job.file), { box, fit, signal: io.signal }).catch(naming(job.file));
        result.embedding = format === 'npy' ? vector : Array.from(vector);
      } catch (error) {
        if (io.signal.aborted || job.file === undefined) throw error;
        result.error = asError(error);
        io.note(error.message);
        failed++;
      }
      if (values.output) results.push(result);
      else await io.line(result);
      progress(i + 1);
    }
    if (!values.output) return;
    if (format === 'json') {
      const text = results.map((result) => JSON.stringify(result) + '\n').join('');
      await writeFileSafely(values.output, text);
      return;
    }
    const dim = clip.info.dim;
    const matrix = new Float32Array(results.length * dim).fill(NaN);
    results.forEach((result, i) => result.embedding && matrix.set(result.embedding, i * dim));
    await writeFileSafely(values.output, npy(matrix, [results.length, dim]));
  });
  return failed ? 3 : 0;
}
