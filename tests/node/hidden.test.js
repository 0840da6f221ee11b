// clip.hiddenStates and `kin embed --layer` against transformers and open_clip (tools/golden_tower.py,
// golden_tower_hidden.py): every layer of every tower, padding, the final norm, what is refused, bits and aborts.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from '../../web/index.node.js';
import { folder, kin, png } from './cli-support.js';
import './relaxed.js';
import { fixture, golden, largeWeights, models, readTensors, vocabulary, words } from './towers.js';

const stored = fileURLToPath(new URL('../golden/', import.meta.url));
const hidden = readTensors(join(stored, 'hidden.safetensors'));
const floats = (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

// The least cosine of two matrices' rows.
function least(a, b, columns) {
  assert.equal(a.length, b.length);
  let worst = 1;
  for (let at = 0; at < a.length; at += columns) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = at; i < at + columns; i++) [ab, aa, bb] = [ab + a[i] * b[i], aa + a[i] ** 2, bb + b[i] ** 2];
    worst = Math.min(worst, ab / Math.sqrt(aa * bb));
  }
  return worst;
}

// `wanted`: { shape, bytes } of the reference, as expected.safetensors or hidden.safetensors has it.
function check({ data, dims }, { shape, bytes }, most, name) {
  assert.deepEqual(dims, shape, name);
  const worst = least(data, floats(bytes), dims[1]);
  assert.ok(worst >= most, `${name}: ${worst}`);
}

function folderOf(t, name) {
  const path = join(folder(t), name);
  cpSync(join(golden, name), path, { recursive: true });
  for (const [file, text] of Object.entries(fixture(name).files)) writeFileSync(join(path, file), text);
  return path;
}

async function withClip(model, options, run) {
  const clip = await load({ model, worker: false, ...options });
  try {
    return await run(clip);
  } finally {
    await clip.close();
  }
}

const raw = (pixels, size) => ({ data: pixels, width: size, height: size });

// q8 of random weights loses most where rows are short, as here; measured: 0.986 at worst.
for (const name of models)
  test(`${name}: transformers' hidden_states of pictures and texts, all layers from both ends, f32 and q8`, async (t) => {
    const path = folderOf(t, name);
    const { size, pixels, texts } = fixture(name);
    const expected = readTensors(join(golden, name, 'expected.safetensors'));
    for (const [dtype, most] of [['f32', 0.9999], ['q8', 0.97]]) // a row of random weights, 0.9781 at worst
      await withClip(path, { dtype }, async (clip) => {
        for (const [part, givens] of [['image', pixels.map((one) => raw(one, size))], ['text', texts.map((text) => ({ text }))]]) {
          const layers = Object.keys(expected).filter((key) => key.startsWith(`${part}.hidden.`)).length;
          for (const [i, given] of givens.entries())
            for (let layer = 0; layer < layers; layer++) {
              const { shape: [n, ...shape], bytes } = expected[`${part}.hidden.${layer}`];
              const row = bytes.length / n;
              const wanted = { shape, bytes: bytes.slice(i * row, (i + 1) * row) };
              const got = await clip.hiddenStates(given, { layer });
              check(got, wanted, most, `${dtype} ${part} ${i}, layer ${layer}`);
              assert.deepEqual(await clip.hiddenStates(given, { layer: layer - layers }), got);
            }
          check(await clip.hiddenStates(givens[0]), hidden[`${name}.${part}.last`], most, `${dtype} ${part} last`);
          assert.deepEqual(await clip.hiddenStates(givens[0], { layer: 'last' }), await clip.hiddenStates(givens[0]));
          for (let layer = 0; layer < layers; layer++)
            check(await clip.hiddenStates(givens[0], { layer, norm: true }), hidden[`${name}.${part}.norm.${layer}`], most,
              `${dtype} ${part}, layer ${layer} and final norm`);
        }
      });
  });

