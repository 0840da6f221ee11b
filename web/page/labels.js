// Labels as callers see them: openLabels(), and classify() of a clip. The scores are made in shared/labels.js, on the
// caller's thread, since a picture costs a thousand times as much as holding it against labels; a pack's file is read and
// checked by a worker that ends with it.
import { anything, flag, listOf, numbers, oneOrMore, pictureOptions, read, runOptions, shape, signal, text, words,
  wrong } from './arguments.js';
import { usualStall } from './client.js';
import { finder } from './engine.js';
import { fail } from '../shared/errors.js';
import { evidence, meanOf, prepare, readPack, score, unit, withPictures } from '../shared/labels.js';
import { outward } from './outward.js';
import { phrases } from '../shared/phrases.js';

// `none`: true, or what the entry is called.
const noneName = (value, name) => (value === true ? 'none of these' : value === false ? undefined : words(value, name));
const calibrated = { multiLabel: flag, none: noneName, ...pictureOptions };
const opening = shape({ clip: (value) => (typeof value.embedImage === 'function' ? value
  : wrong('clip is not what load() gave.')), ...runOptions });
const classifying = shape({ templates: oneOrMore(template), ...calibrated });
const ofPack = shape(calibrated);
const adding = shape({ label: words, images: oneOrMore(anything), vectors: listOf(numbers) }, ['label']);
const onlySignal = shape({ signal });

// Two entries of one name could not be told apart.
const checkNone = (none, labels) => none !== undefined && labels.includes(none) &&
  wrong(`none is called '${none.slice(0, 60)}', as one of the labels is: give it a name of its own.`);

function template(value, name) {
  return text(value, name).includes('{}') ? value
    : wrong(`${name} holds {} where the label goes: without it all labels are the same text.`);
}

// -> a pack, of labels or a background alone
export async function readFile(host, source, options) {
  const { worker, fetch, resolve, cache, stall = usualStall, signal, onProgress } = options;
  const client = await finder(host, { worker, onProgress, io: { fetch, resolve, cache, stall } },
    { call: 'openLabels', args: [{ source }] });
  const file = await client.start(signal);
  await client.close();
  return prepare(readPack(file));
}

/* ---- classify() of a clip ---- */

const known = new WeakMap(); // a clip's client -> the last pack that had a background

async function packOf(client, labels, templates, held, signal) {
  const texts = labels.flatMap((label) => templates.map((one) => one.replaceAll('{}', () => label)));
  const { vectors, scale } = await client.call('prompts', [held ? [...texts, phrases[0]] : texts], signal);
  const kept = known.get(client), key = JSON.stringify([labels, templates]);
  const same = held && String(kept?.background[0]) === String(vectors.at(-1)); // a worker started anew may have another model
  if (same && kept.key === key) return kept;
  const background = same ? kept.background : held ? (await client.call('prompts', [phrases], signal)).vectors : [];
  const pack = prepare({ key, scale, negatives: [], null: [], background, pictures: [],
    labels: labels.map((label) => ({ label, phrases: [label], negatives: [] })),
    phrases: labels.map(() => meanOf(vectors.splice(0, templates.length))) });
  if (held) known.set(client, pack);
  return pack;
}

// `picture`: packed.
export async function classify(client, picture, labels, options) {
  const { templates = ['a photo of a {}'], multiLabel, none, signal, ...how } = read(classifying, options, 'classify()');
  const names = read(oneOrMore(words), labels, 'A label');
  if (!names.length || !templates.length) wrong('classify() needs at least one label and template.');
  checkNone(none, names);
  const vector = await client.call('embedImage', [picture, how], signal);
  const pack = await packOf(client, names, templates, multiLabel || none !== undefined, signal);
  return score(pack, vector, { multiLabel, none }).map((one) => ({ label: one.label, score: one.score }));
}

/* ---- packs ---- */

export async function openLabels(host, source, options) {
  const given = read(opening, options, 'openLabels()');
  const pack = await readFile(host, read(host.packFile, source, 'The label pack'), { worker: given.clip?.worker, ...given });
  if (!pack.labels.length) fail('not-a-pack', 'The label pack has no label: it is the background of a model.');
  return outward(new Labels(pack, given.clip));
}

const isVector = (source) => Array.isArray(source) || ['Float32Array', 'Float64Array']
  .includes(Object.prototype.toString.call(source).slice(8, -1));

