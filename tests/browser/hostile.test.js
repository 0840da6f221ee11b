// A catalogue whose titles, ids, tags and addresses are hostile: all of it is shown as text or left out.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import { embedded } from '../models.js';
import { answered, launch, open, ready, serve } from './shop.js';

const titles = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', '<svg onload=alert(1)>', '{{7*7}}', '${alert(1)}',
  '\u202Egnp.exe', 'javascript:alert(1)', '<style>*{display:none}</style>', '&lt;b&gt;', 'a\u0000b', 'x'.repeat(5000),
  '<iframe srcdoc="<script>parent.alert(1)</script>">', "' onmouseover='alert(1)", '<a href="javascript:alert(1)">x</a>', '😀<b>'];
const addresses = ['javascript:alert(1)', 'java\tscript:alert(1)', 'java\nscript:alert(1)', '\u0001javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'file:///etc/passwd'];
const site = 'build/hostile-site';
let browser, server;

before(async () => {
  rmSync(site, { recursive: true, force: true });
  mkdirSync(`${site}/own`, { recursive: true });
  cpSync('build/site', site, { recursive: true, filter: (from) => !/site\/images\/./.test(from) });
  cpSync('build/site/samples/1f353.png', `${site}/own/p.png`);
  const build = (rows) => {
    writeFileSync(`${site}/products.jsonl`, rows.map((row) => JSON.stringify({ image: 'own/p.png', ...row })).join('\n'));
    return spawnSync(process.execPath, ['catalog/cli.js', 'build', `${site}/products.jsonl`, '-o', `${site}/catalog.safetensors`,
      '--fields', 'group,price,tags', '--fit', 'pad'], { encoding: 'utf8' });
  };
  // addresses that a link must not have are refused at build, each by its row
  const refused = build([{ id: 'fine', title: 'fine', group: 'g', price: 1, tags: [] },
    ...addresses.map((url, i) => ({ id: `bad ${i}`, title: 'bad', url }))]);
  assert.equal(refused.status, 3);
  for (const i of addresses.keys()) assert.match(refused.stderr, new RegExp(`bad ${i}`));
  const built = build(titles.map((title, i) => ({ id: `<i>${i}</i>"'`, title, url: `?"><b>${i}`, group: title, price: i, tags: [title] })));
  assert.equal(built.status, 0, built.stderr);
  browser = await launch();
  server = await serve(site);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('hostile products are text', async () => {
  const page = await open(browser, server.url);
  await ready(page);
  const hits = await answered(page, () => page.click('.sample >> nth=0'));
  assert.equal(hits.length, titles.length);
  const shown = new Set(hits.map((hit) => hit.title));
  for (const title of titles) assert.ok(shown.has(title.slice(0, 200)), title.slice(0, 60));
  for (let i = 0; i < 3; i++) {
    await page.locator('#results a').nth(i).click();
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#product', { state: 'hidden' });
  }
  assert.equal(await page.locator('#results script, #results iframe, #results svg, #results style, #results b').count(), 0);
  const links = await page.$$eval('#results a, #results img', (all) => all.map((e) => e.href ?? e.src));
  assert.ok(links.every((link) => link.startsWith(server.url)), String(links));
  assert.deepEqual(page.sent, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  // the pictures of the page's first hits were not copied here
  assert.deepEqual(page.noise.filter((line) => !line.includes('/images/') && !line.includes('status of 404')), []);
  await page.context().close();
});

// What no build makes of a shop's table, but a catalogue may hold.
const odd = [{ title: { toString: 1 }, tags: 'one text', group: { a: 1 }, price: '9' }, { title: ['a', 'b'], tags: { join: 2 }, group: 7, price: null },
  { title: null, tags: [1, { valueOf: 3 }, 'x'], group: [[['deep']]], price: [] }, { title: 12, tags: null, image: { url: 1 } },
  { title: '', tags: true, image: [] }];

test('fields of another type than expected are shown as far as they are text, and break nothing', async () => {
  const clip = await load({ model: embedded });
  const builder = await clip.createCatalog({ fields: ['group', 'price', 'tags'], fit: 'pad' });
  for (const [i, item] of odd.entries()) await builder.add({ id: `odd ${i}`, images: [`${site}/own/p.png`], item: { image: 'own/p.png', ...item } });
  await builder.save({ to: `${site}/catalog.safetensors` });
  await clip.close();
  const page = await open(browser, server.url);
  await ready(page);
  const hits = await answered(page, () => page.click('.sample >> nth=0'));
  assert.deepEqual(hits.map((hit) => hit.title).sort(), ['12', 'a, b', 'odd 0', 'odd 2', 'odd 4']);
  const tags = {};
  for (const { id } of hits) {
    await page.locator(`[data-hit-id="${id}"] a`).first().click();
    await page.waitForSelector('#product[open] #similar [data-hit-id]');
    tags[id] = await page.textContent('#product-tags');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#product', { state: 'hidden' });
  }
  assert.deepEqual(tags, { 'odd 0': 'one text', 'odd 1': '', 'odd 2': '1, x', 'odd 3': '', 'odd 4': 'true' });
  assert.ok(await page.isHidden('#error'));
  assert.deepEqual(page.noise.filter((line) => !line.includes('/images/') && !line.includes('status of 404')), []);
  await page.context().close();
});
