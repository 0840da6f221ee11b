// A catalogue file read product by product, in memory that does not grow with it: for commands that turn all of it into
// something else. (The engine, which searches, holds it whole.) One part of the file, a tensor, has one buffer that moves
// along it; reading is synchronous, so a product costs no turn of the event loop, and whoever reads gives some away.
//
// Strict as the engine is about what is read here: checksums first, then what docs/format.md says of the tensors.
import { closeSync } from 'node:fs';
import { isItem } from '#web/shared/types.js';
import { crc32More } from './crc32.js';
import { kin } from './name.js';
import { openFile, Part, pieceBytes } from './part.js';
import { readHeader } from './tensors.js';

const maxHeader = 2 ** 24; // the engine's limit is larger, but it is a list of a dozen tensors
const maxText = 2 ** 24; // of one id or item

// name -> [dtype, bytes of one, shape by { M, R, E }]
const layout = {
  item_offsets: ['U64', 8, ({ M }) => [M + 1]], id_offsets: ['U64', 8, ({ M }) => [M + 1]],
  scale: ['F32', 4, ({ R }) => [R]], row_item: ['U32', 4, ({ R }) => [R]], row_picture: ['U16', 2, ({ R }) => [R]],
  vectors: ['I8', 1, ({ R, E }) => [R, E]], ids: ['U8', 1, null], items: ['U8', 1, null],
};

function checkTensors(path, tensors, dataBytes, wrong) {
  const spans = Object.values(tensors).map((tensor) => tensor?.data_offsets);
  const isSpan = (span) => Array.isArray(span) && span.length === 2 && span.every(Number.isSafeInteger);
  if (!spans.every(isSpan)) wrong('a tensor has no place');
  let end = 0;
  for (const [from, to] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (from !== end || to < from) wrong('its tensors overlap or leave gaps');
    end = to;
  }
  if (end !== dataBytes) wrong('its tensors do not end where the file ends');
  const [R, E] = tensors.vectors?.shape ?? [];
  const M = tensors.id_offsets?.shape?.[0] - 1;
  for (const [name, [dtype, width, shape]] of Object.entries(layout)) {
    const tensor = tensors[name];
    const want = shape?.({ M, R, E }) ?? [tensor?.data_offsets[1] - tensor?.data_offsets[0]];
    if (tensor?.dtype !== dtype || JSON.stringify(tensor.shape) !== JSON.stringify(want)
      || !want.every((n) => Number.isSafeInteger(n) && n >= 0)
      || tensor.data_offsets[1] - tensor.data_offsets[0] !== want.reduce((a, b) => a * b, width))
      wrong(`its tensor '${name}' is missing or has another type or shape`);
  }
  if (M === 0) throw new Error(`${path} has no products`);
  if (!(M >= 1 && R >= M && E >= 1 && E <= 4096)) wrong('it has no products or no pictures');
  return { M, R, E };
}

// kin.crc32 of docs/format.md: the header with its own digits as zeros, then each tensor in the order of the file.
function* checkSums(fd, head, sums, tensors, data, wrong) {
  if (!/^(?:[0-9a-f]{8})+$/.test(sums ?? '') || sums.length !== 8 * (1 + Object.keys(tensors).length)) wrong('it has no checksums');
  const at = head.indexOf(sums, 8, 'latin1');
  if (at < 0) wrong('it has no checksums');
  const counted = Buffer.from(head);
  counted.write('00000000', at, 'latin1');
  const check = (k, sum, what) => {
    if (sum.toString(16).padStart(8, '0') !== sums.slice(8 * k, 8 * k + 8)) wrong(`${what} is damaged (its checksum differs)`);
  };
  check(0, crc32More(0, counted), 'its header');
  const start = ([, { data_offsets: [from, to] }]) => [from, to]; // an empty one stands before the one that begins where it lies
  const inOrder = Object.entries(tensors).sort((a, b) => start(a)[0] - start(b)[0] || start(a)[1] - start(b)[1]);
  for (const [k, [name, { data_offsets: [from, to] }]] of inOrder.entries()) {
    const part = new Part(fd, [data + from, data + to], wrong);
    let sum = 0;
    for (let left = to - from; left;) {
      const bytes = part.take(Math.min(left, pieceBytes));
      sum = crc32More(sum, bytes);
      left -= bytes.length;
      yield;
    }
    check(k + 1, sum, `its tensor '${name}'`);
  }
}

