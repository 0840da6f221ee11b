// A folder's finer codes, by which words find what they mean: read when they are needed, checked, and the same answers in
// WebAssembly as natively (tests/golden/far.txt, checked by tests/c/test_far.c).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codeBytes, codesOf, farCodesOf, trainCodes } from '../../catalog/lib/codes.js';
import { makeBase, makePart, readPart } from '../../catalog/lib/parts.js';
import { faultsOf, readCurrent, readPublished } from '../../catalog/lib/published.js';
import { openEngine } from '../../web/worker/engine.js';
import { FolderCore } from '../../web/worker/folder-core.js';
import * as platform from '../../web/worker/platform.node.js';
import { products, publish, rowOf, writeCatalogue } from './publish-support.js';
import { clustered } from './clustered.js';

const root = mkdtempSync(join(tmpdir(), 'kin-far-'));
after(() => rmSync(root, { recursive: true }));

const folder = join(root, 'shop'), path = (name) => join(folder, name);
const list = products(10000);
const io = { progress: () => () => {}, signal: new AbortController().signal };
before(async () => publish(await writeCatalogue(join(root, 'shop.safetensors'), list), folder));
const readJson = (name) => JSON.parse(readFileSync(path(name)));
const baseOf = () => readJson(`base-${readJson('current.json').base}.json`);

// A generation whose base says something else; the present one is back when the test ends.
function putting(t) {
  const current = readJson('current.json'), base = baseOf();
  t.after(() => writeFileSync(path('current.json'), JSON.stringify(current)));
  return (change) => {
    const { name, hash, bytes } = makeBase({ ...base, ...change });
    writeFileSync(path(name), bytes);
    writeFileSync(path('current.json'), JSON.stringify({ ...current, base: hash }));
  };
}

// The worker's side of an open folder: a query's parts say there which of them are words.
async function opened() {
  const asked = [];
  const core = new FolderCore(platform, { source: folder, io: { resolve: (name, url) => (asked.push(name), url) } });
  const updates = [];
  const watcher = { signal: new AbortController().signal, onProgress: (told) => told.update && updates.push(told.update) };
  await core.open(watcher.signal, watcher.onProgress);
  const search = (seed, text, how = {}) => core.search({ search: 1, tree: null, minScore: -Infinity, minConfidence: 0, diversity: 0,
    exact: false, facets: null, offset: 0, count: 10, updates: true, ...how,
    parts: [{ weight: 1, vector: Float32Array.from(rowOf(seed)), text }] }, watcher);
  const far = () => asked.splice(0).filter((name) => name.startsWith('far'));
  return { core, asked: far, search, updates: () => updates.splice(0) };
}
const scores = ({ hits }) => hits.map(({ score }) => score);

test('finer codes are fetched by the first words, once, and find what a scan of all finds', async () => {
  const { far, near, shards } = baseOf();
  assert.ok(far.shards < shards.files.length && near.shards < shards.files.length, 'a query reads a part');
  const { core, asked, search, updates } = await opened();
  const photo = await search(3, false);
  assert.deepEqual(asked(), [], 'a photo needs none');
  assert.equal(updates().length, 1);
  assert.deepEqual(scores(await search(3, true)), scores(await search(3, true, { exact: true })));
  assert.deepEqual(asked().sort(), far.files.map((one) => `far-${one}.safetensors`).sort());
  assert.deepEqual(updates().map(({ coverage, hits }) => [coverage, hits.length]), [[0, 10]], 'told of what the codes say, meanwhile');
  for (const seed of [5, 4000, 7001])
    assert.deepEqual(scores(await search(seed, true)), scores(await search(seed, true, { exact: true })));
  assert.deepEqual(asked(), []);
  assert.deepEqual((await search(3, false)).hits, photo.hits, 'a photo is answered as before');
  core.stop();
});

