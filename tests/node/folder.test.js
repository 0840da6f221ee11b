// A published folder, opened: the hits of the file it was made of, deltas, markets, and what goes wrong on the way.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeBase, makePart, readPart } from '../../catalog/lib/parts.js';
import { openCatalog } from '../../web/index.node.js';
import { writeCatalogue as writeClusters } from '../data/catalogue.js';
import { dim, products, publish, rowOf, writeCatalogue } from './publish-support.js';

const root = mkdtempSync(join(tmpdir(), 'kin-folder-'));
after(() => rmSync(root, { recursive: true }));

let count = 0;
// A catalogue of these products: { file, folder: published }.
async function published(list, values) {
  const name = join(root, String(++count));
  const file = await writeCatalogue(`${name}.safetensors`, list);
  await publish(file, name, values);
  return { file, folder: name };
}
const vector = (seed) => Float32Array.from(rowOf(seed));
const plain = ({ hits, total, verdict, facets }) => ({ total, verdict, facets,
  hits: hits.map(({ id, score, confidence, item, image, contributions, position }) => ({ id, score, confidence, item, index: image.index, contributions, position })) });
// Equal scores go by the order of rows, which is another in a folder.
const sorted = ({ hits, ...rest }) => ({ ...rest, hits: hits.map(({ position, ...hit }) => hit).sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)) });
const same = (folder, file) => assert.deepEqual(sorted(plain(folder)), sorted(plain(file)));
const hash = (bytes) => createHash('sha256').update(bytes).digest('base64url').slice(0, 22);

const queries = [{ vector: vector(3) }, { like: ['sku-14'] }, { like: ['sku-7', 'sku-9'], unlike: ['sku-20'] },
  { mix: [{ vector: vector(5), weight: 2 }, { id: 'sku-30', weight: -1 }] }];
const options = [{}, { limit: 5, offset: 10 }, { limit: 6, diversity: 0.4 }, { filter: 'price < 30 and colour in (red, blue)', facets: ['colour', 'tags', 'sale', 'price'] },
  { filter: 'tags has wool or not sale' }, { filter: 'colour = null' },
  { filter: {} }, { filter: { not: {} } }, { filter: { or: [{ price: { lt: 30 } }, { and: [{}] }] } }, { minConfidence: 0.3 }, { exact: true, minScore: 0.5 }];

test('a folder answers as the file does, to the bit', async () => {
  const { file, folder } = await published(products(900));
  const [one, other] = [await openCatalog(file), await openCatalog(folder)];
  assert.deepEqual([other.info.products, other.info.pictures, other.info.dim, other.info.exact, other.fields],
    [one.info.products, one.info.pictures, one.info.dim, one.info.exact, Object.fromEntries(Object.entries(one.fields).filter(([field]) => !['id', 'title', 'url', 'image'].includes(field)))]);
  for (const query of queries) for (const how of options) same(await other.search(query, how), await one.search(query, how));
  assert.deepEqual(await other.items(['sku-3', 'none']), one.get(['sku-3', 'none']));
  assert.deepEqual(await other.items('sku-7'), await one.items('sku-7'));
  assert.throws(() => other.get('sku-3'), { code: 'bad-argument', message: /await catalog\.items/ });
  await assert.rejects(other.search({ like: ['none'] }), { code: 'unknown-id' });
  await assert.rejects(other.search(queries[0], { filter: 'colour < 3' }), { code: 'bad-filter' });
  await assert.rejects(other.search(queries[0], { facets: ['size'] }), { code: 'bad-argument' });
  await assert.rejects(other.search({ image: 'x.jpg' }), { code: 'no-model' });
  await assert.rejects(openCatalog(file, { locale: 'de' }), { code: 'bad-argument' });
  await other.close();
  await assert.rejects(other.search(queries[0]), { code: 'closed' });
  await one.close();
});

