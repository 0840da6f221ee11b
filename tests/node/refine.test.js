// Confidence, verdicts, diversity and facets of a search, through the worker and a saved file; src/confidence.c's own
// numbers are held against tables in tests/c.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load, openCatalog } from '../../web/index.node.js';
import { catalogPhrases as phrases } from '../../web/shared/phrases.js';
import { drawing, tinyModel } from './cli-support.js';

const root = mkdtempSync(join(tmpdir(), 'kin-refine-'));
const n = 40;
const shared = {};

async function build(clip, products) {
  const builder = await clip.createCatalog({ fields: ['price', 'colour', 'tags'] });
  for (let i = 0; i < products; i++)
    await builder.add({ id: `p${i}`, images: [drawing(i), drawing(i + 1)], item: { price: i % 3, ...(i % 4 && { colour: i % 2 ? 'red' : 'blue' }),
      tags: i % 5 ? ['new', 'sale'] : [] } });
  return builder;
}

before(async () => {
  shared.clip = await load({ model: tinyModel(join(root, 'model')) });
  shared.builder = await build(shared.clip, n);
  shared.bytes = await shared.builder.save();
  shared.catalog = await openCatalog(shared.bytes, { clip: shared.clip });
});
after(async () => {
  await shared.catalog.close();
  await shared.clip.close();
  rmSync(root, { recursive: true });
});

test('256 null phrases, all different', () => {
  assert.equal(phrases.length, 256);
  assert.equal(new Set(phrases).size, 256);
});

test('a saved catalogue holds the statistics and says of what', async () => {
  const { metadata } = shared.catalog.info;
  assert.equal(metadata['kin.null'], `rows=${n} phrases=256 list=1`);
  assert.match(Buffer.from(shared.bytes.subarray(0, 3000)).toString(), new RegExp(`"null":{"dtype":"F32","shape":\\[${2 * n},4\\]`));
});

test('minConfidence keeps the hits that have it, for pictures, words and blends; the verdict is of the best', async () => {
  const { catalog } = shared;
  const verdictOf = (confidence) => (confidence >= 0.95 ? 'match' : confidence >= 0.5 ? 'weak' : 'none');
  let between = 0;
  for (const query of [{ image: drawing(3) }, { text: 'the' }, { id: 'p4' }, { like: ['p1', 'p2'], unlike: 'p9' },
    { mix: [{ image: drawing(5) }, { text: 'a', weight: 0.5 }, { text: 'the', weight: -0.3 }] }]) {
    const all = await catalog.search(query, { limit: n });
    assert.ok(all.hits.every(({ confidence }) => confidence >= 0 && confidence <= 1), JSON.stringify(all.hits[0]));
    assert.equal(all.verdict, verdictOf(all.hits[0].confidence));
    assert.equal((await catalog.search(query, { limit: 3, offset: 5 })).verdict, all.verdict, 'of the best, on every page');
    assert.equal((await catalog.search(query, { limit: 0 })).verdict, all.verdict);
    const sorted = all.hits.map(({ confidence }) => confidence).sort((a, b) => b - a);
    const least = sorted.find((one, i) => sorted[i + 1] < one - 1e-4); // a bound between two is a 32-bit number
    if (least === undefined) continue;
    between++;
    const bound = (least + sorted[sorted.lastIndexOf(least) + 1]) / 2;
    const kept = await catalog.search(query, { limit: n, minConfidence: bound });
    assert.deepEqual(kept.hits.map(({ id }) => id), all.hits.filter(({ confidence }) => confidence >= bound).map(({ id }) => id));
    assert.equal(kept.total, kept.hits.length);
  }
  assert.ok(between > 1, 'confidences that differ');
});

test('a search that finds nothing says none', async () => {
  const { hits, verdict, total } = await shared.catalog.search({ like: 'p1' }, { minScore: 1.5 });
  assert.deepEqual([hits, verdict, total], [[], 'none', 0]);
});

test('changed fields leave confidence as it is; products that go change it with the next save', async () => {
  const catalog = await openCatalog(shared.bytes, { worker: false });
  const ask = async (one) => (await one.search({ like: 'p7' }, { limit: n })).hits.map(({ id, confidence }) => [id, confidence]);
  const was = await ask(catalog);
  catalog.setFields([{ id: 'p8', price: 99 }]);
  assert.deepEqual(await ask(catalog), was);
  await catalog.close();
  const builder = await build(shared.clip, n);
  builder.remove('p8');
  const fewer = await openCatalog(await builder.save(), { worker: false });
  assert.equal(fewer.info.metadata['kin.null'], `rows=${n - 1} phrases=256 list=1`);
  assert.notDeepEqual(await ask(fewer), was.filter(([id]) => id !== 'p8'));
  await fewer.close();
});

test('a catalogue without statistics opens; confidence is null, minConfidence is refused', async () => {
  const catalog = await openCatalog(await (await build(shared.clip, 15)).save(), { worker: false });
  const { hits, verdict } = await catalog.search({ like: 'p1' });
  assert.ok(hits.length && hits.every(({ confidence }) => confidence === null));
  assert.equal(verdict, null);
  await assert.rejects(catalog.search({ like: 'p1' }, { minConfidence: 0.5 }), { code: 'unsupported', message: /build it again/ });
  await catalog.close();
});

test('diversity: the same products in another order, each once, and pages that follow each other', async () => {
  const { catalog } = shared;
  const ask = async (options) => (await catalog.search({ like: 'p20' }, options)).hits;
  const [plain, diverse] = [await ask({ limit: n }), await ask({ limit: n, diversity: 0.7 })];
  assert.equal(plain[0].id, diverse[0].id);
  assert.notDeepEqual(diverse.map(({ id }) => id), plain.map(({ id }) => id));
  assert.deepEqual(diverse.map(({ id }) => id).sort(), plain.map(({ id }) => id).sort());
  for (const { id, score } of diverse) assert.equal(score, plain.find((hit) => hit.id === id).score);
  const paged = [];
  for (let offset = 0; offset < n; offset += 7) paged.push(...await ask({ limit: 7, offset, diversity: 0.7 }));
  assert.deepEqual(paged.map(({ id, position }) => [id, position]), diverse.map(({ id, position }) => [id, position]));
  assert.deepEqual((await ask({ limit: n, diversity: 0 })).map(({ id }) => id), plain.map(({ id }) => id));
});

test('facets count the products that pass the filter', async () => {
  const { catalog } = shared;
  const { facets } = await catalog.search({ text: 'the' }, { facets: ['colour', 'price', 'tags'], limit: 1 });
  assert.deepEqual(facets, { colour: [{ value: 'red', count: 20 }, { value: 'blue', count: 10 }],
    price: [{ value: 0, count: 14 }, { value: 1, count: 13 }, { value: 2, count: 13 }],
    tags: [{ value: 'new', count: 32 }, { value: 'sale', count: 32 }] });
  const filtered = await catalog.search({ text: 'the' }, { facets: 'price', filter: 'colour = blue' });
  assert.equal(filtered.facets.price.reduce((sum, { count }) => sum + count, 0), 10);
  assert.equal((await catalog.search({ text: 'the' })).facets, null);
  await assert.rejects(catalog.search({ text: 'the' }, { facets: 'color' }), { code: 'bad-argument', message: /'color'.*did you mean 'colour'/ });
});
