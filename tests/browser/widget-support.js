// <kin-search> in a real Chromium: a site with a catalogue, a model and pages of the tests' own, and what tests do with a page and
// ask it. Its hooks run for the file that imports it.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load, openCatalog } from '../../web/index.node.js';
import { png } from '../node/cli-support.js';
import { publish } from '../node/publish-support.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

export const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob:; " +
  "style-src 'self'; require-trusted-types-for 'script'";
export const usual = 'catalog="/catalog.safetensors" model="/model/" filters="group, price:10|25|50" currency="EUR"';

// A page: what lies around the element, in `head` and `lang` too.
export const pages = new Map();
export function pageOf(body, { lang = 'en', dir = 'ltr', style = '' } = {}) {
  const path = `/page-${pages.size}.html`;
  pages.set(path, `<!doctype html><html lang="${lang}" dir="${dir}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>Shop</title><link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="${path}.css"><script type="module" src="/kin/element/element.js"></script></head>
    <body><main><h1>Shop</h1>${body}<p>Below it.</p></main></body></html>`);
  pages.set(`${path}.css`, `body { margin: 0; padding: 1rem; font: 16px/1.5 sans-serif } kin-search { display: block; min-height: 10.5rem } ${style}`);
  return path;
}
export const plainPage = pageOf(`<kin-search ${usual}></kin-search>`);

// Names and addresses as an enemy would write them.
export const evil = '<img src=x onerror=alert(1)>';
export const hostile = [{ id: 'a', item: { title: evil, url: 'javascript:alert(1)', image: 'javascript:alert(2)', price: '<b>9</b>' } },
  { id: 'b', item: { title: '', url: ' java\tscript:alert(3)', image: 'vbscript:alert(4)', price: 5 } },
  { id: '"><script>alert(5)</script>', item: { title: 'C', url: 'https://shop.example/c?a=1&b="2"', image: 'images/1f353.webp', price: 7.5 } }];
async function hostileBytes(clip) {
  const builder = await clip.createCatalog({ fields: ['price'] });
  for (const [i, { id, item }] of hostile.entries())
    await builder.add({ id, item, vectors: [Float32Array.from({ length: clip.info.dim }, (_, k) => (k % 3 === i ? 1 : 0.1))] });
  return builder.save();
}

export const site = mkdtempSync(join(tmpdir(), 'kin-widget-'));
export let browser, server, clip, catalog, hostileFile;
export let near; // the strawberry's nearest products
before(async () => {
  browser = await launch();
  clip = await load({ model: 'build/site/model' });
  catalog = await openCatalog('build/site/catalog.safetensors', { clip });
  hostileFile = await hostileBytes(clip);
  copyFileSync('build/site/catalog.safetensors', join(site, 'catalog.safetensors'));
  near = (await catalog.search({ image: strawberry.buffer }, { limit: 30 })).hits.map(({ item }) => item);
  writeFileSync(join(site, 'de.jsonl'), near.slice(1).map(({ id, price }) => JSON.stringify({ id, title: `Ding ${id}`, price: price + 100, image: '' })).join('\n'));
  await publish(join(site, 'catalog.safetensors'), join(site, 'published'), { market: [`de=${join(site, 'de.jsonl')}`] });
  server = await listen((request, response, path) => {
    response.setHeader('content-security-policy', policy);
    if (path === '/hostile.safetensors') return response.end(hostileFile);
    if (pages.has(path)) return response.setHeader('content-type', path.endsWith('.css') ? 'text/css' : 'text/html').end(pages.get(path));
    if (path.startsWith('/kin/')) return send(response, 'web', path.slice(4));
    if (path.startsWith('/published/')) return send(response, site, path);
    return send(response, 'build/site', path);
  });
});
after(async () => {
  await browser?.close();
  server?.stop();
  await clip?.close();
  await catalog?.close();
  rmSync(site, { recursive: true });
});

export const sample = (hex) => ({ name: `my-secret-${hex}.png`, mimeType: 'image/png', buffer: readFileSync(`build/site/samples/${hex}.png`) });
export const noPicture = { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') };
let seed = 7;
export const nothing = { name: 'n.png', mimeType: 'image/png', buffer: png(128, 128, () => {
  seed = (seed * 1103515245 + 12345) % 2 ** 31;
  return Array(3).fill(seed >> 16 & 255);
}) };
export const strawberry = sample('1f353');

// What the element tells is kept from the start, in window.told.
export async function visit(path = plainPage, { prepare, ...options } = {}) {
  const page = await open(browser, `${server.url}${path}`, { ...options, go: false });
  await page.addInitScript(() => {
    window.told = [];
    for (const name of ['kin-results', 'kin-select', 'kin-remove', 'kin-error', 'kin-unavailable'])
      document.addEventListener(name, (event) => window.told.push({ name, detail: event.detail, composed: event.composed }));
    document.addEventListener('click', (event) => { // a link followed, which would leave the page
      if (event.composedPath().some((node) => node.href)) window.left = event.defaultPrevented || (event.preventDefault(), 'went');
    });
  });
  await prepare?.(page);
  await page.goto(`${server.url}${path}`);
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot);
  return page;
}
export async function end(page, noise = []) {
  const heard = page.noise.filter((line) => !noise.some((known) => known.test(line)));
  assert.deepEqual([heard, page.sent], [[], []]);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}
export const state = (page, n = 0) => page.evaluate((n) => document.querySelectorAll('kin-search')[n].state, n);
export const settled = (page, n = 0) => page.waitForFunction((n) => ['results', 'none', 'error'].includes(document.querySelectorAll('kin-search')[n].state), n, { timeout: 30000 });
export const part = (page, name, n = 0) => page.locator('kin-search').nth(n).locator(name);
export async function upload(page, file, n = 0) {
  await part(page, '.primary input', n).setInputFiles(file);
  await settled(page, n);
}
// Until the search after `act` has been told.
export async function answered(page, act) {
  const before = await page.evaluate(() => window.told.length);
  await act();
  await page.waitForFunction((before) => window.told.length > before, before);
  return (await page.evaluate(() => window.told)).at(-1).detail;
}
export const titles = (page, n = 0) => part(page, '.card .title', n).allTextContents();
export const told = (page, name) => page.evaluate((name) => window.told.filter((one) => one.name === name).map(({ detail }) => detail), name);
export const dropped = (page, selector, { name, mimeType, buffer }, kinds = ['dragenter', 'dragover', 'drop']) => page.evaluate(({ selector, kinds, name, mimeType, bytes }) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: mimeType }));
  const at = selector === 'kin-search' ? document.querySelector(selector).shadowRoot.querySelector('.root') : document.querySelector(selector);
  return kinds.map((kind) => at.dispatchEvent(kind === 'paste' ? new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true, composed: true })
    : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true, composed: true })));
}, { selector, kinds, name, mimeType, bytes: [...buffer] });
