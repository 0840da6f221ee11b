// Helper threads in Node: they start, they end with close(), and nothing keeps the process.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { load } from '../../web/index.node.js';
import { Encoder } from '../../web/worker/encoder.js';
import { Engine, importsFor, openEngine, sharedMemory } from '../../web/worker/engine.js';
import { ModelFiles } from '../../web/worker/model.js';
import * as platform from '../../web/worker/platform.node.js';
import { help } from '../../web/worker/threads.js';
import { embedded } from '../models.js';
import { drawing, folder, tinyModel } from './cli-support.js';

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

test('a helper that trapped keeps no leader waiting: one thread goes on', async (t) => {
  let trapped;
  const startHelper = () => ({ unref() {}, terminate() {},
    post: ({ helper }) => { trapped = help({ ...helper, module: new WebAssembly.Module(new Uint8Array(trapping)) }, () => {}); } });
  const encoder = new Encoder({ ...platform, startHelper }, {}, { variant: 'simd-threads', threads: 2 });
  await encoder.start();
  await trapped;
  const files = new ModelFiles(tinyModel(join(folder(t), 'model')), { openFile: platform.openFile });
  await encoder.load('config', await files.config({}));
  await encoder.load('vocabulary', await files.vocabulary({}));
  await encoder.load('text', { dtype: 'q8', files: files.each(await files.weights('text'), {}) });
  const [vector] = await encoder.texts(['the']);
  assert.equal(vector.length, 16);
  assert.deepEqual(encoder.choice, { variant: 'simd-threads', threads: 1, threadsReason: 'A helper thread ended in the middle of its work.' });
  await encoder.close();
});

// Encoders of the embedded model, with its image tower.
const small = new ModelFiles(embedded, { openFile: platform.openFile });
async function loadSmall(encoder) {
  await encoder.load('config', await small.config({}));
  await encoder.load('preprocessing', await small.preprocessing({}));
  await encoder.load('image', { dtype: 'q8', files: small.each(await small.weights('image', {}), {}) });
}
const how = { box: [0, 0, 1, 1], fit: 'crop', fast: false };
const embed = async (encoder) => (await encoder.image(drawing(1), how)).vector;
let alone;
before(async () => {
  const encoder = new Encoder(platform, {}, { variant: 'simd' });
  await encoder.start();
  await loadSmall(encoder);
  alone = await embed(encoder);
  await encoder.close();
});

// The killer's thread starts the helper and ends it when it sees in the shared memory (pool.c) that the helper has begun
// a range and not finished, while the leader's thread waits in wasm.
const killer = new URL(`data:text/javascript,${encodeURIComponent(`
  import { parentPort, Worker } from 'node:worker_threads';
  const file = ${JSON.stringify(new URL('../../web/worker/worker.node.js', import.meta.url).href)};
  let worker, words, pool;
  parentPort.on('message', ({ helper, kill }) => {
    if (helper) {
      words = new Int32Array(helper.memory.buffer);
      pool = helper.pool >>> 2;
      worker = new Worker(new URL(file), { workerData: { file } });
      worker.on('message', (message) => parentPort.postMessage(message));
      worker.on('exit', () => parentPort.postMessage('exit'));
      worker.postMessage({ helper });
    }
    if (kill) {
      parentPort.postMessage('armed');
      const [generation, done, claimed] = [pool + 16, pool + 32, pool + 64 + 2];
      const begun = Atomics.load(words, generation);
      const end = Date.now() + 20_000;
      while (Date.now() < end) {
        const job = Atomics.load(words, generation);
        if (job !== begun && Atomics.load(words, claimed) === job && Atomics.load(words, done) === 0) break;
      }
      worker.terminate();
    }
  });`)}`);