test('of a large one a query reads a few shards; what is found before comes first', async () => {
  const { file, folder } = await published(products(16000));
  const asked = [], late = []; // ms after which the shop says what it knows of hits
  const one = await openCatalog(file), other = await openCatalog(folder, { resolve: (name, url) => (asked.push(name), url),
    fields: () => new Promise((resolve) => { setTimeout(resolve, late.shift() ?? 0, []); }) });
  const shards = () => asked.filter((name) => name.startsWith('shard')).length;
  const all = readdirSync(folder).filter((name) => name.startsWith('shard')).length;
  assert.equal(shards(), 0);
  const order = [];
  const found = await other.search({ vector: vector(3) }, { limit: 10, onUpdate: (told) => order.push(told) });
  assert.ok(shards() > 0 && shards() < all, `${shards()} of ${all}`);
  const right = await one.search({ vector: vector(3) }, { limit: 10, exact: true });
  assert.deepEqual(found.hits.map((hit) => hit.score), right.hits.map((hit) => hit.score));
  assert.equal(found.coverage, 1);
  assert.deepEqual([order.length, order[0].coverage, order[0].hits.length, order[0].total], [1, 0, 10, 16000]);
  const nearest = new Set((await one.search({ vector: vector(3) }, { limit: 1600, exact: true })).hits.map(({ id }) => id));
  assert.ok(order[0].hits.every(({ id }) => nearest.has(id)), 'the estimates are of the nearest tenth');
  assert.ok(order[0].hits.every(({ item, score }) => item.title && Math.abs(score) < 1.5));
  const read = shards();
  await other.search({ vector: vector(3) }, { limit: 10, onUpdate: () => assert.fail('all is there') });
  assert.equal(shards(), read);
  assert.equal(asked.filter((name) => name.startsWith('ids')).length, 0, 'ids were not needed');
  order.length = 0;
  late.push(2000);
  const whole = await other.search({ vector: vector(8) }, { limit: 10, exact: true, onUpdate: (told) => order.push(told) });
  same(whole, await one.search({ vector: vector(8) }, { limit: 10, exact: true }));
  assert.deepEqual(order.map(({ coverage, hits }) => [coverage, hits.length]), [[0, 10], [32 / all, 10]], 'what the first shards hold comes before the rest');
  assert.ok(order[1].hits.every(({ id, score }) => whole.hits.some((hit) => hit.id === id) ? whole.hits.find((hit) => hit.id === id).score === score : score <= whole.hits[9].score));
  // One product in a thousand.
  const few = { filter: 'price = 17 and colour = green and sale and tags has old', limit: 100 };
  same(await other.search({ vector: vector(9) }, { ...few, exact: true }), await one.search({ vector: vector(9) }, few));
  same(await other.search({ vector: vector(9) }, few), await one.search({ vector: vector(9) }, few));
  const { hits, total } = await other.search({ vector: vector(9) }, few);
  assert.deepEqual([total, hits.every(({ item }) => item.price === 17 && item.colour === 'green' && item.sale)], [(await one.search({ vector: vector(9) }, few)).total, true]);
  await one.close();
  await other.close();
});

test('what a filter leaves lies in many shards, and is found all the same', async () => {
  const file = join(root, 'filtered.kin'), folder = join(root, 'filtered');
  const { draw } = await writeClusters(file, { products: 5000, dim: 256, strange: false });
  await publish(file, folder);
  const [one, other] = [await openCatalog(file), await openCatalog(folder)];
  for (let i = 0; i < 3; i++) { // one product in 50
    const query = { vector: Float32Array.from(draw()) }, how = { filter: 'price < 10 and tags has "kind 3"', limit: 200 }; // all of them
    same(await other.search(query, how), await one.search(query, how));
  }
  await one.close();
  await other.close();
});

// sku-2 new price, sku-5 other picture, sku-8 gone, three new ones, one of them with two pictures.
function changed(list) {
  const next = list.filter(({ id }) => id !== 'sku-8').map((one) => (one.id === 'sku-2' ? { ...one, item: { ...one.item, price: 12.5 } }
    : one.id === 'sku-5' ? { ...one, rows: [rowOf(4711)] } : one));
  return [...next, ...products(3, 6999)];
}

test('a new generation is taken over in one step: the answers of the new file, and of setFields on top', async () => {
  const list = products(900), { folder } = await published(list);
  const open = await openCatalog(folder);
  assert.deepEqual(await open.refresh(), { changed: false, generation: 1 });
  await open.setFields([{ id: 'sku-4', price: 999, colour: null }]);
  const filter = { filter: 'price > 900 or price = 12.5', limit: 50 };
  assert.deepEqual((await open.search({ vector: vector(4) }, filter)).hits.map(({ id, item }) => [id, item.price, item.colour]), [['sku-4', 999, null]]);
  let now = list;
  for (const generation of [2, 3]) {
    now = generation === 2 ? changed(list) : changed(now).concat(products(2, 8000)).filter(({ id }, i, all) => all.findIndex((one) => one.id === id) === i);
    const next = await writeCatalogue(join(root, `next-${generation}.safetensors`), now);
    await publish(next, folder);
    const before = await open.search({ vector: vector(4711) }, { limit: 3 });
    assert.equal(before.generation, generation - 1, 'an open page goes on with what it has');
    assert.deepEqual(await open.refresh(), { changed: true, generation });
    const fresh = await openCatalog(next);
    fresh.setFields([{ id: 'sku-4', price: 999, colour: null }]);
    const bare = ({ hits, total, facets }) => ({ total, facets, hits: hits.map(({ id, score, item, image }) => [id, score, item, image.index])
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)) });
    for (const query of [{ vector: vector(4711) }, { like: ['sku-7000'] }, { like: ['sku-2'] }, ...queries])
      for (const how of [{}, filter, { filter: 'colour = red', facets: ['colour', 'tags'] }])
        assert.deepEqual(bare(await open.search(query, how)), bare(await fresh.search(query, how)));
    await assert.rejects(open.search({ like: ['sku-8'] }), { code: 'unknown-id' });
    assert.deepEqual([open.info.products, open.info.generation, open.info.deltas], [fresh.info.products, generation, generation - 1]);
    assert.equal((await open.items('sku-2')).price, 12.5);
    await fresh.close();
  }
  await open.close();
});

