// The store in a real browser: what is kept, when, and that no fault of a host, a tab or the disk leaves wrong bytes.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';
import { load } from '../../web/index.node.js';
import { breaks, damaged, ends, hostOf, html, stalls, zipped } from '../host.js';
import { embedded, vit } from '../models.js';
import { send } from '../server.js';
import { launch } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-store-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
writeFileSync(join(site, 'worker.js'), `import { load } from '/kin/index.js';
  const clip = await load({ model: '/model/', cache: 'persistent', worker: false, threads: 1 });
  postMessage(clip.info.store);`);
const picture = new PNG({ width: 24, height: 24 });
for (let i = 0; i < picture.data.length; i++) picture.data[i] = i % 4 === 3 ? 255 : i * i * 7 >> 4 & 255;
writeFileSync(join(site, 'a.png'), PNG.sync.write(picture));

const MiB = 2 ** 20;
const manifest = JSON.parse(readFileSync(join(embedded, 'manifest.json')));
const bytesOf = Object.fromEntries(manifest.files.map(({ name, bytes }) => [name, bytes]));
const [image, text] = ['image.safetensors', 'text.safetensors'];

let browser, wanted;
before(async () => {
  const clip = await load({ model: embedded });
  wanted = { image: String(await clip.embedImage(join(site, 'a.png'))), text: String(await clip.embedText('a boot')) };
  await clip.close();
  browser = await launch();
});
after(async () => {
  await browser.close();
  rmSync(site, { recursive: true });
});

// The shop and its model on one host, a fresh profile -> { host, context, visit() }
async function shop(t, script = {}, { init, headers } = {}) {
  const host = await hostOf(embedded, script, { headers });
  host.other = (request, response, path) => {
    if (!path.endsWith('.wasm')) response.setHeader('cache-control', 'max-age=3600');
    send(response, site, path === '/' ? '/index.html' : path);
  };
  host.headers['cache-control'] = 'no-store';
  const context = await browser.newContext();
  if (init) await context.addInitScript(init);
  t.after(async () => {
    await context.close();
    host.stop();
  });
  return { host, context, async visit() {
    const page = await context.newPage();
    page.noise = [];
    page.on('pageerror', ({ message }) => page.noise.push(message));
    await page.goto(host.site);
    return page;
  } };
}

// Loads, embeds what is named, closes -> { image, text, info, seen: what came last of each file }
const embed = (page, what = ['image'], options = {}) => page.evaluate(async ({ what, options }) => {
  const { load } = await import('/kin/index.js');
  const seen = {};
  const clip = await load({ model: '/model/', cache: 'persistent', stall: 1500, threads: 1, ...options, onProgress: (one) => { seen[one.file] = one; } });
  try {
    const got = { seen };
    if (what.includes('image')) got.image = String(await clip.embedImage('/a.png'));
    if (what.includes('text')) got.text = String(await clip.embedText('a boot'));
    return { ...got, info: clip.info };
  } finally {
    await clip.close();
  }
}, { what, options });

const shown = (page) => page.evaluate(async () => {
  const { cache } = await import('/kin/index.js');
  return { list: await cache.list(), size: await cache.size() };
});
// What the browser itself says that the site keeps.
const kept = (page) => page.evaluate(async () => {
  const walk = async (folder, path = '') => {
    const found = [];
    for await (const [name, one] of folder.entries())
      found.push(...one.kind === 'file' ? [[path + name, (await one.getFile()).size]] : await walk(one, `${path}${name}/`));
    return found;
  };
  const cached = [];
  for (const name of await caches.keys())
    for (const request of await (await caches.open(name)).keys()) cached.push(request.url);
  return { files: await walk(await navigator.storage.getDirectory()), cached, session: { ...sessionStorage }, local: { ...localStorage },
    databases: await indexedDB.databases() };
});
const empty = { files: [], cached: [], session: {}, local: {}, databases: [] };
const whole = ({ list }, name) => list.some(({ file, bytes, stored }) => file === name && bytes === stored);
// The host is asked for no weights.
const unasked = ({ host }, ...names) => names.every((name) => !host.ranges[name]?.length);
const forgetAsked = ({ host }) => { host.ranges = {}; };

