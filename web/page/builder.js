// Gathers the products of a catalogue. Their pictures become int8 rows at once; the file is written by a worker of
// its own (engine.js), to which the products go in pieces and from which the bytes come in pieces. The
// products stay here, so that a crash loses none. The same products in the same order give the same bytes.
import * as given from './arguments.js';
import { read, shape, wrong } from './arguments.js';
import { onAbort } from './client.js';
import { withEngine } from './engine.js';
import { abortError, fail, KinError, reasonOf } from '../shared/errors.js';
import { is } from '../shared/source.js';
import { outward } from './outward.js';
import { base } from './pack.js';
import { catalogPhrases } from '../shared/phrases.js';
import { isItem } from '../shared/types.js';

const always = ['id', 'title', 'url', 'image'];
const pieceBytes = 2 ** 20;

const creating = shape({ fields: given.listOf(given.text), fit: given.fit });
const adding = shape({ id: given.words, images: given.oneOrMore(given.anything), vectors: given.listOf(given.numbers),
  item: (value, name) => Object.entries(given.object(value, name)) }, ['id']);
const onlySignal = shape({ signal: given.signal });
const saving = shape({ to: given.anything, decoders: given.listOf(given.text), model: given.text, signal: given.signal });

// An item as the file holds it. JSON would leave out or change in silence what it cannot hold; what the writer would refuse is
// refused at once, since save() comes too late to leave a product out.
function asJson(item, name) {
  const json = JSON.stringify(item, (field, value) =>
    (['object', 'string', 'boolean', 'undefined'].includes(typeof value) || Number.isFinite(value) ? value
      : wrong(`'${field}' of ${name} is ${given.shown(value)}, which a catalogue cannot hold.`)));
  return isItem(JSON.parse(json)) ? json : wrong(`The item of ${name} is no object of at most 64 levels.`);
}

const wellFormed = (id) => id.toWellFormed?.() ?? id; // as the file has it

// [id, { item, rows, pictures }], now or later -> what one message brings to the worker: a call for each product
async function* pieces(writer, products) {
  let [size, piece] = [0, []];
  const encoder = new TextEncoder();
  for await (const [id, { item, rows, pictures }] of products) {
    const texts = [id, item].map((text) => encoder.encode(text));
    piece.push(['status', 'kin_writer_add', writer, ...texts.flatMap((text) => [text, text.length]), rows, pictures]);
    size += rows.length + item.length;
    if (size < pieceBytes) continue;
    yield piece;
    [size, piece] = [0, []];
  }
  if (piece.length) yield piece;
}

// The file from the worker, part by part.
async function* takeParts(engine, writer, size) {
  for (let at = 0; at < size;) {
    const part = await engine.take('kin_writer_take', writer, pieceBytes);
    at += part.length;
    yield part;
  }
}

// A file of products, `products` as pieces() takes them -> what use(its bytes' number, its parts as they come) gives.
export async function writeProducts(clip, client, products, { fit, decoders, model, signal }, use) {
  const image = await clip.identify('image', { signal });
  const text = await clip.identify('text', { signal }).catch((error) => {
    if (error.code !== 'not-a-model') throw error; // a model for pictures only
    return '';
  });
  const { preprocess, dim } = clip.info;
  const about = new TextEncoder().encode(JSON.stringify({
    'kin.preprocess': preprocess, 'kin.fit': fit, 'kin.image_id': image, 'kin.text_id': text,
    'kin.decoders': [...decoders].sort().join(','), 'kin.model': model,
  }));
  return withEngine(client.host, { worker: clip.worker, io: client.io }, signal, async (engine) => {
    const writer = await engine.pointer('kin_writer_begin', dim, about, about.length);
    let count = 0;
    for await (const piece of pieces(writer, products)) {
      await engine.run(piece);
      count += piece.length;
    }
    if (count >= engine.facts.limits.nullProducts) { // of a catalogue with null statistics
      const vectors = text ? await clip.embedText(catalogPhrases, { signal }) : [];
      const rows = new Float32Array(vectors.length * dim);
      vectors.forEach((vector, i) => {
        if (vector instanceof Error) throw vector;
        rows.set(vector, i * dim);
      });
      await engine.status('kin_writer_null', writer, rows, vectors.length);
    }
    while (await engine.status('kin_writer_end', writer));
    const size = await engine.number('kin_writer_bytes', writer);
    return use(size, takeParts(engine, writer, size));
  });
}

