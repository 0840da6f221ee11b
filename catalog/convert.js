// kin convert: a Hugging Face CLIP folder in, a folder for the web out. The engine reads and
// quantises; this writes what it then holds, so a converted folder and the original loaded with
// dtype q8 are the same model.
import { readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { withModel } from './engine.js';
import { checkReplaceable, writeFolderSafely } from './files.js';
import { commonUsage, UsageError } from './options.js';
import { tensorFiles } from './tensors.js';

export const usage = `Usage: kin convert <hf-folder> -o <model-folder> [--dtype q8|f32]

Writes the two towers apart, in files of at most 20 MiB, with the configuration, the vocabulary
and a manifest. The same input gives the same bytes.
${commonUsage}`;

export const options = { output: { type: 'string', short: 'o' } };

// All that load() may read beside the weights, copied as it is.
const copied = ['config.json', 'preprocessor_config.json', 'processor_config.json', 'vocab.json',
  'merges.txt', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];

async function readCopies(folder) {
  const files = [];
  for (const name of copied) {
    const bytes = await readFile(join(folder, name)).catch((error) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (bytes) files.push({ name, bytes });
  }
  return files;
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1) throw new UsageError('kin convert takes one model folder');
  if (!values.output) throw new UsageError('kin convert needs -o MODEL-FOLDER');
  if (values.model !== undefined)
    throw new UsageError('kin convert takes the folder as its argument, not as --model');
  const [folder] = positionals;
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) throw new Error(`there is no model folder ${folder}`);
  const inside = await realpath(folder);
  if (resolve(values.output) === inside)
    throw new UsageError('-o is the folder to convert: name another');
  await checkReplaceable(values.output, 'model');
  const dtype = modelOptions.dtype ?? 'q8';
  const { exportTower } = await import('../web/index.node.js');
  const files = await readCopies(folder);
  const open = { ...modelOptions, model: folder, embedded: false, dtype };
  return withModel(open, io, async (clip) => {
    const metadata = { format: 'pt', ...(dtype === 'q8' && { 'kin.weights': 's7q128' }) };
    const ids = {};
    for (const tower of ['image', 'text']) {
      const { id, tensors } = await exportTower(clip, tower, { signal: io.signal });
      ids[tower] = id;
      files.push(...tensorFiles(tower, tensors, metadata));
    }
    io.signal.throwIfAborted();
    const listed = await writeFolderSafely(values.output, 'model', files, {
      dtype, numerics: clip.info.numerics, ids });
    const bytes = listed.reduce((n, file) => n + file.bytes, 0);
    if (values.json) await io.line({ output: values.output, dtype, ids, bytes, files: listed });
    else io.note(`${values.output}: ${dtype}, ${listed.length} files, ` +
      `${(bytes / 1e6).toFixed(2)} MB`);
    return 0;
  });
}
