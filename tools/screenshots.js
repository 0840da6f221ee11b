// Pictures of the demo shop in build/screenshots/, at the width of a desk and of a phone, for the eyes of whoever
// changes it. After `make site`; CHROME names another browser.
//
//   node tools/screenshots.js [dark]
//
// demo-1280.png is the picture in the README (docs/demo.png). widget-*.png are of <kin-search>: three themes, its states, a
// phone, a language from right to left.
import { mkdirSync, readFileSync } from 'node:fs';
import { answered, launch, open, ready, serve } from '../tests/browser/shop.js';

const folder = 'build/screenshots';
const dark = process.argv[2] === 'dark';
const sizes = [['demo-1280', { width: 1280, height: 800 }], ['demo-375', { width: 375, height: 740, touch: true }]];
const sample = (hex) => ({ name: `${hex}.png`, mimeType: 'image/png', buffer: readFileSync(`build/site/samples/${hex}.png`) });

mkdirSync(folder, { recursive: true });
const server = await serve('build/site');
const browser = await launch();
for (const [name, size] of sizes) {
  const page = await open(browser, server.url, { ...size, go: false });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  await page.goto(server.url);
  await ready(page);
  const shot = async (what) => {
    await page.waitForFunction(() => [...document.images].every((image) => image.complete));
    await page.screenshot({ path: `${folder}/${name}${what}${dark ? '-dark' : ''}.png` });
  };
  await shot('');
  await answered(page, () => page.setInputFiles('#file', sample('1f697')));
  await shot('-photo');
  await page.evaluate(() => { window.scrollTo(0, 0); });
  await page.focus('#box');
  await answered(page, () => page.keyboard.press('-'));
  await shot('-crop');
  await answered(page, async () => {
    await page.fill('#text', 'red fruit');
    await page.keyboard.press('Enter');
  });
  await shot('-words');
  await page.click('#how');
  await shot('-how');
  await page.click('#how');
  await page.locator('#results a').first().click();
  await page.waitForSelector('#product[open] #similar [data-hit-id]');
  await shot('-product');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#product', { state: 'hidden' });
  await answered(page, () => page.setInputFiles('#file', { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') }));
  await shot('-error');
  await page.goto(`${server.url}#in=own`);
  await page.waitForSelector('[data-view=choose]');
  await shot('-choose');
  const own = ['1f353', '1f460', '1f4f7', '1f697', '1f354', '1f3b8'].map(sample);
  await answered(page, () => page.setInputFiles('#own', own));
  await page.waitForSelector('[data-view=own] [data-hit-id="2"]');
  await page.mouse.move(0, 0);
  await shot('-own');
  await page.context().close();
}
for (const [name, size] of [['widget-1280', sizes[0][1]], ['widget-375', sizes[1][1]], ['widget-320', { width: 320, height: 640, touch: true }]]) {
  const page = await open(browser, server.url, { ...size, go: false });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  await page.goto(`${server.url}widget.html`);
  const finder = page.locator('kin-search');
  const shot = async (what) => {
    await page.waitForTimeout(300); // pictures
    await page.screenshot({ path: `${folder}/${name}${what}${dark ? '-dark' : ''}.png`, fullPage: true });
  };
  const ask = async (file) => {
    await finder.locator('.primary input').setInputFiles(file);
    await page.waitForFunction(() => ['results', 'none', 'error'].includes(document.querySelector('kin-search').state));
  };
  for (const theme of ['plain', 'boutique', 'night']) {
    await page.selectOption('#theme', theme);
    await shot(`-${theme}`);
    await page.click('.sample >> nth=0');
    await page.waitForFunction(() => document.querySelector('kin-search').state === 'results');
    await shot(`-${theme}-hits`);
    await finder.evaluate((element) => element.reset());
  }
  await page.selectOption('#theme', 'plain');
  await ask(sample('1f697'));
  await finder.locator('.adjust').click();
  await finder.locator('.box').focus();
  for (const key of ['-', '-', 'ArrowRight']) await page.keyboard.press(key);
  await page.waitForTimeout(1000);
  await shot('-crop');
  await ask({ name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') });
  await shot('-error');
  await page.selectOption('#language', 'ar');
  await ask(sample('1f460'));
  await shot('-rtl');
  await page.context().close();
}
await browser.close();
await server.stop();
