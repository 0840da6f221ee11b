// load() and what it returns, in Node: with and without a worker.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Engine } from '../../web/worker/engine.js';
import { KinError, load, openCatalog } from '../../web/index.node.js';
import { drawing, png, tinyModel } from './cli-support.js';

const root = mkdtempSync(join(tmpdir(), 'kin-api-'));
const model = tinyModel(join(root, 'model'));
let clip;
before(async () => { clip = await load({ model }); });
after(async () => {
  await clip.close();
  rmSync(root, { recursive: true });
});
const length = (vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

test('info says what was loaded and where it runs', async () => {
  await clip.preload('image');
  const { info } = clip;
  assert.deepEqual([info.model, info.dim, info.imageSize, info.dtype, info.numerics, info.exact, info.selfTest],
    [model, 16, 32, 'q8', 2, true, true]);
  assert.match(await clip.identify('image'), /^[0-9a-f]{64}$/);
  assert.match(info.threadsReason, /\.$/);
  assert.ok(info.peakBytes > 1e6);
  assert.ok(JSON.parse(info.preprocess).size);
  await clip.embedImage(drawing(1));
  assert.equal(clip.info.decoder, 'own');
});

test('a tower that load() is asked for is on its way before the engine is there, and in when load() resolves', async () => {
  for (const worker of [undefined, false]) {
    const asked = [];
    let come;
    const weights = new Promise((resolve) => { come = resolve; });
    const one = await load({ model, worker, preload: 'image', resolve: async (name) => {
      asked.push(name);
      if (name.endsWith('.safetensors')) come();
      if (name.endsWith('.wasm')) await weights; // the engine comes no sooner
    } });
    assert.ok(JSON.parse(one.info.preprocess).size);
    const before = asked.length;
    assert.deepEqual(await one.embedImage(drawing(1)), await clip.embedImage(drawing(1)));
    assert.equal(asked.length, before, 'nothing is left to fetch');
    await one.embedText('the');
    assert.ok(asked.length > before, 'the other tower comes when it is used');
    await one.close();
  }
});

test('a tower that cannot be had fails load(), and so does an engine that cannot be had while weights come', async () => {
  const { pathToFileURL } = await import('node:url');
  const at = (name) => pathToFileURL(join(model, name)).href;
  await assert.rejects(load({ model: { 'config.json': at('config.json'), 'preprocessor_config.json': at('preprocessor_config.json') }, preload: 'image' }),
    { code: 'not-a-model', message: /image\.safetensors/ });
  await assert.rejects(load({ model, preload: 'image', threads: 2, variant: 'simd' }), { code: 'bad-argument' });
  await assert.rejects(load({ model, preload: 'sound' }), { code: 'bad-argument', message: "preload is 'image' or 'text', not 'sound'." });
});

test('vectors have unit length; a list keeps its order, errors stand in their places', async () => {
  const good = [1, 2, 3].map((n) => drawing(n));
  const list = await clip.embedImage([good[0], new Uint8Array(5), good[1], drawing(4).subarray(0, 80), good[2], 7]);
  assert.deepEqual(list.map((one) => (one instanceof KinError ? one.code : one.constructor.name)),
    ['Float32Array', 'unsupported-image', 'Float32Array', 'truncated-image', 'Float32Array', 'bad-argument']);
  assert.ok(Math.abs(length(list[0]) - 1) < 1e-6);
  assert.deepEqual(list[2], await clip.embedImage(good[1]));
  const texts = await clip.embedText(['the', 7, 'x']);
  assert.deepEqual([texts[0].length, texts[1].code, texts[2].length], [16, 'bad-argument', 16]);
  assert.deepEqual(await clip.embedImage([]), []);
});

test('the caller\'s bytes stay the caller\'s', async () => {
  const bytes = new Uint8Array(drawing(1));
  const copy = bytes.slice();
  await clip.embedImage(bytes);
  await clip.embedImage([bytes, bytes]);
  assert.deepEqual(bytes, copy);
});

test('a picture is what its bytes and pixels were at the call, whatever they are when its turn comes', async () => {
  for (const worker of [undefined, false]) {
    const own = await load({ model, worker, threads: 1 });
    const made = await own.createCatalog();
    await made.add({ id: 'a', images: drawing(1) });
    const opened = await openCatalog(await made.save(), { clip: own });
    for (const call of [(one) => own.embedImage(one), (one) => own.preprocess(one), (one) => own.hiddenStates(one), (one) => own.classify(one, ['the', 'x'], { none: true }),
      async (one) => (await opened.search({ image: one }, { filter: 'id = a' })).hits[0].score]) {
      for (const [size, form] of [[32 * 32 * 3, (data) => ({ data, width: 32, height: 32 })], [0, (data) => data], [0, (data) => data.buffer]]) {
        const data = size ? new Uint8Array(size).fill(7) : new Uint8Array(drawing(3));
        const wanted = await call(form(data.slice()));
        const got = call(form(data));
        data.forEach((_, i) => { data[i] = i * i * 5 >> 3 & 255; });
        assert.deepEqual(await got, wanted, `${worker} ${call}`);
      }
    }
    await opened.close();
    await own.close();
  }
});

test('the same picture as PNG, RGB, RGBA and box of a larger one', async () => {
  const pixel = (x, y) => [x * 8 & 255, y * 8 & 255, x * y & 255];
  const wanted = await clip.preprocess(png(32, 32, pixel));
  const raw = (channels) => Uint8ClampedArray.from({ length: 32 * 32 * channels }, (_, i) => {
    const at = Math.floor(i / channels);
    return pixel(at % 32, Math.floor(at / 32))[i % channels] ?? 255;
  });
  for (const channels of [3, 4])
    assert.deepEqual(await clip.preprocess({ data: raw(channels), width: 32, height: 32 }), wanted);
  const large = png(64, 64, (x, y) => (x >= 16 && x < 48 && y >= 16 && y < 48 ? pixel(x - 16, y - 16) : [9, 9, 9]));
  const box = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };
  assert.deepEqual(await clip.preprocess(large, { box }), wanted);
  const wide = await clip.preprocess({ data: new Uint8Array(64 * 16 * 3), width: 64, height: 16 }, { fit: 'pad' });
  assert.deepEqual([...wide.data.subarray(0, 3)], [255, 255, 255]);
});

