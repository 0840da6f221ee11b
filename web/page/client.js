// The caller's side of a worker: keeps the calls' promises, passes aborts on. A worker that dies rejects
// what is pending; the next call starts a new one, which opens the same thing again.
import { abortError, checkAbort, KinError, packError, unpackError } from '../shared/errors.js';
import { is } from '../shared/source.js';

// Calls `heard` when `signal` aborts; returns what ends that. One listener for all calls with one signal:
// Node warns of more than ten.
const waiting = new WeakMap(); // signal -> Set of functions
export function onAbort(signal, heard) {
  let all = waiting.get(signal);
  if (!all) {
    all = new Set();
    waiting.set(signal, all);
    signal.addEventListener('abort', () => all.forEach((one) => one()), { once: true });
  }
  all.add(heard);
  return () => all.delete(heard);
}

// ms without a byte after which a download is given up.
export const usualStall = 60_000;

// Looks after a worker that calls wait for, which is asked for a word each time: ms between two, and how many without one it is
// given. A first word is said at once by one that has said some before, since it has nothing else to do then.
const look = 250;
const atFirst = 3;
const atMost = 240;

export class Client {
  closed = false;
  info = null;
  #pending = new Map();
  #asked = new Map(); // what the worker asks for: its number -> AbortController
  #count = 0;
  #worker = null;
  #closing = null;
  #owed = 0; // answers, also to calls that were aborted
  #timer = null;
  #heard = false; // a word of this worker
  #silent; // looks since its last one
  #locked = null; // the lock that it said to hold

  // `host`: what differs between a page and Node (index.js, index.node.js); `worker`: as load() takes it; `open`: the
  // first call, { call, args }; `io`: { resolve, fetch, decodeImage, cache, stall }.
  constructor(host, { worker, io = {}, onProgress }, open) {
    this.host = host;
    this.kind = worker;
    this.io = io;
    this.onProgress = onProgress;
    this.open = open;
  }

  // Calls under way.
  get waiting() {
    return this.#pending.size;
  }

  // Starts and resolves to what the first call returns.
  async start(signal) {
    try {
      checkAbort(signal);
      return await this.#start(signal);
    } catch (error) {
      this.close().catch(() => {}); // in its own time
      throw error;
    }
  }

  #start(signal) {
    const handlers = { message: (message) => this.#receive(message), died: (error) => this.#died(error) };
    this.#worker = this.host.startWorker(this.kind, handlers);
    this.#heard = false;
    const io = Object.entries(this.io).map(([name, value]) => [name, typeof value === 'function' || value]);
    return this.#post({ ...this.open, io }, signal);
  }

  async call(call, args, signal) {
    if (args[0] instanceof Promise) await args[0]; // of why it is no picture (pack.js)
    checkAbort(signal);
    if (this.closed) throw new KinError('closed', 'This has been closed.');
    if (!this.#worker) this.#start().catch(() => {}); // what fails there fails this call too
    return this.#post({ call, args }, signal);
  }

  #post(message, signal) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      const done = signal && onAbort(signal, () => {
        this.#worker?.post({ abort: id });
        this.#take(id)?.reject(abortError());
      });
      this.#pending.set(id, { resolve, reject, done });
      this.#owed++;
      if (!this.#timer) this.#watch();
      this.#worker.ref();
      try {
        this.#worker.post({ id, ...message });
      } catch (error) {
        this.#owed--;
        this.#take(id).reject(new KinError('bad-argument', `An argument cannot be sent: ${error.message}`, { cause: error }));
      }
    });
  }

  #take(id) {
    const call = this.#pending.get(id);
    if (!call) return null;
    this.#pending.delete(id);
    call.done?.();
    if (!this.#pending.size) this.#worker?.unref();
    return call;
  }

  // A browser says nothing when a worker is ended from outside or for want of memory, but takes back the lock that it held. Looks
  // are counted, not time: a page that slept has not waited.
  #watch() {
    const ping = `kin-clip ${Math.random()}`;
    this.#silent = this.#heard ? atMost - atFirst : 0;
    this.#worker.post({ ping });
    const timer = this.#timer = setInterval(async () => {
      if (!this.#owed) return this.#rest();
      const all = this.#locked === ping && await navigator.locks.query();
      if (timer !== this.#timer) return;
      if (all && !all.held.some(({ name }) => name === ping) || ++this.#silent > atMost)
        this.#died({ message: 'it says nothing any more' });
      else this.#worker.post({ ping });
    }, look);
    timer.unref?.();
  }

  #rest() {
    this.#owed = 0;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#worker?.post({ ping: null });
  }

  #receive({ held, id, ask, what, args, cancel, result, info, progress, error }) {
    this.#heard = true;
    this.#silent = 0;
    if (held) this.#locked = held;
    if (ask) return this.closed || this.#answer(ask, what, args);
    if (cancel) return this.#asked.get(cancel)?.abort();
    if (progress) return this.onProgress?.(progress);
    if (info) this.info = info;
    if (id) this.#owed--;
    const call = this.#take(id);
    return error ? call?.reject(unpackError(error)) : call?.resolve(result);
  }

  async #answer(answer, what, args) {
    const worker = this.#worker;
    const controller = new AbortController();
    const { signal } = controller;
    this.#asked.set(answer, controller);
    try {
      if (what === 'fetch') await this.#fetch(answer, args, signal, worker);
      else {
        const result = await this.io[what](...args, { signal });
        worker?.post({ answer, result: is(result, 'URL') ? result.href : result });
      }
    } catch (error) {
      worker?.post({ answer, error: packError(error) });
    } finally {
      this.#asked.delete(answer);
    }
  }

  async #fetch(answer, [url, options], signal, worker) {
    const response = await this.io.fetch(url, { ...options, signal });
    const { status, headers, body } = response;
    worker?.post({ answer, result: { status, headers: [...headers], empty: body === null } });
    const reader = body?.getReader?.();
    const end = () => reader?.cancel().catch(() => {});
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    if (reader) for (let part; !(part = await reader.read()).done;) worker?.post({ answer, chunk: part.value });
    else if (body !== null) worker?.post({ answer, chunk: new Uint8Array(await response.arrayBuffer()) });
    worker?.post({ answer, end: true });
  }

  #rejectAll(error) {
    for (const asked of this.#asked.values()) asked.abort();
    this.#asked.clear();
    for (const id of [...this.#pending.keys()]) this.#take(id).reject(error);
    this.#rest();
  }

  #died(error) {
    this.#worker?.terminate();
    this.#worker = null;
    this.#rejectAll(error instanceof KinError ? error
      : new KinError('crashed', `Kin's worker ended: ${error?.message || 'nothing says why'}.`, { cause: error }));
  }

  close() {
    return this.#closing ??= this.#close();
  }

  async #close() {
    this.closed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#rejectAll(new KinError('closed', 'This was closed before the call was done.'));
    await worker?.terminate();
  }
}
