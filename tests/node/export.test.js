// kin export and kin import: files as other programs read them, hostile texts and headers, memory, and the way there and back. The engines
// themselves are asked by `make test-data`.
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '../../web/index.node.js';
import { copyCell, fieldColumns, pointId } from '../../catalog/lib/exports.js';
import { npyHead, openNpy } from '../../catalog/lib/npy.js';
import { openRows } from '../../catalog/lib/file-rows.js';
import { ofNoModel, openWriter } from '../../catalog/lib/writer.js';
import { folder, kin, tinyModel, drawing } from './cli-support.js';
import { writeCatalogue } from '../data/catalogue.js';
import { products as things, publish, writeCatalogue as writeThings } from './publish-support.js';


// products: [[id, item, vectors]]
async function write(path, dim, products) {
  const writer = await openWriter(dim, ofNoModel);
  for (const [id, item, vectors] of products) writer.add(id, item, vectors);
  const parts = [];
  for await (const part of writer.parts()) parts.push(part);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

const lines = (path) => readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));

function readNpy(path) {
  const bytes = readFileSync(path);
  const data = bytes.subarray(10 + bytes.readUInt16LE(8));
  return { header: bytes.toString('latin1', 10, 10 + bytes.readUInt16LE(8)).trim(), data };
}

test('every target holds every picture, with the vector that a search scores', async (t) => {
  const at = folder(t);
  const shop = join(at, 'shop.kin');
  const { products } = await writeCatalogue(shop, { products: 60, dim: 24 });
  const rows = products.flatMap(({ id, item, vectors }) => vectors.map((vector, picture) => ({ id, picture, item, vector })));
  for (const [to, file] of Object.entries({ npy: 'v.npy', jsonl: 'v.jsonl', qdrant: 'v.qdrant', milvus: 'v.milvus', parquet: 'v.parquet', pgvector: 'v.sql' })) {
    const { code, err } = await kin(['export', shop, '--to', to, '-o', join(at, file)]);
    assert.equal(code, 0, err);
  }
  const catalog = await openCatalog(shop);
  const plain = lines(join(at, 'v.jsonl'));
  assert.deepEqual(plain.map(({ id, picture, image }) => [id, picture, image]),
    rows.map(({ id, picture, item }) => [id, picture, Array.isArray(item.image) ? item.image[picture] : item.image]));
  for (const [i, { vector }] of plain.entries()) {
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6);
    assert.ok(vector.every((value, k) => Math.abs(value - rows[i].vector[k]) < 0.01), 'the row that was put in');
  }
  const [{ id, score }] = (await catalog.search({ vector: plain[17].vector }, { limit: 1 })).hits;
  assert.deepEqual([id, score > 0.9999], [plain[17].id, true]);
  await catalog.close();
  const { header, data } = readNpy(join(at, 'v.npy'));
  assert.equal(header, `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, 24), }`);
  const values = new Float32Array(data.buffer.slice(data.byteOffset));
  assert.deepEqual(Array.from(values), plain.flatMap(({ vector }) => vector.map(Math.fround)), 'nine digits are a float whole');
  assert.deepEqual(JSON.parse(readFileSync(join(at, 'v.ids.json'), 'utf8')), rows.map((row) => row.id));
  const [ints, scales] = [readNpy(join(at, 'v.i8.npy')).data, readNpy(join(at, 'v.scale.npy')).data];
  assert.deepEqual(Array.from(values), Array.from(new Int8Array(ints), (value, i) => Math.fround(value * scales.readFloatLE(4 * Math.floor(i / 24)))));
  const bare = plain.map(({ vector, ...rest }) => rest);
  assert.deepEqual(lines(join(at, 'v.items.jsonl')), bare);
  const points = lines(join(at, 'v.qdrant'));
  assert.deepEqual(points.map(({ payload }) => payload), bare);
  assert.deepEqual(points.map(({ vector }) => vector), plain.map(({ vector }) => vector));
  assert.equal(new Set(points.map((point) => point.id)).size, rows.length);
  const milvus = JSON.parse(readFileSync(join(at, 'v.milvus'), 'utf8')).rows;
  assert.deepEqual(milvus.map(({ pk, ...rest }) => rest), plain);
  assert.deepEqual(milvus.map(({ pk }) => pk), points.map((point) => point.id));
  assert.equal(readFileSync(join(at, 'v.parquet')).toString('latin1', 0, 4), 'PAR1');
  const sql = readFileSync(join(at, 'v.sql'), 'utf8');
  const copied = sql.slice(sql.indexOf('FROM STDIN;\n') + 12, sql.indexOf('\n\\.\n') + 1).split('\n').filter(Boolean);
  assert.equal(copied.length, rows.length, 'no text breaks out of its line');
  assert.ok(copied.every((line) => line.split('\t').length === 7), 'nor out of its cell');
});

