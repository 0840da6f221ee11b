// One loaded model: what runs behind `load`. Its files, which of them a call needs in the encoder, and what is made
// of vectors. Calls come one at a time (serve.js). After a trap the next call starts the encoder anew.
import { packError } from '../shared/errors.js';
import { Encoder } from './encoder.js';
import { ModelFiles } from './model.js';

// Weights that were asked for and are not wanted.
async function drop(weights) {
  for (const { file } of await weights?.catch(() => []) ?? []) await file?.cancel();
}

export class Core {
  #encoder;
  #decoder = null;
  #known = new Map(); // text -> vector, of classify's prompts

  constructor(platform, options) {
    this.platform = platform;
    this.options = options;
    this.io = { openFile: platform.openFile, ...options.io };
  }

  async open(signal, onProgress) {
    const { model, variant, threads, preload } = this.options;
    const watcher = { signal, onProgress };
    this.files = new ModelFiles(model, this.io);
    this.#encoder = new Encoder(this.platform, this.io, { variant, threads });
    const manifest = this.files.manifest(watcher);
    const config = manifest.then(() => this.files.config(watcher));
    const all = [manifest, config, this.#encoder.start(signal)]; // side by side
    const weights = preload && manifest.then(() => this.files.weights(preload, watcher)); // and these
    weights?.catch(() => {}); // heard below
    try {
      [this.manifest, this.config] = await Promise.all(all);
      await this.#encoder.load('config', this.config); // a model of another kind is told of here
      if (preload) await this.#loadTower(preload, watcher, weights);
    } catch (error) {
      drop(weights).catch(() => {}); // in its own time
      await Promise.allSettled(all);
      await this.stop();
      throw error;
    }
  }

  async stop() {
    await this.#encoder.close();
  }

  async #running(signal) {
    if (!this.#encoder.ready) {
      this.#known.clear(); // the files may be others by now
      await this.#encoder.start(signal);
      await this.#encoder.load('config', this.config);
    }
    return this.#encoder;
  }

  // The encoder with `part` in it: loads what is not there yet.
  async #with(part, watcher) {
    const encoder = await this.#running(watcher.signal);
    if (encoder.holds(part)) return encoder;
    if (part === 'image' || part === 'text') await this.#loadTower(part, watcher);
    else await encoder.load(part, await this.files[part](watcher), watcher.signal);
    return encoder;
  }

  async #loadTower(tower, watcher, weights = this.files.weights(tower, watcher)) { // on their way while the small files come
    weights.catch(() => {}); // heard below
    try {
      const encoder = await this.#with(tower === 'image' ? 'preprocessing' : 'vocabulary', watcher);
      const files = this.files.each(await weights, watcher);
      await encoder.load(tower, { dtype: this.options.dtype, files }, watcher.signal);
    } catch (error) {
      await drop(weights);
      throw error;
    }
  }

  info() {
    const { facts, about: { image, text }, choice, exact, kernels, peakBytes } = this.#encoder;
    return {
      model: this.files.where, dim: (image ?? text).dim, imageSize: image?.imageSize ?? 0,
      dtype: this.options.dtype, ...choice, decoder: this.#decoder, numerics: facts.numerics, exact,
      selfTest: true, kernels: kernels.name, gmacs: kernels.gmacs, peakBytes,
      licence: this.manifest?.licence ?? null, languages: this.manifest?.languages ?? null,
      preprocess: image?.preprocess ?? null, ids: { image: image?.id, text: text?.id }, // of those asked for so far
    };
  }

  async preload(tower, watcher) {
    await this.#with(tower, watcher);
  }

  async identify(tower, watcher) {
    await this.preload(tower, watcher);
    return this.#encoder.identify(tower);
  }

  // What the caller wants of a picture (page/arguments.js), as the encoder takes it.
  #how({ box: { x, y, width, height } = { x: 0, y: 0, width: 1, height: 1 }, fit = 'crop' }) {
    return { box: [x, y, width, height], fit, fast: this.options.decode === 'fast' };
  }

  async embedImage(source, options, watcher) {
    const how = this.#how(options);
    const encoder = await this.#with('image', watcher);
    const { vector, decoder } = await encoder.image(source, how, watcher.signal);
    this.#decoder = decoder;
    return vector;
  }

  async preprocess(source, options, watcher) {
    const how = this.#how(options);
    const encoder = await this.#with('preprocessing', watcher);
    const { decoder, ...pixels } = await encoder.pixels(source, how, watcher.signal);
    this.#decoder = decoder;
    return pixels;
  }

  // `given`: a packed picture, or a text.
  async hiddenStates(given, tower, options, watcher) {
    const how = { ...options, ...this.#how(options) };
    const encoder = await this.#with(tower, watcher);
    const { decoder = this.#decoder, ...states } = await encoder.hidden(tower, given, how, watcher.signal);
    this.#decoder = decoder;
    return states;
  }

  async tokenize(text, watcher) {
    return (await this.#with('vocabulary', watcher)).tokens(text);
  }

  // A text that fails leaves its packed error in its place.
  async embedTexts(texts, watcher) {
    const vectors = await (await this.#with('text', watcher)).texts(texts, watcher.signal);
    return vectors.map((vector) => (vector instanceof Error ? packError(vector) : vector));
  }

  // -> { vectors, scale }: of texts, kept, since picture after picture is held against the same labels; and what the
  // model multiplies cosines by.
  async prompts(texts, watcher) {
    if (this.#known.size > 10_000) this.#known.clear();
    const encoder = await this.#running(watcher.signal);
    const unknown = [...new Set(texts)].filter((text) => !this.#known.has(text));
    const vectors = unknown.length ? await (await this.#with('text', watcher)).texts(unknown, watcher.signal) : [];
    for (const [i, vector] of vectors.entries()) {
      if (vector instanceof Error) throw vector;
      this.#known.set(unknown[i], vector);
    }
    return { vectors: texts.map((text) => this.#known.get(text).slice()),
      scale: Math.exp(encoder.about.text.logitScale) };
  }

  // For Node alone.
  async exportTower(tower, watcher) {
    await this.preload(tower, watcher);
    return { id: this.#encoder.identify(tower), tensors: this.#encoder.tensors(tower) };
  }

  async quantise(vectors, { signal }) {
    return (await this.#running(signal)).quantise(vectors);
  }
}
