// What the worker's side needs of Node and a page has otherwise.
import { constants, createReadStream } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { fail } from '../shared/errors.js';
import { features as probe } from './variant.js';

export const features = () => ({ ...probe(true), cores: availableParallelism() });

export async function module(variant, io) {
  const { href } = new URL(`../wasm/kin-${variant}.wasm`, import.meta.url);
  const url = await io.resolve?.(`kin-${variant}.wasm`, href) ?? href;
  return WebAssembly.compile(await readFile(new URL(url)));
}

export const turn = () => new Promise((resolve) => { setImmediate(resolve); });

// Opened when the first chunk is asked for, so that what is never read holds no file open.
async function* chunksOf(path, refuse) {
  try {
    yield* createReadStream(path, { highWaterMark: 2 ** 20 });
  } catch (error) {
    refuse(error);
  }
}

// A path or file: URL -> { total, chunks }, null where there is none, undefined for other URLs.
export async function openFile(url, name) {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1].toLowerCase();
  if (scheme !== undefined && scheme !== 'file') return undefined;
  const refuse = (error) => fail('unreadable', `${name}: ${url} cannot be read (${error.code}).`, error);
  try {
    const path = scheme ? fileURLToPath(url) : url;
    const found = await stat(path);
    if (!found.isFile()) fail('unreadable', `${name}: ${url} is not a file.`);
    await access(path, constants.R_OK);
    return { total: found.size, chunks: chunksOf(path, refuse) };
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    return error.code === 'unreadable' ? Promise.reject(error) : refuse(error);
  }
}

// For `kin convert`: what a tower's canonical file holds.
export function exportTensors(engine, tower) {
  const tensors = [];
  for (let i = 0; i < engine.call('kin_export_count', engine.ctx, tower); i++) {
    const { name, dtype, shape, bytes } = engine.json('kin_export_tensor', engine.ctx, tower, i);
    const pointer = engine.allocate(bytes);
    engine.run('kin_export_bytes', tower, i, pointer);
    tensors.push({ name, dtype, shape, bytes: engine.bytes(pointer, bytes) });
    engine.free(pointer);
  }
  return tensors;
}

export const decodeImage = undefined; // no format beside the engine's own