const withoutFiles = () => { delete FileSystemFileHandle.prototype.createWritable; };
const places = [['opfs', undefined], ['cache', withoutFiles]];

for (const [kind, init] of places) {
  test(`${kind}: nothing is kept before a tower is used; then its files are, and no others`, async (t) => {
    const at = await shop(t, {}, { init });
    const page = await at.visit();
    assert.deepEqual(await kept(page), empty);
    await page.evaluate(async () => {
      const { cache, load } = await import('/kin/index.js');
      globalThis.clip = await load({ model: '/model/', cache: 'persistent', threads: 1 });
      await clip.tokenize('a boot');
      await clip.preprocess('/a.png');
      await clip.sizes('image');
      await cache.list();
      await cache.size();
    });
    assert.deepEqual(await kept(page), empty);
    const [sizes, later, info] = await page.evaluate(async () => {
      const sizes = { image: await clip.sizes('image'), text: await clip.sizes('text') };
      await clip.embedImage('/a.png');
      return [sizes, await clip.sizes('image'), clip.info];
    });
    assert.deepEqual([info.store, info.storeReason], [kind, null]);
    assert.deepEqual(sizes.image, { bytes: bytesOf[image], stored: 0, files: [{ file: image, bytes: bytesOf[image], stored: 0 }] });
    assert.equal(sizes.text.bytes, bytesOf[text] + bytesOf['vocab.json'] + bytesOf['merges.txt'] + bytesOf['tokenizer_config.json'] + bytesOf['special_tokens_map.json']);
    assert.equal(later.stored, later.bytes);
    const { list, size } = await shown(page);
    assert.deepEqual(list.map(({ model, file, bytes, stored, mode }) => [model, file, bytes === stored, mode]).sort(), [
      [null, `${info.variant === 'relaxed' ? 'kin-relaxed' : 'kin-simd'}.wasm`, true, 'persistent'],
      ...['image.safetensors', 'merges.txt', 'open_clip_config.json', 'special_tokens_map.json', 'tokenizer_config.json', 'vocab.json']
        .map((file) => [host(at), file, true, 'persistent'])].sort());
    const stored = list.reduce((sum, one) => sum + one.stored, 0);
    assert.ok(size > stored && size < stored + 10_000, 'the files, and a few words of which they are');
    const { files, cached, ...rest } = await kept(page);
    assert.ok(kind === 'opfs' ? files.length && !cached.length : !files.length && cached.length);
    assert.deepEqual(rest, { session: {}, local: {}, databases: [] });
  });

  test(`${kind}: later visits fetch no weights, and work when the host is gone`, async (t) => {
    const at = await shop(t, {}, { init });
    const both = ['image', 'text'];
    const page = await at.visit();
    await embed(page, both);
    forgetAsked(at);
    const { image: i, text: w, seen } = await embed(await at.visit(), both);
    assert.deepEqual([i, w], [wanted.image, wanted.text]);
    assert.deepEqual(Object.keys(at.host.ranges), ['manifest.json']);
    assert.deepEqual([seen[image].status, seen[image].stored, seen[image].loaded], ['done', true, bytesOf[image]]);
    at.host.stop();
    await at.context.setOffline(true);
    const gone = await embed(page, both);
    assert.deepEqual([gone.image, gone.text], [wanted.image, wanted.text]);
    assert.deepEqual(page.noise, []);
  });
}
const host = ({ host: { url } }) => url;

