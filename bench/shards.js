// What a query of a published folder reads, and what it finds for that: planes of codes × rows a shard × how many rows
// or bytes are looked at -> recall@10 against a scan of every row. The choice of `npx kin-clip publish` follows from
// this table (docs/large.md).
//
//   node bench/shards.js photos.kin … [--sizes 0,80000] [--wide 1000000] [--queries 200] [--shards 32,64] [--asks photos,phrases]
//       [--texts a.txt]
//
// The catalogues are of real pictures, by any model; every 40th product is taken out and asks. A size above theirs is
// filled up with points between two near rows and a little noise; --texts: lines that ask in place of the phrases that null statistics
// are of; --wide N adds N rows of 512 numbers of the mixture
// that the search benchmark has (vectors.js).
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { clusterOrder } from '../catalog/lib/cluster.js';
import { codeBytes, codesOf, farCodesOf, farSteps, trainCodes } from '../catalog/lib/codes.js';
import { readHeader } from '../catalog/lib/tensors.js';
import { load } from '../web/index.node.js';
import { catalogPhrases } from '../web/shared/phrases.js';
import { table } from './report.js';
import { vectors as mixture } from './vectors.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  sizes: { type: 'string', default: '0,80000' }, wide: { type: 'string', default: '0' }, queries: { type: 'string', default: '200' },
  shards: { type: 'string', default: '32,64,128,256,512,1024' }, asks: { type: 'string', default: 'photos,phrases' },
  texts: { type: 'string' } } });
const shardSizes = values.shards.split(',').map(Number);
const asked = values.asks.split(',');
const shortlists = [64, 128, 256, 512, 1024, 2048];
const budgets = [512, 1024]; // KB a query

function* random(state) {
  for (;;) {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    yield (state >>> 8) / 2 ** 24;
  }
}

function open(path) {
  const bytes = readFileSync(path);
  const { tensors } = readHeader(bytes);
  const data = 8 + Number(bytes.readBigUInt64LE());
  const [from, to] = tensors.vectors.data_offsets;
  return { dim: tensors.vectors.shape[1], rows: new Int8Array(bytes.buffer, bytes.byteOffset + data + from, to - from) };
}

// A row as the engine quantises: the largest is 127.
function quantise(values, out) {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  for (let i = 0; i < out.length; i++) out[i] = Math.round(values[i] * 127 / most);
}

const lengths = (rows, dim) => Float32Array.from({ length: rows.length / dim }, (_, r) => {
  let sum = 0;
  for (let i = r * dim; i < (r + 1) * dim; i++) sum += rows[i] * rows[i];
  return 1 / Math.sqrt(sum);
});

// More rows out of real ones: a point between a row and one of its neighbours in the clustered order, with noise of a
// third of their distance.
async function grown(real, dim, n) {
  const m = real.length / dim, scale = lengths(real, dim);
  const order = await clusterOrder({ points: real, scale, dim, rows: new Uint16Array(m).fill(1) }, 16);
  const rows = new Int8Array(n * dim);
  rows.set(real.subarray(0, Math.min(n, m) * dim));
  const chance = random(5), next = () => chance.next().value;
  const point = new Float64Array(dim);
  for (let r = m; r < n; r++) {
    const place = Math.floor(next() * m);
    const a = order[place], b = order[(place & ~15) + Math.floor(next() * Math.min(16, m - (place & ~15)))];
    const t = next();
    let apart = 0;
    for (let i = 0; i < dim; i++) {
      const [x, y] = [real[a * dim + i] * scale[a], real[b * dim + i] * scale[b]];
      point[i] = x + t * (y - x);
      apart += (x - y) ** 2;
    }
    const noise = Math.sqrt(apart / dim) * Math.sqrt(3) / 3; // uniform numbers of -1 to 1 have a deviation of 1/sqrt(3)
    for (let i = 0; i < dim; i++) point[i] += noise * (2 * next() - 1);
    quantise(point, rows.subarray(r * dim, (r + 1) * dim));
  }
  return rows;
}

