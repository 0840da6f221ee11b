// Models loaded with a store, whose manifest says what their files are, from hosts that misbehave: each fault heals within the
// call, and no byte that the manifest does not know reaches the engine. The store of browsers: tests/browser/store.test.js.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { cache, load, openCatalog } from '../../web/index.node.js';
import { breaks, damaged, ends, hostOf, html, longer, silent, stalls, status, whole, zipped } from '../host.js';
import { folder, kin, tinyModel } from './cli-support.js';

const weights = 'text.safetensors';
let model, wanted, size;
before(async (t) => {
  const root = folder(t);
  model = join(root, 'model');
  assert.equal((await kin(['convert', tinyModel(join(root, 'hf')), '-o', model])).code, 0);
  wanted = await embed(model);
  size = readFileSync(join(model, weights)).length;
});

async function embed(model, options) {
  const clip = await load({ model, cache: 'memory', stall: 1000, worker: false, ...options });
  try {
    return await clip.embedText('the thing');
  } finally {
    await clip.close();
  }
}
async function host(t, script, options) {
  const one = await hostOf(model, script, options);
  t.after(one.stop);
  return one;
}

const mid = () => size >> 1;
for (const [name, script, ranges] of [
  ['a page in its place', [html], () => [0, 0]],
  ['one that ends early as if it were whole', [ends], () => [0, mid()]],
  ['one that breaks off', [breaks], () => [0, mid()]],
  ['one that breaks off, of a host that is busy then', [breaks, status(503)], () => [0, mid(), 0]],
  ['one that breaks off, of a host without ranges', [breaks, whole], () => [0, mid()]],
  ['one that falls silent', [stalls], () => [0, mid()]],
  ['one with other bytes', [damaged], () => [0, 0]],
  ['one with more bytes', [longer], () => [0, 0]],
  ['one that is packed', [zipped], () => [0]],
])
  test(`weights heal: ${name}`, async (t) => {
    for (const worker of [false, undefined]) {
      const { url, ranges: asked } = await host(t, { [weights]: [...script] });
      const seen = [];
      assert.deepEqual(await embed(url, { worker, onProgress: (one) => one.file === weights && seen.push(one) }), wanted);
      assert.deepEqual(asked[weights], ranges());
      assert.ok(seen.every(({ total, progress }, i) => total === size && progress <= 100 && progress >= (seen[i - 1]?.progress ?? 0)), JSON.stringify(seen));
      const { status, loaded } = seen.at(-1);
      assert.deepEqual([status, loaded], ['done', size]);
      assert.equal(seen.filter(({ status }) => status === 'done').length, 1);
    }
  });

test('so do the small files, and the manifest itself', async (t) => {
  for (const name of ['manifest.json', 'config.json', 'vocab.json', 'merges.txt'])
    for (const behave of [html, ...name === 'manifest.json' ? [] : [damaged, breaks]]) {
      const { url } = await host(t, { [name]: [behave] });
      assert.deepEqual(await embed(url), wanted, `${name} ${behave.name}`);
    }
});

test('what does not heal has a code and a sentence, and the next call works', async (t) => {
  const always = (behave) => Array.from({ length: 20 }, () => behave);
  for (const [behave, code, sentence] of [
    [html, 'not-a-model', /web page/], [damaged, 'not-a-model', /^text\.safetensors has other bytes than manifest\.json says/],
    [longer, 'not-a-model', /^text\.safetensors has other bytes/], [ends, 'not-a-model', /^text\.safetensors has other bytes/],
    [silent, 'stalled', /^text\.safetensors: nothing came for 0\.3 s/], [status(503), 'http', /503/], [status(403), 'http', /403/], [status(404), 'not-a-model', /text\.safetensors/]]) {
    const one = await host(t, { [weights]: always(behave) });
    const clip = await load({ model: one.url, cache: 'memory', worker: false, stall: 300 });
    await assert.rejects(clip.embedText('the thing'), (error) => error.code === code && sentence.test(error.message) || assert.fail(`${behave.name}: ${error.code} ${error.message}`));
    one.script[weights] = [];
    assert.deepEqual(await clip.embedText('the thing'), wanted);
    await clip.close();
  }
});

test('a folder that is changed after load() is told of, whatever is asked for, and load() then takes what there is', async (t) => {
  const root = folder(t);
  const next = join(root, 'next');
  assert.equal((await kin(['convert', tinyModel(join(root, 'hf'), 2), '-o', next])).code, 0);
  const other = await embed(next);
  assert.notDeepEqual(other, wanted);
  // while it comes: the first half is of the old file
  const one = await host(t, { [weights]: [(response, old) => {
    one.folder = next;
    breaks(response, old);
  }] });
  const clip = await load({ model: one.url, cache: 'memory', worker: false });
  for (let i = 0; i < 2; i++)
    await assert.rejects(clip.embedText('the thing'), { code: 'not-a-model', message: `The model in ${one.url} was changed after it was loaded: load it again.` });
  await clip.close();
  assert.deepEqual(one.ranges[weights].slice(0, 3), [0, mid(), 0], 'the beginning, the rest of another, and that one');
  assert.deepEqual(await embed(one.url), other);
});

test('without a store all is as the host and the caches give it: one request a file', async (t) => {
  const { url, ranges } = await host(t, { [weights]: [breaks] });
  const clip = await load({ model: url, worker: false });
  assert.equal(await clip.sizes('text'), null);
  assert.ok(!('store' in clip.info));
  await assert.rejects(clip.embedText('the thing'), { code: 'http' });
  await clip.close();
  assert.deepEqual(ranges[weights], [0]);
});

test('a store of another name is refused', async () => {
  const modes = "'default' or 'no-store' or 'reload' or 'no-cache' or 'force-cache'";
  for (const cache of ['permanent', 'PERSISTENT', 7])
    await assert.rejects(load({ model, cache, worker: false }), { code: 'bad-argument',
      message: `cache is 'persistent' or 'session' or 'memory' or ${modes}, not ${typeof cache === 'string' ? `'${cache}'` : cache}.` });
  await assert.rejects(openCatalog('catalog.safetensors', { cache: 'persistent' }), { code: 'bad-argument', message: `cache is ${modes}, not 'persistent'.` });
});

test('Node keeps nothing, and says so', async (t) => {
  const { url } = await host(t, {});
  const clip = await load({ model: url, worker: false, cache: 'persistent' });
  await clip.preload('text');
  const { store, storeReason } = clip.info;
  assert.deepEqual([store, storeReason], ['memory', 'Nothing here keeps files.']);
  const { bytes, stored, files } = await clip.sizes('text');
  assert.equal(stored, 0);
  assert.equal(bytes, files.reduce((sum, file) => sum + file.bytes, 0));
  assert.ok(files.some(({ file, bytes: n }) => file === weights && n === size));
  assert.ok(!(await clip.sizes('image')).files.some(({ file }) => file === weights));
  await clip.close();
  assert.deepEqual([await cache.list(), await cache.size(), await cache.delete()], [[], 0, undefined]);
});