test('the same catalogue gives the same bytes, whatever was there before', async (t) => {
  const at = folder(t);
  const shop = join(at, 'shop.kin');
  await writeCatalogue(shop, { products: 30, dim: 8 });
  for (const to of ['parquet', 'pgvector', 'qdrant']) {
    await kin(['export', shop, '--to', to, '-o', join(at, 'a')]);
    const first = readFileSync(join(at, 'a'));
    await kin(['export', shop, '--to', to, '-o', join(at, 'a')]);
    assert.ok(first.equals(readFileSync(join(at, 'a'))), to);
  }
});

test('a point keeps its id: what Python\'s uuid5 gives', () => {
  // uuid.uuid5(uuid.NAMESPACE_URL, 'kin:0:sku-1'), and of 'kin:2:日本'
  assert.equal(pointId('sku-1', 0), '8c4c0595-45a5-5e6f-ac10-490336b0c07c');
  assert.equal(pointId('日本', 2), '2915ed1f-47c3-5623-8874-5935687cdc45');
});

test('cells of COPY', () => {
  assert.equal(copyCell(null), '\\N');
  assert.equal(copyCell('\\N'), '\\\\N');
  assert.equal(copyCell('a\tb\nc\rd\\.\b\f\v'), 'a\\tb\\nc\\rd\\\\.\\b\\f\\v');
  assert.equal(copyCell('nul\0 half\ud800'), 'nul\ufffd half\ufffd');
});

test('fields get columns of one type, and no name twice', () => {
  const columns = fieldColumns([
    { id: 'a', title: 't', price: 1, mixed: 1, tags: ['x'], vector: 'mine', vector_: 2, picture: 'p', constructor: true, nothing: null },
    { id: 'b', price: 2.5, mixed: 'two', tags: 'y', deep: { a: 1 }, ['__proto__']: 'odd' }].map((item) => JSON.parse(JSON.stringify(item))));
  assert.deepEqual(columns.map(({ field, column, type }) => [field, column, type]), [
    ['price', 'price', 'number'], ['mixed', 'mixed', 'string'], ['tags', 'tags', 'list'], ['vector', 'vector__', 'string'],
    ['vector_', 'vector_', 'number'], ['picture', 'picture_', 'string'], ['constructor', 'constructor', 'boolean'], ['deep', 'deep', 'string'],
    ['__proto__', '__proto__', 'string']]);
});

test('fields named as a language names things, and halves of characters, are texts as any', async (t) => {
  const at = folder(t);
  const item = JSON.parse('{"id":"a","title":"half \\ud800","__proto__":"odd","constructor":"c","tags":["x\\udc00"],"deep":{"a":[1]}}');
  const shop = await write(join(at, 'shop.kin'), 4, [['a', item, [[1, 0, 0, 0]]], ['b', { id: 'b' }, [[0, 1, 0, 0]]]]);
  for (const to of ['jsonl', 'parquet', 'pgvector', 'milvus', 'qdrant', 'npy'])
    assert.equal((await kin(['export', shop, '--to', to, '-o', join(at, `o.${to}`)])).code, 0);
  const [a, b] = lines(join(at, 'o.jsonl'));
  assert.deepEqual(Object.entries(a).slice(2, -1), [['title', 'half \ufffd'], ['__proto__', 'odd'], ['constructor', 'c'], ['tags', ['x\ufffd']], ['deep', '{"a":[1]}']]);
  assert.deepEqual(Object.keys(b), ['id', 'picture', 'vector']);
  assert.doesNotMatch(readFileSync(join(at, 'o.pgvector'), 'utf8'), /ud800|udc00/);
});

