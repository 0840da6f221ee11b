// kin convert: deterministic files, shards and split tensors, and nothing lost on the way.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readHeader, tensorFiles } from '../../catalog/lib/tensors.js';
import { openEngine } from '../../web/worker/engine.js';
import { seeded } from './checksums.js';
import { drawing, folder, kin, tinyModel } from './cli-support.js';

const bytesOf = (path) => Object.fromEntries(readdirSync(path).sort()
  .map((name) => [name, createHash('sha256').update(readFileSync(join(path, name))).digest('hex')]));

test('q8: names, dtypes, alignment, metadata, the manifest, and the same bytes twice', async (t) => {
  const root = folder(t);
  tinyModel(join(root, 'hf'));
  for (const out of ['a', 'b']) {
    const { code, err } = await kin(['convert', join(root, 'hf'), '-o', join(root, out)]);
    assert.equal(code, 0, err);
  }
  assert.deepEqual(bytesOf(join(root, 'a')), bytesOf(join(root, 'b')));
  const manifest = JSON.parse(readFileSync(join(root, 'a', 'manifest.json')));
  assert.equal(manifest.kind, 'model');
  assert.equal(manifest.dtype, 'q8');
  for (const { name, bytes, sha256 } of manifest.files) {
    const content = readFileSync(join(root, 'a', name));
    assert.equal(content.length, bytes);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256);
  }
  assert.deepEqual(readdirSync(join(root, 'a')).sort(),
    ['manifest.json', ...manifest.files.map((file) => file.name)].sort());
  for (const tower of ['image', 'text']) {
    const file = new Uint8Array(readFileSync(join(root, 'a', `${tower}.safetensors`)));
    const { metadata, tensors } = readHeader(file);
    assert.equal(metadata['kin.weights'], 's7q128');
    const part = tower === 'image' ? 'vision_model' : 'text_model';
    const weight = `${part}.encoder.layers.1.mlp.fc2.weight`;
    assert.equal(tensors[weight].dtype, 'I8');
    assert.deepEqual(tensors[`${weight}_scale`], { ...tensors[`${weight}_scale`], dtype: 'F32', shape: [32] });
    assert.equal(tensors.logit_scale.dtype, 'F32');
    assert.equal(tensors[tower === 'image' ? 'visual_projection.weight' : 'text_projection.weight'].dtype, 'F16');
    const sizes = { F32: 4, F16: 2, I8: 1 };
    let end = 0;
    for (const { dtype, data_offsets: [from, to] } of Object.values(tensors)) {
      assert.equal(from, end);
      assert.equal(from % sizes[dtype], 0);
      end = to;
    }
  }
});

test('the original loaded as q8 and the converted folder give the same bits', async (t) => {
  const root = folder(t);
  tinyModel(join(root, 'hf'));
  writeFileSync(join(root, 'p.png'), drawing(5));
  const run = async (...args) => {
    const { code, out, err } = await kin(args);
    assert.equal(code, 0, err);
    return out;
  };
  for (const dtype of ['q8', 'f32'])
    await run('convert', join(root, 'hf'), '-o', join(root, dtype), '--dtype', dtype);
  const picture = (...model) => run('embed', join(root, 'p.png'), '--model', ...model);
  const text = (...model) => run('embed', '--text', 'the thing', '--model', ...model);
  for (const embed of [picture, text]) {
    const converted = await embed(join(root, 'q8'));
    assert.equal(await embed(join(root, 'hf')), converted);
    const exact = await embed(join(root, 'f32'));
    assert.equal(await embed(join(root, 'hf'), '--dtype', 'f32'), exact);
    assert.notEqual(exact, converted);
    assert.equal(await embed(join(root, 'f32'), '--dtype', 'q8'), converted);
  }
  const verified = await kin(['verify', join(root, 'q8')]);
  assert.deepEqual([verified.code, verified.err], [0, '']);
  const again = await kin(['convert', join(root, 'f32'), '-o', join(root, 'q8b')]);
  assert.equal(again.code, 0, again.err);
  assert.deepEqual(bytesOf(join(root, 'q8b')), bytesOf(join(root, 'q8')));
});

