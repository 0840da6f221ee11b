// NumPy's .npy. Written: version 1.0, the header padded to 64 bytes, then the values in C order. Read: a matrix of floats, row
// by row; its header is a Python expression, of which only the form that NumPy writes is taken.
import { closeSync } from 'node:fs';
import { openFile, Part } from './part.js';

const maxHeader = 65536;
const descrs = { Uint8Array: '|u1', Float32Array: '<f4' };

export function npyHead(descr, shape) {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10 + length, 0x20);
  head.write('\x93NUMPY\x01\x00', 0, 'latin1');
  head.writeUInt16LE(length, 8);
  head.write(text, 10, 'latin1');
  head[head.length - 1] = 0x0a;
  return head;
}

export const npy = (array, shape) =>
  Buffer.concat([npyHead(descrs[array.constructor.name], shape), Buffer.from(array.buffer, array.byteOffset, array.byteLength)]);

function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, bits >> 10 & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

const dtypes = new Map([
  ['<f2', [2, (bytes, at) => half(bytes.readUInt16LE(at))]], ['<f4', [4, (bytes, at) => bytes.readFloatLE(at)]],
  ['<f8', [8, (bytes, at) => bytes.readDoubleLE(at)]],
]);

// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` -> { descr, fortran_order, shape } as written, or null.
function readDict(text) {
  const entry = /\s*'(descr|fortran_order|shape)'\s*:\s*('[^'\\]*'|True|False|\([\d, ]*\))\s*(?:,|(?=\}))/y;
  if (!text.startsWith('{')) return null;
  const found = {};
  for (entry.lastIndex = 1; ;) {
    const at = entry.lastIndex;
    const [, key, value] = entry.exec(text) ?? [];
    if (!key) return /^\s*\}\s*$/.test(text.slice(at)) && Object.keys(found).length === 3 ? found : null;
    if (key in found) return null;
    found[key] = value;
  }
}

// A vector may have any length, also one that float32 cannot hold, or whose squares it cannot: then by a power of two, which changes
// no digit. A length that is none (0, NaN, infinite) stays that.
function fit(values) {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const exponent = Math.max(-1000, Math.floor(Math.log2(most)));
  return most > 0 && most < Infinity && Math.abs(exponent) > 60 ? values.map((value) => value * 2 ** -exponent) : values;
}

// -> { rows, dim, read(out): the next row's numbers into Float32Array [dim], or a multiple of them, close() }
export function openNpy(path) {
  const { fd, size } = openFile(path, 'name a .npy file of vectors');
  const wrong = (why) => { throw new Error(`${path}: ${why}`); };
  try {
    const not = () => wrong('it is no .npy file: numpy.save writes one');
    const part = new Part(fd, [0, size], not);
    const start = part.take(8);
    if (start.latin1Slice(0, 6) !== '\x93NUMPY') not();
    const version = start[6];
    if (version < 1 || version > 3) wrong(`it is of version ${version} of .npy, which is not known: save it with numpy.save`);
    const [wide, length] = version === 1 ? [2, part.take(2).readUInt16LE()] : [4, part.take(4).readUInt32LE()];
    if (length > maxHeader) wrong(`its header has ${length} bytes: it holds no plain array`);
    const { descr, fortran_order: fortran, shape } = readDict(part.take(length).toString('latin1')) ??
      wrong('its header is not that of a plain array, such as a matrix of float32');
    const [width, number] = dtypes.get(descr.slice(1, -1)) ?? wrong(`its numbers are ${descr}: save them with .astype('float32')`);
    const sizes = /^\(\s*(\d{1,10})\s*,\s*(\d{1,10})\s*,?\s*\)$/.exec(shape) ??
      wrong(`its shape is ${shape}, not (vectors, numbers of each)`);
    const [rows, dim] = [Number(sizes[1]), Number(sizes[2])];
    if (fortran !== 'False') wrong('its numbers lie column by column: save numpy.ascontiguousarray of it');
    if (!rows || !dim || dim > 4096) wrong(`its shape is ${shape}: there are 1 or more vectors of 1 to 4,096 numbers`);
    const left = size - 8 - wide - length;
    if (rows * dim * width !== left) wrong(`its header says ${shape} of ${descr}, ${rows * dim * width} bytes, but ${left} follow`);
    const values = new Float64Array(dim);
    return {
      rows, dim, close: () => closeSync(fd),
      read(out) {
        const bytes = part.take(dim * width);
        for (let k = 0; k < dim; k++) values[k] = number(bytes, k * width);
        out.set(fit(values));
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
