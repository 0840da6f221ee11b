// An open catalogue: items, ids, filters and what a query is made of; catalog-core.js scans it.
import { pictureAddress, schemeOf } from '../shared/addresses.js';
import { anything, call, id, oneOrMore, read, runOptions, shape, words, wrong } from './arguments.js';
import { Client, usualStall } from './client.js';
import { fail, onFirstUse } from '../shared/errors.js';
import { outward } from './outward.js';
import { exactness, partsOf, readQuery, rowsOf, searchOptions, typesWith } from './query.js';
import { addTypes, isItem } from '../shared/types.js';

const contents = Symbol('contents');
const opening = shape({ clip: aClip, adapter: anything, locale: words, fields: call, ...runOptions });
const searching = shape(searchOptions);

function aClip(value) {
  return typeof value.embedImage === 'function' ? value : wrong('clip is not what load() gave.');
}

export async function openCatalog(host, source, options) {
  const given = read(opening, options, 'openCatalog()');
  const { clip, adapter, signal, onProgress, worker = clip?.worker, fetch, resolve, cache, stall = usualStall } = given;
  const packed = read(host.packFile, source, 'The catalogue');
  if (host.isFolder(packed)) return (await onFirstUse(import('./folder.js'))).openFolder(host, packed, { ...given, worker, stall });
  if (given.locale || given.fields) wrong('locale and fields are for folders.');
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
    this.#info = { products, pictures, dim, metadata, ...exactness(metadata, numerics) };
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
      if (!isItem(item))
        fail('not-a-catalog', `Item ${i} is no JSON object of at most 64 levels: build the catalogue again.`);
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

  // The same, also of a folder, whose items are fetched.
  async items(ids) {
    return this.get(ids);
  }

  // rows: [{ id, price, … }]: replaces fields of an open page's products, all rows or none; vectors stay as they are. null empties it.
  setFields(rows) {
    const found = read(rowsOf, rows, 'A row'), types = typesWith(this.#fieldTypes(), found);
    const products = found.map(({ id }) => this.#known(id));
    found.forEach(({ fields }, k) => { this.#items[products[k]] = { ...this.#item(products[k]), ...Object.fromEntries(fields) }; });
    this.#types = types;
  }

  #fieldTypes() {
    if (!this.#types) {
      const types = new Map();
      for (let i = 0; i < this.info.products; i++) addTypes(types, this.#item(i));
      this.#types = types;
    }
    return this.#types;
  }

  // Which field has which type, for filters: { price: 'number', … }.
  get fields() {
    return Object.fromEntries(this.#fieldTypes());
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
    const used = [];
    const parts = (await partsOf(asked, this.#clip, this.info, signal)).map(({ id, ...part }) => {
      if (id === undefined) return part;
      const product = this.#known(id);
      used.push(product);
      return { ...part, row: this.#file.rowItem.indexOf(product) }; // its first picture
    });
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