// Texts as vectors of the embedded model, as rows are quantised; null for another model.
async function textsOf(texts, dim) {
  const clip = await load({ model: 'models/kin-everyday' });
  try {
    if (clip.info.dim !== dim) return null;
    return (await clip.embedText(texts)).map((vector) => {
      const out = new Int8Array(dim);
      quantise(vector, out);
      return out;
    });
  } finally {
    await clip.close();
  }
}

/* ---- what is measured ---- */

function reorder(rows, dim, order) {
  const out = new Int8Array(rows.length);
  order.forEach((from, to) => out.set(rows.subarray(from * dim, (from + 1) * dim), to * dim));
  return out;
}

const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => { let n = 0; for (; byte; byte &= byte - 1) n++; return n; });

// Each way to guess a row's score from its code: query -> Float32Array, larger is nearer.
function guessers(rows, dim) {
  const n = rows.length / dim, width = codeBytes(dim), { mean, spread } = trainCodes(rows, dim), scale = lengths(rows, dim);
  const signs = codesOf(rows, dim, mean);
  const scores = new Float32Array(n);
  const apart = (query) => {
    const bits = codesOf(query, dim, mean);
    for (let r = 0, at = 0; r < n; r++) {
      let sum = 0;
      for (let b = 0; b < width; b++, at++) sum += bitCounts[signs[at] ^ bits[b]];
      scores[r] = -sum;
    }
    return scores;
  };
  // The query's own numbers against what a row's bits say of its; the sums of each half byte of a plane from a table. By more
  // planes than one: as src/folder.c has it, with the row's scale.
  const estimate = (far) => {
    const more = far ? farCodesOf(rows, dim, { mean, spread }, far) : null, step = far ? farSteps[far] / 16 : 2;
    return (query) => {
      const table = new Float32Array(width * 2 * 16);
      let center = 0;
      for (let i = 0; i < dim; i++) center += query[i] * mean[i];
      for (let half = 0; half < 2 * width; half++)
        for (let key = 0; key < 16; key++)
          for (let i = 0; i < 4 && 4 * half + i < dim; i++)
            table[half * 16 + key] += query[4 * half + i] * spread[4 * half + i] * (key >> i & 1 ? 1 : -1) * step / 2;
      const sumOf = (codes, at) => {
        let sum = 0;
        for (let b = 0; b < width; b++) sum += table[32 * b + (codes[at + b] & 15)] + table[32 * b + 16 + (codes[at + b] >> 4)];
        return sum;
      };
      for (let r = 0; r < n; r++) {
        let sum = sumOf(signs, r * width);
        for (let p = 0; p < far; p++) sum = 2 * sum + sumOf(more, (r * far + p) * width);
        scores[r] = far ? (center + sum) * scale[r] : sum;
      }
      return scores;
    };
  };
  return { 'bits apart': apart, 'query × bits': estimate(0), ...Object.fromEntries([1, 2, 3].map((far) => [`query × ${far + 1} planes`, estimate(far)])) };
}

// The rows by a score, best first, as many as `most`; ties by row.
function best(scores, most) {
  const keys = Float64Array.from(scores).sort();
  const least = keys[Math.max(0, keys.length - most)];
  const found = [];
  for (let r = 0; r < scores.length; r++) if (scores[r] >= least) found.push(r);
  return found.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, most);
}

