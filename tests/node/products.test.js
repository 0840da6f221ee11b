// Products files and folders as people have them, and columns that must not be published.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { looksPrivate, typeFields } from '../../catalog/lib/fields.js';
import { readListed } from '../../catalog/lib/pictures.js';
import { readMap, readProducts } from '../../catalog/lib/products.js';
import { drawing, folder } from './cli-support.js';

async function read(context, name, content, { map = {}, fields = [] } = {}) {
  const path = join(folder(context), name);
  writeFileSync(path, content);
  return readProducts(path, { map, fields });
}

const brief = ({ rows }) => rows.map(({ row, id, images, error }) =>
  (error ? [row, id, error.message] : [row, id, images]));

test('a byte order mark, CRLF, quotes and a line break in a cell', async (t) => {
  const products = await read(t, 'p.csv',
    '\ufeffid,title,image\r\n1,"a ""big"" one,\r\nreally",a.png\r\n2,ä,b.png\r\n');
  assert.deepEqual(brief(products), [[2, '1', ['a.png']], [4, '2', ['b.png']]]);
  assert.equal(products.rows[0].item.title, 'a "big" one,\r\nreally');
  assert.equal(products.rows[1].item.title, 'ä');
});

test('semicolons and tabs separate too, old line ends, no last line end', async (t) => {
  assert.deepEqual(brief(await read(t, 'p.csv', 'id;image\n1;a,b.png')), [[2, '1', ['a,b.png']]]);
  assert.deepEqual(brief(await read(t, 'p.tsv', 'id\timage\r1\ta.png\r2\tb.png')),
    [[2, '1', ['a.png']], [3, '2', ['b.png']]]);
});

test('several pictures: | or a JSON array', async (t) => {
  const products = await read(t, 'p.csv',
    'id,image\n1,a.png|b.png | c.png\n2,"[""a|b.png"",""c.png""]"\n3,[a.png\n4,|\n');
  assert.deepEqual(brief(products), [
    [2, '1', ['a.png', 'b.png', 'c.png']],
    [3, '2', ['a|b.png', 'c.png']],
    [4, '3', 'its image cell begins with [ but is not a JSON array'],
    [5, '4', 'it names no picture'],
  ]);
});

test('rows that fail keep their place: wrong cells, empty id, repeated id', async (t) => {
  const products = await read(t, 'p.csv', 'id,image\n1,a.png\n2,b.png,x\n,c.png\n1,d.png\n5,e.png\n');
  assert.deepEqual(brief(products), [
    [2, '1', ['a.png']],
    [3, '2', 'it has 3 cells, the first line names 2 columns'],
    [4, null, 'its id is empty'],
    [5, '1', 'its id is that of row 2'],
    [6, '5', ['e.png']],
  ]);
});

test('whole files that cannot be read get a sentence', async (t) => {
  const refuse = (name, content, what, options) =>
    assert.rejects(read(t, name, content, options), { message: what });
  await refuse('p.csv', '', /is empty/);
  await refuse('p.csv', Buffer.from('id,image\n1,\xe4.png', 'latin1'), /is not UTF-8/);
  await refuse('p.csv', Buffer.from('\ufeffid,image\n', 'utf16le'), /is UTF-16/);
  await refuse('p.csv', 'id,image\n1,"a.png\n2,b.png', /is not CSV/);
  await refuse('p.csv', 'id,image,id\n', /two columns named 'id'/);
  await refuse('p.csv', 'sku,photo\n1,a.png', /no column 'id' .*it has: sku, photo.*--map id=COLUMN/);
  await refuse('p.csv', 'id,image\n', /no column 'colour' for --fields/, { fields: ['colour'] });
  await refuse('p.parquet', 'PAR1', /come in a later release/);
  await refuse('p.xlsx', 'PK', /is no products file/);
  await refuse('p.jsonl', '[1]\n', /holds no JSON object/);
});

test('other column names are mapped, spelling of case is forgiven', async (t) => {
  const products = await read(t, 'p.csv', 'SKU,Name,Image\n7,Lamp,l.png\n',
    { map: readMap(['id=SKU,title=Name']) });
  assert.deepEqual(products.rows[0].item, { title: 'Lamp' });
  assert.deepEqual(brief(products), [[2, '7', ['l.png']]]);
  assert.throws(() => readMap(['colour=x']), /--map takes/);
});

test('JSON Lines: numbers as ids, lists of pictures, lines that are no objects', async (t) => {
  const products = await read(t, 'p.jsonl', [
    '{"id":"a","image":"a|b.png","title":"A"}', '', '{"id":42,"image":["c.png","d.png"]}',
    'nonsense', '{"id":1.5,"image":"e.png"}', '{"id":"x","image":[1]}', '{"image":"f.png"}',
    '{"id":"\\ud800","image":"g.png"}',
  ].join('\n'));
  assert.deepEqual(brief(products), [
    [1, 'a', ['a|b.png']], [3, '42', ['c.png', 'd.png']], [4, null, 'the line is not JSON'],
    [5, null, 'its id is not a string'], [6, 'x', 'its images are not a list of paths or URLs'],
    [7, null, 'its id is empty'], [8, '\ud800', 'its id is not valid Unicode'],
  ]);
});

