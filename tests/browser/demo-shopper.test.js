// The demo judged by what a shopper sees: words in place of figures, a photo that is cropped by its corners, a phone's
// first screen, more hits, and an address that finds the query again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
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
const picture = (hex, name = `${hex}.png`) => ({ name, mimeType: 'image/png', buffer: readFileSync(`build/site/samples/${hex}.png`) });
const noPicture = { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') };
const phone = { width: 375, height: 740, touch: true };

async function start(options = {}, hash = '') {
  const page = await open(browser, server.url + hash, options);
  if (!hash) await ready(page);
  return page;
}
async function end(page) {
  assert.deepEqual(page.noise, []);
  assert.deepEqual(page.sent, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}
const ids = (page) => page.$$eval('#results [data-hit-id]', (cards) => cards.map((card) => card.dataset.hitId));
const heading = (page) => page.textContent('#results-title');
const typed = (page, words) => answered(page, async () => {
  await page.fill('#text', words);
  await page.keyboard.press('Enter');
});
// The hits of what the address says are there.
const settled = (page, text) => page.waitForFunction((text) => document.getElementById('results-title').textContent === text &&
  !document.getElementById('results').hasAttribute('aria-busy') && document.querySelector('#results :is([data-hit-id], .empty)'), text);
const crop = (page) => page.locator('#finder .frame').evaluate((frame) => Object.fromEntries(['x', 'y', 'width', 'height']
  .map((side) => [side, Number(Number(frame.style.getPropertyValue(`--${side}`)).toFixed(3))])));
const near = (a, b) => Math.abs(a - b) < 0.02;

// ---- words in place of figures -----------------------------------------------------------------------
const figures = /\d ms|\b0\.\d\d|cosine|bytes|files? fetched/;

test('milliseconds, cosines and counts of files are behind a switch, which the browser remembers', async () => {
  const page = await start();
  const seen = () => page.evaluate(() => document.body.innerText);
  const measured = () => page.waitForFunction(() => document.getElementById('took').textContent.endsWith(' ms'));
  assert.doesNotMatch(await seen(), figures);
  await page.focus('#how');
  await page.keyboard.press('Space');
  await measured();
  assert.equal(await page.getAttribute('#how', 'aria-checked'), 'true');
  for (const part of [/\d ms/, /\b0\.\d{3}\b/, /cosine/, /0 bytes of your photo sent/, /files? fetched/]) assert.match(await seen(), part);
  await page.reload();
  await measured();
  assert.equal(await page.getAttribute('#how', 'aria-checked'), 'true');
  assert.match(await seen(), figures);
  await page.click('#how');
  await page.reload();
  await ready(page);
  assert.equal(await page.getByRole('switch', { name: 'How it works', checked: false }).count(), 1);
  assert.doesNotMatch(await seen(), figures);
  await end(page);
});

test('likeness is told in words that follow the score, and that what means nothing does not get', async () => {
  const page = await start();
  const levels = () => page.$$eval('#results .alike', (all) => all.map((word) => [word.textContent, Number(word.dataset.level)]));
  await answered(page, () => page.setInputFiles(photoInput, { name: 'car.webp', mimeType: 'image/webp', buffer: readFileSync('build/site/images/1f697.webp') }));
  const photo = await levels();
  assert.deepEqual(photo[0], ['Very similar', 4], 'the picture of a product is very similar to it');
  assert.ok(photo.length === 24 && photo.at(-1)[1] < 4 && photo.every(([, level], i) => i === 0 || level <= photo[i - 1][1]), String(photo));
  await typed(page, 'strawberry');
  const [[word, level]] = await levels();
  assert.ok(level >= 3 && word === ['Fits well', 'Fits very well'][level - 3], `${word} ${level}`);
  await typed(page, 'xxxxqqq');
  assert.ok((await levels()).every(([, level]) => level <= 2), String(await levels()));
  await answered(page, () => page.setInputFiles('#own', [picture('1f353'), picture('1f460'), picture('1f4f7')]));
  await settled(page, 'Your pictures like 1f353.png');
  assert.deepEqual(await levels(), [], 'three pictures cannot tell what is ordinary');
  await end(page);
});

// ---- the photo and its crop ---------------------------------------------------------------------------
const corners = { nw: [0, 0], ne: [1, 0], sw: [0, 1], se: [1, 1] };

// Drags a corner by dx, dy (fractions of the photo) with `drag(from, to)`, and checks that only this corner moved.
async function pull(page, corner, [dx, dy], drag) {
  const [east, south] = corners[corner], from = await crop(page), area = await page.locator('#finder .frame').boundingBox();
  const at = (x, y) => ({ x: area.x + area.width * x, y: area.y + area.height * y });
  const x = from.x + from.width * east, y = from.y + from.height * south;
  await answered(page, () => drag(at(x, y), at(x + dx, y + dy)));
  const to = await crop(page);
  assert.ok(near(to.x + to.width * east, x + dx) && near(to.y + to.height * south, y + dy), `${corner}: ${JSON.stringify(to)}`);
  assert.ok(near(to.x + to.width * (1 - east), from.x + from.width * (1 - east)) &&
    near(to.y + to.height * (1 - south), from.y + from.height * (1 - south)), `the corner opposite to ${corner} moved`);
}

test('each corner of the crop can be dragged, by mouse', async () => {
  const page = await start();
  for (const [corner, by] of Object.entries({ nw: [-0.1, -0.1], se: [0.2, 0.1], ne: [-0.15, 0.1], sw: [0.05, -0.12] }))
    await pull(page, corner, by, async (from, to) => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(to.x, to.y, { steps: 4 });
      await page.mouse.up();
    });
  await end(page);
});

test('and by touch, without scrolling the page', async () => {
  const page = await start(phone);
  const client = await page.context().newCDPSession(page);
  const touch = (type, points) => client.send('Input.dispatchTouchEvent', { type, touchPoints: points });
  for (const [corner, by] of Object.entries({ nw: [-0.1, -0.1], se: [0.2, 0.15] }))
    await pull(page, corner, by, async (from, to) => {
      await touch('touchStart', [from]);
      for (const part of [0.25, 0.5, 0.75, 1]) await touch('touchMove', [{ x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }]);
      await touch('touchEnd', []);
    });
  assert.equal(await page.evaluate(() => scrollY), 0);
  await end(page);
});

test('the crop buttons come on demand, by the keyboard too, where the crop itself is in reach', async () => {
  const page = await start();
  const shown = () => page.isVisible('#finder .tools');
  const at = () => page.evaluate(() => document.getElementById('finder').shadowRoot.activeElement?.className);
  assert.equal(await shown(), false);
  await page.click('#finder .adjust');
  assert.ok(await shown() && await page.getAttribute('#finder .adjust', 'aria-expanded') === 'true');
  await page.click('#finder .adjust');
  assert.equal(await shown(), false);
  await page.focus('.skip');
  for (let i = 0; i < 20 && await at() !== 'box'; i++) await page.keyboard.press('Tab');
  const { x } = await crop(page);
  await answered(page, () => page.keyboard.press('ArrowLeft'));
  assert.ok((await crop(page)).x < x);
  for (let i = 0; i < 3 && await at() !== 'adjust'; i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal(await shown(), true);
  for (let i = 0; i < 9 && await at() !== 'box'; i++) await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Tab');
  assert.equal(await at(), 'tool');
  const left = (await crop(page)).x;
  await answered(page, () => page.keyboard.press('Enter'));
  assert.ok((await crop(page)).x < left);
  await end(page);
});

// ---- the phone -----------------------------------------------------------------------------------------
const top = (page, selector) => page.evaluate((selector) => document.querySelector(selector).getBoundingClientRect().top, selector);
const bottom = (page, selector) => page.evaluate((selector) => document.querySelector(selector).getBoundingClientRect().bottom, selector);

test('on a phone the hits begin on the first screen, and a search brings the page to them', async () => {
  const page = await start(phone);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  assert.ok(await top(page, '#results .card') < 480, `the first hit begins at ${await top(page, '#results .card')}`);
  assert.ok(await bottom(page, '#to-own') < 100, 'own pictures are one tap away');
  const brought = async () => {
    assert.ok(await top(page, '#results .card') < 120 && await bottom(page, '#results .card') < 740);
    assert.ok(await top(page, '#results-title') >= 0);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'results-title', 'the focus goes where the page goes');
  };
  await answered(page, () => page.setInputFiles(photoInput, picture('1f697')));
  await brought();
  await page.evaluate(() => { window.scrollTo(0, 0); });
  await typed(page, 'red fruit');
  await brought();
  await page.evaluate(() => { window.scrollTo(0, 0); });
  await answered(page, () => page.tap('.sample >> nth=1'));
  await brought();
  await page.tap('#chip');
  assert.equal(await page.evaluate(() => scrollY), 0, 'and there is a way back to the photo');
  await answered(page, () => page.keyboard.press('+'));
  assert.equal(await page.evaluate(() => scrollY), 0, 'who crops stays at the photo');
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), 'auto');
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), 'smooth');
  await end(page);
});

