// An open catalogue's folder: what is asked of it, and its hits; folder-core.js, in a worker of its own, reads and searches.
import { call, id, oneOrMore, read, shape, signal as aSignal, wrong } from './arguments.js';
import { onAbort } from './client.js';
import { finder } from './engine.js';
import { onFirstUse } from '../shared/errors.js';
import { outward } from './outward.js';
import { pictureAddress, schemeOf } from '../shared/addresses.js';
import { exactness, partsOf, readQuery, rowsOf, searchOptions, typesWith } from './query.js';

const searching = shape({ ...searchOptions, onUpdate: call });
const watching = shape({ signal: aSignal });

export async function openFolder(host, source, { clip, adapter, locale, fields, signal, onProgress, worker, ...io }) {
  if (adapter) wrong('An adapter is for files alone.');
  const updates = new Map();
  const client = await finder(host, { worker, io,
    onProgress: ({ search, update, ...told }) => (update ? updates.get(search)?.(update) : onProgress?.(told)) },
  { call: 'openFolder', args: [{ source, locale, patches: new Map(), silent: !onProgress }] });
  const base = schemeOf('.', source) ? source.replace(/(?:\/current\.json|\/*)$/, '') : null; // of a path: none
  return outward(new Folder(client, await client.start(signal), { clip, fields, base, updates }));
}

class Folder {
  #client;
  #about;
  #given;
  #changed = Promise.resolve();
  #closing = new AbortController();
  #room; // aborts what the worker does of a refresh
  #count = 0;

  // `updates`: of searches that want to hear of what is found before all is read, by their numbers
  constructor(client, about, given) {
    this.#client = client;
    this.#about = about;
    this.#given = given;
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
    return wrong('Items of a folder: await catalog.items(ids).');
  }

  // What work(over) gives, but for an abort or close(), which abort `over`: nobody waits then for its turn, or for the shop's `fields`.
  #until(work, signal) {
    const over = new AbortController(), { signal: closing } = this.#closing;
    return new Promise((resolve, reject) => {
      const done = () => heard.forEach((forget) => forget());
      const end = () => {
        done();
        over.abort();
        resolve(this.#client.call('', [], signal)); // says why
      };
      const heard = [closing, signal ?? closing].map((one) => onAbort(one, end));
      if (signal?.aborted) end();
      work(over.signal).then(resolve, reject).finally(done);
    });
  }

  // The worker does one call after the other, and this one does not wait for what a refresh has yet to fetch: that begins anew behind it.
  #now(...call) {
    this.#room?.abort();
    return this.#client.call(...call);
  }

  // One id -> its item or undefined; a list -> a list.
  async items(ids, options) {
    const { signal } = read(watching, options, 'items()');
    const items = await this.#now('items', [read(oneOrMore(id), ids, 'An id')], signal);
    return Array.isArray(ids) ? items : items[0];
  }

  // What changes #about begins with what the change before it left.
  #inTurn(change, signal) {
    return this.#until((over) => (this.#changed = this.#changed.then(() => change(over), () => change(over))), signal);
  }

  // As of a file; they stay when the catalogue changes (refresh).
  async setFields(rows) {
    const found = read(rowsOf, rows, 'A row');
    return this.#inTurn(async () => {
      const types = typesWith(Object.entries(this.#about.types), found);
      const { patches } = this.#client.open.args[0], rows = new Map(); // a worker that is started anew begins with them
      for (const { id, fields } of found) rows.set(id, { ...rows.get(id) ?? patches.get(id), ...Object.fromEntries(fields) });
      await this.#client.call('setFields', [rows, types]);
      rows.forEach((fields, id) => patches.set(id, fields));
      this.#about.types = Object.fromEntries(types);
    });
  }

  // Looks whether another generation was published, and goes on with that once all of it that every query needs is here. Searches
  // under way end with the one they began with.
  async refresh(options) {
    const { signal } = read(watching, options, 'refresh()');
    return this.#inTurn(async (over) => {
      for (let tries = 0; !over.aborted; tries++) {
        const room = new AbortController();
        if (tries < 3) this.#room = room; // or calls that never cease would put it off for ever
        onAbort(over, () => room.abort());
        try {
          const { changed, ...about } = await this.#client.call('refresh', [], room.signal), { generation } = this.#about;
          this.#about = about;
          return { changed: changed || about.generation !== generation, generation: about.generation };
        } catch (error) {
          if (!room.signal.aborted) throw error;
        }
      }
    }, signal);
  }

  async search(query, options) {
    const given = read(searching, options, 'search()'), asked = read(readQuery, query, 'A query');
    return this.#until((signal) => this.#search(asked, { ...given, signal }), given.signal);
  }

  async #search(asked, { limit = 24, offset = 0, filter, minScore = -Infinity, minConfidence = 0, diversity = 0, facets, exact, onUpdate, signal }) {
    const now = () => performance.now(), start = now();
    const { types, metadata } = this.#about;
    const { readFilter } = (filter ?? '') === '' ? {} : await onFirstUse(import('./filter.js'));
    const tree = readFilter && read(() => readFilter(filter, types), filter, 'The filter');
    const { refine, mostFrequent } = facets || minConfidence ? await onFirstUse(import('./refine.js')) : {};
    refine?.(facets, minConfidence, metadata, types);
    const parts = await partsOf(asked, this.#given.clip, this.#about, signal);
    const embedded = now();
    const queryId = crypto.getRandomValues(new Uint32Array(4)).join('-');
    const told = async ({ hits, facets: counts, total, verdict = null, coverage, generation }) => ({
      hits: await this.#hits(hits, signal), total, verdict, coverage, generation, queryId, truncated: total > offset + hits.length,
      facets: counts ? Object.fromEntries(counts.map(([field, values]) => [field, mostFrequent(values)])) : null,
      timings: { embed: embedded - start, filter: 0, search: now() - embedded, total: now() - start } });
    const search = ++this.#count, { updates } = this.#given;
    let last = null; // in their order
    if (onUpdate) updates.set(search, (update) => {
      last = Promise.all([told(update), last]).then(([one]) => signal.aborted || onUpdate(one));
      last.catch(() => {}); // heard below
    });
    try {
      const found = await this.#now('search', [{ search, parts, tree, minScore, minConfidence, diversity, exact, facets, offset,
        count: offset + limit, updates: !!onUpdate }], signal);
      await last;
      return await told(found);
    } finally {
      updates.delete(search);
    }
  }

  // What the shop says of these products now is laid over what was published.
  async #hits(hits, signal) {
    const fresh = new Map(), { fields: asked, base } = this.#given;
    if (asked && hits.length)
      for (const { id: product, fields } of read(rowsOf, await asked(hits.map((hit) => hit.id), { signal }), 'What fields() gave'))
        fresh.set(product, Object.fromEntries(fields));
    return hits.map(({ index, item, ...hit }) => {
      const shown = { ...item, ...fresh.get(hit.id) };
      const { image } = shown;
      return { ...hit, item: shown, image: { url: pictureAddress(Array.isArray(image) ? image[index] : image, base), index } };
    });
  }

  close() {
    const closed = this.#client.close();
    this.#closing.abort();
    return closed;
  }
}
