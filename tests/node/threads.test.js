// Helper threads in Node: they start, they end with close(), and nothing keeps the process.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Engine, importsFor, openEngine, sharedMemory } from '../../web/engine.js';
import { module } from '../../web/platform.node.js';
import { folder, tinyModel } from './cli-support.js';

const index = fileURLToPath(new URL('../../web/index.node.js', import.meta.url));

// Runs code in a process of its own; it must end by itself.
const run = (code) => execFileSync(process.execPath, ['--input-type=module', '-e',
  `import { load, openCatalog } from ${JSON.stringify(new URL('../../web/index.node.js', import.meta.url).href)};${code}`],
{ encoding: 'utf8', timeout: 60_000, cwd: join(index, '..') });

test('a process ends though nobody closed the model, its threads idle', (t) => {
  const model = JSON.stringify(tinyModel(join(folder(t), 'model')));
  for (const options of ['', ', threads: 2', ', worker: false', ', worker: false, threads: 2'])
    assert.equal(run(`const clip = await load({ model: ${model}${options} });
      const v = await clip.embedText('the'); console.log(v.length);`), '16\n');
});

test('close() ends the workers', (t) => {
  const model = JSON.stringify(tinyModel(join(folder(t), 'model')));
  assert.equal(run(`const clip = await load({ model: ${model}, threads: 3 });
    await clip.embedText('the'); await clip.close();
    console.log(process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length);`), '0\n');
});

test('a shared memory is made with what the machine gives', () => {
  const memory = sharedMemory();
  assert.ok(memory.buffer instanceof SharedArrayBuffer);
});

test('an instance that trapped is spent', async () => {
  const engine = await openEngine(await module('simd', {}));
  assert.throws(() => engine.call('kin_dim', 0x7fff0000, 0), { code: 'crashed' });
  assert.equal(engine.spent, true);
  assert.throws(() => engine.call('kin_self_test'), { code: 'crashed' });
});

test('memory that is not there is an error with a sentence, and the engine goes on', async () => {
  const engine = await openEngine(await module('simd', {}));
  assert.throws(() => engine.allocate(0xfff00000), { code: 'out-of-memory' });
  assert.equal(engine.call('kin_self_test'), 1);
  assert.ok(engine instanceof Engine);
});

test('imports are given as they are asked for', async () => {
  const single = await module('simd', {});
  assert.equal(importsFor(single, undefined).env.memory, undefined);
  const memory = sharedMemory();
  assert.equal(importsFor(await module('simd-threads', {}), memory).env.memory, memory);
});