test('a text is padded with the pad token that the folder names', async (t) => {
  const path = folderOf(t, 'gelu-bf16');
  const { texts: [text] } = fixture('gelu-bf16');
  writeFileSync(join(path, 'special_tokens_map.json'), JSON.stringify({ pad_token: words.get(0) + '</w>' }));
  const states = (model) => withClip(model, { dtype: 'f32' }, (clip) => clip.hiddenStates({ text }, { layer: 1 }));
  await withClip(path, { dtype: 'f32' }, async (clip) => {
    for (let layer = 0; layer < 3; layer++)
      check(await clip.hiddenStates({ text }, { layer }), hidden[`gelu-bf16.text.pad0.${layer}`], 0.9999, `layer ${layer}`);
  });
  const [named, usual] = [await states(path), await states(folderOf(t, 'gelu-bf16'))];
  const own = 3 * named.dims[1]; // the text's three tokens do not see what comes after them
  assert.deepEqual(named.data.subarray(0, own), usual.data.subarray(0, own));
  assert.notDeepEqual(named.data.subarray(own), usual.data.subarray(own));
});

for (const name of ['vit-gelu', 'vit-quick-f16', 'vit-squash-bf16'])
  test(`${name}: what goes into and comes out of open_clip's blocks; texts are padded with 0`, async (t) => {
    const path = join(folder(t), name);
    cpSync(join(stored, 'open_clip', name), path, { recursive: true });
    for (const [file, text] of Object.entries(vocabulary)) writeFileSync(join(path, file), text);
    const given = readTensors(join(path, 'expected.safetensors'));
    const [height, width] = given.picture.shape;
    const ids = [...new Int32Array(given.ids.bytes.buffer)];
    const text = ids.slice(1, ids.indexOf(Math.max(...ids))).map((id) => words.get(id)).join(' ');
    for (const [dtype, most] of [['f32', 0.9999], ['q8', 0.97]]) // a row of random weights, 0.9781 at worst
      await withClip(path, { dtype }, async (clip) => {
        for (const [part, source] of [['image', { data: given.picture.bytes, width, height }], ['text', { text }]]) {
          let layer = 0;
          for (; hidden[`${name}.${part}.${layer}`]; layer++)
            check(await clip.hiddenStates(source, { layer }), hidden[`${name}.${part}.${layer}`], most, `${dtype} ${part} ${layer}`);
          assert.ok(layer > 1);
          check(await clip.hiddenStates(source, { layer: -1, norm: true }), hidden[`${name}.${part}.norm`], most, `${dtype} ${part}`);
          const plain = hidden[`${name}.${part}.${part === 'text' ? 'norm' : layer - 1}`];
          check(await clip.hiddenStates(source), plain, most, `${dtype} ${part} last`);
        }
      });
  });

test('of a convolutional tower the last map, and its text tower as any', async (t) => {
  for (const padding of ['same', 'symmetric']) {
    const path = join(folder(t), padding);
    const lite0 = join(stored, 'open_clip/lite0');
    mkdirSync(path);
    cpSync(join(lite0, `open_clip_config.${padding}.json`), join(path, 'open_clip_config.json'));
    writeFileSync(join(path, 'open_clip_model.safetensors'), largeWeights(lite0));
    for (const [file, text] of Object.entries(vocabulary)) writeFileSync(join(path, file), text);
    const { shape: [, size], bytes } = readTensors(join(lite0, 'expected.safetensors'))[`pictures.${padding}`];
    const picture = raw(bytes.subarray(0, size * size * 3), size);
    // q8 of maps on random weights, of which half the numbers are cut off; measured: 0.975 at worst.
    for (const [dtype, most] of [['f32', 0.9999], ['q8', 0.96]])
      await withClip(path, { dtype }, async (clip) => {
        const states = await clip.hiddenStates(picture);
        assert.equal(states.dims[1], 1280);
        check(states, hidden[`lite0.${padding}`], most, `${dtype} ${padding}`);
        for (const options of [{ layer: 0 }, { layer: -2 }, { layer: -1 }, { layer: -1, norm: true }])
          await assert.rejects(clip.hiddenStates(picture, options), { name: 'KinError', code: 'unsupported', message: /last map alone/ });
        assert.deepEqual(await clip.hiddenStates(picture), states);
        assert.equal((await clip.hiddenStates({ text: words.get(3) }, { layer: -2 })).dims[0], 12);
      });
  }
});

