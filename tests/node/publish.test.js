// kin publish: what a folder holds after each step, how little a change costs, what a killed or failing run leaves, and
// what is never touched.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { codeBytes, codesOf, trainCodes } from '../../catalog/lib/codes.js';
import { itemOf, readCatalogueFile } from '../../catalog/lib/contents.js';
import { nextGeneration } from '../../catalog/lib/generation.js';
import { crc32 } from '../../catalog/lib/crc32.js';
import { hashOf, makeBase, makePart, partName, readPart } from '../../catalog/lib/parts.js';
import { readHeader } from '../../catalog/lib/tensors.js';
import { currentItems, readCurrent, readPublished } from '../../catalog/lib/published.js';
import { openCatalog } from '../../web/index.node.js';
import { openEngine } from '../../web/worker/engine.js';
import { module } from '../../web/worker/platform.node.js';
import { mended, seeded } from './checksums.js';
import { cli, folder, kin } from './cli-support.js';
import { dim, goldenProducts, products, publish, rowOf, writeCatalogue } from './publish-support.js';

const io = { note: () => {}, progress: () => () => {}, signal: new AbortController().signal };
const open = async (path) => readPublished(path, await readCurrent(path), io);
const namesOf = (path) => readdirSync(path).sort();
const current = (path) => JSON.parse(readFileSync(join(path, 'current.json')));

// What a folder says of its products, in the form of the lists that catalogues are made of, sorted by id.
async function contentOf(path, locale = '') {
  const published = await open(path);
  const rows = (id) => {
    const [one, i] = published.products.get(id).rows;
    return Array.from({ length: one.rowStart[i + 1] - one.rowStart[i] }, (_, p) => one.vectors.slice((one.rowStart[i] + p) * dim, (one.rowStart[i] + p + 1) * dim));
  };
  return [...currentItems(published, locale, path)].map(([id, { id: own, ...item }]) => ({ id, rows: rows(id), item })).sort((a, b) => (a.id < b.id ? -1 : 1));
}
const sorted = (list) => list.map(({ id, rows, item }) => ({ id, rows, item })).sort((a, b) => (a.id < b.id ? -1 : 1));

// A list of products, its catalogue, and a folder that was published from it.
async function published(t, n = 400) {
  const root = folder(t), list = products(n), path = join(root, 'web');
  const first = await publish(await writeCatalogue(join(root, 'first.kin'), list), path);
  return { root, list, path, first };
}

test('the first publish is a base that holds the catalogue, near rows together', async (t) => {
  const { path, list, first } = await published(t, 1200);
  assert.equal(first.code, 0);
  assert.deepEqual([first.result.generation, first.result.whole, first.result.products], [1, true, 1200]);
  assert.deepEqual(await contentOf(path), sorted(list));
  const { base, contents } = await open(path);
  // A shard holds rows of few of the eleven kinds: by the catalogue's order it would hold all of them.
  const kinds = Array.from({ length: base.shards.files.length }, () => new Set());
  contents.ids.forEach((id, i) => {
    for (let row = contents.rowStart[i]; row < contents.rowStart[i + 1]; row++)
      kinds[Math.floor(row / base.shards.rows_per_file)].add((Number(id.slice(4)) + (row - contents.rowStart[i]) * 5000) % 11);
  });
  assert.ok(kinds.reduce((sum, set) => sum + set.size, 0) / kinds.length < 7, String(kinds.map((set) => set.size)));
  assert.ok(readFileSync(join(path, 'current.json')).length <= 2048);
  for (const name of namesOf(path)) assert.ok(statSync(join(path, name)).size <= 20 * 2 ** 20);
});

test('the same catalogue again: nothing is written; into another folder: the same bytes', async (t) => {
  const { root, path } = await published(t);
  const before = namesOf(path).map((name) => [name, statSync(join(path, name)).mtimeMs]);
  const { result } = await publish(join(root, 'first.kin'), path);
  assert.deepEqual([result.changed, result.generation], [false, 1]);
  assert.deepEqual(namesOf(path).map((name) => [name, statSync(join(path, name)).mtimeMs]), before);
  const other = join(root, 'other');
  await publish(join(root, 'first.kin'), other);
  assert.deepEqual(namesOf(other), namesOf(path));
  for (const name of namesOf(path)) assert.ok(readFileSync(join(path, name)).equals(readFileSync(join(other, name))), name);
});

test('a changed price is a delta of items alone, at most 4 KB; ten new products, a moved picture and two that are gone', async (t) => {
  const { root, path, list } = await published(t);
  const files = namesOf(path);
  list[7].item.price = 1234;
  const price = await publish(await writeCatalogue(join(root, 'price.kin'), list), path);
  assert.deepEqual([price.result.generation, price.result.whole, price.result.changes], [2, false, { rows: 0, items: 1, gone: 0 }]);
  const added = namesOf(path).filter((name) => !files.includes(name));
  assert.deepEqual(added.map((name) => name.split('-')[0]), ['delta']);
  assert.ok(statSync(join(path, added[0])).size <= 4096);
  assert.deepEqual(await contentOf(path), sorted(list));

  const next = [...list.slice(2), ...products(10, 1000)];
  next[3] = { ...next[3], rows: [rowOf(77)] };
  const more = await publish(await writeCatalogue(join(root, 'more.kin'), next), path);
  assert.deepEqual(more.result.changes, { rows: 11, items: 0, gone: 2 });
  assert.ok(more.result.bytes < 10_000, String(more.result.bytes));
  assert.deepEqual(await contentOf(path), sorted(next));
  const { deltas, contents } = await open(path);
  assert.equal(deltas[1].ids.filter((_, i) => deltas[1].product[i] === 2 ** 32 - 1).length, 10);
  assert.deepEqual([...deltas[1].goneProduct].map((i) => contents.ids[i]), ['sku-0', 'sku-1']);

  // What was gone comes back.
  const back = [...next, ...products(2)];
  await publish(await writeCatalogue(join(root, 'back.kin'), back), path);
  assert.deepEqual(await contentOf(path), sorted(back));
  assert.deepEqual((await kin(['verify', path])).out, `${path}: good\n`);
});