test('what was there is not lost', async (t) => {
  const root = folder(t);
  tinyModel(join(root, 'hf'), 1);
  tinyModel(join(root, 'hf2'), 2);
  const out = join(root, 'out');
  const convert = (from, ...more) => kin(['convert', join(root, from), '-o', out, ...more]);
  assert.equal((await convert('hf')).code, 0);
  const first = bytesOf(out);
  assert.equal((await convert('hf2')).code, 0); // an earlier conversion may be replaced
  assert.notDeepEqual(bytesOf(out), first);
  writeFileSync(join(out, 'notes.md'), 'mine');
  const second = bytesOf(out);
  const refused = await convert('hf');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^kin: .* holds 'notes.md', which Kin did not write there.*\n$/);
  assert.deepEqual(bytesOf(out), second);
  assert.equal((await kin(['convert', join(root, 'hf'), '-o', join(root, 'hf')])).code, 2);
  assert.equal((await kin(['convert', join(root, 'hf'), '-o', join(root, 'hf', 'vocab.json')])).code, 1);
  mkdirSync(join(root, 'broken'));
  const broken = await convert('broken');
  assert.equal(broken.code, 1);
  assert.match(broken.err, /^kin: [^\n]+\n$/);
  assert.deepEqual(bytesOf(out), second);
  assert.deepEqual(readdirSync(root).sort(), ['broken', 'hf', 'hf2', 'out']);
});

