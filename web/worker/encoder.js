// The encoder: a model's towers, run by the engine in WebAssembly. core.js knows of it what stands here and nothing
// of the engine, so that another back end may take its place:
//
//   start(signal)       makes it ready, with nothing loaded; once more after a trap, which ends `ready`
//   close()             ends it and its helper threads
//   choice              { variant, threads, threadsReason } once started
//   ready, holds(part), exact, kernels { name, gmacs }, peakBytes; facts and about: JSON of kin_facts, kin_info
//   load(part, input, signal):
//     'config'          bytes of config.json, before all else
//     'preprocessing'   those of its file, before 'image'
//     'vocabulary'      bytes of its files as model.js names them, before 'text'
//     'image', 'text'   { dtype, files }: the weights, an async iterable of files, each one of chunks
//   image(source, how, signal)    -> { vector, decoder }; source: as images.js takes it;
//                                    how: { box: [x, y, width, height], fit, fast: decode at a reduced size }
//   pixels(source, how, signal)   -> { data, width, height, decoder }: what the tower sees
//   tokens(text)                  -> Int32Array
//   texts(list, signal)           -> vectors, KinErrors in the places of those that fail
//   hidden(tower, given, how, signal) -> { data, dims: [rows, columns], decoder }: a layer; given: a source with what
//                                    image() takes as `how`, or a text; how: { layer, norm: the final norm after it } too
//   identify(tower)     -> what catalogues know a loaded tower by: SHA-256 over its weights and what it is given
//   tensors(tower)      -> a loaded tower as `kin convert` writes it; in Node alone
//   quantise(vectors)   -> their rows of a catalogue: Int8Array, one after the other
//
// No weights are held whole beside the engine's own. image(), texts() and hidden() run in steps of at most a block, and give
// the event loop a turn between two: an abort is heard there.
import { checkAbort, fail, KinError } from '../shared/errors.js';
import { openEngine, sharedMemory } from './engine.js';
import { holdImage } from './images.js';
import { checkKernels, chooseKernels } from './kernels.js';
import { startHelpers } from './threads.js';
import { chooseVariant } from './variant.js';

const pieceSize = 2 ** 20; // of weights, enters the engine at once

export class Encoder {
  exact = true; // its vectors have the bits that docs/numerics.md defines
  #platform;
  #io;
  #asked;
  #engine = null;
  #helpers = null;
  #held = new Set();
  #refused = new Set(); // kernels that turned out to be wrong here

  choice = null;

  // `asked`: { variant, threads } as load() takes them.
  constructor(platform, io, asked) {
    this.#platform = platform;
    this.#io = { decodeImage: platform.decodeImage, ...io };
    this.#asked = asked;
  }

  get ready() {
    return this.#engine !== null && !this.#engine.spent;
  }

  get peakBytes() {
    return this.#engine?.memory.buffer.byteLength ?? 0;
  }

  holds(part) {
    return this.#held.has(part);
  }

