// Makes a catalogue file: a strict safetensors file whose layout src/catalog.h states. The same
// products in the same order give the same bytes.
import { fail } from '../shared/errors.js';

const encoder = new TextEncoder();
const always = ['id', 'title', 'url', 'image'];

function compareBytes(a, b) {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function join(parts) {
  const offsets = new BigUint64Array(parts.length + 1);
  let end = 0;
  parts.forEach((part, i) => { offsets[i + 1] = BigInt(end += part.length); });
  const bytes = new Uint8Array(end);
  parts.forEach((part, i) => bytes.set(part, Number(offsets[i])));
  return { offsets, bytes };
}

const dtypes = new Map([[BigUint64Array, 'U64'], [Float32Array, 'F32'], [Uint32Array, 'U32'], [Uint16Array, 'U16'],
  [Int8Array, 'I8'], [Uint8Array, 'U8']]);

// tensors: [[name, typed array, shape]], widest dtype first so that each is aligned.
function safetensors(metadata, tensors) {
  const header = { __metadata__: metadata };
  let end = 0;
  for (const [name, data, shape = [data.length]] of tensors)
    header[name] = { dtype: dtypes.get(data.constructor), shape, data_offsets: [end, end += data.byteLength] };
  const json = encoder.encode(JSON.stringify(header));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(start + end).fill(32, 8, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.set(json, 8);
  for (const [name, data] of tensors)
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + header[name].data_offsets[0]);
  return file;
}

// `to`: a stream, a file or folder handle of a page, or what the host knows (Node: a path).
async function write(to, bytes, host) {
  const name = 'catalog.safetensors';
  if (await host.writeFile?.(to, bytes, name)) return;
  const handle = await to?.getFileHandle?.(name, { create: true }) ?? to;
  const stream = await handle?.createWritable?.() ?? handle;
  if (typeof stream?.getWriter !== 'function')
    fail('bad-argument', 'to is a stream, a file or a folder to write to; leave it out for the bytes.');
  const writer = stream.getWriter();
  await writer.write(bytes);
  await writer.close();
}

export function createCatalog(clip, client, { fields = [], fit = 'crop' } = {}) {
  if (fit !== 'crop' && fit !== 'pad') fail('bad-argument', `fit is 'crop' or 'pad', not '${fit}'.`);
  const published = new Set([...always, ...fields]);
  const products = new Map(); // id -> { item, rows: [{ row, scale }] }
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
      products.set(id, { item: { ...kept, id }, rows });
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
    const { preprocess, numerics, dim } = clip.info;
    const keys = all.map(([id]) => encoder.encode(id));
    const ids = join(keys);
    const items = join(all.map(([, { item }]) => encoder.encode(`${JSON.stringify(item)}\n`)));
    const rows = all.flatMap(([, product], i) => product.rows.map(({ row, scale }, picture) => ({ row, scale, i, picture })));
    const vectors = new Int8Array(rows.length * dim);
    rows.forEach(({ row }, r) => vectors.set(row, r * dim));
    const metadata = {
      'kin.format': '1', 'kin.kind': 'catalog', 'kin.numerics': String(numerics), 'kin.preprocess': preprocess,
      'kin.fit': fit, 'kin.image_id': image, 'kin.text_id': text,
      'kin.decoders': [...new Set([...decoders, ...others])].sort().join(','), 'kin.model': model,
    };
    const bytes = safetensors(metadata, [
      ['item_offsets', items.offsets], ['id_offsets', ids.offsets],
      ['scale', Float32Array.from(rows, ({ scale }) => scale)],
      ['row_item', Uint32Array.from(rows, ({ i }) => i)],
      ['id_order', Uint32Array.from(keys.keys()).sort((a, b) => compareBytes(keys[a], keys[b]))],
      ['row_picture', Uint16Array.from(rows, ({ picture }) => picture)],
      ['vectors', vectors, [rows.length, dim]], ['ids', ids.bytes], ['items', items.bytes],
    ]);
    if (to !== undefined) await write(to, bytes, client.host);
    return bytes;
  }

  return { add, save, remove: (id) => products.delete(id), get size() { return products.size; } };
}