test('a product whose id PostgreSQL cannot hold is left out, and said so', async (t) => {
  const at = folder(t);
  const shop = await write(join(at, 'shop.kin'), 4, [['a\0', { id: 'a\0' }, [[1, 0, 0, 0]]], ['b', { id: 'b', title: 'nul \0' }, [[0, 1, 0, 0]]],
    ['c'.repeat(2601), { id: 'c'.repeat(2601) }, [[0, 0, 1, 0]]]]);
  const { code, err, out } = await kin(['export', shop, '--to', 'pgvector', '--table', 'my "shop".things', '--json', '-o', join(at, 'o.sql')]);
  assert.equal(code, 3, err);
  const { leftOut, products, pictures } = JSON.parse(out);
  assert.deepEqual(leftOut.map(({ id }) => id), ['a\0', 'c'.repeat(2601)]);
  assert.deepEqual([products, pictures], [1, 1]);
  const before = readFileSync(shop), over = await kin(['export', shop, '--to', 'jsonl', '-o', shop]);
  assert.match(over.err, /cannot write .*shop\.kin: the command reads it/);
  assert.deepEqual(readFileSync(shop), before);
  const sql = readFileSync(join(at, 'o.sql'), 'utf8');
  assert.match(sql, /CREATE TABLE "my ""shop"""\."things" \(/);
  assert.match(sql, /\nb\t0\t\\N\tnul \ufffd\t\\N\t\{"id":"b","title":"nul \ufffd"\}\t\[0,1,0,0\]\n\\\.\n/);
  assert.ok(!sql.includes('\0'));
});

test('more numbers than an index of PostgreSQL\'s takes', async (t) => {
  const at = folder(t);
  for (const [dim, index] of [[2000, /hnsw \(embedding vector_cosine_ops\)/], [2001, /hnsw \(\(embedding::halfvec\(2001\)\) halfvec_cosine_ops\)/], [4001, null]]) {
    const shop = await write(join(at, 'shop.kin'), dim, [['a', { id: 'a' }, [Array.from({ length: dim }, (_, i) => i + 1)]]]);
    await kin(['export', shop, '--to', 'pgvector', '-o', join(at, 'o.sql')]);
    const sql = readFileSync(join(at, 'o.sql'), 'utf8');
    if (index) assert.match(sql, index);
    else assert.doesNotMatch(sql, /INDEX/);
  }
});

test('a damaged catalogue is refused, whichever byte it is, and nothing is written', async (t) => {
  const at = folder(t);
  const shop = join(at, 'shop.kin');
  await writeCatalogue(shop, { products: 12, dim: 8 });
  const good = readFileSync(shop);
  const all = () => {
    const rows = openRows(shop);
    try {
      for (const _ of rows.check());
      return [...rows.read({})].length;
    } finally {
      rows.close();
    }
  };
  assert.equal(all(), 12);
  for (let i = 0; i < good.length; i += 7) {
    const bytes = Buffer.from(good);
    bytes[i] ^= 1 << i % 8;
    writeFileSync(shop, bytes);
    assert.throws(all, /catalogue/, `byte ${i}`);
  }
  for (const length of [0, 4, 8, 100, good.length - 1]) {
    writeFileSync(shop, good.subarray(0, length));
    assert.throws(all, /catalogue/, `${length} bytes`);
  }
  const { code, err } = await kin(['export', shop, '--to', 'jsonl', '-o', join(at, 'o.jsonl')]);
  assert.deepEqual([code, existsSync(join(at, 'o.jsonl'))], [1, false]);
  assert.match(err, /shop\.kin is not a/);
});

test('a published folder gives what a file of the same products gives, and nothing where it is damaged', async (t) => {
  const at = folder(t);
  const [shop, published] = [join(at, 'shop.kin'), join(at, 'published')];
  const list = things(200);
  await publish(await writeThings(shop, list), published);
  list[3].item.price = 999;
  list[7].rows.reverse();
  list.splice(9, 1);
  list.push(...things(2, 700));
  await publish(await writeThings(shop, list), published);
  assert.equal(readdirSync(published).filter((name) => name.startsWith('delta-')).length, 1);
  const given = async (catalogue, command, ...more) => {
    const out = join(at, 'out');
    const { code, err } = await kin([command, catalogue, '-o', out, ...more]);
    assert.equal(code, 0, err);
    return readFileSync(out, 'utf8');
  };
  const sorted = (text) => text.split('\n').sort();
  for (const [command, ...more] of [['export', '--to', 'jsonl'], ['export', '--to', 'qdrant']])
    assert.deepEqual(sorted(await given(published, command, ...more)), sorted(await given(shop, command, ...more)));
  const related = [JSON.parse(await given(published, 'related', '--filter', 'price < 40')), JSON.parse(await given(shop, 'related', '--filter', 'price < 40'))];
  assert.deepEqual(...related);
  const figures = async (catalogue) => {
    const { models: [{ path, bytes, ...rest }] } = JSON.parse((await kin(['report', catalogue, '-o', join(at, 'report.html'), '--json'])).out);
    return rest;
  };
  assert.deepEqual(await figures(published), await figures(shop));
  for (const command of [['export', '--to', 'jsonl'], ['related'], ['report']])
    for (const its of ['current.json', 'generations.json'])
      assert.match((await kin([command[0], published, '-o', join(published, its), ...command.slice(1)])).err, /cannot write .*the command reads it/);
  assert.equal((await kin(['verify', published])).code, 0);
  const name = readdirSync(published).find((one) => one.startsWith('shard-')), bytes = readFileSync(join(published, name));
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(join(published, name), bytes);
  for (const command of [['export', '--to', 'npy'], ['related'], ['report']]) {
    const { code, err } = await kin([command[0], published, '-o', join(at, 'none'), ...command.slice(1)]);
    assert.equal(code, 1);
    assert.match(err, /shard-.* has other bytes than its name says/);
  }
  assert.ok(!existsSync(join(at, 'none')));
});

test('wrong use says what is wrong', async (t) => {
  const at = folder(t);
  const shop = join(at, 'shop.kin');
  await writeCatalogue(shop, { products: 3, dim: 4 });
  for (const [args, code, sentence] of [
    [['export'], 2, /one catalogue/], [['export', shop, '-o', 'x'], 2, /--to parquet or npy/], [['export', shop, '--to', 'faiss', '-o', 'x'], 2, /--to must be/],
    [['export', shop, '--to', 'npy'], 2, /-o FILE/], [['export', shop, '--to', 'npy', '-o', 'x', '--table', 'a'], 2, /--table goes with/],
    [['export', shop, '--to', 'pgvector', '-o', 'x', '--table', 'a.b.c'], 2, /--table is a name/],
    [['export', join(at, 'none.kin'), '--to', 'npy', '-o', join(at, 'x')], 1, /there is no/], [['export', at, '--to', 'npy', '-o', join(at, 'x')], 1, /is not a file/],
    [['export', shop, '--to', 'npy', '-o', join(at, 'no', 'x')], 1, /folder does not exist/], [['export', shop, '--to', 'jsonl', '-o', at], 1, /it is a folder/],
  ]) {
    const result = await kin(args);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.err}`);
    assert.match(result.err, sentence);
  }
  assert.deepEqual(readdirSync(at), ['shop.kin']);
});

test('a named pipe that nobody writes into keeps no command', { timeout: 60000 }, async (t) => {
  const at = folder(t), pipe = join(at, 'pipe'), [rows, ids, out] = [join(at, 'v.npy'), join(at, 'ids.txt'), join(at, 'o')];
  execFileSync('mkfifo', [pipe]);
  writeFileSync(ids, 'a');
  npyFile(rows, Float32Array.of(1, 2), { shape: [1, 2] });
  for (const args of [['export', pipe, '--to', 'npy', '-o', out], ['publish', pipe, '-o', out], ['import', pipe, '--ids', ids, '-o', out], ['import', rows, '--ids', pipe, '-o', out],
    ['import', rows, '--ids', ids, '--items', pipe, '-o', out]]) {
    const { code, err } = await kin(args);
    assert.deepEqual([code, err.includes(pipe), err.split('\n').length], [1, true, 2], err);
  }
  assert.deepEqual(readdirSync(at), ['ids.txt', 'pipe', 'v.npy']);
});

// As Python's CatalogWriter and a page's createCatalog write it, and verify calls it good.
test('a catalogue without products, and one whose item has another id', async (t) => {
  const at = folder(t), none = join(at, 'none.kin'), other = join(at, 'other.kin');
  await write(none, 3, []);
  await write(other, 3, [['a', { id: 'b' }, [Float32Array.of(1, 2, 3)]]]);
  assert.match((await kin(['verify', none])).out, /good/);
  for (const command of ['export --to jsonl', 'report', 'publish']) {
    const { code, err } = await kin([...command.split(' '), none, '-o', join(at, 'x')]);
    assert.deepEqual([code, err], [1, `kin: ${none} has no products\n`]);
  }
  const { code, err } = await kin(['export', '--to', 'jsonl', other, '-o', join(at, 'x')]);
  assert.deepEqual([code, /the item of product 0 has another id/.test(err)], [1, true]);
  assert.deepEqual(readdirSync(at).sort(), ['none.kin', 'other.kin']);
});

/* ---- import ---- */

function npyFile(path, values, { descr = '<f4', shape, header, version = 1 } = {}) {
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  let head;
  if (header === undefined) head = npyHead(descr, shape);
  else {
    head = Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0, 0, 0]), Buffer.from(header, 'latin1')]);
    head.writeUInt16LE(header.length, 8);
  }
  writeFileSync(path, Buffer.concat([head, data]));
  return path;
}

test('vectors of others become a catalogue that finds by vector and by likeness', async (t) => {
  const at = folder(t);
  const [n, dim] = [40, 12];
  const values = Float32Array.from({ length: n * dim }, (_, i) => Math.sin(i * i + 1));
  npyFile(join(at, 'v.npy'), values, { shape: [n, dim] });
  const ids = Array.from({ length: n }, (_, i) => `p${i}`);
  writeFileSync(join(at, 'ids.txt'), `${ids.join('\r\n')}\r\n`);
  writeFileSync(join(at, 'items.jsonl'), ids.slice(5).map((id, i) => JSON.stringify({ id, title: `Title ${i}`, price: i, cost: 1, colour: i % 2 ? 'red' : 'blue' })).join('\n'));
  const shop = join(at, 'shop.kin');
  const made = await kin(['import', join(at, 'v.npy'), '--ids', join(at, 'ids.txt'), '--items', join(at, 'items.jsonl'), '--fields', 'price,colour', '-o', shop]);
  assert.equal(made.code, 0, made.err);
  assert.match(made.err, /not published: cost/);
  const unit = Array.from({ length: n }, (_, r) => {
    const row = Array.from(values.subarray(r * dim, (r + 1) * dim));
    return row.map((value) => value / Math.hypot(...row));
  });
  const catalog = await openCatalog(shop);
  const { hits } = await catalog.search({ vector: unit[3] }, { limit: n });
  const cosines = new Map(unit.map((row, r) => [ids[r], row.reduce((sum, value, k) => sum + value * unit[3][k], 0)]));
  assert.equal(hits[0].id, 'p3');
  for (const { id, score } of hits) assert.ok(Math.abs(score - cosines.get(id)) < 0.02, id);
  assert.deepEqual(catalog.get('p6'), { id: 'p6', title: 'Title 1', price: 1, colour: 'red' });
  assert.equal((await catalog.search({ like: 'p3' }, { filter: 'price < 5', limit: 3 })).total, 5);
  await catalog.close();
  assert.equal((await kin(['verify', shop])).code, 0);
  // A picture would be scored against numbers of who knows what: said, not done.
  const model = tinyModel(join(at, 'model'));
  writeFileSync(join(at, 'q.png'), drawing(1));
  for (const query of [[join(at, 'q.png')], ['--text', 'the']]) {
    const { code, err } = await kin(['search', shop, ...query, '--model', model]);
    assert.equal(code, 1);
    assert.match(err, /is of no (image|text) model.*: search by vector or like/);
  }
  // There and back: the same rows.
  await kin(['export', shop, '--to', 'npy', '-o', join(at, 'w.npy')]);
  await kin(['import', join(at, 'w.npy'), '--ids', join(at, 'w.ids.json'), '--items', join(at, 'w.items.jsonl'), '--fields', 'price,colour', '-o', join(at, 'again.kin')]);
  await kin(['export', join(at, 'again.kin'), '--to', 'npy', '-o', join(at, 'x.npy')]);
  assert.ok(readFileSync(join(at, 'w.i8.npy')).equals(readFileSync(join(at, 'x.i8.npy'))));
  assert.deepEqual(lines(join(at, 'x.items.jsonl')), lines(join(at, 'w.items.jsonl')));
});

test('halves and doubles are read', async (t) => {
  const at = folder(t);
  writeFileSync(join(at, 'ids.txt'), 'a\nb\n');
  // 1, -2, 0.5, 2^-24 (the smallest), 65504 (the largest), 0 as halves
  npyFile(join(at, 'h.npy'), Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x0001, 0x7bff, 0), { descr: '<f2', shape: [2, 3] });
  npyFile(join(at, 'd.npy'), Float64Array.of(1, -2, 0.5, 2 ** -24, 65504, 0), { descr: '<f8', shape: [2, 3] });
  npyFile(join(at, 'f.npy'), Float32Array.of(1, -2, 0.5, 2 ** -24, 65504, 0), { shape: [2, 3] });
  const made = [];
  for (const name of ['h', 'd', 'f']) {
    const { code, err } = await kin(['import', join(at, `${name}.npy`), '--ids', join(at, 'ids.txt'), '-o', join(at, `${name}.kin`)]);
    assert.equal(code, 0, err);
    made.push(readFileSync(join(at, `${name}.kin`)));
  }
  assert.ok(made[0].equals(made[2]) && made[1].equals(made[2]));
});

test('vectors of any length that a double has', async (t) => {
  const at = folder(t);
  writeFileSync(join(at, 'ids.txt'), 'a\nb\n');
  const made = [];
  const given = [['<f8', Float64Array, 0], ['<f8', Float64Array, 1000], ['<f8', Float64Array, -1060], ['<f4', Float32Array, 120], ['<f4', Float32Array, -140]];
  for (const [descr, Type, exponent] of given) {
    npyFile(join(at, 'v.npy'), Type.from([1, -2, 0.5, 8, 7, 0.25], (value) => value * 2 ** exponent), { descr, shape: [2, 3] });
    const { code, err } = await kin(['import', join(at, 'v.npy'), '--ids', join(at, 'ids.txt'), '-o', join(at, 'v.kin')]);
    assert.equal(code, 0, err);
    made.push(readFileSync(join(at, 'v.kin')));
  }
  assert.deepEqual(made.map((bytes) => bytes.equals(made[0])), [true, true, true, true, true]);
});

test('headers that lie, that are no plain array, or that are programs', async (t) => {
  const at = folder(t);
  const ids = join(at, 'ids.txt');
  writeFileSync(ids, 'a\nb\n');
  const six = Float32Array.of(1, 2, 3, 4, 5, 6);
  const dict = (text) => text.padEnd(117) + '\n';
  const plain = (shape, descr = "'<f4'", order = 'False') => dict(`{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`);
  const cases = [
    [plain('(2, 4)'), /says \(2, 4\)/], [plain('(1, 3)'), /says \(1, 3\)/], [plain('(99999999999, 3)'), /shape/], [plain('(4000000000, 4000)'), /says/],
    [plain('(2, -3)'), /plain array/], [plain('(0, 3)'), /shape/], [plain('(3, 0)'), /shape/], [plain('(1, 5000)'), /shape/], [plain('(6,)'), /shape/],
    [plain('(1, 2, 3)'), /shape/], [plain('()'), /shape/], [plain('(2, 3)', "'<f4'", 'True'), /ascontiguousarray/], [plain('(2, 3)', "'>f4'"), /'>f4'/],
    [plain('(2, 3)', "'|O'"), /'\|O'/], [plain('(2, 3)', "'<i4'"), /'<i4'/], [plain('(2, 3)', "[('a', '<f4')]"), /plain array/],
    [dict("__import__('os').system('touch x') or {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), /plain array/],
    [dict("{'descr': '<f4', 'fortran_order': False, 'shape': (2, [].__len__() + 3), }"), /plain array/],
    [dict("{'descr': '<f4', 'fortran_order': False, }"), /plain array/], [dict("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}"), /plain array/],
    [dict("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}"), /plain array/], ['', /plain array/],
    [dict("{'descr': 'toString', 'fortran_order': False, 'shape': (2, 3), }"), /'toString'/],
  ];
  for (const [header, sentence] of cases) {
    npyFile(join(at, 'v.npy'), six, { header });
    assert.throws(() => openNpy(join(at, 'v.npy')), (error) => sentence.test(error.message) && /v\.npy: /.test(error.message), header);
  }
  const { code, err } = await kin(['import', join(at, 'v.npy'), '--ids', ids, '-o', join(at, 'o.kin')]);
  assert.deepEqual([code, err], [1, `kin: ${join(at, 'v.npy')}: its numbers are 'toString': save them with .astype('float32')\n`]);
  for (const bytes of ['', 'no', 'PK\x03\x04 not npy', '\x93NUMPY\x01\x00', '\x93NUMPY\x02\x00\xff\xff\xff\xff{}', '\x93NUMPY\x09\x00\x02\x00{}']) {
    writeFileSync(join(at, 'v.npy'), bytes, 'latin1');
    assert.throws(() => openNpy(join(at, 'v.npy')), /v\.npy: it/, JSON.stringify(bytes));
  }
  assert.ok(!existsSync(join(at, 'o.kin')));
  // The same file with an honest header is taken.
  npyFile(join(at, 'v.npy'), six, { header: plain('(2, 3)') });
  assert.equal((await kin(['import', join(at, 'v.npy'), '--ids', ids, '-o', join(at, 'o.kin')])).code, 0);
});

test('rows, ids and items that no catalogue can hold', async (t) => {
  const at = folder(t);
  const [npy, ids, items, out] = ['v.npy', 'ids.txt', 'items.jsonl', 'o.kin'].map((name) => join(at, name));
  const good = Float32Array.of(1, 2, 3, 4, 5, 6);
  const refused = async (values, idText, itemText, sentence, name = ids) => {
    npyFile(npy, values, { shape: [2, 3] });
    writeFileSync(name, idText);
    writeFileSync(items, itemText ?? '');
    const { code, err } = await kin(['import', npy, '--ids', name, ...itemText === undefined ? [] : ['--items', items, '--fields', '*'], '-o', out]);
    assert.equal(code, 1, String(sentence));
    assert.match(err, sentence);
    assert.ok(!existsSync(out));
  };
  for (const bad of [NaN, Infinity, -Infinity]) await refused(Float32Array.of(1, 2, 3, 4, bad, 6), 'a\nb', undefined, /row 1 \('b'\)/);
  await refused(Float32Array.of(0, 0, 0, 4, 5, 6), 'a\nb', undefined, /row 0 \('a'\)/);
  await refused(good, 'a\na\n', undefined, /id 2, 'a', is that of id 1/);
  await refused(good, 'a\n', undefined, /1 id for 2 vectors/);
  await refused(good, 'a\nb\nc', undefined, /3 ids for 2 vectors/);
  await refused(good, 'a\n\n', undefined, /id 2 is empty/);
  await refused(good, '["a", 2]', undefined, /element 2 is no text/, join(at, 'ids.json'));
  await refused(good, '["a", ', undefined, /not JSON/, join(at, 'ids.json'));
  for (const none of ['{"a":1}', 'null', '"ab"', '2']) await refused(good, none, undefined, /ids\.json holds no JSON list/, join(at, 'ids.json'));
  await refused(good, '["a","b"]', undefined, /has 1 id for 2 vectors, a line each \(a JSON list is known by its \.json\)/);
  await refused(good, 'a\nb', '{"id":"c"}', /'c', which --ids has not/);
  await refused(good, 'a\nb', '{"id":"a"}\n{"id":"a"}', /second time in line 2/);
  await refused(good, 'a\nb', '{"title":"x"}', /no id/);
  await refused(good, 'a\nb', '[1]', /line 1/);
  await refused(good, 'a\nb', '{"id":"a","title":5}', /'title' that is no text/);
  await refused(good, 'a\nb', '{"id":"a","url":"java\\tscript:alert(1)"}', /line 1: its url begins with 'javascript:'/);
  await refused(good, 'a\nb', '{"id":"a","more":{"x":1}}', /its more is neither/);
  writeFileSync(out, 'precious');
  const { code, err } = await kin(['import', npy, '--ids', ids, '-o', out]);
  assert.deepEqual([code, readFileSync(out, 'utf8')], [1, 'precious']);
  assert.match(err, /is not a catalogue/);
});

test('docs/interop.md shows the lines that the real engines are loaded by', () => {
  const [text, script] = ['docs/interop.md', 'tests/data/engines.py'].map((path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
  const shown = [...text.matchAll(/```python\n([\s\S]*?)```/g)].flatMap(([, code]) => code.trim().split('\n'));
  assert.ok(shown.length > 10);
  assert.deepEqual(shown.filter((line) => !script.includes(line.trim())), []);
});
