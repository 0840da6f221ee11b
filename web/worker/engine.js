// One instance of the engine: bytes in and out of its memory, statuses into errors. Synchronous.
// Views of the memory are made fresh each time, since growing detaches them. After a trap the state is
// unknown: the instance is `spent` and refuses further calls.
import { fail } from '../shared/errors.js';
import { tooLarge } from '../shared/source.js';
import { chooseVariant } from './variant.js';

// A memory that other threads may share; null where there is none. Its maximum is address space set aside, which
// phones refuse. With less than 512 MiB a memory of one's own, which grows as it needs, is better.
export function sharedMemory() {
  for (let maximum = 65536; maximum >= 8192; maximum /= 2)
    try {
      return new WebAssembly.Memory({ initial: 256, maximum, shared: true });
    } catch {} // smaller, then
  return null;
}

// What `module` imports and nothing else.
export function importsFor(module, memory) {
  const env = {};
  for (const { name, kind } of WebAssembly.Module.imports(module))
    env[name] = kind === 'memory' ? memory : () => {};
  return { env };
}

export async function openEngine(module, memory) {
  const { exports } = await WebAssembly.instantiate(module, importsFor(module, memory));
  exports._initialize?.();
  const engine = new Engine(exports, memory ?? exports.memory);
  engine.facts = engine.readFacts();
  return engine;
}

// One that can do what needs no model: labels, folders, writing, training.
export const openFinder = async (platform, io, signal) => openEngine(await platform.module('find', io, signal));

// An engine with no model and one thread, for a catalogue.
export async function openAlone(platform, io, signal) {
  const { variant } = chooseVariant(platform.features(), { threads: 1 });
  return openEngine(await platform.module(variant, io, signal));
}

export class Engine {
  spent = false;
  ctx = 0; // the context, of an engine that holds a model (encoder.js)

  constructor(exports, memory) {
    this.exports = exports;
    this.memory = memory;
    this.error = exports.kin_error_new();
  }

  call(name, ...args) {
    if (this.spent) fail('crashed', 'The engine stopped and has to be started again.');
    try {
      return this.exports[name](...args);
    } catch (error) {
      this.spent = true;
      if (!Object.hasOwn(this.exports, name))
        fail('crashed', `The wasm file and the scripts are of different releases (no ${name}): serve both from one, clear caches.`, error);
      return fail('crashed', `The engine stopped in ${name}: ${error.message}.`, error);
    }
  }

  pointer(name, ...args) {
    return this.call(name, ...args) >>> 0; // wasm's numbers are signed
  }

  view(pointer, n) {
    return new Uint8Array(this.memory.buffer, pointer, n);
  }

  // Copies out of the memory.
  bytes(pointer, n) {
    return this.view(pointer, n).slice();
  }

  floats(pointer, n) {
    return new Float32Array(this.memory.buffer, pointer, n).slice();
  }

  words(pointer, n) {
    return new Uint32Array(this.memory.buffer, pointer, n).slice();
  }

  text(pointer) {
    const all = this.view(pointer);
    return new TextDecoder().decode(all.slice(0, all.indexOf(0)));
  }

  // null is how a function says that it had no memory for its text.
  json(name, ...args) {
    return JSON.parse(this.text(this.pointer(name, ...args))) ?? this.noMemory('to say what it holds');
  }

  noMemory(what) {
    fail('out-of-memory', `The engine has no memory ${what}: close other tabs.`);
  }

  // What the engine says of itself (kin_facts): names and numbers that are written down nowhere here.
  readFacts() {
    const n = this.pointer('kin_facts', 0, 0);
    const text = this.allocate(n);
    this.call('kin_facts', text, n);
    const facts = JSON.parse(this.text(text));
    this.free(text);
    return facts;
  }

  allocate(n) {
    return this.pointer('kin_malloc', Math.max(1, n)) || this.noMemory(`for ${n} bytes`);
  }

  free(pointer) {
    if (pointer && !this.spent) this.call('kin_free', pointer);
  }

  // A copy of `bytes`, to be freed.
  put(bytes) {
    const pointer = this.allocate(bytes.length);
    this.view(pointer, bytes.length).set(bytes);
    return pointer;
  }

  // Runs `work(pointer, length, …)` with copies of texts or bytes (null: 0, 0), then frees them.
  with(inputs, work) {
    const held = [];
    try {
      const args = inputs.flatMap((input) => {
        if (input === null || input === undefined) return [0, 0];
        const bytes = typeof input === 'string' ? new TextEncoder().encode(input)
          : new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
        held.push(this.put(bytes));
        return [held.at(-1), bytes.length];
      });
      return work(...args);
    } finally {
      for (const pointer of held) this.free(pointer);
    }
  }

  // Runs `work(pointer, length)` with what an async iterable brings, at most `limit` bytes and about `expected`, then frees it. A chunk
  // is copied before the next is asked for.
  async withChunks(chunks, limit, expected, name, work) {
    let pointer = 0, n = 0, room = 0;
    try {
      for await (const chunk of chunks) {
        const now = n + chunk.length;
        if (now > limit) tooLarge(name, limit);
        if (now > room) {
          room = Math.min(limit, Math.max(now, 2 * room, expected));
          const more = this.allocate(room);
          this.view(more, n).set(this.view(pointer, n));
          this.free(pointer);
          pointer = more;
        }
        this.view(pointer + n, chunk.length).set(chunk);
        n = now;
      }
      return await work(pointer, n);
    } finally {
      this.free(pointer);
    }
  }

  // Runs a function on the context that gives a kin_status; returns whether more is to be done.
  run(name, ...args) {
    return this.check(this.ctx, this.call(name, this.ctx, ...args));
  }

  // The same with copies of texts or bytes.
  give(name, ...inputs) {
    return this.with(inputs, (...args) => this.run(name, ...args));
  }

  // A kin_status of a function on context `ctx`; returns whether more is to be done.
  check(ctx, status) {
    const name = this.facts.statuses[status];
    if (name !== 'ok' && name !== 'more') this.#throw(status, 'kin_error_text', ctx);
    return name === 'more';
  }

  // Throws what a function with a kin_error of its own has put there.
  throwError() {
    this.#throw(this.call('kin_error_struct_status', this.error), 'kin_error_struct_text', this.error);
  }

  #throw(status, sentence, of) {
    fail(this.facts.statuses[status] ?? 'failed', this.text(this.pointer(sentence, of)));
  }
}
