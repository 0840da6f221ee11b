// <kin-search> as a shop has it, in a real Chromium: the files of the package as they lie, the demo's catalogue, and on every
// page the strictest policy that it promises to keep.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { load, openCatalog } from '../../web/index.node.js';
import { png } from '../node/cli-support.js';
import { publish } from '../node/publish-support.js';
import { listen, send } from '../server.js';
import { launch, open, serve } from './shop.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' blob:; " +
  "style-src 'self'; require-trusted-types-for 'script'";
const usual = 'catalog="/catalog.safetensors" model="/model/" filters="group, price:10|25|50" currency="EUR"';

// A page: what lies around the element, in `head` and `lang` too.
const pages = new Map();
function pageOf(body, { lang = 'en', dir = 'ltr', style = '' } = {}) {
  const path = `/page-${pages.size}.html`;
  pages.set(path, `<!doctype html><html lang="${lang}" dir="${dir}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>Shop</title><link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="${path}.css"><script type="module" src="/kin/element/element.js"></script></head>
    <body><main><h1>Shop</h1>${body}<p>Below it.</p></main></body></html>`);
  pages.set(`${path}.css`, `body { margin: 0; padding: 1rem; font: 16px/1.5 sans-serif } kin-search { display: block; min-height: 10.5rem } ${style}`);
  return path;
}
const plainPage = pageOf(`<kin-search ${usual}></kin-search>`);

// Names and addresses as an enemy would write them.
const evil = '<img src=x onerror=alert(1)>';
const hostile = [{ id: 'a', item: { title: evil, url: 'javascript:alert(1)', image: 'javascript:alert(2)', price: '<b>9</b>' } },
  { id: 'b', item: { title: '', url: ' java\tscript:alert(3)', image: 'vbscript:alert(4)', price: 5 } },
  { id: '"><script>alert(5)</script>', item: { title: 'C', url: 'https://shop.example/c?a=1&b="2"', image: 'images/1f353.webp', price: 7.5 } }];
async function hostileBytes(clip) {
  const builder = await clip.createCatalog({ fields: ['price'] });
  for (const [i, { id, item }] of hostile.entries())
    await builder.add({ id, item, vectors: [Float32Array.from({ length: clip.info.dim }, (_, k) => (k % 3 === i ? 1 : 0.1))] });
  return builder.save();
}

const site = mkdtempSync(join(tmpdir(), 'kin-widget-'));
let browser, server, clip, catalog, hostileFile;
let near; // the strawberry's nearest products
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

const sample = (hex) => ({ name: `my-secret-${hex}.png`, mimeType: 'image/png', buffer: readFileSync(`build/site/samples/${hex}.png`) });
const noPicture = { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') };
const strawberry = sample('1f353');

// What the element tells is kept from the start, in window.told.
async function visit(path = plainPage, { prepare, ...options } = {}) {
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
async function end(page, noise = []) {
  const heard = page.noise.filter((line) => !noise.some((known) => known.test(line)));
  assert.deepEqual([heard, page.sent], [[], []]);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}
const state = (page, n = 0) => page.evaluate((n) => document.querySelectorAll('kin-search')[n].state, n);
const settled = (page, n = 0) => page.waitForFunction((n) => ['results', 'none', 'error'].includes(document.querySelectorAll('kin-search')[n].state), n, { timeout: 30000 });
const part = (page, name, n = 0) => page.locator('kin-search').nth(n).locator(name);
async function upload(page, file, n = 0) {
  await part(page, '.primary input', n).setInputFiles(file);
  await settled(page, n);
}
// Until the search after `act` has been told.
async function answered(page, act) {
  const before = await page.evaluate(() => window.told.length);
  await act();
  await page.waitForFunction((before) => window.told.length > before, before);
  return (await page.evaluate(() => window.told)).at(-1).detail;
}
const titles = (page, n = 0) => part(page, '.card .title', n).allTextContents();
const told = (page, name) => page.evaluate((name) => window.told.filter((one) => one.name === name).map(({ detail }) => detail), name);
const dropped = (page, selector, { name, mimeType, buffer }, kinds = ['dragenter', 'dragover', 'drop']) => page.evaluate(({ selector, kinds, name, mimeType, bytes }) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: mimeType }));
  const at = selector === 'kin-search' ? document.querySelector(selector).shadowRoot.querySelector('.root') : document.querySelector(selector);
  return kinds.map((kind) => at.dispatchEvent(kind === 'paste' ? new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true, composed: true })
    : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true, composed: true })));
}, { selector, kinds, name, mimeType, bytes: [...buffer] });

// ---- what it costs ---------------------------------------------------------------------------------------------------
for (const width of [1280, 320])
  test(`until a shopper acts: one script of 6 KB packed, nothing else asked for, nothing moved, at ${width} px`, async () => {
    const asked = [];
    const page = await visit(plainPage, { width, prepare: async (page) => {
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await page.route('**/element.js', async (route) => { // the page has been seen before the script is there
        await new Promise((go) => { setTimeout(go, 400); });
        await route.continue();
      });
    } });
    await page.hover('kin-search');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.localName), 'kin-search', 'the button has the focus');
    await page.waitForTimeout(500);
    assert.deepEqual(asked.filter((path) => path !== '/favicon.svg').sort(), ['/kin/element/element.js', plainPage, `${plainPage}.css`].sort());
    const body = Buffer.from(await (await fetch(`${server.url}/kin/element/element.js`)).arrayBuffer());
    assert.ok(gzipSync(body, { level: 6 }).length <= 6 * 1024, `${gzipSync(body, { level: 6 }).length} bytes`);
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
    assert.ok(await part(page, '.primary').isVisible());
    assert.deepEqual(page.workers(), []);
    await end(page);
  });

