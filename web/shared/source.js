// Files and pictures by URL (in Node also by path): opened as streams, with typed errors.
import { checkAbort, fail, KinError } from './errors.js';

const isGone = (status) => status === 404 || status === 410;

// A response -> { total, chunks }; null: no such file.
async function fromResponse(response, name, gone) {
  if (gone(response.status)) {
    await response.body?.cancel();
    return null;
  }
  if (!response.ok) fail('http', `${name}: the server answered ${response.status}.`);
  const { headers } = response; // a compressed body is longer than it says
  const total = headers.get('content-encoding') ? 0 : Number(headers.get('content-length')) || 0;
  return { total, chunks: read(response.body.getReader(), name) };
}

async function* read(reader, name) {
  const next = () => reader.read().catch((error) => fail('http', `${name}: the connection broke off; load it again.`, error));
  try {
    for (let part; !(part = await next()).done;) yield part.value;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

// The response, whatever its status.
export async function request(url, name, io, signal) {
  checkAbort(signal);
  try {
    return await (io.fetch ?? fetch)(url, { signal, ...(io.cache && { cache: io.cache }) });
  } catch (error) {
    checkAbort(signal);
    if (error instanceof KinError) throw error;
    return fail('cors', `${name} could not be fetched from ${url}: the host cannot be reached or does not let this page read ` +
      `it (Access-Control-Allow-Origin), or the page's Content-Security-Policy forbids it.`, error);
  }
}

// `io`: { fetch, cache, openFile }; Node's openFile answers paths and file: URLs. `gone` says which statuses mean that
// there is no such file.
export async function openUrl(url, name, io, signal, gone = isGone) {
  checkAbort(signal);
  const file = await io.openFile?.(url, name);
  return file === undefined ? fromResponse(await request(url, name, io, signal), name, gone) : file;
}

// The chunks of an opened file, with onProgress told of every one.
export async function* watch({ total, chunks }, name, { signal, onProgress }) {
  let loaded = 0;
  for await (const chunk of chunks) {
    checkAbort(signal);
    loaded += chunk.length;
    onProgress?.({ status: 'progress', file: name, loaded, total, progress: total ? 100 * loaded / total : 0 });
    yield chunk;
  }
  if (loaded < total) fail('http', `${name} ended after ${loaded} of ${total} bytes; load it again.`);
  onProgress?.({ status: 'done', file: name, loaded, total: loaded, progress: 100 });
}

// The same file and whether it is a web page: servers of single-page apps answer 200 with their page
// for a file they do not have. No JSON or vocabulary begins with '<', and weights have a zero in their first 8 bytes.
export async function peek({ total, chunks }) {
  const rest = chunks[Symbol.asyncIterator]();
  const seen = [];
  let head = '';
  for (let next; (head.length < 8 || /^[\xef\xbb\xbf\s]*$/.test(head)) && head.length < 4096 && !(next = await rest.next()).done;) {
    seen.push(next.value);
    head += String.fromCharCode(...next.value.subarray(0, 4096));
  }
  const page = /^(\xef\xbb\xbf)?\s*</.test(head) && !head.slice(0, 8).includes('\0');
  async function* again() {
    yield* seen;
    yield* { [Symbol.asyncIterator]: () => rest };
  }
  if (page) await rest.return?.();
  return { page, total, chunks: again(), cancel: () => rest.return?.() };
}

const tooLarge = (name, limit) => fail('too-large', `${name} is larger than ${Math.round(limit / 2 ** 20)} MiB.`);

// All bytes of an async iterable of chunks, at most `limit`.
export async function collect(chunks, limit, name) {
  const parts = [];
  let n = 0;
  for await (const chunk of chunks) {
    n += chunk.length;
    if (n > limit) tooLarge(name, limit);
    parts.push(chunk);
  }
  const all = new Uint8Array(n);
  n = 0;
  for (const part of parts) {
    all.set(part, n);
    n += part.length;
  }
  return all;
}

// Whether a value is of a built-in class, of this window or of another: each frame has its own File.
export const is = (value, ...names) => names.some((name) => Object.prototype.toString.call(value) === `[object ${name}]`);

// Bytes of a Blob, bytes, a URL or (Node) a path.
export async function readSource(source, name, io, { signal, onProgress, limit }) {
  if (is(source, 'ArrayBuffer')) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (is(source, 'Blob', 'File')) {
    if (source.size > limit) tooLarge(name, limit);
    return new Uint8Array(await source.arrayBuffer());
  }
  if (typeof source !== 'string')
    fail('bad-argument', `${name}: expected a URL, a Blob, a File or bytes${io.openFile ? ' or a path' : ''}.`);
  const opened = await openUrl(source, name, io, signal);
  if (!opened) fail('http', `${name}: there is no such file.`);
  return collect(watch(opened, name, { signal, onProgress }), limit, name);
}
