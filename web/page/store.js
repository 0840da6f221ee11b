// Where a model's files lie between visits: in the origin's private file system, else in the Cache API. Nothing else knows.
//
//   kin-clip / persistent or session / <SHA-256 of a file>.<i>         its bytes from i MiB on, at most 1 MiB
//                                      <SHA-256 of an address>.json    { address, files: [{ name, bytes, sha256 }], text }:
//                                        a model, `text` its manifest; or the engine's own file, without
//
// A piece is put whole or not at all. What a killed tab leaves is the beginning of a file; tabs that put the same piece put the
// same bytes, since names are hashes, so nothing is locked. Who reads a file checks its SHA-256 (shelf.js).
import { wrong } from './arguments.js';
import { absolute } from './pack.js';
import { is } from '../shared/source.js';

export const pieceSize = 2 ** 20;
const root = 'kin-clip';
const shelves = ['persistent', 'session'];
const record = /^[0-9a-f]{64}\.json$/;

export async function hashOf(bytes) {
  const hash = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/* ---- the two places, alike: get(key) -> bytes or null; put; delete; entries() -> [[key, size]]; clear() ---- */

function privateFiles(shelf) {
  const folder = async (create) => {
    let at = await navigator.storage.getDirectory();
    for (const name of [root, shelf]) at = await at.getDirectoryHandle(name, { create });
    return at;
  };
  const inside = (work, otherwise) => folder(false).then(work).catch(() => otherwise); // there is none
  return {
    get: (key) => inside(async (at) => new Uint8Array(await (await (await at.getFileHandle(key)).getFile()).arrayBuffer()), null),
    async put(key, bytes) {
      const file = await (await folder(true)).getFileHandle(key, { create: true });
      const stream = await file.createWritable(); // what was there stays until close()
      try {
        await stream.write(bytes);
        await stream.close();
      } catch (error) {
        await stream.abort().catch(() => {});
        throw error;
      }
    },
    delete: (key) => inside((at) => at.removeEntry(key)),
    entries: () => inside(async (at) => {
      const all = [];
      for await (const [key, file] of at.entries()) {
        const found = await file.getFile().catch(() => null); // another tab's doing
        if (found) all.push([key, found.size]);
      }
      return all;
    }, []),
    clear: async () => (await navigator.storage.getDirectory()).getDirectoryHandle(root)
      .then((at) => at.removeEntry(shelf, { recursive: true })).catch(() => {}),
  };
}

function cached(shelf) {
  const name = `${root}-${shelf}`;
  const address = (key) => `https://${root}.invalid/${shelf}/${key}`;
  const inside = async (work, otherwise) => {
    try {
      return await caches.has(name) ? await work(await caches.open(name)) : otherwise;
    } catch {
      return otherwise; // it cannot be read now: as if it were not there
    }
  };
  return {
    get: (key) => inside(async (at) => {
      const found = await at.match(address(key));
      return found ? new Uint8Array(await found.arrayBuffer()) : null;
    }, null),
    put: async (key, bytes) => (await caches.open(name)).put(address(key), new Response(bytes, { headers: { 'x-size': bytes.length } })),
    delete: (key) => inside((at) => at.delete(address(key))),
    entries: () => inside(async (at) => Promise.all((await at.keys()).map(async ({ url }) => [url.slice(address('').length),
      Number((await at.match(url))?.headers.get('x-size') ?? 0)])), []),
    clear: () => caches.delete(name),
  };
}

// Those that are to be had here, the better first; without what a session left that has ended.
async function places() {
  const found = [];
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) return found;
  try {
    await navigator.storage.getDirectory(); // some private windows refuse
    if (FileSystemFileHandle.prototype.createWritable) found.push(['opfs', privateFiles]);
  } catch {} // the next, then
  try {
    await caches.has(root);
    found.push(['cache', cached]);
  } catch {} // none
  if (session() === false) for (const [, place] of found) await place('session').clear().catch(() => {}); // of another time
  return found;
}

// A tab and what was opened from it share a session, and reloading keeps it. Files of one that has ended go when the next begins
// to look at the store.
function session(begin) {
  try {
    if (begin) sessionStorage.setItem(root, '1');
    return sessionStorage.getItem(root) !== null;
  } catch {
    return null; // not in workers, nor where a page may keep nothing
  }
}

/* ---- one shelf ---- */

const piecesOf = (bytes) => Math.ceil(bytes / pieceSize);
const sizeOf = (i, bytes) => Math.min(pieceSize, bytes - i * pieceSize);
export const isFile = (file) => typeof file?.name === 'string' && Number.isSafeInteger(file.bytes) && file.bytes >= 0 && /^[0-9a-f]{64}$/.test(file.sha256);
const encode = (text) => new TextEncoder().encode(text);
const recordKey = async (address) => `${await hashOf(encode(address))}.json`;
const readRecord = (bytes) => {
  try {
    const { address, files, text } = JSON.parse(new TextDecoder().decode(bytes));
    return { address, text, files: files.filter(isFile) };
  } catch {
    return null; // damaged: as if it were not there
  }
};