// ---- ways in -----------------------------------------------------------------------------------------------------------
test('a file: the products that the library finds, told without photo, vector or text', async () => {
  const page = await visit();
  const { hits, verdict } = await catalog.search({ image: strawberry.buffer }, { limit: 12 });
  const urls = [];
  page.on('request', (request) => urls.push(request.url()));
  await upload(page, strawberry);
  assert.deepEqual(await titles(page), hits.map(({ item }) => item.title));
  const all = await page.evaluate(() => window.told);
  assert.deepEqual(all.map(({ name, composed }) => [name, composed]), [['kin-results', true]]);
  const [{ detail }] = all;
  assert.deepEqual(Object.keys(detail).sort(), ['hits', 'ms', 'queryId', 'total', 'verdict']);
  assert.deepEqual(detail.hits, hits.map(({ id, position, confidence }) => ({ id, position, confidence })));
  assert.ok(detail.verdict === verdict && Number.isInteger(detail.ms) && detail.ms > 0 && /^[\d-]+$/.test(detail.queryId) && detail.total === 1855);
  assert.ok(urls.length && !urls.some((url) => /secret|blob:|data:/.test(url.replace(/^blob:.*/, ''))), 'nothing of the file is in an address');
  assert.ok((await part(page, '.privacy').textContent()).includes('stays on this device'));
  assert.match(await part(page, '.told').textContent(), /^12 products shown$/);

  await part(page, '.card').nth(2).click();
  const [chosen] = await told(page, 'kin-select');
  assert.deepEqual(chosen, { queryId: detail.queryId, ...detail.hits[2] });
  assert.equal(await page.evaluate(() => window.left), 'went', 'the link is the page\'s');
  await page.evaluate(() => document.addEventListener('kin-select', (event) => event.preventDefault()));
  await part(page, '.card').nth(1).click();
  assert.equal(await page.evaluate(() => window.left), true, 'a page with a router keeps the link');

  const more = await answered(page, () => part(page, '.more').click());
  assert.deepEqual(more.hits.map(({ position }) => position), Array.from({ length: 12 }, (_, i) => 12 + i));
  assert.ok((await titles(page)).length === 24 && await part(page, '.told').textContent() === '24 products shown');
  await part(page, '.card').nth(3).click();
  await part(page, '.card').nth(13).click();
  const ids = (await told(page, 'kin-select')).slice(-2).map(({ queryId }) => queryId);
  assert.deepEqual(ids, [detail.queryId, more.queryId], 'each hit is of the search that found it');
  await end(page);
});

test('a camera where there is one', async () => {
  const page = await visit();
  assert.equal(await part(page, '.camera input').getAttribute('capture'), 'environment');
  assert.equal(await part(page, '.camera input').getAttribute('accept'), 'image/*');
  await part(page, '.camera input').setInputFiles(strawberry);
  await settled(page);
  assert.equal((await titles(page)).length, 12);
  await end(page);
});

test('dropped, pasted: on the element, or anywhere but in the page\'s own fields', async () => {
  const path = pageOf(`<input id="field" aria-label="Search"><kin-search id="one" ${usual}></kin-search><kin-search id="two" ${usual} limit="3"></kin-search>`);
  const page = await visit(path);
  await dropped(page, 'kin-search', strawberry, ['dragenter', 'dragover']);
  assert.ok(await part(page, '.over').first().isVisible(), 'it says that it would take the file');
  await dropped(page, 'kin-search', strawberry, ['drop']);
  await settled(page);
  assert.deepEqual([await state(page), await state(page, 1)], ['results', 'start']);
  const first = await titles(page);
  assert.equal(await part(page, '.over').count(), 0);
  const [untouched] = await dropped(page, '#field', sample('1f697'), ['paste']);
  assert.equal(untouched, true, 'what is pasted into a field is the field\'s');
  await upload(page, sample('1f460'), 1);
  assert.equal((await titles(page, 1)).length, 3);
  const detail = await answered(page, () => dropped(page, 'body', strawberry, ['paste']));
  assert.equal(detail.hits.length, 3, 'the one that was used last');
  assert.deepEqual(await titles(page), first);
  await end(page);
});

test('from the keyboard alone: choosing, cropping, filtering, following', async () => {
  let choosing = null;
  const page = await visit(plainPage, { prepare: (page) => page.on('filechooser', (chooser) => { choosing = chooser.setFiles(sample('1f697')); }) });
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  for (let i = 0; !choosing && i < 100; i++) await page.waitForTimeout(50);
  await choosing;
  await settled(page);
  const at = () => page.evaluate(() => document.querySelector('kin-search').shadowRoot.activeElement?.className);
  assert.match(await at() ?? '', /^$/, 'the focus stays on the input');
  assert.equal(await page.evaluate(() => document.activeElement.localName), 'kin-search');
  await page.keyboard.press('Shift+Tab');
  assert.equal(await at(), 'box');
  const detail = await answered(page, () => page.keyboard.press('-'));
  assert.ok(detail.hits.length === 12);
  await page.keyboard.press('Shift+ArrowLeft');
  const { hits } = await answered(page, async () => {});
  const box = await page.evaluate(() => Object.fromEntries(['x', 'y', 'width', 'height'].map((side) =>
    [side, Number(document.querySelector('kin-search').shadowRoot.querySelector('.frame').style.getPropertyValue(`--${side}`))])));
  assert.ok(box.width < 0.9 && box.height < 0.9);
  const wanted = await catalog.search({ image: sample('1f697').buffer, box, fit: 'pad' }, { limit: 12 });
  assert.deepEqual(hits.map(({ id }) => id), wanted.hits.map(({ id }) => id), 'the crop is what is searched by');
  const seen = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab');
    seen.push(await at());
  }
  assert.deepEqual(seen, ['', 'adjust', 'remove', 'filter', 'filter', 'card', 'card', 'card']);
  await page.keyboard.press('Enter');
  assert.equal((await told(page, 'kin-select')).length, 1);
  await part(page, '.remove').focus();
  await page.keyboard.press('Enter');
  assert.equal(await state(page), 'start');
  assert.ok(await part(page, '.primary input').evaluate((input) => input.getRootNode().activeElement === input), 'and the focus is on the button');
  assert.equal(await part(page, '.primary').textContent(), 'Search by photo');
  await end(page);
});