test('fifty new products among 2,000 are half a kilobyte each; beyond 5 % a whole base, which is that of a first publish', async (t) => {
  const root = folder(t), path = join(root, 'web'), list = products(2000);
  await publish(await writeCatalogue(join(root, 'a.kin'), list), path);
  list.push(...products(50, 3000));
  const { result } = await publish(await writeCatalogue(join(root, 'b.kin'), list), path);
  assert.deepEqual([result.whole, result.changes], [false, { rows: 50, items: 0, gone: 0 }]);
  assert.ok(result.bytes < 50 * 512, String(result.bytes));
  list.push(...products(60, 4000));
  const whole = await publish(await writeCatalogue(join(root, 'c.kin'), list), path);
  assert.equal(whole.result.whole, true);
  await publish(join(root, 'c.kin'), join(root, 'anew'));
  assert.deepEqual({ ...current(path), generation: 1 }, current(join(root, 'anew')));
  assert.deepEqual(await contentOf(path), sorted(list));
});

test('after 64 deltas a whole base, and where current.json would be too long', async (t) => {
  const { root, path, list } = await published(t);
  list[1].item.price = 5000;
  const next = await writeCatalogue(join(root, 'next.kin'), list);
  const contents = await readCatalogueFile(next, io), before = await open(path);
  // As many deltas as are said, of nothing.
  const generation = (deltas, model = '') => nextGeneration({ ...before, deltas: Array(deltas).fill({ ids: [], gone: [], rowPicture: [] }),
    current: { ...before.current, deltas: Array(deltas).fill('A'.repeat(22)) } }, contents, { model, what: next });
  for (const [given, then] of [[0, 1], [63, 64], [64, 0]]) assert.equal((await generation(given)).next.deltas.length, then);
  assert.equal((await generation(64)).why, 'there are 64 deltas');
  assert.equal((await generation(50, `https://shop.example/${'m'.repeat(600)}/`)).next.deltas.length, 0);
});

test('another model, a field of another type, other metadata', async (t) => {
  const { root, path, list } = await published(t);
  const model = await publish(await writeCatalogue(join(root, 'model.kin'), list, { 'kin.image_id': 'b'.repeat(64) }), path);
  assert.equal(model.result.whole, true);
  list[3].item.price = 'on request';
  const typed = await publish(await writeCatalogue(join(root, 'typed.kin'), list, { 'kin.image_id': 'b'.repeat(64) }), path);
  assert.equal(typed.result.whole, true);
  assert.equal((await open(path)).base.markets[''].columns.price.type, 'string');
  const files = namesOf(path);
  const decoders = await publish(await writeCatalogue(join(root, 'decoders.kin'), list, { 'kin.image_id': 'b'.repeat(64), 'kin.decoders': 'libwebp,own' }), path);
  assert.equal(decoders.result.whole, false);
  const { base } = await open(path);
  assert.equal(base.metadata['kin.decoders'], 'libwebp,own');
  assert.equal(namesOf(path).filter((name) => !files.includes(name)).length, 1, 'a base file alone');
});

test('codes, their mean and spread are the engine\'s, also of more rows than it looks at', async () => {
  const engine = await openEngine(await module('find', {}));
  for (const [rows, wide] of [[1, 7], [300, 130], [65536, 5], [65537, 5], [140000, 4]]) {
    const vectors = Int8Array.from(seeded(rows * wide, 255), (value) => value - 127);
    const { mean, spread } = trainCodes(vectors, wide);
    const out = engine.allocate(2 * wide + rows * codeBytes(wide));
    engine.with([vectors], (at) => {
      engine.call('kin_codes_train', at, rows, wide, out, out + wide);
      engine.call('kin_codes_of', at, rows, wide, out, out + 2 * wide);
    });
    assert.deepEqual([...engine.bytes(out, wide)], [...new Uint8Array(mean.buffer)]);
    assert.deepEqual([...engine.bytes(out + wide, wide)], [...spread]);
    assert.ok(Buffer.from(engine.bytes(out + 2 * wide, rows * codeBytes(wide))).equals(codesOf(vectors, wide, mean)));
    engine.free(out);
  }
});

