// A catalogue's folder (docs/format.md) in an engine of its own. What every query needs is kept: codes in the engine
// (src/folder.c), deltas whole. Shards of vectors, files of items, columns and ids are fetched as queries come to need
// them, and the oldest shards and items forgotten. Every file is what its name says, by its SHA-256, or it is not used.
//
// Products have numbers: those of the base in its order, then those of each delta. One that a delta replaced, took out,
// or that the market does not sell is not `alive`. A generation is read whole before a search sees anything of it.
import { blend, scan, unit } from './catalog-core.js';
import { countOf, countValues, fieldsOf, isOffsets, matching, readColumn, valueAt } from './columns.js';
import { checkAbort, fail } from '../shared/errors.js';
import { openFinder } from './engine.js';
import { matcher, valueOf, valuesOf } from '../shared/matcher.js';
import { openUrl, watch } from '../shared/source.js';
import { addTypes, isItem } from '../shared/types.js';

const arrays = { F64: Float64Array, F32: Float32Array, U32: Uint32Array, U16: Uint16Array, U8: Uint8Array, I8: Int8Array };
const mostBytes = 20 * 2 ** 20; // of a file
const mostRows = 2 ** 31; // bytes of all rows, as of the catalogue file that a base is made of
const mostJson = 64 * 2 ** 20;
const atOnce = 6; // downloads
const shardBytes = 16 * 2 ** 20; // kept in the engine, less an eighth of the codes': a million of 512 stay below 200 MB
const early = 32; // shards: where a query reads more than twice as many, what these give is told before
const itemFiles = 256; // kept here
const page = 60; // '<'

const broken = (what) => fail('not-a-catalog', `The catalogue's folder is damaged: ${what}. Publish it again.`);
const is = (right, what) => right || broken(what);
const isText = (value) => typeof value === 'string';
const isHash = (value) => isText(value) && /^[\w-]{22}$/.test(value);
const isSize = (value, least = 0) => Number.isSafeInteger(value) && value >= least && value < 2 ** 31;
const codeBytes = (dim) => 16 * Math.ceil(dim / 128); // of a plane of a row's
const sizeOf = ({ each }, n, i) => Math.min(each, n - i * each); // of the i-th file

// `bytes`: what a file holds of each at least, so that no more is made room for than files can bring.
function readList(list, each, n, bytes, name) {
  is(list && isSize(list[each], 1) && list[each] * bytes <= mostBytes && Array.isArray(list.files) && list.files.every(isHash) &&
    list.files.length === Math.ceil(n / list[each]), `its list of ${name} does not fit`);
  return { each: list[each], files: list.files };
}

function readBytes(text, Type, n, name) {
  is(isText(text) && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, name);
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  is(bytes.length === n, name);
  return new Type(bytes.buffer);
}

function readJson(bytes, kind, name) {
  let json = null;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {} // told below
  if (json?.kind !== kind) fail('not-a-catalog', `${name} is none of a catalogue's folder: check the address.`);
  if (json.format !== 2) fail('unsupported', `${name} is of format ${JSON.stringify(json.format)}: update Kin, or publish it with this release.`);
  return json;
}

function readCurrent(bytes) {
  const current = readJson(bytes, 'catalog-current', 'current.json');
  is(isSize(current.generation) && isHash(current.base) && Array.isArray(current.deltas) && current.deltas.every(isHash), 'current.json');
  return current;
}