test('the crop: dragged by a corner, and by buttons without dragging', async () => {
  const page = await visit();
  await upload(page, sample('1f697'));
  const frame = await part(page, '.frame').boundingBox();
  await page.mouse.move(frame.x + 2, frame.y + 2);
  await page.mouse.down();
  await page.mouse.move(frame.x + frame.width / 2, frame.y + frame.height / 3, { steps: 4 });
  const first = await answered(page, () => page.mouse.up());
  const side = (name) => part(page, '.frame').evaluate((node, name) => Number(node.style.getPropertyValue(`--${name}`)), name);
  assert.ok(Math.abs(await side('x') - 0.5) < 0.03 && Math.abs(await side('y') - 1 / 3) < 0.03);
  assert.ok(await part(page, '.tools').isHidden());
  await part(page, '.adjust').click();
  const second = await answered(page, () => part(page, '.tools button').nth(4).click());
  assert.notEqual(first.queryId, second.queryId);
  await answered(page, () => part(page, '.tools button').last().click());
  assert.deepEqual([await side('x'), await side('width')], [0, 1]);
  await end(page);
});

// ---- what comes out -----------------------------------------------------------------------------------------------------
test('filters: the catalogue\'s values, steps of a number, and a way back where nothing is left', async () => {
  const page = await visit(pageOf(`<kin-search ${usual} filter="price > 3"></kin-search>`));
  await upload(page, strawberry);
  const group = part(page, '.filter').nth(0), price = part(page, '.filter').nth(1);
  const options = await group.locator('option').allTextContents();
  assert.equal(options[0], 'Group: all');
  assert.ok(options.includes('Food & drink') && options.length > 6, String(options));
  assert.deepEqual(await price.locator('option').allTextContents(), ['Price: all', 'Price: up to €10.00', 'Price: up to €25.00', 'Price: up to €50.00']);
  const itemsOf = ({ hits }) => hits.map(({ id }) => catalog.get(id));
  assert.ok(itemsOf((await told(page, 'kin-results'))[0]).every((item) => item.price > 3));
  const food = await answered(page, () => group.selectOption({ label: 'Food & drink' }));
  assert.ok(itemsOf(food).every((item) => item.group === 'Food & drink' && item.price > 3));
  const cheap = await answered(page, () => price.selectOption({ label: 'Price: up to €10.00' }));
  assert.ok(itemsOf(cheap).every((item) => item.group === 'Food & drink' && item.price <= 10 && item.price > 3));
  assert.deepEqual(await group.locator('option').allTextContents(), options, 'the choices stay');
  await answered(page, () => page.evaluate(() => document.querySelector('kin-search').setAttribute('filter', 'price > 30')));
  assert.equal(await part(page, '.summary[role=status] .heading').textContent(), 'Nothing passes this filter.');
  const back = await answered(page, () => part(page, '.notice button').click());
  assert.ok(back.hits.length === 12 && itemsOf(back).every((item) => item.price > 30));
  assert.equal(await group.inputValue(), '');
  await end(page);
});

test('nothing similar among what passes a filter: the nearest of it, or without the filter, are a press away', async () => {
  const page = await visit();
  await upload(page, strawberry);
  const groups = await part(page, '.filter').nth(0).locator('option').evaluateAll((all) => all.slice(1).map(({ text }) => text));
  let other = null;
  for (const group of groups) if ((await catalog.search({ image: strawberry.buffer }, { filter: { group } })).verdict === 'none') other ??= group;
  await answered(page, () => part(page, '.filter').nth(0).selectOption({ label: other }));
  assert.equal(await part(page, '.summary').textContent(), 'Nothing similar here', 'no other crop is advised');
  assert.deepEqual(await part(page, '.notice button').allTextContents(), ['Show the nearest anyway', 'Clear the filter']);
  const { hits } = await answered(page, () => part(page, '.notice button').nth(1).click());
  assert.deepEqual(hits.map(({ id }) => id), near.slice(0, 12).map(({ id }) => id));
  await end(page);
});

for (const address of ['/published/', '/published/current.json'])
  test(`a published folder by ${address}: the file's hits, filters and pages, from the keyboard too`, async () => {
    const page = await visit(pageOf(`<kin-search ${usual.replace('/catalog.safetensors', address)}></kin-search>`));
    await upload(page, strawberry);
    const wanted = (filter, offset = 0) => catalog.search({ image: strawberry.buffer }, { limit: 12, offset, filter });
    const { hits } = await wanted();
    assert.deepEqual(await titles(page), hits.map(({ item }) => item.title));
    assert.deepEqual((await told(page, 'kin-results'))[0].hits, hits.map(({ id, position, confidence }) => ({ id, position, confidence })));
    assert.ok((await part(page, '.card img').first().getAttribute('src')).endsWith(`/images/${hits[0].id}.webp`), 'pictures lie where they lay');
    const group = part(page, '.filter').nth(0);
    assert.ok((await group.locator('option').allTextContents()).includes('Food & drink'));
    await group.focus();
    const other = await answered(page, () => page.keyboard.press('ArrowDown'));
    assert.deepEqual(other.hits.map(({ id }) => id), (await wanted({ group: await group.locator('option:checked').textContent() })).hits.map(({ id }) => id));
    const all = await answered(page, () => page.keyboard.press('ArrowUp'));
    assert.deepEqual(all.hits.map(({ id }) => id), hits.map(({ id }) => id));
    await part(page, '.more').focus();
    const more = await answered(page, () => page.keyboard.press('Enter'));
    assert.deepEqual(more.hits.map(({ id }) => id), (await wanted('', 12)).hits.map(({ id }) => id));
    await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.activeElement?.className === 'card');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => window.told.at(-1).name === 'kin-select');
    assert.equal((await told(page, 'kin-select'))[0].id, more.hits[0].id);
    await end(page);
  });

