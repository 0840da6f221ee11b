// Folders in open_clip's form, against what open_clip makes of them (tools/golden_open_clip.py): pixels, embeddings, ids,
// and what is refused by name.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from '../../web/index.node.js';
import { folder, kin } from './cli-support.js';
import './relaxed.js';
import { largeWeights, readTensors, vocabulary, words } from './towers.js';

const golden = fileURLToPath(new URL('../golden/open_clip', import.meta.url));
const config = 'open_clip_config.json';

// A copy with a vocabulary, in which `change` has been at the configuration.
function modelOf(t, name, change = () => {}) {
  const path = join(folder(t), name);
  cpSync(join(golden, name), path, { recursive: true });
  for (const [file, text] of Object.entries(vocabulary)) writeFileSync(join(path, file), text);
  const json = JSON.parse(readFileSync(join(path, config), 'utf8'));
  change(json.model_cfg, json.preprocess_cfg);
  writeFileSync(join(path, config), JSON.stringify(json));
  return path;
}

const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

async function withClip(model, options, run) {
  const clip = await load({ model, worker: false, ...options });
  try {
    return await run(clip);
  } finally {
    await clip.close();
  }
}

const ids = (model) => withClip(model, {}, async (clip) =>
  ({ image: await clip.identify('image'), text: await clip.identify('text') }));

function expected(name) {
  const tensors = readTensors(join(golden, name, 'expected.safetensors'));
  const floats = (key) => new Float32Array(tensors[key].bytes.buffer);
  const [height, width] = tensors.picture.shape;
  const list = [...new Int32Array(tensors.ids.bytes.buffer)];
  return { picture: { data: tensors.picture.bytes, width, height }, pixels: tensors.pixels.bytes,
    text: list.slice(1, list.indexOf(words.size - 1)).map((id) => words.get(id)).join(' '),
    vectors: { image: floats('image.embedding'), text: floats('text.embedding') } };
}

for (const [name, q8] of [['vit-gelu', 0.99], ['vit-quick-f16', 0.99], ['vit-squash-bf16', 0.99]])
  test(`${name}: open_clip's own pixels and vectors, the same model when it is converted`, async (t) => {
    const path = modelOf(t, name);
    const { picture, pixels, text, vectors } = expected(name);
    for (const [dtype, least] of [['f32', 0.99999], ['q8', q8]])
      await withClip(path, { dtype }, async (clip) => {
        assert.deepEqual(Buffer.from((await clip.preprocess(picture)).data), Buffer.from(pixels));
        const image = cosine(await clip.embedImage(picture), vectors.image);
        const words = cosine(await clip.embedText(text), vectors.text);
        assert.ok(image > least && words > least, `${dtype}: ${image}, ${words}`);
      });
    const out = join(folder(t), 'out');
    assert.equal((await kin(['convert', path, '-o', out])).code, 0);
    assert.deepEqual(await ids(out), await ids(path));
    assert.equal((await kin(['verify', out])).code, 0);
    const vector = (model) => withClip(model, {}, (clip) => clip.embedImage(picture));
    assert.deepEqual(await vector(out), await vector(path));
  });

// A config.json of a network alone, as timm's repositories have, or of code of its own; and weights by themselves.
for (const [whose, other] of Object.entries({ timm: { architecture: 'vit_base_patch32_clip_224', num_classes: 512, pretrained_cfg: { tag: 'openai' }, description: 'model_type: clip style' },
  'a shop': { model_type: '', architectures: ['ShopCLIP'], open_clip_model_name: 'hf-hub:shop/clip' } }))
  test(`a config.json of ${whose} beside open_clip's is passed over, in a converted folder too`, async (t) => {
    const path = modelOf(t, 'vit-gelu'), wanted = await ids(path), out = join(folder(t), 'out');
    writeFileSync(join(path, 'config.json'), JSON.stringify(other, null, 2));
    writeFileSync(join(path, 'model.safetensors'), 'no weights of ours');
    assert.deepEqual(await ids(path), wanted);
    assert.equal((await kin(['convert', path, '-o', out])).code, 0);
    assert.ok(!existsSync(join(out, 'config.json')) && existsSync(join(out, config)));
    assert.deepEqual(await ids(out), wanted);
  });

const lite0 = join(golden, 'lite0');