test('beside the photo nothing jumps', async () => {
  const page = await start();
  await typed(page, 'red fruit');
  assert.deepEqual(await page.evaluate(() => [scrollY, document.activeElement.id]), [0, 'text']);
  await answered(page, () => page.click('.sample >> nth=1'));
  assert.equal(await page.evaluate(() => scrollY), 0);
  await end(page);
});

// ---- more hits -------------------------------------------------------------------------------------------
test('more hits come by the keyboard, are announced, and are there again after a reload', async () => {
  const page = await start();
  await page.focus('#more');
  const hits = await answered(page, () => page.keyboard.press('Enter'));
  assert.equal(hits.length, 48);
  assert.equal(new Set(hits.map((hit) => hit.id)).size, 48);
  assert.ok(hits.every((hit, i) => i === 0 || hit.score <= hits[i - 1].score));
  assert.match(await page.textContent('#status'), /^48 of 1,\d{3} shown/);
  assert.equal(await page.evaluate(() => document.activeElement.closest('li').dataset.hitId), hits[24].id, 'the focus is on the first new one');
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll('#results [data-hit-id]').length === 48);
  assert.deepEqual(await ids(page), hits.map((hit) => hit.id));
  await answered(page, () => page.selectOption('#price', '10'));
  assert.equal((await ids(page)).length, 24);
  while (await page.isVisible('#more')) await answered(page, () => page.click('#more'));
  const [, shown, total] = /^(\d+) of (\d+) shown$/.exec(await page.textContent('#shown'));
  assert.ok(shown === total && (await ids(page)).length === Number(total));
  await end(page);
});

