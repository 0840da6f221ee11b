// The towers of tests/golden/tower: their pictures and texts, and what a model folder of them holds beside the
// weights.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const golden = fileURLToPath(new URL('../golden/tower', import.meta.url));
export const models = ['quick-gelu-f16', 'gelu-bf16', 'tanh-f32', 'wide-f16'];
export const cases = 3;

export const vocabulary = Object.fromEntries(['vocab.json', 'merges.txt'].map((name) => [name, readFileSync(join(golden, name), 'utf8')]));
// Each id but start and end is a word (tools/golden_tower.py).
export const words = new Map(Object.entries(JSON.parse(vocabulary['vocab.json'])).map(([token, id]) => [id, token.replace('</w>', '')]));

// A file's tensors by name, each { shape, bytes }: a copy of its own.
export function readTensors(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  return Object.fromEntries(Object.entries(JSON.parse(bytes.toString('utf8', 8, 8 + length))).filter(([, { shape }]) => shape)
    .map(([name, { shape, data_offsets: [begin, end] }]) =>
      [name, { shape, bytes: new Uint8Array(bytes.subarray(8 + length + begin, 8 + length + end)) }]));
}

// Pictures, texts and sizes, out of the fixture's safetensors; `files` by name.
export function fixture(name) {
  const bytes = readFileSync(join(golden, name, 'expected.safetensors'));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  // Row i of a tensor, its own bytes.
  const row = (tensor, i) => {
    const { shape: [n], data_offsets: [begin, end] } = header[tensor];
    const each = (end - begin) / n;
    return new Uint8Array(bytes.subarray(8 + length + begin + i * each, 8 + length + begin + (i + 1) * each));
  };
  const rows = Array.from({ length: cases }, (_, i) => i);
  const { shape: [, size] } = header.pixels;
  return {
    size, dim: header['image.embedding'].shape[1],
    pixels: rows.map((i) => row('pixels', i)),
    texts: rows.map((i) => [...new Int32Array(row('ids', i).buffer)].slice(1, new Int32Array(row('lengths', i).buffer)[0] - 1)
      .map((id) => words.get(id)).join(' ')),
    files: { ...vocabulary, 'preprocessor_config.json': JSON.stringify({ size: { shortest_edge: size }, crop_size: size }) },
  };
}

// Value i of tensor number t of the large model of tools/golden_open_clip.py, before it is scaled.
function noise(t, i) {
  let h = Math.imul(i, 2654435761 | 0) + t * 40503 + 12345 >>> 0;
  h = Math.imul(h ^ h >>> 15, 2246822519 | 0) >>> 0;
  return 2 * ((h ^ h >>> 13) >>> 8 & 255) - 255;
}

// The bytes of its open_clip_model.safetensors.
export function largeWeights(path) {
  const stored = readTensors(join(path, 'stored.safetensors'));
  const header = {};
  const parts = [];
  let end = 0;
  const layout = JSON.parse(readFileSync(join(path, 'layout.json'), 'utf8'));
  for (const dtype of ['F32', 'F16'])
    layout.forEach(([name, shape, scale], t) => {
      if ((dtype === 'F32') !== (scale !== null)) return;
      let { bytes } = stored[name] ?? {};
      if (scale !== null) bytes = Buffer.from(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => noise(t, i) * scale).buffer);
      header[name] = { dtype, shape, data_offsets: [end, end += bytes.length] };
      parts.push(bytes);
    });
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}