test('a market of a published folder: its titles, prices and products, and the catalogue\'s own again', async () => {
  const page = await visit(pageOf(`<kin-search ${usual.replace('/catalog.safetensors', '/published/')} locale="de"></kin-search>`));
  await upload(page, strawberry);
  assert.deepEqual(await titles(page), near.slice(1, 13).map(({ id }) => `Ding ${id}`), 'what it does not sell is not there');
  assert.equal(await part(page, '.card .price').first().textContent(), `€${(near[1].price + 100).toFixed(2)}`);
  const offered = async () => (await part(page, '.filter option:first-child').allTextContents()).map((text) => text.split(':')[0]);
  assert.deepEqual(await offered(), ['Price'], 'a field that a market lacks is not offered');
  assert.match(page.noise.join(), /no field 'group' to filter by; it has price/, 'who builds the page is told');
  await answered(page, () => page.evaluate(() => { document.querySelector('kin-search').locale = null; }));
  assert.deepEqual(await offered(), ['Group', 'Price']);
  assert.deepEqual(await titles(page), near.slice(0, 12).map(({ title }) => title));
  await answered(page, () => page.evaluate(() => {
    const finder = document.querySelector('kin-search');
    finder.loadOptions = { fields: async (ids) => (window.ids = ids).map((id) => ({ id, price: 7 })) };
    finder.locale = 'de';
  }));
  assert.equal(await part(page, '.card .price').first().textContent(), '€7.00', 'the shop\'s own API says the price');
  assert.deepEqual(await page.evaluate(() => window.ids), near.slice(1, 13).map(({ id }) => id));
  await page.evaluate(() => document.querySelector('kin-search').setAttribute('locale', 'xx'));
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'error');
  assert.match(page.noise.join(), /no market 'xx': it has de/, 'who builds the page is told');
  await end(page, [/no market 'xx'/, /no field 'group'/]);
});

// Grey noise is like nothing in the shop.
let seed = 7;
const nothing = { name: 'n.png', mimeType: 'image/png', buffer: png(128, 128, () => {
  seed = (seed * 1103515245 + 12345) % 2 ** 31;
  return Array(3).fill(seed >> 16 & 255);
}) };

test('nothing similar is said, and what is nearest is a press away', async () => {
  const page = await visit();
  assert.equal((await catalog.search({ image: nothing.buffer })).verdict, 'none', 'the picture is what this test is about');
  await upload(page, nothing);
  assert.equal(await state(page), 'none');
  assert.match(await part(page, '[role=status].summary').textContent(), /^Nothing similar here.*another photo/, 'and announced');
  assert.equal(await part(page, '.card').count(), 0);
  const [{ verdict, hits }] = await told(page, 'kin-results');
  assert.deepEqual([verdict, hits], ['none', []], 'what is not shown is not told as shown');
  const shown = await answered(page, () => part(page, '.notice button').click());
  assert.ok(shown.hits.length === 12 && await part(page, '.card').count() === 12);
  assert.equal(await part(page, '.heading').textContent(), 'The nearest there are');
  await end(page);
});

test('cards of the page\'s own: a template, renderHit, in its own document and styles', async () => {
  const path = pageOf(`<kin-search ${usual} limit="4"><template><a class="mine" data-kin-href="url"><img data-kin-src="image" alt=""><b data-kin-text="title"></b>
    <i data-kin-text="price"></i><u data-kin-text="nowhere"></u></a></template></kin-search>`, { style: '.mine { color: rgb(1, 2, 3) }' });
  const page = await visit(path);
  await upload(page, strawberry);
  const { hits } = await catalog.search({ image: strawberry.buffer }, { limit: 4 });
  const cards = page.locator('kin-search > [slot] > .mine');
  assert.deepEqual(await cards.locator('b').allTextContents(), hits.map(({ item }) => item.title));
  assert.equal(await cards.first().locator('i').textContent(), `€${hits[0].item.price.toFixed(2)}`);
  assert.ok(await cards.first().locator('u').isHidden());
  assert.equal(await cards.first().getAttribute('href'), `${server.url}${path}${hits[0].item.url}`);
  assert.ok((await cards.first().locator('img').getAttribute('src')).endsWith(`/images/${hits[0].id}.webp`));
  assert.equal(await cards.first().evaluate((card) => getComputedStyle(card).color), 'rgb(1, 2, 3)');
  assert.ok(await cards.first().isVisible());
  await cards.nth(1).locator('b').click();
  assert.equal((await told(page, 'kin-select'))[0].id, hits[1].id);

  await page.evaluate(() => {
    document.querySelector('kin-search').renderHit = ({ id, item }, { title, src, href, match, text }) => {
      if (document.title === 'broken') throw new Error('no card');
      const card = document.createElement('button');
      card.className = 'theirs';
      card.dataset.kinChoose = '';
      card.textContent = [id, item.title === title, Boolean(src && href), match, text('price')].join('|');
      return card;
    };
  });
  await upload(page, strawberry);
  const own = page.locator('kin-search > [slot] > .theirs');
  assert.match((await own.allTextContents())[0], new RegExp(`^${hits[0].id}\\|true\\|true\\|.*\\|€\\d`));
  assert.equal(await cards.count(), 0, 'the earlier ones are gone');
  await own.nth(2).click();
  assert.equal((await told(page, 'kin-select'))[1].id, hits[2].id);
  await page.evaluate(() => { document.title = 'broken'; });
  await upload(page, strawberry);
  assert.deepEqual(await titles(page), hits.map(({ item }) => item.title), 'where the page\'s own fail there are the element\'s');
  assert.ok((await told(page, 'kin-error')).every(({ code }) => code === 'failed'));
  await page.evaluate(() => document.querySelector('kin-search').reset());
  assert.equal(await page.locator('kin-search > [slot]').count(), 0);
  await end(page, [/no card/]);
});