test('what is wrong with the small files is said before the weights are read', async (t) => {
  const root = folder(t);
  const cases = [['merges.txt', null, /merges\.txt/], ['preprocessor_config.json', null, /preprocessor_config\.json/],
    ['merges.txt', 'no such\n', /Merge 1/], ['merges.txt', '', /merges\.txt has no merges/], ['merges.txt', '#version: 0.2\n', /merges\.txt has no merges/],
    ['vocab.json', '', /vocab\.json/], ['vocab.json', '{}', /vocabulary/], ['vocab.json', '{"a":0,"b', /vocab\.json/], ['tokenizer.json', '', /tokenizer\.json/],
    ['tokenizer_config.json', '', /tokenizer_config\.json/], ['special_tokens_map.json', '', /special_tokens_map\.json/], ['preprocessor_config.json', '{"size":[8,8],"crop_size":8}', /8x8.*32x32/],
    ['config.json', '{"model_type":"siglip"}', /"siglip"/], ['config.json', '['.repeat(1e5), /config\.json .*not valid JSON/],
    ['merges.txt', '#version: 0.2\nt h\n', /merges\.txt has no merge for 1 of the vocabulary's 516 tokens, such as the<\/w>:/],
    ['preprocessor_config.json', gzipSync('{}'), /preprocessor_config\.json is packed by gzip/],
    ['special_tokens_map.json', '[]', /special_tokens_map\.json is not a JSON object/]];
  for (const [i, [name, content, sentence]] of cases.entries()) {
    const path = tinyModel(join(root, `hf${i}`));
    writeFileSync(join(path, 'model.safetensors'), 'not read'); // reading it would be what is complained of
    if (content === null) rmSync(join(path, name));
    else writeFileSync(join(path, name), content);
    const { code, err } = await kin(['convert', path, '-o', join(root, 'out')]);
    assert.equal(code, 1);
    assert.match(err, /^kin-clip: [^\n]+\n$|^kin: [^\n]+\n$/);
    assert.match(err, sentence);
  }
  const path = tinyModel(join(root, 'hf'));
  const config = JSON.parse(readFileSync(join(path, 'config.json')));
  const refused = async (change, sentence) => {
    const other = structuredClone(config);
    change(other.text_config);
    writeFileSync(join(path, 'config.json'), JSON.stringify(other));
    assert.match((await kin(['convert', path, '-o', join(root, 'out')])).err, sentence);
  };
  const apart = /^kin: The vocabulary has 516 tokens and ends texts with token 515, but config\.json wants .*do not belong together\.\n$/;
  await refused((text) => { delete text.eos_token_id; }, apart); // transformers' default is 49407
  await refused((text) => { Object.assign(text, { eos_token_id: 2, vocab_size: 644 }); }, apart);
  await refused((text) => { Object.assign(text, { eos_token_id: 2, vocab_size: 515 }); }, apart);
  await refused((text) => { Object.assign(text, { eos_token_id: 2, vocab_size: 643 }); }, /token_embedding\.weight does not have the shape/);
  rmSync(join(path, 'merges.txt'));
  mkdirSync(join(path, 'merges.txt'));
  assert.match((await kin(['convert', path, '-o', join(root, 'out')])).err, /^kin: merges\.txt: .* is not a file\.\n$/);
});

test('a clone without Git LFS is told of its pointers', async (t) => {
  const root = folder(t), model = tinyModel(join(root, 'hf')), weights = join(model, 'model.safetensors');
  writeFileSync(weights, 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 605157884\n');
  for (const args of [['convert', model, '-o', join(root, 'out')], ['embed', '--text', 'a', '--model', model]]) {
    const { code, err } = await kin(args);
    assert.equal(code, 1, err);
    assert.match(err, /model\.safetensors is a pointer of Git LFS, .*'git lfs pull'/);
  }
});

test('the output folder is made, with those above it, or refused before anything is read', async (t) => {
  const root = folder(t);
  const path = tinyModel(join(root, 'hf'));
  const { code, err } = await kin(['convert', path, '-o', join(root, 'a', 'b', 'c')]);
  assert.equal(code, 0, err);
  assert.ok(readdirSync(join(root, 'a', 'b', 'c')).includes('manifest.json'));
  assert.deepEqual(readdirSync(join(root, 'a', 'b')), ['c']);
  const within = await kin(['convert', path, '-o', join(path, 'vocab.json', 'x', 'y')]);
  assert.equal(within.code, 1);
  assert.match(within.err, /vocab\.json is a file/);
  assert.deepEqual(readdirSync(root).sort(), ['a', 'hf']);
});

test('verify sees one changed byte, a missing and a cut file', async (t) => {
  const root = folder(t);
  tinyModel(join(root, 'hf'));
  const out = join(root, 'out');
  assert.equal((await kin(['convert', join(root, 'hf'), '-o', out])).code, 0);
  const path = join(out, 'image.safetensors');
  const good = readFileSync(path);
  const bad = Buffer.from(good);
  bad[bad.length - 5] ^= 1;
  writeFileSync(path, bad);
  const changed = await kin(['verify', out]);
  assert.equal(changed.code, 1);
  assert.match(changed.err, /image.safetensors has other bytes than manifest.json says/);
  writeFileSync(path, good.subarray(0, -1));
  assert.match((await kin(['verify', out])).err, /image.safetensors has \d+ bytes instead of \d+/);
  writeFileSync(path, good);
  assert.equal((await kin(['verify', out, '--json'])).lines()[0].ok, true);
  for (const name of readdirSync(out).filter((file) => file !== 'manifest.json')) { // a bit of every file
    const bytes = readFileSync(join(out, name));
    const at = bytes.length * 7 >> 3;
    bytes[at] ^= 4;
    writeFileSync(join(out, name), bytes);
    const { code, err } = await kin(['verify', out]);
    assert.equal(code, 1, name);
    assert.ok(err.includes(`${name} has other bytes than manifest.json says`), err);
    bytes[at] ^= 4;
    writeFileSync(join(out, name), bytes);
  }
  assert.match((await kin(['verify', out])).out, /: good\n$/);
  const list = join(out, 'manifest.json'), manifest = JSON.parse(readFileSync(list));
  for (const files of [7, [null], [{ name: 'config.json' }]]) {
    writeFileSync(list, JSON.stringify({ ...manifest, files }));
    for (const command of ['verify', 'inspect'])
      assert.match((await kin([command, out])).err, /^kin: .*manifest\.json does not list files by name and bytes: .*\n$/, JSON.stringify(files));
  }
  writeFileSync(list, JSON.stringify({ ...manifest, licence: '\u001b[2J' }));
  assert.match((await kin(['inspect', out])).out, /^licence +\[2J$/m);
  writeFileSync(list, JSON.stringify({ ...manifest, dtype: 'f64' }));
  assert.match((await kin(['verify', out])).out, /: good\n$/);
  const plain = await kin(['verify', join(root, 'hf')]);
  assert.equal(plain.code, 0);
  assert.match(plain.out, /readable; without a manifest\.json/);
});

test('verify holds the weights against their own checksums, whatever the manifest says', async (t) => {
  const root = folder(t);
  const out = join(root, 'out');
  assert.equal((await kin(['convert', tinyModel(join(root, 'hf')), '-o', out])).code, 0);
  const path = join(out, 'text.safetensors');
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(path, bytes);
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json')));
  manifest.files.find(({ name }) => name === 'text.safetensors').sha256 = createHash('sha256').update(bytes).digest('hex');
  delete manifest.ids;
  writeFileSync(join(out, 'manifest.json'), JSON.stringify(manifest));
  const { code, err } = await kin(['verify', out]);
  assert.equal(code, 1);
  assert.match(err, /damaged: tensor text_model\.[\w.]+ has other bytes than were written; fetch or convert it again/);
});

test('no bit of a converted model is flipped unnoticed: each is refused, or the tower is the same to the bit', async (t) => {
  const root = folder(t);
  const engine = await openEngine(await WebAssembly.compile(readFileSync(new URL('../../web/wasm/kin-simd.wasm', import.meta.url))));
  const { towers, dtypes, statuses } = engine.facts;
  tinyModel(join(root, 'hf'));
  const small = (name) => readFileSync(join(root, 'hf', name));
  for (const dtype of ['q8', 'f32']) {
    assert.equal((await kin(['convert', join(root, 'hf'), '-o', join(root, dtype), '--dtype', dtype])).code, 0);
    const ctx = engine.pointer('kin_open');
    engine.with([small('config.json')], (...text) => engine.check(ctx, engine.call('kin_config', ctx, ...text)));
    engine.with([small('preprocessor_config.json')], (...text) => engine.check(ctx, engine.call('kin_preprocessing', ctx, ...text)));
    engine.with([small('vocab.json'), small('merges.txt'), null, null, null, null], (...texts) =>
      engine.check(ctx, engine.call('kin_vocabulary', ctx, ...texts)));
    for (const tower of ['image', 'text']) {
      const file = readFileSync(join(root, dtype, `${tower}.safetensors`));
      const load = () => {
        engine.check(ctx, engine.call('kin_tower_begin', ctx, towers[tower], dtypes[dtype]));
        const status = engine.with([file], (...bytes) => engine.call('kin_tower_feed', ctx, ...bytes)) ||
          engine.call('kin_tower_file_end', ctx) || engine.call('kin_tower_end', ctx);
        if (status) return statuses[status];
        engine.check(ctx, engine.call('kin_identify', ctx, towers[tower]));
        return engine.json('kin_info', ctx)[tower].id;
      };
      const id = load();
      let refused = 0;
      for (const bit of seeded(2_500, 8 * file.length)) {
        file[bit >> 3] ^= 1 << (bit & 7);
        const got = load();
        assert.ok(got === id || got === 'not-a-model', `${dtype} ${tower}, bit ${bit & 7} of byte ${bit >> 3}: ${got}`);
        refused += got !== id;
        file[bit >> 3] ^= 1 << (bit & 7);
      }
      assert.ok(refused > 2_490, `${refused} of 2500`); // but for those in the name kin.crc32
    }
    engine.call('kin_close', ctx);
  }
});

test('files over 20 MiB become shards, tensors over 16 MiB are split by rows', () => {
  const MiB = 2 ** 20;
  const big = new Uint8Array(33 * MiB).map((_, i) => i * 31 >> 3);
  const files = tensorFiles('text', [
    { name: 'b.weight', dtype: 'I8', shape: [33 * 1024, 1024], bytes: big },
    { name: 'b.weight_scale', dtype: 'F32', shape: [2], bytes: new Uint8Array(8) },
    { name: 'a', dtype: 'F16', shape: [8 * MiB], bytes: new Uint8Array(16 * MiB) },
  ], { 'kin.weights': 's7q128' });
  const index = JSON.parse(Buffer.concat([files.at(-1).bytes].flat()));
  assert.equal(files.at(-1).name, 'text.safetensors.index.json');
  assert.equal(index.metadata.total_size, 49 * MiB + 8);
  assert.deepEqual(Object.keys(index.weight_map),
    ['b.weight_scale', 'a', 'b.weight@0', 'b.weight@16384', 'b.weight@32768']);
  const joined = [];
  for (const { name, bytes } of files.slice(0, -1)) {
    const file = new Uint8Array(Buffer.concat(bytes));
    assert.match(name, /^text-0000\d-of-0000\d\.safetensors$/);
    assert.ok(file.length <= 20 * MiB, `${name} has ${file.length} bytes`);
    const { tensors, metadata } = readHeader(file);
    assert.equal(metadata['kin.weights'], 's7q128');
    const start = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
    for (const [tensor, { data_offsets: [from, to] }] of Object.entries(tensors)) {
      assert.equal(index.weight_map[tensor], name);
      if (tensor.startsWith('b.weight@')) joined.push(file.subarray(start + from, start + to));
    }
  }
  assert.ok(Buffer.concat(joined).equals(Buffer.from(big.buffer)));
});
