// An open catalogue: items, ids, filters and what a query is made of; catalog-core.js scans it.
import { Client } from './client.js';
import { fail, notYet, onFirstUse } from '../shared/errors.js';

const contents = Symbol('contents');
const refused = ['diversity', 'facets', 'minConfidence', 'onUpdate'];

const typeOf = (value) => (Array.isArray(value) ? 'list' : value === undefined || value === null ? null : typeof value);
const settable = (value) => (Array.isArray(value) ? value.every((one) => typeof one === 'string')
  : ['string', 'boolean', null].includes(typeOf(value)) || Number.isFinite(value));

// types: Map of field -> type. Where values differ the field is a list if one of them is, else a string: filters read
// the others so.
function addType(types, field, value) {
  const [was, type] = [types.get(field), typeOf(value)];
  if (type) types.set(field, !was || was === type ? type : was === 'list' || type === 'list' ? 'list' : 'string');
}

export async function openCatalog(host, source, options = {}) {
  const { clip, signal, onProgress, worker = clip?.worker, fetch, resolve, cache } = options;
  const client = new Client(host, { worker, onProgress, io: { fetch, resolve, cache } },
    { call: 'openCatalog', args: [{ source: host.packFile(source) }] });
  return new Catalog(client, await client.start(signal), clip);
}

// Every product of an open catalogue as it lies in the file: [{ id, item: the bytes of its JSON }].
export const listProducts = (catalog) => catalog[contents]();

class Catalog {
  #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #client;
  #file;
  #clip;
  #items;
  #index = null; // id -> product
  #types = null;

