// A loaded model as callers see it; the work is in core.js.
import { Client } from './client.js';
import { checkAbort, fail, KinError, notYet, onFirstUse, unpackError } from '../shared/errors.js';
import { packImage } from './pack.js';

export const version = '0.1.0';
const internal = Symbol('client');
const dispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

export async function load(host, options = {}) {
  const { model, dtype = 'q8', decode = 'exact', threads, variant, resolve, worker, fetch, cache, decoders, signal,
    onProgress } = options;
  if (dtype !== 'q8' && dtype !== 'f32') fail('bad-argument', `dtype is 'q8' or 'f32', not '${dtype}'.`);
  if (decode !== 'exact' && decode !== 'fast') fail('bad-argument', `decode is 'exact' or 'fast', not '${decode}'.`);
  const client = new Client(host, { worker, onProgress, io: { resolve, fetch, cache, decodeImage: decoders } },
    { call: 'open', args: [{ model: host.packModel(model), dtype, decode, threads, variant }] });
  await client.start(signal);
  return new Clip(client, worker);
}

export const exportTower = (clip, tower, { signal } = {}) => clip[internal].call('exportTower', [tower], signal);

const isText = (text) => typeof text === 'string';
const noText = (value) => new KinError('bad-argument', `A text is a string, not ${value === null ? 'null' : typeof value}.`);
const checkText = (text) => {
  if (!isText(text)) throw noText(text);
  return text;
};

// One call for one, or for each of a list: there an error stands in its element's place.
async function each(input, work, signal) {
  if (!Array.isArray(input)) return work(input);
  const results = await Promise.all(input.map(async (one) => {
    try {
      return await work(one);
    } catch (error) {
      if (error instanceof KinError && error.code !== 'closed') return error;
      throw error;
    }
  }));
  checkAbort(signal);
  return results;
}

class Clip {
  constructor(client, worker) {
    Object.defineProperty(this, internal, { value: client });
    this.worker = worker;
  }

  get info() {
    const { ids, ...info } = this[internal].info;
    return { ...info, version };
  }

  get closed() {
    return this[internal].closed;
  }

  preload(tower, { signal } = {}) {
    return this[internal].call('preload', [tower], signal);
  }

  // Every reply tells the ids known by then, so that each is asked for once, but again of a worker started anew.
  async identify(tower, { signal } = {}) {
    const { closed, info: { ids } } = this[internal];
    const known = !closed && !signal?.aborted && Object.hasOwn(ids, tower) && ids[tower];
    return known || this[internal].call('identify', [tower], signal);
  }

  async embedImage(source, { box, fit, signal } = {}) {
    return each(source, async (one) =>
      this[internal].call('embedImage', [packImage(one), { box, fit }], signal), signal);
  }

  async embedText(text, { signal } = {}) {
    const embed = async (texts) => (await this[internal].call('embedTexts', [texts], signal))
      .map((one) => (ArrayBuffer.isView(one) ? one : unpackError(one)));
    if (!Array.isArray(text)) {
      const [one] = await embed([checkText(text)]);
      if (one instanceof Error) throw one;
      return one;
    }
    const good = text.filter(isText);
    const [all] = await each([good], embed, signal);
    const done = all instanceof Error ? good.map(() => all) : all;
    return text.map((one) => (isText(one) ? done.shift() : noText(one)));
  }

  async tokenize(text, { signal } = {}) {
    return this[internal].call('tokenize', [checkText(text)], signal);
  }

  async preprocess(source, { box, fit, signal } = {}) {
    return this[internal].call('preprocess', [packImage(source), { box, fit }], signal);
  }

  async classify(source, labels, { templates = ['a photo of a {}'], multiLabel, none, box, fit, signal } = {}) {
    if (multiLabel !== undefined) notYet('multiLabel');
    if (none !== undefined) notYet('none');
    const lists = [labels, templates].map((list) => (Array.isArray(list) ? list : [list]));
    for (const list of lists) list.forEach(checkText);
    if (!lists.every((list) => list.length)) fail('bad-argument', 'classify needs at least one label and template.');
    return this[internal].call('classify', [packImage(source), lists[0], { templates: lists[1], box, fit }], signal);
  }

  async hiddenStates() {
    notYet('hiddenStates');
  }

  async createCatalog(options) {
    const { createCatalog } = await onFirstUse(import('./builder.js'));
    return createCatalog(this, this[internal], options);
  }

  close() {
    return this[internal].close();
  }

  [dispose]() {
    return this.close();
  }
}