test('back to an earlier generation, and a deploy of which half has arrived', async () => {
  const list = products(300), { folder } = await published(list);
  const next = await writeCatalogue(join(root, 'half.safetensors'), changed(list));
  const current = join(folder, 'current.json'), first = readFileSync(current);
  const open = await openCatalog(folder);
  await publish(next, folder);
  const second = JSON.parse(readFileSync(current)), delta = join(folder, `delta-${second.deltas[0]}.safetensors`);
  renameSync(delta, `${delta}.later`);
  await assert.rejects(open.refresh(), { code: 'http', message: /delta-.*there is no such file/ });
  assert.equal((await open.search({ like: ['sku-8'] })).generation, 1);
  renameSync(`${delta}.later`, delta);
  assert.deepEqual(await open.refresh(), { changed: true, generation: 2 });
  await assert.rejects(open.search({ like: ['sku-8'] }), { code: 'unknown-id' });
  writeFileSync(current, first);
  assert.deepEqual(await open.refresh(), { changed: true, generation: 1 });
  assert.equal((await open.search({ like: ['sku-8'] })).hits.length, 24);
  // A base that is not there yet; then one that is.
  writeFileSync(current, JSON.stringify({ ...second, base: 'x'.repeat(22), deltas: [] }));
  await assert.rejects(open.refresh(), { code: 'http' });
  assert.equal((await open.search({ like: ['sku-8'] })).generation, 1);
  await open.close();
});

test('files of an old generation that are gone: the search goes on with the newest', async () => {
  const list = products(900), { folder } = await published(list);
  const open = await openCatalog(folder), old = readdirSync(folder);
  const next = await writeCatalogue(join(root, 'other.safetensors'), products(800, 300));
  await publish(next, folder);
  const { base, deltas } = JSON.parse(readFileSync(join(folder, 'current.json')));
  assert.deepEqual(deltas, [], 'so much has changed that there is a new base');
  const needed = readFileSync(join(folder, `base-${base}.json`), 'utf8');
  for (const name of old) if (/^(?:shard|items)-/.test(name) && !needed.includes(name.slice(-34, -12))) rmSync(join(folder, name));
  const file = await openCatalog(next), found = await open.search({ vector: vector(3) });
  assert.equal(found.generation, 2);
  same(found, await file.search({ vector: vector(3) }));
  await file.close();
  for (const name of readdirSync(folder)) if (name.startsWith('items-')) rmSync(join(folder, name)); // and nothing newer is there
  await assert.rejects(open.search({ vector: vector(9) }, { offset: 300 }), { code: 'http' });
  await open.close();
});

test('a folder without its slash, for which hosts send a page, is told of it', async () => {
  const fetch = async () => new Response('<!doctype html><title>Index of /catalog/</title>');
  await assert.rejects(openCatalog('https://shop.example/catalog', { fetch }),
    { code: 'not-a-catalog', message: "The catalogue: the server sent a web page in its place; check the address, which of a published folder ends with '/'." });
});

test('another market: its items and prices, without what it does not sell', async () => {
  const list = products(60);
  const market = join(root, 'de.jsonl');
  writeFileSync(market, list.slice(0, 40).map(({ id }, i) => JSON.stringify({ id, title: `Ding ${i}`, image: 'a.jpg', price: 100 + i })).join('\n'));
  const { folder } = await published(list, { market: [`de=${market}`], fields: ['price'] });
  const [open, first] = [await openCatalog(folder, { locale: 'de' }), await openCatalog(folder)];
  const { hits, total } = await open.search({ vector: vector(3) }, { limit: 60 });
  assert.deepEqual([total, hits.length, open.info.products], [40, 40, 40]);
  assert.ok(hits.every(({ id, item }) => item.title === `Ding ${id.slice(4)}` && item.price === 100 + Number(id.slice(4))));
  assert.equal((await open.search({ vector: vector(3) }, { filter: 'price > 130' })).total, 9);
  assert.equal((await first.search({ vector: vector(3) }, { filter: 'price > 130' })).total, 0);
  assert.equal(await open.items('sku-50'), undefined);
  await assert.rejects(openCatalog(folder, { locale: 'fr' }), { code: 'bad-argument', message: /no market 'fr': it has de/ });
  await open.close();
  await first.close();
});

