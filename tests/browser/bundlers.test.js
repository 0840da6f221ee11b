// The packed package as a project installs it, without a network, in the two quickest projects of `make test-bundlers`: no
// bundler at all, and esbuild, which has to be told where the worker is.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { check } from '../bundlers/project.js';
import { projects } from '../bundlers/projects.js';
import { answer, makeShop } from '../bundlers/shop.js';
import { launch } from './shop.js';

const out = mkdtempSync(join(tmpdir(), 'kin-projects-'));
const shop = join(out, 'shop');
let kit;
before(async () => {
  makeShop(shop);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|MAKE|MFLAGS)/.test(name)));
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', out], { env, stdio: ['ignore', 'pipe', 'ignore'] }));
  kit = { browser: await launch(), tarball: join(out, filename), wanted: await answer(shop), shop };
});
after(async () => {
  await kit?.browser.close();
  rmSync(out, { recursive: true });
});

for (const [folder, tool] of [['plain'], ['esbuild', resolve('node_modules/.bin/esbuild')]])
  test(`installed from the package: ${folder}`, { timeout: 240_000 }, async () => {
    const { build: [, ...flags] = [], ...project } = projects.find((one) => one.folder === folder);
    const ending = new AbortController();
    try {
      assert.equal(await check({ ...project, at: join(out, folder), packages: {}, env: { npm_config_offline: 'true' }, build: tool && [tool, ...flags] }, kit, ending.signal), undefined);
    } finally {
      ending.abort();
    }
  });
