// The bits that the native build stored (tests/golden/tower/q8.bin, checked by tests/c/test_tower.c) come out of
// WebAssembly as well: the same pictures and texts, every variant, one and two threads. So does what a catalogue's folder answers
// (tests/golden/folder.txt, checked by tests/c/test_folder.c).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import { openEngine } from '../../web/worker/engine.js';
import './relaxed.js';
import { fixture, golden, models } from './towers.js';
import { clustered } from './clustered.js';

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-native-'));
  for (const name of models) {
    cpSync(join(golden, name), join(folder, name), { recursive: true });
    for (const [file, text] of Object.entries(fixture(name).files)) writeFileSync(join(folder, name, file), text);
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const options of ['simd', 'relaxed'].flatMap((kind) => [{ variant: kind },
  { variant: `${kind}-threads`, threads: 1 }, { variant: `${kind}-threads`, threads: 2 }]))
  test(`native bits from ${options.variant}, ${options.threads ?? 1} threads`, async () => {
    const stored = readFileSync(join(golden, 'q8.bin'));
    let at = 0;
    for (const name of models) {
      const { size, pixels, texts, dim } = fixture(name);
      const clip = await load({ model: join(folder, name), dtype: 'q8', ...options });
      const expect = (vector, what) => {
        assert.deepEqual(Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength),
          stored.subarray(at, at + 4 * dim), `${name}: ${what}`);
        at += 4 * dim;
      };
      for (const data of pixels) expect(await clip.embedImage({ data, width: size, height: size }), 'a picture');
      const alone = at;
      for (const text of texts) expect(await clip.embedText(text), text);
      at = alone;
      for (const vector of await clip.embedText(texts)) expect(vector, 'texts together');
      await clip.close();
    }
    assert.equal(at, stored.length);
  });

// The numbers and the folder of test_folder_bits.
test('native bits from kin-find.wasm', async () => {
  const dim = 200, rows = 1500, shardRows = 64, shards = Math.ceil(rows / shardRows);
  const { vectors, scale, counts, random } = clustered(99, rows, dim);
  const products = counts.length, [odd, even, least] = [1e-4, 2e-4, 1e-3].map(Math.fround);
  const nulls = Float32Array.from({ length: 4 * rows }, (_, i) => Math.fround(random() % 1000 * (i % 2 ? odd : even)) + least);

  const engine = await openEngine(await WebAssembly.compile(readFileSync(new URL('../../web/wasm/kin-find.wasm', import.meta.url))));
  const put = (list) => engine.put(new Uint8Array(list.buffer, list.byteOffset, list.byteLength));
  const fine = (status) => assert.equal(engine.facts.statuses[status], 'ok');
  const [mean, spread] = [engine.allocate(dim), engine.allocate(dim)], all = put(vectors), bits = engine.allocate(rows * 32);
  engine.call('kin_codes_train', all, rows, dim, mean, spread);
  engine.call('kin_codes_of', all, rows, dim, mean, bits);
  const best = put(Float32Array.of(0.7, 0.05));
  const folder = engine.pointer('kin_folder_open', dim, products, rows, shardRows, mean, spread, best, engine.error);
  fine(engine.call('kin_folder_products', folder, put(Uint16Array.from(counts)), products, engine.error));
  fine(engine.call('kin_folder_codes', folder, bits, rows, engine.error));
  for (let k = 0; k < shards; k++) {
    const from = k * shardRows, to = Math.min(rows, from + shardRows);
    fine(engine.call('kin_folder_shard', folder, k, put(vectors.subarray(from * dim, to * dim)), put(scale.subarray(from, to)),
      put(nulls.subarray(4 * from, 4 * to)), to - from, engine.error));
  }

  const answers = createHash('sha256'), mask = put(Uint8Array.from(counts, (_, p) => p % 3 === 0));
  const near = engine.allocate(24), found = engine.allocate(80), scores = engine.allocate(200), how = engine.allocate(4);
  const hits = engine.allocate(200), confidence = engine.allocate(200);
  const word = (n) => answers.update(new Uint8Array(Uint32Array.of(n).buffer));
  for (let turn = 0; turn < 8; turn++) {
    const query = put(Float32Array.from({ length: dim }, () => random() % 2049 / 1024 - 1)), wanted = turn % 2 ? mask : 0;
    const asked = engine.call('kin_folder_near', folder, query, wanted, 60, near, 6, found, scores, 20, how);
    word(asked).update(engine.bytes(near, 4 * asked)).update(engine.bytes(how, 4));
    answers.update(engine.bytes(found, 80)).update(engine.bytes(scores, 80));
    const catalog = engine.pointer('kin_folder_view', folder, near, asked, engine.error);
    assert.equal(engine.call('kin_catalog_search', catalog, query, 0, wanted, -2, 0, 1, hits, scores, 50, how), 50);
    engine.call('kin_catalog_confidence', catalog, 0, hits, scores, 50, confidence);
    answers.update(engine.bytes(how, 4));
    for (const list of [hits, scores, confidence]) answers.update(engine.bytes(list, 200));
  }
  assert.equal(answers.digest('hex'), readFileSync(new URL('../golden/folder.txt', import.meta.url), 'utf8').trim());
});