test('a part of them that came stays; a change of the catalogue keeps them', async (t) => {
  const { far, rows, dim } = baseOf(), width = far.planes * codeBytes(dim), each = 1000;
  // In files of 1,000 rows; the last but one is not there.
  const whole = await readPart(folder, 'far', far.files[0], { far: ['U8', rows * width], scale: ['F32', rows] });
  const parts = Array.from({ length: Math.ceil(rows / each) }, (_, i) => makePart('far', { scale: whole.scale.slice(i * each, (i + 1) * each),
    far: [whole.far.slice(i * each * width, (i + 1) * each * width), width] }));
  for (const { name, bytes } of parts) writeFileSync(path(name), bytes);
  putting(t)({ far: { ...far, rows_per_file: each, files: parts.map((part) => part.hash) } });
  const last = parts.at(-2).name;
  const { core, asked, search } = await opened();
  renameSync(path(last), path('away'));
  await assert.rejects(search(3, true), { code: 'http', message: /far-.*there is no such file/ });
  assert.ok((await search(3, false)).hits.length, 'photos are answered');
  asked();
  renameSync(path('away'), path(last));
  assert.deepEqual(scores(await search(3, true)), scores(await search(3, true, { exact: true })));
  const again = asked();
  assert.deepEqual(again, parts.map(({ name }) => name).slice(-again.length));
  assert.ok(again.length >= 2 && again.length < parts.length, `${again.length} of ${parts.length}: some before it were kept`);
  await publish(await writeCatalogue(join(root, 'next.safetensors'), [...list, ...products(5, 20000)]), folder);
  await core.refresh({ signal: new AbortController().signal });
  const { hits, generation } = await search(20001, true);
  assert.deepEqual([hits[0].id, generation, asked()], ['sku-20001', 2, []]);
  core.stop();
});

test('verify holds them against the rows; what a page reads of them is said', async () => {
  const { far } = baseOf(), name = path(`far-${far.files[0]}.safetensors`);
  const { run } = await import('../../catalog/commands/verify.js');
  const verify = async () => {
    const faults = [];
    await run({ values: {}, positionals: [folder], modelOptions: {} }, { ...io, note() {}, line() {}, fail: (text) => { faults.push(text); } });
    return faults;
  };
  assert.deepEqual(await verify(), []);
  const bytes = readFileSync(name), bad = Buffer.from(bytes);
  bad[bad.length >> 1] ^= 16;
  writeFileSync(name, bad);
  assert.match((await verify())[0], /far-.* has other bytes than its name says/);
  const { search, core } = await opened();
  await assert.rejects(search(3, true), { code: 'not-a-catalog', message: /far-.* holds other bytes than were published/ });
  core.stop();
  writeFileSync(name, bytes);

  const { result } = await publish(join(root, 'shop.safetensors'), join(root, 'second'));
  const row = result.reading.find(({ what }) => what.startsWith('finer codes'));
  assert.equal(row.bytes, far.files.reduce((sum, one) => sum + statSync(path(`far-${one}.safetensors`)).size, 0));
  // Codes of other rows under a right name.
  const second = join(root, 'second'), contents = await readPublished(second, await readCurrent(second), io), { base } = contents;
  const [n, width] = [base.rows, base.far.planes * codeBytes(base.dim)];
  const other = makePart('far', { scale: contents.contents.scale, far: [new Uint8Array(n * width), width] });
  writeFileSync(join(second, other.name), other.bytes);
  assert.deepEqual(await faultsOf(second, { ...contents, base: { ...base, far: { ...base.far, files: [other.hash] } } }),
    [`${other.name} has finer codes of other rows`]);
});

