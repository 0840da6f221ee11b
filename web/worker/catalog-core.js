// One catalogue in an engine of its own: opens and checks the file, scans it. Runs behind
// openCatalog; filters and items are the caller's side (catalog.js). A file that was opened again, after a trap or in another
// worker, is known by its checksums to be the one whose rows and items the page has.
import { fail } from '../shared/errors.js';
import { openAlone } from './engine.js';
import { readSource } from '../shared/source.js';

// Of the types that Kin writes; tensors of others are left alone.
const arrays = { U64: BigUint64Array, F32: Float32Array, U32: Uint32Array, U16: Uint16Array, I8: Int8Array, U8: Uint8Array };

// Opens a file's bytes in an engine, whose memory they stay in -> { catalog, about, tensor, names }; tensor(name) copies
// the values that have this name. Where they lie only C knows. `kind`: as its functions are called.
export function openBytes(engine, bytes, kind = 'catalog') {
  const catalog = engine.pointer(`kin_${kind}_open`, engine.put(bytes), bytes.length, engine.error);
  if (!catalog) engine.throwError();
  const { tensors, ...about } = engine.json(`kin_${kind}_info`, catalog);
  const tensor = (name) => engine.with([`${name}\0`, new Uint32Array(1)], (text, _, size) => {
    const values = engine.pointer(`kin_${kind}_tensor`, catalog, text, size);
    const [n] = new Uint32Array(engine.memory.buffer, size, 1);
    return new arrays[tensors[name]](engine.bytes(values, n).buffer);
  });
  return { catalog, about, tensor, names: Object.keys(tensors).filter((name) => arrays[tensors[name]]) };
}

export class CatalogCore {
  #engine = null;
  #catalog = 0;
  #print = '';

  constructor(platform, options) {
    this.platform = platform;
    this.options = options;
    this.io = { ...options.io, openFile: platform.openFile };
  }

  async open(signal, onProgress) {
    const engine = await openAlone(this.platform, this.io, signal);
    const { numerics, limits } = engine.facts;
    const watcher = { signal, onProgress };
    const bytes = await this.bytes('a-catalog', 'The catalogue', limits.catalogBytes, watcher);
    const { catalog, about, tensor } = openBytes(engine, bytes);
    if (this.options.adapter) {
      engine.with([await this.bytes('an-adapter', 'The adapter', limits.adapterBytes, watcher, this.options.adapter)], (at, n) =>
        engine.call('kin_catalog_adapt', catalog, at, n, engine.error) && engine.throwError());
      delete about.metadata['kin.null']; // they are of the rows as they were
    }
    const contents = { items: tensor('items'), itemOffsets: tensor('item_offsets'), ids: tensor('ids'),
      idOffsets: tensor('id_offsets'), rowItem: tensor('row_item'), rowPicture: tensor('row_picture') };
    this.#catalog = catalog;
    this.#engine = engine;
    this.about = about;
    this.#print = JSON.stringify(about); // with the checksums of all that the file holds
    return { ...about, numerics, ...contents, print: this.#print };
  }

  async bytes(what, name, limit, watcher, source = this.options.source) {
    const bytes = await readSource(source, name, this.io, { ...watcher, limit });
    if (bytes[0] === 60) fail(`not-${what}`, `${name}: the server sent a web page in its place; check the address` +
      `${what === 'a-catalog' ? ", which of a published folder ends with '/'" : ''}.`);
    return bytes;
  }

  stop() {
    this.#engine = null;
  }

  #row(row, out) {
    this.#engine.call('kin_catalog_vector', this.#catalog, row, out);
    return this.#engine.floats(out, this.about.dim);
  }

  // What is asked for, through the adapter if there is one; `at`: room for two vectors.
  #mapped(vector, at) {
    if (!this.options.adapter) return vector;
    const engine = this.#engine, { dim } = this.about, to = at + 4 * dim;
    new Float32Array(engine.memory.buffer, at, dim).set(unit(vector));
    engine.call('kin_catalog_map', this.#catalog, at, to);
    return engine.floats(to, dim);
  }

