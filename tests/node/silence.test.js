// What never answers: functions of the caller's, servers that fall silent. Nothing waits for them for ever.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import { load, openCatalog } from '../../web/index.node.js';
import { listen } from '../server.js';
import { drawing, folder, tinyModel } from './cli-support.js';

const never = new Promise(() => {});
const kinds = [undefined, false]; // with a worker, without
const names = ['config.json', 'preprocessor_config.json', 'vocab.json', 'merges.txt', 'model.safetensors'];
let server, wanted, files;
const odd = new Map(); // path -> (response, bytes)
before(async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  files = Object.fromEntries(names.map((name) => [`/${name}`, readFileSync(join(path, name))]));
  server = await listen((request, response, path) => {
    const bytes = files[path];
    if (odd.has(path)) return odd.get(path)(response, bytes);
    return bytes ? response.writeHead(200, { 'content-length': bytes.length }).end(bytes) : response.writeHead(404).end();
  });
  const clip = await load({ model: server.url });
  wanted = await clip.embedText('the');
  await clip.close();
});
after(() => server.stop());

const webp = new Uint8Array(40);
webp.set(Buffer.from('RIFF\x20\0\0\0WEBPVP8L', 'latin1'));

// A call aborted while the function is being asked; `signals` it was given, and what the next call gives.
async function abortInside(options, call, next) {
  for (const worker of kinds) {
    let asked;
    const waiting = new Promise((resolve) => { asked = resolve; });
    const hang = { on: false, asked: (signal) => { asked(signal); return never; } };
    const clip = await load({ model: server.url, worker, ...options(hang) });
    hang.on = true;
    const controller = new AbortController();
    const hanging = assert.rejects(call(clip, controller.signal), { name: 'AbortError' });
    const behind = next(clip);
    const signal = await waiting;
    assert.equal(signal.aborted, false);
    hang.on = false;
    controller.abort();
    await hanging;
    assert.deepEqual(await behind, wanted);
    assert.equal(signal.aborted, true, 'the function was told');
    await clip.close();
  }
}
const text = (clip, signal) => clip.embedText('the', { signal });

test('a fetch, a resolve or a decoder that never answers holds up no call behind the aborted one', { timeout: 60_000 }, async () => {
  const fetching = (hang) => ({ fetch: (url, init) => (hang.on ? hang.asked(init.signal) : fetch(url, init)) });
  await abortInside(fetching, text, text);
  await abortInside(fetching, (clip, signal) => clip.embedImage(`${server.url}/model.safetensors`, { signal }), text);
  await abortInside((hang) => ({ resolve: (name, url, { signal }) => (hang.on ? hang.asked(signal) : undefined) }), text, text);
  await abortInside((hang) => ({ decoders: (bytes, format, { signal }) => hang.asked(signal) }),
    (clip, signal) => clip.embedImage(webp, { signal }), text);
  // a body that never comes
  await abortInside((hang) => ({ fetch: async (url, init) => {
    const response = await fetch(url, init);
    if (!hang.on || !url.endsWith('model.safetensors')) return response;
    return new Response(new ReadableStream({ pull: () => hang.asked(init.signal) }), { headers: response.headers });
  } }), text, text);
});

test('a load that is aborted, or a clip that is closed, tells the functions it waits for', { timeout: 60_000 }, async () => {
  for (const worker of kinds)
    for (const what of ['fetch', 'resolve']) {
      const controller = new AbortController();
      let told;
      const hang = (...args) => {
        told = args.at(-1).signal;
        queueMicrotask(() => controller.abort());
        return never;
      };
      await assert.rejects(load({ model: server.url, worker, [what]: hang, signal: controller.signal }), { name: 'AbortError' });
      assert.equal(told.aborted, true);
      const bytes = new Promise((resolve) => { hang.asked = resolve; });
      const clip = await load({ model: server.url, worker, decoders: (_, __, { signal }) => hang.asked(signal) ?? never });
      const pending = assert.rejects(clip.embedImage(webp), { code: 'closed' });
      const signal = await bytes;
      await clip.close();
      await pending;
      assert.equal(signal.aborted, true);
    }
});

