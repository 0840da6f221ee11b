// NumPy's .npy, version 1.0: magic, header padded to 64 bytes, then the values in C order.
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
