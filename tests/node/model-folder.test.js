// Model folders as they are found: of another kind, of another format, and what of their files decides an id.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from '../../web/index.node.js';
import { embedded, vit } from '../models.js';
import { folder, kin, tinyModel } from './cli-support.js';

const read = (path, name) => JSON.parse(readFileSync(join(path, name), 'utf8'));
const write = (path, name, value) => writeFileSync(join(path, name), JSON.stringify(value));

// A copy of `path` in which `change` has been at the JSON file `name`.
function changed(t, path, name, change) {
  const copy = join(folder(t), 'model');
  cpSync(path, copy, { recursive: true });
  const json = read(copy, name);
  write(copy, name, change(json) ?? json);
  return copy;
}

async function ids(model) {
  const clip = await load({ model, worker: false });
  try {
    return { image: await clip.identify('image'), text: await clip.identify('text') };
  } finally {
    await clip.close();
  }
}

test('what decides an embedding decides the id, and nothing else does', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const first = await ids(path);
  const deciding = {
    heads: (part) => { part.num_attention_heads = 4; },
    activation: (part) => { part.hidden_act = 'gelu'; },
    eps: (part) => { part.layer_norm_eps = 1e-3; },
  };
  const seen = { image: new Set([first.image]), text: new Set([first.text]) };
  for (const [what, change] of Object.entries(deciding))
    for (const [tower, part] of [['image', 'vision_config'], ['text', 'text_config']]) {
      const now = await ids(changed(t, path, 'config.json', (config) => change(config[part])));
      assert.ok(!seen[tower].has(now[tower]), `${what} of the ${tower} tower`);
      seen[tower].add(now[tower]);
      const other = tower === 'image' ? 'text' : 'image';
      assert.equal(now[other], first[other], `${what} of the ${tower} tower is nothing to the other`);
    }
  const end = await ids(changed(t, path, 'config.json', (config) => { config.text_config.eos_token_id = 2; }));
  assert.ok(!seen.text.has(end.text), 'the rule of the end token');
  const pixels = await ids(changed(t, path, 'preprocessor_config.json', () => ({ size: [32, 32], crop_size: 32 })));
  assert.ok(!seen.image.has(pixels.image) && pixels.text === first.text, 'how pictures are made smaller');
  assert.deepEqual(await ids(changed(t, path, 'config.json', (config) => {
    config.transformers_version = '5.24.0';
    config.text_config.layer_norm_eps = 1e-5; // its default
    config.vision_config.attention_dropout = 0;
  })), first);
  const out = join(folder(t), 'out');
  assert.equal((await kin(['convert', path, '-o', out])).code, 0);
  assert.deepEqual(await ids(out), first);
  assert.deepEqual(read(out, 'manifest.json').ids, first);
});

test('the models with trained weights are what their manifests say', async () => {
  for (const path of [embedded, vit]) assert.deepEqual(await ids(path), read(path, 'manifest.json').ids, path);
});

test('a model of another kind is unsupported when it is loaded, by the name of its kind', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const of = (change) => load({ model: changed(t, path, 'config.json', change), worker: false });
  for (const kind of ['siglip', 'clip_vision_model', 'chinese_clip', 'blip'])
    await assert.rejects(of((config) => { config.model_type = kind; }), (error) => error.code === 'unsupported' &&
      error.message.includes(`"${kind}"`) && !error.message.includes('\n'));
  await assert.rejects(of((config) => { config.model_type = ['clip']; }), { code: 'not-a-model', message: /model_type/ });
  await assert.rejects(of(() => []), { code: 'not-a-model', message: /config\.json/ });
  await assert.rejects(of((config) => { config.vision_config.hidden_size = config.text_config.hidden_size = 3; }),
    { code: 'unsupported', message: /hidden_size/ });
  await (await of((config) => { delete config.model_type; })).close();
  const { code, err } = await kin(['tokens', 'a', '--model', changed(t, path, 'config.json', (config) => { config.model_type = 'siglip'; })]);
  assert.equal(code, 1);
  assert.match(err, /^kin: [^\n]*siglip[^\n]*\n$/);
});

