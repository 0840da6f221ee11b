// An open catalogue's folder: what is asked of it, and its hits; folder-core.js, in a worker of its own, reads and searches.
import { call, id, oneOrMore, read, shape, signal as aSignal, wrong } from './arguments.js';
import { finder } from './engine.js';
import { onFirstUse } from '../shared/errors.js';
import { outward } from './outward.js';
import { pictureAddress, schemeOf } from '../shared/addresses.js';
import { exactness, partsOf, readQuery, rowsOf, searchOptions, typesWith } from './query.js';

const searching = shape({ ...searchOptions, onUpdate: call });
const watching = shape({ signal: aSignal });

export async function openFolder(host, source, { clip, adapter, locale, fields, signal, onProgress, worker, fetch, resolve, cache, stall }) {
  if (adapter) wrong('An adapter needs all rows: open the file, not the folder.');
  const client = await finder(host, { worker, onProgress: (told) => told.update || onProgress?.(told), io: { fetch, resolve, cache, stall } },
    { call: 'openFolder', args: [{ source, locale, silent: !onProgress }] });
  const base = schemeOf('.', source) ? source.replace(/(?:\/current\.json|\/*)$/, '') : null; // of a path: none
  return outward(new Folder(client, await client.start(signal), { clip, fields, base, onProgress }));
}

class Folder {
  #client;
  #clip;
  #fields;
  #base;
  #onProgress;
  #about;
  #changed = Promise.resolve();
  #count = 0;
  #updates = new Map(); // searches that want to hear of what is found before all is read

  constructor(client, about, { clip, fields, base, onProgress }) {
    this.#client = client;
    this.#clip = clip;
    this.#fields = fields;
    this.#base = base;
    this.#onProgress = onProgress;
    this.#about = about;
    client.onProgress = ({ search, update, ...told }) => (update ? this.#updates.get(search)?.(update) : this.#onProgress?.(told));
  }

  get info() {
    const { numerics, types, ...about } = this.#about;
    return { ...about, ...exactness(about.metadata, numerics) };
  }

  get closed() {
    return this.#client.closed;
  }

  get fields() {
    return { ...this.#about.types };
  }

  get() {
    return wrong('Items of a folder are fetched: await catalog.items(ids).');
  }

  // One id -> its item or undefined; a list -> a list.
  async items(ids, options) {
    const { signal } = read(watching, options, 'items()');
    const items = await this.#client.call('items', [read(oneOrMore(id), ids, 'An id')], signal);
    return Array.isArray(ids) ? items : items[0];
  }

  // What changes #about begins with what the change before it left.
  #inTurn(change) {
    return this.#changed = this.#changed.then(change, change);
  }

  // As of a file; they stay when the catalogue changes (refresh).
  async setFields(rows) {
    const found = read(rowsOf, rows, 'A row');
    return this.#inTurn(async () => {
      const types = Object.fromEntries(typesWith(Object.entries(this.#about.types), found));
      await this.#client.call('setFields', [found, types]);
      this.#about.types = types;
    });
  }

  // Looks whether another generation was published, and goes on with that once all of it that every query needs is here. Searches
  // under way end with the one they began with.
  async refresh(options) {
    const { signal } = read(watching, options, 'refresh()');
    return this.#inTurn(async () => {
      const { changed, ...about } = await this.#client.call('refresh', [], signal);
      this.#about = about;
      return { changed, generation: about.generation };
    });
  }

  async search(query, options) {
    const { limit = 24, offset = 0, filter, minScore = -Infinity, minConfidence = 0, diversity = 0, facets, exact = false, onUpdate, signal } =
      read(searching, options, 'search()');
    const asked = read(readQuery, query, 'A query');
    const start = performance.now();
    const { types, metadata } = this.#about;
    const { readFilter } = filter === undefined || filter === '' ? {} : await onFirstUse(import('./filter.js'));
    const tree = readFilter && read(() => readFilter(filter, types), filter, 'The filter');
    const { refine, mostFrequent } = facets || minConfidence ? await onFirstUse(import('./refine.js')) : {};
    refine?.(facets, minConfidence, metadata, types);
    const parts = await partsOf(asked, this.#clip, this.#about, signal);
    const embedded = performance.now();
    const queryId = crypto.getRandomValues(new Uint32Array(4)).join('-');
    const told = async ({ hits, facets: counts, total, verdict = null, coverage, generation }) => ({
      hits: await this.#hits(hits, signal), total, verdict, coverage, generation, queryId, truncated: total > offset + hits.length,
      facets: counts ? Object.fromEntries(counts.map(([field, values]) => [field, mostFrequent(values)])) : null,
      timings: { embed: embedded - start, search: performance.now() - embedded, total: performance.now() - start } });
    const search = ++this.#count;
    let first = null;
    if (onUpdate) this.#updates.set(search, (update) => { first = told(update).then(onUpdate); first.catch(() => {}); });
    try {
      const found = await this.#client.call('search', [{ search, parts, tree, minScore, minConfidence, diversity, exact, facets, offset,
        count: offset + limit, updates: !!onUpdate }], signal);
      await first; // in their order
      return await told(found);
    } finally {
      this.#updates.delete(search);
    }
  }

  // What the shop says of these products now is laid over what was published.
  async #hits(hits, signal) {
    const fresh = new Map();
    if (this.#fields && hits.length)
      for (const { id: product, fields } of read(rowsOf, await this.#fields(hits.map((hit) => hit.id), { signal }), 'What fields() gave'))
        fresh.set(product, Object.fromEntries(fields));
    return hits.map(({ index, item, ...hit }) => {
      const shown = { ...item, ...fresh.get(hit.id) };
      const { image } = shown;
      return { ...hit, item: shown, image: { url: pictureAddress(Array.isArray(image) ? image[index] : image, this.#base), index } };
    });
  }

  close() {
    return this.#client.close();
  }
}