test('fields() says what the shop knows of the hits now', async () => {
  const { folder } = await published(products(60));
  const asked = [];
  const open = await openCatalog(folder, { fields: async (ids) => (asked.push(ids), ids.slice(1).map((id) => ({ id, price: 1, stock: 3 }))) });
  const { hits } = await open.search({ vector: vector(3) }, { limit: 4 });
  assert.deepEqual(asked, [hits.map(({ id }) => id)]);
  assert.deepEqual(hits.map(({ item }) => [item.price === 1, item.stock]), [[false, undefined], [true, 3], [true, 3], [true, 3]]);
  await open.close();
  const wrong = await openCatalog(folder, { fields: async () => 'none' });
  await assert.rejects(wrong.search({ vector: vector(3) }), { code: 'bad-argument', message: /What fields\(\) gave/ });
  await wrong.close();
  const begun = new AbortController();
  const silent = await openCatalog(folder, { fields: (ids, { signal }) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    begun.abort();
  }) });
  await assert.rejects(silent.search({ vector: vector(3) }, { signal: begun.signal }), { name: 'AbortError' });
  assert.equal((await silent.items('sku-50')).id, 'sku-50');
  await silent.close();
});

test('a bit that is not what was published, in any file, is noticed', async () => {
  const { folder } = await published(products(200));
  await publish(await writeCatalogue(join(root, 'bit.safetensors'), changed(products(200))), folder);
  const roles = new Set();
  for (const name of readdirSync(folder).filter((one) => /-[\w-]{22}\./.test(one))) {
    const role = name.split('-')[0];
    if (roles.has(role)) continue;
    roles.add(role);
    const path = join(folder, name), bytes = readFileSync(path), bad = Buffer.from(bytes);
    bad[bad.length >> 1] ^= 4;
    writeFileSync(path, bad);
    await assert.rejects(async () => {
      const open = await openCatalog(folder);
      try {
        await open.search({ like: ['sku-3'] }, { filter: 'price > 0 and colour != x and sale != null and tags has old', limit: 200 });
      } finally {
        await open.close();
      }
    }, { code: 'not-a-catalog', message: /other bytes than were published/ }, role);
    writeFileSync(path, bytes);
  }
  assert.deepEqual([...roles].sort(), ['base', 'codes', 'column', 'delta', 'ids', 'items', 'shard']);
});

test('folders that are not as they say are refused, in a sentence', async () => {
  const { folder } = await published(products(40));
  const path = join(folder, 'current.json'), current = JSON.parse(readFileSync(path));
  const base = JSON.parse(readFileSync(join(folder, `base-${current.base}.json`)));
  const put = (change) => {
    const text = JSON.stringify({ ...base, ...change });
    writeFileSync(join(folder, `base-${hash(text)}.json`), text);
    writeFileSync(path, JSON.stringify({ ...current, base: hash(text) }));
  };
  const cases = [[{ kind: 'model' }, 'not-a-catalog'], [{ format: 3 }, 'unsupported'], [{ products: 41 }], [{ rows: 2 ** 31 }], [{ rows: 39 }], [{ dim: dim + 1 }],
    [{ mean: 'AAAA' }], [{ mean: '!' }], [{ spread: 7 }], [{ near: null }], [{ near: { rows: 0, shards: 1 } }], [{ null_best: [1] }], [{ markets: {} }, 'bad-argument'], [{ markets: null }, 'bad-argument'],
    [{ codes: { rows_per_file: 1, files: base.codes.files } }], [{ codes: { rows_per_file: 100, files: ['../../etc/passwd'] } }], [{ ids: {} }], [{ shards: { rows_per_file: 1e9, files: base.codes.files } }, null],
    [{ shards: { rows_per_file: base.shards.rows_per_file, files: base.codes.files } }, null], [{ metadata: { a: 1 } }]];
  for (const [change, code = 'not-a-catalog'] of cases) {
    put(change);
    const open = await openCatalog(folder).then(async (catalog) => {
      await catalog.search({ vector: vector(1) }).finally(() => catalog.close());
    }).then(() => null, (error) => error);
    if (code) assert.equal(open?.code, code, `${JSON.stringify(change)}: ${open}`);
    else assert.ok(open?.code, JSON.stringify(change));
  }
  for (const text of ['', '<html>', '[]', '{}', '{"kind":"catalog-current","format":2}', JSON.stringify({ ...current, deltas: ['../x'] })]) {
    writeFileSync(path, text);
    await assert.rejects(openCatalog(folder), { code: 'not-a-catalog' }, text);
  }
});

/* ---- files that are what their names say, but not what the folder needs ---- */

