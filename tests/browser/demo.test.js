// The demo shop as a shopper uses it, once isolated and once not, under the strict policy of `kin serve`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { PNG } from 'pngjs';
import { load } from '../../web/index.node.js';
import { answered, launch, open, ready, serve } from './shop.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const strawberry = readFileSync('build/site/samples/1f353.png');
const box = JSON.parse(readFileSync('build/site/samples/samples.json', 'utf8'))[0].box;

// The strawberry cut out of the sample by its box, as a photo of its own.
function cropped() {
  const whole = PNG.sync.read(strawberry);
  const x = Math.round(box.x * whole.width), y = Math.round(box.y * whole.height);
  const width = Math.round(box.width * whole.width), height = Math.round(box.height * whole.height);
  const part = new PNG({ width, height });
  PNG.bitblt(whole, part, x, y, width, height, 0, 0);
  return PNG.sync.write(part);
}
const png = (name, buffer) => ({ name, mimeType: 'image/png', buffer });

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

for (const isolated of [false, true]) {
  describe(isolated ? 'isolated' : 'not isolated', () => {
    let server;
    before(async () => { server = await serve('build/site', ...(isolated ? ['--isolate'] : [])); });
    after(() => server.stop());

    test('the first frame has hits, an uploaded photo finds its product, nothing is sent', async () => {
      const page = await open(browser, server.url);
      assert.equal(await page.evaluate(() => crossOriginIsolated), isolated);
      assert.equal(await page.locator('#results [data-hit-id]').count(), 24);
      await ready(page);
      const hits = await answered(page, () => page.setInputFiles('#file', png('berry.png', cropped())));
      assert.equal(hits.length, 24);
      assert.ok(hits.slice(0, 3).some((hit) => hit.id === '1f353'), JSON.stringify(hits.slice(0, 3)));
      assert.ok(hits.every((hit, i) => i === 0 || hit.score <= hits[i - 1].score));
      assert.match(await page.textContent('#proof'), /^0 bytes/);
      assert.match(await page.textContent('#status'), /Understood in \d+ ms, searched in [\d.]+ ms/);
      assert.deepEqual(page.sent, []);
      assert.deepEqual(page.noise, []);
      assert.deepEqual(await page.evaluate(() => window.violations), []);
      await page.context().close();
    });

    test('embeds to the bits that Node gives', async () => {
      const clip = await load({ model: 'models/kin-small' });
      const want = Array.from(await clip.embedImage(new Uint8Array(strawberry), { box }));
      const wantText = Array.from(await clip.embedText('a red fruit'));
      await clip.close();
      const page = await open(browser, server.url);
      for (const options of isolated ? [{ threads: 1 }, { threads: 2 }, { variant: 'simd' }] : [{ variant: 'simd' }, {}]) {
        const got = await page.evaluate(async ({ options, box }) => {
          const { load } = await import('/kin/index.js');
          const clip = await load({ model: '/model/', ...options });
          const vector = Array.from(await clip.embedImage('/samples/1f353.png', { box }));
          const text = Array.from(await clip.embedText('a red fruit'));
          const { variant, threads, threadsReason } = clip.info;
          await clip.close();
          return { vector, text, variant, threads, threadsReason };
        }, { options, box });
        assert.deepEqual(got.vector, want, JSON.stringify(options));
        assert.deepEqual(got.text, wantText, JSON.stringify(options));
        if (options.threads === 2) assert.equal(got.threads, 2);
        if (!isolated) assert.ok(got.threads === 1 && got.threadsReason, 'says why it has one thread');
      }
      await page.context().close();
    });
  });
}