test('wrong arguments are typed errors', async () => {
  const raw = { data: new Uint8Array(12), width: 2, height: 2 };
  const wrong = [
    () => load({ model, dtype: 'q4' }), () => load({ model, decode: 'slow' }), () => load({ model, threads: 0 }),
    () => clip.embedImage(null), () => clip.embedImage({ ...raw, width: 3 }), () => clip.embedImage({ ...raw, height: 0 }),
    () => clip.embedImage(raw, { box: { x: 0 } }), () => clip.embedImage(raw, { fit: 'stretch' }),
    () => clip.embedText(null), () => clip.tokenize(3), () => clip.preload('sound'), () => clip.preload('toString'), () => clip.embedImage(raw, { fit: 'constructor' }),
    () => clip.classify(raw, []),
    () => clip.createCatalog({ fit: 'stretch' }),
  ];
  for (const call of wrong) await assert.rejects(call(), { name: 'KinError', code: 'bad-argument' }, String(call));
});

test('classify is the softmax of the scaled cosines', async () => {
  const picture = drawing(2);
  const labels = ['the', 'x', 'thing'];
  const result = await clip.classify(picture, labels, { templates: ['a {}', '{} {}'] });
  const image = await clip.embedImage(picture);
  const cosines = [];
  for (const label of labels) {
    const [a, b] = await clip.embedText([`a ${label}`, `${label} ${label}`]);
    const mean = a.map((value, i) => value + b[i]);
    cosines.push(image.reduce((sum, value, i) => sum + value * mean[i], 0) / length(mean));
  }
  const parts = cosines.map((cosine) => Math.exp(Math.exp(3) * cosine)); // the model's logit_scale is 3
  const sum = parts.reduce((a, b) => a + b);
  for (const { label, score } of result) assert.ok(Math.abs(score - parts[labels.indexOf(label)] / sum) < 1e-4, label);
  assert.deepEqual(result.map((one) => one.score), result.map((one) => one.score).sort((a, b) => b - a));
});

for (const worker of [undefined, false]) {
  test(`an abort is heard before, while waiting and while running (worker: ${worker})`, async () => {
    const mine = await load({ model, worker });
    await assert.rejects(mine.embedText('x', { signal: AbortSignal.abort() }), { name: 'AbortError' });
    const running = new AbortController();
    const waiting = new AbortController();
    const calls = [mine.embedText('a', { signal: running.signal }), mine.embedText('b', { signal: waiting.signal }),
      mine.embedText('c')];
    waiting.abort();
    setImmediate(() => running.abort('why'));
    const [a, b, c] = await Promise.allSettled(calls);
    assert.equal(b.reason.name, 'AbortError');
    if (a.status === 'rejected') assert.equal(a.reason.name, 'AbortError');
    assert.deepEqual(c.value, await clip.embedText('c'));
    await assert.rejects(mine.embedText(['x', 'y'], { signal: AbortSignal.abort() }), { name: 'AbortError' });
    await assert.rejects(load({ model, worker, signal: AbortSignal.abort() }), { name: 'AbortError' });
    await mine.close();
  });

  test(`close rejects what is pending and what comes (worker: ${worker})`, async () => {
    const mine = await load({ model, worker });
    const pending = Promise.allSettled([mine.embedText('a'), mine.embedText(['b', 'c'])]);
    await mine.close();
    assert.deepEqual((await pending).map((call) => call.reason?.code), ['closed', 'closed']);
    await assert.rejects(mine.embedText('a'), { code: 'closed' });
    assert.equal(mine.closed, true);
    await mine.close();
  });
}

