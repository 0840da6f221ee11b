// Gathers the products of a catalogue. Their pictures become int8 rows at once; the file is written by a worker of
// its own (writer-core.js), to which the products go in pieces and from which the bytes come in pieces. The
// products stay here, so that a crash loses none. The same products in the same order give the same bytes.
import { Client } from './client.js';
import { fail } from '../shared/errors.js';

const always = ['id', 'title', 'url', 'image'];
const pieceBytes = 2 ** 20;

// [[id, { item, rows, pictures }]] -> what one message brings to the worker: the number of its first product, and the
// products
function* pieces(products) {
  let [first, size, piece] = [0, 0, []];
  for (const [id, { item, rows, pictures }] of products) {
    piece.push({ id, item: JSON.stringify(item), rows, pictures });
    size += rows.length + piece.at(-1).item.length;
    if (size < pieceBytes) continue;
    yield [first, piece];
    [first, size, piece] = [first + piece.length, 0, []];
  }
  if (piece.length) yield [first, piece];
}

// The file from the worker, part by part, put into `bytes` too.
async function* takeParts(worker, bytes, signal) {
  for (let at = 0; at < bytes.length;) {
    const part = await worker.call('take', [at], signal);
    bytes.set(part, at);
    at += part.length;
    yield part;
  }
}

// `to`: a stream, a file or folder handle of a page, or what the host knows (Node: a path).
async function write(to, parts, host) {
  const name = 'catalog.safetensors';
  if (await host.writeFile?.(to, parts, name)) return;
  const handle = await to?.getFileHandle?.(name, { create: true }) ?? to;
  const stream = await handle?.createWritable?.() ?? handle;
  if (typeof stream?.getWriter !== 'function')
    fail('bad-argument', 'to is a stream, a file or a folder to write to; leave it out for the bytes.');
  const writer = stream.getWriter();
  try {
    for await (const part of parts) await writer.write(part);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

export function createCatalog(clip, client, { fields = [], fit = 'crop' } = {}) {
  if (fit !== 'crop' && fit !== 'pad') fail('bad-argument', `fit is 'crop' or 'pad', not '${fit}'.`);
  const published = new Set([...always, ...fields]);
  const products = new Map(); // id -> { item, rows: the int8 rows of its pictures, pictures }
  const decoders = new Set();

  // A product with its pictures, or with vectors that embedImage made of them. Of `item` only id,
  // title, url, image and the fields are kept. A picture that fails rejects the whole product.
  async function add({ id, images, vectors, item = {} }, { signal } = {}) {
    if (typeof id !== 'string' || !id) fail('bad-argument', 'A product needs an id that is a text and not empty.');
    id = id.toWellFormed?.() ?? id;
    if (products.has(id)) fail('bad-argument', `There is a product '${id}' already.`);
    products.set(id, null); // holds its place while the pictures are embedded
    try {
      const list = images === undefined ? [] : Array.isArray(images) ? images : [images];
      const made = vectors ? [...vectors] : [];
      for (const image of list) {
        made.push(await clip.embedImage(image, { fit, signal }));
        decoders.add(clip.info.decoder);
      }
      if (!made.length || made.length > 65535) fail('bad-argument', `The product '${id}' needs 1 to 65535 pictures.`);
      if (made.some((vector) => vector.length !== clip.info.dim))
        fail('bad-argument', `A vector of the product '${id}' has not ${clip.info.dim} numbers.`);
      const rows = await client.call('quantise', [made.map((vector) => Float32Array.from(vector))], signal);
      const urls = list.filter((image) => typeof image === 'string');
      const kept = Object.fromEntries(Object.entries(item).filter(([field]) => published.has(field)));
      if (urls.length && kept.image === undefined) kept.image = urls.length === 1 ? urls[0] : urls;
      products.set(id, { item: { ...kept, id }, rows, pictures: made.length });
    } catch (error) {
      products.delete(id);
      throw error;
    }
  }

  async function textId(signal) {
    try {
      return await clip.identify('text', { signal });
    } catch (error) {
      if (error.code !== 'not-a-model') throw error; // a model for pictures only
      return '';
    }
  }

  // -> the file's bytes, also written to `to`: a WritableStream, or what the platform can write to.
  // `decoders` names what decoded pictures that came in as vectors; `model` is the model's address,
  // relative to the file.
  async function save({ to, decoders: others = [], model = '', signal } = {}) {
    const all = [...products].filter(([, product]) => product);
    if (!all.length) fail('bad-argument', 'There is no product to save: add one first.');
    const image = await clip.identify('image', { signal });
    const text = await textId(signal);
    const { preprocess, dim } = clip.info;
    const metadata = {
      'kin.preprocess': preprocess, 'kin.fit': fit, 'kin.image_id': image, 'kin.text_id': text,
      'kin.decoders': [...new Set([...decoders, ...others])].sort().join(','), 'kin.model': model,
    };
    const worker = new Client(client.host, { worker: clip.worker, io: client.io },
      { call: 'writeCatalog', args: [{ dim, metadata }] });
    try {
      await worker.start(signal);
      for (const piece of pieces(all)) await worker.call('add', piece, signal);
      const bytes = new Uint8Array(await worker.call('end', [all.length], signal));
      const parts = takeParts(worker, bytes, signal);
      if (to !== undefined) await write(to, parts, client.host);
      else while (!(await parts.next()).done);
      return bytes;
    } finally {
      await worker.close();
    }
  }

  return { add, save, remove: (id) => products.delete(id), get size() { return products.size; } };
}
