// The fingerprint of a model's shapes: SHA-256 over `name [sizes]` lines in the order of the names, one
// for each tensor of the original weights, whatever their dtype and shards. It tells whether a
// download is the architecture that models/index.json lists; values are the hub's hashes' business.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { forReading, readInto } from './files.js';
import { readHeader } from './tensors.js';

const longestHeader = 100e6;

// [[name, shape]] in any order -> hex. Buffers of position numbers are in old files only.
export function fingerprintShapes(shapes) {
  const lines = shapes.filter(([name]) => !name.endsWith('position_ids'))
    .map(([name, shape]) => `${name} [${shape.join(',')}]`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

async function readShapes(path) {
  const wrong = () => new Error(`${path} is not a safetensors file`);
  const handle = await open(path, forReading);
  try {
    const length = Buffer.alloc(8);
    if (await readInto(handle, length, 0) < 8) throw wrong();
    const n = Number(length.readBigUInt64LE());
    if (!(n >= 2 && n <= longestHeader)) throw wrong();
    const head = Buffer.alloc(8 + n);
    if (await readInto(handle, head, 0) < head.length) throw wrong();
    const header = readHeader(head);
    if (!header) throw wrong();
    return Object.entries(header.tensors).map(([name, tensor]) => {
      if (!Array.isArray(tensor?.shape)) throw wrong();
      return [name, tensor.shape];
    });
  } finally {
    await handle.close();
  }
}

// The fingerprint of the weights in these files together.
export async function fingerprintFiles(paths) {
  const shapes = [];
  for (const path of paths) shapes.push(...await readShapes(path));
  return fingerprintShapes(shapes);
}