// -> { metadata, dim, products: their number, pictures: theirs, check(): a generator that sums the file up, a MiB a step,
//      read(names): an iterator of products, of which only these tensors are read, close() }
// A product: { id, item, pictures: [{ index, row: Int8Array, scale, vector: Float32Array, its unit vector }] }; rows and
// vectors are the same arrays for the next product.
export function openRows(path) {
  const wrong = (why) => { throw new Error(`${path} is not a whole catalogue: ${why} ('${kin} verify' tells more)`); };
  const { fd, size } = openFile(path, `name the catalogue that '${kin} build' wrote`);
  try {
    const length = new Part(fd, [0, size], () => { throw new Error(`${path} is not a catalogue`); }).take(8).readBigUInt64LE();
    if (length > BigInt(Math.min(maxHeader, size - 8))) throw new Error(`${path} is not a catalogue`);
    const data = 8 + Number(length);
    const head = Buffer.from(new Part(fd, [0, data], wrong).take(data));
    const { metadata, tensors } = readHeader(head) ?? {};
    if (metadata?.['kin.kind'] !== 'catalog') throw new Error(`${path} is not a catalogue`);
    if (metadata['kin.format'] !== '2' || metadata['kin.needs'] !== undefined)
      throw new Error(`${path} is a catalogue of another release: build it again`);
    const { M, R, E } = checkTensors(path, tensors, size - data, wrong);
    const part = (name) => new Part(fd, tensors[name].data_offsets.map((at) => data + at), wrong);
    return { metadata, dim: E, products: M, pictures: R, bytes: size,
      check: () => checkSums(fd, head, metadata['kin.crc32'], tensors, data, wrong),
      read: (wanted) => readProducts(part, { M, R, E, ...wanted }, wrong), close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

// A text tensor and its offsets, text by text.
function texts(part, name, of, wrong) {
  const [offsets, bytes] = [part(of), part(name)];
  let start = 0n;
  if (offsets.take(8).readBigUInt64LE() !== 0n) wrong(`its ${of} do not start at 0`);
  return () => {
    const end = offsets.take(8).readBigUInt64LE();
    if (end < start || end - start > BigInt(maxText)) wrong(`its ${of} are out of order, or one is over ${maxText} bytes`);
    const text = bytes.take(Number(end - start));
    start = end;
    return text;
  };
}

function* readProducts(part, { M, R, E, items = true, vectors = true }, wrong) {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const [nextId, nextItem] = [texts(part, 'ids', 'id_offsets', wrong), items && texts(part, 'items', 'item_offsets', wrong)];
  const [rowItem, rowPicture] = [part('row_item'), part('row_picture')];
  const [rows, scales] = vectors ? [part('vectors'), part('scale')] : [];
  let [row, of] = [0, rowItem.take(4).readUInt32LE()]; // the next row and its product
  const held = []; // vectors, for every product anew
  for (let i = 0; i < M; i++) {
    let id, item = null;
    try {
      id = decoder.decode(nextId());
      if (items) item = JSON.parse(decoder.decode(nextItem()));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) wrong(`the id or item of product ${i} cannot be read`);
      throw error;
    }
    if (items && !isItem(item))
      wrong(`the item of product ${i} is not a JSON object of at most 64 levels`);
    if (items && item.id !== id) wrong(`the item of product ${i} has another id`);
    const pictures = [];
    while (row < R && of === i) {
      const picture = { index: rowPicture.take(2).readUInt16LE() };
      const room = held[pictures.length] ??= { row: new Int8Array(E), vector: new Float32Array(E) };
      if (vectors) Object.assign(picture, readRow(rows, scales, E, room, row, wrong));
      pictures.push(picture);
      if (++row < R) of = rowItem.take(4).readUInt32LE();
    }
    if (!pictures.length || row < R && of !== i + 1 || i === M - 1 && row !== R) wrong(`the rows of product ${i} are out of order`);
    yield { id, item, pictures };
  }
}

function readRow(rows, scales, E, { row, vector }, r, wrong) {
  const scale = scales.take(4).readFloatLE();
  const bytes = rows.take(E);
  let squares = 0;
  for (let k = 0; k < E; k++) {
    row[k] = bytes[k];
    squares += row[k] * row[k];
    vector[k] = row[k] * scale;
  }
  if (!(Math.abs(scale * Math.sqrt(squares) - 1) <= 1e-6)) wrong(`the scale of row ${r} is not 1 / its length`);
  return { row, scale, vector };
}
