// The models that contenders read, made once into build/bench/models/.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { python } from './native.js';

export const folder = 'build/bench/models';
export const names = process.env.MODELS?.split(',') ?? ['vit-b32', 'tinyclip-8m', 'kin-small', 'kin-everyday'];
const litertPython = 'build/bench-litert-venv/bin/python';

// The embedded model has its weights; the others are converted. What Kin reads, from the served root on.
const embedded = (name) => name === 'kin-everyday';
export const kinFolder = (name) => (embedded(name) ? `models/${name}` : `${folder}/${name}/kin`);

// transformers.js reads no folder of open_clip's.
export const hasTransformers = (name) => !embedded(name);

// The least cosine to PyTorch at which an answer counts as the same. ONNX Runtime's int8 of the convolutional tower is
// what quantize_static makes of it at best: 0.89.
const least = { fp32: 0.9999, media: 0.99, q8: 0.98, int8: 0.97, dyn8: 0.97 };
export const enough = (name, tower, dtype) => (embedded(name) && tower === 'image' && dtype === 'int8' ? 0.85 : least[dtype]);

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return status === 0;
}

// The manifest names the weights, by their hashes.
const manifest = (at) => (existsSync(`${at}/manifest.json`) ? readFileSync(`${at}/manifest.json`, 'utf8') : null);

export function makeModels() {
  // What was made of the embedded model with other weights is made anew.
  for (const name of names.filter(embedded))
    if (manifest(`${folder}/${name}`) !== manifest(kinFolder(name))) rmSync(`${folder}/${name}`, { recursive: true, force: true });
  if (!names.every((name) => ['reference.json', 'photo.json'].every((file) => existsSync(`${folder}/${name}/${file}`))) &&
      !run(python, 'bench/make_models.py', folder, ...names))
    throw new Error('bench/make_models.py failed.');
  for (const name of names) {
    const model = `${folder}/${name}`;
    if (!embedded(name) && !existsSync(`${kinFolder(name)}/manifest.json`) &&
        !run(process.execPath, 'catalog/cli.js', 'convert', model, '-o', kinFolder(name), '--quiet'))
      throw new Error(`${model} could not be converted for Kin.`);
    if (existsSync(litertPython) && !existsSync(`${model}/tflite/done`) && !run(litertPython, 'bench/make_tflite.py', model))
      console.log(`${model} could not be converted for LiteRT; its rows are left out.`);
    if (embedded(name)) copyFileSync(`${kinFolder(name)}/manifest.json`, `${model}/manifest.json`);
  }
}

export const hasTflite = (name, file = 'image.fp32') => ['done', `${file}.tflite`].every((one) => existsSync(`${folder}/${name}/tflite/${one}`));
export const reference = (name, file = 'reference.json') => JSON.parse(readFileSync(`${folder}/${name}/${file}`, 'utf8'));