// `to`: a stream, a file or folder handle of a page, or what the host knows (Node: a path).
async function write(to, parts, host, signal) {
  const name = 'catalog.safetensors';
  let writer, done;
  const aborted = new Promise((_, reject) => { done = signal && onAbort(signal, () => reject(abortError())); });
  aborted.catch(() => {}); // heard where a write is waited for
  try {
    if (await host.writeFile?.(to, parts, name)) return;
    const handle = await to.getFileHandle?.(name, { create: true }) ?? to;
    const stream = await handle.createWritable?.() ?? handle;
    if (typeof stream.getWriter !== 'function')
      wrong('to is a stream, a file or a folder to write to; leave it out for the bytes.');
    writer = stream.getWriter();
    for await (const part of parts) await Promise.race([writer.write(part), aborted]);
    await Promise.race([writer.close(), aborted]);
  } catch (error) {
    writer?.abort(error).catch(() => {}); // the first error is the one to tell, and a stream that is stuck is not waited for
    if (signal?.aborted) throw abortError();
    if (error instanceof KinError) throw error;
    fail('unreadable', `The catalogue cannot be written: ${reasonOf(error)}.`, error);
  } finally {
    done?.();
  }
}

// What an item says of a picture that was given by its address, wherever its catalogue will lie. In Node a path stays one.
function addressOf(image) {
  if (typeof image !== 'string' && !is(image, 'URL')) return '';
  const at = base();
  if (!at) return String(image);
  const { origin, href } = new URL(image, at);
  return href.slice(origin === globalThis.location?.origin ? origin.length : 0);
}

export function createCatalog(clip, client, options) {
  const { fields = [], fit = 'crop' } = read(creating, options, 'createCatalog()');
  const published = new Set([...always, ...fields]);
  const products = new Map(); // id -> { item: its JSON, rows: the int8 rows of its pictures, pictures }
  const decoders = new Set();

  // A product with its pictures, or with vectors that embedImage made of them. Of `item` only id,
  // title, url, image and the fields are kept. A picture that fails rejects the whole product.
  async function add(product, options) {
    const { signal } = read(onlySignal, options, 'add()');
    const { id: called, images = [], vectors = [], item = [] } = read(adding, product, 'A product');
    if (images.length && vectors.length) wrong(`The product '${called}' has images or vectors, not both.`);
    const id = wellFormed(called);
    if (products.has(id)) wrong(`There is a product '${id}' already.`);
    const mine = {}; // holds its place while the pictures are embedded
    products.set(id, mine);
    try {
      const addresses = read(given.listOf(addressOf), images, 'images');
      const kept = Object.fromEntries(item.filter(([field]) => published.has(field)));
      if (addresses.some(Boolean)) kept.image ??= addresses.length === 1 ? addresses[0] : addresses;
      const json = read(asJson, { ...kept, id }, `the product '${id}'`);
      const made = images.length ? await Promise.all(images.map(async (image) => { // all as they are now
        const vector = await clip.embedImage(image, { fit, signal });
        decoders.add(clip.info.decoder);
        return vector;
      })) : vectors;
      if (!made.length || made.length > 65535) wrong(`The product '${id}' needs 1 to 65535 pictures.`);
      if (made.some((vector) => vector.length !== clip.info.dim))
        wrong(`A vector of the product '${id}' has not ${clip.info.dim} numbers.`);
      const rows = await client.call('quantise', [made], signal);
      if (products.get(id) !== mine) throw abortError(); // removed meanwhile
      Object.assign(mine, { item: json, rows, pictures: made.length });
    } catch (error) {
      if (products.get(id) === mine) products.delete(id);
      throw error;
    }
  }

  // -> the file's bytes, also written to `to`: a WritableStream, or what the platform can write to.
  // `decoders` names what decoded pictures that came in as vectors; `model` is the model's address,
  // relative to the file.
  async function save(options) {
    const { to, decoders: others = [], model = '', signal } = read(saving, options, 'save()');
    const all = [...products].filter(([, { rows }]) => rows);
    if (!all.length) wrong('There is no product to save: add one first.');
    const about = { fit, decoders: new Set([...decoders, ...others]), model, signal };
    return writeProducts(clip, client, all, about, async (size, parts) => {
      const bytes = new Uint8Array(size);
      let at = 0;
      const kept = (async function* () {
        for await (const part of parts) {
          bytes.set(part, at);
          at += part.length;
          yield part;
        }
      })();
      if (to !== undefined) await write(to, kept, client.host, signal);
      else while (!(await kept.next()).done);
      return bytes;
    });
  }

  const remove = (id) => products.delete(wellFormed(read(given.id, id, 'An id')));
  return outward({ add, save, remove, get size() { return products.size; } });
}
