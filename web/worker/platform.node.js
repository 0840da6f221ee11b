// Node's side of what differs from a page.
import { constants, createReadStream } from 'node:fs';
import { access, readFile, rename, rm, stat, writeFile as write } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fail } from '../shared/errors.js';
import { is } from '../shared/source.js';
import { features as probe } from './variant.js';

export const features = () => ({ ...probe(true), cores: availableParallelism() });

export async function module(variant, io) {
  const { href } = new URL(`../wasm/kin-${variant}.wasm`, import.meta.url);
  const url = await io.resolve?.(`kin-${variant}.wasm`, href) ?? href;
  return WebAssembly.compile(await readFile(new URL(url)));
}

export const turn = () => new Promise((resolve) => { setImmediate(resolve); });

// Opened when the first chunk is asked for, so that what is never read holds no file open.
async function* chunksOf(path) {
  yield* createReadStream(path, { highWaterMark: 2 ** 20 });
}

// A path or file: URL -> { total, chunks }, null where there is none, undefined for other URLs.
export async function openFile(url, name) {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1].toLowerCase();
  if (scheme !== undefined && scheme !== 'file') return undefined;
  try {
    const path = scheme ? fileURLToPath(url) : url;
    const found = await stat(path);
    if (!found.isFile()) fail('unreadable', `${name}: ${url} is not a file.`);
    await access(path, constants.R_OK);
    return { total: found.size, chunks: chunksOf(path) };
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    return error.code === 'unreadable' ? Promise.reject(error)
      : fail('unreadable', `${name}: ${url} cannot be read (${error.code}).`, error);
  }
}

const patience = 5000; // ms that a worker has to leave

export function createWorker(url, { message, died }) {
  const file = !url || url === true ? new URL('./worker.node.js', import.meta.url)
    : /^(data|file):/.test(url) ? new URL(url) : url;
  const worker = new Worker(file, { execArgv: [] });
  let ended = false;
  const gone = new Promise((resolve) => { worker.once('exit', resolve); });
  worker.on('message', (sent) => message?.(sent));
  worker.on('error', (error) => died?.(error));
  worker.on('exit', (code) => ended || died?.(new Error(`exit code ${code}`)));
  return {
    post: (sent) => worker.postMessage(sent), ref: () => worker.ref(), unref: () => worker.unref(),
    // It leaves by itself (worker.node.js), and Node then waits for what V8 still compiles for it. Ended from
    // outside meanwhile, it may take the process along (nodejs/node#56236, rarely, with Node 20).
    async terminate({ hung = false } = {}) {
      ended = true;
      worker.ref();
      worker.postMessage({ stop: true });
      const timer = setTimeout(() => worker.terminate(), hung ? 0 : patience);
      await gone;
      clearTimeout(timer);
    },
  };
}

// Puts `bytes` at a path, `name` in it where that is a folder, in one step; false: `to` is no path.
export async function writeFile(to, bytes, name) {
  if (typeof to !== 'string' && !is(to, 'URL')) return false;
  const path = is(to, 'URL') ? fileURLToPath(to) : to;
  const folder = await stat(path).then((found) => found.isDirectory(), () => false);
  const file = folder ? join(path, name) : path;
  const part = `${file}.${process.pid}.part`;
  try {
    await write(part, bytes);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    fail('unreadable', `${file} cannot be written (${error.code}).`, error);
  }
  return true;
}

// For `kin convert`: what a tower's canonical file holds.
export function exportTensors(engine, ctx, tower) {
  const tensors = [];
  for (let i = 0; i < engine.call('kin_export_count', ctx, tower); i++) {
    const { name, dtype, shape, bytes } = engine.json('kin_export_tensor', ctx, tower, i);
    const pointer = engine.allocate(bytes);
    engine.check(ctx, engine.call('kin_export_bytes', ctx, tower, i, pointer));
    tensors.push({ name, dtype, shape, bytes: engine.bytes(pointer, bytes) });
    engine.free(pointer);
  }
  return tensors;
}

export const decodeImage = undefined; // no format beside the engine's own

export function packModel(model) {
  if (!model || typeof model === 'string') return model;
  if (is(model, 'URL')) return model.href;
  return Object.fromEntries(Object.entries(model).map(([name, url]) => [name, String(url)]));
}
export const packFile = (source) => (is(source, 'URL') ? source.href : source);
