// kin serve: a folder over http on this machine, as strictly as a good host would send it. Ranges are read here
// and not by a library: sirv 3.0.2 sends other bytes than `bytes=-2` and `bytes=0-0` ask for, breaks off at
// `bytes=4-2` and knows no If-Range; send 1.2.1 is right, but makes the bundle 2.3 times as large.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { kin } from '../lib/name.js';
import { UsageError, wholeNumber } from '../lib/options.js';
import { findPart, findShop } from '../lib/search-page.js';

export const usage = `Usage: ${kin} serve [folder] [--port 8080] [--isolate] [--model <folder or name>]

Serves a folder (default: the current one) on http://127.0.0.1:<port> until Ctrl-C, with a strict
content security policy. Only this machine can reach it. Where the folder holds a catalogue and no
index.html, a page to search it is shown.

  --port <n>   port (default 8080; 0 takes any free one)
  --isolate    send COOP and COEP, so that the page may use threads
  --model <m>  the model of the search page (default: the one that the catalogue was built with)
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
const maxPage = 2 ** 20; // bytes of a page that are looked through for inline scripts

// Inline scripts and styles are allowed one by one, by the hashes of what the page's own file holds: what gets into
// a page in another way stays forbidden.
const sources = (html, name) => [...html.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([^]*?)</${name}`, 'gi'))]
  .filter(([, text]) => text).map(([, text]) => ` 'sha256-${createHash('sha256').update(text.replace(/\r\n?/g, '\n')).digest('base64')}'`).join('');

async function policyOf({ path, size, anyImages }) {
  const html = extname(path).toLowerCase() === '.html' && size <= maxPage ? await readFile(path, 'utf8') : '';
  return policy.replace("'wasm-unsafe-eval'", (found) => found + sources(html, 'script'))
    .replace("style-src 'self'", (found) => found + sources(html, 'style'))
    .replace('blob:', (found) => (anyImages ? `${found} https:` : found));
}

// Names that begin with a dot are nobody's business (.git, .env), and what `build` keeps for itself beside a catalogue.
const hidden = (path, separator) => path.split(separator).some((part) => /^\.|\.(?:state|part)$/.test(part));

// The file that a path names below a folder, or null. The real path must stay inside the folder; of what
// lies outside or is hidden nothing is said, not even whether it is there.
async function findFile(folder, path) {
  if (path.includes('\0') || path.includes('\\') || hidden(path, '/')) return null;
  try {
    const root = await realpath(folder);
    const find = async (wanted) => {
      const real = await realpath(wanted);
      const below = relative(root, real);
      return isAbsolute(below) || hidden(below, sep) ? null : { path: real, info: await stat(real) };
    };
    let found = await find(join(root, path));
    if (found?.info.isDirectory()) {
      if (!path.endsWith('/')) return { redirect: true };
      found = await find(join(found.path, 'index.html'));
    }
    return found?.info.isFile() ? { path: found.path, size: found.info.size, mtime: found.info.mtime } : null;
  } catch {
    return null;
  }
}

// A file of the folder, or of the search page where the folder has none of that name.
async function find(site, url) {
  let path;
  try {
    path = decodeURIComponent(url.split(/[?#]/)[0]);
  } catch {
    return null;
  }
  const own = await findFile(site.root, path);
  if (own) return own;
  const part = await findPart(site.root, path, site.wanted);
  if (!part?.folder) return part;
  const file = await findFile(part.folder, part.path);
  return file && !file.redirect ? { ...file, anyImages: part.anyImages } : null;
}

// `bytes=a-b`, `bytes=a-`, `bytes=-n` -> [first, last]; undefined: send all; null: not satisfiable.
function readRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (!match[1] && !match[2])) return undefined;
  const first = match[1] ? Number(match[1]) : Math.max(0, size - Number(match[2]));
  const last = match[1] && match[2] ? Math.min(Number(match[2]), size - 1) : size - 1;
  return first <= last && first < size ? [first, last] : null;
}

// Only by this machine's own names: a foreign page whose host's name was made to lead here would read all of it.
function isOurs(host = '', port) {
  const [, name, given = '80'] = /^(localhost|127\.0\.0\.1|\[::1\])(?::(\d+))?$/i.exec(host) ?? [];
  return name !== undefined && Number(given) === port;
}

async function answer(site, request, response) {
  response.setHeader('content-security-policy', policy);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  if (site.isolate) {
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
  }
  const plain = (status, text, type = types['.txt']) => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  const port = request.socket.localPort;
  if (!isOurs(request.headers.host, port)) return plain(403, `open it as http://127.0.0.1:${port}/\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return plain(405, 'only GET and HEAD\n');
  }
  const file = await find(site, request.url);
  if (!file) return plain(404, 'no such file\n');
  if (file.json) return plain(200, JSON.stringify(file.json), types['.json']);
  if (file.redirect) {
    const [path, query] = request.url.split('?');
    // One leading slash only: `//host/` would send the reader elsewhere.
    response.setHeader('location', path.replace(/^\/+/, '/') + '/' + (query ? `?${query}` : ''));
    return plain(301, 'moved\n');
  }
  response.setHeader('content-security-policy', await policyOf(file));
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

// What is shown at `/`, where it is no page of the folder's own.
async function announce({ root, wanted }, io) {
  if (await findFile(root, '/')) return;
  const shop = await findShop(root, wanted);
  if (!shop) {
    io.note('there is no index.html and no catalogue in it: ' +
      `'${kin} build products.csv -o catalog.safetensors' makes one`);
    return;
  }
  const { catalogue: { name, others }, model: { known } } = shop;
  io.note(`there is no index.html in it: a page to search ${name} is shown` +
    (others.length ? ` (the newest catalogue; ${others.join(', ')} beside it)` : ''));
  if (!known) io.note(`${name} was built with a model that is not on this machine: name its folder with --model`);
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length > 1) throw new UsageError('serve takes one folder');
  const port = wholeNumber(values.port ?? process.env.PORT ?? '8080', '--port');
  if (port > 65535) throw new UsageError(`--port must be at most 65535, not ${port}`);
  const folder = positionals[0] ?? '.';
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) throw new Error(`there is no folder ${folder}`);
  if (values.model !== undefined && /^[a-z][a-z0-9+.-]+:\/\//i.test(modelOptions.model))
    throw new UsageError('the search page takes a model that lies on this machine: name its folder with --model');
  const wanted = { model: modelOptions.model, dtype: modelOptions.dtype, chosen: values.model !== undefined };
  const site = { root: await realpath(resolve(folder)), isolate: values.isolate === true, wanted };
  const server = createServer((request, response) => {
    answer(site, request, response).catch(() => response.destroy());
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
  await announce(site, io);
  io.out(values.json ? JSON.stringify({ url }) + '\n' : `${url}  (Ctrl-C ends)\n`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  server.close();
  server.closeAllConnections();
  return 0;
}
