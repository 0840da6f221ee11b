// kin related: lists for templates, against a plain loop over all vectors; and that neither it nor `like` needs a file of a model.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCatalog } from '../../web/index.node.js';
import { drawing, folder, kin, tinyModel } from './cli-support.js';
import { writeCatalogue } from '../data/catalogue.js';
import { products, writeCatalogue as writeProducts } from './publish-support.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

test('each product gets its nearest others, best first', async (t) => {
  const at = folder(t);
  const [shop, out] = [join(at, 'shop.kin'), join(at, 'related.json')];
  const { products } = await writeCatalogue(shop, { products: 200, dim: 32, kinds: 12 });
  const { code, err } = await kin(['related', shop, '-o', out, '--limit', '5']);
  assert.equal(code, 0, err);
  const related = JSON.parse(readFileSync(out, 'utf8'));
  assert.deepEqual(Object.keys(related).sort(), products.map(({ id }) => id).sort());
  for (const { id, vectors } of products) {
    const scores = new Map(products.map((other) => [other.id, Math.max(...other.vectors.map((vector) => dot(vector, vectors[0])))]));
    scores.delete(id);
    const best = [...scores.values()].sort((a, b) => b - a);
    assert.equal(related[id].length, 5);
    related[id].forEach((hit, i) => {
      assert.ok(Math.abs(hit.score - best[i]) < 0.02, 'int8 rows: a hundredth'); // both vectors are rounded to 8 bits
      assert.ok(Math.abs(hit.score - scores.get(hit.id)) < 0.02);
      const { item, vectors: theirs } = products.find((other) => other.id === hit.id);
      assert.deepEqual([hit.title, hit.url], [item.title, item.url]);
      const nearest = theirs.map((vector) => dot(vector, vectors[0]));
      if (theirs.length === 1) assert.equal(hit.image, item.image);
      else assert.ok(nearest[item.image.indexOf(hit.image)] > Math.max(...nearest) - 0.04, 'the picture that is near');
    });
  }
  // As a search says it.
  const catalog = await openCatalog(shop);
  for (const { id } of products.slice(0, 40)) {
    const { hits } = await catalog.search({ like: id }, { limit: 5 });
    assert.deepEqual(hits.map((hit) => hit.id), related[id].map((hit) => hit.id));
    hits.forEach((hit, i) => assert.ok(Math.abs(hit.score - related[id][i].score) < 1e-4));
  }
  await catalog.close();
});

test('one product, or a filter that nothing passes: empty lists, and a page that says so', async (t) => {
  const at = folder(t), [shop, published, out, page] = ['shop.kin', 'published', 'related.json', 'report.html'].map((name) => join(at, name));
  const made = async (list) => {
    await writeProducts(shop, list);
    assert.equal((await kin(['publish', shop, '-o', published, '-q'])).code, 0);
  };
  const lists = async (catalogue, ...more) => {
    const { code, err } = await kin(['related', catalogue, '-o', out, ...more]);
    assert.equal(code, 0, err);
    return JSON.parse(readFileSync(out, 'utf8'));
  };
  await made(products(1, 7)); // with two pictures
  for (const catalogue of [shop, published]) {
    assert.deepEqual(await lists(catalogue), { 'sku-7': [] });
    const { code, err } = await kin(['report', catalogue, '-o', page]);
    assert.equal(code, 0, err);
    assert.doesNotMatch(readFileSync(page, 'utf8').replace(/<style>[^]*<\/style>/, ''), /NaN|undefined|Infinity|null/);
  }
  await made(products(2, 7));
  for (const catalogue of [shop, published]) {
    assert.deepEqual(await lists(catalogue, '--filter', 'price > 1000'), { 'sku-7': [], 'sku-8': [] });
    assert.deepEqual((await lists(catalogue))['sku-8'].map(({ id }) => id), ['sku-7']);
  }
  for (const [wrong, sentence] of [[at, /is not a file, nor a folder that 'publish' wrote/], [join(at, 'gone'), /there is no /]])
    for (const [command, file] of [['related', out], ['report', page]]) {
      const { code, err } = await kin([command, wrong, '-o', file]);
      assert.deepEqual([code, sentence.test(err), err.split('\n').length], [1, true, 2], err);
    }
});