// ---- the address ------------------------------------------------------------------------------------------
test('reload and Back find words, filters, samples and their crop again; the server is not told', async () => {
  const page = await start();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const steps = [];
  const note = async () => steps.push([await heading(page), await ids(page), await page.inputValue('#text'), await page.inputValue('#group'), await crop(page)]);
  const check = async (i) => {
    await settled(page, steps[i][0]);
    await page.waitForFunction((first) => document.querySelector('#results [data-hit-id]')?.dataset.hitId === first, steps[i][1][0]);
    assert.deepEqual([await heading(page), await ids(page), await page.inputValue('#text'), await page.inputValue('#group'), await crop(page)], steps[i]);
  };
  await note();
  await typed(page, 'red fruit');
  await note();
  await answered(page, () => page.selectOption('#group', 'Animals & nature'));
  await note();
  await answered(page, () => page.selectOption('#group', ''));
  await answered(page, () => page.click('.sample >> nth=3'));
  await page.focus('#finder .box');
  await answered(page, () => page.keyboard.press('-'));
  await note();
  await page.reload();
  await check(3);
  await page.goBack(); // to the words without a filter
  await check(1);
  await page.goBack();
  await check(2);
  await page.reload();
  await check(2);
  await page.goBack();
  await check(1);
  await page.goBack();
  await check(0);
  await page.goForward();
  await check(1);
  assert.ok(asked.every((url) => url.startsWith('blob:') || !/[?#](?!page=)/.test(url)), String(asked.filter((url) => url.includes('?'))));
  await end(page);
});

test('a button that goes away leaves the focus near: on the heading of the hits, or in the answer', async () => {
  const page = await open(browser, `${server.url}#q=red%20fruit`);
  const press = async (button) => {
    await page.waitForSelector(button);
    await page.focus(button);
    await page.keyboard.press('Enter');
    await page.waitForSelector(button, { state: 'hidden' });
    return page.evaluate(() => document.activeElement.id || document.activeElement.className);
  };
  await page.waitForSelector('#results [data-hit-id]');
  assert.equal(await press('#use-photo'), 'results-title');
  await page.route('**/catalog.safetensors', (route) => route.abort());
  await page.goto(`${server.url}#q=red%20fruit`);
  await page.reload();
  await page.waitForSelector('#again');
  await page.unroute('**/catalog.safetensors');
  assert.equal(await press('#again'), 'results-title');
  await page.route('**/kinds.safetensors', (route) => route.abort());
  await page.goto(`${server.url}gallery.html`);
  await page.click('#packs .sample >> nth=0');
  await page.waitForSelector('#packs .answer button');
  await page.unroute('**/kinds.safetensors');
  assert.equal(await press('#packs .answer button'), 'answer');
  await page.context().close();
});

test('a connection that has fallen silent is said while the page waits', async () => {
  const page = await open(browser, server.url);
  let come;
  const held = new Promise((resolve) => { come = resolve; });
  await page.route('**/image.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.click('.sample >> nth=1');
  await page.waitForFunction(() => /nothing comes at the moment/.test(document.getElementById('loading-text').textContent), null, { timeout: 30000 });
  come();
  await page.waitForFunction(() => document.getElementById('loading').hidden && document.querySelector('#results [data-hit-id]'), null, { timeout: 30000 });
  await page.context().close();
});

test('in the colours of the system the page one is on stands out', async () => {
  for (const path of ['', 'gallery.html', 'docs.html']) {
    const page = await open(browser, server.url + path);
    await page.emulateMedia({ forcedColors: 'active' });
    assert.deepEqual(await page.$$eval('header nav a', (all) => all.filter((link) => (getComputedStyle(link).outlineStyle !== 'none') !== link.hasAttribute('aria-current')).map(({ textContent }) => textContent)), [], path);
    await page.context().close();
  }
});

test('typing is one step back, not one a letter', async () => {
  const page = await start();
  const before = await page.evaluate(() => history.length);
  await page.focus('#text');
  for (const letter of 'shoe') await answered(page, () => page.keyboard.type(letter));
  assert.equal(await heading(page), 'Products for “shoe”');
  assert.equal(await page.evaluate(() => history.length), before + 1);
  await answered(page, () => page.fill('#text', ''));
  assert.equal(await heading(page), 'Products like this photo', 'no words: the photo again');
  await end(page);
});

test('a photo of one\'s own is found again after a reload, and stays here', async () => {
  const page = await start();
  await answered(page, () => page.setInputFiles(photoInput, picture('1f4f7')));
  await page.focus('#finder .box');
  for (let i = 0; i < 3; i++) await answered(page, () => page.keyboard.press('-'));
  const [want, box] = [await ids(page), await crop(page)];
  await page.reload();
  await settled(page, 'Products like your photo');
  assert.deepEqual([await ids(page), await crop(page)], [want, box]);
  assert.match(await page.getAttribute('#finder .preview', 'src'), /^blob:/);
  await typed(page, 'shoe');
  await page.goBack();
  await settled(page, 'Products like your photo');
  assert.deepEqual(await ids(page), want);
  await page.click('#how');
  await page.click('#forget');
  await page.waitForFunction(() => document.getElementById('forget').textContent === 'Forgotten');
  await page.reload();
  await settled(page, 'The photo is not here any more');
  assert.match(await page.textContent('.empty'), /Choose it once more/);
  assert.ok(await page.isVisible('#finder.none .primary') && await page.isHidden('#finder .preview'));
  await answered(page, () => page.setInputFiles(photoInput, picture('1f4f7')));
  assert.ok(await page.isVisible('#finder:not(.none) .preview'));
  await answered(page, () => page.click('.sample >> nth=0'));
  assert.equal(await heading(page), 'Products like this photo');
  await end(page);
});

test('photos of yesterday are thrown away, by whoever only comes by', async () => {
  const page = await start();
  await answered(page, () => page.setInputFiles(photoInput, picture('1f4f7')));
  const photos = (change = null) => page.evaluate((change) => new Promise((resolve) => {
    indexedDB.open('kin-shop').onsuccess = ({ target: { result } }) => {
      const store = result.transaction('photos', 'readwrite').objectStore('photos');
      if (change) store.put(new Blob(['old']), change);
      store.getAllKeys().onsuccess = ({ target }) => { result.close(); resolve(target.result); };
    };
  }), change);
  const old = (Date.now() - 90_000_000).toString(36);
  assert.equal((await photos(old)).length, 2);
  await page.goto('about:blank');
  await page.goto(server.url);
  await ready(page);
  const keys = await photos();
  assert.ok(keys.length === 1 && !keys.includes(old), String(keys));
  await end(page);
});

test('where the browser keeps nothing, Back works while the page lasts, and a reload says so', async () => {
  const page = await open(browser, server.url, { go: false });
  await page.addInitScript(() => {
    for (const name of ['indexedDB', 'localStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });
  });
  await page.goto(server.url);
  await ready(page);
  await page.click('#how');
  await answered(page, () => page.setInputFiles(photoInput, picture('1f4f7')));
  const want = await ids(page);
  await typed(page, 'shoe');
  await page.goBack();
  await settled(page, 'Products like your photo');
  assert.deepEqual(await ids(page), want);
  await page.reload();
  await settled(page, 'The photo is not here any more');
  await end(page);
});

test('an address that makes no sense shows the shop', async () => {
  const page = await start({}, '#sample=none&box=a-b&price=dear&nonsense=1&like=&in=elsewhere');
  await settled(page, 'Products like this photo');
  assert.equal((await ids(page)).length, 24);
  assert.deepEqual(await page.evaluate(() => ['price', 'group'].map((id) => document.getElementById(id).selectedOptions[0].text)), ['Any price', 'All groups']);
  await page.evaluate(() => { window.location.hash = '#group=%3Cb%3E'; });
  await page.waitForSelector('#results .empty button');
  await answered(page, () => page.click('.empty button'));
  assert.equal((await ids(page)).length, 24);
  await page.evaluate(() => { window.location.hash = '#like=nothing'; });
  await page.waitForSelector('#error:not([hidden])');
  assert.equal(await heading(page), 'No answer for this product');
  await end(page);
});

// ---- what is on the page is what was asked --------------------------------------------------------------------
test('words leave the box when the search is by photo again', async () => {
  const page = await start();
  for (const act of [() => page.click('.sample >> nth=1'), () => page.setInputFiles(photoInput, picture('1f353')), () => page.click('#use-photo')]) {
    await typed(page, 'red fruit');
    assert.equal(await heading(page), 'Products for “red fruit”');
    await answered(page, act);
    assert.equal(await page.inputValue('#text'), '');
    assert.match(await heading(page), /^Products like (this|your) photo$/);
  }
  await end(page);
});

test('after a photo that failed, heading and hits are not those of another', async () => {
  const page = await start();
  await typed(page, 'red fruit');
  await answered(page, () => page.setInputFiles(photoInput, noPicture));
  assert.equal(await heading(page), 'No products for this photo');
  assert.deepEqual(await ids(page), []);
  assert.ok(await page.isVisible('#error') && await page.isHidden('#more'));
  await page.goBack();
  await settled(page, 'Products for “red fruit”');
  assert.ok(await page.isHidden('#error'));
  await end(page);
});

test('while a search lasts, what was asked stands above, not the hits of before', async () => {
  const page = await open(browser, server.url, { go: false });
  let pass;
  const held = new Promise((resolve) => { pass = resolve; });
  await page.route('**/model/*.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${server.url}#q=red+fruit`);
  await page.waitForSelector('#results .ghost');
  assert.equal(await heading(page), 'Products for “red fruit”');
  assert.deepEqual(await ids(page), []);
  assert.equal(await page.inputValue('#text'), 'red fruit');
  await page.getByRole('progressbar').waitFor();
  pass();
  await settled(page, 'Products for “red fruit”');
  assert.deepEqual(await page.evaluate(() => window.shifts), []);
  await end(page);
});

// ---- products ------------------------------------------------------------------------------------------------------
test('Back closes a product; all that is like it has an address', async () => {
  const page = await start();
  await answered(page, () => page.click('.sample >> nth=3'));
  const length = await page.evaluate(() => history.length);
  const opened = () => page.waitForSelector('#product[open] #similar [data-hit-id]');
  const closed = () => page.waitForSelector('#product', { state: 'hidden' });
  await page.click('#results a >> nth=0');
  await opened();
  await page.click('#similar a >> nth=0');
  await page.waitForFunction(() => history.state.depth === 2);
  await page.keyboard.press('Escape');
  await closed();
  await page.waitForFunction(() => !history.state?.depth);
  await page.click('#results a >> nth=1');
  await opened();
  assert.equal(await page.evaluate(() => history.length), length + 1, 'a closed product is no step');
  await page.goBack();
  await closed();
  assert.equal(await heading(page), 'Products like this photo');
  await page.goForward();
  await opened();
  const title = await page.textContent('#product-title');
  await answered(page, () => page.click('#like'));
  await closed();
  assert.equal(await heading(page), `Products like ${title}`);
  const want = await ids(page);
  assert.equal(want.length, 24);
  await page.reload();
  await settled(page, `Products like ${title}`);
  assert.deepEqual(await ids(page), want);
  await answered(page, () => page.click('#use-photo'));
  assert.equal(await heading(page), 'Products like this photo');
  await end(page);
});

// ---- the visitor's own pictures ------------------------------------------------------------------------------------
test('own pictures have a place of their own, by the keyboard too', async () => {
  const page = await start();
  await page.focus('#to-own');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-view=choose]');
  assert.ok(await page.isVisible('#own') && await page.isHidden('#finder'));
  await page.goBack();
  await settled(page, 'Products like this photo');
  await page.goForward();
  await page.waitForSelector('[data-view=choose]');
  await answered(page, () => page.setInputFiles('#own', ['1f353', '1f460', '1f4f7', '1f697'].map((hex) => picture(hex))));
  await settled(page, 'Your pictures like 1f353.png');
  assert.deepEqual((await ids(page)).sort(), ['2', '3', '4']);
  await answered(page, () => page.setInputFiles(photoInput, picture('1f4f7')));
  assert.equal((await ids(page)).length, 4, 'another file with the same content is another picture');
  await page.click('[data-hit-id="2"] a');
  await page.waitForSelector('#product[open] #similar [data-hit-id]');
  await answered(page, () => page.click('#like'));
  assert.equal(await heading(page), 'Your pictures like 1f460.png');
  assert.deepEqual((await ids(page)).sort(), ['1', '3', '4']);
  await answered(page, () => page.click('#to-shop'));
  assert.equal(await heading(page), 'Products like this photo');
  const first = page.evaluate(async () => {
    document.getElementById('to-own').click();
    for (let i = 0; i < 9; i++) await null; // no longer than that: the answer may be quick
    return [document.getElementById('results-title').textContent, document.querySelectorAll('#results [data-hit-id]').length];
  });
  assert.deepEqual(await first, ['Your pictures like 1f353.png', 0], 'the shop is not shown as their hits');
  await settled(page, 'Your pictures like 1f353.png');
  assert.equal((await ids(page)).length, 3, 'they are kept while the page lasts');
  await page.reload();
  await page.waitForSelector('[data-view=choose]');
  assert.match(await page.textContent('#status'), /forgotten/);
  await end(page);
});
