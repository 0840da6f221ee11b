// The engine at the end of its memory: a real one, in a memory that may not grow.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openEngine } from '../../web/worker/engine.js';

test('no memory is out-of-memory, in whatever it shows', async () => {
  const module = await WebAssembly.compile(readFileSync(new URL('../../web/wasm/kin-simd-threads.wasm', import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
  const engine = await openEngine(module, memory);
  const ctx = engine.pointer('kin_open');
  const config = JSON.stringify({ model_type: 'clip' });
  const taken = [];
  for (let size = 2 ** 22; size >= 8; size /= 2)
    for (let p; (p = engine.pointer('kin_malloc', size));) taken.push(p);
  assert.throws(() => engine.json('kin_info', ctx), { name: 'KinError', code: 'out-of-memory' });
  assert.throws(() => engine.with([config], (p, n) => engine.call('kin_config', ctx, p, n)), { code: 'out-of-memory' });
  for (const p of taken) engine.free(p);
  engine.check(ctx, engine.with([config], (p, n) => engine.call('kin_config', ctx, p, n)));
  assert.equal(engine.json('kin_info', ctx).image.dim, 512);
});