test('a tower that load() is asked for is kept, and the engine that comes after it', async (t) => {
  const at = await shop(t);
  const { other } = at.host;
  at.host.other = async (request, response, path) => {
    while (path.endsWith('.wasm') && !at.host.ranges[image]) await new Promise((resolve) => { setTimeout(resolve, 10); });
    other(request, response, path);
  };
  const page = await at.visit();
  const { info } = await embed(page, ['image'], { preload: 'image' });
  const found = await shown(page);
  for (const name of [image, `kin-${info.variant}.wasm`]) assert.ok(whole(found, name), name);
  at.host.stop();
  await at.context.setOffline(true);
  assert.equal((await embed(page, ['image'], { preload: 'image' })).image, wanted.image);
});

for (const behave of [html, ends, breaks, stalls, damaged, zipped])
  test(`a fault of the host (${behave.name}) heals, and what is kept is right`, async (t) => {
    const at = await shop(t, { [image]: [behave], 'manifest.json': behave === html ? [html] : [], 'vocab.json': behave === stalls ? [] : [behave] });
    const got = await embed(await at.visit(), ['image', 'text']);
    assert.deepEqual([got.image, got.text], [wanted.image, wanted.text]);
    forgetAsked(at);
    const again = await embed(await at.visit(), ['image', 'text']);
    assert.deepEqual([again.image, again.text], [wanted.image, wanted.text]);
    assert.ok(unasked(at, image, text, 'vocab.json'));
  });

test('a fault that lasts keeps nothing wrong, and the next visit works', async (t) => {
  const many = (behave) => Array.from({ length: 20 }, () => behave);
  for (const [behave, code] of [[html, 'not-a-model'], [damaged, 'not-a-model'], [stalls, 'stalled']]) {
    const at = await shop(t, { [image]: many(behave) });
    const page = await at.visit();
    const found = await embed(page).catch(({ message }) => message);
    assert.match(String(found), behave === stalls ? /nothing came/ : /manifest\.json|web page/, code);
    assert.ok(!whole(await shown(page), image));
    at.host.script = {};
    assert.equal((await embed(await at.visit())).image, wanted.image);
    assert.ok(whole(await shown(page), image));
  }
});

test('packed, from another host, without leave for ranges', async (t) => {
  const at = await shop(t);
  const other = await hostOf(embedded, { [image]: [zipped], [text]: [breaks] }, { headers: { 'access-control-allow-origin': '*', 'cache-control': 'no-store' } });
  t.after(other.stop);
  const page = await at.visit();
  const got = await embed(page, ['image', 'text'], { model: other.url });
  assert.deepEqual([got.image, got.text], [wanted.image, wanted.text]);
  assert.equal(got.seen[image].total, bytesOf[image]);
  other.ranges = {};
  assert.equal((await embed(await at.visit(), ['image'], { model: other.url })).image, wanted.image);
  assert.equal(other.ranges[image], undefined);
});

test('a tab that is killed in the middle: the next goes on where it ended', async (t) => {
  const at = await shop(t, { [image]: [(response, bytes) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 2.5 * MiB));
  }] });
  const page = await at.visit();
  page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    (await load({ model: '/model/', cache: 'persistent', threads: 1 })).preload('image');
  }).catch(() => {});
  const watcher = await at.visit();
  const part = async () => (await shown(watcher)).list.find(({ file }) => file === image)?.stored ?? 0;
  for (const end = Date.now() + 20_000; await part() < 2 * MiB;) assert.ok(Date.now() < end, 'two pieces come to lie in the store');
  const killed = new Promise((resolve) => { page.once('crash', resolve); });
  page.goto('chrome://crash').catch(() => {});
  await killed;
  forgetAsked(at);
  const { image: vector } = await embed(watcher);
  assert.equal(vector, wanted.image);
  assert.deepEqual(at.host.ranges[image], [2 * MiB]);
});

test('two tabs at once', async (t) => {
  const at = await shop(t);
  const pages = await Promise.all([at.visit(), at.visit(), at.visit()]);
  const got = await Promise.all(pages.map((page) => embed(page, ['image', 'text'])));
  assert.ok(got.every((one) => one.image === wanted.image && one.text === wanted.text));
  forgetAsked(at);
  assert.equal((await embed(await at.visit())).image, wanted.image);
  assert.ok(unasked(at, image));
});