test('columns hold what the items say', async (t) => {
  const root = folder(t), path = join(root, 'web'), list = products(40);
  list[0].item = { ...list[0].item, price: undefined, weird: { a: 1 }, mixed: 'x', 'naïve ☃': 'ß' };
  list[1].item = { ...list[1].item, mixed: 3, tags: [] };
  list[2].item = { ...list[2].item, mixed: true, sale: undefined };
  await publish(await writeCatalogue(join(root, 'a.kin'), list), path);
  const { base, contents } = await open(path);
  const { columns } = base.markets[''];
  assert.deepEqual(Object.fromEntries(Object.entries(columns).map(([field, { type }]) => [field, type]).sort()),
    { colour: 'string', mixed: 'string', 'naïve ☃': 'string', price: 'number', sale: 'boolean', tags: 'list' });
  const read = (field) => {
    const bytes = readFileSync(join(path, `column-${columns[field].file}.safetensors`)), { tensors } = readHeader(bytes);
    const data = 8 + Number(bytes.readBigUInt64LE());
    return (name, Type) => new Type(bytes.buffer.slice(bytes.byteOffset + data + tensors[name].data_offsets[0], bytes.byteOffset + data + tensors[name].data_offsets[1]));
  };
  const words = (part) => {
    const [offsets, bytes] = [part('word_offsets', Uint32Array), part('words', Uint8Array)];
    return Array.from({ length: offsets.length - 1 }, (_, i) => new TextDecoder().decode(bytes.subarray(offsets[i], offsets[i + 1])));
  };
  const number = read('price'), sale = read('sale'), mixed = read('mixed'), tags = read('tags');
  const [price, has, truth, texts, list0, starts, lists] = [number('value', Float64Array), number('has', Uint8Array), sale('value', Uint8Array),
    mixed('value', Uint32Array), tags('has', Uint8Array), tags('value_offsets', Uint32Array), tags('value', Uint32Array)];
  contents.ids.forEach((id, place) => {
    const item = itemOf(contents.markets.get(''), place, path);
    assert.equal(has[place] ? price[place] : undefined, item.price);
    assert.equal([undefined, false, true][truth[place]], item.sale);
    assert.equal(texts[place] ? words(mixed)[texts[place] - 1] : undefined, item.mixed === undefined ? undefined : String(item.mixed));
    assert.deepEqual(list0[place] ? [...lists.subarray(starts[place], starts[place + 1])].map((i) => words(tags)[i]) : undefined, item.tags);
  });
});

test('markets have the catalogue\'s fields where nothing else is said, and what a file lacks is told', async (t) => {
  const root = folder(t), list = products(30), market = join(root, 'de.csv');
  writeFileSync(market, `id,title,Price,sale,einkaufspreis\n${list.map(({ id }, i) => `${id},Ding ${i},"${i},50 €",${i % 2 === 0},1`).join('\n')}\n`);
  const catalogue = await writeCatalogue(join(root, 'a.kin'), list);
  const { said } = await publish(catalogue, join(root, 'web'), { market: [`de=${market}`] });
  assert.deepEqual((await contentOf(join(root, 'web'), 'de')).find(({ id }) => id === 'sku-5').item,
    { title: 'Ding 5', price: 5.5, sale: false, image: ['img/5-0.jpg'] });
  assert.ok(said.includes(`${market}: fields: price (numbers with decimal comma in €), sale (true or false)`), said.join('\n'));
  assert.ok(said.includes(`${market}: no column for colour, tags of the catalogue: this market has no such field`), said.join('\n'));
  assert.ok(said.includes(`${market}: 30 products without a url, which the catalogue has`), said.join('\n'));
  assert.ok(!said.some((line) => /without a title/.test(line)), said.join('\n'));
  await publish(catalogue, join(root, 'named'), { market: [`de=${market}`], fields: ['sale'] });
  assert.deepEqual((await contentOf(join(root, 'named'), 'de')).find(({ id }) => id === 'sku-5').item, { title: 'Ding 5', sale: false, image: ['img/5-0.jpg'] });
});

test('a market is read as the feed that it is, with or without its pictures', async (t) => {
  const root = folder(t), market = join(root, 'de.csv');
  const catalogue = await writeCatalogue(join(root, 'a.kin'), products(4));
  const woo = 'ID,Type,SKU,Name,Published,Regular price,Images,Parent\nsku-1,variable,a,Ding,1,,a.jpg,\nsku-9,variation,,Ding - rot,1,5.50,r.jpg,a\n' +
    'sku-2,simple,b,Entwurf,-1,6.50,b.jpg,\n';
  const google = 'id\ttitle\tlink\timage_link\tprice\nsku-1\tDing\thttps://x.example/1\ta.jpg\t5,50 EUR\n';
  const without = (table, mark, column) => table.split('\n').map((line) => line.split(mark).toSpliced(column, 1).join(mark)).join('\n');
  for (const [name, content, item, left, more] of [
    ['woo', woo, { title: 'Ding', price: 5.5 }, 'left out: 1 draft'],
    ['woo-bare', without(woo, ',', 6), { title: 'Ding', price: 5.5 }, 'left out: 1 draft'],
    ['google', google, { title: 'Ding', url: 'https://x.example/1', price: 5.5 }],
    ['google-bare', without(google, '\t', 3), { title: 'Ding', url: 'https://x.example/1', price: 5.5 }],
    ['shopify', 'Handle,Title,Variant Price\nsku-1,Ding,5.50\nsku-1,,6\n', { title: 'Ding', price: 5.5 }],
    ['plain', 'id,title,url,price\nsku-1,Ding,/d,5.50\n', { title: 'Ding', url: '/d', price: 5.5 }],
    ['named', woo.replace('ID,', 'Nummer,').replaceAll(',', '|'), { title: 'Ding', price: 5.5 }, 'left out: 1 draft',
      { from: 'woocommerce', separator: '|', map: ['id=Nummer'] }],
  ]) {
    writeFileSync(market, content);
    const { said } = await publish(catalogue, join(root, name), { market: [`de=${market}`], ...more });
    assert.deepEqual((await contentOf(join(root, name), 'de')).map(({ id, item: { image: _, ...its } }) => [id, its]), [['sku-1', item]], name);
    if (left) assert.ok(said.includes(`${market}: ${left}`), said.join('\n'));
  }
});