// EfficientNet-Lite0 padded in the one way or the other.
function convolutional(t, padding) {
  const path = join(folder(t), padding);
  mkdirSync(path);
  cpSync(join(lite0, `open_clip_config.${padding}.json`), join(path, config));
  writeFileSync(join(path, 'open_clip_model.safetensors'), largeWeights(lite0));
  for (const [file, text] of Object.entries(vocabulary)) writeFileSync(join(path, file), text);
  const tensors = readTensors(join(lite0, 'expected.safetensors'));
  const { shape: [n, size], bytes } = tensors[`pictures.${padding}`];
  const { shape: [, dim], bytes: vectors } = tensors[`image.${padding}`];
  return { path, cases: Array.from({ length: n }, (_, i) => ({
    picture: { data: bytes.subarray(i * size * size * 3, (i + 1) * size * size * 3), width: size, height: size },
    vector: new Float32Array(vectors.buffer, i * dim * 4, dim),
  })) };
}

for (const [i, padding] of ['same', 'symmetric'].entries())
  test(`EfficientNet-Lite0, ${padding} padding: open_clip's vectors, native bits everywhere, the same model when it is converted`, async (t) => {
    const { path, cases } = convolutional(t, padding);
    const stored = readFileSync(join(lite0, 'q8.bin'));
    const out = join(folder(t), 'out');
    await withClip(path, { dtype: 'f32' }, async (clip) => {
      for (const { picture, vector } of cases) assert.ok(cosine(await clip.embedImage(picture), vector) > 0.99999);
    });
    assert.equal((await kin(['convert', path, '-o', out])).code, 0);
    assert.deepEqual(await ids(out), await ids(path));
    assert.equal((await kin(['verify', out])).code, 0);
    for (const options of ['simd', 'relaxed'].flatMap((kind) => [{ variant: kind }, { variant: `${kind}-threads`, threads: 1 },
      { variant: `${kind}-threads`, threads: 2 }]))
      await withClip(out, { ...options, worker: undefined }, async (clip) => {
        for (const [j, { picture, vector }] of cases.entries()) {
          const got = await clip.embedImage(picture);
          assert.ok(cosine(got, vector) > 0.99, `${cosine(got, vector)}`);
          const at = (i * cases.length + j) * 4 * vector.length;
          assert.deepEqual(Buffer.from(got.buffer, got.byteOffset, got.byteLength), stored.subarray(at, at + 4 * vector.length),
            JSON.stringify(options));
        }
      });
  });

test('a convolutional tower whose batch norms are not whole is refused by the name of what is missing', async (t) => {
  const { path } = convolutional(t, 'same');
  const file = join(path, 'open_clip_model.safetensors');
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.from(bytes.toString('latin1').replace('visual.trunk.bn2.running_var', 'kin.a_name_that_is_passed_by'), 'latin1'));
  await assert.rejects(withClip(path, {}, (clip) => clip.identify('image')),
    { code: 'not-a-model', message: /lack visual\.trunk\.bn2\.running_var/ });
});

test('the same weights and configuration in the form of Hugging Face are the same model', async (t) => {
  const path = modelOf(t, 'vit-squash-bf16');
  const form = join(folder(t), 'form');
  assert.equal((await kin(['convert', path, '-o', form, '--dtype', 'f32'])).code, 0);
  for (const name of [config, 'manifest.json']) rmSync(join(form, name));
  const tower = { num_attention_heads: 1, hidden_size: 32, intermediate_size: 128, num_hidden_layers: 1, hidden_act: 'gelu' };
  writeFileSync(join(form, 'config.json'), JSON.stringify({ model_type: 'clip', projection_dim: 24,
    vision_config: { ...tower, image_size: 24, patch_size: 12 },
    text_config: { ...tower, num_attention_heads: 2, num_hidden_layers: 2, vocab_size: 96, max_position_embeddings: 12, eos_token_id: 2 } }));
  writeFileSync(join(form, 'preprocessor_config.json'), JSON.stringify({ size: { height: 24, width: 24 }, do_center_crop: false,
    image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }));
  assert.deepEqual(await ids(form), await ids(path));
});

test('a text tower of its own name is read as well', async (t) => {
  const path = modelOf(t, 'vit-gelu', (model) => { model.custom_text = true; });
  const file = join(path, 'open_clip_model.safetensors');
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const renamed = Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(header).map(([name, about]) =>
    [/^(visual\.|logit_scale$|__metadata__$)/.test(name) ? name : `text.${name}`, about]))));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(renamed.length));
  writeFileSync(file, Buffer.concat([size, renamed, bytes.subarray(8 + length)]));
  assert.deepEqual(await ids(path), await ids(modelOf(t, 'vit-gelu')));
});

