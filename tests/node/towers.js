// The towers of tests/golden/tower: their pictures, and what a model folder of them holds beside the weights.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const golden = fileURLToPath(new URL('../golden/tower', import.meta.url));
export const models = ['quick-gelu-f16', 'gelu-bf16', 'tanh-f32', 'wide-f16'];
export const cases = 3;

// Pictures and sizes, out of the fixture's safetensors header.
export function fixture(name) {
  const bytes = readFileSync(join(golden, name, 'expected.safetensors'));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const { shape: [, size], data_offsets: [begin] } = header.pixels;
  const each = size * size * 3;
  const pixels = Array.from({ length: cases }, (_, i) => new Uint8Array(bytes.subarray(8 + length + begin + i * each, 8 + length + begin + (i + 1) * each)));
  return { size, pixels, dim: header['image.embedding'].shape[1], preprocessor: { size: { shortest_edge: size }, crop_size: size } };
}