test('what is no layer, and what does not go together, is told in a sentence', async (t) => {
  const { size, pixels: [pixels] } = fixture('tanh-f32');
  await withClip(folderOf(t, 'tanh-f32'), {}, async (clip) => {
    const picture = raw(pixels, size);
    for (const [source, options, message] of [
      [picture, { layer: 3 }, /no layer 3: they are 0 \(the embeddings\) to 2, or -3 to -1, or 'last'/],
      [{ text: 'a' }, { layer: -4 }, /no layer -4/], [picture, { layer: 1.5 }, /'last' or a whole number/],
      [picture, { layer: 2 ** 32 }, /'last' or a whole number/], [picture, { layer: 'penultimate' }, /'last' or a whole number/],
      [picture, { layer: 'last', norm: true }, /norm goes with the number/], [picture, { norm: true }, /norm goes with the number/],
      [{ text: 'a' }, { fit: 'pad' }, /fit is of pictures/], [{ text: 'a', layer: 1 }, {}, /no 'layer'/], [{ text: 7 }, {}, /text/],
      [picture, { layers: 1 }, /did you mean 'layer'/], [new Response('x'), {}, /response\.blob|blob\(\)/], [undefined, {}, /A picture is/]])
      await assert.rejects(clip.hiddenStates(source, options), { name: 'KinError', code: 'bad-argument', message }, String(message));
    assert.equal(clip.closed, false);
  });
});

test('the same bits in every build, on any number of threads, and whatever ran before', async (t) => {
  const path = folderOf(t, 'wide-f16');
  const { size, pixels, texts } = fixture('wide-f16');
  let wanted = null;
  for (const options of ['simd', 'relaxed'].flatMap((variant) => [{ variant }, { variant: `${variant}-threads`, threads: 2 }]))
    await withClip(path, { ...options, worker: undefined }, async (clip) => {
      const got = [];
      for (const [source, layer] of [[raw(pixels[0], size), -2], [{ text: texts[1] }, -2], [raw(pixels[1], size), 'last'], [{ text: texts[2] }, 'last']]) {
        got.push(await clip.hiddenStates(source, { layer }));
        await clip.embedText(texts);
        await clip.embedImage(raw(pixels[2], size));
        assert.deepEqual(await clip.hiddenStates(source, { layer }), got.at(-1));
      }
      wanted ??= got;
      assert.deepEqual(got, wanted, JSON.stringify(options));
    });
});

test('an abort is heard between two blocks, and the next call is answered', async (t) => {
  const { size, pixels: [pixels] } = fixture('quick-gelu-f16');
  await withClip(folderOf(t, 'quick-gelu-f16'), { worker: undefined }, async (clip) => {
    const wanted = await clip.hiddenStates(raw(pixels, size), { layer: -2 });
    const controller = new AbortController();
    const stopped = clip.hiddenStates(raw(pixels, size), { layer: -2, signal: controller.signal });
    controller.abort();
    await assert.rejects(stopped, { name: 'AbortError' });
    assert.deepEqual(await clip.hiddenStates(raw(pixels, size), { layer: -2 }), wanted);
  });
});

