// Processes that embed pictures: startEmbedder() gives one, Embedders as many as are wanted. A process is this command over
// the wasm engine (commands/embed-worker.js) or the native engine's; both speak lib/frames.js and give the same bits. So a
// picture that ends its process, or that takes too long, costs itself alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { frame, readFrames, types } from './frames.js';
import { isWebp } from './pictures.js';
import { bad } from './refusal.js';

const lastWords = 2000; // of what a process says before it ends
const leaving = 5000; // ms for a process to leave by itself

class Crashed extends Error {}

const said = (payload) => {
  const { code, message } = JSON.parse(payload.toString());
  return Object.assign(new Error(message), { code });
};

// `command`: [program, …arguments]. -> { hello, embed(bytes, { fit, signal }) → { vector, decoder }, close(), kill() }; one
// picture at a time. `bytes`: a JPEG or PNG, and to this command a WebP too. An abort of `signal` ends the process.
export async function startEmbedder([program, ...args]) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
  let words = '';
  child.stderr.on('data', (part) => { words = (words + part).slice(-lastWords); });
  child.stdin.on('error', () => {}); // it has ended: the answer's end tells
  const gone = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(words.trim().split('\n').at(-1) || (signal ? `ended by ${signal}` : `ended with ${code}`)));
  });
  const frames = readFrames(child.stdout);
  const next = async () => {
    const { value, done } = await frames.next().catch((error) => {
      child.kill('SIGKILL');
      words = error.message;
      return { done: true };
    });
    if (done) throw new Crashed(await gone);
    return value;
  };
  const kill = () => child.kill('SIGKILL');
  let hello;
  try {
    const { type, payload } = await next();
    if (type === types.error) throw said(payload);
    if (type !== types.ready) throw new Error('its first word is not what it embeds by');
    hello = JSON.parse(payload.toString());
  } catch (error) {
    kill();
    throw error;
  }
  let count = 0;
  return {
    hello,
    kill,
    async embed(bytes, { fit = 'crop', signal } = {}) {
      const id = ++count;
      signal?.addEventListener('abort', kill, { once: true });
      try {
        for (const part of frame(id, types.picture, Buffer.of(fit === 'pad' ? 1 : 0), bytes)) child.stdin.write(part);
        const answer = await next();
        if (answer.type === types.error && answer.id === id) throw said(answer.payload);
        const { payload } = answer, n = 4 * hello.dim;
        if (answer.type !== types.vector || answer.id !== id || payload.length < n) {
          kill();
          throw new Crashed('it answered what it was not asked');
        }
        const decoder = payload.toString('latin1', n) || hello.decoder;
        return { vector: new Float32Array(payload.buffer.slice(payload.byteOffset, payload.byteOffset + n)), decoder };
      } finally {
        signal?.removeEventListener('abort', kill);
      }
    },
    async close() {
      child.stdin.end();
      const timer = setTimeout(kill, leaving);
      await gone;
      clearTimeout(timer);
    },
  };
}

// So many processes of one command, each started when it is first needed. `begun(hello)` throws where one is not what is wanted.
class Pool {
  #slots;
  #waiting = [];
  #ended = false;

  constructor({ command, size, timeout, begun }) {
    Object.assign(this, { command, timeout, begun });
    this.#slots = Array.from({ length: size }, () => ({ process: null }));
    this.all = [...this.#slots];
  }

  #checked(embedder) {
    try {
      this.begun(embedder.hello);
    } catch (error) {
      embedder.kill();
      throw error;
    }
    return embedder;
  }

