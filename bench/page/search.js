// Searches in a page over one catalogue: Kin's, a plain loop over f32, hnswlib-wasm; and the bare reading of
// the rows' bytes in WebAssembly.
import { openCatalog } from '/build/site/kin/index.js';
import { best, readCatalog } from './vectors.js';

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function timed(queries, rounds, search) {
  const times = [];
  let found;
  await search(queries[0]);
  for (let round = 0; round < rounds; round++) {
    found = [];
    for (const query of queries) {
      const start = performance.now();
      const ids = await search(query);
      times.push(performance.now() - start);
      found.push([...ids]);
    }
  }
  return { ms: median(times), best: Math.min(...times), found };
}

// -> a function that adds the times of `runs` readings of the bytes to a list.
async function reader(vectors) {
  const { instance: { exports } } = await WebAssembly.instantiate(await (await fetch('/build/bench/peak-simd.wasm')).arrayBuffer());
  const start = Math.ceil(exports.__heap_base.value / 64) * 64;
  exports.memory.grow(Math.ceil((start + vectors.length) / 65536));
  new Int8Array(exports.memory.buffer).set(vectors, start);
  return (times, runs) => {
    for (let i = 0; i < runs; i++) {
      const before = performance.now();
      // in parts, so that the engine's better compiler gets its turn
      for (let at = 0; at < vectors.length; at += 1 << 20) exports.read_once(start + at, Math.min(1 << 20, vectors.length - at));
      times.push(performance.now() - before);
    }
  };
}

async function hnsw(rows, dim, queries, rounds) {
  const { loadHnswlib } = await import('/bench/node_modules/hnswlib-wasm/dist/hnswlib.js');
  const lib = await loadHnswlib();
  const start = performance.now();
  const index = new lib.HierarchicalNSW('ip', dim, '');
  const n = rows.length / dim;
  index.initIndex(n, 16, 128, 100);
  for (let i = 0; i < n; i += 1000) index.addItems(Array.from({ length: Math.min(1000, n - i) }, (_, j) => rows.subarray((i + j) * dim, (i + j + 1) * dim)), false);
  const build = performance.now() - start;
  index.setEfSearch(64);
  return { label: 'hnswlib-wasm, M 16, ef 64', build, ...await timed(queries, rounds, (query) => index.searchKnn(query, 10, undefined).neighbors) };
}

// -> { rows: [{ label, ms, best, build, found }], truth: the plain loop's answers, read: { ms, best }, about, failed }
export async function run({ catalog: url, queries: given, rounds, hnsw: withHnsw, peak }) {
  const queries = given.map((query) => {
    const length = Math.hypot(...query);
    return Float32Array.from(query, (value) => value / length);
  });
  const start = performance.now();
  const catalog = await openCatalog(new URL(url, location));
  const build = performance.now() - start;
  const n = catalog.info.pictures;
  const { rows, vectors, dim } = await readCatalog(url);
  const read = peak ? await reader(vectors) : () => {};
  const reading = [];
  read([], 3);
  read(reading, 10); // before and after Kin, since other work on the machine comes and goes
  const kin = (exact) => timed(queries, rounds, async (query) => (await catalog.search({ vector: query }, { limit: 10, exact })).hits.map(({ id }) => Number(id)));
  const list = [{ label: 'Kin, exact', build, ...await kin(true) }];
  if (n > 200000) list.push({ label: 'Kin, by sign bits, then exact', build, ...await kin(false) });
  const memory = `${(catalog.info.pictures / 1e6).toFixed(2)} M pictures opened in ${(build / 1000).toFixed(1)} s, fetching included.`;
  read(reading, 10);
  await catalog.close();
  const plain = await timed(queries, n > 200000 ? 1 : rounds, (query) => best(rows, dim, query, 10));
  list.push({ label: 'plain JS loop, f32', build: 0, ...plain });
  let failed = null;
  if (withHnsw) {
    try {
      list.push(await hnsw(rows, dim, queries, rounds));
    } catch (error) {
      failed = error.message;
    }
  }
  return { rows: list, truth: plain.found, read: peak ? { ms: median(reading), best: Math.min(...reading) } : null, about: memory, failed };
}
