// A CLIP folder of Hugging Face's or open_clip's becomes a folder for the web. The engine reads and quantises; this writes what it
// then holds, so a converted folder and the original loaded with dtype q8 are the same model.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { library, pixel, withModel } from './engine.js';
import { writeFolderSafely } from './files.js';
import { tensorFiles } from './tensors.js';

// All that load() may read beside the weights, copied as it is.
const openClip = 'open_clip_config.json';
const copied = ['config.json', 'preprocessor_config.json', 'processor_config.json', openClip, 'vocab.json', 'merges.txt',
  'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'];
const unread = { // where the file named first is there
  'config.json': [openClip],
  [openClip]: ['preprocessor_config.json', 'processor_config.json'],
  'tokenizer.json': ['vocab.json', 'merges.txt'],
};

// Whether a config.json is a CLIPModel's. Beside open_clip's file it may be of other code, such as timm's of the network alone.
export const isClips = (config) => /"model_type"\s*:\s*"clip"/.test(config);

async function readCopies(folder) {
  let files = [];
  for (const name of copied) {
    const bytes = await readFile(join(folder, name)).catch((error) => {
      if (error.code === 'ENOENT') return null;
      throw new Error(`${join(folder, name)} cannot be read (${error.code})`, { cause: error });
    });
    if (bytes) files.push({ name, bytes });
  }
  const named = (name) => files.find((file) => file.name === name);
  if (named(openClip) && !isClips(String(named('config.json')?.bytes)))
    files = files.filter(({ name }) => name !== 'config.json');
  for (const [first, others] of Object.entries(unread))
    if (named(first)) files = files.filter(({ name }) => !others.includes(name));
  return files;
}

// Reads all of an open model but its weights: what is wrong with the small files is said before the large ones
// are read or fetched.
export async function readSmallFiles(clip, { signal }) {
  await clip.preprocess(pixel(), { signal });
  await clip.tokenize('a', { signal });
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
  const open = { ...modelOptions, model: folder, embedded: false, dtype, onProgress: showReading(io) };
  return withModel(open, io, async (clip) => {
    const metadata = { format: 'pt', ...(dtype === 'q8' && { 'kin.weights': 's7q128' }) };
    const ids = {};
    await readSmallFiles(clip, io);
    const files = await readCopies(folder);
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
