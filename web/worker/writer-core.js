// Writes one catalogue in an engine of its own, behind the builder's save(). Each call says how far it is: a
// worker that was started again knows nothing of the products before.
import { checkAbort, fail } from '../shared/errors.js';
import { openAlone } from './engine.js';

const piece = 2 ** 20; // bytes that one `take` gives at most

export class WriterCore {
  #engine = null;
  #writer = 0;
  #products = 0;
  #taken = 0;

  constructor(platform, options) {
    this.platform = platform;
    this.options = options;
  }

  async open(signal) {
    const { dim, metadata, io } = this.options;
    const engine = await openAlone(this.platform, io, signal);
    this.#writer = engine.with([JSON.stringify(metadata)], (text, n) =>
      engine.pointer('kin_writer_begin', dim, text, n, engine.error));
    if (!this.#writer) engine.throwError();
    this.#engine = engine;
    return { least: engine.facts.limits.nullProducts }; // of a catalogue with null statistics
  }

  info() {
    return { peakBytes: this.#engine?.memory.buffer.byteLength ?? 0 };
  }

  stop() {
    this.#engine = null;
  }

  #check(status) {
    if (status) this.#engine.throwError();
  }

  #expect(said, is) {
    if (said !== is) fail('crashed', 'The worker that wrote the catalogue was started again: save it once more.');
  }

  // products: [{ id, item, rows, pictures }], `item` as JSON text, `rows` the int8 rows of its pictures.
  add(first, products) {
    this.#expect(first, this.#products);
    const engine = this.#engine;
    for (const { id, item, rows, pictures } of products)
      engine.with([id, item, rows], (...texts) => {
        texts.pop(); // the rows' length, which follows from `pictures`
        this.#check(engine.call('kin_writer_add', this.#writer, ...texts, pictures, engine.error));
      });
    this.#products += products.length;
  }

  // Statistics against the vectors of null phrases and the catalogue's own rows are wanted.
  compare(products, phrases) {
    this.#expect(products, this.#products);
    const { dim } = this.options;
    const all = new Float32Array(phrases.length * dim);
    phrases.forEach((vector, i) => all.set(vector, i * dim));
    const engine = this.#engine;
    engine.with([all], (at) => this.#check(engine.call('kin_writer_null', this.#writer, at, phrases.length, engine.error)));
  }

  // -> the file's size
  async end(products, { signal }) {
    this.#expect(products, this.#products);
    const { statuses } = this.#engine.facts;
    for (let status; (status = this.#engine.call('kin_writer_end', this.#writer, this.#engine.error));) {
      if (statuses[status] !== 'more') this.#engine.throwError();
      await this.platform.turn();
      checkAbort(signal);
    }
    return this.#engine.pointer('kin_writer_bytes', this.#writer);
  }

  // -> the next bytes of the file; none when all are taken
  take(from) {
    this.#expect(from, this.#taken);
    const engine = this.#engine;
    const out = engine.allocate(piece);
    try {
      const bytes = engine.bytes(out, engine.call('kin_writer_take', this.#writer, out, piece));
      this.#taken += bytes.length;
      return bytes;
    } finally {
      engine.free(out);
    }
  }
}
