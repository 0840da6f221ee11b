// Files and pictures by URL (in Node also by path): opened as streams, with typed errors.
import { checkAbort, fail, KinError, toEnd } from './errors.js';

const isGone = (status) => status === 404 || status === 410;
const tellAfter = 5000; // ms of silence that are worth telling

// What `coming` brings. `silent` is told if that takes long; after `stall` ms it is given up.
export async function patiently(coming, name, stall, silent) {
  if (!(stall < 2 ** 31)) return coming; // timers go no further
  let timer;
  const over = new Promise((_, reject) => {
    const first = silent ? Math.min(tellAfter, stall / 2) : 0;
    const last = () => {
      timer = setTimeout(() => reject(new KinError('stalled',
        `${name}: nothing came for ${stall / 1000} s; check the connection and load it again.`)), stall - first);
    };
    if (!silent) return last();
    timer = setTimeout(() => {
      last();
      silent();
    }, first);
  });
  try {
    return await Promise.race([coming, over]);
  } finally {
    clearTimeout(timer);
  }
}

const percent = (loaded, total) => (total ? 100 * loaded / total : 0);
const tellSilence = (name, onProgress, loaded = 0, total = 0) =>
  onProgress?.({ status: 'stalled', file: name, loaded, total, progress: percent(loaded, total) });

// A response -> { total, hint, chunks }; null: no such file. `hint`: `total` may be the length of a packed body, which
// is another: from another host pages see the length and not that it is packed.
async function fromResponse(response, name, { stall, copied }, { onProgress }, gone) {
  const { status, headers, body } = response;
  if (gone(status)) {
    await body?.cancel();
    return null;
  }
  if (!response.ok || !body) fail('http', `${name}: the server answered ${status}${response.ok ? ' and no file' : ''}.`);
  const total = headers.get('content-encoding') ? 0 : Number(headers.get('content-length')) || 0;
  const silent = (loaded) => tellSilence(name, onProgress, loaded, loaded > total ? 0 : total);
  return { total, hint: response.type !== 'basic', chunks: read(body, name, stall, silent, copied) };
}

// Buffers that chunks come in, one after the other, where each is copied before the next is asked for: what a browser brings in
// buffers of its own stays until it collects its garbage.
const spare = [];

function readerOf(body, copied) {
  try {
    if (copied) return [body.getReader({ mode: 'byob' }), spare.pop() ?? new ArrayBuffer(2 ** 16)];
  } catch {} // not in this browser
  return [body.getReader()];
}

async function* read(body, name, stall, silent, copied) {
  let [reader, buffer] = readerOf(body, copied), loaded = 0;
  const next = () => patiently(reader.read(buffer && new Uint8Array(buffer)), name, stall, () => silent(loaded)).catch((error) => {
    if (error instanceof KinError) throw error;
    fail('http', `${name}: the connection broke off; load it again.`, error);
  });
  try {
    for (;;) {
      const { value, done } = await next();
      if (buffer) buffer = value.buffer;
      if (done) return;
      loaded += value.length;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
    if (buffer?.byteLength) spare.push(buffer); // not one that is waited for
  }
}

const elsewhere = (url) => globalThis.location && /^https?:/.test(url) && new URL(url).origin !== globalThis.location.origin;

// The response, whatever its status.
export async function request(url, name, io, { signal, onProgress } = {}) {
  checkAbort(signal);
  const get = async (cache) => patiently((io.fetch ?? fetch)(url, { signal, ...(cache && { cache }) }), name, io.stall,
    () => tellSilence(name, onProgress));
  try {
    return await get(io.cache).catch((error) => {
      // What an <img> without crossorigin put into the cache lacks the host's leave. Asked anew, the host gives it.
      if (error instanceof KinError || signal?.aborted || io.cache || !elsewhere(url)) throw error;
      return get('reload');
    });
  } catch (error) {
    checkAbort(signal);
    if (error instanceof KinError) throw error;
    throw toEnd(new KinError('cors', `${name} could not be fetched from ${url}`, { cause: error }), 'notFetched', url);
  }
}

// `io`: { fetch, cache, stall, openFile, copied }; Node's openFile answers paths and file: URLs. `copied`: who reads has copied a chunk
// when it asks for the next. `watcher`: { signal, onProgress }.
// `gone` says which statuses mean that there is no such file.
export async function openUrl(url, name, io, watcher, gone = isGone) {
  checkAbort(watcher.signal);
  const file = await io.openFile?.(url, name);
  return file === undefined ? fromResponse(await request(url, name, io, watcher), name, io, watcher, gone) : file;
}

// The chunks of an opened file, with onProgress told of every one.
export async function* watch({ total, hint, chunks }, name, { signal, onProgress }) {
  let loaded = 0, progress = 0;
  for await (const chunk of chunks) {
    checkAbort(signal);
    loaded += chunk.length;
    if (loaded > total) total = 0; // not the length of this
    if (total) progress = percent(loaded, total);
    onProgress?.({ status: 'progress', file: name, loaded, total, progress });
    yield chunk;
  }
  if (loaded < total && !hint) fail('http', `${name} ended after ${loaded} of ${total} bytes; load it again.`);
  onProgress?.({ status: 'done', file: name, loaded, total: loaded, progress: 100 });
}

// The same file and whether it is a web page: servers of single-page apps answer 200 with their page
// for a file they do not have. No JSON or vocabulary begins with '<', and weights have a zero in their first 8 bytes.
export async function peek(file) {
  const rest = file.chunks[Symbol.asyncIterator]();
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
  return { ...file, page, chunks: again(), cancel: () => rest.return?.() };
}

export const tooLarge = (name, limit) => fail('too-large', `${name} is larger than ${Math.round(limit / 2 ** 20)} MiB.`);

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
    return new Uint8Array(await source.arrayBuffer().catch((error) =>
      fail('unreadable', `${name}: its file was changed, moved or deleted; choose it again.`, error)));
  }
  if (typeof source !== 'string')
    fail('bad-argument', `${name}: expected a URL, a Blob, a File or bytes${io.openFile ? ' or a path' : ''}.`);
  const opened = await openUrl(source, name, io, { signal, onProgress });
  if (!opened) fail('http', `${name}: there is no such file.`);
  return collect(watch(opened, name, { signal, onProgress }), limit, name);
}