test('a download that falls silent is told in progress, given up after `stall`, and loads when asked for again', { timeout: 120_000 }, async (t) => {
  t.after(() => odd.clear());
  const half = (response, bytes) => response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, bytes.length >> 1));
  const silent = () => {};
  const own = { fetch: (url, init) => fetch(url, init) };
  for (const worker of kinds)
    for (const more of [{}, own])
      for (const [answer, loaded] of [[half, files['/model.safetensors'].length >> 1], [silent, 0]]) {
        odd.set('/model.safetensors', answer);
        const seen = [];
        const clip = await load({ model: server.url, worker, stall: 500, onProgress: (one) => seen.push(one), ...more });
        await assert.rejects(clip.embedText('the'), { code: 'stalled', message: /^model\.safetensors: nothing came for 0\.5 s; .*again\.$/ });
        const [told] = seen.filter(({ status }) => status === 'stalled');
        assert.equal(told.file, 'model.safetensors');
        assert.equal(told.loaded, loaded);
        assert.ok(told.progress < 100);
        odd.clear();
        assert.deepEqual(await clip.embedText('the'), wanted);
        await clip.close();
      }
  odd.set('/config.json', silent);
  await assert.rejects(load({ model: server.url, stall: 300 }), { code: 'stalled', message: /config\.json/ });
  await assert.rejects(openCatalog(`${server.url}/config.json`, { stall: 300 }), { code: 'stalled', message: /^The catalogue/ });
  const clip = await load({ model: { ...Object.fromEntries(names.map((name) => [name, `${server.url}/${name}?`])),
    'config.json': `data:application/json,${encodeURIComponent(files['/config.json'])}` }, stall: 300 });
  await assert.rejects(clip.embedImage(`${server.url}/config.json`), { code: 'stalled', message: /^The picture/ });
  await clip.close();
  for (const stall of [0, -1, NaN, '60'])
    await assert.rejects(load({ model: server.url, stall }), { code: 'bad-argument', message: /stall/ }, String(stall));
});

test('a function that has asked for longer than `stall` is given up, unless it waits for ever by leave', { timeout: 60_000 }, async () => {
  await assert.rejects(load({ model: server.url, fetch: () => never, stall: 200 }), { code: 'stalled' });
  const slow = async (url, init) => {
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    return fetch(url, init);
  };
  await (await load({ model: server.url, fetch: slow, stall: Infinity })).close();
});

// As from another host, which does not let pages see that a body came packed: its length is said, that of the packed one.
test('a length that is not that of what came is no truncation, and progress stays within 100 %', async () => {
  const bytes = files['/model.safetensors'];
  for (const said of [gzipSync(bytes).length, bytes.length + 2, bytes.length, 1])
    for (const worker of kinds) {
      const seen = [];
      const own = async (url, init) => {
        const response = await fetch(url, init);
        return url.endsWith('model.safetensors') ? new Response(response.body, { headers: { 'content-length': said } }) : response;
      };
      const clip = await load({ model: server.url, worker, fetch: own, onProgress: (one) => seen.push(one) });
      assert.deepEqual(await clip.embedText('the'), wanted);
      await clip.close();
      const mine = seen.filter(({ file }) => file === 'model.safetensors');
      assert.ok(mine.every(({ loaded, total, progress }, i) => progress <= 100 && (total === 0 || loaded <= total) &&
        (i === 0 || progress >= mine[i - 1].progress)), JSON.stringify(mine));
      assert.deepEqual([mine.at(-1).status, mine.at(-1).loaded, mine.at(-1).total, mine.at(-1).progress], ['done', bytes.length, bytes.length, 100]);
    }
  // what is really cut is found by its own format
  const cut = async (url, init) => {
    const response = await fetch(url, init);
    return url.endsWith('model.safetensors') ? new Response(bytes.subarray(0, -9), { headers: { 'content-length': bytes.length } }) : response;
  };
  const clip = await load({ model: server.url, fetch: cut });
  await assert.rejects(clip.embedText('the'), { code: 'not-a-model', message: /ended early/ });
  await clip.close();
  const picture = drawing(1);
  const short = await load({ model: server.url, fetch: (url, init) => (url.endsWith('.png')
    ? new Response(picture.subarray(0, -60), { headers: { 'content-length': picture.length } }) : fetch(url, init)) });
  await assert.rejects(short.embedImage(`${server.url}/a.png`), { code: 'truncated-image' });
  await short.close();
});

test('what a fetch of one\'s own may answer besides', async () => {
  const answers = { '/204': [() => new Response(null, { status: 204 }), 'http', /204 and no file/],
    '/500': [() => new Response('x', { status: 500 }), 'http', /500/],
    '/opaque': [() => Response.error(), 'cors', /does not let this page read/],
    '/rejects': [() => Promise.reject(new Error('no way')), 'failed', /no way/], '/nothing': [() => undefined, 'failed', /./] };
  for (const worker of kinds) {
    const clip = await load({ model: server.url, worker, fetch: (url, init) => {
      const found = answers[new URL(url).pathname];
      return found ? found[0]() : fetch(url, init);
    } });
    for (const [path, [, code, message]] of Object.entries(answers))
      await assert.rejects(clip.embedImage(server.url + path), { code, message }, path);
    assert.deepEqual(await clip.embedText('the'), wanted);
    await clip.close();
  }
});
