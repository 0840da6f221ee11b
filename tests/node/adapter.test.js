// Adapters: the bytes that the native build learns (tests/c/test_train.c) come out of WebAssembly; training, a
// catalogue under one, what is refused, the command.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readHeader } from '../../catalog/lib/tensors.js';
import { KinError, load, openCatalog, trainAdapter } from '../../web/index.node.js';
import { openEngine } from '../../web/worker/engine.js';
import { module } from '../../web/worker/platform.node.js';
import { kin, png, tinyModel } from './cli-support.js';
import { makeSet } from './planted.js';

const root = mkdtempSync(join(tmpdir(), 'kin-adapter-'));
let clip;
before(async () => {
  clip = await load({ model: tinyModel(join(root, 'model')) });
});
after(async () => {
  await clip.close();
  rmSync(root, { recursive: true });
});

const stored = Object.fromEntries(Array.from(readFileSync('tests/c/test_train.c', 'utf8')
  .matchAll(/void test_train_(pairs|kinds)\(void\)\s*\{[^"]*"([0-9a-f]{64})"/g), ([, name, hash]) => [name, hash]));
test('native bytes from WebAssembly', async () => {
  const engine = await openEngine(await module('find', {}));
  const check = (status) => (status ? engine.throwError() : undefined);
  for (const [name, n, m, dim] of [['pairs', 401, 150, 20], ['kinds', 403, 8, 21]]) {
    const pairs = name === 'pairs';
    const { left, right, targets } = makeSet(n, m, dim, 0.7, !pairs);
    const trainer = engine.pointer('kin_trainer_begin', dim, 6, n, pairs ? m : 0, pairs ? 1 : 10, 0.4, 9, engine.error);
    const flat = (list) => Float32Array.from(list.flat());
    engine.with([flat(left), Uint32Array.from(targets), flat(right)], (rows, _, at, __, others) => {
      check(engine.call('kin_trainer_add', trainer, 0, rows, at, n, engine.error));
      if (pairs) check(engine.call('kin_trainer_add', trainer, 1, others, 0, m, engine.error));
    });
    while (engine.facts.statuses[engine.call('kin_trainer_step', trainer, engine.error)] === 'more');
    const size = engine.with(['an id'], (id, length) => engine.call('kin_trainer_file', trainer, id, length, 0, 0));
    const file = engine.with(['an id', new Uint8Array(size)], (id, length, out, room) => {
      assert.equal(engine.call('kin_trainer_file', trainer, id, length, out, room), size);
      return engine.bytes(out, size);
    });
    engine.call('kin_trainer_close', trainer);
    const hash = createHash('sha256').update(file).digest('hex');
    assert.equal(hash, stored[name]);
  }
});

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const set = makeSet(500, 250, 16, 0.7, false);
const pairs = { left: set.left, right: set.targets.map((k) => set.right[k]) };
let learned = null;
const learn = () => (learned ??= trainAdapter(pairs, { rank: 6, holdOut: 0.4 }));

// The products are the rights.
async function catalogOf(imageClip = clip) {
  const builder = await imageClip.createCatalog({ fields: ['kind'] });
  for (const [k, vector] of set.right.entries()) await builder.add({ id: `p${k}`, vectors: [vector], item: { kind: `k${k % 3}` } });
  return builder.save();
}

test('pairs: an adapter is learned, the same bytes each time, others of another seed; progress is told', async () => {
  const told = [];
  const first = await learn();
  assert.ok(first.after > first.before + 2 * first.error && first.after <= 1, JSON.stringify({ ...first, bytes: 0 }));
  const again = await trainAdapter({ left: pairs.left.map((one) => Float32Array.from(one)), right: pairs.right },
    { rank: 6, holdOut: 0.4, worker: false, onProgress: (progress) => told.push(progress) });
  assert.deepEqual(again, first);
  assert.equal(told.length, first.rounds);
  assert.ok(told.every(({ status, round, progress, began, best }, i) => status === 'training' && round === i + 1 && progress > 0 && progress <= 100 && best >= began));
  const other = await trainAdapter(pairs, { rank: 6, holdOut: 0.4, seed: 2 });
  assert.notDeepEqual(other.bytes, first.bytes);
  const { metadata, tensors } = readHeader(first.bytes);
  assert.deepEqual([metadata['kin.kind'], metadata['kin.format'], metadata['kin.image_id']], ['adapter', '1', '']);
  assert.deepEqual([tensors.U.shape, tensors.V.shape], [[6, 16], [6, 16]]);
});

test('kinds: the same of a kind nearer', async () => {
  const { left, targets } = makeSet(600, 6, 16, 0.7, true);
  const found = await trainAdapter({ left, kinds: targets.map((k) => `kind ${k}`) }, { holdOut: 0.4 });
  assert.ok(found.bytes && found.after > found.before && found.at === 10);
  const numbered = await trainAdapter({ left, kinds: targets }, { holdOut: 0.4 });
  assert.deepEqual(numbered.bytes, found.bytes);
});

test('what does not help gives no file', async () => {
  const { left, right } = makeSet(300, 300, 16, 0, false);
  const { before, after, bytes } = await trainAdapter({ left, right }, { holdOut: 0.4 });
  assert.equal(bytes, null);
  assert.ok(before >= 0 && after <= 1);
});

test('a catalogue under an adapter finds more; scores are of what was mapped, confidence is void', async () => {
  const { bytes } = await learn();
  const file = await catalogOf();
  const [plain, adapted] = [await openCatalog(file, { clip }), await openCatalog(file, { clip, adapter: bytes })];
  const asked = set.left.slice(0, 200);
  const found = async (catalog) => {
    let n = 0;
    for (const [j, vector] of asked.entries()) n += (await catalog.search({ vector }, { limit: 1 })).hits[0].id === `p${set.targets[j]}`;
    return n;
  };
  assert.ok(await found(adapted) > 1.5 * await found(plain));
  const u = new Float32Array(bytes.slice(bytes.length - 2 * 6 * 16 * 4).buffer);
  const unit = (v) => v.map((value) => value / Math.sqrt(dot(v, v)));
  const map = (given) => {
    const x = unit(Array.from(given));
    const out = x.slice();
    for (let k = 0; k < 6; k++) {
      const h = dot(u.slice((6 + k) * 16, (7 + k) * 16), x);
      for (let i = 0; i < 16; i++) out[i] += h * u[k * 16 + i];
    }
    return unit(out);
  };
  const { hits, verdict } = await adapted.search({ vector: asked[3] }, { limit: 250 });
  for (const { id, score, confidence } of hits) {
    assert.ok(Math.abs(score - dot(map(asked[3]), map(set.right[id.slice(1)]))) < 0.02, `${id}: ${score}`);
    assert.equal(confidence, null);
  }
  assert.equal(verdict, null);
  assert.equal((await plain.search({ vector: asked[3] })).verdict !== null, true);
  // a product's own vector is mapped once, like its row
  const near = await adapted.search({ mix: [{ id: 'p7' }, { vector: set.right[7] }, { text: 'the', weight: 0.5 }] });
  const [first] = near.hits;
  assert.ok(Math.abs(first.contributions.reduce((a, b) => a + b) - first.score) < 1e-6);
  const same = await adapted.search({ vector: set.right[7] }, { limit: 1 });
  assert.equal(same.hits[0].id, 'p7');
  assert.ok(same.hits[0].score > 0.999);
  const [word] = (await adapted.search({ text: 'the' }, { limit: 1 })).hits;
  assert.ok(Math.abs(word.score - dot(map(await clip.embedText('the')), map(set.right[word.id.slice(1)]))) < 0.02);
  assert.ok((await adapted.search({ like: 'p7', unlike: 'p8' })).hits.length);
  await assert.rejects(adapted.search({ vector: asked[0] }, { minConfidence: 0.5 }), { code: 'unsupported', message: /open it without/ });
  assert.deepEqual((await adapted.search({ vector: asked[0] }, { limit: 20 })).hits,
    (await (await openCatalog(file, { adapter: new Blob([bytes]), worker: false })).search({ vector: asked[0] }, { limit: 20 })).hits);
  await Promise.all([plain.close(), adapted.close()]);
});

test('an adapter that does not belong, is damaged or no adapter is refused in one sentence', async () => {
  const { bytes } = await learn();
  const file = await catalogOf();
  const refuses = (adapter, code, message) => assert.rejects(openCatalog(file, { adapter, worker: false }), (error) => {
    assert.ok(error instanceof KinError);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
  const damaged = bytes.slice();
  damaged[damaged.length - 3] ^= 1;
  await refuses(damaged, 'not-an-adapter', /damaged.*V/);
  await refuses(file, 'not-an-adapter', /kin.kind = adapter/);
  await refuses(Buffer.from('<!doctype html>'), 'not-an-adapter', /web page/);
  await refuses(join(root, 'nowhere'), 'http', /adapter/);
  await refuses(5, 'bad-argument', /adapter/);
  const foreign = await trainAdapter(pairs, { rank: 6, holdOut: 0.4, imageId: 'ab'.repeat(32) });
  await refuses(foreign.bytes, 'model-mismatch', /another model/);
  const own = await trainAdapter(pairs, { rank: 6, holdOut: 0.4, imageId: await clip.identify('image') });
  const catalog = await openCatalog(file, { adapter: own.bytes, worker: false });
  await catalog.close();
  const narrow = makeSet(500, 250, 12, 0.7, false);
  const other = await trainAdapter({ left: narrow.left, right: narrow.targets.map((k) => narrow.right[k]) }, { rank: 6, holdOut: 0.4 });
  await refuses(other.bytes, 'model-mismatch', /12 numbers.*16/);
});

test('arguments, and an abort in the middle', async () => {
  const refuses = (examples, options, message) => assert.rejects(trainAdapter(examples, options), { code: 'bad-argument', message });
  const { left, right } = pairs;
  const kinds = left.map((_, i) => String(i % 3));
  await refuses({ left }, {}, /left and right, or left and kinds/);
  await refuses({ left, right, kinds }, {}, /left and right, or left and kinds/);
  await refuses({ right }, {}, /needs left/);
  await refuses({ left, right: right.slice(1) }, {}, /500 vectors at the left, and 499/);
  await refuses({ left, kinds: kinds.slice(2) }, {}, /498 kinds/);
  await refuses({ left: [...left.slice(1), [1, 2]], right }, {}, /not all of 16 numbers/);
  await refuses({ left: [...left.slice(1), new Float32Array(16)], right }, {}, /Vector 499 is zero/);
  await refuses({ left: [[NaN]], right: [[1]] }, {}, /finite/);
  await refuses({ left: [], kinds: [] }, {}, /.*/);
  const flat = new Float32Array(200_000).fill(1); // all vectors in one
  await refuses({ left: [flat], right: [flat] }, {}, /1 to 4096 numbers/);
  await refuses({ left: left.slice(0, 20), right: right.slice(0, 20) }, {}, /too few are held out/);
  await refuses(pairs, { rank: 65 }, /rank/);
  await refuses(pairs, { holdOut: 0.9 }, /holdOut/);
  await refuses(pairs, { seed: -1 }, /seed/);
  await refuses(pairs, { rnak: 5 }, /rank/);
  const controller = new AbortController();
  await assert.rejects(trainAdapter(pairs, { signal: controller.signal, holdOut: 0.4, onProgress: ({ round }) => round === 2 && controller.abort() }), { name: 'AbortError' });
});

test('the command: kinds of a products file and of a catalogue, pairs, a search; and one that does not help', async () => {
  const shop = join(root, 'shop');
  mkdirSync(shop);
  const lines = ['id,title,image,kind,none'], clicks = ['left,right'];
  for (let i = 0; i < 240; i++) {
    const kind = i % 4;
    writeFileSync(join(shop, `${i}.png`), png(32, 32, (x, y) => {
      const wave = ((kind & 1 ? x : y) >> (kind & 2 ? 1 : 3)) & 1;
      return [i * 53 % 256, i * 101 % 256, i * 197 % 256].map((value) => Math.min(255, value + 60 * wave));
    }));
    lines.push(`p${i},Thing ${i},${i}.png,kind ${kind},${(i * 7919 >> 3) % 4}`);
    clicks.push(`p${i},p${(i + 4) % 240}`);
  }
  clicks.push('p1,nowhere.png', 'p1', '"p1,p2');
  writeFileSync(join(shop, 'products.csv'), lines.join('\n') + '\n');
  writeFileSync(join(shop, 'clicks.csv'), clicks.join('\n') + '\n');
  const run = (...args) => kin([...args, '--model', join(root, 'model')]);
  const [products, out] = [join(shop, 'products.csv'), join(shop, 'adapter.safetensors')];
  const made = await run('adapt', products, '--kinds', 'kind', '-o', out, '--hold-out', '0.4');
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /^held-out examples of the same kind among the nearest 10: [\d.]+ % before, [\d.]+ % after\n$/);
  const catalog = join(shop, 'shop.kin');
  assert.equal((await run('build', products, '-o', catalog, '--fields', 'kind,none')).code, 0);
  const second = join(shop, 'second.safetensors');
  const json = await run('adapt', '--catalog', catalog, '--kinds', 'kind', '-o', second, '--hold-out', '0.4', '--json', '--rank', '8', '--seed', '3');
  assert.equal(json.code, 0, json.err);
  const [told] = json.lines();
  assert.ok(told.after > told.before && told.examples === 240 && told.bytes === readFileSync(second).length);
  assert.equal(readHeader(readFileSync(second)).metadata['kin.image_id'], await clip.identify('image'));
  // the same of a folder that was published; what is neither is told
  const published = join(shop, 'published');
  assert.equal((await kin(['publish', catalog, '-o', published])).code, 0);
  const ofFolder = await run('adapt', '--catalog', published, '--kinds', 'kind', '-o', join(shop, 'folder.safetensors'), '--hold-out', '0.4', '--json', '--rank', '8', '--seed', '3');
  assert.equal(ofFolder.code, 0, ofFolder.err);
  assert.equal(ofFolder.lines()[0].examples, 240);
  for (const [path, sentence] of [[shop, /nor a folder that 'publish' wrote/], [join(shop, 'gone.kin'), /gone\.kin/], [products, /products\.csv/]])
    assert.match((await run('adapt', '--catalog', path, '--kinds', 'kind', '-o', second)).err, new RegExp(`^kin: [^\n]*${sentence.source}[^\n]*\n$`));
  const search = await run('search', catalog, '--like', 'p5', '--adapter', out, '--json', '--limit', '10');
  assert.equal(search.code, 0, search.err);
  const [plain] = (await run('search', catalog, '--like', 'p5', '--json', '--limit', '10')).lines();
  const [{ hits }] = search.lines();
  assert.notDeepEqual(hits.map(({ score }) => score), plain.hits.map(({ score }) => score));
  assert.ok(hits.filter(({ item }) => item.kind === 'kind 1').length >= plain.hits.filter(({ item }) => item.kind === 'kind 1').length);
  const wrong = await run('search', catalog, '--like', 'p5', '--adapter', catalog);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /shop\.kin.*kin\.kind = adapter/);
  // no help: exit code 1, nothing written
  const useless = join(shop, 'useless.safetensors');
  const none = await run('adapt', products, '--kinds', 'none', '-o', useless, '--hold-out', '0.4');
  assert.equal(none.code, 1, none.out);
  assert.match(none.err, /does not help, and nothing is written: .*% before, .*% after/);
  assert.ok(!existsSync(useless));
  const over = await run('adapt', products, '--kinds', 'kind', '-o', catalog);
  assert.equal(over.code, 1);
  assert.match(over.err, /shop\.kin is there already and is no adapter/);
  // a bad row is told, and left out
  const third = await run('adapt', join(shop, 'clicks.csv'), '--catalog', catalog, '-o', join(shop, 'third.safetensors'), '--hold-out', '0.4', '--at', '10');
  assert.match(third.err, /line 242: .*nowhere\.png[^]*line 243: it has 1 cell[^]*line 244: the quote .* never closed/);
  assert.ok([1, 3].includes(third.code), third.err);
  writeFileSync(join(shop, 'none.csv'), 'left;right\nnowhere.png;p1\n');
  const nothing = await run('adapt', join(shop, 'none.csv'), '-o', join(shop, 'none.safetensors'), '-q');
  assert.deepEqual([nothing.code, /of .*none\.csv nothing could be read: line 2: .*nowhere\.png/.test(nothing.err)], [1, true], nothing.err);
  for (const args of [[], [products], [products, '-o', out], ['-o', out], [products, '-o', out, '--kinds', 'kind', '--catalog', catalog],
    [products, '-o', out, '--kinds', 'kind', '--rank', '99'], [products, '-o', out, '--kinds', 'kind', '--hold-out', '2']]) {
    const { code, err } = await run('adapt', ...args);
    assert.ok(code === 2 || args.length === 3 && code === 1, `${args}: ${err}`);
  }
});
