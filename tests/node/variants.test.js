// Which build is chosen where, and that every build and number of threads gives the same bits.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseVariant, features } from '../../web/worker/variant.js';
import { load } from '../../web/index.node.js';
import './relaxed.js';
import { folder, tinyModel } from './cli-support.js';

const page = { simd: true, shared: true, isolated: true, cores: 8 };

test('the choice follows from what is there and what was asked', () => {
  const choose = (has, asked) => {
    const { variant, threads } = chooseVariant({ ...page, ...has }, asked);
    return [variant, threads];
  };
  assert.deepEqual(choose({}), ['simd-threads', 4]);
  assert.deepEqual(choose({ cores: 6 }), ['simd-threads', 3]);
  assert.deepEqual(choose({ cores: 2 }), ['simd', 1]);
  assert.deepEqual(choose({ isolated: false }), ['simd', 1]);
  assert.deepEqual(choose({ isolated: false }, { threads: 4 }), ['simd', 1]);
  assert.deepEqual(choose({ shared: false }), ['simd', 1]);
  assert.deepEqual(choose({ workers: false }), ['simd', 1]);
  assert.deepEqual(choose({}, { threads: 2 }), ['simd-threads', 2]);
  assert.deepEqual(choose({}, { threads: 1 }), ['simd', 1]);
  assert.deepEqual(choose({}, { threads: 99 }), ['simd-threads', 16]);
  assert.deepEqual(choose({}, { variant: 'simd-threads', threads: 1 }), ['simd-threads', 1]);
  assert.deepEqual(choose({}, { variant: 'simd' }), ['simd', 1]);
  assert.deepEqual(choose({ relaxed: true }), ['relaxed-threads', 4]);
  assert.deepEqual(choose({ relaxed: true, shared: false }), ['relaxed', 1]);
  assert.deepEqual(choose({ relaxed: true }, { variant: 'simd-threads' }), ['simd-threads', 4]);
  assert.deepEqual(choose({ relaxed: true }, { variant: 'relaxed' }), ['relaxed', 1]);
});

test('what cannot run is refused with a sentence', () => {
  const refuses = (has, asked, code, sentence) => assert.throws(() => chooseVariant({ ...page, ...has }, asked),
    (error) => error.code === code && sentence.test(error.message));
  refuses({ simd: false }, {}, 'unsupported', /SIMD/);
  refuses({ isolated: false }, { variant: 'simd-threads' }, 'unsupported', /cross-origin isolated/);
  refuses({}, { variant: 'relaxed' }, 'unsupported', /relaxed SIMD/);
  refuses({}, { variant: 'relaxed-threads' }, 'unsupported', /relaxed SIMD/);
  refuses({ relaxed: true, isolated: false }, { variant: 'relaxed-threads' }, 'unsupported', /cross-origin isolated/);
  refuses({ relaxed: true }, { variant: 'relaxed', threads: 2 }, 'bad-argument', /one thread/);
  refuses({}, { variant: 'simd', threads: 2 }, 'bad-argument', /one thread/);
  for (const has of [{ isolated: false }, { shared: false }, { workers: false }, { cores: 1 }])
    assert.match(chooseVariant({ ...page, ...has }).threadsReason, /\.$/);
});

test('this machine has SIMD', () => {
  assert.equal(features(true).simd, true);
  assert.equal(features(true).isolated, true);
  assert.equal(features().isolated, false);
});

test('the same bits from every build, thread count and kind of worker', async (t) => {
  const model = tinyModel(join(folder(t), 'model'));
  const data = Uint8Array.from({ length: 90 * 70 * 3 }, (_, i) => i * i * 13 >> 3);
  const seen = new Map();
  for (const dtype of ['q8', 'f32'])
    for (const options of [{ variant: 'simd' }, { variant: 'simd', worker: false },
      { variant: 'simd-threads', threads: 1 }, { variant: 'simd-threads', threads: 2 }, { variant: 'relaxed' },
      { threads: 2 }, { threads: 3 }, { threads: 2, worker: false }]) {
      const clip = await load({ model, dtype, ...options });
      assert.equal(clip.info.threads, options.threads ?? 1);
      assert.equal(clip.info.selfTest, true);
      assert.ok(clip.info.variant.startsWith(options.variant ?? 'relaxed'), clip.info.variant);
      assert.match(clip.info.kernels, /^(simd128|relaxed)/);
      assert.ok(clip.info.gmacs > 0);
      const bits = [];
      for (let round = 0; round < 3; round++) { // helpers arrive while it runs
        const image = await clip.embedImage({ data, width: 90, height: 70 });
        const text = await clip.embedText('the thing');
        bits.push(Buffer.concat([Buffer.from(image.buffer), Buffer.from(text.buffer)]).toString('hex'));
        await new Promise((resolve) => { setTimeout(resolve, 100); });
      }
      await clip.close();
      assert.equal(new Set(bits).size, 1, JSON.stringify(options));
      if (!seen.has(dtype)) seen.set(dtype, bits[0]);
      assert.equal(bits[0], seen.get(dtype), JSON.stringify(options));
    }
  assert.notEqual(seen.get('q8'), seen.get('f32'));
});
