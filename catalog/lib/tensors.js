// safetensors for the web: no file over 20 MiB, big tensors split by rows, same input same bytes.
//   u64 little-endian header length | JSON, spaces up to a multiple of 8 | tensors back to back,
//   widest dtype first, so that each is aligned to its size

import { open } from 'node:fs/promises';
import { crc32 } from './crc32.js';
import { forReading, readInto } from './files.js';

const MiB = 2 ** 20;
const maxPiece = 16 * MiB;
// A file's tensors; the rest of the 20 MiB is the header's, which needs some 140 bytes a tensor.
const maxData = 19.5 * MiB;
const sizes = { U64: 8, I64: 8, F64: 8, F32: 4, U32: 4, I32: 4, F16: 2, BF16: 2, U16: 2, I16: 2,
  U8: 1, I8: 1, BOOL: 1 };

const byteOrder = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
export const widestFirst = (a, b) => sizes[b.dtype] - sizes[a.dtype] || byteOrder(a.name, b.name);

// `<name>@<first row>` pieces of at most 16 MiB; a small tensor is its own only piece.
function split(tensor) {
  const { name, dtype, shape, bytes } = tensor;
  if (bytes.length <= maxPiece) return [tensor];
  const rowBytes = bytes.length / shape[0];
  const fitting = Math.floor(maxPiece / rowBytes);
  const rows = fitting >= 8 ? fitting - fitting % 8 : fitting; // the engine packs weights in panels of 8 rows
  if (rows < 1) throw new Error(`one row of ${name} is larger than ${maxPiece / MiB} MiB`);
  const pieces = [];
  for (let first = 0; first < shape[0]; first += rows) {
    const n = Math.min(rows, shape[0] - first);
    pieces.push({ name: `${name}@${first}`, dtype, shape: [n, ...shape.slice(1)],
      bytes: bytes.subarray(first * rowBytes, (first + n) * rowBytes) });
  }
  return pieces;
}

// kin.crc32, docs/format.md: eight digits for the header, zeros until it is whole, then eight a tensor.
export function fileParts(tensors, metadata) {
  const sums = ['00000000', ...tensors.map(({ bytes }) => crc32(bytes))].join('');
  const header = { __metadata__: { ...metadata, 'kin.crc32': sums } };
  let end = 0;
  for (const { name, dtype, shape, bytes } of tensors)
    header[name] = { dtype, shape, data_offsets: [end, end += bytes.length] };
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, 0x20);
  head.writeBigUInt64LE(BigInt(head.length - 8));
  json.copy(head, 8);
  head.write(crc32(head), head.indexOf(`"kin.crc32":"${sums}"`) + '"kin.crc32":"'.length);
  return [head, ...tensors.map((tensor) => tensor.bytes)];
}

// tensors: [{ name, dtype, shape, bytes }] -> [{ name, bytes: parts }]: `<stem>.safetensors`, or
// shards with the index that Hugging Face's loaders read.
export function tensorFiles(stem, tensors, metadata) {
  const pieces = [...tensors].sort(widestFirst).flatMap(split);
  const shards = [[]];
  let size = 0;
  for (const piece of pieces) {
    if (size + piece.bytes.length > maxData && shards.at(-1).length) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1).push(piece);
    size += piece.bytes.length;
  }
  if (shards.length === 1)
    return [{ name: `${stem}.safetensors`, bytes: fileParts(shards[0], metadata) }];
  const number = (n) => String(n).padStart(5, '0');
  const names = shards.map((_, i) =>
    `${stem}-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  const weightMap = {};
  shards.forEach((shard, i) => shard.forEach((piece) => { weightMap[piece.name] = names[i]; }));
  const total = pieces.reduce((n, piece) => n + piece.bytes.length, 0);
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  return [
    ...shards.map((shard, i) => ({ name: names[i], bytes: fileParts(shard, metadata) })),
    { name: `${stem}.safetensors.index.json`,
      bytes: Buffer.from(JSON.stringify(index, null, 2) + '\n') },
  ];
}

// The header of a file's first bytes -> { metadata, tensors }, or null if it is no safetensors
// file. For looking, not for loading: the engine reads strictly.
export function readHeader(bytes) {
  if (bytes.length < 16) return null;
  const n = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (n > BigInt(bytes.length - 8)) return null;
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + Number(n))));
    const { __metadata__: metadata = {}, ...tensors } = header;
    return { metadata, tensors };
  } catch {
    return null;
  }
}

// The same of a file, of which nothing but the header is read.
export async function readFileHeader(path) {
  const handle = await open(path, forReading);
  try {
    const length = Buffer.alloc(8);
    const n = await readInto(handle, length, 0) === 8 ? length.readBigUInt64LE() : 0n;
    if (n > 100_000_000n) return null;
    const head = Buffer.alloc(8 + Number(n));
    return readHeader(head.subarray(0, await readInto(handle, head, 0)));
  } finally {
    await handle.close();
  }
}
