// Searches in a page: Kin's exact scan of a catalogue that it builds, and a plain loop over f32.
import { load, openCatalog } from '/web/index.js';

// Vectors in clusters, of unit length: centre + noise, both from a small seeded generator.
export function clustered(n, dim, seed = 1) {
  let state = seed;
  const random = () => { state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0; return (state >>> 8) / 2 ** 23 - 1; };
  const centres = Float32Array.from({ length: 256 * dim }, random);
  const out = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    const centre = (state >>> 9) % 256 * dim;
    let sum = 0;
    for (let j = 0; j < dim; j++) sum += (out[i * dim + j] = centres[centre + j] + 0.7 * random()) ** 2;
    for (let j = 0; j < dim; j++) out[i * dim + j] /= Math.sqrt(sum);
  }
  return out;
}

function plain(rows, dim, query, k) {
  const top = [];
  for (let i = 0, at = 0; at < rows.length; i++) {
    let dot = 0;
    for (let j = 0; j < dim; j++) dot += rows[at++] * query[j];
    if (top.length < k || dot > top[k - 1][0]) {
      top.push([dot, i]);
      top.sort((a, b) => b[0] - a[0]);
      top.length = Math.min(top.length, k);
    }
  }
  return top.map(([, i]) => i);
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function timed(queries, search) {
  const times = [], found = [];
  for (const query of queries) {
    const start = performance.now();
    found.push(await search(query));
    times.push(performance.now() - start);
  }
  return { ms: median(times), best: Math.min(...times), found };
}

// -> [{ label, ms, best, recall }]; recall@10 of the plain loop's answer.
export async function run({ n, model, queries: count }) {
  const clip = await load({ model: new URL(model, location) });
  const dim = clip.info.dim;
  const rows = clustered(n, dim);
  const queries = Array.from({ length: count }, (_, i) => rows.slice(i * 37 % n * dim, (i * 37 % n + 1) * dim).map((x, j) => x + Math.sin(j * i) * 0.01));
  const exact = await timed(queries, (query) => plain(rows, dim, query, 10));
  const builder = await clip.createCatalog();
  const start = performance.now();
  for (let i = 0; i < n; i++) await builder.add({ id: String(i), vectors: [rows.subarray(i * dim, (i + 1) * dim)] });
  const catalog = await openCatalog(await builder.save(), { clip });
  const build = performance.now() - start;
  const kin = await timed(queries, async (query) => (await catalog.search({ vector: query }, { limit: 10 })).hits.map(({ id }) => Number(id)));
  const recall = ({ found }) => found.reduce((sum, ids, i) => sum + ids.filter((id) => exact.found[i].includes(id)).length, 0) / (10 * count);
  return { dim, rows: [{ label: 'plain JS loop, f32', ms: exact.ms, best: exact.best, recall: 1, build: 0 },
    { label: 'Kin, exact int8 with whole search()', ms: kin.ms, best: kin.best, recall: recall(kin), build }] };
}
