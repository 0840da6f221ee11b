// The page that `kin serve` shows for a folder with a catalogue and none of its own: as the command ships it, in a real
// Chromium, under the policy it is served with, with a mouse, from the keyboard and on a phone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import { embedded } from '../models.js';
import { drawing, tinyModel } from '../node/cli-support.js';
import { launch, open, serve } from './shop.js';

const count = 30;
let browser, server, shop;
const cli = (...args) => spawnSync(process.execPath, ['catalog/cli.js', ...args], { encoding: 'utf8' });

function makeShop(...options) {
  const root = mkdtempSync(join(tmpdir(), 'kin-test-'));
  mkdirSync(join(root, 'pictures'));
  const rows = ['id,title,url,image,price'];
  for (let i = 0; i < count; i++) {
    writeFileSync(join(root, 'pictures', `${i}.png`), drawing(i + 1));
    rows.push(`p${i},<b>Product ${i}</b>,/product/${i},pictures/${i}.png,${i}.5`);
  }
  writeFileSync(join(root, 'products.csv'), rows.join('\n'));
  const built = cli('build', join(root, 'products.csv'), '-o', join(root, 'shop.kin'), '--fields', 'price', ...options);
  assert.equal(built.status, 0, built.stderr);
  return root;
}

before(async () => {
  shop = makeShop();
  browser = await launch();
  server = await serve(shop);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(shop, { recursive: true, force: true });
});

const photo = (i) => ({ name: 'photo.png', mimeType: 'image/png', buffer: readFileSync(join(shop, 'pictures', `${i}.png`)) });
const status = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById('status').textContent),
  pattern, { timeout: 30000 });
const ids = (page) => page.$$eval('#hits > li', (all) => all.map((li) => li.dataset.id));
async function silent(page) {
  assert.deepEqual(page.noise, []);
  assert.deepEqual(page.sent, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}

test('a photo finds its like, with pictures, titles, fields and links; nothing is sent', async () => {
  const page = await open(browser, server.url);
  await status(page, '^Choose a photo');
  assert.match(await page.textContent('#about'), /^30 products of shop\.kin/);
  await page.setInputFiles('#file', photo(7));
  assert.ok(await page.evaluate(() => document.getElementById('drop').getBoundingClientRect().right <
    document.getElementById('found').getBoundingClientRect().left), 'side by side');
  await status(page, '^24 of 30 products, like your photo$');
  const [first] = await ids(page);
  assert.equal(first, 'p7');
  const card = page.locator('#hits > li').first();
  assert.equal(await card.locator('.title').textContent(), '<b>Product 7</b>');
  assert.equal(await card.locator('.fields').textContent(), 'price 7.5');
  assert.equal(await card.locator('a').getAttribute('href'), new URL('/product/7', server.url).href);
  await page.waitForFunction(() => [...document.querySelectorAll('#hits img')].slice(0, 4).every((img) => img.naturalWidth > 0));
  await page.click('#more');
  await status(page, '^30 of 30');
  assert.deepEqual((await ids(page)).sort(), Array.from({ length: count }, (_, i) => `p${i}`).sort());
  assert.ok(await page.isHidden('#more'));
  await page.getByRole('button', { name: 'More like this: <b>Product 3</b>' }).press('Enter');
  await status(page, 'like <b>Product 3</b>$');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'hits', 'the focus stays there');
  assert.ok(await page.isHidden('#photo'), 'it is not asked for');
  assert.ok(!(await ids(page)).includes('p3'));
  await silent(page);
});

test('nothing similar is said, and what is nearest is shown', async () => {
  const page = await open(browser, server.url);
  await status(page, '^Choose a photo');
  await page.fill('#text', 'a photo of a lawyer');
  await page.keyboard.press('Enter');
  await status(page, '^Nothing similar. The nearest: 24 of 30 products, for “a photo of a lawyer”$');
  assert.equal((await ids(page)).length, 24);
  await page.click('#more');
  await status(page, '^30 of 30 products, for');
  await silent(page);
});

