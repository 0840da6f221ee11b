// One model in one engine: what runs behind `load`. Calls come one at a time (serve.js); the event loop
// gets a turn between two steps, so that an abort is heard. After a trap the next call starts anew.
import { checkAbort, fail, KinError, packError, unpackError } from '../shared/errors.js';
import { fits, openEngine, sharedMemory, towers } from './engine.js';
import { holdImage } from './images.js';
import { checkKernels, chooseKernels } from './kernels.js';
import { loadConfig, loadPreprocessing, loadTower, loadVocabulary, ModelFiles } from './model.js';
import { startHelpers } from './threads.js';
import { chooseVariant } from './variant.js';

export class Core {
  #engine = null;
  #ctx = 0;
  #helpers = null;
  #have = new Set(); // 'config', 'preprocessing', 'vocabulary', 'image', 'text'
  #about = {};
  #decoder = null;
  #refused = new Set(); // kernels that turned out to be wrong here
  #known = new Map(); // text -> vector, of classify's prompts

  constructor(platform, options) {
    this.platform = platform;
    this.options = options;
    const { openFile, decodeImage } = platform;
    this.io = { openFile, decodeImage, ...options.io };
  }

  async open(signal, onProgress) {
    const { model, variant, threads } = this.options;
    this.choice = chooseVariant(this.platform.features(), { variant, threads });
    this.files = new ModelFiles(model, this.io);
    const both = [this.files.describe({ signal, onProgress }), this.#start(signal)]; // side by side
    try {
      Object.assign(this, (await Promise.all(both))[0]);
    } catch (error) {
      await Promise.allSettled(both);
      await this.stop();
      throw error;
    }
  }

  async #start(signal) {
    const { variant, threads } = this.choice;
    await this.stop();
    const module = await this.platform.module(variant, this.io, signal);
    const engine = await openEngine(module, variant.endsWith('-threads') ? sharedMemory() : undefined);
    this.#ctx = engine.pointer('kin_open');
    if (!this.#ctx) fail('out-of-memory', 'The engine has no memory to start.');
    this.kernels = await chooseKernels(engine, this.#ctx, this.platform.turn, this.#refused);
    this.#engine = engine;
    this.#have.clear();
    checkAbort(signal); // told to stop meanwhile: who would end the helpers?
    if (threads > 1) this.#helpers = startHelpers(engine, module, this.#ctx, threads, this.platform.startHelper);
  }

  async stop() {
    const helpers = this.#helpers;
    this.#helpers = null;
    this.#engine = null;
    await helpers?.stop();
  }

  // Loads what is not there yet.
  async #need(part, watcher) {
    if (!this.#engine || this.#engine.spent) await this.#start(watcher.signal);
    if (this.#have.has(part)) return;
    if (part !== 'config') await this.#need('config', watcher);
    const loads = [this.#engine, this.#ctx, this.files];
    if (part === 'config') loadConfig(this.#engine, this.#ctx, this.config);
    else if (part === 'preprocessing') await loadPreprocessing(...loads, watcher);
    else if (part === 'vocabulary') await loadVocabulary(...loads, watcher);
    else {
      const weights = this.files.weights(part, watcher.signal); // on their way while the small files come
      weights.catch(() => {}); // heard below
      try {
        await this.#need(part === 'image' ? 'preprocessing' : 'vocabulary', watcher);
        await loadTower(...loads, await weights, part, this.options.dtype, watcher);
      } catch (error) {
        for (const { file } of await weights.catch(() => [])) await file?.cancel();
        throw error;
      }
      const about = this.#engine.json('kin_info', this.#ctx)[part];
      this.#about.logitScale ??= about.logitScale;
      this.#about.preprocess ??= about.preprocess;
    }
    this.#have.add(part);
  }

  info() {
    const { config, manifest, options, choice } = this;
    return {
      model: this.files.where, dim: config.projection_dim ?? 512, imageSize: config.vision_config?.image_size ?? 224,
      dtype: options.dtype, ...choice, decoder: this.#decoder, numerics: 1, exact: true,
      selfTest: true, kernels: this.kernels.name, gmacs: this.kernels.gmacs,
      peakBytes: this.#engine?.memory.buffer.byteLength ?? 0, licence: manifest?.licence ?? null,
      languages: manifest?.languages ?? null, preprocess: this.#about.preprocess ?? null,
    };
  }

  // What catalogues know the tower by: SHA-256 over its weights and its preprocessing or vocabulary.
  async identify(tower, watcher) {
    await this.preload(tower, watcher);
    const [engine, ctx] = [this.#engine, this.#ctx];
    engine.check(ctx, engine.call('kin_identify', ctx, towers[tower]));
    return engine.json('kin_info', ctx)[tower].id;
  }

  async preload(tower, watcher) {
    if (!Object.hasOwn(towers, tower)) fail('bad-argument', `A tower is 'image' or 'text', not '${tower}'.`);
    await this.#need(tower, watcher);
  }

  async #prepare(source, { box, fit = 'crop' }, watcher) {
    const { x, y, width, height } = box ?? { x: 0, y: 0, width: 1, height: 1 };
    const part = [x, y, width, height];
    if (!part.every(Number.isFinite))
      fail('bad-argument', 'box is { x, y, width, height } in fractions of the picture.');
    if (!Object.hasOwn(fits, fit)) fail('bad-argument', `fit is 'crop' or 'pad', not '${fit}'.`);
    const engine = this.#engine;
    const reduce = this.options.decode === 'fast' ? part : null;
    this.#decoder = await holdImage(engine, this.#ctx, source, this.io, reduce, watcher.signal);
    checkAbort(watcher.signal);
    engine.check(this.#ctx, engine.call('kin_image_prepare', this.#ctx, ...part, fits[fit]));
  }

  // The vector of an image, or those of `n` texts.
  async #encode(tower, signal, n = 1) {
    const engine = this.#engine;
    const ctx = this.#ctx;
    engine.check(ctx, engine.call(`kin_${tower}_begin`, ctx));
    do {
      await this.platform.turn();
      checkAbort(signal);
    } while (engine.check(ctx, engine.call('kin_step', ctx)));
    checkKernels(engine, this.kernels, this.#refused);
    const dim = engine.call('kin_dim', ctx, towers[tower]);
    const vectors = engine.pointer('kin_embedding', ctx);
    return Array.from({ length: n }, (_, i) => engine.floats(vectors + 4 * dim * i, dim));
  }

  async embedImage(source, options, watcher) {
    await this.#need('image', watcher);
    await this.#prepare(source, options, watcher);
    return (await this.#encode('image', watcher.signal))[0];
  }

  async preprocess(source, options, watcher) {
    await this.#need('preprocessing', watcher);
    await this.#prepare(source, options, watcher);
    const [engine, ctx] = [this.#engine, this.#ctx];
    const [width, height] = ['width', 'height'].map((side) => engine.call(`kin_prepared_${side}`, ctx));
    return { data: engine.bytes(engine.pointer('kin_prepared', ctx), width * height * 3), width, height };
  }

  async tokenize(text, watcher) {
    await this.#need('vocabulary', watcher);
    const [engine, ctx] = [this.#engine, this.#ctx];
    engine.check(ctx, engine.with([text], (p, n) => engine.call('kin_tokenize', ctx, p, n)));
    const n = engine.call('kin_token_count', ctx);
    return new Int32Array(engine.bytes(engine.pointer('kin_tokens', ctx), n * 4).buffer);
  }

  // As many together as the engine has room for. A text that fails leaves its packed error in its place.
  async embedTexts(texts, watcher) {
    await this.#need('text', watcher);
    const [engine, ctx] = [this.#engine, this.#ctx];
    const results = [];
    let added = [];
    const run = async () => {
      const vectors = added.length ? await this.#encode('text', watcher.signal, added.length) : [];
      for (const [i, at] of added.entries()) results[at] = vectors[i];
      added = [];
    };
    const add = async (text) => {
      await this.tokenize(text, watcher);
      return engine.check(ctx, engine.call('kin_text_add', ctx));
    };
    for (const [at, text] of texts.entries())
      try {
        if (await add(text)) { // there was no room
          await run();
          await add(text);
        }
        added.push(at);
      } catch (error) {
        if (!(error instanceof KinError) || engine.spent) throw error;
        results[at] = packError(error);
      }
    await run();
    return results;
  }

  // Vectors of texts, kept: picture after picture is held against the same labels.
  async #prompts(texts, watcher) {
    if (this.#known.size > 10_000) this.#known.clear();
    const unknown = [...new Set(texts)].filter((text) => !this.#known.has(text));
    const vectors = unknown.length ? await this.embedTexts(unknown, watcher) : [];
    for (const [i, vector] of vectors.entries()) {
      if (!ArrayBuffer.isView(vector)) throw unpackError(vector);
      this.#known.set(unknown[i], vector);
    }
    return texts.map((text) => this.#known.get(text));
  }

  async classify(source, labels, { templates, box, fit }, watcher) {
    const image = await this.embedImage(source, { box, fit }, watcher);
    const vectors = await this.#prompts(labels.flatMap((label) =>
      templates.map((template) => template.replaceAll('{}', () => label))), watcher);
    const cosines = labels.map((_, label) => {
      const mean = new Float64Array(image.length);
      for (const vector of vectors.slice(label * templates.length, (label + 1) * templates.length))
        vector.forEach((value, i) => { mean[i] += value; });
      const length = Math.hypot(...mean) || 1;
      return image.reduce((sum, value, i) => sum + value * mean[i], 0) / length;
    });
    const scale = Math.exp(this.#about.logitScale);
    const best = Math.max(...cosines);
    const parts = cosines.map((cosine) => Math.exp(scale * (cosine - best)));
    const sum = parts.reduce((a, b) => a + b, 0);
    return labels.map((label, i) => ({ label, score: parts[i] / sum })).sort((a, b) => b.score - a.score);
  }

  // For Node alone.
  async exportTower(tower, watcher) {
    await this.preload(tower, watcher);
    const tensors = this.platform.exportTensors(this.#engine, this.#ctx, towers[tower]);
    return { id: await this.identify(tower, watcher), tensors };
  }

  // Rows of a catalogue being built: [{ row: Int8Array, scale }].
  async quantise(vectors, watcher) {
    if (!this.#engine || this.#engine.spent) await this.#start(watcher.signal);
    const engine = this.#engine;
    const read = (vector) => (p, _, row) => {
      const scale = row + Math.ceil(vector.length / 4) * 4;
      if (engine.call('kin_quantise_vector', p, vector.length, row, scale, engine.error)) engine.throwError();
      return { row: new Int8Array(engine.bytes(row, vector.length).buffer), scale: engine.floats(scale, 1)[0] };
    };
    return vectors.map((vector) => engine.with([vector, new Uint8Array(vector.length + 8)], read(vector)));
  }
}