async function measure(name, rows, dim, queries, what = 'photos') {
  const n = rows.length / dim;
  const lines = [], listed = [];
  const scale = lengths(rows, dim);
  for (const shardRows of shardSizes) {
    if (shardRows * 4 > n) continue;
    const start = performance.now();
    const order = await clusterOrder({ points: rows, scale, dim, rows: new Uint16Array(n).fill(1) }, shardRows);
    const seconds = (performance.now() - start) / 1000;
    const sorted = reorder(rows, dim, order), lengthOf = lengths(sorted, dim);
    const shardBytes = shardRows * (dim + 4 + 16) + 400;
    const exact = queries.map((query) => {
      const scores = new Float32Array(n);
      for (let r = 0; r < n; r++) {
        let sum = 0;
        for (let i = 0; i < dim; i++) sum += sorted[r * dim + i] * query[i];
        scores[r] = sum * lengthOf[r];
      }
      return new Set(best(scores, 10));
    });
    const row = [shardRows, (shardBytes / 1024).toFixed(0), seconds.toFixed(1)];
    // The fewest shards that hold the ten best: no way of choosing them reads less.
    const needed = exact.map((ten) => new Set([...ten].map((r) => Math.floor(r / shardRows))).size);
    row.push((needed.reduce((a, b) => a + b) / needed.length * shardBytes / 1024).toFixed(0));
    for (const [way, guess] of Object.entries(guessers(sorted, dim))) {
      const found = budgets.map(() => 0);
      const byList = shortlists.map(() => ({ found: 0, bytes: 0 }));
      queries.forEach((query, q) => {
        const near = best(guess(query), 16384);
        // The shards of the best rows, in their order.
        const shards = [...new Set(near.map((r) => Math.floor(r / shardRows)))];
        budgets.forEach((kb, k) => {
          const read = new Set(shards.slice(0, Math.floor(kb * 1024 / shardBytes)));
          for (const r of exact[q]) if (read.has(Math.floor(r / shardRows))) found[k]++;
        });
        let taken = 0;
        const list = new Set();
        shortlists.forEach((length, k) => {
          for (; taken < Math.min(length, near.length); taken++) list.add(Math.floor(near[taken] / shardRows));
          byList[k].bytes += list.size * shardBytes;
          for (const r of exact[q]) if (list.has(Math.floor(r / shardRows))) byList[k].found++;
        });
      });
      row.push(found.map((n) => (100 * n / (10 * queries.length)).toFixed(1)).join(' · '));
      listed.push([shardRows, way, ...byList.map(({ found, bytes }) =>
        `${(100 * found / (10 * queries.length)).toFixed(1)} · ${(bytes / queries.length / 1024).toFixed(0)}`)]);
    }
    lines.push(row);
  }
  console.log(`\n### ${name}: ${n} × ${dim}, ${queries.length} ${what} ask\n`);
  console.log(table(['rows a shard', 'KB a shard', 's to order', 'KB that hold the ten', 'recall@10 (%) of 512 KB · 1 MB: bits apart', '… query × bits',
    ...[2, 3, 4].map((planes) => `… query × ${planes} planes`)], lines));
  console.log(table(['rows a shard', 'shortlist by', ...shortlists.map((k) => `${k} rows: recall % · KB`)], listed));
  for (const used of [1, 2, 3, 4]) console.log(`codes of ${used} plane(s): ${(n * codeBytes(dim) * used / 1e6).toFixed(2)} MB`);
}

const real = positionals.map(open);
if (real.length) {
  const { dim } = real[0];
  const asks = [], keeps = [];
  for (const { rows } of real)
    for (let r = 0; r * dim < rows.length; r++) (r % 40 === 7 ? asks : keeps).push(rows.subarray(r * dim, (r + 1) * dim));
  const rows = new Int8Array(keeps.length * dim);
  keeps.forEach((row, r) => rows.set(row, r * dim));
  const few = (list) => list.filter((_, i) => i % Math.ceil(list.length / Number(values.queries)) === 0);
  const queries = few(asks), texts = await textsOf(values.texts ? readFileSync(values.texts, 'utf8').trim().split('\n') : catalogPhrases, dim);
  for (const size of values.sizes.split(',').map(Number)) {
    const [name, all] = size > keeps.length ? ['real rows, and points between them', await grown(rows, dim, size)] : ['real rows', rows];
    if (asked.includes('photos')) await measure(name, all, dim, queries);
    if (asked.includes('phrases') && texts) await measure(name, all, dim, few(texts), 'phrases');
  }
}
if (Number(values.wide)) {
  const catalog = await mixture(Number(values.wide), 512);
  const { rows, dim } = open(catalog.path);
  const queries = catalog.queries.map((query) => { const out = new Int8Array(dim); quantise(query, out); return out; });
  await measure('a mixture of 2,000 kinds', rows, dim, queries.slice(0, Number(values.queries)));
}
