// Exports loaded into the engines that shops run, and asked for the nearest products: the same as Kin finds. `make test-data`.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kin } from '../node/cli-support.js';
import { openCatalog } from '../../web/index.node.js';
import { writeCatalogue } from './catalogue.js';

const run = promisify(execFile);
const [python, script] = ['../../build/data-venv/bin/python', 'engines.py'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
const [dim, found, asked] = [96, 10, 60]; // a product has three pictures at most: ten products lie in the nearest sixty rows, or we would see it

let folder, catalogue, products, queries, ours;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kin-data-'));
  catalogue = join(folder, 'products.kin');
  let draw;
  ({ products, draw } = await writeCatalogue(catalogue, { products: 3000, dim }));
  queries = Array.from({ length: 40 }, () => draw());
  writeFileSync(join(folder, 'queries.json'), JSON.stringify({ k: asked, queries }));
  const files = { parquet: 'products.parquet', npy: 'products.npy', pgvector: 'products.sql', qdrant: 'products.qdrant.jsonl', milvus: 'products.milvus.json' };
  for (const [to, file] of Object.entries(files)) {
    const { code, err } = await kin(['export', catalogue, '--to', to, '-o', join(folder, file)]);
    assert.equal(code, 0, err);
  }
  const catalog = await openCatalog(catalogue);
  ours = [];
  for (const vector of queries) ours.push((await catalog.search({ vector }, { limit: found })).hits);
  await catalog.close();
});
after(() => rmSync(folder, { recursive: true, force: true }));

// The best picture of each product, best first, as Kin counts.
function byProduct(rows) {
  const best = new Map();
  for (const [id, picture, score] of rows) if (!best.has(id)) best.set(id, { id, picture, score });
  return [...best.values()].slice(0, found);
}

// Kin rounds a query to 14 bits: each number by at most max|q| / 16382, so that a score, a sum over a unit row, is off by at most that times
// sqrt(dim). Floats of 24 bits, summed in another order, add a millionth.
const tolerance = (query) => Math.max(...query.map(Math.abs)) / 16382 * Math.sqrt(dim) + 1e-6;

function compareExact(rows) {
  queries.forEach((query, q) => {
    const [theirs, slack] = [byProduct(rows[q]), tolerance(query)];
    assert.equal(theirs.length, found);
    const scores = new Map(rows[q].map(([id, picture, score]) => [`${picture} ${id}`, score]));
    ours[q].forEach((hit, i) => {
      assert.ok(Math.abs(hit.score - theirs[i].score) <= slack, `query ${q}, place ${i}: ${hit.score} and ${theirs[i].score}`);
      assert.ok(Math.abs(hit.score - scores.get(`${hit.image.index} ${hit.id}`)) <= slack, `query ${q}: the score of '${hit.id}'`);
      // At each place the same product, but where the next one is as near.
      if (hit.id !== theirs[i].id) assert.ok(Math.abs(theirs[i].score - scores.get(`${hit.image.index} ${hit.id}`)) <= 2 * slack);
    });
  });
}

function recall(rows) {
  const hits = queries.map((_, q) => byProduct(rows[q]).filter(({ id }) => ours[q].some((hit) => hit.id === id)).length);
  return hits.reduce((a, b) => a + b, 0) / (found * queries.length);
}

async function ask(engine) {
  const { stdout, stderr } = await run(python, [script, engine, folder], { maxBuffer: 2 ** 28, timeout: 300_000 });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`${engine} gave no JSON: ${stdout.slice(0, 1000)}\n${stderr}`);
  }
}

for (const engine of ['pyarrow', 'duckdb', 'postgres', 'milvus', 'qdrant', 'usearch'])
  test(`${engine}: the same products as Kin's, and every text as it was`, async (t) => {
    const { version, count, exact, graph, titles, cheap, types } = await ask(engine);
    t.diagnostic(version);
    assert.equal(count, products.reduce((n, { vectors }) => n + vectors.length, 0));
    assert.deepEqual(titles, Object.fromEntries(products.map(({ id, item }) => [id, item.title])));
    compareExact(exact);
    if (engine !== 'usearch') assert.equal(cheap, products.filter(({ item }) => item.price < 20).length);
    if (types) assert.deepEqual(types, { price: 'double', sale: 'bool', tags: 'list<element: string not null>' });
    if (graph) {
      const share = recall(graph);
      t.diagnostic(`HNSW finds ${(100 * share).toFixed(1)} % of the ten nearest`);
      assert.ok(share >= 0.9, `HNSW finds ${share}`); // an index of a few thousand rows finds nearly all
    }
  });