// A folder with a delta, another one whose files lie in it too, and what changes what the first one says.
async function hostile(t) {
  const list = products(900), { folder } = await published(list), other = await published(products(900, 20000));
  await publish(await writeCatalogue(join(root, `changed-${count}.safetensors`), changed(list)), folder);
  const path = (name) => join(folder, name), json = (name, at = folder) => JSON.parse(readFileSync(join(at, name)));
  const current = json('current.json'), base = json(`base-${current.base}.json`), strange = json(`base-${json('current.json', other.folder).base}.json`, other.folder);
  for (const name of readdirSync(other.folder)) if (/-[\w-]{22}\./.test(name)) writeFileSync(path(name), readFileSync(join(other.folder, name)));
  t.after(() => writeFileSync(path('current.json'), JSON.stringify(current)));
  const put = ({ name, hash: of, bytes }) => (writeFileSync(path(name), bytes), of);
  const say = (next) => writeFileSync(path('current.json'), JSON.stringify({ ...current, ...next }));
  return { folder, path, current, base, strange, say,
    put: (kind, tensors) => put(makePart(kind, tensors)),
    read: (kind, of, tensors) => readPart(folder, kind, of, tensors),
    sayBase: (change) => say({ base: put(makeBase({ ...base, ...change })) }),
    sayMarket: (change) => say({ base: put(makeBase({ ...base, markets: { '': { ...base.markets[''], ...change } } })) }) };
}

// What is asked of a folder in every way, and what it says: 'fine', or how the first that is refused is.
async function answersOf(folder) {
  let open;
  try {
    open = await openCatalog(folder);
    for (const query of [{ vector: vector(9) }, { like: ['sku-14'] }])
      for (const how of [{}, { exact: true, limit: 900 }, { filter: 'price < 30 and colour in (red, blue) or tags has wool and sale', facets: ['colour', 'tags', 'price', 'sale'] }])
        await open.search(query, how);
    await open.items(['sku-3', 'sku-7']);
    return 'fine';
  } catch (error) {
    return `${error.code}: ${error.message}`;
  } finally {
    await open?.close();
  }
}

