// The products of a build that are done, in their order, in a file until the catalogue is written: so that memory does not grow
// with them. A record's payload: u32 n | JSON { id, item, pictures: [{ ref, hash, decoder, seen }] } of n bytes | their rows
import { Journal } from './journal.js';
import { Offsets } from './offsets.js';
import { Records } from './records.js';

// A number that JSON does not know (1e999) would become null in silence.
const asJson = (item) => JSON.stringify(item, (field, value) => {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`its ${field} is a number that is too large`);
  return value;
});

export class Finished {
  #records;
  #about;
  decoders = new Set();
  products = 0;
  pictures = 0;

  static async open(path, about) {
    const finished = new Finished();
    finished.#records = await Records.open(path, 'new');
    finished.#about = about;
    return finished;
  }

  // `pictures`: what Rows.make gives, with its `ref`. Throws where the item is none, before anything is kept.
  async add(id, item, pictures) {
    const about = pictures.map(({ ref, hash, decoder, seen }) => ({ ref, hash: hash.toString('hex'), decoder,
      ...(seen && { seen: { ...seen, hash: undefined } }) }));
    const text = Buffer.from(JSON.stringify({ id, item: asJson(item), pictures: about }));
    const head = Buffer.alloc(4);
    head.writeUInt32LE(text.length);
    const rows = pictures.map(({ row }) => Buffer.from(row.buffer, row.byteOffset, row.length));
    await this.#records.add(Buffer.concat([head, text, ...rows]));
    for (const { decoder } of pictures) this.decoders.add(decoder);
    this.products++;
    this.pictures += pictures.length;
  }

  async* #all() {
    await this.#records.flush();
    for await (const { payload } of this.#records.scan()) {
      const n = 4 + payload.readUInt32LE(0);
      yield { ...JSON.parse(payload.toString('utf8', 4, n)), rows: payload.subarray(n) };
    }
  }

  // As the catalogue's writer takes them.
  async* all() {
    for await (const { id, item, pictures, rows } of this.#all())
      yield [id, { item, rows: new Int8Array(rows), pictures: pictures.length }];
  }

  // Writes what the next build may ask. -> its bytes
  async writeState(path) {
    const state = await Journal.create(path, this.#about);
    const there = new Offsets();
    try {
      for await (const { pictures, rows } of this.#all())
        for (const [i, { ref, hash: hex, decoder, seen }] of pictures.entries()) {
          const hash = Buffer.from(hex, 'hex');
          const row = new Int8Array(rows.subarray(i * this.#about.dim, (i + 1) * this.#about.dim));
          if (there.get(hash) === undefined) await state.addRow(hash, decoder, row);
          there.set(hash, 0);
          if (seen) await state.addSeen(ref, { ...seen, hash });
        }
      return await state.end();
    } finally {
      await state.close();
    }
  }

  async close() {
    await this.#records.close();
  }
}
