// A catalogue file of one picture a product, ids '0', '1', …: `add` vector by vector, then `done` gives the bytes. By
// the engine's own writer; quicker than the builder, which brings every vector to a worker.
import { openEngine } from '../web/worker/engine.js';
import { module } from '../web/worker/platform.node.js';

const encoder = new TextEncoder();

export async function catalogFile(dim) {
  const engine = await openEngine(await module('find', {}));
  const check = (status) => { if (status) engine.throwError(); };
  const writer = engine.with(['{}'], (text, n) => engine.pointer('kin_writer_begin', dim, text, n, engine.error));
  const [piece, textRoom] = [2 ** 20, 256];
  const out = engine.allocate(piece);
  const vector = engine.allocate(4 * dim + 4 + 2 * textRoom + dim);
  const scale = vector + 4 * dim;
  const [id, item, row] = [scale + 4, scale + 4 + textRoom, scale + 4 + 2 * textRoom];
  let n = 0;
  let views = {};
  return {
    add(values, fields = {}) {
      if (!views.vector?.length) // the first ones, or the memory grew
        views = { vector: new Float32Array(engine.memory.buffer, vector, dim), id: engine.view(id, textRoom), item: engine.view(item, textRoom) };
      views.vector.set(values);
      const sizes = [encoder.encodeInto(`${n}`, views.id), encoder.encodeInto(JSON.stringify({ id: `${n}`, ...fields }), views.item)].map(({ written }) => written);
      check(engine.call('kin_quantise_vector', vector, dim, row, scale, engine.error));
      check(engine.call('kin_writer_add', writer, id, sizes[0], item, sizes[1], row, 1, engine.error));
      n++;
    },
    done() {
      check(engine.call('kin_writer_end', writer, engine.error));
      const bytes = new Uint8Array(engine.pointer('kin_writer_bytes', writer));
      for (let at = 0; at < bytes.length;) {
        const taken = engine.call('kin_writer_take', writer, out, piece);
        bytes.set(engine.view(out, taken), at);
        at += taken;
      }
      return bytes;
    },
  };
}
