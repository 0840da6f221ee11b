// The worker's side of client.js, which posts
//   { id, call, args, io }   a call; io only with the first, one of `kinds`: [[name, value, or true of a function]]
//   { abort: id } | { helper } (threads.js) | { stop }
//   { ping }         the name of a lock to hold, or null: answered at once by {}, and by { held } when it is
//   { answer, result|error }; to 'fetch', whose result has no bytes, then { answer, chunk } … { answer, end }
// and gets { id, result, info } | { id, error } | { id, progress } | { ask, what, args } | { cancel: ask }.
import { abortError, asKinError, fail, packError, unpackError } from '../shared/errors.js';
import { help } from './threads.js';

function buffersOf(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) found.add(value.buffer);
  else if (value && typeof value === 'object') for (const part of Object.values(value)) buffersOf(part, found);
  return found;
}

// `platform`: platform.js or platform.node.js, and startHelper. `kinds`: { call: class } of what can be opened (kinds.js).
export function serve(post, platform, kinds) {
  const running = new Map(); // id -> AbortController
  const asked = new Map(); // ask -> { resolve, reject, body }
  let now = null; // the id of the call that runs
  let queue = Promise.resolve();
  let target = null;
  let failure = new Error('nothing is open');
  let asks = 0;

  // Functions given to load() stay on the caller's side and are asked from here, for the call that runs.
  const ask = (what, args, body) => new Promise((resolve, reject) => {
    asked.set(++asks, { resolve, reject, body });
    post({ ask: asks, what, args });
  });
  const cancel = (id) => asked.delete(id) && post({ cancel: id });
  async function askFetch(url, { cache }) {
    let body, id;
    const stream = new ReadableStream({ start: (controller) => { body = controller; }, cancel: () => { cancel(id); } });
    const answer = ask('fetch', [String(url), cache ? { cache } : {}], body);
    id = asks;
    const { status, headers, empty } = await answer;
    return new Response(empty ? null : stream, { status, headers });
  }
  const readIo = (io) => Object.fromEntries(io.filter(([, value]) => value).map(([name, value]) => [name, value !== true ? value
    : name === 'fetch' ? askFetch : (one, two) => ask(name, [one, two])]));

  function answered({ answer, result, error, chunk, end }) {
    const { resolve, reject, body } = asked.get(answer) ?? {};
    if (!resolve) return; // given up meanwhile
    if (chunk) return body.enqueue(chunk);
    if (error || end || !body) asked.delete(answer);
    if (end) body.close();
    else if (error) [reject, (one) => body?.error(one)].forEach((tell) => tell(unpackError(error)));
    else resolve(result);
  }

  // Ends what is still under way for a call. Nobody waits for a caller's function that does not answer.
  function abandon(id) {
    running.get(id)?.abort();
    if (id !== now) return;
    for (const [one, { reject, body }] of asked) {
      cancel(one);
      reject(abortError());
      body?.error(abortError());
    }
  }

  async function open(call, options, io, watcher) {
    try {
      const opened = new (kinds[call] ?? fail('no-worker', 'Let this worker import "kin-clip/worker".'))(platform, { ...options, io: readIo(io) });
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
    now = id;
    const watcher = { signal, onProgress: (progress) => post({ id, progress }) };
    try {
      if (signal.aborted) throw abortError();
      if (!io && !target) throw failure;
      const result = io ? await open(call, args[0], io, watcher) : await target[call](...args, watcher);
      post({ id, result, info: target.info?.() }, [...buffersOf(result)]);
    } catch (error) {
      post({ id, error: packError(asKinError(signal.aborted ? abortError() : error)) });
    } finally {
      abandon(id);
      running.delete(id);
    }
  }

  let lock, free; // its name, and what ends it
  function hold(held) {
    post({});
    if (held === lock) return;
    lock = held;
    free?.();
    if (held && globalThis.Worker) navigator.locks?.request(held, () => lock === held && new Promise((resolve) => {
      free = resolve;
      post({ held });
    })).catch(() => {}); // frames without a host of their own have none; Node tells of an end itself, its threads do not see each other's locks
  }

  return (message) => {
    if ('ping' in message) return hold(message.ping);
    if (message.helper) return help(message.helper, post);
    if (message.stop) {
      for (const id of running.keys()) abandon(id);
      return target?.stop?.();
    }
    if (message.abort) return abandon(message.abort);
    if (message.answer) return answered(message);
    running.set(message.id, new AbortController());
    queue = queue.then(() => run(message));
    return queue;
  };
}

// `worker: false`: the same protocol without a thread, as a link (shared/link.js).
export function serveHere(platform, kinds, { message }) {
  const receive = serve((reply) => message(reply), platform, kinds);
  return { post: (sent) => receive(sent), terminate: () => receive({ stop: true }), ref() {}, unref() {} };
}
