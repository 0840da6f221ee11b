// Every kernel table of every build gives the plain one's bits, in whole towers at the shapes that attention has in
// real models: 50 and 197 tokens of a picture, 77 and 7 of a text, heads of 64, 32 and 80 channels, and what their
// padding and the tiles' last rows leave over. The plain table itself is held against sums by tests/c/test_kernels.c.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEngine, sharedMemory } from '../../web/worker/engine.js';
import { module } from '../../web/worker/platform.node.js';
import { folder, tinyModel } from './cli-support.js';
import './relaxed.js';

// Sizes of a picture in patches a side, heads and channels of both towers, tokens of a text.
const shapes = [
  { side: 7, heads: 1, width: 64, context: 77 },
  { side: 14, heads: 2, width: 64, context: 7 },
  { side: 7, heads: 1, width: 80, context: 77 },
  { side: 3, heads: 3, width: 60, context: 9 },
];
const patch = 4;

function writeModel(path, { side, heads, width, context }) {
  const tower = { width, heads, layers: 2, mlp: 2 * width };
  return tinyModel(path, side * width, { dim: 32, merges: [['t', 'h'], ['th', 'e</w>']],
    image: { ...tower, patch, size: side * patch }, text: { ...tower, context } });
}

// The bits of a picture and of texts by kernel table `i`, or null where that is not exact here.
async function embed(engine, path, { side, context }, i) {
  const ctx = engine.pointer('kin_open');
  const call = (name, ...args) => engine.check(ctx, engine.call(name, ctx, ...args));
  const bits = (tower, n) => {
    call(`kin_${tower}_begin`);
    while (call('kin_step'));
    return Buffer.from(engine.bytes(engine.pointer('kin_embedding', ctx), n * 32 * 4)).toString('hex');
  };
  if (engine.call('kin_kernels_exact', i) !== 1) return null;
  call('kin_use_kernels', i);
  const give = (name, ...files) => engine.with(files.map((file) => file && readFileSync(join(path, file))),
    (...args) => call(name, ...args));
  give('kin_config', 'config.json');
  give('kin_preprocessing', 'preprocessor_config.json');
  give('kin_vocabulary', 'vocab.json', 'merges.txt', null, null, null);
  for (const tower of Object.values(engine.facts.towers)) {
    call('kin_tower_begin', tower, engine.facts.dtypes.q8);
    give('kin_tower_feed', 'model.safetensors');
    call('kin_tower_file_end');
    call('kin_tower_end');
  }
  const size = side * patch;
  const pixels = Uint8Array.from({ length: size * size * 3 }, (_, at) => at * at * 31 >> 4);
  engine.with([pixels], (p) => call('kin_image_raw', p, size, size, 3));
  call('kin_image_prepare', 0, 0, 1, 1, 0);
  const found = [bits('image', 1)];
  const words = Array.from({ length: context - 2 }, (_, at) => String.fromCharCode(97 + at * 7 % 26));
  for (const texts of [[words], [words.slice(0, 5)], [words.slice(0, 5), words.slice(0, 3), words.slice(1, 4)]]) {
    for (const text of texts) {
      engine.with([text.join(' ')], (p, n) => call('kin_tokenize', p, n));
      assert.equal(engine.call('kin_token_count', ctx), text.length + 2);
      call('kin_text_add');
    }
    found.push(bits('text', texts.length));
  }
  engine.call('kin_close', ctx);
  return found;
}

for (const build of ['simd', 'simd-threads', 'relaxed', 'relaxed-threads'])
  test(`${build}: the bits of the plain kernels from all others`, async (t) => {
    const engine = await openEngine(await module(build, {}), build.endsWith('-threads') ? sharedMemory() : undefined);
    const names = [];
    while (engine.call('kin_kernels_exact', names.length) >= 0)
      names.push(engine.text(engine.pointer('kin_kernels_name', names.length)));
    assert.equal(names.at(-1), 'plain C');
    let compared = 0;
    for (const [number, shape] of shapes.entries()) {
      const path = writeModel(join(folder(t), String(number)), shape);
      const plain = await embed(engine, path, shape, names.length - 1);
      for (const [i, name] of names.slice(0, -1).entries()) {
        const found = await embed(engine, path, shape, i);
        if (!found) continue;
        assert.deepEqual(found, plain, `${name} at ${JSON.stringify(shape)}`);
        compared++;
      }
    }
    assert.ok(compared >= shapes.length * (build.startsWith('relaxed') ? 2 : 1), `${compared} compared`);
  });
