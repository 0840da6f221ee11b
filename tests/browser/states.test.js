// What a visitor sees when things are slow, missing or broken, and what the page claims to measure.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { png } from '../node/cli-support.js';
import { answered, launch, loaded, open, photoInput, ready, serve } from './shop.js';

let browser, server;
before(async () => {
  browser = await launch();
  server = await serve('build/site');
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
const strawberry = { name: 'berry.png', mimeType: 'image/png', buffer: readFileSync('build/site/samples/1f353.png') };
const hits = (page) => page.locator('#results [data-hit-id]').count();

test('the first frame needs no script, and live hits replace its own without moving anything', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const still = await context.newPage();
  await still.goto(server.url);
  assert.equal(await hits(still), 24);
  assert.ok(await still.isVisible('.poster img'));
  const ids = await still.locator('#results li').evaluateAll((all) => all.map((li) => li.dataset.hitId));
  await context.close();

  for (const [width, late] of [[1280, false], [375, false], [1280, true]]) {
    const page = await open(browser, server.url, { width, go: false });
    let pass = null;
    const held = new Promise((resolve) => { pass = resolve; });
    if (late) await page.route('**/samples/1f353.png', async (route) => { // the photo itself comes last
      await held;
      await route.continue();
    });
    const gone = page.goto(server.url);
    await page.waitForFunction(() => document.getElementById('finder')?.state === 'shown');
    pass();
    await gone;
    await ready(page);
    await loaded(page);
    assert.deepEqual(await page.locator('#results li').evaluateAll((all) => all.map((li) => li.dataset.hitId)), ids);
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
    await page.context().close();
  }
});

test('a page that comes piece by piece shows nothing that moves when the rest is there', async () => {
  const lines = readFileSync('build/site/index.html', 'utf8').split(/(?<=\n)/);
  const slow = createServer(async ({ url }, response) => {
    if (url === '/') {
      response.setHeader('content-type', 'text/html');
      for (const [i, line] of lines.entries()) {
        response.write(line);
        if (i % 3 === 2) await new Promise((resolve) => { setTimeout(resolve, 20); });
      }
      response.end();
    } else {
      const answer = await fetch(new URL(url, server.url));
      response.setHeader('content-type', answer.headers.get('content-type') ?? '');
      response.statusCode = answer.status;
      response.end(new Uint8Array(await answer.arrayBuffer()));
    }
  });
  await new Promise((resolve) => { slow.listen(0, '127.0.0.1', resolve); });
  try {
    for (const width of [1280, 375]) {
      const page = await open(browser, `http://127.0.0.1:${slow.address().port}/`, { width });
      await ready(page);
      assert.deepEqual(await page.evaluate(() => window.shifts), [], `at ${width} px`);
      await page.context().close();
    }
  } finally {
    slow.closeAllConnections();
    slow.close();
  }
});

test('what is sent is counted, by the page and by its workers', async () => {
  const page = await open(browser, server.url);
  await ready(page);
  const proof = (start) => page.waitForFunction((start) => document.getElementById('proof').textContent.startsWith(start), start);
  await answered(page, () => page.setInputFiles(photoInput, strawberry));
  await proof('0 bytes of your photo sent');
  await page.evaluate(() => fetch('/', { method: 'POST', body: new Blob(['12345']) }));
  await proof('5 bytes');
  await page.evaluate(() => fetch('/?12'));
  await proof('8 bytes');
  assert.ok(page.workers().length > 0);
  await page.workers()[0].evaluate(() => fetch('/', { method: 'POST', body: new Uint8Array(1000) }));
  await proof('1,008 bytes');
  await page.evaluate(() => navigator.sendBeacon('/', 'ab'));
  await proof('1,010 bytes');
  await answered(page, () => page.click('.sample >> nth=1'));
  await proof('0 bytes of your photo sent');
  await page.context().close();
});

test('without BroadcastChannel the shop works, and claims nothing of what is sent', async () => {
  for (const without of ['delete window.BroadcastChannel', "window.BroadcastChannel = class { constructor() { throw new DOMException('no', 'SecurityError'); } }"]) {
    const page = await open(browser, server.url, { go: false });
    await page.addInitScript(without);
    await page.goto(server.url);
    await ready(page);
    await answered(page, () => page.setInputFiles(photoInput, strawberry));
    assert.equal(await hits(page), 24);
    assert.equal(await page.textContent('#proof'), '');
    assert.deepEqual(page.noise, []);
    await page.context().close();
  }
});

test('a model that does not come is said, the stored hits stay, and another try works', async () => {
  const page = await open(browser, server.url, { go: false });
  await page.route('**/model/**', (route) => route.abort());
  await page.goto(server.url);
  await ready(page);
  await page.click('#more');
  await page.waitForSelector('#error:not([hidden])');
  assert.match(await page.textContent('#error-text'), /could not be fetched/);
  assert.equal(await hits(page), 24);
  assert.ok(await page.isHidden('#loading'));
  await page.unroute('**/model/**');
  await answered(page, () => page.click('#again'));
  assert.ok(await page.isHidden('#error'));
  assert.match(await page.textContent('#status'), /^Most alike of/);
  await page.context().close();
});

test('offline: photos still find their like; what was not loaded is said', async () => {
  const page = await open(browser, server.url);
  await ready(page);
  await loaded(page);
  await page.context().setOffline(true);
  await answered(page, () => page.setInputFiles(photoInput, strawberry));
  assert.equal(await hits(page), 24);
  await answered(page, () => page.fill('#text', 'red fruit'));
  assert.match(await page.textContent('#error-text'), /You are offline/);
  assert.equal(await hits(page), 0);
  await page.context().setOffline(false);
  await answered(page, () => page.click('#again'));
  assert.equal(await hits(page), 24);
  await page.context().close();
});

const weights = JSON.parse(readFileSync('build/site/model/manifest.json', 'utf8')).files.find(({ name }) => /^image\..*safetensors$/.test(name));

test('nothing of the model is fetched or kept before something is asked; then it is kept, said, and forgotten on demand', async () => {
  const page = await open(browser, server.url, { go: false });
  const asked = [];
  page.on('request', (request) => { if (/model\/|\.wasm$|catalog\.safetensors$/.test(request.url())) asked.push(request.url().replace(/.*\//, '')); });
  const kept = () => page.evaluate(async () => (await import('/kin/index.js')).cache.size());
  await page.goto(server.url);
  await ready(page);
  await page.hover('#finder');
  await page.waitForTimeout(300);
  assert.deepEqual([asked, await kept()], [[], 0]);
  await answered(page, () => page.setInputFiles(photoInput, strawberry));
  assert.ok(asked.includes(weights.name) && asked.includes('catalog.safetensors'), String(asked));
  assert.ok(await kept() >= weights.bytes, `${await kept()} of ${weights.bytes} bytes`);
  asked.length = 0;
  await page.goto('about:blank');
  await page.goto(server.url);
  await ready(page);
  await loaded(page);
  assert.ok(asked.includes('catalog.safetensors') && !asked.some((name) => name.endsWith('.safetensors') && name !== 'catalog.safetensors'), String(asked));
  await page.click('#how');
  assert.match(await page.textContent('#how-panel'), /keeps the model too, so that your next visit is faster/);
  await page.click('#forget');
  await page.waitForFunction(() => document.getElementById('forget').textContent === 'Forgotten');
  assert.equal(await kept(), 0);
  assert.deepEqual(page.noise, []);
  await page.context().close();
});

// Grey noise is like nothing in the shop.
let seed = 7;
const noise = { name: 'n.png', mimeType: 'image/png', buffer: png(128, 128, () => {
  seed = (seed * 1103515245 + 12345) % 2 ** 31;
  return Array(3).fill(seed >> 16 & 255);
}) };
test('nothing similar is said, with the nearest there are', async () => {
  const page = await open(browser, server.url);
  await ready(page);
  await answered(page, () => page.setInputFiles(photoInput, noise));
  assert.match(await page.textContent('#status'), /^Nothing similar here/);
  assert.equal(await hits(page), 24);
  await answered(page, () => page.click('.sample >> nth=1'));
  assert.match(await page.textContent('#status'), /^Most alike of/);
  await page.context().close();
});

test('progress is shown while the model comes', async () => {
  const page = await open(browser, server.url, { go: false });
  let pass;
  const held = new Promise((resolve) => { pass = resolve; });
  await page.route('**/model/*.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(server.url);
  await ready(page);
  const more = answered(page, () => page.click('#more'));
  await page.getByRole('progressbar').waitFor();
  assert.equal(await page.getByRole('progressbar', { name: 'Loading the model' }).count(), 1);
  assert.equal(await hits(page), 24);
  pass();
  assert.equal((await more).length, 48);
  assert.ok(await page.isHidden('#loading'));
  assert.deepEqual(page.noise, []);
  await page.context().close();
});

test('building a catalogue of one\'s own can be stopped, and changes nothing then', async () => {
  const page = await open(browser, server.url);
  await ready(page);
  const shown = await answered(page, () => page.click('.sample >> nth=1'));
  await answered(page, () => page.click('.sample >> nth=0'));
  await page.evaluate(() => { // pressed as soon as it is there, however fast the machine is
    const stop = document.getElementById('stop');
    new MutationObserver((_, observer) => {
      if (stop.hidden) return;
      observer.disconnect();
      stop.click();
    }).observe(stop, { attributes: true });
  });
  await page.setInputFiles('#own', Array.from({ length: 20 }, (_, i) => ({ ...strawberry, name: `${i}.png` })));
  await page.waitForFunction(() => document.getElementById('status').textContent.startsWith('Stopped'));
  assert.equal(await page.getAttribute('main', 'data-view'), 'shop');
  assert.ok(await page.isHidden('#loading') && await page.isHidden('#error'));
  assert.equal(await hits(page), 24);
  assert.deepEqual(await answered(page, () => page.click('.sample >> nth=1')), shown, 'the shop answers as before');
  assert.deepEqual(page.noise, []);
  await page.context().close();
});

test('addresses of products work, and those that are none are said', async () => {
  const page = await open(browser, `${server.url}#product=1f353`);
  await page.waitForSelector('#product[open] #similar [data-hit-id]');
  assert.equal(await page.textContent('#product-title'), 'Strawberry');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#product', { state: 'hidden' });
  await page.evaluate(() => { window.location.hash = '#product=%E0%A4%A'; });
  await page.waitForSelector('#error:not([hidden])');
  assert.match(await page.textContent('#error-text'), /not in the catalogue/);
  await page.goBack();
  assert.deepEqual(page.noise, []);
  await page.context().close();
});

test('the bar stays where it is when its words grow', async () => {
  for (const width of [320, 375, 1280]) { // with and without a button to stop
    const page = await open(browser, server.url, { width, height: 640 });
    await ready(page);
    const places = await page.evaluate(async () => {
      const { bar, withBar } = await import('/say.js');
      const found = [];
      for (const [stop, ...texts] of [[null, 'Loading', 'Loading the model: 1.2 of 7.4 MB', 'Loading the model for words: 13.1 of 63.4 MB'],
        [() => {}, 'Reading your pictures', 'Reading picture 7 of 200', 'Reading picture 187 of 200, 100 s left']])
        await withBar('Loading', async () => {
          for (const text of texts) {
            bar(text, 0.5);
            await new Promise(requestAnimationFrame);
            const { top, height } = document.getElementById('loading').getBoundingClientRect();
            const { top: line } = document.getElementById('progress').getBoundingClientRect();
            found.push([Boolean(stop), top, height, line].map((side) => Number(side).toFixed(0)).join(' '));
          }
        }, stop);
      return found;
    });
    assert.equal(places.length, 6);
    assert.equal(new Set(places).size, 2, `${width}: ${places.join('; ')}`);
    await page.context().close();
  }
});