test('a manifest of another format is refused, one of somebody else is passed over', async (t) => {
  const out = join(folder(t), 'out');
  assert.equal((await kin(['convert', tinyModel(join(folder(t), 'hf')), '-o', out])).code, 0);
  const of = (change) => load({ model: changed(t, out, 'manifest.json', change), worker: false });
  for (const format of [99, 0, '1', null])
    await assert.rejects(of((manifest) => { manifest.format = format; }), { code: 'unsupported', message: /manifest\.json.*format/ });
  await (await of(() => ({ name: 'Shop', icons: [], start_url: '/' }))).close(); // of a web application
  await (await of((manifest) => { manifest.kind = 'gallery'; })).close();
});

test('a file of another size than the manifest says is no model', async (t) => {
  const out = join(folder(t), 'out');
  assert.equal((await kin(['convert', tinyModel(join(folder(t), 'hf')), '-o', out])).code, 0);
  for (const [name, change] of [['image.safetensors', (bytes) => bytes.subarray(0, -1)],
    ['preprocessor_config.json', (bytes) => Buffer.concat([bytes, Buffer.from(' ')])],
    ['vocab.json', (bytes) => Buffer.concat([bytes, Buffer.from('\n')])]]) {
    const copy = join(folder(t), 'model');
    cpSync(out, copy, { recursive: true });
    writeFileSync(join(copy, name), change(readFileSync(join(copy, name))));
    await assert.rejects(ids(copy), (error) => error.code === 'not-a-model' && error.message.includes(name) &&
      /manifest\.json says/.test(error.message), name);
  }
});

/* ---- added tokens: the ids are transformers' 5.24 (tools/golden_tokens.py asks it about more forms) ---- */

const toys = { '<cat-toy>': 8192, '<sks>': 8193 };
const text = '<cat-toy> on a <sks> table';
const expected = [8190, 8192, 525, 320, 8193, 2175, 8191];

// A trained vocabulary as one file, with these added tokens.
function wholeTokenizer(added) {
  const merges = readFileSync(join(vit, 'merges.txt'), 'utf8').split('\n').slice(1).filter(Boolean);
  return { version: '1.0', added_tokens: added.map(([id, content, special]) => ({ id, content, special, normalized: !special,
    single_word: false, lstrip: false, rstrip: false })), model: { type: 'BPE', merges,
    vocab: read(vit, 'vocab.json') } };
}

async function tokens(model, what = text) {
  const clip = await load({ model, worker: false });
  try {
    return [...await clip.tokenize(what)];
  } finally {
    await clip.close();
  }
}

test('added_tokens.json, and tokenizer.json beside vocab.json, count as in the reference', async (t) => {
  const plain = join(folder(t), 'plain');
  for (const name of ['config.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'])
    cpSync(join(vit, name), join(plain, name));
  const within = (name, value) => {
    const copy = join(folder(t), 'model');
    cpSync(plain, copy, { recursive: true });
    write(copy, name, value);
    return copy;
  };
  assert.notDeepEqual(await tokens(plain), expected);
  assert.deepEqual(await tokens(within('added_tokens.json', toys)), expected);
  assert.deepEqual(await tokens(within('added_tokens.json', Object.fromEntries(Object.entries(toys).reverse()))), expected);
  const listed = [[8190, '<|startoftext|>', true], [8191, '<|endoftext|>', true], [8192, '<cat-toy>', false], [8193, '<sks>', false]];
  const both = within('tokenizer.json', wholeTokenizer(listed));
  assert.deepEqual(await tokens(both), expected);
  writeFileSync(join(both, 'vocab.json'), 'not read');
  assert.deepEqual(await tokens(both), expected);
  const out = (await kin(['tokens', text, '--model', both])).out;
  assert.deepEqual(JSON.parse(out), expected);
  await assert.rejects(tokens(within('added_tokens.json', ['<sks>'])), { code: 'not-a-model', message: /added_tokens\.json/ });
  await assert.rejects(tokens(within('added_tokens.json', { '<sks>': 'x' })), { code: 'not-a-model' });
  await assert.rejects(tokens(within('added_tokens.json', { '<sks>': 9000 })), { code: 'unsupported', message: /8192/ });
  await assert.rejects(tokens(within('tokenizer_config.json', { image_token: '<image>' })), { code: 'unsupported', message: /image_token/ });
});

