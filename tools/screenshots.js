// Pictures of the demo in build/screenshots/, at the widths of a desk and of phones, for the eyes of whoever changes it.
// After `make site`; CHROME names another browser.
//
//   node tools/screenshots.js [dark] [shop | gallery | readme | widget | docs]
//
// demo-1280.png, by smallPng, is the picture in the README (docs/demo.png). `readme` writes those of the uses, docs/gallery/<panel>.png.
// widget-*.png are of <kin-search>: three themes, its states, a phone, a language from right to left. docs-*.png are of the
// documentation: its first view, its sections, examples with answers, the contents on a phone.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { smallPng } from './small-png.js';
import { answered, launch, open, photoInput, ready, serve } from '../tests/browser/shop.js';

const folder = 'build/screenshots';
const dark = process.argv.includes('dark');
const [only] = process.argv.slice(2).filter((word) => word !== 'dark');
const sizes = [['demo-1280', { width: 1280, height: 800 }], ['demo-375', { width: 375, height: 740, touch: true }]];
const sample = (hex) => ({ name: `${hex}.png`, mimeType: 'image/png', buffer: readFileSync(`build/site/samples/${hex}.png`) });

mkdirSync(folder, { recursive: true });
const server = await serve('build/site');
const browser = await launch();

// The gallery: each panel with an answer.
const panels = {
  labels: (panel) => panel.locator('.sample').first().click(),
  packs: async (panel) => {
    await panel.locator('[name=teach]').click();
    await panel.locator('.said', { hasText: 'is a label now' }).waitFor();
    await panel.locator('.sample').nth(3).click();
  },
  moderation: (panel) => panel.locator('.sample').nth(1).click(),
  alt: (panel) => panel.locator('.sample').first().click(),
  blend: (panel) => panel.locator('[data-blend=green]').click(),
  scores: (panel) => panel.locator('.sample').nth(2).click(),
  states: (panel) => panel.locator('.sample').first().click(),
  adapter: (panel) => panel.locator('[name=learn]').click(),
};
// The README's leave out the code, which stands beside them.
async function shootGallery(width, readme = false) {
  const page = await open(browser, server.url, { width, height: 800, touch: width < 800, go: false });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  await page.goto(`${server.url}gallery.html`);
  const name = (what) => `${folder}/gallery${what}${width === 1280 ? '' : `-${width}`}${dark ? '-dark' : ''}.png`;
  await page.screenshot({ path: name('') });
  await page.setViewportSize({ width, height: 1600 });
  await page.evaluate(() => { document.querySelector('header').style.position = 'static'; }); // it would lie on the panels
  for (const [id, act] of Object.entries(panels)) {
    const panel = page.locator(`#${id}`);
    await act(panel);
    await page.waitForFunction((id) => document.querySelector(`#${id} .answer > :not(button)`) && !document.querySelector(`#${id} .answer[aria-busy]`), id, { timeout: 120000 });
    await page.waitForFunction((id) => [...document.querySelectorAll(`#${id} img`)].every((image) => image.complete), id);
    if (readme) {
      const { x, y, width: wide } = await panel.boundingBox(), { y: end } = await panel.locator('.code').boundingBox();
      writeFileSync(`docs/gallery/${id}.png`, smallPng(await page.screenshot({ fullPage: true, clip: { x, y: y + await page.evaluate(() => scrollY), width: wide, height: end - y } }), 60000));
    } else await panel.screenshot({ path: name(`-${id}`) });
  }
  await page.context().close();
}
if (only === 'readme') {
  mkdirSync('docs/gallery', { recursive: true });
  await shootGallery(1120, true);
} else if (!only || only === 'gallery') for (const width of [1280, 768, 375, 320]) await shootGallery(width);

if (!only || only === 'shop') for (const [name, size] of sizes) {
  const page = await open(browser, server.url, { ...size, go: false });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  await page.goto(server.url);
  await ready(page);
  const shot = async (what) => {
    await page.waitForFunction(() => [...document.images].every((image) => image.complete));
    await page.screenshot({ path: `${folder}/${name}${what}${dark ? '-dark' : ''}.png` });
  };
  await shot('');
  await answered(page, () => page.setInputFiles(photoInput, sample('1f697')));
  await shot('-photo');
  await page.evaluate(() => { window.scrollTo(0, 0); });
  await page.focus('#finder .box');
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
  await answered(page, () => page.setInputFiles(photoInput, { name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') }));
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
if (!only || only === 'widget') for (const [name, size] of [['widget-1280', sizes[0][1]], ['widget-375', sizes[1][1]], ['widget-320', { width: 320, height: 640, touch: true }]]) {
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
if (!only || only === 'docs') for (const width of [1280, 768, 375, 320]) {
  const page = await open(browser, server.url, { width, height: width < 800 ? 740 : 900, touch: width < 800, go: false });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  await page.goto(`${server.url}docs.html`);
  const shot = async (what) => {
    await page.waitForTimeout(300); // pictures, and the contents that follow
    await page.screenshot({ path: `${folder}/docs-${width}${what}${dark ? '-dark' : ''}.png` });
  };
  await shot('');
  for (const id of ['quick-start', 'api', 'api-load', 'hosting-threads', 'models-which-one', 'numbers']) {
    await page.evaluate((id) => document.getElementById(id).scrollIntoView(), id);
    await shot(`-${id}`);
  }
  for (const name of ['similar', 'embed', 'words', 'labels', 'filter', 'blend', 'alt', 'own']) {
    await page.click(`#live-${name} .primary`);
    await page.waitForSelector(`#live-${name} .ms`, { timeout: 60000 });
    await page.evaluate((name) => document.getElementById(`live-${name}`).scrollIntoView(), name);
    await shot(`-live-${name}`);
  }
  if (width < 1040) {
    await page.click('.unfold');
    await shot('-contents');
  }
  await page.goto(`${server.url}docs/format.html`);
  await shot('-format');
  await page.context().close();
}
await browser.close();
await server.stop();
