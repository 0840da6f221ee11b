// A published catalogue in a real page: hosts that pack what they send, know no ranges, or say 200 to what is not there; a deploy, a
// rollback and half a deploy under an open page; the worker by each of its ways. The answers are the file's, to the bit.
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { products, publish, rowOf, writeCatalogue } from '../node/publish-support.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-pages-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
copyFileSync('web/kin.min.js', join(site, 'kin/kin.min.js'));
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
const query = Array.from(rowOf(3)), list = products(900);
const strict = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types kin-clip";

let browser, server, wanted, how = {}, asked = [];
before(async () => {
  await publish(await writeCatalogue(join(site, 'shop.safetensors'), list), join(site, 'shop'));
  browser = await launch();
  server = await listen((request, response, path) => {
    asked.push([path, request.headers.range]);
    for (const [name, value] of Object.entries(how.headers ?? {})) response.setHeader(name, value);
    if (how.gone?.test(path)) return how.page ? send(response, site, '/index.html') : response.writeHead(404).end();
    if (how.pack && path.startsWith('/shop/')) {
      response.setHeader('content-encoding', 'gzip');
      return response.end(gzipSync(readFileSync(join(site, path))));
    }
    if (how.ranges && path.startsWith('/shop/')) { // a host that answers every request with a part
      response.setHeader('accept-ranges', 'bytes');
      if (request.headers.range) return response.writeHead(206, { 'content-range': 'bytes 0-9/10' }).end(readFileSync(join(site, path)).subarray(0, 10));
    }
    return send(response, site, path);
  });
  wanted = await answer(await visit('/shop.safetensors'));
});
after(async () => {
  await browser.close();
  server.stop();
  rmSync(site, { recursive: true });
});

// A page with an open catalogue.
async function visit(source, options = {}, from = '/kin/index.js') {
  const page = await open(browser, `${server.url}/index.html`, { bypassCSP: false });
  await page.evaluate(async ([source, options, from]) => {
    const { openCatalog } = await import(from);
    globalThis.catalog = await openCatalog(source, options);
  }, [source, options, from]);
  return page;
}

async function answer(page, close = true) {
  const got = await page.evaluate(async (vector) => {
    const ask = async (filter) => {
      const { hits, total, verdict } = await globalThis.catalog.search({ vector }, { filter, limit: 20 });
      return { total, verdict, hits: hits.map(({ id, score, confidence, item, image }) => [id, score, confidence, item.price, image.url.replace(location.origin, '')]).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)) };
    };
    return [await ask(''), await ask('price < 30 and colour in (red, blue)')];
  }, query);
  if (close) {
    assert.deepEqual([page.noise, await page.evaluate(() => globalThis.violations)], [[], []]);
    await page.context().close();
  }
  return got;
}

for (const [name, source, options, from, settings = {}] of [['as it is', '/shop/'], ['by its current.json', '/shop/current.json'],
  ['on the page\'s own thread', '/shop/', { worker: false }], ['by a worker file of the shop', '/shop/', { worker: '/kin/worker/worker.js' }],
  ['by a blob', '/shop/', { worker: 'blob' }], ['out of one file', '/shop/', {}, '/kin/kin.min.js'],
  ['packed by the host', '/shop/', {}, undefined, { pack: true }], ['from a host with ranges of its own', '/shop/', {}, undefined, { ranges: true }],
  ['under the strictest policy', '/shop/', {}, undefined, { headers: { 'content-security-policy': strict } }]])
  test(`the same answers ${name}`, async () => {
    how = settings;
    asked = [];
    assert.deepEqual(await answer(await visit(source, options, from)), wanted);
    assert.deepEqual(asked.filter(([, range]) => range), [], 'no part of a file is asked for');
    assert.ok(asked.some(([path]) => path.startsWith('/shop/shard-')));
    how = {};
  });

test('a deploy, half of one, and a way back, under an open page', async () => {
  const page = await visit('/shop/');
  const refresh = () => page.evaluate(() => globalThis.catalog.refresh().catch(({ code, message }) => ({ code, message })));
  const first = readFileSync(join(site, 'shop/current.json'));
  const changed = await writeCatalogue(join(site, 'changed.safetensors'), list.slice(50).map((one) => ({ ...one, item: { ...one.item, price: 7 } })));
  await publish(changed, join(site, 'shop'));
  how = { gone: /base-|delta-/ };
  assert.equal((await refresh()).code, 'http');
  how = { gone: /base-|delta-/, page: true };
  assert.equal((await refresh()).code, 'not-a-catalog');
  assert.deepEqual(await answer(page, false), wanted, 'it goes on with what it has');
  how = {};
  assert.deepEqual(await refresh(), { changed: true, generation: 2 });
  const now = await answer(page, false);
  assert.ok(now[0].total === 850 && now[0].hits.every(([, , , price]) => price === 7), JSON.stringify(now[0]));
  writeFileSync(join(site, 'shop/current.json'), first);
  assert.deepEqual(await refresh(), { changed: true, generation: 1 });
  assert.deepEqual(await answer(page, false), wanted);
  await page.context().close();
});

test('what is not there, or a page in its place, is told in a sentence', async () => {
  for (const [settings, code] of [[{ gone: /current/ }, 'http'], [{ gone: /current/, page: true }, 'not-a-catalog'], [{ gone: /codes/ }, 'http'],
    [{ gone: /kin-find/ }, 'http'], [{ gone: /find\.js/ }, /no-worker|cors/]]) {
    how = settings;
    const page = await open(browser, `${server.url}/index.html`);
    const error = await page.evaluate(async () => {
      const { openCatalog } = await import('/kin/index.js');
      return openCatalog('/shop/').then(() => null, ({ code, message }) => ({ code, message }));
    });
    assert.match(error.code, new RegExp(code), error.message);
    await page.context().close();
  }
  how = {};
});