test('a stored file that is damaged, cut or gone is fetched anew', async (t) => {
  const at = await shop(t);
  const page = await at.visit();
  await embed(page);
  const { sha256 } = manifest.files.find(({ name }) => name === image);
  for (const harm of ['flip', 'cut', 'remove']) {
    await page.evaluate(async ({ sha256, harm }) => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('kin-clip');
      const folder = await root.getDirectoryHandle('persistent');
      if (harm === 'remove') return folder.removeEntry(`${sha256}.1`);
      const file = await folder.getFileHandle(`${sha256}.1`);
      const stream = await file.createWritable({ keepExistingData: true });
      if (harm === 'flip') await stream.write({ type: 'write', position: 77, data: new Uint8Array([1, 2, 3, 4, 5]) });
      else await stream.truncate(1000);
      return stream.close();
    }, { sha256, harm });
    forgetAsked(at);
    assert.equal((await embed(page)).image, wanted.image);
    assert.deepEqual(at.host.ranges[image], [harm === 'flip' ? 0 : MiB], harm);
  }
});

// A disk that fails: no read of the store succeeds.
const unread = {
  opfs: () => { FileSystemFileHandle.prototype.getFile = async () => { throw new DOMException('disk', 'UnknownError'); }; },
  cache: () => {
    for (const name of ['match', 'keys', 'delete']) Cache.prototype[name] = async () => { throw new DOMException('disk', 'UnknownError'); };
  },
};
for (const [kind, init] of places)
  test(`${kind}: a store that cannot be read costs a download, and nothing that it holds`, async (t) => {
    const at = await shop(t, {}, { init });
    await embed(await at.visit());
    const page = await at.visit();
    await page.evaluate(unread[kind]);
    forgetAsked(at);
    assert.equal((await embed(page)).image, wanted.image);
    assert.ok(at.host.ranges[image].length);
    const next = await at.visit();
    forgetAsked(at);
    assert.equal((await embed(next)).image, wanted.image);
    assert.ok(unasked(at, image));
    // The names of what is there are read once, and then no more.
    if (kind === 'cache') await next.evaluate(() => {
      const { keys } = Cache.prototype;
      let looks = 0;
      Cache.prototype.keys = async function again(...given) {
        if (looks++) throw new DOMException('disk', 'UnknownError');
        return keys.apply(this, given);
      };
    });
    await embed(next, ['text']);
    const last = await at.visit();
    forgetAsked(at);
    await embed(last, ['image', 'text']);
    assert.ok(unasked(at, image, text));
    assert.deepEqual([page.noise, next.noise], [[], []]);
  });

test('no room: memory serves, says so, and leaves no part', async (t) => {
  const at = await shop(t);
  const page = await at.visit();
  const session = await at.context.newCDPSession(page);
  const quota = (quotaSize) => session.send('Storage.overrideQuotaForOrigin', { origin: at.host.site, ...quotaSize && { quotaSize } });
  await quota(2 * MiB);
  const { image: vector, info } = await embed(page);
  assert.equal(vector, wanted.image);
  assert.deepEqual([info.store, info.storeReason], ['memory', 'The browser has no room left for this site.']);
  assert.ok(!(await shown(page)).list.some(({ file }) => file === image));
  await quota();
  assert.equal((await embed(page)).info.store, 'opfs');
  assert.ok(whole(await shown(page), image));
});

test('\'session\' is forgotten when it ends; \'memory\', a mode of fetch and none keep nothing', async (t) => {
  const at = await shop(t);
  const page = await at.visit();
  const { info } = await embed(page, ['image'], { cache: 'memory' });
  assert.deepEqual([info.store, info.storeReason], ['memory', 'It was asked for.']);
  for (const cache of [undefined, 'no-store', 'default']) assert.ok(!('store' in (await embed(page, ['image'], { cache })).info));
  assert.deepEqual(await kept(page), empty);
  assert.equal((await embed(page, ['image'], { cache: 'session' })).info.store, 'opfs');
  assert.ok((await shown(page)).list.every(({ mode }) => mode === 'session'));
  await page.reload();
  forgetAsked(at);
  assert.equal((await embed(page, ['image'], { cache: 'session' })).image, wanted.image);
  assert.ok(unasked(at, image), 'reloading goes on with the session');
  await page.close();
  const next = await at.visit();
  assert.deepEqual((await shown(next)).list, []);
  assert.deepEqual(await kept(next), empty);
});