test('markets: other items of the same products, not sold where the file lacks them, each in a delta of its own', async (t) => {
  const root = folder(t), path = join(root, 'web'), list = products(100);
  const german = (price) => `id,title,price,waehrung\n${list.slice(0, 98).map(({ id }, i) => `${id},Ding ${i},"${i === 5 ? price : i + 1},50",EUR\n`).join('')}other,Fremd,"1,00",EUR\n`;
  const market = join(root, 'de.csv');
  writeFileSync(market, german(6));
  const options = { market: [`de=${market}`], fields: ['*'] };
  const catalogue = await writeCatalogue(join(root, 'a.kin'), list);
  const { said } = await publish(catalogue, path, options);
  assert.ok(said.includes('market de: 98 products of 100 sold; 1 row of products that the catalogue lacks'), said.join('\n'));
  const items = await contentOf(path, 'de');
  assert.equal(items.length, 98);
  assert.deepEqual(items.find(({ id }) => id === 'sku-5').item, { title: 'Ding 5', price: 6.5, waehrung: 'EUR', image: ['img/5-0.jpg'] });
  const { base } = await open(path);
  assert.deepEqual(Object.keys(base.markets), ['', 'de']);
  assert.equal(typeof base.markets.de.sold, 'string');
  assert.equal(base.markets[''].sold, undefined);

  writeFileSync(market, german(999).replace(/^sku-7,.*\n/m, ''));
  const { result } = await publish(catalogue, path, options);
  assert.deepEqual([result.whole, result.changes], [false, { rows: 0, items: 2, gone: 0 }]);
  assert.ok(result.bytes < 4096);
  const now = await contentOf(path, 'de');
  assert.equal(now.length, 97);
  assert.equal(now.find(({ id }) => id === 'sku-5').item.price, 999.5);
  assert.deepEqual(await contentOf(path), sorted(list));
  assert.equal((await kin(['verify', path])).code, 0);

  for (const [locales, why] of [[['de', 'fr'], 'with a new market: fr'], [[], 'no --market names de, fr any more'], [['de'], 'with a new market: de']]) {
    const anew = await publish(catalogue, path, { market: locales.map((locale) => `${locale}=${market}`), ...locales.length && { fields: ['*'] }, json: false });
    assert.ok(anew.said.at(-1).endsWith(`(${why})`), anew.said.at(-1));
  }
  writeFileSync(market, 'id,title\nnobody,x\n');
  await assert.rejects(publish(catalogue, path, options), /de\.csv has none of the catalogue's products/);
  writeFileSync(market, 'id,title\nsku-1,x\nsku-1,y\n');
  assert.equal((await publish(catalogue, join(root, 'two'), options)).code, 3);
  await assert.rejects(publish(catalogue, path, { market: ['../x=a'] }), /--market takes LOCALE=PRODUCTS/);
});

test('pictures and the model count from where the folder lies', async (t) => {
  const root = folder(t), list = products(20);
  list[1].item.image = ['https://cdn.example/a.jpg'];
  list[2].item.image = ['/abs.jpg'];
  mkdirSync(join(root, 'data'));
  const catalogue = await writeCatalogue(join(root, 'data', 'a.kin'), list, { 'kin.model': 'model/' });
  assert.ok(!(await publish(catalogue, join(root, 'web'))).said.some((note) => /pictures are published as/.test(note)));
  const images = Object.fromEntries((await contentOf(join(root, 'web'))).map(({ id, item }) => [id, item.image]));
  assert.deepEqual([images['sku-1'], images['sku-2'], images['sku-3']], [['https://cdn.example/a.jpg'], ['/abs.jpg'], ['data/img/3-0.jpg']]);
  assert.equal(current(join(root, 'web')).model, '../data/model/');
  await publish(catalogue, join(root, 'data', 'web'));
  assert.deepEqual((await contentOf(join(root, 'data', 'web'))).find(({ id }) => id === 'sku-3').item.image, ['img/3-0.jpg']);
  await publish(catalogue, join(root, 'data', 'deep', 'web'));
  assert.equal(current(join(root, 'data', 'deep', 'web')).model, '');
  const { said } = await publish(catalogue, join(root, 'other', 'web'));
  assert.ok(said.some((note) => note.startsWith("pictures are published as '../data/img/0-0.jpg', seen from")), String(said));
});

test('--budget: what a page reads, and nothing published beyond it', async (t) => {
  const { root, path, first } = await published(t);
  const [hits, query, words, ids, items] = first.result.reading;
  assert.equal(hits.bytes, namesOf(path).filter((name) => /^(?:base|codes)-/.test(name)).reduce((sum, name) => sum + statSync(join(path, name)).size, 0));
  assert.deepEqual(hits.seconds, [1.6, 10].map((mbit) => Number((hits.bytes * 8 / (mbit * 1e6)).toFixed(2))));
  assert.ok(query.bytes > 0 && words.bytes >= query.bytes && items.bytes > 0 && ids.bytes > 0 && hits.packed < hits.bytes);
  const other = join(root, 'other');
  await assert.rejects(publish(join(root, 'first.kin'), other, { budget: '5KB' }), /first hits need \d+\.\d KB, more than --budget 5KB: nothing is published/);
  assert.deepEqual(namesOf(other), []);
  assert.equal((await publish(join(root, 'first.kin'), other, { budget: '3MB' })).result.generation, 1);
  await assert.rejects(publish(join(root, 'first.kin'), other, { budget: 'much' }), /--budget takes an amount such as 3MB/);
  const { code } = await kin(['publish', join(root, 'first.kin'), '-o', join(root, 'third'), '--budget', '1KB']);
  assert.equal(code, 1);
});

test('old generations stay for --keep of them, then their files go; --rollback makes the one before the next', async (t) => {
  const { root, path, list } = await published(t);
  const states = [current(path)];
  for (let n = 2; n <= 4; n++) {
    for (const product of list.slice(0, 100)) product.item.price = 100 * n;
    await publish(await writeCatalogue(join(root, `${n}.kin`), list), path, { keep: '2' });
    states.push(current(path));
  }
  assert.ok(!existsSync(join(path, `base-${states[1].base}.json`)));
  assert.ok(existsSync(join(path, `base-${states[2].base}.json`)));
  const back = await publish(null, path, { rollback: true });
  assert.deepEqual([back.result.generation, back.result.as], [5, 3]);
  assert.deepEqual({ ...current(path), generation: 3 }, states[2]);
  const forth = await publish(null, path, { rollback: true });
  assert.deepEqual([forth.result.generation, forth.result.as], [6, 4]);
  assert.deepEqual(await contentOf(path), sorted(list));
  rmSync(join(path, `base-${states[2].base}.json`));
  await assert.rejects(publish(null, path, { rollback: true, keep: '5' }), /base-.* is missing/);
  assert.equal(current(path).generation, 6);
  await assert.rejects(publish(null, join(root, 'none'), { rollback: true }), /holds no catalogue/);
});

test('what others put into the folder stays, and is never taken for ours', async (t) => {
  const root = folder(t), path = join(root, 'web'), list = products(60);
  mkdirSync(join(path, 'shard-AAAAAAAAAAAAAAAAAAAAAA.safetensors'), { recursive: true });
  writeFileSync(join(path, 'index.html'), 'mine');
  writeFileSync(join(path, 'items-BBBBBBBBBBBBBBBBBBBBBB.safetensors'), 'mine too');
  writeFileSync(join(root, 'outside'), 'outside');
  const catalogue = await writeCatalogue(join(root, 'a.kin'), list);
  await publish(catalogue, path, { keep: '1' });
  // A link in the place of a file of ours is replaced, and not followed.
  const [shard] = namesOf(path).filter((name) => name.startsWith('shard-') && !name.includes('AAAA'));
  rmSync(join(path, shard));
  symlinkSync(join(root, 'outside'), join(path, shard));
  for (const product of list) product.item.price = 7;
  await publish(await writeCatalogue(join(root, 'b.kin'), list), path, { keep: '1' });
  assert.equal(readFileSync(join(root, 'outside'), 'utf8'), 'outside');
  assert.deepEqual(await contentOf(path), sorted(list));
  for (const [name, text] of [['index.html', 'mine'], ['items-BBBBBBBBBBBBBBBBBBBBBB.safetensors', 'mine too']]) assert.equal(readFileSync(join(path, name), 'utf8'), text);

  const ledger = JSON.parse(readFileSync(join(path, 'generations.json')));
  ledger.pending = ['../outside'];
  writeFileSync(join(path, 'generations.json'), JSON.stringify(ledger));
  await assert.rejects(publish(catalogue, path), /generations\.json is damaged/);
  assert.ok(existsSync(join(root, 'outside')));
  writeFileSync(join(path, 'generations.json'), '{"kind":"shop"}');
  await assert.rejects(publish(catalogue, path), /generations\.json is not a catalogue's/);
  for (const text of ['{"kind":"shop"}', 'no JSON', '{"kind":"catalog-current","format":3}', '{"kind":"catalog-current","format":2,"generation":1,"model":"","base":"../../etc/passwd","deltas":[]}', ' '.repeat(3000)]) {
    mkdirSync(join(root, 'theirs'), { recursive: true });
    writeFileSync(join(root, 'theirs', 'current.json'), text);
    await assert.rejects(publish(catalogue, join(root, 'theirs')), /current\.json/);
    assert.equal(readFileSync(join(root, 'theirs', 'current.json'), 'utf8'), text);
    assert.deepEqual(namesOf(join(root, 'theirs')), ['current.json']);
  }
  await assert.rejects(publish(catalogue, join(root, 'outside')), /is a file: name a folder/);
  await assert.rejects(publish(join(root, 'outside'), path), /outside/);
});

test('verify finds a flipped bit in any file, a missing one and a shorter one; publish mends them', async (t) => {
  const root = folder(t), path = join(root, 'web'), list = products(300);
  await publish(await writeCatalogue(join(root, 'a.kin'), list), path);
  list[1].item.price = 1;
  const catalogue = await writeCatalogue(join(root, 'b.kin'), list);
  await publish(catalogue, path);
  const { run } = await import('../../catalog/commands/verify.js');
  const verify = async () => {
    const faults = [];
    const code = await run({ values: {}, positionals: [path], modelOptions: {} }, { ...io, line: async () => {}, fail: (text) => { faults.push(text); } });
    return { code, faults };
  };
  assert.equal((await verify()).code, 0);
  const files = namesOf(path).filter((name) => /^\w+-/.test(name));
  const chance = seeded(files.length, 1e9);
  for (const name of files) {
    const bytes = readFileSync(join(path, name));
    const { value } = chance.next(), bad = Buffer.from(bytes);
    bad[value % bad.length] ^= 1 << value % 8;
    writeFileSync(join(path, name), bad);
    const { code, faults } = await verify();
    assert.equal(code, 1, name);
    assert.ok(faults[0].includes(`${name} has other bytes than its name says`), faults.join());
    writeFileSync(join(path, name), bytes);
  }
  for (const kind of ['codes', 'column']) {
    truncateSync(join(path, files.find((name) => name.startsWith(kind))), 100);
    assert.equal((await publish(catalogue, path)).result.whole, true);
    assert.equal((await verify()).code, 0);
  }
  truncateSync(join(path, files.at(-1)), 100);
  rmSync(join(path, files[1]));
  assert.deepEqual((await verify()).faults.length, 2);
  const { said, result } = await publish(catalogue, path);
  assert.ok(said.some((text) => text.startsWith('what is published is damaged')), said.join());
  assert.equal(result.whole, true);
  await publish(join(root, 'a.kin'), path, { keep: '1' });
  assert.deepEqual(await verify(), { code: 0, faults: [] });
  // Open pages go to a higher generation only.
  const { generation } = current(path);
  writeFileSync(join(path, 'current.json'), 'half');
  await assert.rejects(publish(catalogue, path), /current\.json is not JSON: name another folder with -o, or remove that file, and a whole base is published$/);
  rmSync(join(path, 'current.json'));
  assert.equal((await publish(catalogue, path)).result.generation, generation + 1);
  writeFileSync(join(path, 'generations.json'), 'half');
  await assert.rejects(publish(catalogue, path), /generations\.json is not JSON: remove it/);
  assert.equal(current(path).generation, generation + 1);
});

test('verify refuses what a page refuses, however right the names are, in a sentence; publish mends it', async (t) => {
  const root = folder(t), path = join(root, 'web'), list = products(300);
  const catalogue = await writeCatalogue(join(root, 'a.kin'), list);
  await publish(catalogue, path);
  list[1].item.price = 1;
  await publish(await writeCatalogue(join(root, 'b.kin'), list), path);
  const json = (name) => JSON.parse(readFileSync(join(path, name)));
  const current = json('current.json'), base = json(`base-${current.base}.json`), market = base.markets[''];
  const { run } = await import('../../catalog/commands/verify.js');
  const faultsOf = async () => {
    const faults = [];
    await run({ values: {}, positionals: [path], modelOptions: {} }, { ...io, line: async () => {}, fail: (text) => { faults.push(text); } });
    return faults;
  };
  const put = ({ name, hash, bytes }) => (writeFileSync(join(path, name), bytes), hash);
  const say = (next) => writeFileSync(join(path, 'current.json'), JSON.stringify({ ...current, ...next }));
  const sayBase = (change) => say({ base: put(makeBase(typeof change === 'object' ? { ...base, ...change } : change)) });
  const of = (own) => ({ markets: { '': { ...market, ...own } } });
  const U8 = ['U8', null], ids = await readPart(path, 'ids', base.ids.files[0], { id_offsets: ['U32', 301], ids: U8, row_count: ['U16', 300] });
  const withIds = (change) => ({ ids: { ...base.ids, files: [put(makePart('ids', { ...ids, ...change }))] } });
  const columns = (change) => of({ columns: { ...market.columns, ...change } });
  const each = (name, values, says) => values.map((value) => [{ [name]: value }, says]);
  const cases = [['a text', /not a base/], [5, /not a base/], ...each('null_best', [[1, -1], [1e300, 1], [1], 5, undefined], /null statistics/),
    ...each('near', [null, { rows: 1 }, { rows: 0, shards: 1 }, { rows: 2 ** 31, shards: 1 }, { rows: 1, shards: 1, text_shards: -1 }], /what a query reads/),
    ...each('metadata', [null, [], 5, { a: 1 }], /metadata that are no texts/),
    ...['codes', 'ids', 'shards'].flatMap((name) => each(name, [null, 5, { rows_per_file: 100, files: null }, []], /lists other files of/)),
    [{ far: { planes: 2, rows_per_file: 100, files: [] } }, /query in words/], [{ dim: 4097 }, /its counts/], [{ rows: 299 }, /its counts/], [{ rows: 2 ** 31 - 1, products: 2 ** 31 - 1 }, /its counts/],
    [{ markets: { ...base.markets, de: null } }, /lists other files of items/], [of({ columns: null }), /market without columns/], [columns({ price: null }), /no file/],
    [columns({ price: { ...market.columns.price, type: 'object' } }), /no file/], [of({ sold: null }), /no file/], [withIds({ ids: new Uint8Array(ids.ids.length).fill(255) }), /an id that is not UTF-8/],
    [withIds({ row_count: new Uint16Array(300).fill(65535) }), /other pictures than its rows/], [withIds({ row_picture: new Uint16Array(base.rows) }), /other pictures than its rows/]];
  for (const [change, says] of cases) {
    sayBase(change);
    const faults = await faultsOf();
    assert.match(faults[0] ?? 'good', says, JSON.stringify(change).slice(0, 100));
  }
  for (const generation of [2 ** 31, 0.5]) {
    say({ generation });
    assert.match((await faultsOf())[0], /lacks a generation/);
  }
  // Headers that say something else, with the checksum that was written and with a right one.
  const delta = readFileSync(join(path, `delta-${current.deltas[0]}.safetensors`)), n = Number(delta.readBigUInt64LE()), key = '"kin.crc32":"';
  for (const [said, says] of [['"data_offsets":null', /do not follow/], ['"data_offsets":"0,4"', /do not follow/], ['"data_offsets":[0,"4"]', /do not follow/],
    ['"data_offsets":[0,1e300]', /do not follow/], ['"data_offsets":[-4,4]', /do not follow/], ['"shape":[7]', / of U32 \[7\]/], ['"shape":"x"', / of U32 "x"/]]) {
    const text = delta.subarray(8, 8 + n).toString().replace(new RegExp(`${said.split(':')[0]}:\\[[^\\]]*\\]`), said).padEnd(n + 32);
    const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(text), delta.subarray(8 + n)]), own = bytes.indexOf(key) + key.length;
    bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    for (const right of [false, true]) {
      if (right) {
        const head = bytes.subarray(0, 8 + Buffer.byteLength(text));
        head.write('00000000', own);
        head.write(crc32(head), own);
      }
      const hash = hashOf(bytes);
      writeFileSync(join(path, partName('delta', hash)), bytes);
      say({ deltas: [hash] });
      assert.match((await faultsOf())[0], right ? says : /checksum of its header/, said);
    }
  }
  // What only verify sees is mended too.
  for (const change of [columns({ sale: { ...market.columns.sale, file: put(makePart('column', { value: new Uint8Array(300) })) } }),
    { codes: { ...base.codes, files: [put(makePart('codes', { codes: new Uint8Array(16 * base.rows), starts: new Uint8Array(Math.ceil(base.rows / 8)) }))] } }]) {
    sayBase(change);
    assert.match((await faultsOf())[0], /other (?:items|rows|products)/);
    const { said, result } = await publish(catalogue, path);
    assert.ok(result.whole && said.some((text) => text.startsWith('what is published is damaged')));
    assert.deepEqual(await faultsOf(), []);
  }
});