  // `print`: of the file that rows, products and the mask are of.
  // parts: [{ weight, vector | row, text }]; q = normalise(sum of weight * unit vector).
  // diversity: 0 … 1; among the same number of the best, whatever page is asked for, so that pages follow each other
  // -> { rows, scores, total, verdict, confidences: NaN where there is none, contributions: for each hit one number per
  //      part, summing to its score }; more rows than `count` where diversity looked at more
  async search({ print, parts, ...asked }, { signal }) {
    if (!this.#engine || this.#engine.spent) await this.open(signal);
    if (print !== this.#print)
      fail('crashed', 'The engine was started again, and the catalogue has changed: open it anew.');
    const engine = this.#engine, { dim } = this.about;
    const units = engine.with([new Float32Array(2 * dim)], (at) =>
      parts.map((part) => unit(part.vector ? this.#mapped(part.vector, at) : this.#row(part.row, at))));
    return scan(engine, this.#catalog, this.about, blend(parts, units), asked);
  }
}

// parts: [{ weight, text }] with their unit vectors -> { parts, units, length, query: the sum of weight * unit, of length 1,
// weights: how much of it are pictures wanted, unwanted, words wanted, unwanted }.
export function blend(parts, units) {
  const sum = new Float64Array(units[0].length), weights = new Float32Array(4);
  parts.forEach(({ weight }, k) => units[k].forEach((value, i) => { sum[i] += weight * value; }));
  const length = Math.sqrt(dot(sum, sum));
  if (!(length > 1e-6 && length < Infinity))
    fail('bad-argument', 'The weights cancel out or are too large: change them.');
  for (const { weight, text } of parts) weights[2 * !!text + (weight < 0)] += Math.abs(weight) / length;
  return { parts, units, length, weights, query: Float32Array.from(sum, (value) => value / length) };
}

// The best of an open catalogue; what blend() gave, and as search() says.
export function scan(engine, catalog, { dim, products, metadata }, { parts, units, length, weights, query }, { mask, minScore, minConfidence,
  diversity, everyRow, count }) {
  const most = Math.min(products, Math.max(count, diversity && engine.facts.limits.diverse, 1)); // the verdict is of the best
  const at = engine.allocate(4 * (dim + 3 * most + 5) + products);
  try {
    const [vector, rows, scores, sure, blended, total, masked] = [dim, most, most, most, 4, 1]
      .reduce((starts, n) => [...starts, starts.at(-1) + 4 * n], [at]);
    new Float32Array(engine.memory.buffer, vector, dim).set(query);
    new Float32Array(engine.memory.buffer, blended, 4).set(weights);
    if (mask) engine.view(masked, products).set(mask);
    const n = engine.call('kin_catalog_search', catalog, vector, blended, mask ? masked : 0, minScore, minConfidence,
      everyRow, rows, scores, most, total);
    if (diversity) engine.call('kin_catalog_diversify', catalog, rows, scores, n, 1 - diversity);
    engine.call('kin_catalog_confidence', catalog, blended, rows, scores, n, sure);
    const found = engine.words(rows, n);
    const cosines = engine.floats(scores, n);
    const contributions = parts.length === 1 ? null : Array.from(found, (row, i) => {
      engine.call('kin_catalog_vector', catalog, row, vector);
      const values = engine.floats(vector, dim);
      const shares = parts.map(({ weight }, k) => weight * dot(units[k], values) / length);
      // The scan rounds the query to 14 bits: spread, so that the shares sum to the score.
      const rest = (cosines[i] - shares.reduce((a, b) => a + b)) / shares.length;
      return shares.map((share) => share + rest);
    });
    const confidences = engine.floats(sure, n);
    const { verdicts } = engine.facts; // NaN has none of them
    const verdict = n || !metadata['kin.null'] ? Object.keys(verdicts).find((name) => confidences[0] >= verdicts[name]) : 'none';
    return { rows: found, scores: cosines, confidences, verdict, contributions,
      total: engine.words(total, 1)[0] };
  } finally {
    engine.free(at);
  }
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

export function unit(vector) {
  const length = Math.sqrt(dot(vector, vector));
  return Float64Array.from(vector, (value) => value / length);
}
