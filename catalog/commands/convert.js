// kin convert: a Hugging Face CLIP folder, or a model of the hub, in; a folder for the web out. The engine
// reads and quantises; this writes what it then holds, so a converted folder and the original loaded
// with dtype q8 are the same model.
import { readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { library, withModel } from '../lib/engine.js';
import { checkReplaceable, writeFolderSafely } from '../lib/files.js';
import { hubId } from '../lib/hub.js';
import { findEntry } from '../lib/models.js';
import { commonUsage, UsageError } from '../lib/options.js';
import { tensorFiles } from '../lib/tensors.js';

export const usage = `Usage: kin convert <hf-folder | hub id | name> -o <model-folder> [--dtype q8|f32]

Writes the two towers apart, in files of at most 20 MiB, with the configuration, the vocabulary
and a manifest. The same input gives the same bytes. A hub id (owner/model) or a name of
'kin model list' is fetched first, says its licence and size, and goes on where it was stopped;
HF_ENDPOINT names another hub than https://huggingface.co.
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

// The weights are read once a tower.
function showReading(io) {
  let progress;
  let before = Infinity;
  return ({ file, loaded, total }) => {
    if (!file?.endsWith('.safetensors')) return;
    if (loaded < before) progress = io.progress(`reading ${file}`, total, { unit: 1e6, name: 'MB' });
    before = loaded;
    progress(loaded);
  };
}

// Converts `folder` into `output`, which must be new, empty or an earlier conversion. `about` may hold
// { licence, languages, hub, revision } for the manifest. Resolves to { ids, bytes, files }.
export async function convertFolder(folder, output, { dtype, modelOptions, about = {}, io }) {
  const { exportTower } = await library();
  const files = await readCopies(folder);
  const open = { ...modelOptions, model: folder, embedded: false, dtype, onProgress: showReading(io) };
  return withModel(open, io, async (clip) => {
    const metadata = { format: 'pt', ...(dtype === 'q8' && { 'kin.weights': 's7q128' }) };
    const ids = {};
    for (const tower of ['image', 'text']) {
      const { id, tensors } = await exportTower(clip, tower, { signal: io.signal });
      ids[tower] = id;
      files.push(...tensorFiles(tower, tensors, metadata));
    }
    io.signal.throwIfAborted();
    const { licence, languages, hub, revision } = about;
    const listed = await writeFolderSafely(output, 'model', files, { dtype, numerics: clip.info.numerics, ids,
      ...(licence && { licence }), ...(languages && { languages }), ...(hub && { source: { hub, revision } }) });
    const bytes = listed.reduce((n, file) => n + file.bytes, 0);
    return { ids, bytes, files: listed };
  });
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1) throw new UsageError('kin convert takes one model folder, hub id or name');
  if (!values.output) throw new UsageError('kin convert needs -o MODEL-FOLDER');
  if (values.model !== undefined)
    throw new UsageError('kin convert takes the model as its argument, not as --model');
  const [from] = positionals;
  const dtype = modelOptions.dtype ?? 'q8';
  const info = await stat(from).catch(() => null);
  if (info && !info.isDirectory()) throw new Error(`${from} is a file: name the folder that holds config.json`);
  const [name, entry] = (info ? undefined : findEntry(from)) ?? [];
  const hub = info ? null : entry?.hub ?? (hubId.test(from) ? from : null);
  if (!info && !hub)
    throw new Error(entry ? `'${name}' is converted already, and embedded` : `there is no model folder ${from}`);
  if (info && resolve(values.output) === await realpath(from))
    throw new UsageError('-o is the folder to convert: name another');
  await checkReplaceable(values.output, 'model');
  const work = { dtype, modelOptions, io };
  let done;
  if (info) done = await convertFolder(from, values.output, work);
  else {
    const { checkNewFolder, fetchAndConvert } = await import('../lib/get.js');
    await checkNewFolder(values.output);
    done = await fetchAndConvert(hub, values.output, { ...work, entry, say: (text) => io.note(text) });
  }
  if (values.json) await io.line({ output: values.output, dtype, ...done });
  else io.note(`${values.output}: ${dtype}, ${done.files.length} files, ${(done.bytes / 1e6).toFixed(2)} MB`);
  return 0;
}
