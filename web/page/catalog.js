// An open catalogue: items, ids, filters and what a query is made of; catalog-core.js scans it.
import { pictureAddress, schemeOf } from '../shared/addresses.js';
import { anything, box, fit, flag, fraction, id, listOf, number, numbers, object, oneOrMore, read, runOptions, shape, signal, whole,
  words, wrong } from './arguments.js';
import { Client, usualStall } from './client.js';
import { fail, onFirstUse } from '../shared/errors.js';
import { outward } from './outward.js';

const contents = Symbol('contents');
const opening = shape({ clip: aClip, adapter: anything, ...runOptions });
const searching = shape({ limit: whole(0), offset: whole(0), filter: anything, minScore: number, minConfidence: fraction,
  diversity: fraction, facets: oneOrMore(words), exact: flag, signal });

// A query, and the parts of a mix. What one is of, and what goes only with some of these:
const source = { image: anything, text: words, vector: numbers, id };
const mixed = shape({ ...source, box, fit, weight: number }, []);
const queried = shape({ ...source, like: oneOrMore(id), unlike: oneOrMore(id), mix: listOf(mixed), box, fit }, []);

function aClip(value) {
  return typeof value.embedImage === 'function' ? value : wrong('clip is not what load() gave.');
}

function checkPart(part, name, ways = Object.keys(source)) {
  const given = ways.filter((way) => way in part);
  if (given.length !== 1)
    wrong(`${name} has one of ${ways.join(', ')}, not ${given.join(' and ') || 'none'}` +
      `${given.length ? ': mix them, as { mix: [{ … }, { … }] }' : ''}.`);
  if ((part.box || part.fit) && !('image' in part)) wrong(`box and fit go with an image, not with ${given[0]}.`);
}

function readQuery(given, name) {
  const query = queried(given, name);
  const { unlike: like } = query;
  checkPart({ ...like && { like }, ...query }, name, [...Object.keys(source), 'like', 'mix']);
  query.mix?.forEach((part) => checkPart(part, 'A part of mix'));
  return query;
}

const typeOf = (value) => (Array.isArray(value) ? 'list' : value === undefined || value === null ? null : typeof value);
const settable = (value) => (Array.isArray(value) ? value.every((one) => typeof one === 'string')
  : ['string', 'boolean', null].includes(typeOf(value)) || Number.isFinite(value));

const rowsOf = listOf((row, name) => {
  const { id: product, ...given } = object(row, name);
  const fields = Object.entries(given).map(([field, value]) => [field, Array.isArray(value) ? [...value] : value]);
  return { id: id(product, 'id'), fields };
});

// types: Map of field -> type. Where values differ the field is a list if one of them is, else a string: filters read
// the others so.
function addType(types, field, value) {
  const [was, type] = [types.get(field), typeOf(value)];
  if (type) types.set(field, !was || was === type ? type : was === 'list' || type === 'list' ? 'list' : 'string');
}

export async function openCatalog(host, source, options) {
  const { clip, adapter, signal, onProgress, worker = clip?.worker, fetch, resolve, cache, stall = usualStall } =
    read(opening, options, 'openCatalog()');
  const packed = read(host.packFile, source, 'The catalogue');
  const client = new Client(host, { worker, onProgress, io: { fetch, resolve, cache, stall } },
    { call: 'openCatalog', args: [{ source: packed, adapter: read(host.packFile, adapter, 'The adapter') }] });
  const base = typeof packed === 'string' && schemeOf('.', packed) ? packed : null; // of a path, bytes or blob: none
  return outward(new Catalog(client, await client.start(signal), clip, base));
}

// For Node's entry: ids and items as they lie in the file.
export const fileOf = (catalog) => catalog[contents];

class Catalog {
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #client;
  #file;
  #clip;
  #base;
  #info;
  #items;
  #index = null; // id -> product
  #types = null;

