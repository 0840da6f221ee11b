// Catalogues and model folders as they lie on disk, for `inspect` and `verify`.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isItem } from '#web/shared/types.js';
import { library } from './engine.js';
import { forReading } from './files.js';
import { kin } from './name.js';
import { isProducts } from './sources.js';

// A path -> { kind: 'model' | 'catalog', manifest, published: whether it is a folder that publish wrote }.
export async function whatIs(path) {
  const info = await stat(path).catch(() => null);
  if (!info) throw new Error(`there is no ${path}`);
  if (!info.isDirectory()) return { kind: 'catalog', manifest: null };
  const names = await readdir(path);
  if (names.includes('current.json')) return { kind: 'catalog', manifest: null, published: true };
  let manifest = null;
  if (names.includes('manifest.json')) {
    try {
      manifest = JSON.parse(await readFile(join(path, 'manifest.json'), { encoding: 'utf8', flag: forReading }));
    } catch {
      throw new Error(`${join(path, 'manifest.json')} is not JSON`);
    }
  }
  if (manifest?.kind === 'catalog' || manifest?.kind === 'model') {
    const files = manifest.files ?? [];
    if (!Array.isArray(files) || files.some((file) => typeof file?.name !== 'string' || !Number.isSafeInteger(file.bytes)))
      throw new Error(`${join(path, 'manifest.json')} does not list files by name and bytes: make the folder anew`);
    return { kind: manifest.kind, manifest };
  }
  if (names.includes('config.json') || names.includes('open_clip_config.json')) return { kind: 'model', manifest: null };
  throw new Error(`${path} is neither a catalogue nor a model: it has no current.json or manifest.json of Kin's ` +
    'and no config.json or open_clip_config.json');
}

// The library knows a catalogue and a label pack by their bytes alone: what it says of them here begins with the path.
const opener = (name) => async (path, options) => (await library())[name](path, options).catch((error) => {
  if (options.signal.aborted) throw error;
  throw saidOf(options.adapter && error.message.startsWith('The adapter') ? options.adapter : path, error);
});

export const openStored = opener('openCatalog');
export const openStoredLabels = opener('openLabels'); // with a clip, to judge by
export const openStoredPack = opener('openPack');     // what it holds

// The library's error about bytes, as one about the file they are from. Products in place of a catalogue are a likely slip.
export function saidOf(path, error) {
  const slip = error.message.startsWith('The catalogue') && isProducts(path);
  const why = error.message.replace(/^The (?:catalogue|adapter|label pack): /, '');
  return Object.assign(new Error(`${path}: ${slip ? `${why.replace(/\.$/, '')}; '${kin} build' makes a catalogue of products` : why}`),
    { code: error.code });
}

// A catalogue, read strictly by the engine -> { metadata, pictures, dim, products: [{ id, item }] }.
export async function readCatalogue(path, io) {
  const { listProducts } = await library();
  const catalog = await openStored(path, { signal: io.signal });
  try {
    const { metadata, pictures, dim } = catalog.info;
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const products = listProducts(catalog).map(({ id, item: bytes }, i) => {
      try {
        const item = JSON.parse(decoder.decode(bytes));
        if (isItem(item)) return { id, item };
      } catch {} // told below
      throw new Error(`${path}: the item of product ${i} is not a JSON object of at most 64 levels`);
    });
    return { metadata, pictures, dim, products };
  } finally {
    await catalog.close();
  }
}

// What the items hold: [{ field, type, products, examples }].
export function describeFields(items) {
  const fields = new Map();
  for (const item of items)
    for (const [field, value] of Object.entries(item)) {
      if (!fields.has(field)) fields.set(field, { types: new Set(), products: 0, examples: [] });
      const about = fields.get(field);
      about.types.add(Array.isArray(value) ? 'list' : typeof value);
      about.products++;
      if (about.examples.length < 3 && !about.examples.includes(value)) about.examples.push(value);
    }
  return [...fields].map(([field, { types, products, examples }]) =>
    ({ field, type: [...types].sort().join(' or '), products, examples }));
}
