// kin.min.js on a page: one file beside wasm/, of any name, that is page, worker and helper thread, and what else is loaded
// on first use; under a strict policy, isolated, from another host, in a service worker. The answers are Node's, to the bit.
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { answer, makeShop, script } from '../bundlers/shop.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-single-'));
const shop = join(site, 'shop');
const strict = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:";
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const shared = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };

const hosts = [];
async function host(headers) {
  const one = await listen((request, response, path) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    return send(response, site, path);
  });
  hosts.push(one);
  return one;
}

let browser, wanted;
before(async () => {
  makeShop(shop);
  copyFileSync('web/kin.min.js', join(shop, 'kin.min.js'));
  copyFileSync('web/kin.min.js', join(shop, 'renamed.js'));
  cpSync('web/wasm', join(shop, 'wasm'), { recursive: true });
  writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
  wanted = await answer(shop);
  browser = await launch();
});
after(async () => {
  await browser.close();
  for (const one of hosts) one.stop();
  rmSync(site, { recursive: true });
});

// What a page with that module script answers, and the scripts that it fetched. `page`: its name here.
let pages = 0;
async function visit(server, options) {
  const name = `page${++pages}`;
  writeFileSync(join(shop, `${name}.js`), script({ base: './', ...options }));
  writeFileSync(join(shop, `${name}.html`), `<!doctype html><title>x</title><link rel="icon" href="data:,"><script type="module" src="${name}.js"></script>`);
  const page = await open(browser, `${server.url}/shop/${name}.html`);
  await page.waitForFunction(() => globalThis.done, null, { timeout: 120_000 });
  const got = await page.evaluate(() => globalThis.done);
  assert.deepEqual([page.noise, await page.evaluate(() => globalThis.violations)], [[], []], got);
  await page.context().close();
  return got;
}

test('one script and a wasm file each for embedding and for folders are all that is fetched of Kin, under a strict policy', async () => {
  const server = await host({ 'content-security-policy': strict });
  assert.equal(await visit(server, { from: './kin.min.js' }), wanted);
  const fetched = [...new Set(server.asked)].filter((path) => /\.(?:js|wasm)$/.test(path) && !/page/.test(path));
  assert.deepEqual(fetched.map((path) => path.replace(/-(?:simd|relaxed)\./, '-….')).sort(), ['/shop/kin.min.js', '/shop/wasm/kin-find.wasm', '/shop/wasm/kin-….wasm']);
});

test('under another name and with a query, isolated: helper threads start it too', async () => {
  const server = await host(isolated);
  const from = './renamed.js?v=1';
  assert.equal(await visit(server, { from, options: '{ threads: 2 }' }), wanted);
  const page = await open(browser, `${server.url}/index.html`);
  const started = [];
  page.on('worker', (worker) => started.push(worker.url()));
  const found = await page.evaluate(async () => {
    const { load } = await import('/shop/renamed.js?v=1');
    const clip = await load({ model: '/shop/model/', threads: 2 });
    await clip.embedText('a boot');
    const { threads, threadsReason } = clip.info;
    await clip.close();
    return { threads, threadsReason };
  });
  assert.equal(found.threads, 2, found.threadsReason);
  assert.deepEqual(started, Array(2).fill(`${server.url}/shop/renamed.js?v=1#kin-worker`), 'the worker and its helper');
  await page.context().close();
});

test('from another host: by a blob, by a file of one line, without a worker', async () => {
  const other = await host(shared);
  const server = await host({});
  const from = `${other.url}/shop/kin.min.js`;
  writeFileSync(join(shop, 'line.js'), `import '${from}#kin-worker';\n`);
  for (const worker of ["'blob'", "'./line.js'", 'false'])
    assert.equal(await visit(server, { from, options: `{ worker: ${worker} }` }), wanted, worker);
});

test('in a service worker, which refuses import(): words and filters too', async () => {
  const server = await host({});
  writeFileSync(join(shop, 'service.js'), `${script({ base: './', from: './kin.min.js', options: '{ worker: false }' })}
addEventListener('message', (event) => event.waitUntil(globalThis.done.then((said) => event.source.postMessage(said))));\n`);
  copyFileSync(join(site, 'index.html'), join(shop, 'index.html'));
  const page = await open(browser, `${server.url}/shop/index.html`);
  const got = await page.evaluate(async () => {
    await navigator.serviceWorker.register('./service.js', { type: 'module' });
    const { active } = await navigator.serviceWorker.ready;
    const said = new Promise((resolve) => { navigator.serviceWorker.onmessage = ({ data }) => resolve(data); });
    navigator.serviceWorker.startMessages();
    active.postMessage('how is it?');
    return said;
  });
  assert.equal(got, wanted);
  await page.context().close();
});