  // `base`: the catalogue's address; null if it has none.
  constructor(client, { metadata, products, pictures, dim, numerics, ...file }, clip, base) {
    this.#client = client;
    this.#file = file;
    this.#clip = clip;
    this.#base = base;
    this.#items = new Array(products);
    const sameNumerics = metadata['kin.numerics'] === String(numerics);
    this.#info = { products, pictures, dim, metadata, exact: sameNumerics, exactReason: sameNumerics ? null
      : 'This catalogue was built by another release whose numbers differ: build it again.' };
  }

  get info() {
    return this.#info;
  }

  get closed() {
    return this.#client.closed;
  }

  #part(offsets, bytes, i) {
    return bytes.subarray(Number(offsets[i]), Number(offsets[i + 1]));
  }

  #text(offsets, bytes, i) {
    return this.#decoder.decode(this.#part(offsets, bytes, i));
  }

  get [contents]() {
    return this.#file;
  }

  #item(i) {
    if (!this.#items[i]) {
      const { itemOffsets, items } = this.#file;
      let item;
      try {
        item = JSON.parse(this.#text(itemOffsets, items, i));
      } catch {} // told below
      if (!item || typeof item !== 'object' || Array.isArray(item))
        fail('not-a-catalog', `Item ${i} of the catalogue is not a JSON object: build it again.`);
      this.#items[i] = item;
    }
    return this.#items[i];
  }

  #find(id) {
    const { ids, idOffsets } = this.#file;
    if (!this.#index) {
      this.#index = new Map();
      for (let i = 0; i < this.info.products; i++) this.#index.set(this.#text(idOffsets, ids, i), i);
    }
    return this.#index.get(id);
  }

  #known(id) {
    return this.#find(id) ?? fail('unknown-id', `The catalogue has no product '${id}'.`);
  }

  // One id -> its item or undefined; a list -> a list.
  get(ids) {
    const items = read(oneOrMore(id), ids, 'An id').map((one) => {
      const i = this.#find(one);
      return i === undefined ? undefined : structuredClone(this.#item(i));
    });
    return Array.isArray(ids) ? items : items[0];
  }

  // rows: [{ id, price, … }]: replaces fields of an open page's products, all rows or none; vectors stay as they are.
  // A field keeps its type, for filters: a number does not become a text because one row says so. null empties it.
  setFields(rows) {
    const types = new Map(this.#fieldTypes());
    const found = read(rowsOf, rows, 'A row').map(({ id, fields }) => {
      for (const [field, value] of fields) {
        const was = types.get(field);
        if (!settable(value))
          wrong(`'${field}' of '${id}' is neither a string, a finite number, true or false, nor a list of strings.`);
        if (was && ![was, null].includes(typeOf(value)) && field !== 'image')
          wrong(`'${field}' is a ${was} in this catalogue, and '${id}' would get ${JSON.stringify(value)}.`);
        addType(types, field, value);
      }
      return [this.#known(id), fields];
    });
    for (const [i, fields] of found) this.#items[i] = { ...this.#item(i), ...Object.fromEntries(fields) };
    this.#types = types;
  }

  #fieldTypes() {
    if (!this.#types) {
      const types = new Map();
      for (let i = 0; i < this.info.products; i++)
        for (const [field, value] of Object.entries(this.#item(i))) addType(types, field, value);
      this.#types = types;
    }
    return this.#types;
  }

  // Which field has which type, for filters: { price: 'number', … }.
  get fields() {
    return Object.fromEntries(this.#fieldTypes());
  }

  async #embed(tower, { image, text, box, fit = this.#info.metadata['kin.fit'] || 'crop' }, signal) {
    if (!this.#clip)
      fail('no-model', `A search by ${tower} needs a model: openCatalog(…, { clip: await load({ model }) }).`);
    const vector = tower === 'image' ? await this.#clip.embedImage(image, { box, fit, signal })
      : await this.#clip.embedText(text, { signal });
    const want = this.info.metadata[`kin.${tower}_id`];
    if (vector.length !== this.info.dim || want !== undefined && await this.#clip.identify(tower, { signal }) !== want)
      fail('model-mismatch', `The catalogue is of ${want ? 'another' : 'no'} ${tower} model, not of '${this.#clip.info.model}' in ` +
        `'${this.#clip.info.dtype}': ${want ? 'load that one' : 'search by vector or like'}, or build the catalogue again.`);
    return vector;
  }

  // A query -> { parts: [{ weight, vector | row }], used: products that are left out }.
  async #parts(query, signal) {
    const used = [];
    const byId = (id, weight) => {
      const product = this.#known(id);
      used.push(product);
      return { weight, row: this.#file.rowItem.indexOf(product) }; // its first picture
    };
    const one = async ({ weight = 1, ...part }) => {
      for (const tower of ['image', 'text'])
        if (part[tower] !== undefined)
          return { weight, vector: await this.#embed(tower, part, signal), text: tower === 'text' };
      const { vector } = part;
      if (!vector) return byId(part.id, weight);
      if (vector.length !== this.info.dim || !vector.some(Boolean))
        wrong(`A query vector is ${this.info.dim} finite numbers, not all zero.`);
      return { weight, vector };
    };
    const { mix, like = [], unlike = [] } = query;
    if (mix) {
      if (!mix.length) wrong('mix names no part.');
      const parts = [];
      for (const part of mix) parts.push(await one(part));
      return { parts, used };
    }
    if (!query.like && !query.unlike) return { parts: [await one(query)], used };
    if (!like.length && !unlike.length) wrong('like and unlike name no product.');
    return { parts: [...like.map((id) => byId(id, 1 / like.length)),
      ...unlike.map((id) => byId(id, -0.5 / unlike.length))], used };
  }

  async search(query, options) {
    const { limit = 24, offset = 0, filter, minScore = -Infinity, minConfidence = 0, diversity = 0, facets, exact = false,
      signal } = read(searching, options, 'search()');
    const asked = read(readQuery, query, 'A query');
    const start = performance.now();
    const { products } = this.info;
    let wanted = null;
    if (filter !== undefined && filter !== '') {
      const { compileFilter } = await onFirstUse(import('./filter.js'));
      wanted = read(() => compileFilter(filter, this.fields), filter, 'The filter');
    }
    const count = (facets || minConfidence) &&
      (await onFirstUse(import('./refine.js'))).refine(facets, minConfidence, this.info.metadata, this.fields);
    const { parts, used } = await this.#parts(asked, signal);
    const embedded = performance.now();
    let mask = null;
    if (wanted || used.length) {
      mask = Uint8Array.from({ length: products }, (_, i) => (!wanted || wanted(this.#item(i)) ? 1 : 0));
      for (const product of used) mask[product] = 0;
    }
    const counts = facets ? count(mask, products, (i) => this.#item(i)) : null;
    const filtered = performance.now();
    const last = Math.min(products, offset + limit);
    const everyRow = exact || parts.some(({ text }) => text);
    const { rows, scores, confidences, total, verdict, contributions } = await this.#client.call('search',
      [{ print: this.#file.print, parts, mask, minScore, minConfidence, diversity, everyRow, count: last }], signal);
    const hits = [];
    for (let i = offset; i < Math.min(rows.length, last); i++)
      hits.push(this.#hit(rows[i], scores[i], confidences[i], i, contributions?.[i] ?? [scores[i]]));
    const end = performance.now();
    return { hits, total, verdict: verdict ?? null, facets: counts, coverage: null, truncated: total > offset + hits.length,
      queryId: crypto.getRandomValues(new Uint32Array(4)).join('-'), timings: { embed: embedded - start,
        filter: filtered - embedded, search: end - filtered, total: end - start } };
  }

  #hit(row, score, confidence, position, contributions) {
    const { rowItem, rowPicture, ids, idOffsets } = this.#file;
    const product = rowItem[row];
    const item = structuredClone(this.#item(product));
    const index = rowPicture[row];
    const url = pictureAddress(Array.isArray(item.image) ? item.image[index] : item.image, this.#base);
    return { id: this.#text(idOffsets, ids, product), score, confidence: confidence >= 0 ? confidence : null, position, item,
      image: { url, index }, contributions };
  }

  close() {
    return this.#client.close();
  }
}