test('a worker of the page, which has no session of its own, leaves that of its page alone', async (t) => {
  const at = await shop(t);
  const page = await at.visit();
  await embed(page, ['image'], { cache: 'session' });
  const { list } = await shown(page);
  assert.ok(whole({ list }, image));
  const store = await page.evaluate(() => new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  }));
  assert.equal(store, 'opfs');
  assert.deepEqual((await shown(page)).list, list);
});

test('a call that was aborted leaves its beginning to the next', async (t) => {
  const at = await shop(t, { [image]: [(response, bytes) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 3.2 * MiB));
  }] });
  const page = await at.visit();
  const name = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const controller = new AbortController();
    const clip = await load({ model: '/model/', cache: 'persistent', threads: 1, onProgress: ({ loaded }) => { if (loaded > 3 * 2 ** 20) controller.abort(); } });
    const name = await clip.preload('image', { signal: controller.signal }).catch((error) => error.name);
    await clip.close();
    return name;
  });
  assert.equal(name, 'AbortError');
  assert.equal((await embed(page)).image, wanted.image);
  assert.deepEqual(at.host.ranges[image], [0, 3 * MiB]);
});

test('the engine\'s file heals too: a page or a part of it in the browser\'s cache', async (t) => {
  for (const harm of [html, (response, bytes) => response.setHeader('cache-control', 'max-age=3600').end(bytes.subarray(0, 1000))]) {
    const at = await shop(t);
    let asked = 0;
    const { other } = at.host;
    at.host.other = (request, response, path) => (path.endsWith('.wasm') && !asked++
      ? harm(response.setHeader('content-type', 'application/wasm'), readFileSync(join(site, path))) : other(request, response, path));
    assert.equal((await embed(await at.visit())).image, wanted.image);
  }
});

test('where a part of Kin cannot be imported, as in service workers, the worker fetches by itself and nothing is kept', async (t) => {
  const at = await shop(t);
  const page = await at.visit();
  await page.route('**/page/shelf.js', (route) => route.abort());
  const { image: vector, info } = await embed(page);
  assert.deepEqual([vector, 'store' in info], [wanted.image, false]);
  assert.deepEqual(await kept(page), empty);
});

test('cache.delete takes a model or all, and what is deleted is fetched anew', async (t) => {
  const at = await shop(t);
  const other = await hostOf(vit, {}, { headers: { 'access-control-allow-origin': '*', 'cache-control': 'no-store' } });
  t.after(other.stop);
  const page = await at.visit();
  await embed(page);
  await embed(page, ['text'], { model: other.url });
  const models = async () => [...new Set((await shown(page)).list.map(({ model }) => model))];
  assert.deepEqual((await models()).sort(), [null, at.host.url, other.url].sort());
  const drop = (model) => page.evaluate(async (model) => (await import('/kin/index.js')).cache.delete(model ?? undefined), model);
  await drop('/model');
  assert.deepEqual((await models()).sort(), [null, other.url].sort());
  forgetAsked(at);
  await embed(page);
  assert.equal(at.host.ranges[image].length, 1);
  await drop();
  assert.deepEqual(await kept(page), empty);
  const codes = await page.evaluate(async () => {
    const { cache } = await import('/kin/index.js');
    return Promise.all([5, {}, 'http://['].map((one) => cache.delete(one).catch(({ code }) => code)));
  });
  assert.deepEqual(codes, ['bad-argument', 'bad-argument', 'bad-argument']);
});