test('a table whose bytes are more than 32 bits tell is not read', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const config = read(path, 'config.json');
  Object.assign(config.text_config, { hidden_size: 4096, num_attention_heads: 8, num_hidden_layers: 1, vocab_size: 2 ** 20 });
  write(path, 'config.json', config);
  const header = Buffer.from(JSON.stringify({ 'text_model.embeddings.token_embedding.weight':
    { dtype: 'F32', shape: [2 ** 20, 4096], data_offsets: [0, 2 ** 34] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(join(path, 'text.safetensors'), Buffer.concat([length, header, Buffer.alloc(2 ** 22)]));
  for (const dtype of ['f32', 'q8']) {
    const clip = await load({ model: path, worker: false, dtype });
    await assert.rejects(clip.identify('text'), { code: 'out-of-memory', message: /text tower's weights/ });
    await clip.close();
  }
});

test('weights that halves cannot keep are refused as q8 and read as f32', async (t) => {
  for (const name of ['vision_model.embeddings.patch_embedding.weight', 'visual_projection.weight']) {
    const path = tinyModel(join(folder(t), 'model'));
    const bytes = readFileSync(join(path, 'model.safetensors'));
    const data = 8 + Number(bytes.readBigUInt64LE(0));
    const [at] = JSON.parse(bytes.toString('utf8', 8, data))[name].data_offsets;
    const vector = async (value, dtype) => {
      bytes.writeFloatLE(value, data + at + 4);
      writeFileSync(join(path, 'model.safetensors'), bytes);
      const clip = await load({ model: path, worker: false, dtype });
      return clip.embedImage({ data: new Uint8Array(3), width: 1, height: 1 }).finally(() => clip.close());
    };
    await vector(65_519, 'q8');
    await assert.rejects(vector(65_520, 'q8'), { code: 'unsupported', message: new RegExp(`^${name} holds a number above 65504`) });
    await assert.rejects(vector(-1e30, 'q8'), { code: 'unsupported' });
    await vector(1e9, 'f32');
  }
});

test('a logit_scale that was exponentiated already, or is none, is refused', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const bytes = readFileSync(join(path, 'model.safetensors'));
  bytes.writeFloatLE(100, 8 + Number(bytes.readBigUInt64LE(0))); // the first tensor
  writeFileSync(join(path, 'model.safetensors'), bytes);
  await assert.rejects(ids(path), { code: 'not-a-model', message: /logit_scale is too large/ });
});

test('processor_config.json counts before preprocessor_config.json where it holds an image_processor, as in the reference', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const rules = { size: [32, 32], crop_size: 32 };
  const image = async (model) => (await ids(model)).image;
  const squashed = await image(changed(t, path, 'preprocessor_config.json', () => rules));
  const both = (whole) => {
    const copy = changed(t, path, 'preprocessor_config.json', () => {});
    write(copy, 'processor_config.json', whole);
    return copy;
  };
  for (const more of [{}, { attributes: ['image_processor', 'tokenizer'] }, { image_processor: 'CLIPImageProcessor' }])
    assert.equal(await image(both({ processor_class: 'CLIPProcessor', ...more })), await image(path), 'the word alone');
  const model = both({ processor_class: 'CLIPProcessor', image_processor: rules });
  assert.equal(await image(model), squashed);
  const out = join(folder(t), 'out');
  assert.equal((await kin(['convert', model, '-o', out])).code, 0);
  assert.equal(await image(out), squashed);
  rmSync(join(model, 'preprocessor_config.json'));
  assert.equal(await image(model), squashed);
  write(model, 'processor_config.json', { processor_class: 'CLIPProcessor' });
  await assert.rejects(image(model), { code: 'not-a-model', message: /has no preprocessor_config\.json/ });
});

test('convert takes the vocabulary that counts, and the ids stay', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const vocab = read(path, 'vocab.json');
  const merges = readFileSync(join(path, 'merges.txt'), 'utf8').split('\n').slice(1).filter(Boolean);
  write(path, 'tokenizer.json', { added_tokens: [], model: { vocab, merges } });
  write(path, 'added_tokens.json', { th: vocab.th });
  const out = join(folder(t), 'out');
  const { code, err } = await kin(['convert', path, '-o', out]);
  assert.equal(code, 0, err);
  const names = read(out, 'manifest.json').files.map((file) => file.name);
  assert.ok(names.includes('tokenizer.json') && names.includes('added_tokens.json'));
  assert.ok(!names.includes('vocab.json') && !names.includes('merges.txt'));
  assert.deepEqual(await ids(out), await ids(path));
});