test('a connection that has fallen silent is said while the page waits', async () => {
  const page = await open(browser, server.url, { go: false });
  let come;
  const held = new Promise((resolve) => { come = resolve; });
  await page.route('**/image.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(server.url);
  await status(page, '^Loading: nothing comes at the moment');
  come();
  await status(page, '^Choose a photo');
  await silent(page);
});

test('it works from the keyboard alone', async () => {
  const page = await open(browser, server.url, { go: false });
  page.on('filechooser', (chooser) => chooser.setFiles(photo(2)));
  await page.goto(server.url);
  await status(page, '^Choose a photo');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'file');
  assert.notEqual(await page.$eval('#drop', (drop) => getComputedStyle(drop).outlineStyle), 'none', 'the focus is seen');
  await page.keyboard.press('Enter');
  await status(page, 'like your photo$');
  await page.keyboard.press('Tab');
  await page.keyboard.type('red stripes');
  await page.keyboard.press('Enter');
  await status(page, '^24 of 30 products, for “red stripes”$');
  assert.ok(await page.isHidden('#photo'));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'product');
  await silent(page);
});

test('on a phone nothing is wider than the screen, and the hits come into view', async () => {
  const page = await open(browser, server.url, { width: 360, height: 640 });
  await status(page, '^Choose a photo');
  await page.setInputFiles('#file', photo(4));
  await status(page, 'like your photo$');
  await page.waitForFunction(() => document.querySelector('#hits > li').getBoundingClientRect().top < innerHeight / 2);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const small = await page.$$eval('button, .choose, #text', (all) => all.filter((one) => one.offsetParent && one.offsetHeight < 44).length);
  assert.equal(small, 0, 'all can be touched');
  await silent(page);
});

test('what cannot be read is said, and the page goes on', async () => {
  const page = await open(browser, server.url);
  await status(page, '^Choose a photo');
  await page.setInputFiles('#file', photo(2));
  await status(page, 'like your photo$');
  await page.setInputFiles('#file', { name: 'a.png', mimeType: 'image/png', buffer: photo(1).buffer.subarray(0, 90) });
  await page.waitForSelector('#error:not([hidden])');
  assert.match(await page.textContent('#error'), /ends before the picture does/);
  assert.deepEqual([await ids(page), await page.isHidden('#more')], [[], true], 'no hits of another photo');
  await page.setInputFiles('#file', photo(1));
  await status(page, 'like your photo$');
  assert.ok(await page.isHidden('#error'));
  await page.context().close();
});

test('a file is dropped anywhere; text that is dragged is the field\'s, and long titles make no long cards', async () => {
  const page = await open(browser, server.url);
  await status(page, '^Choose a photo');
  const drag = (kind, text) => page.evaluate(({ kind, text, bytes }) => {
    const dataTransfer = new DataTransfer();
    if (text) dataTransfer.setData('text/plain', text);
    else dataTransfer.items.add(new File([new Uint8Array(bytes)], 'a.png', { type: 'image/png' }));
    return !document.getElementById('text').dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  }, { kind, text, bytes: [...photo(3).buffer] });
  assert.deepEqual([await drag('dragover', 'red'), await drag('drop', 'red'), await page.locator('.dragging').count()], [false, false, 0]);
  assert.deepEqual([await drag('dragover'), await drag('drop')], [true, true]);
  await status(page, 'like your photo$');
  await page.$eval('#hits .title', (title) => { title.textContent = 'Donaudampfschifffahrt '.repeat(9); });
  assert.ok(await page.$eval('#hits .title', (title) => title.clientHeight < 3.5 * parseFloat(getComputedStyle(title).lineHeight)));
  await silent(page);
});

