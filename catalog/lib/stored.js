// Catalogues and model folders as they lie on disk, for `inspect` and `verify`. The engine reads
// them to use them; this reads them to say what is there.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readHeader } from './tensors.js';

// A path -> { kind: 'model' | 'catalog', manifest }.
export async function whatIs(path) {
  const info = await stat(path).catch(() => null);
  if (!info) throw new Error(`there is no ${path}`);
  if (!info.isDirectory()) return { kind: 'catalog', manifest: null };
  const names = await readdir(path);
  let manifest = null;
  if (names.includes('manifest.json')) {
    try {
      manifest = JSON.parse(await readFile(join(path, 'manifest.json'), 'utf8'));
    } catch {
      throw new Error(`${join(path, 'manifest.json')} is not JSON`);
    }
  }
  if (manifest?.kind === 'catalog' || manifest?.kind === 'model')
    return { kind: manifest.kind, manifest };
  if (names.includes('config.json')) return { kind: 'model', manifest: null };
  throw new Error(`${path} is neither a catalogue nor a model: it has no manifest.json of Kin's ` +
    'and no config.json');
}

const arrays = { U64: BigUint64Array, U32: Uint32Array, F32: Float32Array, U16: Uint16Array,
  I8: Int8Array, U8: Uint8Array };

// A catalogue's bytes -> { metadata, names, array(name), shape(name), ids(), items() }.
export function readCatalogue(bytes, path) {
  const header = readHeader(bytes);
  if (header?.metadata['kin.kind'] !== 'catalog') throw new Error(`${path} is not a catalogue`);
  const start = 8 + Number(Buffer.from(bytes.buffer, bytes.byteOffset, 8).readBigUInt64LE());
  const array = (name) => {
    const tensor = header.tensors[name];
    if (!tensor) throw new Error(`${path} has no '${name}'`);
    const [begin, end] = tensor.data_offsets;
    const part = bytes.slice(start + begin, start + end);
    const Type = arrays[tensor.dtype];
    return new Type(part.buffer, part.byteOffset, part.length / Type.BYTES_PER_ELEMENT);
  };
  const texts = (offsets, data) => {
    const at = array(offsets);
    const all = array(data);
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return Array.from({ length: at.length - 1 }, (_, i) => {
      try {
        return decoder.decode(all.subarray(Number(at[i]), Number(at[i + 1])));
      } catch {
        throw new Error(`${path}: product ${i}'s part of '${data}' is not UTF-8`);
      }
    });
  };
  return {
    metadata: header.metadata, names: Object.keys(header.tensors), array,
    shape: (name) => header.tensors[name]?.shape,
    ids: () => texts('id_offsets', 'ids'),
    items: () => texts('item_offsets', 'items').map((line, i) => {
      try {
        return JSON.parse(line);
      } catch {
        throw new Error(`${path}: the item of product ${i} is not JSON`);
      }
    }),
  };
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
