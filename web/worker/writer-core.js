// Writes one catalogue in an engine of its own, behind the builder's save(). Each call says how far it is: a
// worker that was started again knows nothing of the products before.
import { fail } from '../shared/errors.js';
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

  // -> the file's size
  end(products) {
    this.#expect(products, this.#products);
    this.#check(this.#engine.call('kin_writer_end', this.#writer, this.#engine.error));
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