test('results of the page\'s own: `find` has the query, the element the photo, its crop, and what there is to wait for', async () => {
  let pass = null;
  const held = new Promise((go) => { pass = go; });
  const page = await visit(plainPage, { prepare: (page) => page.route('**/catalog.safetensors', async (route) => {
    await held;
    await route.continue();
  }) });
  await page.evaluate(() => {
    const finder = document.querySelector('kin-search');
    Object.assign(window, { asked: [], heard: 0, broken: false });
    finder.loadOptions = { onProgress: () => { window.heard++; } };
    finder.find = async (query, { signal }) => {
      window.asked.push({ query, signal });
      if (window.broken) throw new Error('no list');
      const { catalog } = await finder.open();
      const answer = await catalog.search(query, { limit: 5, signal });
      window.shown = answer.hits.map(({ id }) => id);
      return answer;
    };
  });
  const visible = (name) => part(page, name).isVisible();
  await part(page, '.primary input').setInputFiles(strawberry);
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'loading');
  assert.deepEqual([await visible('.progress'), await visible('.results'), await visible('.frame')], [true, false, true]);
  pass();
  await settled(page);
  const ids = async (query) => (await catalog.search(query, { limit: 5 })).hits.map(({ id }) => id);
  assert.deepEqual([await state(page), await page.evaluate(() => window.shown)], ['results', await ids({ image: strawberry.buffer })]);
  assert.deepEqual([await visible('.found'), await part(page, '.card').count(), await page.evaluate(() => window.heard > 0)], [false, 0, true]);
  assert.deepEqual((await told(page, 'kin-results')).map(({ hits }) => hits.map(({ id }) => id)), [await page.evaluate(() => window.shown)]);
  assert.deepEqual(await page.evaluate(() => Object.keys(window.asked[0].query)), ['image'], 'all of the photo: no box');

  await part(page, '.box').focus();
  await answered(page, () => page.keyboard.press('-'));
  const { box, fit, name } = await page.evaluate(() => ({ ...window.asked[1].query, name: window.asked[1].query.image.name }));
  assert.ok(name === strawberry.name && box.width < 0.9);
  assert.deepEqual(await page.evaluate(() => window.shown), await ids({ image: strawberry.buffer, box, fit }));
  await page.evaluate(() => { // the latest one wins
    const finder = document.querySelector('kin-search');
    return Promise.all([finder.search('/samples/1f697.png'), finder.search('/samples/1f460.png')]);
  });
  assert.deepEqual(await page.evaluate(() => window.asked.slice(-2).map(({ signal }) => signal.aborted)), [true, false]);
  assert.deepEqual(await page.evaluate(() => window.shown), await ids({ image: readFileSync('build/site/samples/1f460.png') }));

  await upload(page, nothing);
  assert.equal(await state(page), 'none');
  assert.deepEqual([await part(page, '.heading').textContent(), await visible('.heading'), await visible('.notice')], ['Nothing similar here', true, false]);
  await page.evaluate(() => { window.broken = true; });
  await upload(page, strawberry);
  assert.deepEqual([await state(page), await visible('.notice'), (await told(page, 'kin-error')).length], ['error', true, 1]);
  await page.evaluate(() => { window.broken = false; });
  await answered(page, () => part(page, '.notice button').click());
  assert.deepEqual([await state(page), await visible('.found')], ['results', false]);
  await answered(page, () => page.evaluate(() => { document.querySelector('kin-search').filter = 'price > 30'; }));
  await part(page, '.remove').click();
  assert.deepEqual([await state(page), (await page.evaluate(() => window.told)).at(-1)], ['start', { name: 'kin-remove', detail: {}, composed: true }]);
  await end(page, [/no list/]);
});

test('a page puts a photo there, has what it searches with, says something in the first view, and may take what is dropped', async () => {
  const page = await visit(pageOf(`<kin-search ${usual}><p id="mine">A strawberry, say</p></kin-search>`));
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  assert.ok(await page.isVisible('#mine'));
  const at = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };
  const show = (source, box = null) => page.evaluate(([source, box]) => document.querySelector('kin-search').show(source, box), [source, box]);
  await show('/samples/1f353.png', at);
  assert.equal(await state(page), 'shown');
  const side = (name) => part(page, '.frame').evaluate((frame, name) => Number(frame.style.getPropertyValue(`--${name}`)), name);
  assert.deepEqual([await side('x'), await side('width')], [0.25, 0.5]);
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.preview').naturalWidth);
  assert.deepEqual([await page.isVisible('#mine'), await part(page, '.found').isVisible(), await told(page, 'kin-results')], [false, false, []]);
  assert.ok(asked.includes('/kin/element/view.js'));
  assert.deepEqual(asked.filter((path) => /^\/model\/|\.safetensors$|\.wasm$/.test(path)), []);
  await page.evaluate(() => document.querySelector('kin-search').focus({ crop: true }));
  const { hits } = await answered(page, () => page.keyboard.press('ArrowLeft'));
  const box = { ...at, x: await side('x') };
  assert.ok(box.x < at.x);
  assert.deepEqual(hits.map(({ id }) => id), (await catalog.search({ image: readFileSync('build/site/samples/1f353.png'), box, fit: 'pad' }, { limit: 12 })).hits.map(({ id }) => id));
  await show('/samples/1f353.png', at);
  assert.deepEqual([await state(page), await part(page, '.card').count(), await side('x')], ['shown', 0, 0.25], 'hits of another crop are not left');

  const words = await page.evaluate(async () => {
    const { clip, catalog } = await document.querySelector('kin-search').open();
    await clip.preload('text');
    return (await catalog.search({ text: 'strawberry' }, { limit: 3 })).hits.map(({ id }) => id);
  });
  assert.deepEqual(words, (await catalog.search({ text: 'strawberry' }, { limit: 3 })).hits.map(({ id }) => id));
  assert.equal(await page.evaluate(async () => {
    const finder = document.querySelector('kin-search');
    finder.catalog = '/none/';
    return finder.open().catch(({ name, code }) => `${name} ${code}`);
  }), 'KinError http');

  await page.evaluate(() => document.addEventListener('drop', (event) => event.preventDefault(), { capture: true, once: true }));
  await dropped(page, 'kin-search', strawberry);
  await page.waitForTimeout(100);
  assert.deepEqual([await state(page), await part(page, '.over').count()], ['shown', 0]);
  await end(page, [/404/]);
});

