// kin serve: a folder over http on this machine, as strictly as a good host would send it. Ranges are read here
// and not by a library: sirv 3.0.2 sends other bytes than `bytes=-2` and `bytes=0-0` ask for, breaks off at
// `bytes=4-2` and knows no If-Range; send 1.2.1 is right, but makes the bundle 2.3 times as large.
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { extname, join, resolve, sep } from 'node:path';
import { UsageError, wholeNumber } from '../lib/options.js';

export const usage = `Usage: kin serve [folder] [--port 8080] [--isolate]

Serves a folder (default: the current one) on http://127.0.0.1:<port> until Ctrl-C, with a strict
content security policy. Only this machine can reach it.

  --port <n>   port (default 8080; 0 takes any free one)
  --isolate    send COOP and COEP, so that the page may use threads
`;

export const options = { port: { type: 'string' }, isolate: { type: 'boolean' } };

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8', '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json', '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8', '.csv': 'text/csv; charset=utf-8',
  '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.webp': 'image/webp',
  '.gif': 'image/gif', '.avif': 'image/avif', '.svg': 'image/svg+xml', '.ico': 'image/x-icon',
  '.safetensors': 'application/octet-stream', '.kin': 'application/octet-stream',
};

const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "connect-src 'self'; img-src 'self' data: blob:; style-src 'self'; manifest-src 'self'";

// The file that a request's path names, or null. The real path must stay inside the root.
async function findFile(root, requestUrl) {
  let path;
  try {
    path = decodeURIComponent(requestUrl.split(/[?#]/)[0]);
  } catch {
    return null;
  }
  if (path.includes('\0') || path.includes('\\')) return null;
  try {
    let real = await realpath(join(root, path));
    let info = await stat(real);
    if (info.isDirectory()) {
      if (!path.endsWith('/')) return { redirect: true };
      real = await realpath(join(real, 'index.html'));
      info = await stat(real);
    }
    const inside = real.startsWith(root.endsWith(sep) ? root : root + sep);
    return inside && info.isFile() ? { path: real, size: info.size, mtime: info.mtime } : null;
  } catch {
    return null;
  }
}

// `bytes=a-b`, `bytes=a-`, `bytes=-n` -> [first, last]; undefined: send all; null: not satisfiable.
function readRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (!match[1] && !match[2])) return undefined;
  const first = match[1] ? Number(match[1]) : Math.max(0, size - Number(match[2]));
  const last = match[1] && match[2] ? Math.min(Number(match[2]), size - 1) : size - 1;
  return first <= last && first < size ? [first, last] : null;
}

async function answer(root, isolate, request, response) {
  response.setHeader('content-security-policy', policy);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cache-control', 'no-cache');
  if (isolate) {
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    response.setHeader('cross-origin-resource-policy', 'same-origin');
  }
  const plain = (status, text) => {
    response.writeHead(status, {
      'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return plain(405, 'only GET and HEAD\n');
  }
  const file = await findFile(root, request.url);
  if (!file) return plain(404, 'no such file\n');
  if (file.redirect) {
    const [path, query] = request.url.split('?');
    // One leading slash only: `//host/` would send the reader elsewhere.
    response.setHeader('location', path.replace(/^\/+/, '/') + '/' + (query ? `?${query}` : ''));
    return plain(301, 'moved\n');
  }
  const etag = `"${file.size.toString(16)}-${file.mtime.getTime().toString(16)}"`;
  response.setHeader('etag', etag);
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('content-type',
    types[extname(file.path).toLowerCase()] ?? 'application/octet-stream');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304);
    return response.end();
  }
  const wholeOnly = request.headers['if-range'] !== undefined &&
    request.headers['if-range'] !== etag;
  const range = wholeOnly ? undefined : readRange(request.headers.range, file.size);
  if (range === null) {
    response.setHeader('content-range', `bytes */${file.size}`);
    return plain(416, 'no such range\n');
  }
  const [first, last] = range ?? [0, file.size - 1];
  if (range) response.setHeader('content-range', `bytes ${first}-${last}/${file.size}`);
  response.writeHead(range ? 206 : 200, { 'content-length': last - first + 1 });
  if (request.method === 'HEAD' || file.size === 0) return response.end();
  const stream = createReadStream(file.path, { start: first, end: last });
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

export async function run({ values, positionals }, io) {
  if (positionals.length > 1) throw new UsageError('kin serve takes one folder');
  const port = wholeNumber(values.port ?? process.env.PORT ?? '8080', '--port');
  if (port > 65535) throw new UsageError(`--port must be at most 65535, not ${port}`);
  const folder = positionals[0] ?? '.';
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) throw new Error(`there is no folder ${folder}`);
  const root = await realpath(resolve(folder));
  const server = createServer((request, response) => {
    answer(root, values.isolate === true, request, response).catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error.code === 'EADDRINUSE')
      throw new Error(`port ${port} is taken: choose another with --port`);
    if (error.code === 'EACCES')
      throw new Error(`port ${port} needs special rights: choose one above 1023 with --port`);
    throw error;
  }
  const url = `http://127.0.0.1:${server.address().port}/`;
  io.out(values.json ? JSON.stringify({ url }) + '\n' : `${url}  (Ctrl-C ends)\n`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  server.close();
  server.closeAllConnections();
  return 0;
}
