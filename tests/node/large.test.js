// A catalogue large enough for the search by sign bits: what it may miss, and what it may not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { catalogFile } from '../../bench/catalog-file.js';
import { openCatalog } from '../../web/index.node.js';
import { openBytes } from '../../web/worker/catalog-core.js';
import { openAlone } from '../../web/worker/engine.js';
import * as platform from '../../web/worker/platform.node.js';

const [rows, dim] = [200_001, 128];
const shared = {};

// The same numbers everywhere, -1 to 1.
function generator(state) {
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

before(async () => {
  const random = generator(5);
  const centres = Array.from({ length: 500 }, () => Float32Array.from({ length: dim }, (_, i) => random() + (i % 3 - 1) * 0.8));
  const file = await catalogFile(dim);
  const vector = new Float32Array(dim);
  shared.queries = [];
  for (let r = 0; r < rows; r++) {
    const centre = centres[Math.floor((random() + 1) / 2 * 499.99)];
    for (let i = 0; i < dim; i++) vector[i] = centre[i] + 0.8 * random();
    file.add(vector);
    if (r % 20_000 === 7) shared.queries.push(vector.map((value) => value + 0.3 * random()));
  }
  const bytes = file.done();
  const { tensor } = openBytes(await openAlone(platform, {}), bytes);
  Object.assign(shared, { vectors: tensor('vectors'), scale: tensor('scale'), catalog: await openCatalog(bytes) });
});
after(() => shared.catalog.close());

// Ids and scores of the best, by the definition of a score.
function plainly(query, limit) {
  const { vectors, scale } = shared;
  const length = Math.hypot(...query);
  const scores = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += query[i] * vectors[r * dim + i];
    scores[r] = sum * scale[r] / length;
  }
  return [...Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]).subarray(0, limit)].map((r) => [String(r), scores[r]]);
}

test('exact: true gives the best of all rows', async () => {
  for (const query of shared.queries.slice(0, 3)) {
    const { hits, total } = await shared.catalog.search({ vector: query }, { limit: 10, exact: true });
    assert.equal(total, rows);
    plainly(query, 10).forEach(([, score], i) => assert.ok(Math.abs(hits[i].score - score) < 1e-4));
  }
});

test('by default hardly any of the ten best is missed, scores are the exact ones, answers repeat', async () => {
  let found = 0;
  for (const query of shared.queries) {
    const ask = (options) => shared.catalog.search({ vector: query }, { limit: 10, ...options });
    const [exact, quick, again] = [await ask({ exact: true }), await ask(), await ask()];
    assert.deepEqual(again.hits, quick.hits);
    assert.equal(quick.total, rows);
    const scores = new Map(exact.hits.map(({ id, score }) => [id, score]));
    for (const { id, score } of quick.hits) {
      if (!scores.has(id)) continue;
      found++;
      assert.equal(score, scores.get(id));
    }
  }
  assert.ok(found >= shared.queries.length * 10 * 0.99, `${found} of ${shared.queries.length * 10}`);
});

test('minScore and pages far behind are exact', async () => {
  const ask = async (query, options) => (await shared.catalog.search({ vector: query }, options));
  for (const options of [{ minScore: 0.5, limit: 50 }, { limit: 20, offset: 2000 }]) {
    const exact = await ask(shared.queries[1], { ...options, exact: true });
    const quick = await ask(shared.queries[1], options);
    assert.deepEqual([quick.hits, quick.total], [exact.hits, exact.total]);
  }
});