test('what format 2 was when it was first written opens for ever: a file, and a folder of it', async (t) => {
  const golden = fileURLToPath(new URL('../golden/published/', import.meta.url));
  const list = goldenProducts().at(-1), path = join(golden, 'folder');
  const file = await readCatalogueFile(join(golden, 'catalog.kin'), io);
  assert.deepEqual(file.ids, list.map(({ id }) => id));
  assert.ok(file.nulls);
  assert.deepEqual(await contentOf(path), sorted(list));
  const german = await contentOf(path, 'de');
  assert.deepEqual(german.map(({ id }) => id), sorted(list.slice(1)).map(({ id }) => id));
  assert.deepEqual(german.find(({ id }) => id === 'sku-3').item, { title: 'Ding 3', price: 1234.5, image: ['img/3-0.jpg'] });
  assert.deepEqual([current(path).generation, current(path).deltas.length], [3, 2]);
  assert.equal((await kin(['verify', path])).out, `${path}: good\n`);

  const [whole, parts] = [await openCatalog(join(golden, 'catalog.kin')), await openCatalog(path)];
  t.after(() => Promise.all([whole.close(), parts.close()]));
  for (const [query, filter] of [[{ vector: [...rowOf(3)] }, ''], [{ vector: [...rowOf(700)] }, 'price > 20 and tags has wool'], [{ like: ['sku-14'] }, 'sale']]) {
    const found = await Promise.all([whole, parts].map((catalog) => catalog.search(query, { limit: 12, filter })));
    const [expected, got] = found.map(({ hits, total }) => ({ total, hits: hits.map(({ id, score, item, image }) => ({ id, score, item, image: image.index })) }));
    assert.ok(expected.hits.length > 3);
    assert.deepEqual(got, expected);
  }
});