class Store {
  // `kind`: 'opfs', 'cache' or 'memory', where nothing is kept; `reason`: why that.
  constructor(kind, reason, place = null, mode = null) {
    this.kind = kind;
    this.reason = reason;
    this.place = place;
    this.mode = mode;
  }

  // Before the first is put.
  begin() {
    if (this.mode === 'session') session(true);
  }

  // Fills `all` with the pieces that are there, from the first on -> how many bytes those are.
  async read(sha256, all) {
    for (let i = 0; this.place && i < piecesOf(all.length); i++) {
      const piece = await this.place.get(`${sha256}.${i}`);
      if (piece?.length !== sizeOf(i, all.length)) return i * pieceSize;
      all.set(piece, i * pieceSize);
    }
    return this.place ? all.length : 0;
  }

  // How many bytes of a file are there.
  async has(files) {
    const sizes = new Map(await this.place?.entries());
    return files.map(({ bytes, sha256 }) => {
      let n = 0;
      while (n < piecesOf(bytes) && sizes.get(`${sha256}.${n}`) === sizeOf(n, bytes)) n++;
      return Math.min(bytes, n * pieceSize);
    });
  }

  // Puts piece i of a file. Where there is no room, nothing more is kept, and nothing of this one.
  async put(sha256, i, all) {
    await this.#put(`${sha256}.${i}`, all.subarray(i * pieceSize, (i + 1) * pieceSize));
  }

  async #put(key, bytes) {
    const { place } = this;
    try {
      await place?.put(key, bytes);
    } catch (error) {
      this.place = null;
      this.kind = 'memory';
      this.reason = error?.name === 'QuotaExceededError' ? 'The browser has no room left for this site.'
        : `The browser would not keep it: ${error?.message}.`;
      const [hash] = key.split('.');
      for (const [other] of await place.entries().catch(() => [])) if (other.startsWith(hash)) await place.delete(other).catch(() => {});
    }
  }

  async drop(sha256, bytes) {
    for (let i = 0; i < piecesOf(bytes); i++) await this.place?.delete(`${sha256}.${i}`);
  }

  async record(address) {
    const found = await this.place?.get(await recordKey(address));
    return found ? readRecord(found) : null;
  }

  // What no record names any more, such as the files of the model that was here before, goes.
  async note(address, files, text) {
    if (!this.place) return;
    await this.#put(await recordKey(address), encode(JSON.stringify({ address, files, text })));
    if (this.place) await tidy(this.place);
  }
}

async function records(place, entries) {
  return Promise.all(entries.filter(([key]) => record.test(key)).map(async ([key]) => {
    const bytes = await place.get(key), found = readRecord(bytes);
    if (!found && bytes?.length) await place.delete(key); // damaged, where an empty one is being written
    return { key, files: [], ...found };
  }));
}

async function tidy(place) {
  const entries = await place.entries(); // once: by another look, which may fail, no record would name them
  const all = await records(place, entries);
  if (all.some(({ address }) => address === undefined)) return; // another tab writes it just now
  const named = new Set(all.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
  for (const [key] of entries) if (!record.test(key) && !named.has(key.split('.')[0])) await place.delete(key);
}

// `mode`: 'persistent', 'session' or 'memory'.
export async function openStore(mode) {
  if (mode === 'memory') return new Store('memory', 'It was asked for.');
  const all = await places();
  if (!all.length)
    return new Store('memory', globalThis.isSecureContext === false ? 'The page has no secure origin (https).' : 'Nothing here keeps files.');
  if (mode === 'session' && session() === null) return new Store('memory', 'There are no sessions here.');
  const [[kind, place]] = all;
  return new Store(kind, null, place(mode), mode);
}

/* ---- what `cache` shows of all shelves ---- */

async function everywhere(work) {
  for (const [, place] of await places()) for (const mode of shelves) await work(place(mode), mode);
}

export async function list() {
  const found = [];
  await everywhere(async (place, mode) => {
    for (const { address, files, text } of await records(place, await place.entries())) {
      const stored = await new Store('', null, place).has(files);
      files.forEach(({ name, bytes }, i) => stored[i] && found.push({ model: text ? address : null, file: name, bytes, stored: stored[i], mode }));
    }
  });
  return found;
}

export async function size() {
  let bytes = 0;
  await everywhere(async (place) => { for (const [, n] of await place.entries()) bytes += n; });
  return bytes;
}

// `model`: a folder's address, as load() takes it; without, everything goes.
export async function remove(model) {
  if (model === undefined || model === null) return everywhere((place) => place.clear());
  if (typeof model !== 'string' && !is(model, 'URL')) wrong("cache.delete() takes the address of a model, or nothing.");
  const address = addressOf(String(model));
  return everywhere(async (place) => {
    for (const { key, address: one } of await records(place, await place.entries())) if (one === address) await place.delete(key);
    await tidy(place);
  });
}

// A model is known by the folder of its manifest.
export const addressOf = (url) => absolute(url).replace(/manifest\.json$/, '').replace(/\/*$/, '/');