test('kin embed --layer: .npy, .safetensors and lines hold what hiddenStates gives', async (t) => {
  const path = folderOf(t, 'quick-gelu-f16');
  const { size, pixels, texts } = fixture('quick-gelu-f16');
  const out = folder(t);
  const files = pixels.map((one, n) => join(out, `${n}.png`));
  files.forEach((file, n) => writeFileSync(file, png(size, size, (x, y) => [...pixels[n].subarray((y * size + x) * 3, (y * size + x) * 3 + 3)])));
  const wanted = await withClip(path, {}, async (clip) => {
    const all = { image: [], text: [] };
    for (const one of pixels) all.image.push(await clip.hiddenStates(raw(one, size), { layer: -2 }));
    for (const text of texts) all.text.push(await clip.hiddenStates({ text }, { layer: -2, norm: true }));
    return all;
  });
  const joined = (states) => Buffer.concat(states.map(({ data }) => Buffer.from(data.buffer)));
  const run = (...args) => kin(['embed', ...args, '--model', path, '--quiet']);

  const npy = join(out, 'states.npy');
  assert.equal((await run(...files, '--layer', '-2', '-o', npy)).code, 0);
  const bytes = readFileSync(npy);
  assert.match(bytes.toString('latin1', 10, 128), /'<f4', 'fortran_order': False, 'shape': \(3, 17, 48\)/);
  assert.deepEqual(bytes.subarray(bytes.length - 3 * 17 * 48 * 4), joined(wanted.image));

  const safetensors = join(out, 'states.safetensors');
  const cut = join(out, 'cut.png');
  writeFileSync(cut, readFileSync(files[0]).subarray(0, 60));
  assert.equal((await run(files[0], cut, files[2], '--layer=-2', '-o', safetensors)).code, 3);
  const { hidden_states: tensor } = readTensors(safetensors);
  assert.deepEqual(tensor.shape, [2, 17, 48]);
  assert.deepEqual(Buffer.from(tensor.bytes), joined([wanted.image[0], wanted.image[2]]));
  const head = readFileSync(safetensors);
  const about = JSON.parse(head.toString('utf8', 8, 8 + Number(head.readBigUInt64LE(0)))).__metadata__;
  assert.deepEqual([about['kin.dtype'], about['kin.layer'], about['kin.norm'], about['kin.model'], JSON.parse(about['kin.inputs'])],
    ['q8', '-2', 'false', 'quick-gelu-f16', [files[0], files[2]]]);
  assert.equal((await run(files[0], cut, '--layer', '0', '-o', npy)).code, 3);
  assert.ok(Number.isNaN(readFileSync(npy).readFloatLE(readFileSync(npy).length - 4)), 'of a failed picture');

  const lines = await run('--text', '-', '--layer', '-2', '--norm').then(() => kin(['embed', '--text', '-', '--layer', '-2', '--norm', '--model', path],
    { input: texts.map((text) => JSON.stringify(text) + '\n').join('') }));
  assert.equal(lines.code, 0);
  assert.deepEqual(lines.lines(), wanted.text.map(({ data, dims }, i) => ({ text: texts[i], data: [...data], dims })));

  for (const [args, code, message] of [
    [[files[0], '--layer', '9'], 1, /no layer 9: they are 0 .* to 3/], [[files[0], '--layer', 'two'], 2, /--layer must be/],
    [[files[0], '--norm'], 2, /--norm goes with --layer/], [[files[0], '--layer', 'last', '--norm'], 2, /as it is/],
    [[files[0], '--layer', '1', '--format', 'safetensors'], 2, /needs -o/], [[files[0], '--format', 'safetensors', '-o', npy], 2, /--format/]]) {
    const result = await run(...args);
    assert.equal(result.code, code, result.err);
    assert.match(result.err, message);
  }
});

// One word's weights are damaged: finite, but beyond what a sum of squares may hold. More texts than the engine takes at once.
test('of a list of texts of which one gives no embedding none gets another\'s vector', async (t) => {
  const path = folderOf(t, 'tanh-f32'), { texts: [sound] } = fixture('tanh-f32');
  const file = join(path, 'model.safetensors'), bytes = readFileSync(file), start = 8 + Number(bytes.readBigUInt64LE(0));
  const { data_offsets: [from], shape: [, width] } = JSON.parse(bytes.toString('utf8', 8, start))['text_model.embeddings.token_embedding.weight'];
  const [id, word] = [...words].find(([, one]) => /^\w+$/.test(one) && !sound.split(' ').includes(one));
  for (let i = 0; i < width; i++) bytes.writeFloatLE(i % 2 ? 3e38 : -3e38, start + from + (id * width + i) * 4);
  writeFileSync(file, bytes);
  await withClip(path, { dtype: 'f32' }, async (clip) => {
    const wanted = await clip.embedText(sound);
    await assert.rejects(clip.embedText(word), { code: 'not-a-model', message: /no finite embedding/ });
    const failed = await clip.embedText([word, ...Array(400).fill(sound)]);
    assert.deepEqual(new Set(failed.map((one) => one.code)), new Set(['not-a-model']));
    assert.deepEqual(new Set((await clip.embedText(Array(400).fill(sound))).map(String)), new Set([String(wanted)]));
  });
});
