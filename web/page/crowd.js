// Many pictures at once in a page of one thread: more workers help, each with an engine and the model of its own. They are
// started when more wait than `few`, once a first picture has told how much memory one takes, and end a while after the last.
// Every picture gives the same bits whichever worker it comes to, and answers its own promise, so order stays the caller's.
import { abortError } from '../shared/errors.js';
import { Client, onAbort } from './client.js';

const few = 4; // waiting pictures that are worth no other worker
const room = 5e8; // bytes for all engines together
const linger = 5000; // ms that idle helpers stay
const lost = ['crashed', 'no-worker', 'out-of-memory']; // of a helper: the picture goes to the first worker

// Workers at most: two of two or three cores, half of more.
const most = () => {
  const cores = globalThis.process?.versions?.node ? 1 : globalThis.navigator?.hardwareConcurrency ?? 1; // Node has threads
  return cores < 2 ? 1 : Math.min(4, Math.max(2, Math.floor(cores / 2)));
};

export class Crowd {
  #first;
  #helpers = new Set();
  #idle = [];
  #queue = [];
  #timer;
  #most = most(); // 0 once a helper could not be had: no more are tried

  // `first`: the clip's own client, which stays its owner's.
  constructor(first) {
    this.#first = first;
    this.#idle.push(first);
  }

  // As client.call.
  call(name, args, signal) {
    return new Promise((resolve, reject) => {
      const job = { name, args, signal, resolve, reject };
      this.#queue.push(job);
      job.done = signal && onAbort(signal, () => {
        const at = this.#queue.indexOf(job);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(abortError());
      });
      this.#next();
    });
  }

  #next() {
    clearTimeout(this.#timer);
    while (this.#queue.length && this.#idle.length) this.#run(this.#idle.shift(), this.#queue.shift());
    const count = 1 + this.#helpers.size;
    if (this.#queue.length > few && count < this.#most && this.#first.info.imageSize &&
      (count + 1) * this.#first.info.peakBytes <= room) this.#grow();
    if (!this.#queue.length && this.#helpers.size) this.#timer = setTimeout(() => this.#shrink(), linger);
  }

  async #run(client, job) {
    const first = this.#first;
    try {
      job.resolve(await client.call(job.name, job.args, job.signal));
      if (client !== first) first.info = { ...first.info, decoder: client.info.decoder };
      job.done?.(); // a signal that lives on holds no pictures
    } catch (error) {
      if (client === first || !lost.includes(error.code)) {
        job.done?.();
        job.reject(error);
      } else {
        this.#queue.unshift(job);
        return this.#drop(client);
      }
    }
    this.#idle.push(client);
    return this.#next();
  }

  #drop(helper) {
    this.#most = 0;
    this.#end(helper);
    this.#next();
  }

  async #grow() {
    const { host, kind, io, open } = this.#first;
    const helper = new Client(host, { worker: kind, io }, { ...open, args: [{ ...open.args[0], preload: 'image' }] });
    this.#helpers.add(helper);
    try {
      await helper.start();
      this.#idle.push(helper); // one that was closed meanwhile has thrown
      this.#next();
    } catch {
      this.#drop(helper); // the first worker goes on alone, and says what is wrong if something is
    }
  }

  // Those that are busy stay until the next time.
  #shrink() {
    for (const one of this.#idle) if (one !== this.#first) this.#end(one);
    this.#idle = this.#idle.filter((one) => one === this.#first);
  }

  #end(helper) {
    this.#helpers.delete(helper);
    return helper.close();
  }

  // The first client has been closed by its owner: what waits goes there to be told so.
  close() {
    this.#most = 0;
    clearTimeout(this.#timer);
    for (const { name, args, signal, resolve, reject } of this.#queue.splice(0)) this.#first.call(name, args, signal).then(resolve, reject);
    return Promise.all(Array.from(this.#helpers, (one) => this.#end(one)));
  }
}
