// A model of the hub becomes a folder of its original files: which files it takes, where they are kept
// until they are converted, and whether they are what models/index.json says they are.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { convertFolder, isClips, readSmallFiles } from './conversion.js';
import { withModel } from './engine.js';
import { exists, writeFolderSafely } from './files.js';
import { fingerprintFiles } from './fingerprint.js';
import { describeFile, describeModel, fetchFile, findConversion, HubError } from './hub.js';
import { cacheFolder, fileFaults, findEntry, manifestOf, modelFolder } from './models.js';
import { kin } from './name.js';

const weightFiles = ['model.safetensors', 'open_clip_model.safetensors', 'model.safetensors.index.json'];
const openClip = 'open_clip_config.json';
const rules = ['preprocessor_config.json', 'processor_config.json'];
// Where open_clip's models without a vocabulary of their own have theirs from.
const clipVocabulary = { hub: 'openai/clip-vit-base-patch32', size: 49408 };
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

// Whether open_clip's files of a model are to be taken: it has no others, or its config.json is no CLIPModel's.
async function isOpenClips(main, folder, signal) {
  const has = (name) => main.files.includes(name);
  if (!has(openClip) || !has('config.json') || !rules.some(has)) return has(openClip);
  const path = await fetchFile(await describeFile(main, 'config.json', signal), folder, { signal });
  return !isClips(await readFile(path, 'utf8'));
}

// What load() reads beside the weights, of the files that there are.
function configFiles(id, files) {
  for (const names of [['config.json', openClip], rules])
    if (!names.some((name) => files.includes(name))) fail(id, `no ${names.join(' or ')}`);
  return ['config.json', ...rules].filter((name) => files.includes(name));
}

function vocabularyFiles(id, files) {
  const has = (name) => files.includes(name);
  const pair = ['vocab.json', 'merges.txt'];
  const names = !has('tokenizer.json') && pair.every(has) ? pair : ['tokenizer.json'];
  if (!names.every(has)) fail(id, 'no tokenizer.json');
  return [...names, ...['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'].filter(has)];
}

// The version of a model that holds its vocabulary: its own, or CLIP's for a model of open_clip's that has none.
async function findVocabulary(main, ofOpenClip, folder, signal) {
  const own = main.files.includes('tokenizer.json') || main.files.includes('vocab.json');
  if (own || !ofOpenClip) return main;
  const path = await fetchFile(await describeFile(main, openClip, signal), folder, { signal });
  let size;
  try {
    size = JSON.parse(await readFile(path, 'utf8')).model_cfg.text_cfg.vocab_size ?? clipVocabulary.size;
  } catch {
    fail(main.id, `an ${openClip} that cannot be read`);
  }
  return size === clipVocabulary.size ? describeModel(clipVocabulary.hub, 'main', signal) : main;
}

function fail(id, what) {
  throw new HubError('refused', `'${id}' has ${what}: it is no CLIP model that Kin can read`);
}

// The version of the model that holds safetensors: the usual one, the one that the index names, or the one
// that the hub's bot proposes. Nothing else is read: pytorch_model.bin is a program, not a file of numbers.
async function findWeights(main, entry, signal) {
  const hasThem = (model) => weightFiles.some((name) => model.files.includes(name));
  if (hasThem(main)) return main;
  const revision = entry?.weights ?? await findConversion(main.id, signal);
  const other = revision && await describeModel(main.id, revision, signal);
  if (other && hasThem(other)) return other;
  return fail(main.id, main.files.includes('pytorch_model.bin')
    ? 'its weights as pytorch_model.bin only (save_pretrained of transformers 4.35 or newer writes safetensors)'
    : 'no model.safetensors');
}

// Shards must be files of the same version; their index is fetched first.
async function weightNames(model, ofOpenClip, folder, signal) {
  const [plain, own, index] = weightFiles;
  const whole = (ofOpenClip ? [own, plain] : [plain, own]).find((name) => model.files.includes(name));
  if (whole) return [whole];
  const path = await fetchFile(await describeFile(model, index, signal), folder, { signal });
  let names;
  try {
    names = [...new Set(Object.values(JSON.parse(await readFile(path, 'utf8')).weight_map))].sort();
  } catch {
    names = [];
  }
  if (!names.length || !names.every((name) => model.files.includes(name)))
    fail(model.id, 'an index that does not name its shards');
  return names;
}