test('names and addresses of a catalogue are data', async () => {
  const path = pageOf('<kin-search catalog="/hostile.safetensors" model="/model/" fields="price, title"></kin-search>');
  const page = await visit(path);
  await upload(page, strawberry);
  assert.deepEqual((await titles(page)).sort(), [evil, 'C', 'b'].sort());
  const links = await part(page, '.card').evaluateAll((all) => all.map((card) => [card.localName, card.href, card.querySelector('img').getAttribute('src')]));
  assert.deepEqual(links.filter(([kind]) => kind === 'a').map(([, href]) => href), ['https://shop.example/c?a=1&b=%222%22']);
  assert.deepEqual(links.map(([, , src]) => src).filter(Boolean), [`${server.url}/images/1f353.webp`]);
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').shadowRoot.querySelectorAll('script, [onerror]').length), 0);
  await end(page);
});

// ---- when things go wrong ---------------------------------------------------------------------------------------------
test('a catalogue or a model that is not there is said, with a way on; another try works when it is there', async () => {
  for (const [attributes, missing, code] of [['catalog="/none/" model="/model/"', /catalog='\/none\/'/, /http|not-a-catalog/],
    ['catalog="/catalog.safetensors" model="/none/"', /model='\/none\/'/, /http|not-a-model/], ['model="/model/"', /Say where the catalogue is/, /bad-argument/],
    ['catalog="/catalog.safetensors"', /model/, /no-model/]]) {
    const page = await visit(pageOf(`<kin-search ${attributes} fallback-url="/search?a=1"></kin-search>`));
    await upload(page, strawberry);
    assert.equal(await state(page), 'error');
    assert.match(await part(page, '.notice[role=alert]').textContent(), /does not work here right now|could not be loaded/);
    const [{ code: told_ }] = await told(page, 'kin-error');
    assert.match(told_, code);
    assert.deepEqual(Object.keys((await told(page, 'kin-error'))[0]), ['code']);
    assert.equal(await part(page, '.notice a').getAttribute('href'), `${server.url}/search?a=1`);
    assert.ok(page.noise.some((line) => line.startsWith('warning: kin-search: ') && missing.test(line)), 'who builds the page is told: ' + page.noise.join());
    await page.evaluate(() => Object.assign(document.querySelector('kin-search'), { catalog: '/catalog.safetensors', model: '/model/' }));
    await page.waitForFunction(() => document.querySelector('kin-search').state === 'results');
    await end(page, [/^warning: kin-search/, /404/]);
  }
  const page = await visit();
  await page.route('**/model/**', (route) => route.abort());
  await upload(page, strawberry);
  assert.equal(await state(page), 'error');
  await page.unroute('**/model/**');
  await answered(page, () => part(page, '.notice button').click());
  assert.equal(await state(page), 'results');
  await end(page, [/^warning: kin-search/, /net::ERR_FAILED/]);
});

test('a file that is no picture is said, and another one works', async () => {
  const page = await visit();
  await upload(page, noPicture);
  assert.equal(await state(page), 'error');
  assert.match(await part(page, '[role=alert]').textContent(), /cannot be opened here. JPEG and PNG/);
  assert.equal(await part(page, '.notice button').count(), 0, 'trying again would not help');
  await upload(page, { ...strawberry, buffer: strawberry.buffer.subarray(0, 900) });
  assert.match(await part(page, '[role=alert]').textContent(), /could not be read/);
  await upload(page, strawberry);
  assert.ok(await state(page) === 'results' && await part(page, '.notice').isHidden());
  await end(page);
});

test('a file that is gone when it is read is said, and another one works', async () => {
  const page = await visit();
  const gone = join(site, 'gone.png');
  writeFileSync(gone, strawberry.buffer);
  let come;
  const held = new Promise((resolve) => { come = resolve; }); // the picture is read when the model is there
  await page.route('**/image.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest('**/image.safetensors');
  await page.locator('kin-search input[type=file]').first().setInputFiles(gone);
  await asked;
  rmSync(gone);
  come();
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'error');
  assert.match(await part(page, '[role=alert]').textContent(), /could not be read/);
  assert.equal(await part(page, '.notice button').count(), 0, 'trying again would not help');
  await upload(page, strawberry);
  assert.equal(await state(page), 'results');
  await end(page, [/^warning: kin-search: The picture: its file was changed, moved or deleted/]);
});

test('its own files do not come: said in the first view', async () => {
  const page = await visit(plainPage, { prepare: (page) => page.route('**/act.js', (route) => route.abort()) });
  await part(page, '.primary input').setInputFiles(strawberry);
  await page.waitForFunction(() => window.told.length);
  assert.match(await part(page, '[role=status]').textContent(), /could not be loaded/);
  assert.deepEqual(await told(page, 'kin-error'), [{ code: 'failed' }]);
  await end(page, [/^warning: kin-search/, /net::ERR_FAILED/]);
});

test('where it cannot run it hides, or leaves the place to the page\'s own way', async () => {
  const without = (page) => page.addInitScript('WebAssembly.validate = () => false');
  const height = (page) => page.locator('kin-search').evaluate((element) => element.getBoundingClientRect().height);
  let page = await visit(plainPage, { prepare: without });
  assert.deepEqual([await state(page), await height(page), await told(page, 'kin-unavailable')], ['unavailable', 0, [{}]]);
  await page.evaluate((file) => document.querySelector('kin-search').search(new Blob([file])), 'x');
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').open()), null);
  await page.evaluate(() => document.querySelector('kin-search').reset());
  await dropped(page, 'body', strawberry, ['paste']);
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual}><a slot="fallback" href="/words">Search in words</a></kin-search>`), { prepare: without });
  assert.ok(await page.getByRole('link', { name: 'Search in words' }).isVisible());
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual} fallback-url="/words"></kin-search>`, { lang: 'de' }), { prepare: without });
  assert.equal(await page.getByRole('link', { name: 'Anders suchen' }).getAttribute('href'), `${server.url}/words`);
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual} fallback-url="javascript:alert(1)"></kin-search>`), { prepare: without });
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').shadowRoot.querySelectorAll('[href]').length), 0);
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual}><a slot="fallback" href="/words">Search in words</a></kin-search>`));
  assert.ok(await page.getByRole('link', { name: 'Search in words' }).isHidden(), 'where it runs the page\'s own way is not needed');
  await end(page);
});

