// Helper threads in Node: they start, they end with close(), and nothing keeps the process.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../web/worker/encoder.js';
import { Engine, importsFor, openEngine, sharedMemory } from '../../web/worker/engine.js';
import { ModelFiles } from '../../web/worker/model.js';
import * as platform from '../../web/worker/platform.node.js';
import { help } from '../../web/worker/threads.js';
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

test('close() ends the workers, each of which leaves by itself: code 0, not that of one ended from outside', (t) => {
  const model = JSON.stringify(tinyModel(join(folder(t), 'model')));
  for (const [options, codes] of [['threads: 3', '0 again'], ['threads: 3, worker: false', '0 0 again']])
    assert.equal(run(`const codes = [];
      process.on('worker', (worker) => worker.on('exit', (code) => codes.push(code)));
      const clip = await load({ model: ${model}, ${options} });
      await clip.embedText('the');
      await Promise.all([clip.close(), clip.close().then(() => codes.push('again'))]);
      console.log(codes.join(' '), process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length);`), `${codes} 0\n`);
});

test('a helper is another start of the very worker file that runs', (t) => {
  const model = JSON.stringify(tinyModel(join(folder(t), 'model')));
  const own = JSON.stringify(`data:text/javascript,${encodeURIComponent(`import { writeSync } from 'node:fs';
    writeSync(1, 'started ');
    import '${new URL('../../web/worker/worker.node.js', import.meta.url)}';`)}`);
  assert.equal(run(`const clip = await load({ model: ${model}, threads: 3, worker: ${own} });
    await clip.embedText('the');
    await clip.close();`), 'started started started ');
});

test('told to stop while it starts, it starts no helpers', (t) => {
  const model = JSON.stringify(tinyModel(join(folder(t), 'model')));
  assert.equal(run(`let workers = 0;
    process.on('worker', () => { workers++; });
    const controller = new AbortController();
    const resolve = (name) => { if (name.endsWith('.wasm')) controller.abort(); };
    const loading = load({ model: ${model}, threads: 3, worker: false, resolve, signal: controller.signal });
    console.log(await loading.catch(({ name }) => name));
    process.on('exit', () => console.log(workers));`), 'AbortError\n0\n');
});

test('a shared memory is made with what the machine gives', () => {
  const memory = sharedMemory();
  assert.ok(memory.buffer instanceof SharedArrayBuffer);
});

test('an instance that trapped is spent', async () => {
  const engine = await openEngine(await platform.module('simd', {}));
  assert.throws(() => engine.call('kin_dim', 0x7fff0000, 0), { code: 'crashed' });
  assert.equal(engine.spent, true);
  assert.throws(() => engine.call('kin_open'), { code: 'crashed' });
});

test('memory that is not there is an error with a sentence, and the engine goes on', async () => {
  const engine = await openEngine(await platform.module('simd', {}));
  assert.throws(() => engine.allocate(0xfff00000), { code: 'out-of-memory' });
  assert.equal(engine.call('kin_kernels_exact', 0), 1);
  assert.ok(engine instanceof Engine);
});

test('imports are given as they are asked for', async () => {
  const single = await platform.module('simd', {});
  assert.equal(importsFor(single, undefined).env.memory, undefined);
  const memory = sharedMemory();
  assert.equal(importsFor(await platform.module('simd-threads', {}), memory).env.memory, memory);
});

// (module (memory (import "env" "memory") 1 65536 shared) (global (export "__stack_pointer") (mut i32) …)
//   (func (export "kin_pool_help") (param i32 i32) unreachable))
const trapping = [0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 2, 127, 127, 0, 2, 18, 1, 3, 101, 110, 118, 6, 109,
  101, 109, 111, 114, 121, 2, 3, 1, 128, 128, 4, 3, 2, 1, 0, 6, 6, 1, 127, 1, 65, 0, 11, 7, 35, 2, 15, 95, 95,
  115, 116, 97, 99, 107, 95, 112, 111, 105, 110, 116, 101, 114, 3, 0, 13, 107, 105, 110, 95, 112, 111, 111, 108,
  95, 104, 101, 108, 112, 0, 0, 10, 5, 1, 3, 0, 0, 11];

test('a helper that trapped stops the leader instead of keeping it waiting', async (t) => {
  let trapped;
  const startHelper = () => ({ unref() {}, terminate() {},
    post: ({ helper }) => { trapped = help({ ...helper, module: new WebAssembly.Module(new Uint8Array(trapping)) }); } });
  const encoder = new Encoder({ ...platform, startHelper }, {}, { variant: 'simd-threads', threads: 2 });
  await encoder.start();
  await trapped;
  const files = new ModelFiles(tinyModel(join(folder(t), 'model')), { openFile: platform.openFile });
  await encoder.load('config', (await files.describe({})).config);
  await encoder.load('vocabulary', await files.vocabulary({}));
  await encoder.load('text', { dtype: 'q8', files: files.each(await files.weights('text'), {}) });
  await assert.rejects(encoder.texts(['the']), { code: 'crashed', message: /kin_step/ });
  assert.equal(encoder.ready, false);
  await encoder.close();
});