  constructor(client, { metadata, products, pictures, dim, numerics, ...file }, clip) {
    this.#client = client;
    this.#file = file;
    this.#clip = clip;
    this.#items = new Array(products);
    const sameNumerics = metadata['kin.numerics'] === String(numerics);
    this.info = { products, pictures, dim, metadata, exact: sameNumerics, exactReason: sameNumerics ? null
      : 'This catalogue was built by another release whose numbers differ slightly: build it again.' };
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

  [contents]() {
    const { ids, idOffsets, items, itemOffsets } = this.#file;
    return Array.from({ length: this.info.products }, (_, i) =>
      ({ id: this.#text(idOffsets, ids, i), item: this.#part(itemOffsets, items, i) }));
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
    return this.#index.get(String(id));
  }

  #known(id) {
    return this.#find(id) ?? fail('unknown-id', `The catalogue has no product '${id}'.`);
  }

  // One id -> its item or undefined; a list -> a list.
  get(ids) {
    if (!Array.isArray(ids)) return this.get([ids])[0];
    return ids.map((id) => {
      const i = this.#find(id);
      return i === undefined ? undefined : structuredClone(this.#item(i));
    });
  }

  // rows: [{ id, price, … }]: replaces fields of an open page's products, all rows or none; vectors stay as they are.
  // A field keeps its type, for filters: a number does not become a text because one row says so. null empties it.
  setFields(rows) {
    const types = new Map(this.#fieldTypes());
    const found = rows.map(({ id, ...given }) => {
      const fields = structuredClone(given);
      for (const [field, value] of Object.entries(fields)) {
        const was = types.get(field);
        if (!settable(value))
          fail('bad-argument',
            `'${field}' of '${id}' is neither a string, a finite number, true or false, nor a list of strings.`);
        if (was && ![was, null].includes(typeOf(value)) && field !== 'image')
          fail('bad-argument', `'${field}' is a ${was} in this catalogue, and '${id}' would get ${JSON.stringify(value)}.`);
        addType(types, field, value);
      }
      return [this.#known(id), fields];
    });
    for (const [i, fields] of found) this.#items[i] = { ...this.#item(i), ...fields };
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

  async #embed(tower, { image, text, box, fit = this.info.metadata['kin.fit'] || 'crop' }, signal) {
    if (!this.#clip)
      fail('no-model', `A search by ${tower} needs a model: openCatalog(…, { clip: await load({ model }) }).`);
    const vector = tower === 'image' ? await this.#clip.embedImage(image, { box, fit, signal })
      : await this.#clip.embedText(text, { signal });
    const want = this.info.metadata[`kin.${tower}_id`];
    if (vector.length !== this.info.dim || want && await this.#clip.identify(tower, { signal }) !== want)
      fail('model-mismatch', `The catalogue was built with another ${tower} model than '${this.#clip.info.model}' in ` +
        `'${this.#clip.info.dtype}': load the model it was built with, or build the catalogue again with this one.`);
    return vector;
  }

  #checkVector(vector) {
    const { dim } = this.info;
    const checked = Float32Array.from(vector ?? []);
    if (checked.length !== dim || !checked.every(Number.isFinite) || !checked.some(Boolean))
      fail('bad-argument', `A query vector is ${dim} finite numbers, not all of them zero.`);
    return checked;
  }

  // A query -> { parts: [{ weight, vector | row }], used: products that are left out }.
  async #parts(query, signal) {
    const used = [];
    const byId = (id, weight) => {
      const product = this.#known(id);
      used.push(product);
      return { weight, row: this.#file.rowItem.indexOf(product) }; // its first picture
    };
    const one = async (part, weight = 1) => {
      for (const tower of ['image', 'text'])
        if (part[tower] !== undefined)
          return { weight, vector: await this.#embed(tower, part, signal), text: tower === 'text' };
      if (part.vector !== undefined) return { weight, vector: this.#checkVector(part.vector) };
      if (part.id !== undefined) return byId(part.id, weight);
      return fail('bad-argument', 'A query is one of { image }, { text }, { vector }, { like, unlike }, { mix }.');
    };
    if (!query || typeof query !== 'object') await one({});
    if (query.mix !== undefined) {
      if (!Array.isArray(query.mix) || !query.mix.length) fail('bad-argument', 'mix is a list of parts.');
      const parts = [];
      for (const part of query.mix) {
        if (part.weight !== undefined && !Number.isFinite(part.weight)) fail('bad-argument', 'A weight is a finite number.');
        parts.push(await one(part, part.weight));
      }
      return { parts, used };
    }
    if (query.like === undefined && query.unlike === undefined) return { parts: [await one(query)], used };
    const [like, unlike] = [query.like ?? [], query.unlike ?? []].map((ids) => (Array.isArray(ids) ? ids : [ids]));
    if (!like.length && !unlike.length) fail('bad-argument', 'like and unlike name no product.');
    return { parts: [...like.map((id) => byId(id, 1 / like.length)),
      ...unlike.map((id) => byId(id, -0.5 / unlike.length))], used };
  }

  async search(query, { limit = 24, offset = 0, filter, minScore = -Infinity, exact = false, signal, ...rest } = {}) {
    for (const name of refused) if (rest[name] !== undefined) notYet(`The search option '${name}'`);
    if (![limit, offset].every((n) => Number.isInteger(n) && n >= 0))
      fail('bad-argument', 'limit and offset are whole numbers of at least 0.');
    if (Number.isNaN(Number(minScore))) fail('bad-argument', 'minScore is a number.');
    const start = performance.now();
    const { products } = this.info;
    let wanted = null;
    if (![undefined, null, ''].includes(filter))
      wanted = (await onFirstUse(import('./filter.js'))).compileFilter(filter, this.fields);
    const { parts, used } = await this.#parts(query, signal);
    const embedded = performance.now();
    let mask = null;
    if (wanted || used.length) {
      mask = Uint8Array.from({ length: products }, (_, i) => (!wanted || wanted(this.#item(i)) ? 1 : 0));
      for (const product of used) mask[product] = 0;
    }
    const filtered = performance.now();
    const count = Math.min(products, offset + limit);
    const everyRow = exact || parts.some(({ text }) => text);
    const { rows, scores, total, contributions } =
      await this.#client.call('search', [{ parts, mask, minScore, everyRow, count }], signal);
    const hits = [];
    for (let i = offset; i < rows.length; i++)
      hits.push(this.#hit(rows[i], scores[i], i, contributions?.[i] ?? [scores[i]]));
    const end = performance.now();
    return { hits, total, verdict: null, facets: null, coverage: null, truncated: total > offset + hits.length,
      queryId: crypto.getRandomValues(new Uint32Array(4)).join('-'), timings: { embed: embedded - start,
        filter: filtered - embedded, search: end - filtered, total: end - start } };
  }

  #hit(row, score, position, contributions) {
    const { rowItem, rowPicture, ids, idOffsets } = this.#file;
    const product = rowItem[row];
    const item = structuredClone(this.#item(product));
    const index = rowPicture[row];
    const url = Array.isArray(item.image) ? item.image[index] ?? null : item.image ?? null;
    return { id: this.#text(idOffsets, ids, product), score, confidence: null, position, item,
      image: { url, index }, contributions };
  }

  close() {
    return this.#client.close();
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }
}
