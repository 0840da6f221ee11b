// Products files and folders as people have them, and columns that must not be published.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { looksPrivate } from '../../catalog/lib/fields.js';
import { namesOf } from '../../catalog/lib/options.js';
import { Paths } from '../../catalog/lib/paths.js';
import { readListed } from '../../catalog/lib/pictures.js';
import { readMap, readProducts } from '../../catalog/lib/products.js';
import { drawing, folder } from './cli-support.js';

// All rows of a products file in their order, those too that are reported at once.
async function collect(path, options) {
  const rows = [];
  const products = await readProducts(path, { map: {}, fields: [], ...options }, (row) => rows.push(row));
  for await (const row of products.rows()) rows.push(row);
  return { ...products, rows: rows.sort((a, b) => a.row - b.row) };
}

async function read(context, name, content, options) {
  const path = join(folder(context), name);
  writeFileSync(path, content);
  return collect(path, options);
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

test('a list in JSON begins after however many blanks', async (t) => {
  assert.deepEqual(brief(await read(t, 'p.json', `${'\n'.repeat(2 ** 22 + 1)}[{"id":"1","image":"a.png"}]`)), [[1, '1', ['a.png']]]);
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

test('text of a file with types is a picture, or a list as JSON; a number that JSON cannot hold fails its row', async (t) => {
  const products = await read(t, 'p.jsonl', ['["a.png", " b|c.png "]', '[x].png', '[1]', 'a|b.png']
    .map((image, i) => JSON.stringify({ id: `${i}`, image, n: i })).join('\n') + '\n{"id":"4","image":"a.png","n":-1e999}', { fields: ['n'] });
  assert.deepEqual(brief(products), [
    [1, '0', ['a.png', 'b|c.png']], [2, '1', ['[x].png']], [3, '2', 'its images are not a list of paths or URLs'], [4, '3', ['a|b.png']],
    [5, '4', 'its n is a number beyond 1.8e308, which JSON would drop'],
  ]);
});

test('a folder of tables, as Spark writes it, is told', async (t) => {
  const root = folder(t);
  for (const name of ['_SUCCESS', 'part-00001.parquet', 'part-00000.parquet']) writeFileSync(join(root, name), '');
  await assert.rejects(collect(root), { message: `${root} holds no pictures, but 'part-00000.parquet': name the products file itself; of several make one` });
  writeFileSync(join(root, 'a.png'), drawing(1));
  assert.deepEqual(brief(await collect(root)), [[1, 'a.png', ['a.png']]]);
});

test('rows that fail keep their place: wrong cells, empty id, repeated id', async (t) => {
  const products = await read(t, 'p.csv', 'id,image\n1,a.png\n2,b.png,x\n,c.png\n1,d.png\n5,e.png\n');
  assert.deepEqual(brief(products), [
    [2, '1', ['a.png']],
    [3, '2', "it has 3 cells, the first line names 2 columns: one with ',' in it goes into quotes"],
    [4, null, 'its id is empty'],
    [5, '1', 'its id is that of row 2'],
    [6, '5', ['e.png']],
  ]);
});

test('whole files that cannot be read get a sentence', async (t) => {
  const refuse = (name, content, what, options) =>
    assert.rejects(read(t, name, content, options), { message: what });
  await refuse('p.csv', '', /is empty/);
  await refuse('p.csv', '{', /no column 'id' .it has: \{/);
  await refuse('p.csv', Buffer.from('id,image\n1,\xe4.png', 'latin1'), /is not UTF-8/);
  await refuse('p.csv', Buffer.from('\ufeffid,image\n', 'utf16le'), /is UTF-16/);
  await refuse('p.csv', 'i', /p\.csv has no column 'id'/);
  await refuse('p.csv', gzipSync('id,image\n'), /p\.csv is packed by gzip: unpack it first$/);
  assert.equal((await read(t, 'p.csv', 'PK,id,image\n1,1,a.png\n')).rows.length, 1);
  await refuse('p.csv', Buffer.from('PK\u0003\u0004'), /p\.csv is a ZIP or a spreadsheet of Excel's: unpack it, or save it as "CSV UTF-8"$/);
  await refuse('p.csv', '"id,image\n1,a.png\n2,b.png', /line 1 must name the columns, but the quote before its cell 1/);
  await refuse('p.csv', 'id,image,id\n', /two columns named 'id'/);
  await refuse('p.csv', 'sku,photo\n1,a.png', /no column 'id' .*it has: sku, photo.*--map id=COLUMN/);
  await refuse('p.csv', 'id,image\n', /no column 'colour' for --fields/, { fields: ['colour'] });
  await refuse('p.xlsx', 'PK', /is no products file/);
  await refuse('p.jsonl', '[1]\n', /holds no JSON object/);
  await refuse('p.json', '[{"id":"1","image":"a.png"}', /is not JSON: the list does not end/);
  await refuse('p.csv', 'i\0d\0,\0', /is UTF-16, or no text/);
  await refuse('p.csv', 'id,image,price\n1,a.png,3\n', /--text names 'colour'/,
    { fields: ['price'], text: ['colour'] });
});

test('other column names are mapped, spelling of case is forgiven', async (t) => {
  const products = await read(t, 'p.csv', 'SKU,Name,Image\n7,Lamp,l.png\n',
    { map: readMap(['id=SKU,title=Name']) });
  assert.deepEqual(products.rows[0].item, { title: 'Lamp' });
  assert.deepEqual(brief(products), [[2, '7', ['l.png']]]);
  assert.throws(() => readMap(['colour=x']), /--map takes/);
});

test('names of columns with commas, several columns of pictures, as Etsy and PrestaShop have them', async (t) => {
  const shop = 'Product ID;Name *;"Images (x,y,z...)";Photo 2;"GTIN, EAN";Size (")\n7;Lamp;a.jpg,b.jpg;b.jpg;42;3\n8;Desk;;c.jpg;;\n9;Chair;;;43;5\n';
  const map = readMap(['id=Product ID,title=Name *', 'image=Images (x,y,z...), image=Photo 2']);
  const products = await read(t, 'p.csv', shop, { map, fields: namesOf(['"GTIN, EAN", Size (")']) });
  assert.deepEqual(brief(products), [[2, '7', ['a.jpg', 'b.jpg']], [3, '8', ['c.jpg']], [4, '9', 'it names no picture']]);
  assert.deepEqual(products.rows[0].item, { title: 'Lamp', 'GTIN, EAN': 42, 'Size (")': 3 });
  assert.deepEqual(namesOf(['a, b ,,', '*', '"say ""x"", y",c', '"open,d']), ['a', 'b', '*', 'say "x", y', 'c', '"open', 'd']);
  await assert.rejects(read(t, 'p.csv', shop, { map: readMap(['id=Product ID', 'image=Photo 2,image=Photo 3']) }), { message: /no column 'Photo 3'/ });
  assert.throws(() => readMap(['id=SKU,id=EAN']), { name: 'Error', message: /^--map names two columns for id, 'SKU' and 'EAN'/ });
});

test('ids that a spreadsheet has rounded are told, and no others', async (t) => {
  const { odd } = await read(t, 'p.csv', 'id;image\n4006381333931;a.jpg\n8.05632E+11;b.jpg\n8,05633E+11;c.jpg\n1E5;d.jpg\nE+11;e.jpg\n');
  assert.deepEqual(odd, ['2 ids are numbers that a spreadsheet has rounded, such as 8.05632E+11 in row 3: format its column as text and export again']);
  assert.deepEqual((await read(t, 'p.csv', 'id,image\n805632000000,a.jpg\n')).odd, []);
});

test('a column that comes twice is refused where it is read', async (t) => {
  const feed = 'id\timage\tshipping\tshipping\n1\ta.jpg\tUS\tCA\n';
  assert.deepEqual(brief(await read(t, 'p.tsv', feed)), [[2, '1', ['a.jpg']]]);
  for (const fields of [['shipping'], ['*']])
    await assert.rejects(read(t, 'p.tsv', feed, { fields }), { message: /p\.tsv has two columns named 'shipping': rename one/ });
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
    '.hidden.png', 'c.jfif', 'd.jpe', 'e.PJPEG', 'sub/x.psd']) writeFileSync(join(root, name), 'x');
  const { rows, notes } = await collect(root);
  assert.deepEqual(rows.map((row) => row.id),
    ['B.jpg', 'b.png', 'c.jfif', 'd.jpe', 'e.PJPEG', 'sub/a.webp', '\uffee.png', '\u{1F600}.png']);
  assert.deepEqual(rows[5].item, { title: 'a' });
  assert.deepEqual(notes, ['left out: 2 files that are no pictures by their names, such as notes.txt']);
});

test('a link that runs code is a failed row', async (t) => {
  const products = await read(t, 'p.csv',
    'id,url,image\n1,javascript:alert(1),a.png\n2,/p/2,a.png\n3, JaVaScRiPt:x,a.png\n' +
    '4,https://example.com/4,a.png\n5,data:text/html;x,a.png\n');
  assert.deepEqual(products.rows.map((row) => row.error === null), [false, true, false, true, false]);
});

test('what a link leads to is decided as browsers read it', async (t) => {
  const bad = ['java\tscript:alert(1)', 'java\nscript:alert(1)', 'java\rscript:x', '\u0001javascript:x', ' \t\u001fjavascript:x', 'JAVA\t\nSCRIPT:x',
    'javascript\n:x', 'vb\tscript:x', 'da\tta:text/html,x', 'blob:https://a/b', 'file:///etc/passwd', 'mailto:a@b', 'http://[', 'https://a:99999/'];
  const fine = ['/p/1', 'p/1?a=b:c', '?a=javascript:x', '#javascript:x', './javascript:x', 'p/javascript:x', '//host/x', 'ht\ttps://example.com/x', 'HTTPS://example.com'];
  const rows = [...bad, ...fine].map((url, i) => JSON.stringify({ id: String(i), url, image: 'a.png' }));
  const products = await read(t, 'p.jsonl', rows.join('\n'));
  for (const [i, url] of [...bad, ...fine].entries()) {
    assert.equal(products.rows[i].error === null, i >= bad.length, JSON.stringify(url));
    if (i < bad.length) assert.match(products.rows[i].error.message, /^its url (begins with '[a-z]+:'; only http|is no address)/);
    else assert.equal(products.rows[i].item.url, url);
  }
});

test('only named fields are published, private ones only by name', async (t) => {
  const csv = 'id,image,colour,unitCost,Supplier E-Mail,stock_count,price\n1,a.png,red,3,x@y.z,9,5\n';
  assert.deepEqual((await read(t, 'p.csv', csv)).published, []);
  const all = await read(t, 'p.csv', csv, { fields: ['*'] });
  assert.deepEqual(all.published, ['colour', 'price']);
  assert.deepEqual(all.withheld, ['unitCost', 'Supplier E-Mail', 'stock_count']);
  const named = await read(t, 'p.csv', csv, { fields: ['*', 'stock_count'] });
  assert.deepEqual(named.published, ['stock_count', 'colour', 'price']);
  assert.equal(named.rows[0].item.stock_count, 9);
  for (const column of ['costume', 'stockings', 'marginalia', 'accost', 'Bestandteile', 'marguerite'])
    assert.equal(looksPrivate(column), false, column);
  for (const column of ['COST', 'cost_eur', 'purchasePrice', 'e-mail', 'qtyOnHand', 'supplierId', 'Lagerbestand',
    'Nettoeinkaufspreis', "Prix d'achat HT", 'Coût', 'Fournisseurs', 'Inkoopprijs', 'Precio de coste', 'Proveedor'])
    assert.equal(looksPrivate(column), true, column);
});

// A column of cells -> [type, values, notes about it].
async function column(context, cells, options) {
  const quoted = cells.map((cell) => `x,"${cell.replaceAll('"', '""')}"`);
  const { rows, types, notes } = await read(context, 'p.csv', `image,id,f\n${quoted.map((line, i) =>
    line.replace(',', `,${i},`)).join('\n')}\n`, { fields: ['f'], ...options });
  return [types.f, rows.map(({ item }) => item.f ?? null), notes.join('\n')];
}

test('a CSV column is a number if every cell is one in one notation', async (t) => {
  const cases = [
    [['10', '-0.50', '', '0'], 'number', [10, -0.5, null, 0], /^fields: f \(numbers\)$/],
    [['1.299', '5'], 'number', [1.299, 5]],
    [['19,90', '1.299,00', '5', '1.299', '1,299', '1.000.000'], 'number', [19.9, 1299, 5, 1299, 1.299, 1e6],
      /^fields: f \(numbers with decimal comma\)$/],
    [['1.000.000', '5'], 'number', [1e6, 5]], [['0,123', '5'], 'number', [0.123, 5]],
    [['1234,567'], 'number', [1234.567]],
    [['€19.90', '€ 5', '7\u00a0€', '-€2', '€-3', '-4 €'], 'number', [19.9, 5, 7, -2, -3, -4],
      /f \(numbers in €\)$/],
    [['19.00 USD', '9 USD', 'USD 3'], 'number', [19, 9, 3], /numbers in USD/],
    [['1.299,00 €', '0,50 €', '7 €'], 'number', [1299, 0.5, 7], /numbers with decimal comma in €/],
    [['$1,299.00', '$9.50', '$7', '$2,400', '$1,234,567'], 'number', [1299, 9.5, 7, 2400, 1234567],
      /numbers with commas for thousands in \$/],
    [['19.90 EUR', '1,299 EUR'], 'number', [19.9, 1299], /commas for thousands in EUR/],
    [['1 299,00 €', '19,90 €', '1\u202f000 €', '1\u00a0234\u00a0567,5 €'], 'number', [1299, 19.9, 1000, 1234567.5], /with decimal comma in €/],
    [['1 299,00', '9', '-12 000,50'], 'number', [1299, 9, -12000.5]], [['CHF 1\u2019299.00', "CHF 1'000'000", 'CHF 9.50'], 'number', [1299, 1e6, 9.5]],
    [['1 299,00 zł', '5 zł'], 'number', [1299, 5], /in zł/], [['1 299 kr', '5 kr'], 'number', [1299, 5], /in kr/],
    [['1.299 €', '499 €', '0,99 €'], 'number', [1299, 499, 0.99], /with decimal comma in €/], [['1.299 €', '1.299.000 €'], 'number', [1299, 1299000]],
    [['1.299 €', '19.90 €'], 'number', [1.299, 19.9]], [['$1.299', '$1,299.00'], 'number', [1.299, 1299]],
    [['1.250 KWD', '5 KWD'], 'number', [1.25, 5], /numbers in KWD/],
    [['1,234,567', '5'], 'number', [1234567, 5]], [['1,299.00', '1.500'], 'number', [1299, 1.5]],
    [['TRUE', 'false', 'True'], 'boolean', [true, false, true], /^fields: f \(true or false\)$/],
    [['["a","b"]', '[]'], 'list', [['a', 'b'], []], /^fields: f \(lists\)$/],
    [['', ''], 'string', [null, null], /^fields: f \(text\)$/],
    [['yes', 'no'], 'string', ['yes', 'no'], /^fields: f \(text\)$/],
  ];
  for (const [cells, type, values, note = /^fields: [^\n]*$/] of cases) {
    const got = await column(t, cells);
    assert.deepEqual(got.slice(0, 2), [type, values], cells.join(' '));
    assert.match(got[2], note);
  }
});

test('a column with an odd cell stays text, and the build names row and cell', async (t) => {
  const cases = [ // cells, the row that is named, its cell, why
    [['9', '100', '1299', 'on request'], 5, 'on request', /most others are numbers/],
    [['9', '1,299', '100', '2,400'], 3, '1,299', /may part thousands or decimals; 1 more like it/],
    [['1,299.00', '1.299,00', '5'], 3, '1.299,00', /commas for thousands/], [['1,299.00 €', '5 $', '6 €'], 3, '5 $', /in €/],
    [['1.299,00 €', '1,299.00', '19.90 EUR'], 3, '1,299.00', /numbers with decimal comma in €; 1 more/],
    [['€5', '6', '7'], 2, '€5', /are numbers/], [['5 €', '6 EUR'], 3, '6 EUR', /numbers in €/],
    [['1 29,00 €', '1 299,00 €'], 2, '1 29,00 €', /numbers with decimal comma in €/],
    [['499 €', '1.299 €', '2.450 €'], 3, '1.299 €', /whose dot may part thousands or decimals; 1 more like it/],
    [['EUR 1.299', 'EUR 2.450'], 2, 'EUR 1.299', /whose dot may part thousands or decimals; 1 more/],
    [['1,299', '12,345'], 2, '1,299', /whose comma may part thousands or decimals; 1 more/],
    [['5', '007', '8'], 3, '007', /numbers/], [['5', '1e3'], 3, '1e3', /numbers/],
    [['12', '1234567890123456'], 3, '1234567890123456', /numbers/], [['5', '$5 €', '8'], 3, '$5 €', /numbers/],
    [['TRUE', 'FALSE', 'yes'], 4, 'yes', /true or false/], [['5', '6', 'true'], 4, 'true', /numbers/],
    [['5 XXL', '5', '6'], 2, '5 XXL', /numbers/], [['3', '-', '4'], 3, '-', /numbers/],
    [['5', '5.', '6'], 3, '5.', /./],
    [['19.90', '19,90', '3'], 3, '19,90', /numbers/],
  ];
  for (const [cells, row, cell, why] of cases) {
    const [type, values, notes] = await column(t, cells);
    assert.deepEqual([type, values], ['string', cells]);
    const odd = notes.split('\n')[1];
    const start = `'f' is text, for which < and > are errors: row ${row} has ${JSON.stringify(cell)}`;
    assert.ok(odd?.startsWith(start), `${cells}: ${odd}`);
    assert.match(odd, why);
    assert.match(odd, /--text f\)$/);
  }
  for (const cells of [['116 122', '128 134'], ['030 123 456', '0800 1234'], ['1 299 000x'], ["5' 6'"], ['S', 'M', '42', 'L'], ['D-01234', 'D-20095'], ['007', '008']])
    assert.deepEqual(await column(t, cells), ['string', cells, 'fields: f (text)']);
  assert.deepEqual(await column(t, ['9', '10'], { text: ['f'] }), ['string', ['9', '10'], 'fields: f (text)']);
  const kept = await column(t, ['9', 'x', '10'], { text: ['f'] });
  assert.deepEqual(kept, ['string', ['9', 'x', '10'], 'fields: f (text)']);
});

test('JSON values keep their type; mixed ones become strings, which is said; objects are refused', async (t) => {
  const lines = ['{"id":"1","image":"a","n":1,"m":1,"s":"1","l":["x"]}',
    '{"id":"2","image":"a","n":2.5,"m":"x","s":"2","l":"y"}',
    '{"id":"3","image":"a","n":{"deep":1}}', '{"id":"4","image":"a","m":3}'];
  const fields = ['n', 'm', 's', 'l'];
  const files = [['p.jsonl', lines.join('\n')], ['p.json', `[${lines.join(',\n')}]`], ['p.json', lines.join('\n')]];
  for (const [name, content] of files) {
    const products = await read(t, name, content, { fields });
    assert.deepEqual(products.types, { n: 'number', m: 'string', s: 'string', l: 'list' });
    assert.deepEqual(products.rows[1].item, { n: 2.5, m: 'x', s: '2', l: ['y'] });
    assert.match(products.rows[2].error.message, /its n is neither/);
    assert.deepEqual(products.notes.slice(0, 2), ['fields: n (numbers), m (text), s (text), l (lists)',
      `'m' is text, for which < and > are errors: row 2 has "x", most others are numbers (mend it, or say --text m)`]);
  }
  const text = await read(t, 'p.jsonl', lines.join('\n'), { fields, text: ['n', 'l'] });
  assert.deepEqual(text.rows[0].item, { n: '1', m: '1', s: '1', l: '["x"]' });
});

test('fields named as what every object inherits are published', async (t) => {
  const fields = ['constructor', 'toString', '__proto__'];
  const csv = await read(t, 'p.csv',
    'id,image,constructor,toString,__proto__\n1,a.png,Ferrari,3,x\n2,a.png,,4,y\n', { fields });
  const json = await read(t, 'p.jsonl',
    '{"id":"1","image":"a.png","constructor":"Ferrari","toString":3,"__proto__":"x"}\n' +
    '{"id":"2","image":"a.png","toString":4,"__proto__":"y"}\n', { fields: ['*'] });
  for (const { rows, types } of [csv, json]) {
    assert.equal(JSON.stringify(types), '{"constructor":"string","toString":"number","__proto__":"string"}');
    assert.deepEqual(rows.map(({ item }) => JSON.stringify(item)),
      ['{"constructor":"Ferrari","toString":3,"__proto__":"x"}', '{"toString":4,"__proto__":"y"}']);
  }
});

test('pictures parted by commas: where every piece is one, and the whole is none', async (t) => {
  const root = folder(t);
  for (const name of ['one.jpg, two.jpg', 'odd;']) writeFileSync(join(root, name), 'x');
  const cells = [
    ['a.jpg,b.jpg', ['a.jpg', 'b.jpg']], ['a.jpg, b.PNG ,c.jfif,', ['a.jpg', 'b.PNG', 'c.jfif']],
    ['https://x/a.jpg, https://x/b.jpg?v=1', ['https://x/a.jpg', 'https://x/b.jpg?v=1']],
    ['https://x/i?n=1,https://x/i?n=2', ['https://x/i?n=1', 'https://x/i?n=2']],
    ['https://x/w_4,h_4/a.jpg', ['https://x/w_4,h_4/a.jpg']],
    ['https://x/w_4,h_4/a.jpg,https://x/w_4,h_4/b.jpg', ['https://x/w_4,h_4/a.jpg', 'https://x/w_4,h_4/b.jpg']],
    ['https://x/a.jpg?v=1,2', ['https://x/a.jpg?v=1,2']],
    ['https://x/a.jpg,img/b.jpg', ['https://x/a.jpg', 'img/b.jpg']],
    ['https://x/a.jpg?fit=8,8,https://x/b.jpg?fit=8,8&ssl=1', ['https://x/a.jpg?fit=8,8', 'https://x/b.jpg?fit=8,8&ssl=1']],
    ['//x/a.jpg?v=1,2, //x/b', ['//x/a.jpg?v=1,2', '//x/b']], ['a.jpg https://x/b', ['a.jpg', 'https://x/b']],
    ['https://x/a.jpg\r\nhttps://x/b.jpg\n', ['https://x/a.jpg', 'https://x/b.jpg']], ['https://x/a b.jpg;https://x/c.jpg;', ['https://x/a b.jpg', 'https://x/c.jpg']],
    ['Boot, red.jpg', ['Boot, red.jpg']], ['a.jpg, and more', ['a.jpg, and more']],
    ['a.jpg,', ['a.jpg']], ['odd;', ['odd;']], ['one.jpg, two.jpg', ['one.jpg, two.jpg']], ['a, b.jpg|c.jpg', ['a, b.jpg', 'c.jpg']],
  ];
  writeFileSync(join(root, 'p.csv'), `id,image\n${cells.map(([cell], i) => `${i},"${cell}"`).join('\n')}\n`);
  const { rows, pictures } = await collect(join(root, 'p.csv'));
  assert.deepEqual(rows.map(({ images }) => images), cells.map(([, images]) => images));
  assert.equal(pictures, cells.flatMap(([, images]) => images).length);
});

test('paths as other machines write them', async (t) => {
  const root = folder(t);
  const [one, two] = ['gr\u00f6\u00dfe 42.jpg', 'gro\u0308\u00dfe 43.jpg']; // composed and decomposed
  mkdirSync(join(root, 'U\u0308ber'));
  for (const name of [one, `U\u0308ber/${one}`, `U\u0308ber/${two}`, '100% wool.jpg', '50%20off.jpg', '50 off.jpg',
    'shoe #1.jpg', 'b\\s.jpg'])
    writeFileSync(join(root, name), drawing(1));
  const paths = new Paths(root);
  const cases = [[one, one], ['gro\u0308\u00dfe 42.jpg', one],
    ['\u00dcber/gro\u0308\u00dfe 42.jpg', `U\u0308ber/${one}`],
    ['\u00dcber\\gr\u00f6\u00dfe 43.jpg', `U\u0308ber/${two}`],
    ['%C3%9Cber/gr%C3%B6%C3%9Fe%2043.jpg', `U\u0308ber/${two}`],
    ['.\\100% wool.jpg', './100% wool.jpg'], ['100%25%20wool.jpg', '100% wool.jpg'], ['50%20off.jpg', '50%20off.jpg'],
    ['shoe%20%231.jpg', 'shoe #1.jpg'], ['b\\s.jpg', 'b\\s.jpg'], ['none.jpg', null],
    ['gro\u0308.jpg', null], ['%zz.jpg', null]];
  for (const [ref, found] of cases) {
    assert.equal(await paths.find(ref), found, ref);
    if (found) assert.deepEqual(await readListed(found, { root, hosts: new Set() }), new Uint8Array(drawing(1)));
  }
  const outer = join(root, 'U\u0308ber');
  for (const ref of ['..\\50 off.jpg', '%2e%2e/50%20off.jpg', '..%5C50 off.jpg', 'x%00.jpg',
    '../gro\u0308\u00dfe 42.jpg']) {
    const found = await new Paths(outer).find(ref) ?? ref;
    await assert.rejects(readListed(found, { root: outer, hosts: new Set() }), { code: 'outside' }, ref);
  }
});

test('names of columns as they were typed: blanks and other code points', async (t) => {
  const csv = 'id , image,Gro\u0308\u00dfe, price\n1 , a.png ,42, 9.5 \n';
  const products = await read(t, 'p.csv', csv, { fields: ['Gr\u00f6\u00dfe', 'price'] });
  assert.deepEqual(products.rows[0].item, { 'Gr\u00f6\u00dfe': 42, price: 9.5 });
  assert.deepEqual(brief(products), [[2, '1', ['a.png']]]);
});

test('a product of more pictures than a catalogue can number fails before anything is read', async (t) => {
  const cell = (n) => Array.from({ length: n }, (_, i) => `${i}.png`).join('|');
  const products = await read(t, 'p.csv', `id,image\na,${cell(65535)}\nb,${cell(65536)}\n`);
  assert.equal(products.rows[0].images.length, 65535);
  assert.equal(products.rows[1].error.message, 'it names 65536 pictures: 65535 at most');
});

test('ids that come again are found among many, and none else', async (t) => {
  const ids = Array.from({ length: 100000 }, (_, i) => `p${i}`);
  for (const i of [7, 99999, 5000]) ids[i] = 'p3';
  const products = await read(t, 'p.csv', `id,image\n${ids.map((id) => `${id},a\n`).join('')}`);
  assert.deepEqual(products.rows.filter(({ error }) => error).map(({ row, error }) => [row, error.message]),
    [[9, 'its id is that of row 5'], [5002, 'its id is that of row 5'], [100001, 'its id is that of row 5']]);
});

test('a file that is larger than a piece and changes while it is read ends the build', async (t) => {
  const path = join(folder(t), 'p.csv');
  const content = `id,image\n${Array.from({ length: 400000 }, (_, i) => `p${i},a.jpg\n`).join('')}`;
  writeFileSync(path, content);
  const products = await readProducts(path, { map: {}, fields: [] }, assert.fail);
  await assert.rejects(async () => {
    for await (const row of products.rows())
      if (row.id === 'p5') writeFileSync(path, content.replace('p399999', 'p399998'));
  }, /was changed while it was read/);
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