const contents = Symbol('contents');

// What openLabels() gave -> the pack in it.
export const contentsOf = (labels) => labels[contents];

// A vector that `clip` made, if the pack is of its model.
export async function ofModel({ dim, imageId }, clip, vector, signal) {
  if (vector.length !== dim || await clip.identify('image', { signal }) !== imageId)
    fail('model-mismatch', `The label pack was built with another image model than '${clip.info.model}' in '${clip.info.dtype}': ` +
      'load the model it was built with, or build the pack again with this one.');
  return vector;
}

class Labels {
  #pack;
  #clip;

  constructor(pack, clip) {
    this.#pack = pack;
    this.#clip = clip;
  }

  get [contents]() {
    return this.#pack;
  }

  get info() {
    const { dim, languages, kinds, imageId, textId, background, pictures, labels } = this.#pack;
    return { dim, languages, kinds: structuredClone(kinds), imageId, textId, background: { phrases: background.length, pictures: pictures.length },
      labels: labels.map(({ picture, ...one }) => structuredClone({ ...one, fromPictures: Boolean(picture) })) };
  }

  async #vector(source, how) {
    const { dim } = this.#pack;
    if (isVector(source)) {
      const vector = read(numbers, source, 'vector');
      return vector.length === dim && vector.some(Boolean) ? vector
        : wrong(`A vector is ${dim} finite numbers, not all of them zero.`);
    }
    if (!this.#clip) fail('no-model', 'A picture needs a model: openLabels(…, { clip: await load({ model }) }).');
    return ofModel(this.#pack, this.#clip, await this.#clip.embedImage(source, how), how.signal);
  }

  async classify(source, options) {
    const { multiLabel, none, ...how } = read(ofPack, options, 'classify()');
    checkNone(none, this.#pack.labels.map(({ label }) => label));
    return score(this.#pack, await this.#vector(source, how), { multiLabel, none });
  }

  // A label made of 3 to 10 pictures, in this page's pack alone. -> what it does: how many of its pictures find it first
  // when it is made without them, and of the background's pictures which it now has first, by the label that had them.
  async add(label, options) {
    const { signal } = read(onlySignal, options, 'add()');
    const { label: name, images = [], vectors = [] } = read(adding, label, 'A label');
    const checkName = () => this.#pack.labels.some((one) => one.label === name) && wrong(`There is a label '${name}' already.`);
    checkName();
    if (!this.#pack.null.length)
      fail('unsupported', 'This label pack has no pictures in its background, which a label made of pictures is held against.');
    if (images.length && vectors.length) wrong('A label is made of images or of vectors, not of both.');
    const given = images.length ? images : vectors;
    if (given.length < 3 || given.length > 10) wrong(`A label is made of 3 to 10 pictures, not of ${given.length}.`);
    const made = (await Promise.all(given.map((one) => this.#vector(one, { signal })))).map(unit); // all as they are now
    checkName(); // labels may have come and gone meanwhile
    const before = this.#pack;
    const first = (pack, vector) => pack.labels[evidence(pack, vector)
      .map(({ evidence: odds }, l) => (odds - pack.null[l].mean) / pack.null[l].deviation)
      .reduce((best, way, l, all) => (way > all[best] ? l : best), 0)].label;
    const own = made.filter((vector, i) => first(withPictures(before, name, made.filter((_, k) => k !== i)), vector) === name).length;
    const pack = withPictures(before, name, made);
    const taken = {};
    for (const picture of pack.pictures)
      if (first(pack, picture) === name) {
        const was = first(before, picture);
        taken[was] = (taken[was] ?? 0) + 1;
      }
    this.#pack = pack;
    return { label: name, examples: made.length, found: own, background: pack.pictures.length, taken };
  }

  remove(label) {
    const { labels, phrases, negatives, rows } = this.#pack;
    const l = labels.findIndex((one) => one.label === label);
    if (l < 0 || labels.length < 2) return false;
    const without = (list, from, n) => list.filter((_, i) => i < from || i >= from + n);
    this.#pack = prepare({ ...this.#pack, labels: without(labels, l, 1), null: without(this.#pack.null, l, 1),
      phrases: without(phrases, rows[l].phrases, labels[l].phrases.length),
      negatives: without(negatives, rows[l].negatives, labels[l].negatives.length) });
    return true;
  }
}
