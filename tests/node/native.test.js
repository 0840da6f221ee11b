// The bits that the native build stored (tests/golden/tower/q8.bin, checked by tests/c/test_tower.c) come out of
// WebAssembly as well: the same pictures and texts, every variant, one and two threads.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import './relaxed.js';
import { fixture, golden, models } from './towers.js';

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