test('a helper killed in the middle of its work: an error, and one thread goes on', { timeout: 300_000 }, async () => {
  let crashed = false;
  for (let i = 0; i < 50 && !crashed; i++) { // it may just have finished
    let killing, told, pool;
    const heard = new Map();
    const wait = (what) => new Promise((resolve) => { heard.set(what, resolve); });
    const startHelper = ({ message }) => {
      killing = new Worker(killer);
      killing.on('message', (sent) => (sent.started ? [message(sent), told()] : heard.get(sent)?.()));
      return { post: (sent) => { pool = sent.helper; killing.postMessage(sent); }, unref() {}, terminate: () => killing.terminate() };
    };

    const encoder = new Encoder({ ...platform, startHelper }, {}, { variant: 'simd-threads', threads: 2 });
    const started = new Promise((resolve) => { told = resolve; });
    await encoder.start();
    await started;
    await loadSmall(encoder);
    while (!Atomics.load(new Int32Array(pool.memory.buffer), (pool.pool >>> 2) + 33)); // until it is in the pool
    assert.deepEqual(await embed(encoder), alone);
    Atomics.store(new Int32Array(pool.memory.buffer), (pool.pool >>> 2) + 1, 1 << 10); // patience: some 0.1 s
    const [armed, exit] = [wait('armed'), wait('exit')];
    killing.postMessage({ kill: true });
    await armed;
    let result, over = false;
    exit.then(() => { over = true; });
    do result = await embed(encoder).catch((error) => error);
    while (!over && !(result instanceof Error));
    if (result instanceof Error) {
      crashed = true;
      assert.equal(result.code, 'crashed');
      assert.match(result.message, /^A helper thread ended in the middle of its work\. Call again: one thread goes on\.$/);
      assert.equal(encoder.ready, false);
      await encoder.start();
      await loadSmall(encoder);
      assert.deepEqual(await embed(encoder), alone);
      assert.deepEqual(encoder.choice, { variant: 'simd-threads', threads: 1, threadsReason: 'A helper thread ended in the middle of its work.' });
    } else {
      assert.deepEqual(result, alone);
    }
    await encoder.close();
  }
  assert.ok(crashed);
});

test('helpers that end or cannot be started: one thread goes on, and says why', async (t) => {
  const ends = (code) => JSON.stringify(`data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads';
    import '${new URL('../../web/worker/worker.node.js', import.meta.url)}';
    parentPort.once('message', ({ helper }) => { if (helper) ${code}; });`)}`);
  const model = JSON.stringify(tinyModel(join(folder(t), 'model')));
  for (const [code, reason] of [['process.exit(3)', /^A helper thread ended: exit code 3\.$/], ['throw new Error("no room")', /^A helper thread ended: no room\.$/]])
    assert.match(run(`const clip = await load({ model: ${model}, threads: 3, worker: ${ends(code)} });
      const wanted = String(await clip.embedText('the'));
      while (clip.info.threads > 1) if (String(await clip.embedText('the')) !== wanted) throw new Error('other bits');
      console.log(clip.info.threadsReason);
      await clip.close();`).trim(), reason);
  const refused = () => { throw new Error('a policy'); };
  const silent = () => ({ post() {}, unref() {}, terminate() {} });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [startHelper, reason] of [[refused, 'A helper thread ended: a policy.'], [silent, 'A helper thread ended: it did not start.']]) {
    const encoder = new Encoder({ ...platform, startHelper }, {}, { variant: 'simd-threads', threads: 3 });
    await encoder.start();
    await loadSmall(encoder);
    if (startHelper === silent) assert.deepEqual([await embed(encoder), encoder.choice.threads], [alone, 3]);
    t.mock.timers.tick(30_000);
    assert.deepEqual(await embed(encoder), alone);
    assert.deepEqual(encoder.choice, { variant: 'simd-threads', threads: 1, threadsReason: reason });
    await encoder.close();
  }
});

// As older iPhones do, and others where little address space is left.
test('where shared memory is refused, one thread works and says so', async (t) => {
  const { Memory } = WebAssembly;
  let most = 0; // pages that a shared memory may have
  t.after(() => { WebAssembly.Memory = Memory; });
  WebAssembly.Memory = function (options) {
    if (options.shared && options.maximum > most) throw new RangeError('could not allocate memory');
    return new Memory(options);
  };
  const model = tinyModel(join(folder(t), 'model'));
  for (most of [0, 4096, 8192]) {
    const clip = await load({ model, worker: false, threads: 2 });
    assert.equal((await clip.embedText('the')).length, 16);
    const { variant, threads, threadsReason } = clip.info;
    if (most < 8192) assert.deepEqual([threads, threadsReason, variant.endsWith('-threads')], [1, 'There is no shared memory to be had here.', false]);
    else assert.equal(threads, 2);
    await clip.close();
  }
  most = 0;
  await assert.rejects(load({ model, worker: false, variant: 'simd-threads' }), { code: 'unsupported', message: /simd-threads.*shared memory/ });
});
