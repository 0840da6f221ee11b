// The bits that the native build stored (tests/golden/tower/q8.bin, checked by tests/c/test_tower.c) come out of
// WebAssembly as well: the same pictures, every variant, one and two threads.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import './relaxed.js';
import { cases, fixture, golden, models } from './towers.js';

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-native-'));
  for (const name of models) {
    cpSync(join(golden, name), join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'preprocessor_config.json'), JSON.stringify(fixture(name).preprocessor));
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const options of ['simd', 'relaxed'].flatMap((kind) => [{ variant: kind },
  { variant: `${kind}-threads`, threads: 1 }, { variant: `${kind}-threads`, threads: 2 }]))
  test(`native bits from ${options.variant}, ${options.threads ?? 1} threads`, async () => {
    const stored = readFileSync(join(golden, 'q8.bin'));
    let at = 0;
    for (const name of models) {
      const { size, pixels, dim } = fixture(name);
      const clip = await load({ model: join(folder, name), dtype: 'q8', ...options });
      for (const data of pixels) {
        const vector = await clip.embedImage({ data, width: size, height: size });
        assert.deepEqual(Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength), stored.subarray(at, at + 4 * dim), name);
        at += 4 * dim;
      }
      at += cases * 4 * dim; // the text tower's, whose tiny vocabulary has no file
      await clip.close();
    }
    assert.equal(at, stored.length);
  });