// Fetches a model's files, going on where an earlier try stopped. `say` gets one sentence on licence and size
// before the first large byte. Resolves to { folder, hub, revision, licence, languages }; the caller removes
// the folder once it is converted. Errors: HubError, whose message says what to do.
export async function fetchModel(id, { entry, io, modelOptions, say }) {
  const { signal } = io;
  const main = await describeModel(id, entry?.revision ?? 'main', signal);
  const weights = await findWeights(main, entry, signal);
  const versions = [...new Set([main.commit, weights.commit])].map((commit) => commit.slice(0, 12));
  const folder = join(cacheFolder(), 'downloads', [id.replace('/', '--'), ...versions].join('--'));
  const files = [];
  const ofOpenClip = await isOpenClips(main, folder, signal);
  const names = await weightNames(weights, ofOpenClip, folder, signal);
  const words = await findVocabulary(main, ofOpenClip, folder, signal);
  for (const name of ofOpenClip ? [openClip] : configFiles(id, main.files)) files.push(await describeFile(main, name, signal));
  for (const name of vocabularyFiles(words.id, words.files)) files.push(await describeFile(words, name, signal));
  for (const name of names) files.push(await describeFile(weights, name, signal));
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const licence = entry?.licence ?? main.licence;
  say(`${id}: ${megabytes(total)} to fetch; licence: ${licence ?? 'not stated by its card, ask its makers'}`);
  const progress = io.progress(`fetching ${id}`, total, { unit: 1e6, name: 'MB' });
  let before = 0;
  const paths = [];
  for (const [i, file] of files.entries()) {
    if (i === files.length - names.length)
      await withModel({ ...modelOptions, model: folder, embedded: false }, io, (clip) => readSmallFiles(clip, io));
    paths.push(await fetchFile(file, folder, { signal, onBytes: (n) => progress(before + n) }));
    before += file.size;
  }
  if (entry?.fingerprint) {
    const found = await fingerprintFiles(paths.slice(-names.length));
    if (found !== entry.fingerprint)
      throw new HubError('refused', `the weights of '${id}' have not the shapes that models/index.json lists ` +
        `(${found.slice(0, 12)} instead of ${entry.fingerprint.slice(0, 12)}): if that is right, ` +
        `'${kin} convert ${folder} -o FOLDER' takes them as they are`);
  }
  return { folder, hub: id, revision: weights.commit, licence, languages: entry?.languages };
}

// Fetches and converts. Resolves to the sizes and ids that convertFolder gives.
export async function fetchAndConvert(id, output, { entry, io, dtype, modelOptions, say }) {
  const { folder, ...about } = await fetchModel(id, { entry, io, modelOptions, say });
  const done = await convertFolder(folder, output, { dtype, modelOptions, about, io });
  await rm(folder, { recursive: true, force: true });
  return done;
}

async function copyModel(from, to) {
  const { kind, format, files, ...about } = JSON.parse(await readFile(join(from, 'manifest.json'), 'utf8'));
  const copies = [];
  // What goes with the weights wherever they go: their licence, the card with its attributions, the background for labels.
  const beside = (await readdir(from)).filter((name) => /^(LICENSE|NOTICE|README|background\.safetensors$)/.test(name)).sort();
  for (const name of [...files.map((file) => basename(file.name)), ...beside]) copies.push({ name, bytes: await readFile(join(from, name)) });
  const listed = await writeFolderSafely(to, kind, copies, about);
  return { ids: about.ids, bytes: listed.reduce((n, file) => n + file.bytes, 0), files: listed };
}

// A listed model, on this machine in the end: { name, entry, path, done }; done is null where it already was.
// `say` gets its licence, size and terms before anything large is fetched.
export async function getModel(name, { output, dtype = 'q8', modelOptions = {}, io, say }) {
  const [key, entry] = findEntry(name);
  const kept = modelFolder(key, entry, dtype);
  const path = output ?? kept;
  const here = entry.folder || await exists(kept);
  const faults = entry.folder || !here ? [] : await fileFaults(kept, manifestOf(kept));
  if (here && !faults.length)
    return { name: key, entry, path, done: output ? await copyModel(kept, output) : null };
  if (faults.length) say(`${kept} is damaged (${faults[0]}), so that it is fetched again`);
  if (!output) await mkdir(dirname(path), { recursive: true });
  const tell = (text) => {
    say(`${text} (${entry.source})`);
    say(`commercial use: ${entry.commercial}: ${entry.reason}`);
  };
  const done = await fetchAndConvert(entry.hub, path, { entry, io, dtype, modelOptions, say: tell });
  return { name: key, entry, path, done };
}
