// The page of `kin report` in a real Chromium, from the disk: it asks for nothing, runs nothing, fits a phone, is read by keyboard and by
// screen readers, light and dark.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { drawing, tinyModel } from '../node/cli-support.js';
import { launch, open } from './shop.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser, at, address;
const cli = (...args) => spawnSync(process.execPath, ['catalog/cli.js', ...args], { encoding: 'utf8' });

before(async () => {
  at = mkdtempSync(join(tmpdir(), 'kin-test-'));
  const [model, other] = [tinyModel(join(at, 'model'), 1), tinyModel(join(at, 'other'), 2)];
  mkdirSync(join(at, 'img'));
  const titles = ['<img src=x onerror=alert(1)>', '"><script>alert(2)</script>', 'W'.repeat(300), '\u202eturned', ''];
  const lines = Array.from({ length: 20 }, (_, i) => {
    for (const k of [0, 1]) writeFileSync(join(at, 'img', `${i}-${k}.png`), drawing(2 * i + k));
    return JSON.stringify({ id: `p${i}`, title: titles[i] ?? `Product ${i}`, url: i % 2 ? `https://shop.example/${i}` : `/p/${i}`,
      image: i < 18 ? [`img/${i}-0.png`, `img/${i}-1.png`] : `img/${i}-0.png` });
  });
  writeFileSync(join(at, 'products.jsonl'), lines.join('\n'));
  writeFileSync(join(at, 'photos.csv'), 'image,id\nimg/3-1.png,p3\nimg/4-0.png,p9\n');
  for (const [name, weights] of [['a.kin', model], ['b.kin', other]])
    assert.deepEqual(cli('build', join(at, 'products.jsonl'), '-q', '-o', join(at, name), '--model', weights).stderr, '');
  const made = cli('report', join(at, 'a.kin'), '-o', join(at, 'report.html'), '--queries', join(at, 'photos.csv'), '--model', model, '--against', join(at, 'b.kin'), '--against-model', other);
  assert.equal(made.status, 0, made.stderr);
  address = pathToFileURL(join(at, 'report.html')).href;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  rmSync(at, { recursive: true, force: true });
});

for (const [width, colorScheme] of [[1280, 'light'], [375, 'dark']])
  test(`the page is whole, quiet and accessible at ${width} pixels, ${colorScheme}`, async () => {
    const page = await open(browser, address, { width, bypassCSP: true }); // for axe
    const asked = [];
    page.on('request', (request) => { if (!request.url().startsWith('data:')) asked.push(request.url()); });
    await page.emulateMedia({ colorScheme });
    await page.reload();
    assert.deepEqual(asked, [address]);
    assert.equal(await page.locator('script').count(), 0);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, 'nothing is wider than the screen');
    assert.ok(await page.evaluate(() => [...document.images].length > 60 && [...document.images].every((image) => image.complete && image.naturalWidth > 0)));
    assert.deepEqual(await page.$$eval('h2', (all) => all.map((heading) => heading.textContent)), ['Products and their neighbours', 'Labelled photos',
      'A second picture finds its product', 'Side by side', 'Hubs', 'Near-duplicates', 'How this was counted']);
    await page.addScriptTag({ content: axe });
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
    assert.deepEqual(page.noise, []);
    await page.context().close();
  });

test('in the colours of the system the bars are seen', async () => {
  const page = await open(browser, address);
  await page.emulateMedia({ forcedColors: 'active' });
  const [bar, ground] = await page.evaluate(() => [document.querySelector('.bar span'), document.querySelector('.bar')].map((one) => getComputedStyle(one).backgroundColor));
  assert.notEqual(bar, ground);
  await page.context().close();
});

test('text is as large as the reader set it, and the page fits', async () => {
  const large = await launch('--blink-settings=defaultFontSize=32');
  for (const width of [1280, 375]) {
    const page = await open(large, address, { width });
    assert.deepEqual(await page.evaluate(() => [getComputedStyle(document.body).fontSize, document.documentElement.scrollWidth]), ['32px', width]);
  }
  await large.close();
});

test('links of the contents lead to their sections by keyboard, and the policy holds', async () => {
  const page = await open(browser, address);
  for (const id of ['samples', 'photos']) {
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${address}#${id}`);
    await page.evaluate((hash) => document.querySelector(`a[href="${hash}"]`).focus(), `#${id}`);
  }
  // Even a script that somebody brought in would not run.
  await page.evaluate(() => document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' })));
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.deepEqual(await page.$$eval('a:not([href^="#"])', (all) => all.map(({ protocol }) => protocol).filter((protocol) => protocol !== 'https:')), []);
  await page.context().close();
});