  async start(signal) {
    const features = this.#platform.features();
    this.choice ??= chooseVariant(features, this.#asked);
    this.#goAlone();
    await this.close();
    let memory;
    if (this.choice.variant.endsWith('-threads') && !(memory = sharedMemory()))
      this.choice = chooseVariant({ ...features, refused: true }, this.#asked);
    const { variant, threads } = this.choice;
    const module = await this.#platform.module(variant, this.#io, signal);
    const engine = await openEngine(module, memory ?? undefined);
    engine.ctx = engine.pointer('kin_open') || engine.noMemory('to start');
    this.kernels = await chooseKernels(engine, this.#platform.turn, this.#refused);
    this.#engine = engine;
    this.#held.clear();
    this.facts = engine.facts;
    checkAbort(signal); // told to stop meanwhile: who would end the helpers?
    if (threads > 1) this.#helpers = startHelpers(engine, module, threads, this.#platform.startHelper);
  }

  // Where a helper was lost, one thread works on: others might be lost for the same reason.
  #goAlone() {
    const reason = this.#helpers?.lost();
    if (reason) this.choice = { ...this.choice, threads: 1, threadsReason: reason };
    return reason;
  }

  async close() {
    const helpers = this.#helpers;
    this.#helpers = this.#engine = null;
    await helpers?.stop();
  }

  async load(part, input, signal) {
    const engine = this.#engine;
    if (part === 'config') engine.give('kin_config', input);
    else if (part === 'preprocessing') engine.give('kin_preprocessing', input);
    else if (part === 'vocabulary')
      engine.give('kin_vocabulary', input.vocab, input.merges, input.tokenizer, input.tokenizerConfig,
        input.specialTokens, input.addedTokens);
    else await this.#loadTower(part, input, signal);
    this.about = engine.json('kin_info', engine.ctx);
    this.#held.add(part);
  }

  async #loadTower(tower, { dtype, files }, signal) {
    const engine = this.#engine;
    const { towers, dtypes } = engine.facts;
    engine.run('kin_tower_begin', towers[tower], dtypes[dtype]);
    const piece = engine.allocate(pieceSize);
    try {
      for await (const chunks of files) {
        for await (const chunk of chunks)
          for (let at = 0; at < chunk.length; at += pieceSize) {
            const part = chunk.subarray(at, at + pieceSize);
            engine.view(piece, part.length).set(part);
            engine.run('kin_tower_feed', piece, part.length);
          }
        engine.run('kin_tower_file_end');
      }
      checkAbort(signal);
      engine.run('kin_tower_end');
    } finally {
      engine.free(piece);
    }
  }

  // Leaves the picture's pixels, upright, cut and resized, in the engine; returns what decoded it.
  async #prepare(source, { box, fit, fast }, signal) {
    const engine = this.#engine;
    const decoder = await holdImage(engine, source, this.#io, fast ? box : null, signal);
    checkAbort(signal);
    engine.run('kin_image_prepare', ...box, engine.facts.fits[fit]);
    return decoder;
  }

  // What a run leaves: { data, dims: [rows, columns] }.
  async #run(signal, what, ...args) {
    const engine = this.#engine;
    if (this.#goAlone()) {
      engine.call('kin_use_pool', engine.ctx, 0);
      this.#helpers.stop();
      this.#helpers = null;
    }
    engine.run(`kin_${what}_begin`, ...args);
    try {
      do {
        await this.#platform.turn();
        checkAbort(signal);
      } while (engine.run('kin_step'));
    } catch (error) {
      const reason = engine.spent && this.#helpers?.lost();
      if (reason) fail('crashed', `${reason} Call again: one thread goes on.`, error);
      throw error;
    }
    checkKernels(engine, this.kernels, this.#refused);
    const dims = ['rows', 'columns'].map((side) => engine.call(`kin_${side}`, engine.ctx));
    return { data: engine.floats(engine.pointer('kin_embedding', engine.ctx), dims[0] * dims[1]), dims };
  }

  async image(source, how, signal) {
    const decoder = await this.#prepare(source, how, signal);
    const { data: vector } = await this.#run(signal, 'image');
    return { vector, decoder };
  }

  async hidden(tower, given, how, signal) {
    const decoder = tower === 'image' ? await this.#prepare(given, how, signal) : void this.tokens(given);
    const { towers, layers } = this.facts;
    return { decoder, ...await this.#run(signal, 'layer', towers[tower], layers[how.layer] ?? how.layer, how.norm) };
  }

  async pixels(source, how, signal) {
    const decoder = await this.#prepare(source, how, signal);
    const engine = this.#engine;
    const [width, height] = ['width', 'height'].map((side) => engine.call(`kin_prepared_${side}`, engine.ctx));
    return { data: engine.bytes(engine.pointer('kin_prepared', engine.ctx), width * height * 3), width, height, decoder };
  }

  tokens(text) {
    const engine = this.#engine;
    engine.give('kin_tokenize', text);
    const n = engine.call('kin_token_count', engine.ctx);
    return new Int32Array(engine.bytes(engine.pointer('kin_tokens', engine.ctx), n * 4).buffer);
  }

  // As many together as the engine has room for.
  async texts(list, signal) {
    const engine = this.#engine;
    const results = [];
    let added = [];
    const run = async () => {
      const places = added;
      added = null; // a batch that fails ends the list: what the engine holds of it is not known
      if (places.length) {
        const { data, dims: [, dim] } = await this.#run(signal, 'text');
        places.forEach((at, i) => { results[at] = data.slice(i * dim, (i + 1) * dim); });
      }
      added = [];
    };
    const add = (text) => {
      this.tokens(text);
      return engine.run('kin_text_add');
    };
    for (const [at, text] of list.entries())
      try {
        if (add(text)) { // there was no room
          await run();
          add(text);
        }
        added.push(at);
      } catch (error) {
        if (!(error instanceof KinError && added) || engine.spent) throw error;
        results[at] = error;
      }
    await run();
    return results;
  }

  identify(tower) {
    const engine = this.#engine;
    if (!this.about[tower].id) {
      engine.run('kin_identify', engine.facts.towers[tower]);
      this.about = engine.json('kin_info', engine.ctx);
    }
    return this.about[tower].id;
  }

  tensors(tower) {
    return this.#platform.exportTensors(this.#engine, this.facts.towers[tower]);
  }

  quantise(vectors) {
    const engine = this.#engine;
    const [{ length: dim }] = vectors;
    const rows = new Int8Array(vectors.length * dim);
    for (const [i, vector] of vectors.entries())
      engine.with([vector, rows.subarray(0, dim), new Float32Array(1)], (values, _, row, n, scale) => {
        if (engine.call('kin_quantise_vector', values, dim, row, scale, engine.error)) engine.throwError();
        rows.set(engine.view(row, n), i * dim);
      });
    return rows;
  }
}
