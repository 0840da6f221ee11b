// What docs/hosting.md says of headers: each set tried in Chromium, with a frame of another host beside (a shop's payment frame),
// and the strictest policy that Kin works under, with nothing of the photo sent anywhere.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { embedded } from '../models.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-hosting-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync(embedded, join(site, 'model'), { recursive: true });
cpSync('build/site/catalog.safetensors', join(site, 'catalog.safetensors'));
cpSync('labels/moderation.safetensors', join(site, 'moderation.safetensors'));
cpSync('tests/golden/images/png-colour-2-8-0.png', join(site, 'photo.png'));
writeFileSync(join(site, 'payment.html'), '<!doctype html><title>x</title><script>parent.postMessage("pay", "*")</script>');
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="/photo.png"><link rel="stylesheet" href="/page.css">' +
  '<script type="module" src="/page.js"></script><img src="/photo.png" alt="">');
writeFileSync(join(site, 'page.css'), 'img { width: 1em }');
// Everything a shop does with a photo, in a script of its own: no inline script is allowed.
writeFileSync(join(site, 'page.js'), `
import { load, openCatalog, openLabels } from '/kin/index.js';
globalThis.shop = async (bytes, options) => {
  const file = new File([Uint8Array.from(bytes)], 'secret-holiday.png', { type: 'image/png' });
  const clip = await load({ model: '/model/', ...options });
  const vector = await clip.embedImage(file);
  const catalog = await openCatalog('/catalog.safetensors', { clip });
  const { hits } = await catalog.search({ image: file, box: { x: 0, y: 0, width: 0.9, height: 0.9 } }, { limit: 3 });
  await catalog.search({ mix: [{ image: file }, { text: 'red', weight: 0.5 }] }, { filter: { id: { '!=': 'x' } } });
  await (await openLabels('/moderation.safetensors', { clip })).classify(file, { multiLabel: true });
  await clip.classify(file, ['a dog', 'a cat']);
  const { threads } = clip.info;
  await Promise.all([clip.close(), catalog.close()]);
  return { threads, isolated: crossOriginIsolated, vector: [...new Uint32Array(vector.buffer)], hits: hits.map(({ id }) => id) };
};`);

let headers = {}, onPageAlone = false, browser, server, elsewhere;
before(async () => {
  browser = await launch();
  server = await listen((request, response, path) => {
    if (!onPageAlone || path === '/index.html') for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    return send(response, site, path);
  });
  elsewhere = await listen((request, response, path) => send(response, site, path));
});
after(async () => {
  await browser.close();
  for (const one of [server, elsewhere]) one.stop();
  rmSync(site, { recursive: true });
});

const photo = [...readFileSync('tests/golden/images/png-colour-2-8-0.png')];
const shop = (page, options) => page.waitForFunction(() => globalThis.shop).then(() =>
  page.evaluate(([bytes, options]) => globalThis.shop(bytes, options), [photo, options]));

// Whether a page of another host, which sends no header of the kind, shows in a frame.
const framed = (page, attributes = {}) => page.evaluate(([src, attributes]) => new Promise((resolve) => {
  const frame = Object.assign(document.createElement('iframe'), { src }, attributes);
  globalThis.addEventListener('message', ({ source }) => source === frame.contentWindow && resolve(true));
  frame.addEventListener('load', () => setTimeout(resolve, 500, false));
  document.body.append(frame);
}), [`${elsewhere.url.replace('127.0.0.1', 'localhost')}/payment.html`, attributes]);