// ---- pages of all kinds --------------------------------------------------------------------------------------------------
test('several elements share what they load; what leaves the page ends its workers, and works again when it comes back', async () => {
  const page = await visit(pageOf(`<div id="a"><kin-search ${usual}></kin-search></div><div id="b"><kin-search ${usual}></kin-search></div>`));
  await upload(page, strawberry);
  await upload(page, sample('1f460'), 1);
  const workers = async (n) => {
    for (let i = 0; i < 50 && page.workers().length !== n; i++) await page.waitForTimeout(50);
    assert.equal(page.workers().length, n);
  };
  await workers(2);
  const first = await titles(page);
  assert.notDeepEqual(first, await titles(page, 1));
  await page.evaluate(() => { document.getElementById('b').append(document.querySelector('#a kin-search')); }); // moved, not removed
  assert.deepEqual(await titles(page, 1), first);
  await workers(2);
  await page.evaluate(() => { window.kept = document.querySelectorAll('kin-search')[1]; document.querySelectorAll('kin-search')[0].remove(); });
  await workers(2);
  await page.evaluate(() => window.kept.remove());
  await workers(0);
  await page.evaluate(() => document.getElementById('a').append(window.kept));
  assert.deepEqual(await titles(page), first, 'what was found is still there');
  await upload(page, sample('1f697'));
  assert.notDeepEqual(await titles(page), first);
  await workers(2);
  await page.evaluate(() => { // taken out while it searches
    window.kept.search('/samples/1f353.png');
    window.kept.remove();
  });
  await workers(0);
  assert.equal(await page.evaluate(() => window.kept.state), 'start');
  await end(page);
});

test('what is set before the element is defined counts, and texts are the page\'s to change', async () => {
  const path = pageOf(`<kin-search catalog="/catalog.safetensors" model="/model/" strings='{"choose":"Snap it","match":"Look-alikes"}'></kin-search>`);
  const page = await visit(path, { prepare: (page) => page.addInitScript(() => {
    addEventListener('DOMContentLoaded', () => Object.assign(document.querySelector('kin-search'), { limit: 2, renderHit: ({ id }) => `card ${id}`, strings: { weak: 'Maybe' } }));
    new MutationObserver(() => { // as soon as the parser has made it
      const element = document.querySelector('kin-search');
      if (element && !customElements.get('kin-search')) element.currency = 'USD';
    }).observe(document, { childList: true, subtree: true });
  }) });
  assert.equal(await part(page, '.primary').textContent(), 'Snap it');
  await upload(page, strawberry);
  assert.equal(await page.locator('kin-search > [slot]').count(), 2);
  assert.match(await page.locator('kin-search > [slot]').first().textContent(), /^card /);
  assert.equal(await page.getAttribute('kin-search', 'currency'), 'USD');
  const verdict = (await told(page, 'kin-results'))[0].verdict;
  assert.equal(await part(page, '.heading').textContent(), verdict === 'weak' ? 'Maybe' : 'Look-alikes');
  await page.evaluate(() => document.querySelector('kin-search').setAttribute('strings', 'no JSON'));
  assert.ok(page.noise.some((line) => /no JSON/.test(line)));
  await end(page, [/no JSON/]);
});

test('five languages, all words of all of them, and from right to left', async () => {
  const words = Object.fromEntries(await Promise.all(['en', 'de', 'nl', 'fr', 'es'].map(async (name) => [name, (await import(`../../web/element/words/${name}.js`)).words])));
  const marks = (text) => (JSON.stringify(text).match(/\{\w+\}/g) ?? []).sort().join();
  for (const [name, all] of Object.entries(words)) {
    assert.deepEqual(Object.keys(all), Object.keys(words.en), name);
    for (const [key, text] of Object.entries(all)) assert.equal(marks(text), marks(words.en[key]), `${name}: ${key}`);
  }
  const seen = new Set();
  for (const [lang, choose] of Object.entries({ 'en-GB': 'Search by photo', 'de-AT': 'Mit Foto suchen', nl: 'Zoeken met een foto', fr: 'Rechercher par photo', es: 'Buscar por foto', pl: 'Search by photo' })) {
    const page = await visit(pageOf(`<kin-search ${usual}></kin-search>`, { lang }), { width: 360 });
    assert.equal((await part(page, '.primary').textContent()).trim(), choose);
    assert.equal(await part(page, '.root').getAttribute('lang'), lang === 'pl' ? 'en' : lang);
    await upload(page, strawberry);
    const text = await part(page, '.root').evaluate((root) => root.innerText);
    assert.doesNotMatch(text, /undefined|null|\{\w+\}/);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 360), lang);
    seen.add(await part(page, '.heading').textContent());
    await end(page);
  }
  assert.equal(seen.size, 5);
  const page = await visit(pageOf(`<kin-search ${usual}></kin-search>`, { lang: 'ar', dir: 'rtl' }));
  await page.evaluate(() => { document.querySelector('kin-search').strings = { lang: 'ar', choose: 'ابحث بصورة', another: 'صورة أخرى' }; });
  await upload(page, strawberry);
  const left = async (name) => (await part(page, name).first().boundingBox()).x;
  assert.ok(await left('.frame') > await left('.results'), 'the photo is on the right');
  assert.equal((await part(page, '.primary').textContent()).trim(), 'صورة أخرى');
  mkdirSync('build/screenshots', { recursive: true });
  await page.screenshot({ path: 'build/screenshots/widget-test-rtl.png' });
  await page.evaluate(() => { document.querySelector('kin-search').lang = 'fr'; document.querySelector('kin-search').strings = {}; });
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.more').textContent === 'Afficher plus');
  await end(page);
});

const themes = { plain: '', shop: `body { background: #fbf7f2 } kin-search { --kin-ink: #2e2320; --kin-quiet: #6b5a52; --kin-surface: #fffdfa; --kin-accent: #8a3b2a; --kin-on-accent: #fff; --kin-radius: 2px }`,
  night: `:root { color-scheme: dark } body { background: #111; color: #eee }` };
