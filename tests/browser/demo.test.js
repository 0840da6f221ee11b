// The demo shop as a shopper uses it, once isolated and once not, under the strict policy of `kin serve`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { PNG } from 'pngjs';
import { load } from '../../web/index.node.js';
import { embedded } from '../models.js';
import { answered, launch, open, photoInput, ready, serve } from './shop.js';

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
      const hits = await answered(page, () => page.setInputFiles(photoInput, png('berry.png', cropped())));
      assert.equal(hits.length, 24);
      assert.ok(hits.slice(0, 3).some((hit) => hit.id === '1f353'), JSON.stringify(hits.slice(0, 3)));
      assert.ok(hits.every((hit, i) => i === 0 || hit.score <= hits[i - 1].score));
      assert.match(await page.textContent('#proof'), /^0 bytes/);
      assert.match(await page.textContent('#status'), /^Most alike of [\d,]+ products$/);
      assert.deepEqual(page.sent, []);
      assert.deepEqual(page.noise, []);
      assert.deepEqual(await page.evaluate(() => window.violations), []);
      await page.context().close();
    });

    test('embeds to the bits that Node gives', async () => {
      const clip = await load({ model: embedded });
      const want = Array.from(await clip.embedImage(new Uint8Array(strawberry), { box }));
      const wantText = Array.from(await clip.embedText('a red fruit'));
      await clip.close();
      const page = await open(browser, server.url);
      const single = [{}, { variant: 'simd' }, { variant: 'relaxed' }];
      const shared = ['simd-threads', 'relaxed-threads'].flatMap((variant) => [{ variant, threads: 1 }, { variant, threads: 2 }]);
      for (const options of isolated ? [...single, ...shared, { threads: 2, worker: '/worker.js' },
        { threads: 2, worker: false }] : single) {
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
        assert.ok(got.variant.startsWith(options.variant ?? 'relaxed'), got.variant);
        if (options.threads) assert.equal(got.threads, options.threads);
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
    assert.ok(cheap.length > 0 && prices.every((price) => price <= 10), String(prices));
    await answered(page, () => page.selectOption('#price', ''));
    await answered(page, () => page.selectOption('#group', ''));
  });

  test('the crop box works from the keyboard, by buttons and by tap', async () => {
    await answered(page, () => page.click('.sample >> nth=0'));
    const part = (name) => page.locator('#finder .frame').evaluate((frame, name) => parseFloat(frame.style.getPropertyValue(`--${name}`)) * 100, name);
    const left = () => part('x'), side = part;
    await page.focus('#finder .box');
    const start = await left();
    await answered(page, () => page.keyboard.press('ArrowLeft'));
    assert.ok(await left() < start);
    const [width, height] = [await side('width'), await side('height')];
    await answered(page, () => page.keyboard.press('Shift+ArrowRight'));
    assert.ok(await side('width') > width && await side('height') === height);
    await answered(page, () => page.keyboard.press('0'));
    assert.equal(await side('width'), 100);
    await answered(page, () => page.keyboard.press('-'));
    assert.ok(await side('width') < 100);
    await page.click('#finder .adjust');
    await answered(page, () => page.click('#finder .tool >> nth=6'));
    assert.equal(await side('width'), 100);
    await answered(page, () => page.click('#finder .tool >> nth=4'));
    const area = await page.locator('#finder .frame').boundingBox();
    await answered(page, () => page.mouse.click(area.x + area.width * 0.5, area.y + area.height * 0.5));
    assert.equal(await side('width'), 45);
    const before = await left();
    await answered(page, async () => {
      await page.mouse.move(area.x + area.width * 0.5, area.y + area.height * 0.5);
      await page.mouse.down();
      await page.mouse.move(area.x + area.width * 0.6, area.y + area.height * 0.5, { steps: 3 });
      await page.mouse.up();
    });
    assert.ok(Math.abs(await left() - before - 10) < 0.5, 'dragging moves the box');
    await answered(page, () => page.click('#finder .tool >> nth=6'));
    await answered(page, () => page.click('#finder .tool >> nth=4'));
    await answered(page, async () => {
      await page.mouse.move(area.x + area.width * 0.2, area.y + area.height * 0.2);
      await page.mouse.down();
      await page.mouse.move(area.x + area.width * 0.25, area.y + area.height * 0.3, { steps: 3 });
      await page.mouse.up();
    });
  });

  test('a photo keeps its shape in the preview, and what is below stays where it is', async () => {
    const top = () => page.locator(photoInput).evaluate((input) => input.getBoundingClientRect().top);
    await page.evaluate(() => { window.scrollTo(0, 0); });
    const start = await top();
    const tall = new PNG({ width: 60, height: 180 });
    tall.data.fill(200);
    await answered(page, () => page.setInputFiles(photoInput, png('tall.png', PNG.sync.write(tall))));
    const shape = await page.locator('#finder .preview').boundingBox();
    assert.ok(Math.abs(shape.height / shape.width - 3) < 0.05, JSON.stringify(shape));
    assert.equal(await top(), start);
  });

  test('photos are taken by paste and by drop', async () => {
    const give = (kind, where, count = 1) => answered(page, () => page.evaluate(({ kind, where, count, bytes }) => {
      const data = new DataTransfer();
      for (let i = 0; i < count; i++) data.items.add(new File([new Uint8Array(bytes)], `berry ${i}.png`, { type: 'image/png' }));
      const at = where === 'element' ? document.getElementById('finder').shadowRoot.querySelector('.frame') : document.querySelector(where);
      at.dispatchEvent(kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true, composed: true })
        : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true, composed: true }));
    }, { kind, where, count, bytes: [...cropped()] }));
    for (const [kind, where] of [['paste', 'body'], ['paste', '#text'], ['drop', 'footer'], ['drop', 'element']]) {
      await answered(page, () => page.click('.sample >> nth=3'));
      const hits = await give(kind, where);
      assert.ok(hits.slice(0, 3).some((hit) => hit.id === '1f353'), `${kind} ${where}`);
    }
    await give('drop', 'element', 2);
    await page.waitForFunction(() => document.querySelectorAll('#results [data-hit-id]').length === 1);
    assert.equal(await page.textContent('#results-title'), 'Your pictures like berry 0.png', 'several are pictures of one\'s own');
    await answered(page, () => page.click('#to-shop'));
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
    await answered(page, () => page.setInputFiles(photoInput, { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('<!doctype html>') }));
    assert.match(await page.textContent('#error'), /web page, not a picture/);
    await answered(page, () => page.setInputFiles(photoInput, { name: 'x.heic', mimeType: 'image/heic',
      buffer: Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(64)]) }));
    assert.match(await page.textContent('#error'), /HEIC/);
    await answered(page, () => page.setInputFiles(photoInput, png('cut.png', strawberry.subarray(0, 5000))));
    assert.match(await page.textContent('#error'), /ends before/);
    const claims = readFileSync('tests/golden/images/bomb-18918.png'); // says it is that many pixels wide and high
    await answered(page, () => page.setInputFiles(photoInput, png('huge.png', claims)));
    assert.match(await page.textContent('#error'), /megapixels/);
    assert.equal(await page.locator('#results [data-hit-id]').count(), 0, 'hits of another photo are not left');
    assert.ok(await page.isHidden('#again'), 'trying again would not help');
    const hits = await answered(page, () => page.setInputFiles(photoInput, png('berry.png', cropped())));
    assert.ok(hits.length === 24 && await page.isHidden('#error'));
  });

  test('pictures of one\'s own become a catalogue; their names are data', async () => {
    const names = ['<img src=x onerror=alert(1)>.png', '"><script>alert(2)</script>.png', 'plain.png'];
    const files = ['1f353', '1f460', '1f4f7'].map((hex, i) => png(names[i], readFileSync(`build/site/samples/${hex}.png`)));
    await answered(page, () => page.setInputFiles('#own', [...files, png('broken.png', Buffer.from('no'))]));
    await page.waitForFunction(() => document.querySelectorAll('#results [data-hit-id]').length === 2);
    const titles = () => page.$$eval('#results .title', (all) => all.map((t) => t.textContent).sort());
    assert.deepEqual(await titles(), names.slice(1).sort(), 'the picture that is looked for is not like itself');
    assert.equal(await page.textContent('#results-title'), `Your pictures like ${names[0]}`);
    await answered(page, () => page.fill('#text', 'fruit'));
    assert.deepEqual(await titles(), [...names].sort(), 'words find all of them');
    assert.match(await page.textContent('#error'), /1 of 4 pictures could not be read/);
    await page.click('[data-hit-id="1"] a');
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    assert.equal(await page.textContent('#product-title'), names[0]);
    await page.keyboard.press('Escape');
    await page.waitForSelector('#product', { state: 'hidden' });
    await page.setInputFiles('#own', [png('a.png', Buffer.from('no')), png('b.png', Buffer.from('no'))]);
    await page.waitForFunction(() => document.getElementById('status').textContent === 'No catalogue was built.');
    assert.match(await page.textContent('#error'), /^\s*None of these could be read/);
    assert.equal(await page.locator('#results [data-hit-id]').count(), 3, 'the earlier pictures are still there');
    await answered(page, () => page.click('#to-shop'));
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
    await answered(page, () => page.setInputFiles(photoInput, { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no') }));
    await check('error');
    await page.emulateMedia({ colorScheme: 'dark' });
    await answered(page, () => page.fill('#text', 'fruit'));
    await check('dark');
    await page.locator('#results a').first().click();
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    await check('product');
    await page.emulateMedia({ colorScheme: 'light' });
    await check('product, light');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#product', { state: 'hidden' });
    await answered(page, () => page.evaluate(() => { // a price below every product's
      document.getElementById('price').append(new Option('€1', '1', false, true));
      document.getElementById('price').dispatchEvent(new Event('change'));
    }));
    assert.equal(await page.locator('#results .empty').count(), 1);
    await check('empty');
    await answered(page, () => page.click('.empty button'));
    assert.equal(await page.locator('#results [data-hit-id]').count(), 24);
    await answered(page, () => page.setInputFiles('#own', [png('a.png', cropped()), png('b.png', strawberry)]));
    await page.waitForFunction(() => document.querySelectorAll('#results [data-hit-id]').length === 1);
    await check('own pictures');
    await page.click('#how');
    await check('how it works');
    await page.evaluate(() => { window.location.hash = '#photo=00000000'; });
    await page.waitForSelector('.empty');
    await check('a photo that is gone');
    await page.evaluate(() => { document.getElementById('loading').hidden = document.getElementById('stop').hidden = false; });
    await check('loading');
    await page.setViewportSize({ width: 320, height: 640 });
    await check('narrow');
    await page.context().close();
  });

  test('320 pixels are wide enough', async () => {
    const page = await open(browser, server.url, { width: 320, height: 640 });
    await ready(page);
    const narrow = () => page.evaluate(() => document.documentElement.scrollWidth <= 320 && [...document.querySelectorAll('button, .button')]
      .every((button) => button.scrollWidth <= button.clientWidth + 1));
    assert.ok(await narrow());
    await answered(page, () => page.fill('#text', 'x'.repeat(400)));
    assert.ok(await narrow(), 'long words are broken');
    await page.locator('#results a').first().click();
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    assert.ok(await narrow());
    assert.deepEqual(page.noise, []);
    await page.context().close();
  });
});
