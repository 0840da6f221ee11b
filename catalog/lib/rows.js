// A picture of a products file becomes a row of the catalogue: looked up where it is known, else read, and embedded where its bytes
// are new. Known are the rows of this build that was stopped before (`journal`) and of an earlier one (`previous`).
import { hashOf } from './journal.js';
import { askListed, isAddress, naming } from './pictures.js';
import { bad } from './refusal.js';

// How long what a host gave counts without asking again when a stopped build goes on.
const fresh = 86_400_000; // ms

// What fails of the journal fails the build.
const ours = (work) => work.catch((error) => { throw Object.assign(error, { fatal: true }); });

export class Rows {
  #underWay = new Map(); // hash -> its row, so that two of the same bytes are embedded once
  counts = { embedded: 0, again: 0, previous: 0, unread: 0, unchanged: 0, bytes: 0 };

  // `quantise(vector)` → its int8 row; `where`: as pictures.js takes it; `previous` may be null.
  constructor({ journal, previous, embedders, quantise, where, fit }) {
    Object.assign(this, { journal, previous, embedders, quantise, where, fit });
  }

  // -> { row, decoder, hash, seen }. `seen` is what a later build may ask about the picture, if anything.
  async make(path, version) {
    const known = await this.#known(path, version);
    const { signal } = this.where;
    if (known?.certain) {
      this.counts.unread++;
      return this.#reused(known);
    }
    const got = await askListed(path, this.where, known);
    signal.throwIfAborted();
    if (got.unchanged) {
      this.counts.unchanged++;
      return this.#remember(path, { ...this.#reused(known), seen: { ...known.seen, version } });
    }
    this.counts.bytes += got.bytes.length;
    const hash = hashOf(got.bytes);
    const seen = isAddress(path) || version ? { hash, version, url: got.url, etag: got.etag, modified: got.modified } : null;
    const found = await this.#find(hash);
    const made = found ? this.#reused({ ...found, hash }) : await this.#embedOnce(hash, got.bytes).catch(naming(path));
    return this.#remember(path, { ...made, seen });
  }

  async #remember(path, made) {
    if (made.seen) await ours(this.journal.addSeen(path, { ...made.seen, at: Date.now() }));
    return made;
  }

  #reused({ row, decoder, hash, from, seen }) {
    this.counts[from]++;
    return { row, decoder, hash, seen };
  }

  async #find(hash) {
    for (const [from, journal] of [['again', this.journal], ['previous', this.previous]]) {
      const found = journal && await ours(journal.row(hash));
      if (found) return { ...found, from };
    }
    return null;
  }

  // What an address or path gave before, with its row; `certain` where it need not be asked again: the version in the products
  // file is the same, or this build itself was stopped since.
  async #known(path, version) {
    for (const journal of [this.journal, this.previous]) {
      const seen = journal && await ours(journal.seen(path));
      const found = seen && await this.#find(seen.hash);
      if (!found) continue;
      const { at, ...facts } = seen;
      const certain = version ? seen.version === version
        : journal === this.journal && isAddress(path) && Math.abs(Date.now() - at) < fresh;
      return { ...found, hash: seen.hash, seen: facts, certain, url: seen.url, etag: seen.etag, modified: seen.modified };
    }
    return null;
  }

  async #embedOnce(hash, bytes) {
    const key = hash.toString('latin1');
    if (this.#underWay.has(key)) {
      const made = await this.#underWay.get(key);
      this.counts.again++;
      return made;
    }
    const making = this.#embed(hash, bytes);
    this.#underWay.set(key, making);
    try {
      return await making;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #embed(hash, bytes) {
    const { vector, decoder } = await this.embedders.embed(bytes, { fit: this.fit, signal: this.where.signal });
    const row = await this.quantise(vector).catch((error) => {
      throw error.code === 'bad-argument' ? bad('bad-image', `its embedding is no vector: ${error.message}`) : error;
    });
    await ours(this.journal.addRow(hash, decoder, row));
    this.counts.embedded++;
    return { row, decoder, hash };
  }
}
