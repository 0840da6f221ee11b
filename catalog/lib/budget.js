// What a page reads of a folder: for its first hits, for a query, for the items of 24 hits; as bytes, as bytes where the
// host compresses, and as seconds on two lines.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { UsageError } from './options.js';
import { partName } from './parts.js';
import { size } from './terminal.js';

const pack = promisify(gzip);
const lines = [1.6, 10]; // Mbit/s
const shown = 24;
const asked = 8; // products whose neighbours' items are counted

// '3MB' -> 3000000
export function readBudget(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(kB|KB|MB|KiB|MiB)$/.exec(text) ?? [];
  if (!unit) throw new UsageError(`--budget takes an amount such as 3MB or 800KB, not '${text}'`);
  return Number(number) * { kB: 1e3, KB: 1e3, MB: 1e6, KiB: 1024, MiB: 2 ** 20 }[unit];
}

// The products nearest to one, by its first row.
function nearest({ vectors, scale, rowStart, dim }, product) {
  const products = rowStart.length - 1, scores = new Float64Array(products).fill(-Infinity);
  const query = vectors.subarray(rowStart[product] * dim, (rowStart[product] + 1) * dim);
  for (let i = 0, row = 0; i < products; i++)
    for (; row < rowStart[i + 1]; row++) {
      let sum = 0;
      for (let k = 0; k < dim; k++) sum += query[k] * vectors[row * dim + k];
      scores[i] = Math.max(scores[i], sum * scale[row]);
    }
  const least = Float64Array.from(scores).sort().at(-Math.min(shown, products));
  return [...scores.keys()].filter((i) => scores[i] >= least).slice(0, shown);
}

// parts: files that may not be in the folder yet; ordered: { vectors, scale, rowStart, dim } of the base in its order
// -> [{ what, files, bytes, packed, seconds: one a line }]
export async function reading(folder, { next, base, parts, ordered }) {
  const made = new Map(parts.map(({ name, bytes }) => [name, bytes]));
  const bytesOf = async (kind, hash) => made.get(partName(kind, hash)) ?? readFile(join(folder, partName(kind, hash)));
  const sizes = async (files) => {
    const all = { bytes: 0, packed: 0 };
    for (const [kind, hash] of files) {
      const bytes = await bytesOf(kind, hash);
      all.bytes += bytes.length;
      all.packed += Math.min(bytes.length, (await pack(bytes)).length);
    }
    return all;
  };
  const of = (kind, files) => files.map((hash) => [kind, hash]);
  const first = [['base', next.base], ...of('codes', base.codes.files), ...of('ids', base.ids.pictures ? base.ids.files : []),
    ...of('delta', next.deltas)];
  const query = of('shard', base.shards.files.slice(0, base.near.shards));
  const words = of('shard', base.shards.files.slice(0, base.far?.shards ?? base.near.text_shards));
  const far = of('far', base.far?.files ?? []);
  const { products_per_file: each, files } = base.markets[''];
  const step = Math.ceil(base.products / asked), few = Math.ceil(base.products / step);
  const items = { bytes: 0, packed: 0, files: 0 };
  for (let i = 0; i < base.products; i += step) {
    const wanted = [...new Set(nearest(ordered, i).map((product) => Math.floor(product / each)))];
    const { bytes, packed } = await sizes(of('items', wanted.map((k) => files[k])));
    items.bytes += bytes / few, items.packed += packed / few, items.files += wanted.length / few;
  }
  const rounded = (sums) => Object.fromEntries(Object.entries(sums).map(([key, n]) => [key, Math.round(n)]));
  return [
    { what: `first hits: base, codes, ${base.ids.pictures ? 'ids, ' : ''}deltas`, files: first.length, ...await sizes(first) },
    { what: 'a query: shards, at most', files: query.length, ...await sizes(query) },
    { what: 'a query in words: shards, at most', files: words.length, ...await sizes(words) },
    ...far.length ? [{ what: 'finer codes, once for words', files: far.length, ...await sizes(far) }] : [],
    { what: 'ids, for like and get', files: base.ids.files.length, ...await sizes(of('ids', base.ids.files)) },
    { what: `items of ${shown} hits, on average`, ...rounded(items) },
  ].map((row) => ({ ...row, seconds: lines.map((mbit) => Number((row.bytes * 8 / (mbit * 1e6)).toFixed(2))) }));
}

export const printReading = (rows) => rows.map(({ what, files, bytes, packed, seconds }) =>
  `  ${what.padEnd(37)} ${size(bytes).padStart(10)} in ${String(files).padStart(3)} file${files === 1 ? ' ' : 's'}` +
  ` (${size(packed)} compressed), ` +
  lines.map((mbit, k) => `${seconds[k].toFixed(1)} s at ${mbit} Mbit/s`).join(', '));
