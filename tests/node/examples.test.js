// What examples/ shows, against PyTorch (tools/golden_tower_hidden.py).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { folder, png } from './cli-support.js';
import { fixture, golden, readTensors } from './towers.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

test("llava-projector.js: PyTorch's tokens of a picture", (t) => {
  const model = join(folder(t), 'model');
  const { size, pixels: [pixels], files } = fixture('quick-gelu-f16');
  cpSync(join(golden, 'quick-gelu-f16'), model, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(model, file), text);
  const [picture, out] = ['photo.png', 'tokens.npy'].map((name) => join(model, name));
  writeFileSync(picture, png(size, size, (x, y) => [...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 3)]));
  const projector = join(root, 'tests/golden/projector.safetensors');
  const run = (dtype) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/llava-projector.js', model, picture, projector, out],
      { cwd: root, env: { ...process.env, DTYPE: dtype }, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, '16 tokens of 56 numbers\n');
    const bytes = readFileSync(out);
    assert.match(bytes.toString('latin1', 0, 128), /^\x93NUMPY\x01\x00.*'<f4'.*\(16, 56\)/s);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset + 128, bytes.byteOffset + bytes.length));
  };
  const { shape, bytes } = readTensors(projector).tokens;
  assert.deepEqual(shape, [16, 56]);
  const wanted = new Float32Array(bytes.buffer);
  const least = (got) => Math.min(...Array.from({ length: 16 }, (_, row) => {
    const [a, b] = [got, wanted].map((all) => all.subarray(row * 56, row * 56 + 56));
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  }));
  assert.ok(least(run('f32')) >= 0.99999);
  assert.ok(least(run('q8')) >= 0.98);

  const tensors = { 'linear_1.weight': [8, 16], 'linear_1.bias': [8], 'linear_2.weight': [4, 8], 'linear_2.bias': [4] };
  let end = 0;
  const header = Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(tensors).map(([name, dims]) => {
    const begin = end;
    end += 4 * dims.reduce((n, size) => n * size);
    return [name, { dtype: 'F32', shape: dims, data_offsets: [begin, end] }];
  }))));
  const length = Buffer.alloc(8), other = join(model, 'other.safetensors');
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(other, Buffer.concat([length, header, Buffer.alloc(end)]));
  const { status, stderr } = spawnSync(process.execPath, ['examples/llava-projector.js', model, picture, other, out], { cwd: root, encoding: 'utf8' });
  assert.ok(status && /other\.safetensors takes patches of 16 numbers, and this model gives \d+: take the projector/.test(stderr), stderr);
});
