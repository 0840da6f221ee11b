// What the command-line tests share: tiny pictures drawn here, a folder that goes away, and `kin`
// as a real child process.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';

export const cli = fileURLToPath(new URL('../../catalog/cli.js', import.meta.url));

// pixel(x, y) -> [r, g, b] or [r, g, b, a].
export function png(width, height, pixel) {
  const channels = pixel(0, 0).length;
  const inputHasAlpha = channels === 4;
  const data = Buffer.alloc(width * height * channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.set(pixel(x, y), (y * width + x) * channels);
  const colorType = inputHasAlpha ? 6 : 2;
  return PNG.sync.write({ width, height, data }, { colorType, inputColorType: colorType, inputHasAlpha, filterType: 0 });
}

// A picture of its own for every number: two colours in stripes of a width and slant.
export function drawing(n, size = 40) {
  const a = [n * 53 % 256, n * 101 % 256, n * 197 % 256];
  const b = [255 - a[0], a[2], 255 - a[1]];
  return png(size, size, (x, y) => ((x * (n % 3 + 1) + y * (n % 5)) >> 3) & 1 ? a : b);
}

export function folder(context) {
  const path = mkdtempSync(join(tmpdir(), 'kin-test-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

// Runs `kin`; resolves to { code, out, err, lines() } whatever the exit code.
export function kin(args, { input, env, cwd, onStart } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { cwd, env: { ...process.env, ...env } });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err,
      lines: () => out.split('\n').filter(Boolean).map((line) => JSON.parse(line)) }));
    child.stdin.on('error', () => {}); // it may end before it reads
    child.stdin.end(input ?? '');
    onStart?.(child);
  });
}

/* ---- a tiny CLIP with random weights, as a Hugging Face folder ---- */

const tiny = {
  dim: 16, merges: [['t', 'h'], ['th', 'e</w>']],
  image: { width: 32, layers: 2, heads: 2, mlp: 128, patch: 8, size: 32 },
  text: { width: 32, layers: 2, heads: 2, mlp: 128, context: 16 },
};

// Byte-level units in CLIP's order, bare and at a word's end.
export function byteUnits() {
  const direct = [];
  for (const [from, to] of [[33, 126], [161, 172], [174, 255]])
    for (let code = from; code <= to; code++) direct.push(code);
  const others = [];
  for (let code = 0; code < 256; code++) if (!direct.includes(code)) others.push(256 + others.length);
  const units = [...direct, ...others].map((code) => String.fromCodePoint(code));
  return [...units, ...units.map((unit) => unit + '</w>')];
}

function block(prefix, { width, mlp }, add) {
  for (const name of ['q', 'k', 'v', 'out']) {
    add(`${prefix}.self_attn.${name}_proj.weight`, [width, width], 0.3);
    add(`${prefix}.self_attn.${name}_proj.bias`, [width], 0.1);
  }
  for (const norm of ['layer_norm1', 'layer_norm2']) {
    add(`${prefix}.${norm}.weight`, [width], 0.2, 1);
    add(`${prefix}.${norm}.bias`, [width], 0.1);
  }
  add(`${prefix}.mlp.fc1.weight`, [mlp, width], 0.3);
  add(`${prefix}.mlp.fc1.bias`, [mlp], 0.1);
  add(`${prefix}.mlp.fc2.weight`, [width, mlp], 0.2);
  add(`${prefix}.mlp.fc2.bias`, [width], 0.1);
}

// Calls add(name, shape, spread, middle) for each tensor of a CLIPModel: { dim, image, text } as
// models/index.json has it under `architecture`.
export function eachTensor({ dim, image, text }, add) {
  add('logit_scale', [], 0, 3);
  add('visual_projection.weight', [dim, image.width], 0.3);
  add('text_projection.weight', [dim, text.width], 0.3);
  add('vision_model.embeddings.class_embedding', [image.width], 0.5);
  add('vision_model.embeddings.patch_embedding.weight', [image.width, 3, image.patch, image.patch], 0.2);
  add('vision_model.embeddings.position_embedding.weight',
    [Math.floor(image.size / image.patch) ** 2 + 1, image.width], 0.3);
  add('text_model.embeddings.token_embedding.weight', [text.vocabulary, text.width], 0.5);
  add('text_model.embeddings.position_embedding.weight', [text.context, text.width], 0.3);
  for (const [norm, width] of [['vision_model.pre_layrnorm', image.width],
    ['vision_model.post_layernorm', image.width], ['text_model.final_layer_norm', text.width]]) {
    add(`${norm}.weight`, [width], 0.2, 1);
    add(`${norm}.bias`, [width], 0.1);
  }
  for (const [part, tower] of [['vision_model', image], ['text_model', text]])
    for (let layer = 0; layer < tower.layers; layer++)
      block(`${part}.encoder.layers.${layer}`, tower, add);
}

// Writes the folder; `seed` picks the weights.
export function tinyModel(path, seed = 1, { dim, image, text, merges } = tiny) {
  const tokens = [...byteUnits(), ...merges.map((pair) => pair.join('')), '<|startoftext|>', '<|endoftext|>'];
  let state = seed;
  const random = () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return state / 2 ** 31 - 1;
  };
  const tensors = [];
  eachTensor({ dim, image, text: { ...text, vocabulary: tokens.length } }, (name, shape, spread, middle = 0) => {
    const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
    for (let i = 0; i < values.length; i++) values[i] = middle + spread * random();
    tensors.push({ name, shape, bytes: Buffer.from(values.buffer) });
  });
  const header = {};
  let end = 0;
  for (const { name, shape, bytes } of tensors)
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end += bytes.length] };
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const tower = ({ width, layers, heads, mlp }) => ({ hidden_size: width, num_hidden_layers: layers,
    num_attention_heads: heads, intermediate_size: mlp, hidden_act: 'quick_gelu' });
  const files = {
    'model.safetensors': Buffer.concat([length, json, ...tensors.map((tensor) => tensor.bytes)]),
    'config.json': JSON.stringify({
      model_type: 'clip', architectures: ['CLIPModel'], projection_dim: dim,
      vision_config: { ...tower(image), image_size: image.size, patch_size: image.patch },
      text_config: { ...tower(text), vocab_size: tokens.length, max_position_embeddings: text.context,
        bos_token_id: tokens.length - 2, eos_token_id: tokens.length - 1 },
    }),
    'preprocessor_config.json': JSON.stringify({ size: { shortest_edge: image.size },
      crop_size: { height: image.size, width: image.size }, resample: 3 }),
    'vocab.json': JSON.stringify(Object.fromEntries(tokens.map((token, i) => [token, i]))),
    'merges.txt': `#version: 0.2\n${merges.map((pair) => pair.join(' ') + '\n').join('')}`,
  };
  mkdirSync(path, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}