test('files in the place of others, whose names are right', async (t) => {
  const { folder, base, strange, current, say, sayBase, sayMarket, put, read } = await hostile(t);
  assert.equal(await answersOf(folder), 'fine');
  const turned = ([first, second, ...rest]) => [second, first, ...rest], own = base.markets[''], their = strange.markets[''];
  const U8 = ['U8', null], U32 = ['U32', null], U16 = ['U16', null];
  const ids = await read('ids', base.ids.files[0], { id_offsets: U32, ids: U8, row_count: U16 });
  const words = await read('column', own.columns.colour.file, { value: U32, word_offsets: U32, words: U8 });
  const n = 4000, apart = Uint32Array.from({ length: n + 1 }, (_, i) => (i % 2 || i === n ? n : 0)); // n words, half of them all the bytes
  const column = (field, tensors) => () => sayMarket({ columns: { ...own.columns, [field]: { ...own.columns[field], file: put('column', tensors) } } });
  const item = (text) => {
    const each = own.products_per_file, bytes = Buffer.from(text);
    const file = put('items', { item_offsets: Uint32Array.from({ length: each + 1 }, (_, i) => i * bytes.length), items: Buffer.concat(Array(each).fill(bytes)) });
    return () => sayMarket({ files: own.files.map((one, i) => (i === own.files.length - 1 ? one : file)) });
  };
  const cases = [
    ['shards', () => sayBase({ shards: { ...base.shards, files: turned(base.shards.files) } }), /shard of other pictures than its codes/],
    ['shards of another', () => sayBase({ shards: { ...base.shards, files: [strange.shards.files[0], ...base.shards.files.slice(1)] } }), /shard of other pictures than its codes/],
    ['codes of another', () => sayBase({ codes: strange.codes }), /codes|pictures/],
    ['items', () => sayMarket({ files: turned(own.files) }), /the item of 'sku-.*' is that of 'sku-/],
    ['items of another', () => sayMarket({ files: their.files }), /the item of 'sku-.*' is that of 'sku-/],
    ['ids of another', () => sayBase({ ids: strange.ids }), /ids are of other products/],
    ['counts', () => sayBase({ ids: { ...base.ids, files: [put('ids', { ...ids, row_count: ids.row_count.toReversed() })] } }), /ids are of other products/],
    ['pictures that the base does not tell of', () => sayBase({ ids: { ...base.ids, files: [put('ids', { ...ids, row_picture: new Uint16Array(base.rows) })] } }), /a file of ids/],
    ['sold twice', () => sayMarket({ sold: put('column', { value: new Uint8Array(900).fill(2) }) }), /what is sold/],
    ['words that overlap', column('colour', { ...words, word_offsets: apart, words: new Uint8Array(n) }), /the column colour/],
    ['words that begin later', column('colour', { ...words, word_offsets: words.word_offsets.map((at, i) => (i ? at : 1)) }), /the column colour/],
    ['an id that is no text', item('{"id":{"toString":1}}'), /no plain object with an id/],
    ['no id', item('{}'), /no plain object with an id/],
    ['a deep item', item(`{"id":"sku-3","deep":${'['.repeat(50000)}${']'.repeat(50000)}}`), /no plain object with an id/],
    ['another catalogue', () => say({ base: 'x'.repeat(22) }), /^http: base-x+\.json: there is no such file/],
  ];
  for (const [name, change, says] of cases) {
    change();
    const said = await answersOf(folder);
    assert.match(said, says, name);
    assert.match(said, /^(?:not-a-catalog|http): /, name);
  }
  // The sizes are those that files of at most 20 MiB can hold, and a catalogue of 2 GiB: nothing is made room for.
  const all = 2 ** 31 - 1, one = ([file]) => [file], list = (per, { files }) => ({ [per]: all, files: one(files) });
  for (const size of [{ products: all, rows: all, codes: list('rows_per_file', base.codes), ids: list('products_per_file', base.ids), shards: list('rows_per_file', base.shards),
    markets: { '': { ...own, ...list('products_per_file', own) } } }, { shards: { ...base.shards, rows_per_file: 2 ** 20, files: one(base.shards.files) } }]) {
    sayBase(size);
    assert.match(await answersOf(folder), /^not-a-catalog: .*(?:its sizes|does not fit)/);
  }
  say(current);
  assert.equal(await answersOf(folder), 'fine');
});

test('deltas that are of another base, or of other items', async (t) => {
  const { folder, current, say, put, read } = await hostile(t);
  const open = await openCatalog(folder), U8 = ['U8', null], U32 = ['U32', null];
  const wanted = plain(await open.search({ like: ['sku-2'] }));
  const tensors = { id_offsets: U32, ids: U8, product: U32, row_count: ['U16', null], row_picture: ['U16', null], gone_offsets: U32, gone: U8, gone_product: U32,
    scale: ['F32', null], null: ['F32', null], vectors: ['I8', null], item_offsets: U32, items: U8 };
  const delta = await read('delta', current.deltas[0], tensors), n = delta.product.length;
  const none = 2 ** 32 - 1, of = (text) => ({ id_offsets: Uint32Array.from({ length: n + 1 }, (_, i) => i * text.length), ids: Buffer.from(text.repeat(n)) });
  const cases = [[{ product: delta.product.map((place) => (place === none ? place : place + 1)) }, /numbers 'sku-.*' otherwise/],
    [{ product: delta.product.map((place) => (place === none ? 899 : place)) }, /numbers 'sku-.*' otherwise/], [{ gone_product: Uint32Array.of(none) }, /numbers 'sku-8' otherwise/],
    [{ product: delta.product.map(() => 900) }, /product that is not there/], [of('sku-2'), /the item of 'sku-2' is that of/], [of(''), /the item of '' is that of/]];
  for (const [change, says] of cases) {
    const bad = put('delta', { ...delta, ...change });
    say({ deltas: [bad] });
    assert.match(await answersOf(folder), says);
    say({ generation: 3, deltas: [...current.deltas, bad] });
    await assert.rejects(open.refresh(), { code: 'not-a-catalog' });
    assert.deepEqual(plain(await open.search({ like: ['sku-2'] })), wanted, 'what was open stays');
  }
  await open.close();
});

test('as many hits as there are, however many are asked for and however little is read', async (t) => {
  const { folder, sayBase } = await hostile(t);
  sayBase({ near: { rows: 1, shards: 1 } });
  const open = await openCatalog(folder);
  for (const limit of [1000, 2 ** 30, 2 ** 32 + 8, Number.MAX_SAFE_INTEGER]) {
    const { hits, total } = await open.search({ vector: vector(3) }, { limit });
    assert.deepEqual([hits.length, total], [902, 902], `${limit}`);
  }
  await open.close();
});

test('fields that are set at once are all known, of one type each, also of the generation that is taken over meanwhile', async () => {
  const list = products(60), { folder } = await published(list);
  const open = await openCatalog(folder);
  const next = list.map((one) => (one.id === 'sku-9' ? { ...one, item: { ...one.item, origin: 'here' } } : one));
  await publish(await writeCatalogue(join(root, 'origin.safetensors'), next), folder);
  const [, taken, , wrong, after] = await Promise.allSettled([open.setFields([{ id: 'sku-1', stock: 1 }]), open.refresh(),
    open.setFields([{ id: 'sku-2', shelf: 'A' }]), open.setFields([{ id: 'sku-3', stock: 'two' }]), open.setFields([{ id: 'sku-4', stock: 2 }])]);
  assert.deepEqual([taken.value, wrong.reason?.code, after.status], [{ changed: true, generation: 2 }, 'bad-argument', 'fulfilled']);
  const { stock, shelf, origin } = open.fields;
  assert.deepEqual({ stock, shelf, origin }, { stock: 'number', shelf: 'string', origin: 'string' });
  for (const [filter, id] of [['stock = 1', 'sku-1'], ['shelf = A', 'sku-2'], ['stock > 1', 'sku-4'], ['origin = here', 'sku-9']])
    assert.deepEqual((await open.search({ vector: vector(3) }, { filter })).hits.map((hit) => hit.id), [id], filter);
});

test('numbers in lists, and values of several types, are counted and asked for in a folder as in a file', async () => {
  const list = products(60).map((one, i) => ({ ...one, item: { ...one.item, sizes: [[38, 'XL'], ['38', 38], [39.5], 38, []][i % 5], code: i % 2 ? 7 : '7' } }));
  const { folder } = await published(list);
  list[1] = { ...list[1], item: { ...list[1].item, sizes: [39.5, 38] } }; // in a delta from here on
  const file = await writeCatalogue(join(root, 'sizes.safetensors'), list);
  await publish(file, folder);
  const [one, other] = [await openCatalog(file), await openCatalog(folder)];
  const ask = (open, how) => open.search({ vector: vector(3) }, how);
  const { facets } = await ask(one, { facets: ['sizes', 'code'] });
  assert.deepEqual(facets, { sizes: [{ value: '38', count: 36 }, { value: '39.5', count: 13 }, { value: 'XL', count: 12 }], code: [{ value: '7', count: 60 }] });
  assert.deepEqual((await ask(other, { facets: ['sizes', 'code'] })).facets, facets);
  for (const [field, values] of Object.entries(facets))
    for (const { value, count } of values)
      for (const open of [one, other]) assert.equal((await ask(open, { filter: { [field]: field === 'sizes' ? { has: value } : value } })).total, count, `${field} ${value}`);
  for (const filter of ['sizes has 38', 'not sizes has 39.5', 'code = 7']) same(await ask(other, { filter }), await ask(one, { filter }));
});

test('fields named as what every object inherits, which some products lack', async () => {
  const names = ['constructor', '__proto__', 'toString'], list = products(60);
  const field = (item, value) => Object.fromEntries([...Object.entries(item), ...names.map((name) => [name, value])]);
  const { folder } = await published(list.map((one, i) => (i % 2 ? one : { ...one, item: field(one.item, 'even') })));
  const next = list.map((one, i) => (i % 2 ? one : { ...one, item: field(one.item, 'even') }));
  next[1] = { ...next[1], item: { ...next[1].item, price: 1 } };
  await publish(await writeCatalogue(join(root, 'inherits.safetensors'), next), folder);
  const open = await openCatalog(folder);
  await open.setFields([{ id: 'sku-3', price: 2 }]);
  const { facets } = await open.search({ vector: vector(3) }, { facets: names });
  for (const name of names) {
    assert.deepEqual(facets[name], [{ value: 'even', count: 30 }], name);
    assert.equal((await open.search({ vector: vector(3) }, { filter: { [name]: null } })).total, 30, name);
  }
  await open.close();
});

test('a call that failed or was given up leaves nothing to the next one', async (t) => {
  const { folder, path } = await hostile(t);
  const once = new Map(); // name -> what is answered in place of the file, one time
  const never = () => new Response(new ReadableStream()), gone = () => new Response(null, { status: 500 });
  const fetch = async (url) => {
    const name = url.slice(url.lastIndexOf('/') + 1), answer = once.get(name);
    return once.delete(name) ? answer() : new Response(readFileSync(path(name)));
  };
  const asked = [], open = await openCatalog('https://shop.example/folder/', { fetch, worker: false, resolve: (name, url) => (asked.push(name), url) });
  const find = (seed, how) => open.search({ vector: vector(seed) }, how).then(({ hits }) => hits[0].id, (error) => (error.name === 'AbortError' ? error.name : error.code));
  const items = async (seed) => {
    asked.length = 0;
    const fresh = await openCatalog(folder, { resolve: (name, url) => (asked.push(name), url) });
    await fresh.search({ vector: vector(seed) });
    await fresh.close();
    return asked.filter((name) => name.startsWith('items'));
  };
  const [first, second] = await items(3);
  once.set(first, never).set(second, gone);
  assert.deepEqual(await Promise.all([find(3), find(3)]), ['http', 'sku-3']);
  const stop = new AbortController();
  for (const name of readdirSync(folder)) if (name.startsWith('items')) once.set(name, () => (stop.abort(), never()));
  assert.equal(await find(4, { limit: 900, signal: stop.signal }), 'AbortError');
  once.clear();
  assert.equal(await find(4, { limit: 900 }), 'sku-4');
  await open.close();
});

test('nobody waits for a shop that does not answer, nor for what a refresh has yet to fetch', async () => {
  const list = products(60), { folder } = await published(list), never = new Promise(() => {});
  let silent = /^$/, slow = silent, begun = () => {};
  const fetch = async (url) => {
    begun();
    if (slow.test(url)) await new Promise((resolve) => { setTimeout(resolve, 50); });
    return silent.test(url) ? never : new Response(readFileSync(join(folder, url.slice(url.lastIndexOf('/') + 1))));
  };
  const told = [], how = { limit: 3, onUpdate: ({ coverage }) => told.push(coverage) }, query = { vector: vector(3) };
  const heard = [];
  let then;
  const mute = await openCatalog('https://shop.example/shop/', { fetch, fields: (ids, { signal }) => new Promise((_, reject) => {
    heard.push(signal);
    signal.addEventListener('abort', () => reject(signal.reason));
    setTimeout(then);
  }) });
  for (const seed of [3, 7]) {
    const stop = new AbortController();
    then = () => stop.abort('enough');
    await assert.rejects(mute.search({ vector: vector(seed) }, { ...how, signal: stop.signal }), { name: 'AbortError' });
  }
  then = () => mute.close();
  await assert.rejects(mute.search(query, how), { code: 'closed' });
  assert.ok(heard.every((signal) => signal.aborted));
  assert.deepEqual(told, [], 'nothing is told of a search that was given up');

  const open = await openCatalog('https://shop.example/shop/', { fetch }), answer = plain(await open.search(query)), { timings } = await open.search(query);
  assert.deepEqual(Object.keys(timings), ['embed', 'filter', 'search', 'total']);
  await publish(await writeCatalogue(join(root, 'late.safetensors'), list.slice(1)), folder);
  silent = /base|delta/;
  const coming = new Promise((resolve) => { begun = resolve; }), gone = new AbortController();
  const first = open.refresh(), second = open.refresh({ signal: gone.signal });
  await coming;
  assert.deepEqual(plain(await open.search(query)), answer, 'it goes on with what it has');
  assert.equal((await open.items('sku-0')).id, 'sku-0');
  gone.abort();
  await assert.rejects(second, { name: 'AbortError' });
  await assert.rejects(open.refresh({ signal: gone.signal }), { name: 'AbortError' });
  silent = /^$/;
  assert.equal((await open.search(query)).hits[0].id, 'sku-3'); // the refresh begins anew
  assert.deepEqual([await first, open.info.products], [{ changed: true, generation: 2 }, 59]);
  slow = /current/;
  let there = false, searches = 0;
  const put = open.refresh().then(() => { there = true; });
  for (; !there && searches < 300; searches++) await open.search(query);
  assert.ok(there, 'searches that never cease do not put it off for ever');
  await put;
  silent = /current/;
  const last = assert.rejects(open.refresh(), { code: 'closed' }), rows = assert.rejects(open.setFields([{ id: 'sku-1', price: 2 }]), { code: 'closed' });
  await open.close();
  await Promise.all([last, rows]);
});

test('what setFields gave stays when the worker is ended and another one takes its place, and when all of the catalogue is new', async () => {
  const single = (list) => list.map((one) => ({ ...one, rows: [one.rows[0]], item: { ...one.item, image: 'a.jpg' } })); // ids are not read at first
  const { folder } = await published(single(products(60))), worker = join(root, 'ended.mjs');
  writeFileSync(worker, `import { parentPort } from 'node:worker_threads';
    import ${JSON.stringify(new URL('../../web/worker/worker.node.js', import.meta.url).href)};
    parentPort.on('message', ({ call, args }) => { if (call === 'items' && args[0][0] === 'the end') process.exit(); });`);
  const open = await openCatalog(folder, { worker });
  await open.setFields([{ id: 'sku-3', price: 1 }, { id: 'sku-3', stock: 2 }]);
  await open.setFields([{ id: 'sku-3', stock: 3 }, { id: 'sku-4', stock: 4 }]);
  const found = async () => (await open.search({ vector: vector(3) }, { filter: 'stock > 0' })).hits.map(({ id, item: { price, stock } }) => [id, price, stock]).sort();
  const wanted = [['sku-3', 1, 3], ['sku-4', 14, 4]];
  assert.deepEqual(await found(), wanted);
  await assert.rejects(open.items(['the end']), { code: 'crashed' });
  assert.deepEqual(await found(), wanted);
  await publish(await writeCatalogue(join(root, 'all-new.safetensors'), single(products(60, 3))), folder);
  assert.deepEqual(await open.refresh(), { changed: true, generation: 2 });
  assert.deepEqual(await found(), wanted);
  assert.deepEqual((await open.search({ vector: vector(3) }, { facets: 'stock' })).facets, { stock: [{ value: 3, count: 1 }, { value: 4, count: 1 }] });
  await open.close();
});