test('what open_clip has and Kin has not is refused by name', async (t) => {
  const refused = (change, use, code, message) => assert.rejects(
    withClip(modelOf(t, 'vit-gelu', change), {}, use), (error) => error.code === code && message.test(error.message));
  const text = (clip) => clip.embedText('a');
  const image = (clip) => clip.preprocess({ data: new Uint8Array(3), width: 1, height: 1 });
  await refused((model) => { model.vision_cfg.timm_model_name = 'convnext_base'; }, text, 'unsupported', /^open_clip_config\.json: .*"convnext_base"/);
  await refused((model) => { model.text_cfg.hf_model_name = 'roberta-base'; }, image, 'unsupported', /"roberta-base"/);
  await refused((model) => { model.text_cfg.no_causal_mask = true; }, text, 'unsupported', /no_causal_mask/);
  await refused((model) => { model.text_cfg.pool_type = 'last'; }, text, 'unsupported', /pool_type/);
  await refused((model) => { model.text_cfg.tokenizer_kwargs = { clean: 'canonicalize' }; }, text, 'unsupported', /tokenizer_kwargs/);
  await refused((model) => { model.text_cfg.tokenizer_mode = 'clips'; }, text, 'unsupported', /tokenizer_mode/);
  await refused((model) => { Object.assign(model.text_cfg, { tokenizer_kwargs: {}, pool_type: 'last' }); }, text, 'unsupported', /pool_type/);
  await refused((model) => { model.text_cfg.pool_type = 'tok'; }, text, 'unsupported', /pool_type must be argmax/);
  await refused((model) => { model.vision_cfg.pool_type = 'argmax'; }, (clip) => clip.identify('image'), 'unsupported', /pool_type must be tok/);
  await refused((model) => { model.init_logit_bias = -10; }, text, 'unsupported', /init_logit_bias/);
  await refused((model) => { model.text_cfg.width = 40; }, text, 'not-a-model', /shape that open_clip_config\.json asks for/);
  await refused((model) => { model.vision_cfg.layers = [3, 4, 6, 3]; }, (clip) => clip.identify('image'), 'unsupported', /^open_clip_config\.json: .* ResNets/);
  await refused((model) => { delete model.embed_dim; }, text, 'unsupported', /^open_clip_config\.json: embed_dim/);
  await refused((model) => { model.text_cfg.hf_model_name = 7; }, text, 'not-a-model', /^open_clip_config\.json: hf_model_name/);
  const lite = (its) => (model) => { model.vision_cfg = { timm_model_name: 'tf_efficientnet_lite0', image_size: 64, ...its }; };
  const embed = (clip) => clip.identify('image');
  await refused(lite({ timm_model_name: 'efficientnet_lite5' }), text, 'unsupported', /"efficientnet_lite5"/);
  await refused(lite({ timm_model_name: 'efficientnet_b0' }), text, 'unsupported', /"efficientnet_b0"/);
  await refused(lite({ timm_pool: 'max' }), embed, 'unsupported', /timm_pool/);
  await refused(lite({ timm_proj: 'mlp' }), embed, 'unsupported', /timm_proj/);
  await refused(lite({ image_size: 16 }), embed, 'unsupported', /image_size/);
  await refused(lite({}), embed, 'not-a-model', /of this open_clip_config\.json does not/);
  await refused((_, preprocess) => { preprocess.size = 30; }, embed, 'not-a-model', /^open_clip_config\.json makes pictures of 30x30/);
  await refused((_, preprocess) => { preprocess.std = [1, 1, 0]; }, image, 'not-a-model', /^open_clip_config\.json: std must/);
  await refused((_, preprocess) => { preprocess.resize_mode = 'longest'; }, image, 'unsupported', /resize_mode/);
  await refused((_, preprocess) => { preprocess.interpolation = 'random'; }, image, 'unsupported', /interpolation/);
  const bare = modelOf(t, 'vit-gelu');
  rmSync(join(bare, 'merges.txt'));
  await assert.rejects(withClip(bare, {}, text), { code: 'not-a-model', message: /tokenizer\.json, or vocab\.json and merges\.txt/ });
  assert.ok(existsSync(join(bare, config)));
  const empty = modelOf(t, 'vit-gelu');
  rmSync(join(empty, 'open_clip_model.safetensors'));
  await assert.rejects(withClip(empty, {}, text), { code: 'not-a-model', message: /text\.safetensors or open_clip_model\.safetensors/ });
  const bin = modelOf(t, 'vit-gelu');
  cpSync(join(bin, 'open_clip_model.safetensors'), join(bin, 'open_clip_pytorch_model.bin'));
  rmSync(join(bin, 'open_clip_model.safetensors'));
  await assert.rejects(withClip(bin, {}, text), { code: 'unsupported', message: /open_clip_pytorch_model\.bin/ });
});