function readBase(bytes, locale) {
  const json = readJson(bytes, 'catalog', 'The base');
  const { products, rows, dim, metadata, near, far, null_best: best = null } = json, markets = Object(json.markets);
  is(isSize(products) && isSize(rows, products) && isSize(dim, 1) && dim <= 4096 && rows * (dim + 10) <= mostRows, 'its sizes');
  is(metadata && Object.values(metadata).every(isText), 'its metadata');
  is(best === null || Array.isArray(best) && best.length === 2 && best.every(Number.isFinite), 'null_best');
  is(isSize(near?.rows, 1) && isSize(near?.shards, 1) && isSize(near?.text_shards ?? near.shards, 1), 'near');
  is(!far || [1, 2, 3].includes(far.planes) && isSize(far.rows, 1) && isSize(far.shards, 1), 'far');
  const market = Object.hasOwn(markets, locale) ? markets[locale] : null;
  if (!market) fail('bad-argument', `The catalogue has no market '${locale}': it has ${Object.keys(markets).filter(Boolean).join(', ') || 'none'}.`);
  const columns = Object.entries(market.columns ?? {});
  is(columns.every(([, column]) => (column?.file === null || isHash(column?.file)) && ['number', 'string', 'boolean', 'list'].includes(column.type)), 'its columns');
  is(market.sold === undefined || isHash(market.sold), 'what is sold');
  const width = codeBytes(dim);
  return { products, rows, dim, metadata, near, far: far && { ...far, ...readList(far, 'rows_per_file', rows, far.planes * width, 'finer codes') }, best, mean: readBytes(json.mean, Int8Array, dim, 'mean'), spread: readBytes(json.spread, Uint8Array, dim, 'spread'),
    codes: readList(json.codes, 'rows_per_file', rows, width, 'codes'), ids: readList(json.ids, 'products_per_file', products, 6, 'ids'),
    shards: readList(json.shards, 'rows_per_file', rows, dim + 4, 'shards'), items: readList(market, 'products_per_file', products, 4, 'items'),
    columns: new Map(columns), sold: market.sold, pictures: json.ids.pictures === true };
}

