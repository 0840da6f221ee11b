// The models that contenders read, made once into build/bench/models/.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { python } from './native.js';

export const folder = 'build/bench/models';
export const names = process.env.MODELS?.split(',') ?? ['vit-b32', 'tinyclip-8m', 'kin-small'];
const litertPython = 'build/bench-litert-venv/bin/python';

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return status === 0;
}

export function makeModels() {
  if (!names.every((name) => ['reference.json', 'photo.json'].every((file) => existsSync(`${folder}/${name}/${file}`))) && !run(python, 'bench/make_models.py', folder))
    throw new Error('bench/make_models.py failed.');
  for (const name of names) {
    const model = `${folder}/${name}`;
    if (!existsSync(`${model}/kin/manifest.json`) &&
        !run(process.execPath, 'catalog/cli.js', 'convert', model, '-o', `${model}/kin`, '--quiet'))
      throw new Error(`${model} could not be converted for Kin.`);
    if (existsSync(litertPython) && !existsSync(`${model}/tflite/done`) && !run(litertPython, 'bench/make_tflite.py', model))
      console.log(`${model} could not be converted for LiteRT; its rows are left out.`);
  }
}

export const hasTflite = (name) => existsSync(`${folder}/${name}/tflite/done`);
export const reference = (name, file = 'reference.json') => JSON.parse(readFileSync(`${folder}/${name}/${file}`, 'utf8'));