  async #start() {
    return this.#checked(await startEmbedder(this.command));
  }

  // One that has been started already.
  adopt(embedder) {
    this.all.at(-1).process = Promise.resolve(this.#checked(embedder));
  }

  async #take() {
    // The last that was free: so a second one starts only where the first has too much to do.
    return this.#slots.pop() ?? new Promise((resolve) => { this.#waiting.push(resolve); });
  }

  #give(slot) {
    const next = this.#waiting.shift();
    if (next) next(slot);
    else this.#slots.push(slot);
  }

  // -> { vector, decoder }. Who aborts `signal` kills the processes too. Rejects with the picture's error, or with one that
  // is `fatal`: nothing can be embedded here.
  async embed(bytes, { fit, signal }) {
    const slot = await this.#take();
    try {
      for (let tried = 1; ; tried++) {
        signal.throwIfAborted();
        if (this.#ended) throw Object.assign(new Error('the embedding processes have been ended'), { fatal: true });
        slot.process ??= this.#start();
        const embedder = await slot.process.catch((error) => {
          slot.process = null;
          const told = error instanceof Crashed ? new Error(`a process that embeds could not start: ${error.message}`) : error;
          throw Object.assign(told, { fatal: true });
        });
        const late = new AbortController();
        const timer = setTimeout(() => late.abort(), this.timeout * 1000);
        try {
          return await embedder.embed(bytes, { fit, signal: late.signal });
        } catch (error) {
          signal.throwIfAborted();
          const crashed = error instanceof Crashed;
          if (crashed) slot.process = null;
          if (crashed && late.signal.aborted)
            throw bad('timeout', `it took longer than ${this.timeout} seconds (--picture-timeout allows more)`);
          if (!crashed && error.code !== 'crashed') throw error;
          if (tried === 2) throw bad('crashed', `the process that embedded it ended, twice: ${error.message}`);
        } finally {
          clearTimeout(timer);
        }
      }
    } finally {
      this.#give(slot);
    }
  }

  // `how`: 'close' lets each finish what it has, 'kill' does not.
  async end(how) {
    this.#ended = true;
    await Promise.all(this.all.map(async ({ process }) => (await process?.catch(() => null))?.[how]()));
  }
}

// The native engine: KIN_NATIVE, whether it is there or not (none, where that is empty), or in a checkout build/native/kin-native,
// where it has been built.
function findNative(program) {
  const { KIN_NATIVE: named } = process.env;
  if (named !== undefined) return named || null;
  const path = join(dirname(program), '../build/native/kin-native');
  return existsSync(path) ? path : null;
}

const optionsOf = ({ model, dtype, decode, variant, threads }) => Object.entries({ model, dtype, decode, variant, threads })
  .flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));

// What build asks for a picture's vector. `expected`: { numerics, image } that every process must have.
export class Embedders {
  // `program`: this command's own file; `size`: how many processes; `timeout`: seconds that a picture may take; `options`: the
  // model's; `note` is told which engine runs where that is not the usual one.
  static async open({ program, size, timeout, options, expected, note }) {
    const begun = ({ numerics, ids }) => {
      if (numerics !== expected.numerics || ids?.image !== expected.image)
        throw Object.assign(new Error('the model has changed while the build began: start it again'), { fatal: true });
    };
    const threads = options.threads ?? 1;
    const pool = (...command) => new Pool({ command, size, timeout, begun });
    const usual = pool(process.execPath, ...process.execArgv, program, 'embed-worker', ...optionsOf({ ...options, threads }));
    const mayBeNative = options.variant === undefined && options.decode !== 'fast' && !/^https?:/i.test(options.model);
    const native = mayBeNative ? findNative(program) : null;
    if (!native) return new Embedders(usual, usual, 'wasm');
    const fast = pool(native, 'embed', ...optionsOf({ model: options.model, dtype: options.dtype, threads }));
    try {
      const tried = await startEmbedder(fast.command);
      fast.adopt(tried);
      return new Embedders(fast, usual, 'native');
    } catch (error) {
      note(`${native} is not used: ${error.fatal ? 'it embeds by another model or numerics' : error.message}`);
      return new Embedders(usual, usual, 'wasm');
    }
  }

  constructor(fast, usual, engine) {
    Object.assign(this, { fast, usual, engine });
  }

  embed(bytes, options) {
    return (isWebp(bytes) ? this.usual : this.fast).embed(bytes, options);
  }

  #end(how) {
    return Promise.all([...new Set([this.fast, this.usual])].map((pool) => pool.end(how)));
  }

  close() {
    return this.#end('close');
  }

  kill() {
    return this.#end('kill');
  }
}