let plain = null;
const coop = { 'cross-origin-opener-policy': 'same-origin' };
for (const [name, sent, isolated, payment, alone = false] of [
  ['no header', {}, false, true],
  ['COOP and COEP: require-corp', { ...coop, 'cross-origin-embedder-policy': 'require-corp' }, true, false],
  ['COOP and COEP: credentialless', { ...coop, 'cross-origin-embedder-policy': 'credentialless' }, true, false],
  ['Document-Isolation-Policy: isolate-and-require-corp', { 'document-isolation-policy': 'isolate-and-require-corp' }, true, true],
  ['Document-Isolation-Policy: isolate-and-credentialless', { 'document-isolation-policy': 'isolate-and-credentialless' }, true, true],
  ['Document-Isolation-Policy on the page alone', { 'document-isolation-policy': 'isolate-and-require-corp' }, true, true, true]])
  test(`${name}: ${isolated ? 'threads' : 'one thread'}, the same bits, ${payment ? 'payment frames work' : 'payment frames do not'}`, async () => {
    [headers, onPageAlone] = [sent, alone];
    const page = await open(browser, server.url + '/index.html');
    const { threads, isolated: found, ...answer } = await shop(page, { threads: 2 });
    assert.deepEqual([found, threads], [isolated, isolated ? 2 : 1]);
    plain ??= answer;
    assert.deepEqual(answer, plain);
    assert.equal(await framed(page), payment);
    await page.context().close();
  });

test('the strictest policy: no violation, and nothing of the photo leaves the page', async () => {
  onPageAlone = false;
  headers = { 'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "img-src 'self' blob:; style-src 'self'; require-trusted-types-for 'script'", ...coop, 'cross-origin-embedder-policy': 'require-corp' };
  const page = await open(browser, 'about:blank');
  const asked = [];
  page.context().on('request', (request) => asked.push([request.method(), request.url(), request.postDataBuffer(), JSON.stringify(request.headers())]));
  await page.goto(server.url + '/index.html');
  const { threads, isolated, ...answer } = await shop(page, { threads: 2 });
  assert.deepEqual([isolated, threads], [true, 2]);
  if (plain) assert.deepEqual(answer, plain);
  assert.deepEqual(page.noise, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  // Every request is for a file that lies on the server, by its bare address.
  assert.ok(asked.length > 20);
  for (const [method, url, body, sent] of asked) {
    assert.deepEqual([method, body], ['GET', null]);
    assert.match(url, new RegExp(`^(?:${server.url}/(?:kin/[\\w./-]+|model/[\\w.-]+|index\\.html|page\\.(?:js|css)|photo\\.png|(?:catalog|moderation)\\.safetensors)|data:,|about:blank)$`));
    assert.doesNotMatch(sent, /secret-holiday/);
  }
  assert.ok(asked.some(([, url]) => url.endsWith('.wasm')) && asked.some(([, url]) => url.endsWith('image.safetensors')));
  await page.context().close();
});

test("hashes of every file: scripts that are as packed run, one changed by a letter does not", async () => {
  headers = {};
  const integrity = JSON.parse(readFileSync('dist/integrity.json'));
  const map = Object.fromEntries(Object.entries(integrity).filter(([path]) => /^web\/(?:index|page|shared|worker).*\.js$/.test(path))
    .map(([path, hash]) => [path.replace('web/', '/kin/'), hash]));
  for (const [file, hash] of Object.entries(map)) assert.match(hash, /^sha384-[\w+/]{64}$/, file);
  const single = `<script type="module" src="/kin/kin.min.js" integrity="${integrity['web/kin.min.js']}"></script>`;
  const several = `<script type="importmap">${JSON.stringify({ integrity: map })}</script><script type="module" src="/page.js"></script>`;
  const runs = async (tags, changed) => {
    writeFileSync(join(site, 'whole.html'), `<!doctype html><title>x</title><link rel="icon" href="/photo.png">${tags}`);
    const page = await open(browser, 'about:blank', { go: false });
    await page.route(`**${changed}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${await response.text()} ` });
    });
    await page.goto(`${server.url}/whole.html`);
    const found = tags === single ? !page.noise.length : await page.evaluate(() => Boolean(globalThis.shop));
    const answer = found && tags === several && await shop(page, { threads: 1 });
    assert.ok(found || page.noise.some((line) => /integrity/i.test(line)), page.noise.join());
    await page.context().close();
    return answer ? answer.hits : found;
  };
  assert.deepEqual(await runs(several, '/none'), plain?.hits ?? await runs(several, '/none'));
  assert.equal(await runs(several, '/kin/page/clip.js'), false);
  assert.equal(await runs(single, '/none'), true);
  assert.equal(await runs(single, '/kin/kin.min.js'), false);
});