describe('using the shop', () => {
  let server, page;
  before(async () => {
    server = await serve('build/site');
    page = await open(browser, server.url);
    await ready(page);
  });
  after(async () => {
    assert.deepEqual(page.noise, []);
    await page.context().close();
    await server.stop();
  });

  test('words find products', async () => {
    const hits = await answered(page, () => page.fill('#text', 'strawberry'));
    assert.ok(hits.slice(0, 3).some((hit) => hit.id === '1f353'), JSON.stringify(hits.slice(0, 3)));
  });

  test('a filter holds for every hit, and its end is undone', async () => {
    const hits = await answered(page, () => page.selectOption('#group', 'Animals & nature'));
    assert.ok(hits.length > 0 && !hits.some((hit) => hit.id === '1f353'));
    const cheap = await answered(page, () => page.selectOption('#price', '10'));
    const prices = await page.$$eval('#results .price', (all) => all.map((p) => Number(p.textContent.slice(1))));
    assert.ok(cheap.length > 0 && prices.every((price) => price < 10), String(prices));
    await answered(page, () => page.selectOption('#price', ''));
    await answered(page, () => page.selectOption('#group', ''));
  });

  test('the crop box works from the keyboard, by buttons and by tap', async () => {
    await answered(page, () => page.click('.sample >> nth=0'));
    const left = () => page.evaluate(() => parseFloat(document.getElementById('box').style.left));
    await page.focus('#box');
    const start = await left();
    await answered(page, () => page.keyboard.press('ArrowLeft'));
    assert.ok(await left() < start);
    await answered(page, () => page.click('[data-crop=whole]'));
    assert.equal(await page.evaluate(() => document.getElementById('box').style.width), '100%');
    await answered(page, () => page.click('[data-crop=smaller]'));
    const area = await page.locator('#stage').boundingBox();
    await answered(page, async () => {
      await page.mouse.move(area.x + area.width * 0.2, area.y + area.height * 0.2);
      await page.mouse.down();
      await page.mouse.move(area.x + area.width * 0.25, area.y + area.height * 0.3, { steps: 3 });
      await page.mouse.up();
    });
  });

  test('a product opens with its own similar products, by keyboard, and closes', async () => {
    await page.locator('#results a').first().focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    assert.equal(await page.locator('#similar [data-hit-id]').count(), 8);
    await page.keyboard.press('Escape');
    await page.waitForSelector('#product', { state: 'hidden' });
  });

  test('what is no picture is said in a sentence, and the page goes on', async () => {
    await answered(page, () => page.setInputFiles('#file', { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('<!doctype html>') }));
    assert.match(await page.textContent('#error'), /web page, not a picture/);
    await answered(page, () => page.setInputFiles('#file', { name: 'x.heic', mimeType: 'image/heic',
      buffer: Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(64)]) }));
    assert.match(await page.textContent('#error'), /HEIC/);
    await answered(page, () => page.setInputFiles('#file', png('cut.png', strawberry.subarray(0, 5000))));
    assert.match(await page.textContent('#error'), /ends before/);
    const hits = await answered(page, () => page.setInputFiles('#file', png('berry.png', cropped())));
    assert.ok(hits.length === 24 && await page.isHidden('#error'));
  });

  test('pictures of one\'s own become a catalogue; their names are data', async () => {
    const names = ['<img src=x onerror=alert(1)>.png', '"><script>alert(2)</script>.png', 'plain.png'];
    const files = ['1f353', '1f460', '1f4f7'].map((hex, i) => png(names[i], readFileSync(`build/site/samples/${hex}.png`)));
    await answered(page, () => page.setInputFiles('#own', [...files, png('broken.png', Buffer.from('no'))]));
    await page.waitForFunction(() => document.querySelectorAll('#results [data-hit-id]').length === 3);
    const titles = await page.$$eval('#results .title', (all) => all.map((t) => t.textContent));
    assert.deepEqual([...titles].sort(), [...names].sort());
    assert.equal(titles[0], names[0]);
    assert.match(await page.textContent('#error'), /1 of 4 pictures could not be read/);
    await answered(page, () => page.click('#back'));
    assert.equal(await page.locator('#results [data-hit-id]').count(), 24);
  });
});

describe('everyone', () => {
  let server;
  before(async () => { server = await serve('build/site'); });
  after(() => server.stop());

  test('axe finds nothing in any state', async () => {
    const page = await open(browser, server.url, { bypassCSP: true });
    await page.evaluate(axe);
    const check = async (state) => {
      const { violations } = await page.evaluate(() => window.axe.run(document,
        { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map((v) => `${state}: ${v.id} ${v.nodes[0].html}`), []);
    };
    await check('first frame');
    await ready(page);
    await check('hits');
    await answered(page, () => page.setInputFiles('#file', { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no') }));
    await check('error');
    await page.emulateMedia({ colorScheme: 'dark' });
    await answered(page, () => page.fill('#text', 'fruit'));
    await check('dark');
    await page.locator('#results a').first().click();
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    await check('product');
    await page.context().close();
  });

  test('320 pixels are wide enough', async () => {
    const page = await open(browser, server.url, { width: 320, height: 640 });
    await ready(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
    assert.deepEqual(page.noise, []);
    await page.context().close();
  });
});
