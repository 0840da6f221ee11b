// Workers that are ended, trap or fall silent, and memory that is not to be had: what waits is told, and the next call works.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  // The first time that 'hang' is asked for, across all workers, nothing comes any more.
  silent: `addEventListener('message', async ({ data }) => {
    if (data.call === 'tokenize' && data.args[0] === 'hang') while (true);
  });`,
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
const soon = 30_000; // ms: by the lock that a browser takes back, not by the limit of 60 s, however busy the machine is
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

test('a worker that is ended from outside rejects all that waits, and the next call works', async () => {
  const page = await visit();
  const got = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/', threads: 1 });
    await clip.preload('text');
    const calls = [clip.embedText(Array.from({ length: 5000 }, (_, i) => `a boot of ${i}`)), clip.embedText('a shoe'), clip.tokenize('a'), clip.identify('image')];
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    const start = performance.now();
    workers.at(-1).terminate();
    const codes = (await Promise.allSettled(calls)).map(({ reason, value }) => (reason ?? value[0]).code);
    const took = performance.now() - start;
    return { codes, took, vector: String(await clip.embedText('a boot')) };
  });
  assert.deepEqual(got.codes, ['crashed', 'crashed', 'crashed', 'crashed']);
  assert.ok(got.took < soon, `${got.took} ms`);
  assert.equal(got.vector, wanted);
  await page.context().close();
});

test('one that was ended while nothing waited is found out by the next call, and the one after it works', async () => {
  const page = await visit();
  const got = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/', threads: 1 });
    workers.at(-1).terminate();
    const start = performance.now();
    const code = await clip.embedText('a boot').catch((error) => error.code);
    const took = performance.now() - start;
    return { code, took, vector: String(await clip.embedText('a boot')) };
  });
  assert.equal(got.code, 'crashed');
  assert.ok(got.took < soon, `${got.took} ms`);
  assert.equal(got.vector, wanted);
  await page.context().close();
});

test('but thousands of short calls, one after the other, end none, and leave no lock', async () => {
  const page = await visit();
  const got = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clips = [await load({ model: '/model/', threads: 1 }), await load({ model: '/model/', threads: 1 })];
    const codes = [];
    for (let i = 0; i < 2000; i++) await Promise.all(clips.map((clip) => clip.tokenize('a').catch(({ message }) => codes.push(message))));
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
    return { codes, ...await navigator.locks.query() };
  });
  assert.deepEqual(got, { codes: [], held: [], pending: [] });
  await page.context().close();
});

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
  assert.ok(got.took < soon, `${got.took} ms`);
  assert.equal(got.vector, wanted);
  await page.context().close();
});

test('one that says nothing is given up at the limit, not before', async () => {
  const page = await visit();
  await page.clock.install();
  await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    globalThis.clip = await load({ model: '/model/', threads: 1, worker: '/silent.js' });
    await clip.preload('text');
    globalThis.over = [];
    for (const call of [clip.tokenize('hang'), clip.embedText('a shoe')]) call.catch(({ code, message }) => over.push(`${code}: ${message}`));
  });
  const over = () => page.evaluate(() => over);
  for (const end = Date.now() + 60_000; !await page.evaluate(async () => (await navigator.locks.query()).held.length);)
    assert.ok(Date.now() < end, 'the worker takes its lock');
  await page.waitForTimeout(200); // its first word comes
  await page.clock.runFor(59_000);
  assert.deepEqual(await over(), []);
  await page.clock.runFor(3000);
  const sentence = "crashed: Kin's worker ended: it says nothing any more.";
  assert.deepEqual(await over(), [sentence, sentence]);
  assert.equal(await page.evaluate(async () => String(await clip.embedText('a boot'))), wanted);
  // one that answers, however long its calls take, is left alone
  await page.evaluate(() => {
    const texts = Array.from({ length: 100 }, (_, i) => `a boot of ${i}`);
    const calls = async () => {
      while (!globalThis.enough) await clip.embedText(texts);
    };
    globalThis.long = Promise.all([calls(), calls()]).then(() => 'all answered', String); // one waits while the other is answered
  });
  for (let looks = 0; looks < 70; looks++) {
    await page.clock.runFor(1000);
    await page.waitForTimeout(20);
  }
  assert.equal(await page.evaluate(() => (globalThis.enough = true, long)), 'all answered');
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

// Bytes of memory that the browser's processes hold, files apart.
function resident() {
  const found = new Map(); // pid -> { parent, bytes }
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      found.set(Number(pid), { parent: number('PPid'), bytes: 1024 * (number('RssAnon') + number('RssShmem')) });
    } catch {} // it has ended
  const ours = (pid) => pid === process.pid || (found.has(pid) && ours(found.get(pid).parent));
  return [...found].reduce((sum, [pid, { bytes }]) => sum + (pid !== process.pid && ours(pid) ? bytes : 0), 0);
}

test('close() ends every worker and gives memory back', async () => {
  for (const threads of [1, 2]) {
    const page = await visit();
    const run = () => page.evaluate(async (threads) => {
      const { load } = await import('/kin/index.js');
      globalThis.clips = [];
      for (let i = 0; i < 5; i++) {
        clips.push(await load({ model: '/model/', threads }));
        await clips[i].embedText('a boot');
        await clips[i].embedImage({ data: new Uint8Array(3e6), width: 1000, height: 1000 });
      }
    }, threads);
    const close = async () => {
      await page.evaluate(() => Promise.all(clips.splice(0).map((clip) => clip.close())));
      while (page.workers().length) await page.waitForTimeout(50);
      await page.requestGC();
      await page.waitForTimeout(500);
    };
    await run();
    await close(); // what the browser keeps for the next time
    const before = resident();
    await run();
    const open = resident();
    await close();
    const closed = resident();
    assert.ok(open - before > 60e6, `${open - before} bytes are seen`);
    assert.ok(closed - before < (open - before) / 4, `${closed - before} of ${open - before} bytes stay`);
    await page.context().close();
  }
});
