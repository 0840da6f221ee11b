// A catalogue of vectors that are there already, by the engine's own writer. The bytes lie in the engine's memory until
// they are taken.
import { openWriting } from './engine.js';

const pieceBytes = 2 ** 20;

export const ofNoModel = { 'kin.fit': 'crop', 'kin.image_id': '', 'kin.text_id': '', 'kin.decoders': '', 'kin.model': '' };

// add(id, item, vectors) for each product, a vector a picture, or addRows(id, item, rows), its int8 rows as they are; then
// parts(), the file's bytes from first to last.
// metadata: of docs/format.md; ofNoModel: of vectors that no model is known for.
export async function openWriter(dim, metadata) {
  const engine = await openWriting();
  const check = (status) => {
    const name = engine.facts.statuses[status];
    if (name !== 'ok' && name !== 'more') engine.throwError();
    return name === 'more';
  };
  const writer = engine.with([JSON.stringify(metadata)], (text, n) =>
    engine.pointer('kin_writer_begin', dim, text, n, engine.error));
  if (!writer) engine.throwError();
  const values = engine.allocate(4 * dim);
  const scale = engine.allocate(4);
  let products = 0;
  const quantise = (vector, row) => {
    new Float32Array(engine.memory.buffer, values, dim).set(vector);
    check(engine.call('kin_quantise_vector', values, dim, row, scale, engine.error));
  };
  const add = (id, item, pictures, put) => {
    engine.with([id, JSON.stringify(item), new Uint8Array(dim * pictures.length)], (idAt, idBytes, itemAt, itemBytes, rows) => {
      pictures.forEach((picture, k) => put(picture, rows + k * dim));
      check(engine.call('kin_writer_add', writer, idAt, idBytes, itemAt, itemBytes, rows, pictures.length, engine.error));
    });
    products++;
  };
  return {
    add: (id, item, vectors) => add(id, item, vectors, quantise),
    addRows: (id, item, rows) => add(id, item, rows, (row, at) => engine.view(at, dim).set(row)),
    async* parts({ nulls = true } = {}) {
      if (nulls && products >= engine.facts.limits.nullProducts) check(engine.call('kin_writer_null', writer, 0, 0, engine.error));
      // Whoever reads gives the event loop a turn.
      while (check(engine.call('kin_writer_end', writer, engine.error))) yield Buffer.alloc(0);
      const out = engine.allocate(pieceBytes);
      for (let n; (n = engine.call('kin_writer_take', writer, out, pieceBytes)) > 0;) yield engine.bytes(out, n);
    },
  };
}
