// A host of a model's folder that can be told to misbehave. Each behaviour: (response, bytes, { start }) => …, `bytes` from
// `start` on where the request named a range.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { listen } from './server.js';

const half = (bytes) => bytes.subarray(0, bytes.length >> 1);
export const html = (response) => response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'max-age=3600' }).end('<!doctype html><p>sign in');
export const status = (code) => (response) => response.writeHead(code).end();
export const ends = (response, bytes) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(half(bytes)); // as if whole
export const breaks = (response, bytes) => response.writeHead(200, { 'content-length': bytes.length })
  .write(half(bytes), () => setTimeout(() => response.destroy(), 50));
export const stalls = (response, bytes) => response.writeHead(200, { 'content-length': bytes.length }).write(half(bytes));
export const silent = () => {};
export const zipped = (response, bytes) => {
  const packed = gzipSync(bytes);
  response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
};
export const damaged = (response, bytes) => {
  const other = Buffer.from(bytes);
  other[other.length - 9] ^= 1;
  response.writeHead(200, { 'cache-control': 'max-age=3600' }).end(other);
};
export const longer = (response, bytes) => response.end(Buffer.concat([bytes, Buffer.alloc(5)]));
export const whole = (response, bytes, { all }) => response.end(all); // knows no ranges

// `folder`: where the files lie; it may change. script: { name: [behaviour, …] }, one for each request, then what is right.
// -> { url, ranges: { name: [the bytes that each request began with] }, script, folder, stop() }
export async function hostOf(folder, script = {}, { headers = {} } = {}) {
  const host = { folder, script, ranges: {}, headers };
  const server = await listen((request, response, path) => {
    const name = path.replace(/^\/model\//, '');
    for (const [key, value] of Object.entries(host.headers)) response.setHeader(key, value);
    if (request.method === 'OPTIONS') return response.writeHead(403).end();
    const file = join(host.folder, name);
    if (!path.startsWith('/model/') || !existsSync(file)) return host.other ? host.other(request, response, path) : response.writeHead(404).end();
    const all = readFileSync(file), [, from] = /^bytes=(\d+)-$/.exec(request.headers.range) ?? [];
    const start = Number(from ?? 0);
    (host.ranges[name] ??= []).push(start);
    const behave = host.script[name]?.shift();
    if (behave) return behave(response, all.subarray(start), { all, start });
    if (start && start >= all.length) return response.writeHead(416, { 'content-range': `bytes */${all.length}` }).end();
    response.setHeader('content-length', all.length - start);
    if (start) response.writeHead(206, { 'content-range': `bytes ${start}-${all.length - 1}/${all.length}` });
    return response.end(all.subarray(start));
  });
  return Object.assign(host, { url: `${server.url}/model/`, site: server.url, asked: server.asked, stop: server.stop });
}