test('hostile and odd fields are text or nothing', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kin-test-'));
  const clip = await load({ model: embedded });
  const builder = await clip.createCatalog({ fields: ['price', '<i>'] });
  const items = [{ title: '<img src=x onerror=alert(1)>', url: 'javascript:alert(1)', image: 'javascript:alert(1)', '<i>': '<script>alert(1)</script>' },
    { title: { toString: 1 }, url: { href: 1 }, image: { a: 1 }, price: { join: 1 } }, { title: null, url: '', image: 'pictures/0.png', price: [1, {}, 'x'] },
    { title: ['a'], url: 'https://shop.example/x', image: ['data:text/html,x'] },
    { title: 'tab', url: 'java\tscript:alert(1)', image: '\u0001java\nscript:alert(1)' }];
  for (const [i, item] of items.entries()) await builder.add({ id: `${i}`, images: [join(shop, 'pictures', `${i}.png`)], item });
  await builder.save({ to: join(root, 'c.kin') });
  await clip.close();
  mkdirSync(join(root, 'pictures'));
  writeFileSync(join(root, 'pictures', '0.png'), drawing(1));
  const served = await serve(root);
  const page = await open(browser, served.url);
  await page.setInputFiles('#file', photo(0));
  await status(page, 'like your photo$');
  const shown = Object.fromEntries(await page.$$eval('#hits > li', (all) => all.map((li) => [li.dataset.id,
    [li.querySelector('.title').textContent, li.querySelector('.fields').textContent, li.querySelector('a')?.href ?? null, li.querySelectorAll('img[src]').length]])));
  assert.deepEqual(shown, { 0: ['<img src=x onerror=alert(1)>', '<i> <script>alert(1)</script>', null, 0], 1: ['1', '', null, 0],
    2: ['2', 'price 1, x', null, 1], 3: ['3', '', 'https://shop.example/x', 0],
    4: ['tab', '', null, 0] });
  assert.deepEqual(await page.$$eval('#hits img', (all) => all.map(({ width, height }) => Math.abs(width - height) < 2 && width > 90)), Array(5).fill(true), 'a picture that is missing keeps its place');
  assert.equal(await page.locator('#hits script, #hits i').count(), 0);
  await silent(page);
  await served.stop();
  rmSync(root, { recursive: true, force: true });
});

test('the model is the one that the catalogue was built with; where it is not to be found, that is said', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kin-test-'));
  const model = tinyModel(join(root, 'hf'));
  assert.equal(cli('convert', model, '-o', join(root, 'model')).status, 0);
  const other = makeShop('--model', join(root, 'model'));
  try {
    for (const [flags, expected] of [[[], /model/], [['--model', join(root, 'model')], null], [['--model', model], null]]) {
      const served = await serve(other, ...flags);
      const page = await open(browser, served.url);
      await status(page, '^Choose a photo');
      await page.setInputFiles('#file', photo(5));
      if (expected) {
        await page.waitForSelector('#error:not([hidden])');
        assert.match(await page.textContent('#error'), /another image model/);
      } else {
        await status(page, 'like your photo$');
        assert.equal((await ids(page))[0], 'p5');
      }
      await page.context().close();
      await served.stop();
    }
    assert.equal(cli('convert', model, '-o', join(other, 'model')).status, 0); // beside the catalogue it is found
    const served = await serve(other);
    const page = await open(browser, served.url);
    await page.setInputFiles('#file', photo(5));
    await status(page, 'like your photo$');
    assert.equal((await ids(page))[0], 'p5');
    await silent(page);
    await served.stop();
  } finally {
    for (const one of [root, other]) rmSync(one, { recursive: true, force: true });
  }
});

test('a page of the folder\'s own comes first, and a catalogue built meanwhile is found', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kin-test-'));
  const served = await serve(root);
  try {
    assert.equal((await fetch(served.url)).status, 404);
    writeFileSync(join(root, 'catalog.safetensors'), readFileSync(join(shop, 'shop.kin')));
    assert.match(await (await fetch(served.url)).text(), /<h1>Search by photo/);
    assert.equal((await (await fetch(`${served.url}~kin/shop.json`)).json()).name, 'catalog.safetensors');
    for (const path of ['~kin/', '~kin/package.json', '~kin/web/../package.json', '~kin/web/%2e%2e/package.json', '~kin/model/../index.json'])
      assert.equal((await fetch(served.url + path)).status, 404, path);
    writeFileSync(join(root, 'index.html'), 'mine');
    assert.equal(await (await fetch(served.url)).text(), 'mine');
  } finally {
    await served.stop();
    rmSync(root, { recursive: true, force: true });
  }
});