test('a line a product, only what passes the filter, and the same bytes again', async (t) => {
  const at = folder(t);
  const [shop, out] = [join(at, 'shop.kin'), join(at, 'related.jsonl')];
  const { products } = await writeCatalogue(shop, { products: 60, dim: 16 });
  const args = ['related', shop, '-o', out, '--filter', 'sale and price < 50'];
  assert.equal((await kin(args)).code, 0);
  const first = readFileSync(out);
  const lines = first.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ id }) => id), products.map(({ id }) => id));
  const passing = new Set(products.filter(({ item }) => item.sale && item.price < 50).map(({ id }) => id));
  assert.ok(passing.size > 3 && passing.size < 50);
  for (const { id, related } of lines) {
    assert.ok(related.every((hit) => passing.has(hit.id) && hit.id !== id));
    assert.equal(related.length, Math.min(12, passing.size - (passing.has(id) ? 1 : 0)));
  }
  await kin(args);
  assert.ok(first.equals(readFileSync(out)));
  for (const [more, code, sentence] of [[['--limit', '0'], 2, /--limit/], [['--filter', 'weight < 3'], 1, /weight/], [['--filter', 'price <'], 1, /filter/i]]) {
    const result = await kin(['related', shop, '-o', join(at, 'no.json'), ...more]);
    assert.equal(result.code, code);
    assert.match(result.err, sentence);
  }
  assert.ok(!existsSync(join(at, 'no.json')));
});

test('where no file of a model is on the machine, related and like find all the same', async (t) => {
  const at = folder(t);
  const bare = join(at, 'kin');
  for (const part of ['catalog', 'web', 'package.json', 'models/index.json']) {
    mkdirSync(join(bare, 'models'), { recursive: true });
    cpSync(join(root, part), join(bare, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(bare, 'node_modules'));
  const shop = join(at, 'shop.kin');
  const { products } = await writeCatalogue(shop, { products: 40, dim: 16, strange: false });
  const run = (...args) => spawnSync(process.execPath, [join(bare, 'catalog/cli.js'), ...args], { encoding: 'utf8', env: { ...process.env, KIN_CACHE: join(at, 'none') } });
  const made = run('related', shop, '-o', join(at, 'related.json'), '--limit', '3');
  assert.equal(made.status, 0, made.stderr);
  const found = run('search', shop, '--like', products[0].id, '--limit', '3', '--json');
  assert.equal(found.status, 0, found.stderr);
  assert.deepEqual(JSON.parse(found.stdout).hits.map(({ id }) => id), JSON.parse(readFileSync(join(at, 'related.json'), 'utf8'))[products[0].id].map(({ id }) => id));
  const asked = run('search', shop, '--text', 'red');
  assert.match(asked.stderr, /the embedded model is not at/, 'there is none indeed');
});

test('build --related writes the lists beside the catalogue', async (t) => {
  const at = folder(t);
  const model = tinyModel(join(at, 'model'));
  mkdirSync(join(at, 'img'));
  for (let i = 0; i < 4; i++) writeFileSync(join(at, 'img', `${i}.png`), drawing(i));
  const { code, err } = await kin(['build', join(at, 'img'), '-o', join(at, 'shop.kin'), '--model', model, '--related', '2']);
  assert.equal(code, 0, err);
  const related = JSON.parse(readFileSync(join(at, 'shop.kin.related.json'), 'utf8'));
  assert.deepEqual(Object.entries(related).map(([id, list]) => [id, list.length]), ['0.png', '1.png', '2.png', '3.png'].map((id) => [id, 2]));
});
