// What changed between what is published and a catalogue, and the file of it (docs/format.md). A product whose rows are the
// same brings its items alone. Null statistics do not count as a change: they move a little with any product.
import { packed } from './base.js';
import { itemBytes, rowBytes } from './contents.js';
import { makePart } from './parts.js';

const same = (a, b) => a.length === b.length && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
const bytesOf = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const pictures = ({ rowPicture, rowStart }, i) => rowPicture.subarray(rowStart[i], rowStart[i + 1]);
const none = Buffer.alloc(0);
export const notOfBase = 2 ** 32 - 1;

// published: what readPublished gives; contents: the catalogue's
// -> { gone: [id], changed: [{ i, rows: whether its rows are sent }], locales: those whose items are sent, rows: how many }
export function difference({ products }, contents) {
  const changed = [], locales = new Set(['']);
  let rows = 0;
  const there = new Set();
  contents.ids.forEach((id, i) => {
    const before = products.get(id);
    there.add(id);
    const moved = !before || !same(rowBytes(before.rows[0], before.rows[1]), rowBytes(contents, i)) ||
      !same(pictures(...before.rows), pictures(contents, i));
    let other = moved;
    for (const [locale, market] of contents.markets) {
      const at = before?.items[locale];
      const [old, now] = [at ? itemBytes(at[0].markets.get(locale), at[1]) : none, itemBytes(market, i)];
      if (same(old, now)) continue;
      other = true;
      locales.add(locale);
    }
    if (moved) rows += contents.rowStart[i + 1] - contents.rowStart[i];
    if (other) changed.push({ i, rows: moved });
  });
  return { gone: [...products.keys()].filter((id) => !there.has(id)).sort(), changed, locales: [...locales].sort(), rows };
}

// `place`: Map of id -> number of a product of the base
export function makeDelta({ gone, changed, locales, rows: count }, contents, place) {
  const { dim, rowStart } = contents;
  const numbers = (ids) => Uint32Array.from(ids, (id) => place.get(id) ?? notOfBase);
  const row_count = Uint16Array.from(changed, ({ i, rows }) => (rows ? rowStart[i + 1] - rowStart[i] : 0));
  const taken = (values, size) => {
    const out = new values.constructor(count * size);
    let at = 0;
    for (const { i, rows } of changed) {
      if (!rows) continue;
      const some = values.subarray(rowStart[i] * size, rowStart[i + 1] * size);
      out.set(some, at);
      at += some.length;
    }
    return out;
  };
  const ids = packed(changed.map(({ i }) => Buffer.from(contents.ids[i]))), left = packed(gone.map((id) => Buffer.from(id)));
  const tensors = { id_offsets: ids.offsets, ids: ids.bytes, row_count, row_picture: taken(contents.rowPicture, 1),
    scale: taken(contents.scale, 1), ...contents.nulls && { null: [taken(contents.nulls, 4), 4] },
    vectors: [taken(contents.vectors, dim), dim], gone_offsets: left.offsets, gone: left.bytes,
    product: numbers(changed.map(({ i }) => contents.ids[i])), gone_product: numbers(gone) };
  for (const locale of locales) {
    const market = contents.markets.get(locale), end = locale && `.${locale}`;
    const { offsets, bytes } = packed(changed.map(({ i }) => itemBytes(market, i)));
    Object.assign(tensors, { [`item_offsets${end}`]: offsets, [`items${end}`]: bytes });
  }
  return makePart('delta', tensors);
}