test('a folder: paths in code-point order are the ids', async (t) => {
  const root = folder(t);
  mkdirSync(join(root, 'sub'));
  for (const name of ['b.png', 'B.jpg', '\u{1F600}.png', '\uffee.png', 'sub/a.webp', 'notes.txt',
    '.hidden.png']) writeFileSync(join(root, name), 'x');
  const { rows } = await readProducts(root, { map: {}, fields: [] });
  assert.deepEqual(rows.map((row) => row.id),
    ['B.jpg', 'b.png', 'sub/a.webp', '\uffee.png', '\u{1F600}.png']);
  assert.deepEqual(rows[2].item, { title: 'a' });
});

test('a link that runs code is a failed row', async (t) => {
  const products = await read(t, 'p.csv',
    'id,url,image\n1,javascript:alert(1),a.png\n2,/p/2,a.png\n3, JaVaScRiPt:x,a.png\n' +
    '4,https://example.com/4,a.png\n5,data:text/html;x,a.png\n');
  assert.deepEqual(products.rows.map((row) => row.error === null), [false, true, false, true, false]);
});

test('only named fields are published, private ones only by name', async (t) => {
  const csv = 'id,image,colour,unitCost,Supplier E-Mail,stock_count,price\n1,a.png,red,3,x@y.z,9,5\n';
  assert.deepEqual((await read(t, 'p.csv', csv)).published, []);
  const all = await read(t, 'p.csv', csv, { fields: ['*'] });
  assert.deepEqual(all.published, ['colour', 'price']);
  assert.deepEqual(all.withheld, ['unitCost', 'Supplier E-Mail', 'stock_count']);
  const named = await read(t, 'p.csv', csv, { fields: ['*', 'stock_count'] });
  assert.deepEqual(named.published, ['stock_count', 'colour', 'price']);
  assert.equal(named.rows[0].item.stock_count, '9');
  for (const column of ['costume', 'stockings', 'marginalia', 'accost'])
    assert.equal(looksPrivate(column), false, column);
  for (const column of ['COST', 'cost_eur', 'purchasePrice', 'e-mail', 'qtyOnHand', 'supplierId'])
    assert.equal(looksPrivate(column), true, column);
});

test('a CSV column is a number only if every cell is a plain decimal', async (t) => {
  const products = await read(t, 'p.csv',
    'id,image,price,zip,ean,sale,tags,size,none\n' +
    '1,a.png,10,01234,4006381333931,true,"[""a"",""b""]",1e3,\n' +
    '2,a.png,-0.50,20095,12345678901234567890,false,[],7,\n3,a.png,,,,,,,\n',
    { fields: ['price', 'zip', 'ean', 'sale', 'tags', 'size', 'none'] });
  assert.deepEqual(typeFields(products.rows, products.published, products.cells), {
    price: 'number', zip: 'string', ean: 'string', sale: 'boolean', tags: 'list', size: 'string',
    none: 'string',
  });
  assert.deepEqual(products.rows[1].item, { price: -0.5, zip: '20095', ean: '12345678901234567890',
    sale: false, tags: [], size: '7' });
  assert.deepEqual(products.rows[2].item, {});
});

test('JSON values keep their type; mixed ones become strings; objects are refused', async (t) => {
  const products = await read(t, 'p.jsonl', [
    '{"id":"1","image":"a","n":1,"m":1,"s":"1","l":["x"]}',
    '{"id":"2","image":"a","n":2.5,"m":"x","s":"2","l":"y"}',
    '{"id":"3","image":"a","n":{"deep":1}}'].join('\n'), { fields: ['n', 'm', 's', 'l'] });
  assert.deepEqual(typeFields(products.rows, products.published, products.cells),
    { n: 'number', m: 'string', s: 'string', l: 'list' });
  assert.deepEqual(products.rows[1].item, { n: 2.5, m: 'x', s: '2', l: ['y'] });
  assert.match(products.rows[2].error.message, /its n is neither/);
});

test('a picture outside the folder is refused, links followed', async (t) => {
  const outer = folder(t);
  const root = join(outer, 'shop');
  mkdirSync(join(root, 'sub'), { recursive: true });
  mkdirSync(join(outer, 'shop-secret'));
  writeFileSync(join(outer, 'secret.png'), drawing(1));
  writeFileSync(join(outer, 'shop-secret', 'a.png'), drawing(2));
  writeFileSync(join(root, 'in.png'), drawing(3));
  symlinkSync(join(outer, 'secret.png'), join(root, 'out.png'));
  symlinkSync(outer, join(root, 'sub', 'up'));
  symlinkSync(join(root, 'in.png'), join(root, 'link.png'));
  const read = (ref) => readListed(ref, { root, hosts: new Set() });
  const inside = new Uint8Array(drawing(3));
  for (const ref of ['in.png', './in.png', 'sub/../in.png', 'link.png'])
    assert.deepEqual(await read(ref), inside, ref);
  for (const ref of ['../secret.png', 'sub/../../secret.png', join(outer, 'secret.png'),
    join(root, 'in.png'), 'out.png', 'sub/up/secret.png', '../shop-secret/a.png', '../missing.png',
    'in.png\0.jpg', '/etc/passwd', '\\\\host\\share\\a.png', '..', '.'])
    await assert.rejects(read(ref), { code: 'outside' }, ref);
  for (const ref of ['file:///etc/passwd', 'http://example.com/a.png', 'data:image/png;base64,AA',
    'https://example.com/a.png'])
    await assert.rejects(read(ref), { code: 'refused' }, ref);
  await assert.rejects(read('missing.png'), /missing.png: there is no such file/);
  await assert.rejects(read('sub'), /sub: it is a folder/);
});