for (const [name, style] of Object.entries(themes))
  test(`axe finds nothing in any state, at any width, theme ${name}`, async () => {
    const path = pageOf(`<kin-search ${usual} fallback-url="/words"></kin-search>`, { style });
    const page = await visit(path, { bypassCSP: true });
    await page.evaluate(axe);
    const check = async (what) => {
      await page.mouse.move(0, 0);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map((v) => `${what}: ${v.id} ${v.nodes[0].html} ${v.nodes[0].failureSummary}`), []);
      for (const width of [1280, 320]) {
        await page.setViewportSize({ width, height: 800 });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} at ${width} px`);
      }
      await page.setViewportSize({ width: 1280, height: 900 });
    };
    await check('start');
    await dropped(page, 'kin-search', strawberry, ['dragenter']);
    await check('over');
    let pass = null;
    const held = new Promise((go) => { pass = go; });
    await page.route('**/catalog.safetensors', async (route) => {
      await held;
      await route.continue();
    });
    await page.evaluate(() => { document.querySelector('kin-search').model += '?again'; }); // an engine of its own
    await page.evaluate(() => { document.querySelector('kin-search').model = '/model/'; });
    await part(page, '.primary input').setInputFiles(strawberry);
    await page.waitForFunction(() => document.querySelector('kin-search').state !== 'start');
    if (await state(page) === 'loading') await check('loading');
    pass();
    await settled(page);
    await check('results');
    await part(page, '.adjust').click();
    await part(page, '.box').focus();
    await check('crop');
    await upload(page, nothing);
    assert.equal(await state(page), 'none');
    await check('none');
    await upload(page, noPicture);
    await check('no picture');
    await page.evaluate(() => { document.querySelector('kin-search').catalog = '/none/'; });
    await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.notice a'));
    await check('error');
    await page.context().close();
  });

test('themes are custom properties and parts', async () => {
  const style = 'kin-search { --kin-accent: rgb(10, 20, 30); --kin-on-accent: rgb(250, 250, 1); --kin-radius: 3px } kin-search::part(privacy) { text-transform: uppercase } kin-search::part(card) { border-width: 4px }';
  const page = await visit(pageOf(`<kin-search ${usual}></kin-search>`, { style }));
  const css = (name, property) => part(page, name).first().evaluate((node, property) => getComputedStyle(node)[property], property);
  assert.deepEqual([await css('.primary', 'backgroundColor'), await css('.primary', 'color'), await css('.privacy', 'textTransform')], ['rgb(10, 20, 30)', 'rgb(250, 250, 1)', 'uppercase']);
  await upload(page, strawberry);
  assert.deepEqual([await css('.card', 'borderTopWidth'), await css('.card', 'borderTopLeftRadius')], ['4px', '3px']);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  assert.equal(await css('.card', 'transitionDuration'), '0s');
  await end(page);
});

test('adapters: GA4\'s dataLayer and Algolia Insights hear ids and positions', async () => {
  const page = await visit();
  await page.evaluate(async () => {
    const { toDataLayer, toInsights } = await import('/kin/element/analytics.js');
    window.calls = [];
    window.ends = [toDataLayer(document, { list: 'Photos' }), toInsights(document.querySelector('kin-search'), { aa: (...args) => window.calls.push(args), index: 'products' }),
      toInsights(document, { aa: () => { throw new Error('blocked'); }, index: 'x' })];
  });
  await page.evaluate(() => { document.querySelector('kin-search').limit = 25; });
  await upload(page, strawberry);
  await part(page, '.card').nth(1).click();
  const [detail] = await told(page, 'kin-results');
  const ids = detail.hits.map(({ id }) => id);
  assert.deepEqual(await page.evaluate(() => window.dataLayer), [{ ecommerce: null },
    { event: 'view_item_list', ecommerce: { item_list_id: 'kin-search', item_list_name: 'Photos', items: ids.map((id, index) => ({ item_id: id, index })) },
      kin_query_id: detail.queryId, kin_verdict: detail.verdict, kin_ms: detail.ms }, { ecommerce: null },
    { event: 'select_item', ecommerce: { item_list_id: 'kin-search', item_list_name: 'Photos', items: [{ item_id: ids[1], index: 1 }] },
      kin_query_id: detail.queryId, kin_confidence: detail.hits[1].confidence }]);
  assert.deepEqual(await page.evaluate(() => window.calls), [['viewedObjectIDs', { index: 'products', eventName: 'Photo results viewed', objectIDs: ids.slice(0, 20) }],
    ['viewedObjectIDs', { index: 'products', eventName: 'Photo results viewed', objectIDs: ids.slice(20) }],
    ['clickedObjectIDs', { index: 'products', eventName: 'Photo result clicked', objectIDs: [ids[1]] }]]);
  await page.evaluate(() => window.ends.forEach((end) => end()));
  await part(page, '.card').nth(2).click();
  assert.equal(await page.evaluate(() => window.calls.length), 3);
  await end(page, [/analytics: blocked/]);
});

test('the demo\'s page of it: ten lines that a stranger could paste', async () => {
  const shop = await serve('build/site');
  const page = await open(browser, `${shop.url}widget.html`, { bypassCSP: true });
  await page.click('.sample >> nth=0');
  await settled(page);
  assert.ok((await titles(page)).includes('Strawberry'));
  const example = readFileSync('examples/widget-vanilla.html', 'utf8').trim();
  assert.equal(await page.textContent('pre'), example);
  assert.ok(example.split('\n').length <= 10);
  for (const theme of ['boutique', 'night', 'plain']) await page.selectOption('#theme', theme);
  await page.selectOption('#language', 'ar');
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.more').textContent === 'عرض المزيد');
  assert.equal((await part(page, '.primary').textContent()).trim(), 'صورة أخرى');
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  assert.deepEqual(violations.map((v) => `${v.id} ${v.nodes[0].html}`), []);
  await end(page);
  await shop.stop();
});