test('what is not as it says is refused, in a sentence; a folder without them is searched as ever', async (t) => {
  const base = baseOf(), { far } = base, put = putting(t);
  const n = Math.min(far.rows_per_file, base.rows), plane = n * codeBytes(base.dim);
  const file = (tensors, kind = 'far') => {
    const { hash: name, bytes } = makePart(kind, tensors);
    writeFileSync(path(`far-${name}.safetensors`), bytes);
    return { far: { ...far, files: [name, ...far.files.slice(1)] } };
  };
  const codes = new Uint8Array(far.planes * plane), scale = new Float32Array(n).fill(0.01), wrong = scale.slice();
  wrong[n - 1] = NaN;
  const cases = [[{ far: 7 }, 'far'], [{ far: { ...far, planes: 4 } }, 'far'], [{ far: { ...far, planes: '2' } }, 'far'], [{ far: { ...far, shards: 0 } }, 'far'],
    [{ far: { ...far, rows: -1 } }, 'far'], [{ far: { ...far, files: far.files.slice(1) } }, 'list of finer codes'],
    [{ far: { ...far, rows_per_file: 0 } }, 'list of finer codes'], [{ far: { ...far, files: far.files.map(() => '../../etc/passwd') } }, 'list of finer codes'],
    [{ far: { ...far, planes: far.planes - 1 } }, 'a file of finer codes'], [file({ far: codes, scale }, 'codes'), 'a file named far is another'],
    [file({ far: codes.subarray(1), scale }), 'a file of finer codes'], [file({ far: codes, scale: scale.subarray(1) }), 'a file of finer codes'],
    [file({ far: codes }), 'a file of finer codes'], [file({ scale }), 'a file of finer codes'],
    [file({ far: codes, scale: new Float64Array(n) }), 'scale of a file of far is not F32'], [file({ far: codes, scale: wrong }), /a scale that is none/]];
  for (const [change, says] of cases) {
    put(change);
    const error = await opened().then(({ search, core }) => search(1, true).finally(() => core.stop())).then(() => null, (one) => one);
    assert.equal(error?.code, 'not-a-catalog', `${says}: ${error}`);
    assert.match(error.message, typeof says === 'string' ? new RegExp(`${says}(?: does not fit)?\\. Publish it again`) : says);
  }
  put({ far: { ...far, shards: 8 } }); // of 43
  const few = await opened();
  for (const seed of [3, 400, 9001])
    assert.deepEqual(scores(await few.search(seed, true)), scores(await few.search(seed, true, { exact: true })));
  few.core.stop();
  for (const change of [{ far: undefined }, { far: null }]) {
    put(change);
    const { search, asked, core } = await opened();
    assert.equal((await search(3, true)).hits.length, 10);
    assert.deepEqual(asked(), []);
    core.stop();
  }
});

test('native bits from kin-find.wasm, of codes that publish makes', async () => {
  const [dim, rows, shardRows] = [200, 1500, 20];
  const { vectors, scale, counts, random } = clustered(98, rows, dim);
  const engine = await openEngine(await WebAssembly.compile(readFileSync(new URL('../../web/wasm/kin-find.wasm', import.meta.url))));
  const put = (list) => engine.put(new Uint8Array(list.buffer, list.byteOffset, list.byteLength));
  const fine = (status) => assert.equal(engine.facts.statuses[status], 'ok');
  const trained = trainCodes(vectors, dim), codes = put(codesOf(vectors, dim, trained.mean)), products = counts.length;
  const answers = createHash('sha256'), mask = put(Uint8Array.from(counts, (_, p) => p % 3 === 0));
  const near = engine.allocate(24), found = engine.allocate(80), scores = engine.allocate(80), how = engine.allocate(4);
  for (let turn = 0; turn < 6; turn++) {
    const planes = 1 + turn % 3;
    const folder = engine.pointer('kin_folder_open', dim, products, rows, shardRows, put(trained.mean), put(trained.spread), 0, engine.error);
    fine(engine.call('kin_folder_products', folder, put(Uint16Array.from(counts)), products, engine.error));
    fine(engine.call('kin_folder_codes', folder, codes, rows, engine.error));
    fine(engine.call('kin_folder_far', folder, planes, put(farCodesOf(vectors, dim, trained, planes)), put(scale), rows, engine.error));
    const query = put(Float32Array.from({ length: dim }, () => random() % 2049 / 1024 - 1));
    assert.equal(engine.call('kin_folder_nearer', folder, query, turn % 2 ? mask : 0, 60, near, 6, found, scores, 20, how), 6);
    for (const [at, n] of [[near, 24], [found, 80], [scores, 80]]) answers.update(engine.bytes(at, n));
    engine.call('kin_folder_close', folder);
  }
  assert.equal(answers.digest('hex'), readFileSync(new URL('../golden/far.txt', import.meta.url), 'utf8').trim());
});
