// The engines of browsers give the bits and the hits that Node gives, cross-origin isolated and not: Chromium (V8), Firefox
// (SpiderMonkey) and WebKitGTK (JavaScriptCore, Safari's). Nothing drives them: each is started on a page that posts what it found.
// `make test-engines`; Debian's firefox-esr, webkit2gtk-driver and xvfb.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { load, openCatalog } from '../../web/index.node.js';
import { embedded } from '../models.js';
import { publish } from '../node/publish-support.js';
import { cases, fixture, models } from '../node/towers.js';
import { listen, send } from '../server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const variants = ['simd', 'relaxed'].flatMap((kind) => [{ variant: kind }, { variant: `${kind}-threads`, threads: 1 },
  { variant: `${kind}-threads`, threads: 2 }]);
const samples = readdirSync(join(root, 'build/site/samples')).filter((name) => name.endsWith('.png'));
const wanted = {
  towers: { variants, models: models.map((name) => ({ name, ...fixture(name) })).map(({ pixels, ...model }) =>
    ({ ...model, pixels: pixels.map((picture) => [...picture]) })) },
  search: { model: `/${relative(root, embedded)}/`, pictures: samples.map((name) => `/build/site/samples/${name}`), webp: '/build/site/images/1f353.webp', text: 'red fruit',
    upload: `/build/site/samples/${samples[0]}`, published: '/build/engines/published/' },
};
await publish(join(root, 'build/site/catalog.safetensors'), join(root, wanted.search.published));

// What Node finds, and the bits that the native build stored.
async function reference() {
  const stored = readFileSync(join(root, 'tests/golden/tower/q8.bin'));
  const bits = [];
  let at = 0;
  for (const { dim } of wanted.towers.models)
    for (let i = 0; i < 2 * cases; i++, at += 4 * dim) bits.push(stored.toString('base64', at, at + 4 * dim)); // pictures, texts
  const clip = await load({ model: embedded });
  const catalog = await openCatalog(join(root, 'build/site/catalog.safetensors'), { clip });
  const hits = async (query) => (await catalog.search(query, { limit: 10 })).hits.map(({ id }) => id);
  const pictures = [];
  for (const name of wanted.search.pictures) {
    const image = join(root, name);
    const vector = await clip.embedImage(image);
    pictures.push({ bits: Buffer.from(vector.buffer).toString('base64'), hits: await hits({ image }) });
  }
  const text = await hits({ text: wanted.search.text });
  const upload = await hits({ image: join(root, wanted.search.upload), fit: 'pad' });
  const shown = [];
  for (const { src, box } of JSON.parse(readFileSync(join(root, 'build/site/samples/samples.json'))).slice(0, 2))
    shown.push(await hits({ image: join(root, 'build/site', src), box, fit: 'pad' }));
  catalog.close();
  const published = await openCatalog(join(root, wanted.search.published), { clip });
  const folder = [];
  for (const name of wanted.search.pictures) folder.push((await published.search({ image: join(root, name) }, { limit: 10 })).hits.map(({ id }) => id));
  await published.close();
  await clip.close();
  return { bits, pictures, folder, demo: [...shown, text, upload], text };
}

// -> what the page posted. `start(url, folder)` starts the browser.
async function visit(t, start, isolated) {
  let posted;
  const result = new Promise((resolve) => { posted = resolve; });
  const server = await listen(async (request, response, path) => {
    if (request.method === 'POST') {
      posted(JSON.parse(Buffer.concat(await request.toArray()).toString()));
      return response.end();
    }
    if (path === '/wanted') return response.end(JSON.stringify(wanted));
    if (isolated) response.setHeader('cross-origin-opener-policy', 'same-origin').setHeader('cross-origin-embedder-policy', 'require-corp');
    return send(response, root, path);
  });
  const folder = mkdtempSync(join(tmpdir(), 'kin-engine-'));
  const browser = start(`${server.url}/tests/engines/page.html`, folder);
  const ended = Promise.race([once(browser, 'exit'), once(browser, 'error')]);
  t.after(async () => {
    server.stop();
    try {
      process.kill(-browser.pid); // and whatever it started
    } catch { /* it never started, or has ended */ }
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  return Promise.race([result, ended.then(([why]) => { throw new Error(`the browser ended: ${why?.message ?? why}`); })]);
}

// JSC_…: Safari has it, WebKitGTK leaves it off.
const options = (folder) => ({ detached: true, stdio: 'ignore',
  env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, JSC_useSharedArrayBuffer: '1' } });
const browsers = {
  Chromium: (url, folder) => spawn(process.env.CHROME || 'chromium', ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
    '--disable-background-networking', `--user-data-dir=${folder}`, url], options(folder)),
  Firefox(url, folder) {
    writeFileSync(join(folder, 'user.js'), ['datareporting.policy.dataSubmissionEnabled', 'browser.aboutwelcome.enabled',
      'app.update.enabled', 'browser.shell.checkDefaultBrowser', 'network.captive-portal-service.enabled']
      .map((name) => `user_pref("${name}", false);`).join('\n'));
    return spawn('firefox-esr', ['--headless', '--no-remote', '--profile', folder, url], options(folder));
  },
  WebKit(url, folder) {
    const found = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/webkit2gtk-4.1/MiniBrowser`).find(existsSync);
    return spawn('xvfb-run', ['-a', found ?? 'MiniBrowser', url], options(folder));
  },
};

const expected = await reference();
const table = [];
after(() => console.log(`\n| engine | isolated | result | threads |\n|---|---|---|---|\n${table.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`));
for (const [name, start] of Object.entries(browsers))
  for (const isolate of [true, false])
    test(`${name}, ${isolate ? 'isolated' : 'not isolated'}: the bits of every build, the hits, and the demo shop`, { timeout: 300_000 }, async (t) => {
      const row = [name, isolate ? 'yes' : 'no', 'FAILED', ''];
      table.push(row);
      const { agent, failed, isolated, towers, search, single, demo } = await visit(t, start, isolate);
      assert.equal(failed, undefined, agent);
      assert.equal(isolated, isolate);
      t.diagnostic(`${agent}: ${search.info.variant}, ${search.info.kernels}`);
      for (const [build, bits] of Object.entries(towers))
        if (/relaxed/.test(build) && /^unsupported: .*relaxed SIMD/.test(bits)) t.diagnostic(`${build}: ${bits}`);
        else if (/-threads/.test(build) && !isolate) assert.match(bits, /^unsupported: The variant '[\w-]+' cannot run: The page is not cross-origin isolated/);
        else assert.ok(isDeepStrictEqual(bits, expected.bits), `${build}: ${typeof bits === 'string' ? bits : 'other bits'}`);
      for (const found of [search, single]) {
        assert.deepEqual(found.pictures, expected.pictures);
        assert.deepEqual(found.folder, expected.folder);
        assert.deepEqual(found.text, expected.text);
        assert.equal(found.webp[0], '1f353');
        assert.equal(found.info.threads > 1, isolate, found.info.threadsReason);
      }
      assert.deepEqual(demo.noise, []);
      assert.deepEqual(demo.answers.map((ids) => ids.slice(0, 10)), expected.demo);
      row.splice(2, 2, 'passes', search.info.threads);
    });
