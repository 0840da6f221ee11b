// A whole catalogue as the files of a base (docs/format.md): products in an order in which near ones lie together, rows
// in shards, codes and ids for the first hits, items and columns of each market. The same contents give the same files.
import { clusterOrder } from './cluster.js';
import { codeBytes, codesOf, farCodesOf, trainCodes } from './codes.js';
import { makeColumns, makeSold } from './columns.js';
import { itemBytes } from './contents.js';
import { format, makeBase, makePart, maxPart } from './parts.js';

// Chosen by the table of bench/shards.js (docs/large.md): shards of 64 rows of 256 numbers, 18 KB, and what a query reads.
const shardBytes = 64 * 276;
const query = { rows: 256, bytes: 512 * 1024, textBytes: 2 * 1024 * 1024 };
const chosenFor = 80000; // rows: among more a query reads as large a share, so among a million 12.5 times as much
// A query in words, by how many planes of finer codes there are: as many as `farBytes` have room for.
const words = [null, { rows: 512, bytes: 3 * 2 ** 20 }, { rows: 256, bytes: 2 ** 20 }, { rows: 64, bytes: 512 * 1024 }];
const farBytes = 32 * 2 ** 20;
const itemsPerFile = 64;
const codeFile = 2 ** 20; // bytes: so that codes come several files at a time
const idsPerFile = 65536;
// Many files are slow to upload, and their hashes stand in the base: beyond so many they hold twice as much each.
const mostShards = 32000, mostItemFiles = 4000;

// The power of two nearest to what was chosen, doubled until there are few enough.
function rowsOfShard(rows, dim) {
  let n = 2 ** Math.max(3, Math.round(Math.log2(shardBytes / (dim + 20))));
  while (rows / n > mostShards) n *= 2;
  return n;
}

const farPlanes = (rows, dim) => Math.min(words.length - 1, Math.floor(farBytes / (rows * codeBytes(dim))));

// Finer codes, for words (codes.js).
function makeFar({ vectors, scale, dim }, trained, planes) {
  const width = planes * codeBytes(dim), each = Math.floor(codeFile / (width + 4));
  return { each, parts: [...ranges(scale.length, each)].map(([from, to]) => makePart('far', { scale: scale.subarray(from, to),
    far: [farCodesOf(vectors.subarray(from * dim, to * dim), dim, trained, planes), width] })) };
}

// How many products a file may have of those that `sizes` (bytes of each, in order) gives, so that none is too large.
function perFile(sizes, most) {
  const room = maxPart - 2 ** 16; // the rest is the header's
  for (let n = most; n > 1; n = Math.ceil(n / 2)) {
    let [sum, fits] = [0, true];
    sizes.forEach((size, i) => {
      sum = i % n ? sum + size : size;
      if (sum > room) fits = false;
    });
    if (fits) return n;
  }
  return 1;
}

// Offsets of pieces and the pieces one after the other.
export function packed(pieces) {
  const offsets = new Uint32Array(pieces.length + 1);
  pieces.forEach((piece, i) => { offsets[i + 1] = offsets[i] + piece.length; });
  return { offsets, bytes: Buffer.concat(pieces) };
}

// A product as a point: the sum of its rows at length 1, in bytes again.
function pointsOf({ ids, dim, rowStart, vectors, scale }) {
  if (rowStart[ids.length] === ids.length) return { points: vectors, scale };
  const [points, lengths, sum] = [new Int8Array(ids.length * dim), new Float32Array(ids.length), new Float64Array(dim)];
  for (let i = 0; i < ids.length; i++) {
    sum.fill(0);
    for (let row = rowStart[i]; row < rowStart[i + 1]; row++)
      for (let k = 0; k < dim; k++) sum[k] += vectors[row * dim + k] * scale[row];
    let most = 0, squares = 0;
    for (const value of sum) most = Math.max(most, Math.abs(value));
    for (let k = 0; k < dim; k++) {
      const value = most && Math.round(sum[k] * 127 / most);
      points[i * dim + k] = value;
      squares += value * value;
    }
    lengths[i] = squares && 1 / Math.sqrt(squares);
  }
  return { points, scale: lengths };
}

const clustered = (contents, shardRows, told) => {
  const { dim, rowStart } = contents;
  const rows = Uint16Array.from(contents.ids, (_, i) => rowStart[i + 1] - rowStart[i]);
  return clusterOrder({ ...pointsOf(contents), dim, rows }, shardRows, told);
};

// Rows in the order of their products; `size` values each.
function gathered(values, size, order, rowStart) {
  const out = new values.constructor(values.length);
  let at = 0;
  for (const i of order) {
    const rows = values.subarray(rowStart[i] * size, rowStart[i + 1] * size);
    out.set(rows, at);
    at += rows.length;
  }
  return out;
}

function* ranges(all, each) {
  for (let from = 0; from < all; from += each) yield [from, Math.min(all, from + each)];
}

// Bit r: row from + r is its product's first one. So the first hits need no ids.
export function startBits(rowStart, from, to) {
  const bits = new Uint8Array(Math.ceil((to - from) / 8));
  let low = 0, high = rowStart.length - 1; // the first product that begins at `from` or behind it
  while (low < high) {
    const middle = low + high >>> 1;
    if (rowStart[middle] < from) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < rowStart.length - 1 && rowStart[i] < to; i++) {
    const bit = rowStart[i] - from;
    bits[bit >> 3] |= 1 << (bit & 7);
  }
  return bits;
}

