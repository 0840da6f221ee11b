// The engine for a command, opened with the options that every command takes. This file alone knows web/, by
// the name `#web/` that package.json gives it: the bundle lies elsewhere and finds it all the same.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

// The library itself. It is imported when first needed, so that `kin serve` or a wrong option never loads it.
export const library = () => import('#web/index.node.js');

// A folder that `kin convert --dtype f32` wrote stays f32 unless another dtype is asked for.
function folderDtype(model) {
  try {
    const { dtype } = JSON.parse(readFileSync(join(model, 'manifest.json'), 'utf8'));
    return dtype === 'f32' ? dtype : undefined;
  } catch {
    return undefined;
  }
}

// A clone made without Git LFS holds pointers of a few lines in place of the weights.
function refusePointers(folder) {
  for (const name of readdirSync(folder).filter((one) => /\.(?:safetensors|json|txt)$/.test(one))) {
    const path = join(folder, name), info = statSync(path, { throwIfNoEntry: false });
    if (info?.isFile() && info.size < 1024 && readFileSync(path, 'latin1').startsWith('version https://git-lfs.github.com/'))
      throw new Error(`${path} is a pointer of Git LFS, not the file itself: run 'git lfs pull' in its folder`);
  }
}

// Node 20 has relaxed SIMD behind a flag; newer ones have it.
async function allowRelaxed() {
  const { features } = await import('#web/worker/variant.js');
  if (!features(true).relaxed) (await import('node:v8')).setFlagsFromString('--experimental-wasm-relaxed-simd');
}

// `options`: readCommon's. The caller closes what it gets.
export async function openModel(options, io) {
  if (options.variant?.startsWith('relaxed')) await allowRelaxed();
  const { load } = await library();
  const { model, embedded, ...rest } = options;
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(model)) {
    if (!existsSync(model))
      throw new Error(embedded ? `the embedded model is not at ${model}: name one with --model`
        : `there is no model folder ${model}`);
    if (!statSync(model).isDirectory())
      throw new Error(`${model} is a file: --model takes the folder that holds config.json or open_clip_config.json`);
    refusePointers(model);
    rest.dtype ??= folderDtype(model);
  }
  if (rest.dtype === undefined) delete rest.dtype;
  return load({ model, ...rest, signal: io.signal });
}

// A picture that is always there: what would be wrong with every picture (the model, a pack of another one, an option) is said of it,
// before anything is read or written.
export const pixel = () => ({ data: new Uint8Array(3), width: 1, height: 1 });

// Runs `work` with an open model and closes it whatever happens.
export async function withModel(options, io, work) {
  const clip = await openModel(options, io);
  try {
    return await work(clip);
  } finally {
    await clip.close();
  }
}

// An engine of this thread, without a model, for work on vectors that calls its functions one by one: the module that writes
// catalogues (writer.js), or the one that opens them (neighbours.js).
async function openHere(name) {
  const [engines, platform] = await Promise.all([import('#web/worker/engine.js'), import('#web/worker/platform.node.js')]);
  return engines[name](platform, {});
}
export const openWriting = () => openHere('openFinder');
export const openSearching = () => openHere('openAlone');

// A catalogue's bytes opened in the latter -> { catalog, about, tensor(name) }.
export const openBytes = async (engine, bytes) => (await import('#web/worker/catalog-core.js')).openBytes(engine, bytes);

// A filter as a function of an item; types: { field: type }.
export const compileFilter = async (filter, types) => (await import('#web/page/filter.js')).compileFilter(filter, types);