test('an abort inside a running picture stops it between two steps', async () => {
  const mine = await load({ model, worker: false });
  await mine.preload('image');
  const controller = new AbortController();
  const raw = { data: new Uint8Array(32 * 32 * 3), width: 32, height: 32 };
  const call = mine.embedImage(raw, { signal: controller.signal });
  queueMicrotask(() => controller.abort());
  await assert.rejects(call, { name: 'AbortError' });
  assert.deepEqual(await mine.embedImage(raw), await clip.embedImage(raw));
  await mine.close();
});

test('a worker that dies rejects its calls; the next call starts a new one, asked again for ids', async (t) => {
  const source = `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    import '${new URL('../../web/worker/worker.node.js', import.meta.url)}';
    parentPort.on('message', (message) => { if (String(message.args?.[0]) === 'die') process.exit(3); });`)}`;
  const mine = await load({ model, worker: new URL(source) });
  const wanted = await mine.embedText('the');
  const post = t.mock.method(Worker.prototype, 'postMessage');
  const asked = () => post.mock.calls.filter(({ arguments: [{ call }] }) => call === 'identify').length;
  const id = await mine.identify('text');
  assert.deepEqual([await mine.identify('text'), asked()], [id, 1]);
  const [died, beside] = await Promise.allSettled([mine.embedText('die'), mine.embedText('the')]);
  assert.equal(died.reason.code, 'crashed');
  assert.equal(beside.reason.code, 'crashed');
  assert.deepEqual(await mine.embedText('the'), wanted);
  assert.deepEqual([await mine.identify('text'), asked()], [id, 2]);
  await mine.close();
});

test('an engine that trapped is replaced by the next call', async (t) => {
  const mine = await load({ model, worker: false });
  const wanted = await mine.embedText('the');
  const call = Engine.prototype.call;
  let traps = 1;
  t.mock.method(Engine.prototype, 'call', function (name, ...args) { // reads far outside of the memory, once
    return name === 'kin_step' && traps-- > 0 ? call.call(this, 'kin_dim', 0x7fff0000, 0) : call.call(this, name, ...args);
  });
  await assert.rejects(mine.embedText('the'), { code: 'crashed' });
  assert.deepEqual(await mine.embedText('the'), wanted);
  await mine.close();
});

test('a wasm file of another release is told', () => {
  const engine = new Engine({ kin_error_new: () => 8 }, new WebAssembly.Memory({ initial: 1 }));
  assert.throws(() => engine.call('kin_identify', 0, 0), { code: 'crashed', message: /different releases \(no kin_identify\)/ });
});

test('a tower whose loading was cut off loads again', async () => {
  let controller;
  const mine = await load({ model, worker: false, onProgress: ({ file }) => file === 'model.safetensors' && controller?.abort() });
  for (const embed of [(options) => mine.embedText('the', options), (options) => mine.embedImage(drawing(1), options)]) {
    controller = new AbortController();
    await assert.rejects(embed({ signal: controller.signal }), { name: 'AbortError' });
    controller = null;
    assert.equal((await embed()).length, 16);
  }
  assert.deepEqual(await mine.embedText('the'), await clip.embedText('the'));
  await mine.close();
});

test('a list that was aborted rejects with AbortError whatever the reason', async () => {
  for (const list of [[], [drawing(1)]])
    await assert.rejects(clip.embedImage(list, { signal: AbortSignal.abort('why') }), { name: 'AbortError' });
});

test('one signal serves a long list and many saves without a warning', async () => {
  const warnings = [];
  const note = (warning) => warnings.push(warning);
  process.on('warning', note);
  const { signal } = new AbortController();
  for (const n of [30, 1]) assert.equal((await clip.embedImage(Array(n).fill(drawing(1)), { signal })).length, n);
  const made = await clip.createCatalog();
  await made.add({ id: 'a', images: drawing(1) }, { signal });
  for (let i = 0; i < 12; i++) await made.save({ to: new WritableStream(), signal });
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  process.off('warning', note);
  assert.deepEqual(warnings, []);
});

test('a worker that cannot start is an error', async () => {
  await assert.rejects(load({ model, worker: new URL('data:text/javascript,throw new Error("no")') }),
    { code: 'no-worker', message: /data:text.*: no\. Leave out worker/ });
});

test('a worker that is none of Kin\'s is an error that says what it is', async (t) => {
  const because = (worker, message) => assert.rejects(load({ model, worker }), { name: 'KinError', code: 'no-worker', message });
  await because('data:text/javascript,', /exit code 0/);
  await because('./tests/none.js', /started from \.\/tests\/none\.js: Cannot find module/);
  await because('none.js', /absolute path/);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let waiting = true;
  const silent = because('data:text/javascript,import{parentPort}from"node:worker_threads";parentPort.postMessage("hi");parentPort.on("message",({stop})=>stop&&parentPort.close())', /it did not say hello within 30 seconds/).finally(() => { waiting = false; });
  while (waiting) {      // the clock that it waits by may not have begun yet
    t.mock.timers.tick(30_000);
    await turn();
  }
  await silent;
});

test('await using closes', async () => {
  const mine = await load({ model, worker: false });
  await mine[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
  assert.equal(mine.closed, true);
});

test('a decoder of one\'s own is asked for formats the engine lacks', async () => {
  const webp = new Uint8Array(40);
  webp.set(Buffer.from('RIFF\x20\0\0\0WEBPVP8L', 'latin1'));
  await assert.rejects(clip.embedImage(webp), { code: 'unsupported-image', message: /WebP.*JPEG or PNG/ });
  const raw = { data: new Uint8Array(32 * 32 * 4).fill(200), width: 32, height: 32 };
  for (const worker of [undefined, false]) {
    const asked = [];
    const mine = await load({ model, worker, decoders: (bytes, format) => asked.push([bytes.length, format]) && { ...raw, decoder: 'mine' } });
    assert.deepEqual(await mine.embedImage(webp), await clip.embedImage(raw));
    assert.deepEqual(asked, [[40, 'webp']]);
    assert.equal(mine.info.decoder, 'mine');
    await mine.close();
  }
});

test('a photo of a phone that nobody can open is told in plain words', async () => {
  const heic = new Uint8Array(40);
  heic.set(Buffer.from('\0\0\0\x18ftypheic\0\0\0\0heicmif1', 'latin1'));
  await assert.rejects(clip.embedImage(heic), { code: 'unsupported-image', message: /save it as JPEG/ });
});

test('texts embedded as a list have the bits that each has alone', async () => {
  const texts = Array.from({ length: 300 }, (_, i) => `${i % 3 ? 'the thing' : 'x'} ${'the x '.repeat(i % 7)}${i}`);
  texts[5] = '';
  const list = await clip.embedText(texts);
  assert.equal(list.length, texts.length);
  for (const i of [0, 1, 2, 5, 127, 128, 255, 299])
    assert.deepEqual(list[i], await clip.embedText(texts[i]), texts[i]);
});

test('texts after an aborted list have their own bits', async () => {
  const mine = await load({ model, worker: false });
  const wanted = await mine.embedText('the');
  const { turn } = await import('../../web/worker/platform.node.js');
  for (let turns = 0; turns < 6; turns++) { // aborted in ever later steps
    const controller = new AbortController();
    const call = mine.embedText(['x', 'the x', 'thing'], { signal: controller.signal });
    for (let i = 0; i < turns; i++) await turn();
    controller.abort();
    await call.catch((error) => assert.equal(error.name, 'AbortError'));
    assert.deepEqual(await mine.embedText('the'), wanted);
  }
  await mine.close();
});

test('kernels that turn out to be wrong are not used again', async (t) => {
  const mine = await load({ model, worker: false });
  const wanted = await mine.embedText('the');
  const first = mine.info.kernels;
  const call = Engine.prototype.call;
  let lies = 1;
  t.mock.method(Engine.prototype, 'call', function (name, ...args) {
    return name === 'kin_kernels_exact' && lies-- > 0 ? 0 : call.call(this, name, ...args);
  });
  await assert.rejects(mine.embedText('the'), { code: 'crashed', message: /compute wrongly/ });
  assert.deepEqual(await mine.embedText('the'), wanted);
  assert.notEqual(mine.info.kernels, first);
  await mine.close();
});