function makeIds(contents, order) {
  const { rowStart, rowPicture } = contents;
  const ids = Array.from(order, (i) => Buffer.from(contents.ids[i]));
  const each = perFile(ids.map((id, k) => id.length + 6 + 2 * (rowStart[order[k] + 1] - rowStart[order[k]])), idsPerFile);
  let pictures = false;
  const parts = [...ranges(order.length, each)].map(([from, to]) => {
    const { offsets, bytes } = packed(ids.slice(from, to));
    const some = order.subarray(from, to), count = Uint16Array.from(some, (i) => rowStart[i + 1] - rowStart[i]);
    const numbers = Array.from(some, (i) => rowPicture.subarray(rowStart[i], rowStart[i + 1]));
    const plain = numbers.every((list) => list.every((picture, k) => picture === k));
    if (!plain) pictures = true;
    return makePart('ids', { id_offsets: offsets, row_count: count, ids: bytes,
      ...plain ? {} : { row_picture: Uint16Array.from(numbers.flatMap((list) => [...list])) } });
  });
  return { each, parts, pictures };
}

function makeItems(market, order) {
  const items = Array.from(order, (i) => itemBytes(market, i));
  let most = itemsPerFile;
  while (order.length / most > mostItemFiles) most *= 2;
  const each = perFile(items.map((item) => item.length + 4), most);
  return { each, parts: [...ranges(order.length, each)].map(([from, to]) => {
    const { offsets, bytes } = packed(items.slice(from, to));
    return makePart('items', { item_offsets: offsets, items: bytes });
  }) };
}

const hashes = (parts) => parts.map(({ hash }) => hash);
const base64 = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');

// -> { base: the JSON, part: its file, parts: all others, left: fields without a column, ordered: rows as the base has them }
// told(done): as clusterOrder's
export async function makeBaseFiles(contents, what, told) {
  const { dim, rowStart, metadata, nullBest } = contents;
  const rows = contents.scale.length, shardRows = rowsOfShard(rows, dim);
  const order = await clustered(contents, shardRows, told);
  const sorted = (values, size) => gathered(values, size, order, rowStart);
  const vectors = sorted(contents.vectors, dim), scale = sorted(contents.scale, 1);
  const nulls = contents.nulls && sorted(contents.nulls, 4);
  const { mean, spread } = trainCodes(vectors, dim);
  const rowStarts = new Uint32Array(order.length + 1);
  order.forEach((i, place) => { rowStarts[place + 1] = rowStarts[place] + rowStart[i + 1] - rowStart[i]; });
  const codesEach = Math.floor(codeFile / codeBytes(dim));
  const codes = [...ranges(rows, codesEach)].map(([from, to]) => makePart('codes', { starts: startBits(rowStarts, from, to),
    codes: [codesOf(vectors.subarray(from * dim, to * dim), dim, mean), codeBytes(dim)] }));
  const shards = [...ranges(rows, shardRows)].map(([from, to]) => makePart('shard', { scale: scale.subarray(from, to),
    ...nulls ? { null: [nulls.subarray(4 * from, 4 * to), 4] } : {}, vectors: [vectors.subarray(from * dim, to * dim), dim] }));
  const within = (bytes) => Math.max(1, Math.floor(bytes / shards[0].bytes.length));
  const share = Math.max(1, rows / chosenFor);
  const planes = shards.length > within(query.bytes) ? farPlanes(rows, dim) : 0; // fewer shards are read whole
  const far = planes && makeFar({ vectors, scale, dim }, { mean, spread }, planes);
  const ids = makeIds(contents, order);
  const parts = [...codes, ...far ? far.parts : [], ...shards, ...ids.parts], left = [];
  const markets = {};
  for (const [locale, market] of contents.markets) {
    const items = makeItems(market, order), columns = makeColumns(market, order, what);
    parts.push(...items.parts);
    const sold = makeSold(market, order);
    if (sold) parts.push(sold);
    markets[locale] = { products_per_file: items.each, files: hashes(items.parts), ...sold && { sold: sold.hash },
      columns: Object.fromEntries(columns.map(({ field, type, part }) => [field, { type, file: part?.hash ?? null }])) };
    for (const { field, part } of columns) part ? parts.push(part) : left.push(field);
  }
  const base = {
    kind: 'catalog', format, metadata, products: contents.ids.length, rows, dim, null_best: nullBest,
    mean: base64(mean), spread: base64(spread),
    near: { rows: Math.round(query.rows * share), shards: within(query.bytes * share),
      text_shards: within(Math.max(query.textBytes, query.bytes * share)) },
    codes: { rows_per_file: codesEach, files: hashes(codes) },
    ...far && { far: { planes, rows: words[planes].rows, shards: within(words[planes].bytes), rows_per_file: far.each,
      files: hashes(far.parts) } },
    ids: { products_per_file: ids.each, files: hashes(ids.parts), ...ids.pictures && { pictures: true } },
    shards: { rows_per_file: shardRows, files: hashes(shards) },
    markets,
  };
  const large = parts.find(({ bytes }) => bytes.length > maxPart);
  if (large) throw new Error(`${what}: a product is too large for a file of 20 MiB`);
  return { base, part: makeBase(base), parts, left, ordered: { vectors, scale, rowStart: rowStarts, dim } };
}
