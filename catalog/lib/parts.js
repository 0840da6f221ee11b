// The files of a catalogue as a folder (docs/format.md): each is named by what it is and by the hash of its bytes, so
// that it never changes, and is held against its name before it is used. Except for the base they are safetensors.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from './crc32.js';
import { forReading } from './files.js';
import { fileParts, readHeader, widestFirst } from './tensors.js';

export const format = 2;
export const maxPart = 20 * 2 ** 20;
const kinds = ['codes', 'far', 'ids', 'shard', 'items', 'column', 'delta'];
const own = new RegExp(`^(?:base-[\\w-]{22}\\.json|(?:${kinds.join('|')})-[\\w-]{22}\\.safetensors)$`);

export const isPartName = (name) => typeof name === 'string' && own.test(name);
export const partName = (kind, hash) => `${kind}-${hash}.${kind === 'base' ? 'json' : 'safetensors'}`;

// The first 22 characters of base64url(SHA-256), 132 bits.
export function hashOf(bytes) {
  const hash = createHash('sha256');
  for (const part of [bytes].flat()) hash.update(part);
  return hash.digest('base64url').slice(0, 22);
}

const arrays = { F64: Float64Array, F32: Float32Array, U32: Uint32Array, U16: Uint16Array, I8: Int8Array, U8: Uint8Array };
const dtypeOf = new Map(Object.entries(arrays).map(([dtype, type]) => [type, dtype]));
const rawBytes = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

// tensors: { name: typed array, or [typed array, columns] of a matrix } -> { kind, hash, name, bytes }
export function makePart(kind, tensors) {
  const list = Object.entries(tensors).map(([name, value]) => {
    const [values, columns] = Array.isArray(value) ? value : [value];
    const type = values instanceof Buffer ? Uint8Array : values.constructor;
    const shape = columns ? [values.length / columns, columns] : [values.length];
    return { name, dtype: dtypeOf.get(type), shape, bytes: rawBytes(values) };
  });
  const metadata = { 'kin.format': String(format), 'kin.kind': `catalog-${kind}` };
  return named(kind, Buffer.concat(fileParts(list.sort(widestFirst), metadata)));
}

export function makeBase(base) {
  return named('base', Buffer.from(`${JSON.stringify(base)}\n`));
}

function named(kind, bytes) {
  const hash = hashOf(bytes);
  return { kind, hash, name: partName(kind, hash), bytes };
}

// The bytes of a file of the folder, which must be those that its name says.
export async function readPartBytes(folder, kind, hash) {
  const name = partName(kind, hash);
  if (!isPartName(name)) throw new Error(`${folder}: '${name}' is no name of a file of a catalogue`);
  const path = join(folder, name);
  const bytes = await readFile(path, { flag: forReading }).catch((error) => {
    throw new Error(error.code === 'ENOENT' ? `${path} is missing` : `${path} cannot be read (${error.code})`);
  });
  if (bytes.length > maxPart) throw new Error(`${path} has ${bytes.length} bytes, more than any such file`);
  if (hashOf(bytes) !== hash) throw new Error(`${path} has other bytes than its name says`);
  return bytes;
}

const sumKey = '"kin.crc32":"';

// -> { name: typed array, a copy }; `wanted`: { name: [dtype, how many values] }, with null for any number; a name with
// ? may be missing. Names that are not wanted are left alone.
export function readTensors(path, kind, bytes, wanted) {
  const bad = (what) => new Error(`${path} ${what}`);
  const { metadata, tensors } = readHeader(bytes) ?? {};
  if (metadata?.['kin.kind'] !== `catalog-${kind}`) throw bad(`is not a catalogue's ${kind}`);
  if (metadata['kin.format'] !== String(format))
    throw bad(`has format ${metadata['kin.format']}, which this release does not know`);
  const data = 8 + Number(bytes.readBigUInt64LE());
  const head = Buffer.from(bytes.subarray(0, data)), own = head.indexOf(sumKey) + sumKey.length, sums = String(metadata['kin.crc32']);
  head.fill('0', own, own + 8);
  if (crc32(head) !== sums.slice(0, 8)) throw bad('is damaged: the checksum of its header does not hold');
  let end = 0;
  for (const [i, [name, tensor]] of Object.entries(tensors).entries()) {
    const [from, to] = Array.isArray(tensor?.data_offsets) ? tensor.data_offsets : [];
    if (from !== end || !Number.isSafeInteger(to) || to < from || data + to > bytes.length) throw bad('has tensors that do not follow each other');
    if (crc32(bytes.subarray(data + from, data + to)) !== sums.slice(8 + 8 * i, 16 + 8 * i))
      throw bad(`is damaged: the checksum of '${name}' does not hold`);
    end = to;
  }
  if (data + end !== bytes.length) throw bad('has bytes behind its last tensor');
  const out = {};
  for (const [key, [dtype, n]] of Object.entries(wanted)) {
    const name = key.replace(/\?$/, ''), tensor = tensors[name];
    if (!tensor) {
      if (name === key) throw bad(`has no tensor '${name}'`);
      out[name] = null;
      continue;
    }
    const [from, to] = tensor.data_offsets, size = arrays[dtype].BYTES_PER_ELEMENT;
    if (tensor.dtype !== dtype || !Array.isArray(tensor.shape) || tensor.shape.reduce((a, b) => a * b, size) !== to - from || n !== null && (to - from) / size !== n)
      throw bad(`has a '${name}' of ${tensor.dtype} ${JSON.stringify(tensor.shape)?.slice(0, 40)} in place of ${dtype}` +
        (n === null ? '' : ` of ${n}`));
    out[name] = new arrays[dtype](bytes.buffer.slice(bytes.byteOffset + data + from, bytes.byteOffset + data + to));
  }
  return out;
}

// The tensors of a file of the folder, held against its name.
export const readPart = async (folder, kind, hash, wanted) =>
  readTensors(join(folder, partName(kind, hash)), kind, await readPartBytes(folder, kind, hash), wanted);

// Offsets into `n` bytes or values must start at 0, never fall and end at the end.
export function checkOffsets(path, name, offsets, n) {
  let before = 0;
  for (const offset of offsets) {
    if (offset < before) throw new Error(`${path}: '${name}' falls`);
    before = offset;
  }
  if (offsets[0] !== 0 || before !== n) throw new Error(`${path}: '${name}' does not end where its data do`);
}
