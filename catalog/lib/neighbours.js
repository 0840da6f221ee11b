// Many searches of one catalogue by its own rows, in an engine of this thread: what a message to a worker and its answer
// cost is more than the search itself. No model is needed. The engine checks the file and holds it.
import { readFile, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { addTypes, isItem } from '#web/shared/types.js';
import { compileFilter, openBytes, openSearching } from './engine.js';
import { fileOf, openProducts } from './product-rows.js';

// -> { about, products: how many, pictures, dim, bytes: of the catalogue, rowItem, firstRow, rowPicture, id(i), item(i), maskOf(filter), vector(row),
//      nearest(query, k, how) }
export async function openNeighbours(path, io) {
  const engine = await openSearching();
  const { file, size, numbers } = await bytesOf(path, engine.facts.limits.catalogBytes, io);
  const { catalog, about, tensor } = await openBytes(engine, file).catch((error) => {
    throw new Error(`${path}: ${error.message.replace(/^The catalogue: /, '')}`);
  });
  const { products, pictures, dim } = about;
  const [ids, idOffsets, items, itemOffsets] = ['ids', 'id_offsets', 'items', 'item_offsets'].map(tensor);
  const rowItem = tensor('row_item'), rowPicture = numbers ?? tensor('row_picture');
  const firstRow = new Uint32Array(products + 1);
  for (let row = pictures - 1; row >= 0; row--) firstRow[rowItem[row]] = row;
  firstRow[products] = pictures;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const text = (offsets, bytes, i) => decoder.decode(bytes.subarray(Number(offsets[i]), Number(offsets[i + 1])));

  function item(i) {
    let value = null;
    try {
      value = JSON.parse(text(itemOffsets, items, i));
    } catch {} // told below
    if (!isItem(value))
      throw new Error(`${path}: the item of product ${i} is not a JSON object of at most 64 levels`);
    return value;
  }

  // Which products pass a filter, as the engine takes it.
  async function maskOf(filter) {
    const types = new Map();
    for (let i = 0; i < products; i++) addTypes(types, item(i));
    const passes = await compileFilter(filter, Object.fromEntries(types));
    const mask = engine.allocate(products);
    const view = engine.view(mask, products);
    for (let i = 0; i < products; i++) view[i] = passes(item(i)) ? 1 : 0;
    return mask;
  }

  const query = engine.allocate(4 * dim);
  let [room, rows, scores, total] = [0, 0, 0, 0];
  function makeRoom(cap) {
    if (cap <= room) return;
    for (const at of [rows, scores, total]) engine.free(at);
    [rows, scores, total] = [engine.allocate(4 * cap), engine.allocate(4 * cap), engine.allocate(4)];
    room = cap;
  }

  // The k products nearest to a row or a vector of length 1, best first: [{ row, product, score }]; `mask`: of maskOf;
  // `but`: a product to leave out.
  function nearest(of, k, { mask = 0, but = -1 } = {}) {
    const cap = Math.min(products, k + (but >= 0 ? 1 : 0));
    makeRoom(cap);
    if (typeof of === 'number') engine.call('kin_catalog_vector', catalog, of, query);
    else new Float32Array(engine.memory.buffer, query, dim).set(of);
    const n = engine.call('kin_catalog_search', catalog, query, 0, mask, -Infinity, 0, 0, rows, scores, cap, total);
    const [found, cosines] = [new Uint32Array(engine.memory.buffer, rows, n), new Float32Array(engine.memory.buffer, scores, n)];
    return Array.from(found, (row, i) => ({ row, product: rowItem[row], score: cosines[i] }))
      .filter(({ product }) => product !== but).slice(0, k);
  }

  function vector(row) {
    engine.call('kin_catalog_vector', catalog, row, query);
    return engine.floats(query, dim);
  }

  const id = (i) => text(idOffsets, ids, i);
  return { about, products, pictures, dim, bytes: size, rowItem, rowPicture, firstRow, id, item, maskOf, nearest, vector };
}

// What the engine holds: a file's own bytes; of a published folder those of a file of the same products, and which of a product's
// pictures each row is, since a writer counts them.
async function bytesOf(path, most, io) {
  const info = await stat(path).catch(() => null);
  if (!info) throw new Error(`there is no ${path}`);
  if (info.isDirectory()) {
    const rows = await openProducts(path, io);
    const numbers = Array.from(rows.read({ items: false, vectors: false }), ({ pictures }) => pictures.map(({ index }) => index));
    return { file: await fileOf(rows), size: rows.bytes, numbers: Uint16Array.from(numbers.flat()) };
  }
  if (!info.isFile()) throw new Error(`${path} is not a file: name the catalogue that a build wrote`);
  if (info.size > most) throw new Error(`${path} is too large for a catalogue`);
  return { file: await readFile(path), size: info.size };
}

// Runs work(i) for 0 … n - 1; between some of them the event loop gets a turn, in which Ctrl-C is heard.
export async function each(n, io, what, work) {
  const progress = io.progress(what, n);
  for (let i = 0; i < n; i++) {
    work(i);
    progress(i + 1);
    if (i % 16) continue;
    await setImmediate();
    io.signal.throwIfAborted();
  }
}
