// Engines that trap, and memory that is not to be had: what waits is told, and the next call works.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import { embedded } from '../models.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-lost-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync(embedded, join(site, 'model'), { recursive: true });
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
// Worker files of one's own: what each does before Kin's own runs.
const before_ = {
  trap: `const { instantiate } = WebAssembly;
    let traps = 1;
    WebAssembly.instantiate = async (...given) => {
      const { exports } = await instantiate(...given);
      return { exports: { ...exports, kin_step: (...args) => (traps-- > 0 ? exports.kin_dim(0x7fff0000, 0) : exports.kin_step(...args)) } };
    };`,
  ...Object.fromEntries([16384, 8192, 0].map((most) => [`most${most}`, `const { Memory } = WebAssembly;
    WebAssembly.Memory = class extends Memory {
      constructor(wanted) {
        if (wanted.shared && wanted.maximum > ${most}) throw new RangeError('could not allocate memory');
        super(wanted);
      }
    };`])),
};
for (const [name, text] of Object.entries(before_)) {
  writeFileSync(join(site, `${name}-first.js`), text);
  writeFileSync(join(site, `${name}.js`), `import './${name}-first.js'; import './kin/worker/worker.js';`);
}

let browser, server, wanted;
before(async () => {
  const clip = await load({ model: embedded });
  wanted = String(await clip.embedText('a boot'));
  await clip.close();
  browser = await launch();
  server = await listen((request, response, path) => {
    response.setHeader('cross-origin-opener-policy', 'same-origin').setHeader('cross-origin-embedder-policy', 'require-corp');
    send(response, site, path);
  });
});
after(async () => {
  await browser.close();
  server.stop();
  rmSync(site, { recursive: true });
});
const visit = async () => {
  const page = await open(browser, `${server.url}/index.html`, { go: false });
  await page.addInitScript(() => {
    const { Worker } = globalThis;
    globalThis.workers = [];
    globalThis.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        globalThis.workers.push(this);
      }
    };
  });
  await page.goto(`${server.url}/index.html`);
  return page;
};

test('so does one whose engine trapped', async () => {
  const page = await visit();
  const got = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/', threads: 1, worker: '/trap.js' });
    await clip.preload('text');
    const start = performance.now();
    const code = await clip.embedText('a boot').catch((error) => error.code);
    const took = performance.now() - start;
    return { code, took, vector: String(await clip.embedText('a boot')) };
  });
  assert.equal(got.code, 'crashed');
  assert.ok(got.took < 1000, `${got.took} ms`);
  assert.equal(got.vector, wanted);
  await page.context().close();
});

test('shared memory is asked for in smaller and smaller parts; without it one thread works on', async () => {
  const page = await visit();
  for (const [worker, threads, reason] of [['/most16384.js', 2, /share the work/], ['/most8192.js', 2, /share the work/], ['/most0.js', 1, /no shared memory/]]) {
    const got = await page.evaluate(async (worker) => {
      const { load } = await import('/kin/index.js');
      const clip = await load({ model: '/model/', threads: 2, worker });
      const vector = String(await clip.embedText('a boot'));
      const { threads, threadsReason, peakBytes } = clip.info;
      await clip.close();
      return { vector, threads, threadsReason, peakBytes };
    }, worker);
    assert.deepEqual([got.vector, got.threads], [wanted, threads], worker);
    assert.match(got.threadsReason, reason);
    assert.ok(got.peakBytes >= 2 ** 24 && got.peakBytes < 2 ** 26, `${got.peakBytes} bytes`);
  }
  await page.context().close();
});
