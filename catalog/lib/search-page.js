// The search page for a folder with a catalogue and no page of its own: web/search/, the library beside it, and the
// model that the catalogue was built with. It stands at `/`, what it needs under `/~kin/`.
import { existsSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readInto } from './files.js';
import { manifestOf, modelFolder, readIndex } from './models.js';
import { readHeader } from './tensors.js';

const web = dirname(createRequire(import.meta.url).resolve('#web/index.js')); // by package.json
const header = 2 ** 20; // bytes that are looked at: a catalogue's header takes a thousandth of them

async function readMetadata(path) {
  const handle = await open(path, 'r').catch(() => null);
  if (!handle) return null;
  try {
    const bytes = Buffer.alloc(header);
    return readHeader(bytes.subarray(0, await readInto(handle, bytes, 0)))?.metadata ?? null;
  } finally {
    await handle.close();
  }
}

// The newest catalogue in a folder: { name, imageId, others: names of further ones }, or null.
export async function findCatalogue(root) {
  const found = [];
  for (const name of await readdir(root)) {
    if (!/^[^.].*\.(?:safetensors|kin)$/.test(name)) continue;
    const info = await stat(join(root, name)).catch(() => null);
    const metadata = info?.isFile() ? await readMetadata(join(root, name)) : null;
    if (metadata?.['kin.kind'] === 'catalog') found.push({ name, imageId: metadata['kin.image_id'], time: info.mtimeMs });
  }
  const [newest, ...others] = found.sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1));
  return newest ? { ...newest, others: others.map(({ name }) => name) } : null;
}

// The model's folder for a catalogue: the one that was asked for, else that of the same id among `model/` beside it,
// the embedded one and those fetched, else the embedded one, which then says what is wrong. `known` tells the two apart.
export function findModel(root, { imageId }, { model, dtype, chosen }) {
  const { models, default: embedded } = readIndex();
  const places = chosen ? [model] : [join(root, 'model'), ...Object.entries(models).flatMap(([name, entry]) =>
    ['q8', 'f32'].map((kind) => modelFolder(name, entry, kind)))].filter((place) => existsSync(place));
  const same = places.find((place) => manifestOf(place)?.ids?.image === imageId);
  const folder = same ?? (chosen ? model : modelFolder(embedded, models[embedded]));
  return { folder, known: chosen || same !== undefined, dtype: dtype ?? manifestOf(folder)?.dtype ?? 'q8' };
}

// `wanted`: { model, dtype, chosen }, as --model has it. Looked up anew at every call, since a catalogue may be built
// while the folder is served.
export async function findShop(root, wanted) {
  const catalogue = await findCatalogue(root);
  return catalogue && { catalogue, model: findModel(root, catalogue, wanted) };
}

// What stands at `path`: { folder, path } of a file, { json }, or null.
export async function findPart(root, path, wanted) {
  if (path !== '/' && !path.startsWith('/~kin/')) return null;
  const shop = await findShop(root, wanted);
  if (!shop) return null;
  const { catalogue: { name }, model: { folder, dtype } } = shop;
  if (path === '/') return { folder: web, path: '/search/index.html', anyImages: true };
  if (path === '/~kin/shop.json') return { json: { catalog: encodeURIComponent(name), name, model: '~kin/model/', dtype } };
  if (path.startsWith('/~kin/web/')) return { folder: web, path: path.slice('/~kin/web'.length) };
  if (path.startsWith('/~kin/model/')) return { folder, path: path.slice('/~kin/model'.length) };
  return null;
}
