// What a build knows of pictures, in a file of records (records.js): the rows that it has made, so that none is made twice, and
// what a later build asks before it reads a picture again. The journal of a build under way (`<catalogue>.part/journal`) and
// what a finished one leaves for the next (`<catalogue>.state`) have the same form. A record's payload begins with its type:
//   1 head  JSON: what all rows depend on { format, image_id, numerics, fit, decode, dim }; the first record
//   2 row   SHA-256 of the picture's bytes | u8 n | the decoder's name, n bytes | i8 row[dim]
//   3 seen  JSON: { ref, hash, version, url, etag, modified, at }: what a picture's path or address gave
//   4 end   the file is whole (of a state alone)
// Of several records of one picture or address the last counts.
import { createHash } from 'node:crypto';
import { Offsets } from './offsets.js';
import { Records } from './records.js';

const types = { head: 1, row: 2, seen: 3, end: 4 };
const format = 1;

export const hashOf = (bytes) => createHash('sha256').update(bytes).digest();
const json = (type, value) => Buffer.concat([Buffer.of(type), Buffer.from(JSON.stringify(value))]);

function parse(payload) {
  try {
    const value = JSON.parse(payload.toString('utf8', 1));
    return value && typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

export class Journal {
  #records;
  #about;
  #rows = new Offsets();
  #seen = new Offsets();
  whole = false; // it has its end

  constructor(records, about) {
    this.#records = records;
    this.#about = JSON.stringify({ format, ...about });
    this.dim = about.dim;
  }

  // Goes on with what lies at `path`, as far as it is of the same build's kind; otherwise begins.
  static async open(path, about) {
    const journal = new Journal(await Records.open(path, 'append'), about);
    if (!await journal.#load()) journal.#rows = new Offsets();
    await journal.#records.cut();
    if (!journal.#records.bytes) await journal.#records.add(json(types.head, JSON.parse(journal.#about)));
    return journal;
  }

  // A file of its own, to be finished by end(): the state of a build.
  static async create(path, about) {
    const journal = new Journal(await Records.open(path, 'new'), about);
    await journal.#records.add(json(types.head, JSON.parse(journal.#about)));
    return journal;
  }

  // To look things up: null where its rows are not of `about`, or it is no such file.
  static async read(path, about) {
    const journal = new Journal(await Records.open(path, 'read'), about);
    if (await journal.#load()) return journal;
    await journal.close();
    return null;
  }

  // False, and nothing of the file counts as read, where its head is another.
  async #load() {
    let first = true;
    for await (const { at, payload } of this.#records.scan()) {
      const type = payload[0];
      if (first && (type !== types.head || payload.toString('utf8', 1) !== this.#about)) return false;
      first = false;
      if (type === types.row) this.#rows.set(payload.subarray(1, 33), at);
      else if (type === types.seen) this.#seen.set(hashOf(String(parse(payload)?.ref)), at);
      this.whole = type === types.end;
    }
    return !first;
  }

  get rows() {
    return this.#rows.size;
  }

  // { row: Int8Array, decoder } of a picture's hash, null if unknown.
  async row(hash) {
    const at = this.#rows.get(hash);
    const payload = at === undefined ? null : await this.#records.read(at);
    if (payload?.[0] !== types.row || !payload.subarray(1, 33).equals(hash)) return null;
    const from = 34 + payload[33];
    const decoder = payload.toString('latin1', 34, from);
    const row = new Int8Array(payload.subarray(from));
    return row.length === this.dim && row.some(Boolean) && /^[\w-]+$/.test(decoder) ? { row, decoder } : null;
  }

  // What is known of a path or address, null if nothing is: { hash: Buffer, version, url, etag, modified, at }
  async seen(ref) {
    const at = this.#seen.get(hashOf(ref));
    const payload = at === undefined ? null : await this.#records.read(at);
    const found = payload?.[0] === types.seen ? parse(payload) : null;
    if (found?.ref !== ref || !/^[0-9a-f]{64}$/.test(found.hash)) return null;
    return { ...found, hash: Buffer.from(found.hash, 'hex') };
  }

  async addRow(hash, decoder, row) {
    if (this.#rows.get(hash) !== undefined && await this.row(hash)) return;
    const name = Buffer.from(decoder, 'latin1');
    const numbers = Buffer.from(row.buffer, row.byteOffset, row.length);
    const payload = Buffer.concat([Buffer.of(types.row), hash, Buffer.of(name.length), name, numbers]);
    this.#rows.set(hash, await this.#records.add(payload));
  }

  async addSeen(ref, { hash, version, url, etag, modified, at }) {
    const seen = { ref, hash: hash.toString('hex'), version, url, etag, modified, at }; // in one order, so that bytes repeat
    this.#seen.set(hashOf(ref), await this.#records.add(json(types.seen, seen)));
  }

  // -> its bytes; all of it is on the disk.
  async end() {
    await this.#records.add(Buffer.of(types.end));
    await this.#records.sync();
    return this.#records.bytes;
  }

  // What was added is in the file, if the disk takes it.
  async close() {
    await this.#records.flush().catch(() => {}); // the build has failed already, or is done
    await this.#records.close();
  }
}