// A text's or bytes' place in a table of 32 bits (FNV-1a).
function hashOf(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

// The number of an id in a delta: what an earlier delta made of it, else its place in the base.
const noPlace = 2 ** 32 - 1;
function placeOf(state, id, place) {
  state.places.push([id, place]);
  if (state.deltaIds.has(id)) return state.deltaIds.get(id);
  return place === noPlace ? undefined : is(place < state.base.products, 'a delta names a product that is not there') && place;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const sumOf = (counts) => counts.reduce((sum, one) => sum + one, 0);
const slice = (offsets, bytes, i) => bytes.subarray(offsets[i], offsets[i + 1]);

// `id`: whose item it must be; undefined where that is not known yet.
function parseItem(bytes, id) {
  let item = null;
  try {
    item = JSON.parse(decoder.decode(bytes));
  } catch {} // told below
  is(isItem(item) && isText(item.id), 'an item is no plain object with an id');
  is(id === undefined || item.id === id, `the item of '${id}' is that of '${item.id}'`);
  return item;
}

// The id of a product of the base, in bytes.
function idAt({ base: { ids: { each } }, ids }, i) {
  const { offsets, bytes } = ids[Math.floor(i / each)];
  return slice(offsets, bytes, i % each);
}

// An id's product in the base.
function inBase(state, id) {
  const hash = hashOf(encoder.encode(id));
  state.hashes ??= Uint32Array.from({ length: state.base.products }, (_, i) => hashOf(idAt(state, i)));
  for (let i = state.hashes.indexOf(hash); i >= 0; i = state.hashes.indexOf(hash, i + 1)) if (decoder.decode(idAt(state, i)) === id) return i;
  return undefined;
}

// An id's product, whether it is alive or not; undefined: there is none, or a delta took it out. The ids are there.
const find = (state, id) => (state.deltaIds.has(id) ? state.deltaIds.get(id) : inBase(state, id));

// One that is alive.
function alive(state, id) {
  const product = find(state, id);
  return state.alive[product] ? product : undefined;
}
const known = (state, id) => alive(state, id) ?? fail('unknown-id', `The catalogue has no product '${id}'.`);

// Which of a product's pictures its k-th row is.
function pictureOf(state, product, k) {
  const { products, ids } = state.base;
  if (product >= products) return state.added[product - products][k];
  const list = state.ids?.[Math.floor(product / ids.each)];
  if (!list?.pictures.length) return k;
  let row = 0;
  list.starts ??= Uint32Array.from(list.counts, (n) => (row += n) - n);
  return list.pictures[list.starts[product % ids.each] + k];
}

// Ids are held against what codes and deltas said before they came.
function takeIds(state, ids) {
  let at = 0;
  is(ids.every(({ counts }) => counts.every((n) => n === state.counts[at++])), 'its ids are of other products');
  Object.assign(state, checkPlaces({ ...state, ids }));
}

function checkPlaces(state) {
  for (const [id, place] of state.places) is((inBase(state, id) ?? noPlace) === place, `a delta numbers '${id}' otherwise`);
  state.places = [];
  return state;
}

export class FolderCore {
  #engine = null;
  #state = null;
  #patches; // what setFields gave, by id: it stays with later generations

  // silent: nobody wants to hear of files.
  constructor(platform, { source, locale = '', patches = new Map(), silent, io }) {
    this.platform = platform;
    this.#patches = patches;
    this.source = source.replace(/(?:^|[/\\]+)current\.json$|[/\\]*$/, '');
    this.locale = locale;
    this.silent = silent;
    this.io = { ...io, openFile: platform.openFile, copied: !platform.openFile }; // it is tabs that are short of memory
  }

  stop() {
    this.#engine = null;
  }

  async open(signal, onProgress) {
    this.#engine = await openFinder(this.platform, this.io, signal);
    this.#state = await this.#read({ signal, onProgress });
    return this.#about();
  }

  #about() {
    const { current, base, products, types, alive } = this.#state;
    return { generation: current.generation, deltas: current.deltas.length, metadata: base.metadata, dim: base.dim,
      products: countOf(alive), pictures: base.rows + products.pictures, numerics: this.#engine.facts.numerics, types: Object.fromEntries(types) };
  }

  /* ---- files ---- */

  // work(pointer, n) with a file's bytes, which come into the engine chunk by chunk and leave it then.
  async #fetch(name, limit, watcher, work, cache) {
    const href = `${this.source}/${name}`, engine = this.#engine, heard = this.silent ? { signal: watcher.signal } : watcher;
    const url = String(await this.io.resolve?.(name, href) ?? href);
    const file = await openUrl(url, name, cache ? { ...this.io, cache } : this.io, heard);
    if (!file) fail('http', `${name}: there is no such file in ${this.source}/.`);
    return engine.withChunks(watch(file, name, heard), limit, file.total, name, (at, n) => {
      checkAbort(heard.signal); // a call that is over changes nothing any more
      if (n && engine.view(at, 1)[0] === page) fail('not-a-catalog', `${name}: the server sent a web page in its place; check the address.`);
      return work(at, n);
    });
  }

  // The same of a file whose name says what its bytes are.
  #named(kind, hash, watcher, work) {
    const json = kind === 'base', name = `${kind}-${hash}.${json ? 'json' : 'safetensors'}`, engine = this.#engine;
    return this.#fetch(name, json ? mostJson : mostBytes, watcher, (at, n) => {
      const digest = engine.with([new Uint8Array(32)], (out) => {
        engine.call('kin_sha256', at, n, out);
        return engine.bytes(out, 32);
      });
      const found = btoa(String.fromCharCode(...digest)).replaceAll('+', '-').replaceAll('/', '_').slice(0, 22);
      if (found !== hash) fail('not-a-catalog', `${name} holds other bytes than were published: fetch or publish it again.`);
      return work(at, n);
    });
  }

  // Runs work({ at, copy }) on a safetensors file of the folder when `before` is over: at(name, type) -> [pointer, how many values],
  // [0, 0] for a tensor that is not there; copy(name, type) -> a typed array.
  #part(kind, hash, watcher, work, before) {
    const engine = this.#engine;
    return this.#named(kind, hash, watcher, async (start, n) => {
      await before;
      const part = engine.pointer('kin_part_open', start, n, engine.error);
      if (!part) engine.throwError();
      try {
        const { metadata, tensors } = engine.json('kin_part_info', part);
        is(metadata['kin.kind'] === `catalog-${kind}` && metadata['kin.format'] === '2', `a file named ${kind} is another`);
        const at = (name, type) => {
          if (!Object.hasOwn(tensors, name)) return [0, 0];
          is(tensors[name] === type, `${name} of a file of ${kind} is not ${type}`);
          return engine.with([`${name}\0`, new Uint32Array(1)], (text, _, size) => {
            const values = engine.pointer('kin_part_tensor', part, text, size);
            return [values, engine.words(size, 1)[0] / arrays[type].BYTES_PER_ELEMENT];
          });
        };
        return work({ at, copy(name, type) {
          const [values, length] = at(name, type);
          return new arrays[type](engine.bytes(values, length * arrays[type].BYTES_PER_ELEMENT).buffer);
        } });
      } finally {
        engine.call('kin_part_close', part);
      }
    });
  }

  // work(i) for 0 … n - 1, some at once -> their results in order.
  async #each(n, work) {
    const results = [];
    let next = 0;
    const one = async () => {
      while (next < n) {
        const i = next++;
        results[i] = await work(i);
      }
    };
    await Promise.all(Array.from({ length: Math.min(n, atOnce) }, one));
    return results;
  }

  // take(part, i) for each of these files from the first one on, in order, whichever comes first; after a failure for none.
  #inOrder(kind, files, first, watcher, take) {
    let last = Promise.resolve(), failed = false;
    return this.#each(files.length - first, async (k) => {
      const before = last;
      let done;
      last = new Promise((resolve) => { done = resolve; });
      try {
        await this.#part(kind, files[first + k], watcher, (part) => failed || take(part, first + k), before);
      } catch (error) {
        failed = true;
        throw error;
      } finally {
        done();
      }
    });
  }

  #call(name, ...args) {
    return this.#engine.call(`kin_folder_${name}`, ...args);
  }

  #status(...args) {
    if (this.#call(...args, this.#engine.error)) this.#engine.throwError();
  }

  /* ---- a generation ---- */

  async #read(watcher) {
    const current = await this.#fetch('current.json', 65536, watcher, (at, n) => readCurrent(this.#engine.view(at, n)), this.io.cache ?? 'no-cache');
    const was = this.#state;
    const goesOn = was?.current.base === current.base && was.current.deltas.every((hash, i) => hash === current.deltas[i]);
    if (goesOn && was.current.deltas.length === current.deltas.length) return { ...was, current };
    const state = goesOn ? { ...was, alive: was.alive.slice(), products: { ...was.products }, deltaIds: new Map(was.deltaIds), added: [...was.added],
      places: [...was.places], items: new Map(was.items), types: new Map(was.types) } : await this.#readBase(current, watcher);
    try {
      await this.#readDeltas(state, current.deltas.slice(goesOn ? was.current.deltas.length : 0), watcher);
    } catch (error) {
      if (goesOn) this.#call('trim', state.folder, was.current.deltas.length);
      else this.#close(state);
      throw error;
    }
    if (was && !goesOn) {
      this.#close(was);
      this.#held.clear();
      this.#columns.clear();
    }
    return { ...state, current };
  }

  #close({ folder }) {
    this.#call('close', folder);
  }

  async #readBase(current, watcher) {
    const base = await this.#named('base', current.base, watcher, (at, n) => readBase(this.#engine.view(at, n), this.locale));
    const engine = this.#engine;
    const { dim, products, rows, codes } = base;
    const folder = engine.with([base.mean, base.spread, base.best && Float32Array.from(base.best)], (mean, _, spread, _n, best) =>
      engine.pointer('kin_folder_open', dim, products, rows, base.shards.each, mean, spread, best, engine.error));
    if (!folder) engine.throwError();
    try {
      const counts = new Uint16Array(products);
      const state = { base, folder, counts, far: 0, ids: null, deltaIds: new Map(), places: [], added: [], items: new Map(), products: { n: products, pictures: 0 }, hashes: null,
        types: new Map(Array.from(base.columns, ([field, { type }]) => [field, type])) };
      const sold = base.sold && this.#part('column', base.sold, watcher, ({ copy }) => copy('value', 'U8'));
      const beside = Promise.all([sold, base.pictures && this.#lists(base, watcher)]);
      beside.catch(() => {}); // told below, when no codes are under way to the folder any more
      let product = -1;
      await this.#inOrder('codes', codes.files, 0, watcher, ({ at, copy }, i) => {
        const n = sizeOf(codes, rows, i);
        const [bits, size] = at('codes', 'U8'), starts = copy('starts', 'U8');
        is(size === n * codeBytes(dim) && starts.length === Math.ceil(n / 8), 'its codes');
        for (let row = 0; row < n; row++) {
          product += starts[row >> 3] >> (row & 7) & 1;
          is(product >= 0 && product < products && counts[product] < 65535, 'its codes');
          counts[product]++;
        }
        this.#status('codes', folder, bits, n);
      });
      const [isSold, ids] = await beside;
      engine.with([counts], (at) => this.#status('products', folder, at, products));
      is(!isSold || isSold.length === products && isSold.every((one) => one < 2), 'what is sold');
      if (ids) takeIds(state, ids);
      return { ...state, alive: isSold ?? new Uint8Array(products).fill(1) };
    } catch (error) {
      this.#close({ folder });
      throw error;
    }
  }

  // state: a copy that no search has seen.
  async #readDeltas(state, hashes, watcher) {
    await this.#inOrder('delta', hashes, 0, watcher, (part) => this.#apply(state, part));
    if (state.ids) checkPlaces(state);
    for (const patch of this.#patches.values()) addTypes(state.types, patch);
  }

  #apply(state, { at, copy }) {
    const { base } = state, suffix = this.locale && `.${this.locale}`;
    const ids = copy('ids', 'U8'), offsets = copy('id_offsets', 'U32'), counts = copy('row_count', 'U16'), n = counts.length;
    const pictures = copy('row_picture', 'U16'), gone = copy('gone', 'U8'), goneOffsets = copy('gone_offsets', 'U32');
    const places = copy('product', 'U32'), gonePlaces = copy('gone_product', 'U32');
    const items = copy(`items${suffix}`, 'U8'), itemOffsets = copy(`item_offsets${suffix}`, 'U32');
    const rows = sumOf(counts);
    is(isOffsets(offsets, n, ids) && pictures.length === rows && places.length === n && (!itemOffsets.length || isOffsets(itemOffsets, n, items)) &&
      isOffsets(goneOffsets, gonePlaces.length, gone), 'a delta');
    const [vectors, numbers] = at('vectors', 'I8'), [scale, scales] = at('scale', 'F32'), [nulls, stats] = at('null', 'F32');
    is(numbers === rows * base.dim && scales === rows && (!base.best || stats === 4 * rows), 'a delta');
    this.#engine.with([counts], (each) => this.#status('delta', state.folder, each, n, vectors, scale, base.best ? nulls : 0));
    this.#place(state, { n, counts, pictures, places, id: (i) => decoder.decode(slice(offsets, ids, i)),
      item: itemOffsets.length ? (i) => slice(itemOffsets, items, i) : null });
    gonePlaces.forEach((place, i) => {
      const id = decoder.decode(slice(goneOffsets, gone, i)), product = placeOf(state, id, place);
      if (product !== undefined) state.alive[product] = 0;
      state.deltaIds.set(id, undefined);
    });
  }

  // The products of a delta whose rows the engine has taken.
  #place(state, { n, counts, pictures, places, id, item }) {
    const first = state.products.n, alive = new Uint8Array(first + n);
    alive.set(state.alive);
    state.alive = alive;
    let row = 0;
    for (let i = 0; i < n; i++) {
      const name = id(i), was = placeOf(state, name, places[i]), number = first + i;
      is(was !== undefined || counts[i], 'a delta');
      const own = counts[i] ? number : was; // without rows it keeps those it has
      state.added.push(pictures.slice(row, row + counts[i]));
      row += counts[i];
      const bytes = item?.(i);
      const kept = item ? (bytes.length ? parseItem(bytes, name) : null) : was === undefined ? null : state.items.get(was) ?? { of: was };
      const sold = item ? kept !== null : was !== undefined && alive[was];
      if (was !== undefined) alive[was] = 0;
      alive[own] = sold ? 1 : 0;
      state.items.set(own, kept ?? {});
      if (kept && !kept.of) addTypes(state.types, kept);
      state.deltaIds.set(name, own);
    }
    state.products.n += n;
    state.products.pictures += row;
  }

  /* ---- products ---- */

  // Fetches the ids of the base, once.
  async #ids(state, watcher) {
    if (!state.ids) takeIds(state, await this.#lists(state.base, watcher));
  }

  #lists({ ids, products, pictures }, watcher) {
    return this.#each(ids.files.length, (i) => this.#part('ids', ids.files[i], watcher, ({ copy }) => {
      const list = { offsets: copy('id_offsets', 'U32'), bytes: copy('ids', 'U8'), counts: copy('row_count', 'U16'), pictures: copy('row_picture', 'U16') };
      const n = sizeOf(ids, products, i);
      is(isOffsets(list.offsets, n, list.bytes) && list.counts.length === n &&
        (!list.pictures.length || pictures && list.pictures.length === sumOf(list.counts)), 'a file of ids');
      return list;
    }));
  }

  #files = new Map(); // files of items that are here: their hash -> { offsets, bytes }

  async #fileOf({ base: { items, products } }, i, watcher) {
    const hash = items.files[i];
    const mine = watcher.files ??= new Map(); // what is under way ends with the call that wants it
    if (!mine.has(hash)) mine.set(hash, this.#files.get(hash) ?? this.#part('items', hash, watcher, ({ copy }) => ({ offsets: copy('item_offsets', 'U32'), bytes: copy('items', 'U8') })));
    const file = await mine.get(hash);
    is(isOffsets(file.offsets, sizeOf(items, products, i), file.bytes), 'a file of items');
    this.#files.set(hash, file);
    if (this.#files.size > itemFiles) this.#files.delete(this.#files.keys().next().value);
    return file;
  }

  async #item(state, product, watcher) {
    const own = state.items.get(product), patched = (item) => ({ ...item, ...this.#patches.get(item.id) });
    if (own && !own.of) return patched(own);
    const at = own?.of ?? product, { each } = state.base.items;
    const { offsets, bytes } = await this.#fileOf(state, Math.floor(at / each), watcher);
    return patched(parseItem(slice(offsets, bytes, at % each), state.ids ? decoder.decode(idAt(state, at)) : undefined));
  }

  async items(ids, watcher) {
    const state = this.#state;
    await this.#ids(state, watcher);
    return Promise.all(ids.map((id) => {
      const product = alive(state, id);
      return product === undefined ? product : this.#item(state, product, watcher);
    }));
  }

  // rows: a Map of ids to all fields set so far, types: a Map of what the page found their types to be; all or none.
  async setFields(rows, types, watcher) {
    const state = this.#state;
    await this.#ids(state, watcher);
    for (const id of rows.keys()) known(state, id);
    rows.forEach((fields, id) => this.#patches.set(id, fields));
    state.types = types;
  }

  /* ---- filters ---- */

  #columns = new Map();

  async #column(state, field, watcher) {
    const column = state.base.columns.get(field);
    if (!column) return;
    if (!column.file) fail('bad-filter', `The field '${field}' is too large to be filtered by or counted.`);
    this.#columns.set(field, await (this.#columns.get(field) ?? this.#part('column', column.file, watcher, ({ copy }) => readColumn(column.type, state.base.products, copy, () => broken(`the column ${field}`)))));
  }

  // Products whose items are not those of the columns: [number, item of the fields that are wanted].
  *#others(state, fields) {
    const of = (product) => Object.fromEntries(fields.map((field) => [field, this.#columns.has(field) ? valueAt(this.#columns.get(field), product) : null]));
    const patched = new Map(Array.from(this.#patches, ([id, patch]) => [find(state, id), patch]));
    for (const product of new Set([...state.items.keys(), ...patched.keys()])) {
      if (!state.alive[product]) continue;
      const own = state.items.get(product);
      yield [product, { ...(own && !own.of ? own : of(own?.of ?? product)), ...patched.get(product) }];
    }
  }

  async #mask(state, tree, used, watcher) {
    const mask = state.alive.slice();
    if (tree) {
      const fields = fieldsOf(tree), { products } = state.base;
      await Promise.all(fields.map((field) => this.#column(state, field, watcher)));
      const columns = matching(tree, this.#columns, products), passes = matcher(tree);
      for (let i = 0; i < products; i++) mask[i] &= columns[i];
      for (const [product, item] of this.#others(state, fields)) mask[product] = passes(item) ? 1 : 0;
    }
    for (const product of used) mask[product] = 0;
    return mask;
  }

  async #facets(state, fields, mask, watcher) {
    await Promise.all(fields.map((field) => this.#column(state, field, watcher)));
    const others = [...this.#others(state, fields)];
    const rest = mask.slice();
    for (const [product] of others) rest[product] = 0;
    return fields.map((field) => {
      const counts = new Map(), column = this.#columns.get(field);
      const add = (have, n) => {
        for (const value of valuesOf(state.types.get(field), have)) counts.set(value, (counts.get(value) ?? 0) + n);
      };
      for (const [value, n] of column ? countValues(column, rest, state.base.products) : []) add(value, n);
      for (const [product, item] of others) if (mask[product]) add(valueOf(item, field), 1);
      return [field, [...counts]];
    });
  }

  /* ---- shards ---- */

  #held = new Set(); // numbers of shards in the engine, the oldest first

  async #shards(state, numbers, watcher) {
    const { folder, base } = state, engine = this.#engine;
    for (const i of numbers) this.#held.delete(i);
    for (const i of numbers) this.#held.add(i);
    const most = Math.max(numbers.length, Math.floor((shardBytes - base.rows * codeBytes(base.dim) / 8) / (base.shards.each * (base.dim + 20))));
    for (const i of this.#held) {
      if (this.#held.size <= most) break;
      this.#call('forget', folder, i);
      this.#held.delete(i);
    }
    const missing = this.#lacking(state, numbers);
    await this.#each(missing.length, (k) => this.#part('shard', base.shards.files[missing[k]], watcher, ({ at }) => {
      const n = sizeOf(base.shards, base.rows, missing[k]);
      const [vectors, scale, nulls] = [at('vectors', 'I8'), at('scale', 'F32'), at('null', 'F32')];
      is(vectors[1] === n * base.dim && scale[1] === n && (!base.best || nulls[1] === 4 * n), 'a shard');
      this.#status('shard', folder, missing[k], vectors[0], scale[0], base.best ? nulls[0] : 0, n);
    }));
  }

  // Those of these shards that are not in the engine.
  #lacking({ folder, base }, numbers) {
    return numbers.filter((i) => i < base.shards.files.length && !this.#call('has', folder, i));
  }

  // Fetches the finer codes, by which words are told apart; what is there of them stays where that fails.
  async #finer(state, watcher) {
    const { folder, base: { far, dim, rows } } = state;
    await this.#inOrder('far', far.files, state.far, watcher, ({ at }, i) => {
      const n = sizeOf(far, rows, i), [bits, size] = at('far', 'U8'), [scale, scales] = at('scale', 'F32');
      is(size === n * far.planes * codeBytes(dim) && scales === n, 'a file of finer codes');
      this.#status('far', folder, far.planes, bits, scale, n);
      state.far++;
    });
  }

  async #vectorOf(state, product, watcher) {
    const engine = this.#engine, { dim } = state.base;
    await this.#shards(state, [engine.pointer('kin_folder_first', state.folder, product)], watcher);
    return engine.with([new Float32Array(dim)], (at) => {
      this.#call('vector', state.folder, product, at);
      return engine.floats(at, dim);
    });
  }

  /* ---- search ---- */

  // -> { changed, … as open() }: the newest generation, where that is another; the old one stays until the new one is there.
  async refresh(watcher) {
    const { products } = this.#state;
    this.#state = await this.#read(watcher);
    return { changed: this.#state.products !== products, ...this.#about() };
  }

  // asked: { search: its number, parts: [{ weight, vector | id, text }], tree, minScore, minConfidence, diversity, exact, offset, count, facets, updates }
  async search(asked, watcher) {
    try {
      return await this.#search(this.#state, asked, watcher);
    } catch (error) {
      // A file of a generation that was taken away meanwhile: the newest has its own.
      checkAbort(watcher.signal);
      if (error.code !== 'http' || !(await this.refresh(watcher)).changed) throw error;
      return this.#search(this.#state, asked, watcher);
    }
  }

  async #search(state, { search, parts, tree, facets, updates, exact, offset, count, ...asked }, watcher) {
    const engine = this.#engine, { base, folder } = state, used = [];
    const units = [];
    if (this.#patches.size || parts.some(({ vector }) => !vector)) await this.#ids(state, watcher);
    for (const { vector, id } of parts) {
      if (vector) units.push(unit(vector));
      else {
        const product = known(state, id);
        used.push(product);
        units.push(unit(await this.#vectorOf(state, product, watcher)));
      }
    }
    const query = blend(parts, units);
    const mask = await this.#mask(state, tree, used, watcher);
    const counts = facets && await this.#facets(state, facets, mask, watcher);
    const wanted = countOf(mask);
    const all = base.shards.files.length, most = Math.min(wanted, count);
    const words = parts.some(({ text }) => text), far = words && base.far, { near: { rows, shards: few, text_shards: more = few } } = base;
    // What a filter leaves, or words mean by one bit a number, lies far apart: a shard holds little of it.
    const reads = far ? { rows: far.rows, shards: Math.max(far.shards, tree ? more : 0) } : { rows, shards: tree || words ? more : few };
    const whole = exact || all <= reads.shards, finer = !whole && far, missing = finer && state.far < far.files.length;
    let near = this.#near(state, query, mask, count, most, reads, finer && !missing);
    const told = { total: wanted, generation: state.current.generation, facets: counts };
    if (updates && (missing || this.#lacking(state, near.shards).length))
      watcher.onProgress({ search, update: { ...told, ...await this.#told(state, { places: near.products.map((product) => [product]), scores: near.scores, offset, count }, watcher), coverage: 0 } });
    if (missing) {
      await this.#finer(state, watcher);
      near = this.#near(state, query, mask, count, most, reads, true);
    }
    const shards = whole ? Array.from({ length: all }, (_, i) => i) : near.shards;
    const of = async (some, coverage) => {
      await this.#shards(state, some, watcher);
      this.#call('counted', folder, countOf(state.alive));
      const view = engine.with([Uint32Array.from(some)], (at) => engine.pointer('kin_folder_view', folder, at, some.length, engine.error));
      if (!view) engine.throwError();
      const found = scan(engine, view, { ...base, products: state.products.n }, query, { ...asked, mask, everyRow: true, count });
      const places = Array.from(found.rows.slice(0, count), (row) => engine.with([new Uint32Array(2)], (at) => {
        this.#call('place', folder, row, at);
        return engine.words(at, 2);
      }));
      const limited = asked.minScore > -2 || asked.minConfidence > 0; // only what was read can be counted
      return { ...told, ...await this.#told(state, { ...found, places, offset, count }, watcher),
        verdict: found.verdict ?? null, total: limited ? found.total : wanted, coverage };
    };
    if (updates && shards.length > 2 * early && this.#lacking(state, shards.slice(early)).length)
      watcher.onProgress({ search, update: await of(shards.slice(0, early), early / shards.length) });
    return of(shards, 1);
  }

  #near(state, { query }, mask, count, most, reads, finer) {
    const engine = this.#engine, { base, folder } = state;
    const cap = Math.min(base.shards.files.length, Math.max(reads.shards, Math.ceil(2 * count / base.shards.each)));
    return engine.with([query, mask, new Uint32Array(cap + 1), new Uint32Array(most + 1), new Float32Array(most + 1), new Uint32Array(1)],
      (q, _q, m, _m, shards, _s, products, _p, scores, _c, found) => {
        const n = engine.pointer(`kin_folder_near${finer ? 'er' : ''}`, folder, q, m, Math.min(base.rows, Math.max(reads.rows, 4 * count)), shards, cap, products, scores, most, found);
        const [hits] = engine.words(found, 1);
        return { shards: [...engine.words(shards, n)], products: [...engine.words(products, hits)], scores: engine.floats(scores, hits) };
      });
  }

  // places: [product, which of its rows], or the product alone
  async #told(state, { places, scores, confidences, contributions, offset, count }, watcher) {
    return { hits: await Promise.all(places.slice(offset, count).map(async ([product, row], i) => {
      const position = offset + i, item = await this.#item(state, product, watcher), confidence = confidences?.[position];
      return { id: item.id, score: scores[position], confidence: confidence >= 0 ? confidence : null, position, item,
        index: row === undefined ? 0 : pictureOf(state, product, row), contributions: contributions?.[position] ?? [scores[position]] };
    })) };
  }
}
