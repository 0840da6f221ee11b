// Fields of all products as columns, so that a page filters without reading items (docs/format.md). A field has the type
// that a catalogue's filters give it (web/page/catalog.js): where values differ a list if one of them is, else a string.
import { itemBytes, itemOf } from './contents.js';
import { makePart, maxPart } from './parts.js';

export const columnTypes = ['number', 'string', 'boolean', 'list'];
const notFiltered = new Set(['id', 'title', 'url', 'image']);
const typeOf = (value) => (Array.isArray(value) ? 'list' : value === undefined || value === null ? null : typeof value);

// Every value of every field, read once: market -> Map of field -> { type, values: of each product, undefined for none }
function gather(market, order, what) {
  const fields = new Map();
  for (const [place, i] of order.entries())
    for (const [field, value] of Object.entries(itemOf(market, i, what) ?? {})) {
      const type = typeOf(value);
      if (notFiltered.has(field) || !type) continue;
      if (!fields.has(field)) fields.set(field, { type, values: new Array(order.length) });
      const column = fields.get(field);
      if (type !== column.type)
        column.type = ['object', 'list', 'string'].find((one) => [type, column.type].includes(one)) ?? 'string';
      column.values[place] = value;
    }
  for (const [field, { type }] of fields) if (type === 'object') fields.delete(field); // no filter reads it
  return fields;
}

export function fieldTypes(market, products, what) {
  const fields = gather(market, Uint32Array.from({ length: products }, (_, i) => i), what);
  return Object.fromEntries([...fields].map(([field, { type }]) => [field, type])); // a field may be named __proto__
}

const textOf = (value) => String(value).toWellFormed();

function packWords(words) {
  const list = [...words].sort(), encoded = list.map((word) => Buffer.from(word));
  const word_offsets = new Uint32Array(list.length + 1);
  encoded.forEach((bytes, i) => { word_offsets[i + 1] = word_offsets[i] + bytes.length; });
  return { place: new Map(list.map((word, i) => [word, i])), word_offsets, words: Buffer.concat(encoded) };
}

const as = {
  number(values) {
    const [value, has] = [new Float64Array(values.length), new Uint8Array(values.length)];
    for (let i = 0; i < values.length; i++) if (values[i] !== undefined) [value[i], has[i]] = [values[i], 1];
    return { value, has };
  },
  boolean: (values) => ({ value: Uint8Array.from(values, (value) => (value === undefined ? 0 : value ? 2 : 1)) }),
  string(values) {
    const texts = Array.from(values, (value) => (value === undefined ? undefined : textOf(value)));
    const { place, ...words } = packWords(new Set(texts.filter((text) => text !== undefined)));
    return { value: Uint32Array.from(texts, (text) => (text === undefined ? 0 : 1 + place.get(text))), ...words };
  },
  list(values) {
    const lists = Array.from(values, (value) => (value === undefined ? undefined : [value].flat().map(textOf)));
    const { place, ...words } = packWords(new Set(lists.flatMap((list) => list ?? [])));
    const value_offsets = new Uint32Array(lists.length + 1);
    lists.forEach((list, i) => { value_offsets[i + 1] = value_offsets[i] + (list?.length ?? 0); });
    const value = new Uint32Array(value_offsets.at(-1));
    lists.forEach((list, i) => list?.forEach((word, k) => { value[value_offsets[i] + k] = place.get(word); }));
    return { value_offsets, value, has: Uint8Array.from(lists, (list) => (list ? 1 : 0)), ...words };
  },
};

// The columns of one market, products in `order` -> [{ field, type, part }]; part: null where it would be too large a file.
export function makeColumns(market, order, what) {
  return [...gather(market, order, what)].map(([field, { type, values }]) => {
    const part = makePart('column', as[type](values));
    return { field, type, part: part.bytes.length > maxPart ? null : part };
  });
}

// Which products the market sells, where it does not sell all; else null.
export function makeSold(market, order = Uint32Array.from({ length: market.offsets.length - 1 }, (_, i) => i)) {
  const value = Uint8Array.from(order, (i) => (itemBytes(market, i).length ? 1 : 0));
  return value.includes(0) ? makePart('column', { value }) : null;
}
