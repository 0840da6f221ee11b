// Lists of pictures in a page of one thread: other workers help, and nothing else changes.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { embedded } from '../models.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-crowd-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync(embedded, join(site, 'model'), { recursive: true });
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
const pictures = readdirSync('build/site/images').filter((_, i) => i % 70 === 0).slice(0, 24)
  .map((name) => [...readFileSync(join('build/site/images', name))]);

let browser, server, page, headers = {};
before(async () => {
  browser = await launch();
  server = await listen((request, response, path) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    return send(response, site, path);
  });
  page = await open(browser, `${server.url}/index.html`);
  // (options of load) -> a clip, and the pictures with a broken one in their midst
  await page.evaluate(async (pictures) => {
    const { load, openCatalog } = await import('/kin/index.js');
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: 8, configurable: true });
    globalThis.kin = { load: (options) => load({ model: '/model/', ...options }), openCatalog,
      files: () => pictures.map((bytes) => new Blob([Uint8Array.from(bytes)])).toSpliced(9, 0, new Blob(['no picture at all'])) };
    globalThis.told = (vectors) => vectors.map((one) => (one instanceof Error ? one.code : String(new Uint32Array(one.buffer))));
  }, pictures);
});
after(async () => {
  await browser.close();
  server.stop();
  rmSync(site, { recursive: true });
});

test('a list: the same bits in the same places, an error in its own, more workers while it lasts and one afterwards', async () => {
  assert.equal(pictures.length, 24);
  const alone = await page.evaluate(async () => {
    const clip = await kin.load({ threads: 1 });
    const vectors = told(await clip.embedImage(kin.files()));
    await clip.close();
    return vectors;
  });
  while (page.workers().length) await page.waitForTimeout(100); // the news of its end comes when it comes
  let most = 0;
  page.on('worker', () => { most = Math.max(most, page.workers().length); });
  const together = await page.evaluate(async () => {
    globalThis.clip = await kin.load();
    return told(await clip.embedImage(kin.files()));
  });
  assert.equal(alone[9], 'unsupported-image');
  assert.equal(new Set(alone).size, 25);
  assert.deepEqual(together, alone);
  assert.ok(most > 1 && most <= 4, `${most} workers`);
  while (page.workers().length > 1) await page.waitForTimeout(100);
  assert.deepEqual(await page.evaluate(async () => told(await clip.embedImage(kin.files()))), alone); // and again
  await page.evaluate(() => clip.close());
  while (page.workers().length) await page.waitForTimeout(100);
  assert.deepEqual(page.noise, []);
});

test('frames that come in one buffer are each what it held when they were handed in', async () => {
  const [apart, together] = await page.evaluate(async () => {
    const clip = await kin.load();
    const side = 64, buffer = new Uint8Array(side * side * 3);
    const frame = (by) => {
      for (let i = 0; i < buffer.length; i++) buffer[i] = i * i * (by + 3) >> 3 & 255;
      return clip.embedImage({ data: buffer, width: side, height: side });
    };
    const apart = [];
    for (let i = 0; i < 24; i++) apart.push(await frame(i));
    const together = await Promise.all(Array.from({ length: 24 }, (_, i) => frame(i)));
    await clip.close();
    return [told(apart), told(together)];
  });
  assert.equal(new Set(apart).size, 24);
  assert.deepEqual(together, apart);
});

test('products that are added side by side make the same file as one after the other', async () => {
  const [one, several] = await page.evaluate(async () => {
    const build = async (options, all) => {
      const clip = await kin.load(options);
      const builder = await clip.createCatalog();
      const adds = kin.files().map((file, i) => () => builder.add({ id: `p${i}`, images: [file], item: { title: `${i}` } }).catch(({ code }) => code));
      if (all) await Promise.all(adds.map((add) => add()));
      else for (const add of adds) await add();
      const bytes = await builder.save();
      await clip.close();
      return [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), bytes.length];
    };
    return [await build({ threads: 1 }, false), await build({}, true)];
  });
  assert.deepEqual(several, one);
});

test('an abort and close() end a list at once, helpers too', async () => {
  const codes = await page.evaluate(async () => {
    const clip = await kin.load();
    const controller = new AbortController();
    const list = [...kin.files(), ...kin.files(), ...kin.files()];
    const aborted = clip.embedImage(list, { signal: controller.signal }).catch(({ name }) => name);
    await new Promise((resolve) => setTimeout(resolve));
    controller.abort();
    const first = await aborted;
    const closed = clip.embedImage(list).catch(({ code }) => code);
    while (performance.getEntriesByName(`${location.origin}/kin/page/crowd.js`).length < 1) await new Promise((resolve) => setTimeout(resolve));
    await clip.close();
    return [first, await closed];
  });
  assert.deepEqual(codes, ['AbortError', 'closed']);
  while (page.workers().length) await page.waitForTimeout(100);
});

test('a helper that ends costs no picture, and one that cannot start is done without', async () => {
  const run = (evil) => page.evaluate(async (evil) => {
    const { Worker } = globalThis;
    let started = 0;
    globalThis.Worker = class extends Worker {
      constructor(url, options) {
        super(++started > 1 && evil === 'start' ? '/none.js' : url, options);
        if (started > 1 && evil === 'end') setTimeout(() => this.onerror(new ErrorEvent('error', { message: 'ended', cancelable: true })), 700);
      }
    };
    try {
      const clip = await kin.load();
      const vectors = told(await clip.embedImage([...kin.files(), ...kin.files()]));
      await clip.close();
      return { vectors, started };
    } finally {
      globalThis.Worker = Worker;
    }
  }, evil);
  const { vectors } = await run('');
  for (const evil of ['start', 'end']) {
    const found = await run(evil);
    assert.ok(found.started > 1, evil);
    assert.deepEqual(found.vectors, vectors, evil);
  }
});