/* ---- runs that end at any write ---- */

const shim = fileURLToPath(new URL('./publish-fault.js', import.meta.url));

// Runs publish with a fault at the n-th write -> how it ended
async function faulty(catalogue, path, fault) {
  const child = spawn(process.execPath, ['--import', shim, cli, 'publish', catalogue, '-o', path, '--keep', '1', '--quiet'],
    { env: { ...process.env, KIN_FAULT: fault }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => { said += data; });
  const [code, signal] = await once(child, 'close');
  return { code, signal, said };
}

// Only the files of the present generation, current.json and generations.json.
async function isTidy(path) {
  const { base, current } = await open(path);
  const names = JSON.parse(readFileSync(join(path, 'generations.json')));
  assert.deepEqual(names.pending, []);
  assert.deepEqual(namesOf(path), [...names.generations.flatMap(({ files }) => files), 'current.json', 'generations.json'].sort());
  assert.equal(names.generations.at(-1).generation, current.generation);
  assert.ok(base);
}

test('killed at any write of a delta: the old generation or the new one, whole; the next run tidies up', async (t) => {
  const { root, path, list } = await published(t, 120);
  const before = join(root, 'before');
  fs.cpSync(path, before, { recursive: true });
  const old = sorted(structuredClone(list));
  list[4].item.price = 4321;
  const catalogue = await writeCatalogue(join(root, 'next.kin'), list);
  let killed = 0;
  for (let n = 1; ; n++) {
    rmSync(path, { recursive: true });
    fs.cpSync(before, path, { recursive: true });
    const { signal, code, said } = await faulty(catalogue, path, `kill:${n}`);
    if (signal !== 'SIGKILL') {
      assert.equal(code, 0, said);
      break;
    }
    killed++;
    const { generation } = current(path);
    assert.deepEqual(await contentOf(path), generation === 1 ? old : sorted(list));
    await publish(catalogue, path, { keep: '1' });
    assert.deepEqual(await contentOf(path), sorted(list));
    assert.equal(current(path).generation, 2);
    await isTidy(path);
  }
  assert.ok(killed >= 10, String(killed));
});

test('the disk full or broken at any write of a base: the old generation stays, the command says so', async (t) => {
  const { root, path, list } = await published(t, 60);
  const old = sorted(structuredClone(list)), text = readFileSync(join(path, 'current.json'), 'utf8'), before = join(root, 'before');
  fs.cpSync(path, before, { recursive: true });
  for (const product of list) product.item.price += 1000;
  const catalogue = await writeCatalogue(join(root, 'next.kin'), list);
  const { arm, writes } = await import('./publish-fault.js');
  syncBuiltinESMExports();
  t.after(() => arm(null));
  let failed = 0;
  for (let n = 1; ; n++) {
    rmSync(path, { recursive: true });
    fs.cpSync(before, path, { recursive: true });
    arm(n % 2 ? 'ENOSPC' : 'EIO', n);
    const error = await publish(catalogue, path, { keep: '1' }).then(() => null, (reason) => reason);
    const done = writes() < n;
    arm(null);
    if (done) {
      assert.equal(error, null);
      break;
    }
    failed++;
    if (readFileSync(join(path, 'current.json'), 'utf8') !== text) {
      // It had been renamed when the fault came: the new generation, to be tidied up after.
      assert.deepEqual(await contentOf(path), sorted(list));
      break;
    }
    assert.ok(error, `write ${n}`);
    assert.deepEqual(await contentOf(path), old);
  }
  assert.ok(failed >= 16, String(failed));
  await publish(catalogue, path, { keep: '1' });
  assert.deepEqual(await contentOf(path), sorted(list));
  await isTidy(path);
});

test('two at once: the second says that the first is at it', async (t) => {
  const { root, path } = await published(t, 60);
  const child = spawn(process.execPath, ['--import', shim, cli, 'publish', await writeCatalogue(join(root, 'b.kin'), products(59)), '-o', path],
    { env: { ...process.env, KIN_FAULT: 'wait:1' }, stdio: ['pipe', 'ignore', 'pipe'] });
  for await (const data of child.stderr) if (String(data).includes('waiting')) break;
  await assert.rejects(publish(join(root, 'first.kin'), path), /is being published to by another process: wait until it is done/);
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.equal((await publish(join(root, 'first.kin'), path)).result.changed, false);
  copyFileSync(join(root, 'first.kin'), join(root, 'c.kin'));
  assert.ok(!existsSync(join(path, '.publish.lock')));
});

test('an item nested 64 deep is one to writer, pages, verify and publish alike, and one nested deeper to none', async (t) => {
  const at = folder(t), shop = join(at, 'shop.kin');
  const nested = (levels) => `${'['.repeat(levels)}"x"${']'.repeat(levels)}`; // the item's own object is one level more
  const mark = 'm'.repeat(nested(64).length - 2);
  const list = products(4);
  list[2].item.deep = JSON.parse(nested(63));
  await writeCatalogue(shop, list);
  const good = join(at, 'good');
  await publish(shop, good);
  for (const path of [shop, good]) assert.deepEqual((await kin(['verify', path])).out, `${path}: good\n`);
  const shown = await openCatalog(shop);
  assert.deepEqual(shown.get('sku-2').deep, list[2].item.deep);
  await shown.close();
  list[2].item.deep = JSON.parse(nested(64));
  await assert.rejects(writeCatalogue(join(at, 'never.kin'), list), /not a JSON object on one line/);
  // By another writer: a text of the same length in its place, and checksums that fit.
  list[2].item.deep = mark;
  await writeCatalogue(shop, list);
  const bytes = readFileSync(shop), place = bytes.indexOf(`"${mark}"`);
  bytes.write(nested(64), place);
  const deep = join(at, 'deep.kin');
  writeFileSync(deep, mended(bytes));
  const catalog = await openCatalog(deep);
  assert.throws(() => catalog.get('sku-2'), { code: 'not-a-catalog', message: /Item 2 .* at most 64 levels/ });
  assert.equal(catalog.get('sku-1').price, 11);
  await catalog.close();
  const refused = /item of product 2 is not a JSON object of at most 64 levels/;
  for (const args of [['verify', deep], ['related', deep, '-o', join(at, 'related.json')], ['export', deep, '--to', 'jsonl', '-o', join(at, 'out.jsonl')], ['publish', deep, '-o', good]]) {
    const { code, err } = await kin(args);
    assert.deepEqual([code, refused.test(err)], [1, true], `${args[0]}: ${err}`);
  }
  assert.deepEqual((await kin(['verify', good])).out, `${good}: good\n`, 'and what was published stays');
  const contents = await readCatalogueFile(deep, io);
  await assert.rejects(nextGeneration(null, contents, { model: '', what: deep, told: () => {} }), refused);
});
