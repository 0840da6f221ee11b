// A loaded model as callers see it; the work is in core.js.
import { anything, call, decode, dtype, isList, listOf, pictureOptions, read, runOptions, shape, signal, storeOrMode,
  text, tower, variant, whole } from './arguments.js';
import { Client, usualStall } from './client.js';
import { checkAbort, KinError, onFirstUse, unpackError } from '../shared/errors.js';
import { outward, told } from './outward.js';
import { packImage } from './pack.js';

export const version = '0.1.0';
const internal = Symbol('client');

const loadOptions = shape({ model: anything, dtype, decode, threads: whole(1), variant, preload: tower, decoders: call,
  ...runOptions, cache: storeOrMode });
const onlySignal = shape({ signal });
const nameOf = (which) => read(tower, which, 'A tower');
const onePicture = shape(pictureOptions);

export async function load(host, options) {
  const { model, resolve, worker, fetch, cache, decoders, stall = usualStall, signal, onProgress, ...how } =
    read(loadOptions, options, 'load()');
  const open = { call: 'open', args: [{ dtype: 'q8', decode: 'exact', ...how, model: read(host.packModel, model, 'model') }] };
  const kept = /^[mps]/.test(cache); // a store, and no mode of fetch
  const own = { onProgress, io: { resolve, fetch, cache: kept ? undefined : cache, decodeImage: decoders, stall } };
  const client = new Client(host, { worker, ...await (kept // service workers can import nothing
    ? import('./shelf.js').then(({ openShelf }) => openShelf(cache, own, version), () => own) : own) }, open);
  await client.start(signal);
  return outward(new Clip(client, worker));
}

// For Node's entry.
export const clientOf = (clip) => clip[internal];

const picture = (source) => read(packImage, source, 'The picture');
const textOrPicture = (value) => (Object.hasOwn(Object(value), 'text') ? value : packImage(value));
const isError = (value) => value instanceof KinError;
const textOrError = (value) => {
  try {
    return text(value, 'A text');
  } catch (error) {
    return error;
  }
};

// One call for one, or for each of a list: there an error stands in its element's place.
async function each(input, work, signal) {
  if (!isList(input)) return work(input);
  const results = await Promise.all(read(listOf(anything), input, 'The list').map(async (one) => {
    try {
      return await work(one);
    } catch (error) {
      if (error instanceof KinError && error.code !== 'closed') return told(error);
      throw error;
    }
  }));
  checkAbort(signal);
  return results;
}

const few = 8; // pictures under way, from which on others may help

class Clip {
  #client;
  #worker;
  #crowd;

  constructor(client, worker) {
    this.#client = client;
    this.#worker = worker;
  }

  get [internal]() {
    return this.#client;
  }

  // As load() took it: for the workers of catalogues.
  get worker() {
    return this.#worker;
  }

  get info() {
    const { ids, ...info } = this.#client.info;
    return { ...info, version, ...this.#client.io.kept?.() };
  }

  get closed() {
    return this.#client.closed;
  }

  async sizes(which) {
    const name = nameOf(which);
    return await this.#client.io.sizes?.(name) ?? null;
  }

  async preload(which, options) {
    const { signal } = read(onlySignal, options, 'preload()');
    return this.#client.call('preload', [nameOf(which)], signal);
  }

  // Every reply tells the ids known by then, so that each is asked for once, but again of a worker started anew.
  async identify(which, options) {
    const { signal } = read(onlySignal, options, 'identify()');
    const name = nameOf(which);
    const { closed, info: { ids } } = this.#client;
    const known = !closed && !signal?.aborted && ids[name];
    return known || this.#client.call('identify', [name], signal);
  }

  // Who has the least to do for a picture: the client, or, where that is the only thread, a crowd (crowd.js) if its file comes.
  #least() {
    const { waiting, kind, info, open } = this.#client;
    if (waiting < few || kind === false || info.threads > 1 || open.args[0].threads === 1) return this.#client;
    return this.#crowd ??= import('./crowd.js').then(({ Crowd }) => new Crowd(this.#client), () => this.#client);
  }

  async embedImage(source, options) {
    const { signal, ...how } = read(onePicture, options, 'embedImage()');
    return each(source, async (one) => {
      const packed = picture(one); // what it shows now
      const to = this.#least();
      return (to.call ? to : await to).call('embedImage', [packed, how], signal);
    }, signal);
  }

  async embedText(input, options) {
    const { signal } = read(onlySignal, options, 'embedText()');
    const embed = async (texts) => (await this.#client.call('embedTexts', [texts], signal))
      .map((one) => (ArrayBuffer.isView(one) ? one : unpackError(one)));
    if (!isList(input)) {
      const [one] = await embed([read(text, input, 'A text')]);
      if (one instanceof Error) throw one;
      return one;
    }
    const list = read(listOf(textOrError), input, 'The list');
    const good = list.filter((one) => !isError(one));
    const [all] = await each([good], embed, signal);
    const done = all instanceof Error ? good.map(() => all) : all;
    return list.map((one) => (isError(one) ? one : done.shift()));
  }

  async tokenize(input, options) {
    const { signal } = read(onlySignal, options, 'tokenize()');
    return this.#client.call('tokenize', [read(text, input, 'A text')], signal);
  }

  async preprocess(source, options) {
    const { signal, ...how } = read(onePicture, options, 'preprocess()');
    return this.#client.call('preprocess', [picture(source), how], signal);
  }

  async classify(source, labels, options) {
    const given = picture(source); // what it shows now
    return (await onFirstUse(import('./labels.js'))).classify(this.#client, given, labels, options);
  }

  async describe(source, options) {
    const given = picture(source); // what it shows now
    return (await onFirstUse(import('./describe.js'))).describe(this, this.#client, given, options);
  }

  async hiddenStates(source, options) {
    const given = read(textOrPicture, source, 'The picture'); // what it shows now
    return (await onFirstUse(import('./hidden.js'))).hiddenStates(this.#client, given, options);
  }

  async createCatalog(options) {
    return (await onFirstUse(import('./builder.js'))).createCatalog(this, this.#client, options);
  }

  async close() {
    await Promise.all([this.#client.close(), this.#crowd?.then((crowd) => crowd.close())]);
  }
}
