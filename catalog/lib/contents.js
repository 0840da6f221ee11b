// What a catalogue holds, in one form whether it lies in a file or in a folder, for whoever writes it anew:
//
//   { metadata, dim, ids: [string], rowStart: Uint32Array [M+1], rowPicture: Uint16Array [R], vectors: Int8Array [R, dim],
//     scale: Float32Array [R], nulls: Float32Array [R, 4] | null, nullBest: [2 numbers] | null,
//     markets: Map of locale, '' the catalogue's own -> { items: Buffer, offsets: Uint32Array [M+1] } }
//
// metadata are those that a base keeps. An item is the bytes of its JSON and a newline, none where a market lacks the product.
import { readFile } from 'node:fs/promises';
import { isItem } from '#web/shared/types.js';
import { library } from './engine.js';
import { forReading } from './files.js';
import { saidOf } from './stored.js';
import { readHeader } from './tensors.js';

const kept = /^kin\.(?!format$|kind$|crc32$|needs$)/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const itemBytes = ({ items, offsets }, i) => items.subarray(offsets[i], offsets[i + 1]);
export const rowBytes = ({ vectors, rowStart, dim }, i) => vectors.subarray(rowStart[i] * dim, rowStart[i + 1] * dim);

// The item of product i, or null where the market lacks it.
export function itemOf(market, i, what) {
  const bytes = itemBytes(market, i);
  if (!bytes.length) return null;
  try {
    const item = JSON.parse(decoder.decode(bytes));
    if (isItem(item)) return item;
  } catch {} // told below
  throw new Error(`${what}: the item of product ${i} is not a JSON object of at most 64 levels`);
}

// A catalogue file, of which the engine has checked the very bytes that are read here.
export async function readCatalogueFile(path, io) {
  const bytes = await readFile(path, { flag: forReading }).catch((error) => {
    const why = { ENOENT: 'there is no such file', EISDIR: 'it is a folder; publish takes a catalogue file', ERR_FS_FILE_TOO_LARGE:
      'it is larger than 2 GiB' }[error.code] ?? error.code;
    throw new Error(`cannot read ${path}: ${why}`);
  });
  const { openCatalog } = await library();
  const catalog = await openCatalog(bytes, { signal: io.signal }).catch((error) => {
    throw saidOf(path, error);
  });
  const { metadata, dim, products } = catalog.info;
  await catalog.close();
  if (!products) throw new Error(`${path} has no products`);
  const { tensors } = readHeader(bytes);
  const data = bytes.byteOffset + 8 + Number(bytes.readBigUInt64LE());
  const part = (name, Type) => {
    if (!tensors[name]) return null;
    const [from, to] = tensors[name].data_offsets;
    return new Type(bytes.buffer.slice(data + from, data + to));
  };
  const within = (name) => {
    const [from, to] = tensors[name].data_offsets;
    return Buffer.from(bytes.buffer, data + from, to - from);
  };
  const offsets = (name) => Uint32Array.from(part(name, BigUint64Array), Number);
  const [idBytes, idOffsets, rowItem] = [within('ids'), offsets('id_offsets'), part('row_item', Uint32Array)];
  const rowStart = new Uint32Array(products + 1);
  for (const product of rowItem) rowStart[product + 1]++;
  for (let i = 0; i < products; i++) rowStart[i + 1] += rowStart[i];
  const vectors = within('vectors');
  const nullBest = part('null_best', Float32Array), nulls = nullBest && part('null', Float32Array);
  return {
    dim, metadata: Object.fromEntries(Object.entries(metadata)
      .filter(([key]) => kept.test(key) && (nulls || key !== 'kin.null')).sort()),
    ids: Array.from({ length: products }, (_, i) => decoder.decode(idBytes.subarray(idOffsets[i], idOffsets[i + 1]))),
    rowStart, rowPicture: part('row_picture', Uint16Array),
    vectors: new Int8Array(vectors.buffer, vectors.byteOffset, vectors.length),
    scale: part('scale', Float32Array), nulls, nullBest: nulls && [...nullBest],
    markets: new Map([['', { items: within('items'), offsets: offsets('item_offsets') }]]),
  };
}
