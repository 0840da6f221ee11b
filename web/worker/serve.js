// The worker's side of client.js, which posts
//   { id, call, args, io }   a call; io only with the first, one of `kinds`
//   { abort: id } | { answer, result|error } | { helper } (threads.js) | { stop }
// and gets { id, result, info } | { id, error } | { id, progress } | { ask, what, args }.
import { CatalogCore } from './catalog-core.js';
import { Core } from './core.js';
import { abortError, asKinError, packError, unpackError } from '../shared/errors.js';
import { help } from './threads.js';
import { WriterCore } from './writer-core.js';

const kinds = { open: Core, openCatalog: CatalogCore, writeCatalog: WriterCore };

function buffersOf(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) found.add(value.buffer);
  else if (value && typeof value === 'object') for (const part of Object.values(value)) buffersOf(part, found);
  return found;
}

// `platform`: platform.js or platform.node.js, and startHelper.
export function serve(post, platform) {
  const running = new Map(); // id -> AbortController
  const asked = new Map(); // ask -> { resolve, reject }
  let queue = Promise.resolve();
  let target = null;
  let failure = new Error('nothing is open');
  let asks = 0;

  // Functions given to load() stay on the caller's side and are asked from here.
  const ask = (what) => (...args) => new Promise((resolve, reject) => {
    asked.set(++asks, { resolve, reject });
    post({ ask: asks, what, args });
  });
  const readIo = ({ cache, fetch, resolve, decodeImage }) => ({
    cache,
    ...(resolve && { resolve: ask('resolve') }),
    ...(decodeImage && { decodeImage: (bytes, format) => ask('decodeImage')(bytes, format) }),
    ...(fetch && { fetch: async (url) => {
      const { status, headers, bytes } = await ask('fetch')(String(url));
      return new Response(bytes, { status, headers });
    } }),
  });

  async function open(call, options, io, watcher) {
    try {
      const opened = new kinds[call](platform, { ...options, io: readIo(io) });
      const result = await opened.open(watcher.signal, watcher.onProgress);
      target = opened;
      return result;
    } catch (error) {
      failure = error;
      throw error;
    }
  }

  async function run({ id, call, args, io }) {
    const { signal } = running.get(id);
    const watcher = { signal, onProgress: (progress) => post({ id, progress }) };
    try {
      if (signal.aborted) throw abortError();
      if (!io && !target) throw failure;
      const result = io ? await open(call, args[0], io, watcher) : await target[call](...args, watcher);
      post({ id, result, info: target.info() }, [...buffersOf(result)]);
    } catch (error) {
      post({ id, error: packError(asKinError(signal.aborted ? abortError() : error)) });
    } finally {
      running.delete(id);
    }
  }

  return (message) => {
    if (message.helper) return help(message.helper);
    if (message.stop) {
      for (const call of running.values()) call.abort();
      return target?.stop();
    }
    if (message.abort) return running.get(message.abort)?.abort();
    if (message.answer) {
      const { resolve, reject } = asked.get(message.answer);
      asked.delete(message.answer);
      return message.error ? reject(unpackError(message.error)) : resolve(message.result);
    }
    running.set(message.id, new AbortController());
    queue = queue.then(() => run(message));
    return queue;
  };
}

// `worker: false`: the same protocol without a thread, as a link (shared/link.js).
export function serveHere(platform, { message }) {
  const receive = serve((reply) => message(reply), platform);
  return { post: (sent) => receive(sent), terminate: () => receive({ stop: true }), ref() {}, unref() {} };
}
