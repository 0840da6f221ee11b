// The README as a stranger follows it: its own blocks, in its order, in an empty folder without a network: the package
// packed and installed, a catalogue of pictures drawn here, the search page, and its ten lines in a real Chromium.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open } from '../browser/shop.js';
import { drawing, folder } from './cli-support.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

// A section's blocks: [[language, text]].
function blocks(title) {
  const [, section] = new RegExp(`^## ${title}\\n([^]*?)(?=^## )`, 'm').exec(readme);
  return [...section.matchAll(/^```(\w+)\n([^]*?)^```/gm)].map(([, language, text]) => [language, text]);
}
const commands = (title) => blocks(title).filter(([language]) => language === 'sh')
  .flatMap(([, text]) => text.trim().split('\n').map((line) => line.replace(/\s+#.*$/, '')));

// As in a shell of its own: nothing of the npm or make that runs this test, and no network.
function environment(cache) {
  const clean = Object.entries(process.env).filter(([name]) => !/^(?:npm_|MAKE|MFLAGS|NODE_TEST|INIT_CWD)/.test(name));
  return { ...Object.fromEntries(clean), npm_config_offline: 'true', npm_config_cache: cache, npm_config_yes: 'false',
    npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false' };
}

// `npx kin-clip serve .` while `work(url)` runs, on a port that is free.
async function serving(line, cwd, env, work) {
  const child = spawn('sh', ['-c', `${line} --port 0`], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [text] = await once(createInterface({ input: child.stdout }), 'line');
    await work(/^http:\/\/127\.0\.0\.1:\d+\//.exec(text)[0]);
  } finally {
    process.kill(-child.pid);
    await once(child, 'exit');
  }
}

test('the README leads from a checkout to a page with hits', async (t) => {
  const outside = folder(t);
  const shop = join(outside, 'shop');
  mkdirSync(shop);
  const env = environment(join(outside, 'cache'));
  const run = (line, cwd = shop) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd, env, encoding: 'utf8' });
    assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
    return stdout;
  };

  const [pack, ...install] = commands('Install');
  assert.equal(pack, 'make pack');
  run(pack, root);
  const [packed] = /build\/kin-clip-[\w.-]+\.tgz/.exec(readme);
  assert.equal(basename(packed), `kin-clip-${version}.tgz`);
  copyFileSync(join(root, packed), join(shop, basename(packed)));
  assert.equal(install.length, 3);
  assert.match(install.map((line) => run(line)).at(-1), new RegExp(`^kin-clip ${version}$`, 'm'));

  const [, csv] = blocks('Your own catalogue').find(([language]) => language === 'csv');
  const [head, example] = csv.trim().split('\n');
  const picture = example.split(',')[head.split(',').indexOf('image')];
  const rows = [head, example];
  mkdirSync(join(shop, 'pictures'));
  for (let i = 0; i < 20; i++) {
    writeFileSync(join(shop, i ? `pictures/${i}.png` : picture), drawing(i + 1));
    if (i) rows.push(`p${i},Product ${i},/p/${i},pictures/${i}.png,${i}.50,blue`);
  }
  writeFileSync(join(shop, 'products.csv'), rows.join('\n') + '\n');
  writeFileSync(join(shop, 'photo.jpg'), drawing(8));
  const [build, search, serve] = commands('Your own catalogue');
  run(build);
  assert.match(run(search), /^\S+ +\S+ +p7 /m);
  assert.equal(serve, 'npx kin-clip serve .');

  const browser = await launch();
  t.after(() => browser.close());
  await serving(serve, shop, env, async (url) => {
    const page = await open(browser, url);
    await page.setInputFiles('#file', join(shop, 'photo.jpg'));
    await page.waitForSelector('#hits > li', { timeout: 60000 });
    assert.equal(await page.locator('#hits .title').first().textContent(), 'Product 7');
    assert.deepEqual([page.noise, page.sent], [[], []]);
    await page.context().close();
  });

  for (const line of commands('Ten lines for a page')) run(line);
  const [, html] = blocks('Ten lines for a page').find(([language]) => language === 'html');
  writeFileSync(join(shop, 'index.html'), html);
  await serving(serve, shop, env, async (url) => {
    const page = await open(browser, url);
    // The script is a module with awaits at its top: ready once it listens.
    await page.waitForFunction(() => document.getElementById('photo').onchange, null, { timeout: 60000 });
    await page.setInputFiles('#photo', join(shop, 'photo.jpg'));
    await page.waitForSelector('#list > li', { timeout: 60000 });
    const hits = await page.locator('#list > li').allTextContents();
    assert.equal(hits.length, 12);
    assert.match(hits[0], /^Product 7 1\.00$|^Product 7 0\.9\d$/);
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    assert.deepEqual([page.noise.filter((line) => !/favicon|status of 404/.test(line)), page.sent], [[], []]);
    await page.context().close();
  });

  const [[, tag]] = blocks('One tag');
  assert.equal(tag, readFileSync(join(root, 'examples/widget-vanilla.html'), 'utf8'));
  assert.ok(tag.trim().split('\n').length <= 10);
  writeFileSync(join(shop, 'index.html'), tag);
  await serving(serve, shop, env, async (url) => {
    const page = await open(browser, url);
    await page.locator('kin-search .primary input').setInputFiles(join(shop, 'photo.jpg'));
    await page.locator('kin-search .card').first().waitFor({ timeout: 60000 });
    assert.equal(await page.locator('kin-search .card .title').first().textContent(), 'Product 7');
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    assert.deepEqual([page.noise.filter((line) => !/favicon|status of 404/.test(line)), page.sent], [[], []]);
    await page.context().close();
  });
});

test('the other commands of the README are ones that there are', () => {
  const said = [...readme.matchAll(/npx kin-clip ([\w-]+)/g)].map(([, name]) => name);
  const help = spawnSync(process.execPath, ['catalog/cli.js', 'help'], { cwd: root, encoding: 'utf8' }).stdout.split(/\s+/);
  assert.ok(said.length >= 10);
  for (const name of said) assert.ok(help.includes(name), name);
});
