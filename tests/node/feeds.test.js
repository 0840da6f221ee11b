// What shop systems export: Shopify, WooCommerce, Google Merchant as TSV, RSS and Atom, and Parquet -> rows; the same
// files spoilt; and what `kin build --dry-run` says of them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { readForm } from '../../catalog/lib/feeds.js';
import { readMap, readProducts } from '../../catalog/lib/products.js';
import { readXml } from '../../catalog/lib/xml.js';
import { drawing, folder, kin, tinyModel } from './cli-support.js';
import { parquet, run } from './parquet-support.js';

// Rows in their order, those too that are reported at once: [row, id, pictures or the error's sentence].
async function read(context, name, content, { map, ...options } = {}) {
  const path = join(folder(context), name);
  writeFileSync(path, content);
  const rows = [];
  const products = await readProducts(path, { map: readMap(map), fields: [], ...options }, (row) => rows.push(row));
  for await (const row of products.rows()) rows.push(row);
  rows.sort((a, b) => a.row - b.row);
  return { ...products, all: rows, rows: rows.map(({ row, id, images, error }) => [row, id, error?.message ?? images]),
    items: rows.filter(({ error }) => !error).map(({ item }) => item) };
}

const refused = (context, name, content, message, options) => assert.rejects(read(context, name, content, options), { message });

/* ---- Shopify ---- */

const shopify = `Handle,Title,Vendor,Type,Tags,Published,Option1 Value,Variant Price,Variant Inventory Qty,Image Src,Image Position,Variant Image,Status
tee,Tee,Acme,Shirt,"cotton, summer",TRUE,S,"1,299.00",3,b.jpg,2,,active
tee,,,,,,M,"1,299.00",0,a.jpg,1,v.jpg,
tee,,,,,,M,,,,,a.jpg,
tee,,,,,,,,,c.jpg,10,,
draft,Draft,,,,TRUE,,5.00,,d.jpg,1,,draft
draft,,,,,,,,,e.jpg,2,,
cap,Cap,,,,TRUE,,19.90,,cap.jpg,,,active
old,Old,,,,TRUE,,5.00,,d.jpg,1,,archived
unpublished,Not yet,,,,FALSE,,5.00,,d.jpg,1,,active
`;

test('Shopify: rows of one product, pictures by position, drafts left out', async (t) => {
  const { rows, items, drafts, types, notes, withheld } = await read(t, 'p.csv', shopify, { fields: ['*'] });
  assert.deepEqual(rows, [[2, 'tee', ['a.jpg', 'b.jpg', 'c.jpg', 'v.jpg']], [8, 'cap', ['cap.jpg']]]);
  assert.deepEqual(items, [{ title: 'Tee', vendor: 'Acme', type: 'Shirt', tags: ['cotton', 'summer'], 'Option1 Value': ['S', 'M'], price: 1299 },
    { title: 'Cap', price: 19.9 }]);
  assert.deepEqual(types, { vendor: 'string', type: 'string', tags: 'list', 'Option1 Value': 'list', price: 'number' });
  assert.deepEqual([drafts, withheld], [3, ['Variant Inventory Qty']]);
  assert.equal(notes[0], "read as a Shopify export: id from 'Handle', title from 'Title', image from 'Image Src', image from 'Variant Image'");
  assert.equal(notes[1], 'left out: 3 drafts');
});

test('Shopify: TRUE as a spreadsheet of another language saves it', async (t) => {
  const { rows, drafts } = await read(t, 'p.csv', 'Handle;Title;Published;Image Src\na;A;WAHR;a.jpg\nb;B;FALSCH;b.jpg\n');
  assert.deepEqual([rows, drafts], [[[2, 'a', ['a.jpg']]], 1]);
});

test('Shopify: the columns of its newer template, and a title in every row', async (t) => {
  const { rows, items } = await read(t, 'p.csv', 'Title,URL handle,Published on online store,Status,Price,Product image URL,Variant image URL\n' +
    'Tee,tee,TRUE,Active,5,a.jpg,\nTee,tee,TRUE,Active,6,b.jpg,v.jpg\nCap,cap,false,Active,5,c.jpg,\nHat,hat,,Unlisted,5,c.jpg,\n', { fields: ['price'] });
  assert.deepEqual(rows, [[2, 'tee', ['a.jpg', 'b.jpg', 'v.jpg']]]);
  assert.deepEqual(items, [{ title: 'Tee', price: 5 }]);
});

test('Shopify: rows that lie apart, come twice, belong to none or are broken move no other', async (t) => {
  const { rows, drafts } = await read(t, 'p.csv', `Handle,Title,Image Src,Status
tee,,t2.jpg,
tee,Tee,t1.jpg,active
cap,Cap,c1.jpg,active
tee,,t3.jpg,
cap,"Cap "2",c2.jpg,active
cap,,c3.jpg,
lost,,l.jpg,
dr,Draft,d.jpg,draft
tee,Tee again,t4.jpg,active
dr,,d2.jpg,
,Nameless,n.jpg,active
tee,,t5.jpg,
bag,Bag,,active
`);
  assert.deepEqual(rows, [
    [3, 'tee', ['t1.jpg', 't2.jpg', 't3.jpg', 't5.jpg']],
    [4, 'cap', ['c1.jpg', 'c3.jpg']],
    [6, null, 'its cell 2 goes on after the closing quote: inside quotes a quote is written twice'],
    [8, 'lost', "it belongs to 'lost', of which there is no first row"],
    [10, 'tee', 'its id is that of row 3'],
    [12, null, 'its id is empty'],
    [14, 'bag', 'it names no picture'],
  ]);
  assert.equal(drafts, 1);
});

/* ---- WooCommerce ---- */

test('WooCommerce: variations wherever they lie, by SKU or id, drafts left out', async (t) => {
  const { rows, items, drafts } = await read(t, 'p.csv', `ID,Type,SKU,Name,Published,Visibility in catalog,Regular price,Categories,Parent,Images
45,variation,tee-red,Tee - red,1,visible,20,,tee,red.jpg
44,"variable, virtual",tee,Tee,1,visible,,"Clothing > T, Nuts\\, bolts",,"a.jpg, b.jpg"
46,subscription_variation,,Tee - blue,1,visible,21,,id:44,"blue.jpg, a.jpg"
47,variation,,Tee - not yet,0,visible,21,,id:44,no.jpg
50,simple,'@cap,'-50% Cap,1,catalog,9.50,,,"https://shop.example/cap?a=1, https://shop.example/w_4\\,h_4/cap.jpg?fit=8\\,8, https://shop.example/cap.jpg?fit=8\\,8"
51,simple,,Private,0,visible,1,,,p.jpg
52,simple,,Draft,'-1,visible,1,,,p.jpg
53,simple,,Hidden,1,hidden,1,,,p.jpg
60,variable,hat,Draft hat,-1,visible,,,,h.jpg
61,variation,,Draft hat - red,1,visible,3,,hat,h2.jpg
70,variation,,Lost,1,visible,3,,gone,h2.jpg
`, { fields: ['price', 'categories', 'sku'] });
  assert.deepEqual(rows, [[3, '44', ['a.jpg', 'b.jpg', 'red.jpg', 'blue.jpg']], [6, '50', ['https://shop.example/cap?a=1', 'https://shop.example/w_4,h_4/cap.jpg?fit=8,8', 'https://shop.example/cap.jpg?fit=8,8']],
    [12, '70', "it belongs to 'gone', of which there is no first row"]]);
  assert.deepEqual(items, [{ title: 'Tee', price: 20, categories: ['Clothing > T', 'Nuts, bolts'], sku: 'tee' },
    { title: '-50% Cap', price: 9.5, sku: '@cap' }]);
  assert.equal(drafts, 4);
});

/* ---- Google Merchant ---- */

const google = {
  'p.tsv': 'id\ttitle\tlink\timage link\tadditional image link\tprice\tavailability\titem group id\tcost of goods sold\n' +
    '1\t27" Monitor & more\thttps://x.example/1\thttps://x.example/1.jpg\thttps://x.example/1b.jpg,https://x.example/1c.jpg\t1.299,00 EUR\tin stock\tg\t5 EUR\n' +
    '2\tBöard\thttps://x.example/2\timg/2.jpg\t\t19,90 EUR\tout of stock\tg\t\n',
  'rss.xml': `<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><link>https://x.example</link>
<item><g:id>1</g:id><title><![CDATA[27" Monitor & ]]>more</title><link>https://x.example/1</link>
  <g:image_link>https://x.example/1.jpg</g:image_link><g:additional_image_link>https://x.example/1b.jpg</g:additional_image_link>
  <g:additional_image_link> https://x.example/1c.jpg </g:additional_image_link><g:price>1.299,00 EUR</g:price>
  <g:shipping><g:id>no</g:id><g:price>5 EUR</g:price></g:shipping><g:availability>in stock</g:availability>
  <g:item_group_id>g</g:item_group_id><g:cost_of_goods_sold>5 EUR</g:cost_of_goods_sold></item>
<item><guid>x</guid><id>other</id><g:id>2</g:id><g:title>B&#246;ard</g:title><title>not this</title><g:link>https://x.example/2</g:link>
  <g:image_link>img/2.jpg</g:image_link><g:price>19,90 EUR</g:price><g:availability>out of stock</g:availability>
  <g:item_group_id>g</g:item_group_id></item>
</channel></rss>`,
  'atom.xml': Buffer.from(`<?xml version='1.0' encoding='ISO-8859-1'?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:shop="http://base.google.com/ns/1.0"><title>Shop</title>
<entry><id>tag:1</id><shop:id>1</shop:id><title>27" Monitor &amp; more</title><link rel="edit" href="https://no.example"/>
  <link rel="alternate" href="https://x.example/1"/><shop:image_link>https://x.example/1.jpg</shop:image_link>
  <shop:additional_image_link>https://x.example/1b.jpg</shop:additional_image_link>
  <shop:additional_image_link>https://x.example/1c.jpg</shop:additional_image_link><shop:price>1.299,00 EUR</shop:price>
  <shop:availability>in stock</shop:availability><shop:item_group_id>g</shop:item_group_id></entry>
<entry><shop:id>2</shop:id><title>Böard</title><link href="https://x.example/2"/><shop:image_link>img/2.jpg</shop:image_link>
  <shop:price>19,90 EUR</shop:price><shop:availability>out of stock</shop:availability><shop:item_group_id>g</shop:item_group_id></entry>
</feed>`, 'latin1'),
};

test('Google Merchant: TSV, RSS and Atom are the same products', async (t) => {
  for (const [name, content] of Object.entries(google)) {
    const { all, items, types } = await read(t, name, content, { fields: ['price', 'availability', 'item_group_id'] });
    assert.deepEqual(all.map(({ id, images, error }) => [id, images, error]), [
      ['1', ['https://x.example/1.jpg', 'https://x.example/1b.jpg', 'https://x.example/1c.jpg'], null], ['2', ['img/2.jpg'], null]], name);
    assert.deepEqual(items, [
      { title: '27" Monitor & more', url: 'https://x.example/1', price: 1299, availability: 'in stock', item_group_id: 'g' },
      { title: 'Böard', url: 'https://x.example/2', price: 19.9, availability: 'out of stock', item_group_id: 'g' }], name);
    assert.equal(types.price, 'number');
    const { published, withheld } = await read(t, name, content, { fields: ['*'] });
    assert.ok(published.includes('item_group_id') && !published.some((field) => field.startsWith('cost')), name);
    assert.deepEqual(withheld.map((column) => column.replaceAll('_', ' ')), name === 'atom.xml' ? [] : ['cost of goods sold']);
  }
});

test('what comes several times in some items of a feed is a list in all', async (t) => {
  const item = (id, kinds) => `<item><g:id>${id}</g:id><title>T</title><g:image_link>a.jpg</g:image_link>` +
    `${kinds.map((kind) => `<g:product_type>${kind}</g:product_type>`).join('')}</item>`;
  const { items, types } = await read(t, 'p.xml', `<rss><channel>${item(1, ['5', '6'])}${item(2, ['7'])}${item(3, [])}</channel></rss>`, { fields: ['product_type'] });
  assert.equal(types.product_type, 'list');
  assert.deepEqual(items.map(({ product_type: kind }) => kind), [['5', '6'], ['7'], undefined]);
});

const feed = (items) => `<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Tom & Jerry's</title>\n${items}\n</channel></rss>`;
const item = (id, title, more = '') => `<item><g:id>${id}</g:id><title>${title}</title><g:image_link>a.jpg</g:image_link>${more}</item>`;

test('XML: what is not well formed costs its item, entities are not expanded, elements do not grow', async (t) => {
  const bomb = `<!DOCTYPE rss [<!ENTITY a "${'x'.repeat(1000)}">${'bcdefghijk'.split('').map((name, i) =>
    `<!ENTITY ${name} "${`&${'abcdefghij'[i]};`.repeat(10)}">`).join('')}<!ENTITY file SYSTEM "file:///etc/passwd">]>`;
  const { rows } = await read(t, 'p.xml', `<?xml version="1.0"?>${bomb}${feed([item(1, 'one'), item(2, '&k;'), item(3, '&file;'), item(4, 'R & D'),
    item(5, 'x</g:title>'), '<item><g:id>6</g:id>', item(7, 'seven'), item(8, '<b>bold</b>'), item(9, 'n&#x1F600;n'), item('', 'x'),
    item(11, '', '<g:image_link>b.jpg</g:image_link>')].join('\n'))}`);
  assert.deepEqual(rows.map(([row, id, result]) => [row, id, typeof result === 'string' ? result.replace(/\d+/, 'N') : result]), [
    [1, '1', ['a.jpg']],
    [2, null, 'it is not well-formed XML: invalid character entity (line N)'],
    [3, null, 'it is not well-formed XML: invalid character entity (line N)'],
    [4, null, 'it is not well-formed XML: invalid character in entity name (line N)'],
    [5, null, 'it is not well-formed XML: unexpected close tag (line N)'],
    [6, null, 'it does not end before the next one begins'],
    [7, '7', ['a.jpg']], [8, '8', ['a.jpg']], [9, '9', ['a.jpg']], [10, null, 'its id is empty'], [11, '11', ['a.jpg', 'b.jpg']]]);
});

test('XML as PHP sends it: HTML characters, and words behind the feed', async (t) => {
  const { rows, items } = await read(t, 'p.xml', `\n<?xml version="1.0"?>\n${feed(item(1, 'caf&eacute;&nbsp;noir'))}\n<!-- cached -->\n<br />\n<b>Notice</b>: Undefined index\n` +
    `<p><item><g:id>no</g:id></item></p>`);
  assert.deepEqual(rows, [[1, '1', ['a.jpg']]]);
  assert.equal(items[0].title, 'caf\u00e9\u00a0noir');
});

test('XML reads the same wherever its pieces end', async () => {
  const text = feed(`${item(1, '<![CDATA[a ]] b]]>&amp;c', '<!-- <item> --><g:link/>')}${item(2, 'R & D')}<item><g:id>3</g:id>${item(4, 'x</i>')}${item(5, 'é')}`);
  const records = async (length) => {
    const found = [];
    const pieces = async function* () {
      for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length);
    };
    for await (const { row, value, error } of readXml(pieces(), 'p.xml')) found.push([row, value ?? error.message]);
    return found;
  };
  const whole = await records(text.length);
  assert.deepEqual(whole.map(([row, value]) => [row, value.title]), [[1, 'a ]] b&c'], [2, undefined], [3, undefined], [4, undefined], [5, 'é']]);
  for (const length of [1, 2, 3, 7, 100]) assert.deepEqual(await records(length), whole, `pieces of ${length}`);
});

const over = 2 ** 24 + 2 ** 22 + 1000; // characters, more than one item or piece may have

test('XML that is no feed is refused in a sentence', async (t) => {
  for (const [content, message] of [
    ['', /is not a feed: it holds no element$/],
    ['id,title\n1,a', /is not a feed: it is not well-formed XML: non-whitespace before first tag \(line 1\)$/],
    ['<html><body><item/></body></html>', /its first element is <html>, not <rss> of RSS or <feed> of Atom \(line 1\)$/],
    [feed('').replace(' & ', ' '), /is a feed without an <item> or <entry> that can be read$/], [feed(''), /invalid character in entity name/],
    [feed(item(1, 'a')).slice(0, -30), /it ends inside item 1, with elements that are not closed/],
    [`${feed(item(1, 'a')).slice(0, -12)}`, /it ends inside its first element/],
    [feed('<a>'.repeat(100)), /nested more than 64 deep/],
    [feed(`<item ${Array.from({ length: 2000 }, (_, i) => `a${i}="x"`).join(' ')}/>`), /more than 1000 attributes/],
    [feed(`<!-- ${'x'.repeat(over)} -->`), /a part of it has more than 16 million characters/],
    [feed(item(1, 'x'.repeat(2 ** 24 + 1))), /item 1 has more than 16 million characters/],
    [Buffer.from(feed(item(1, 'ä')), 'latin1'), /is not UTF-8: save it as UTF-8/],
    [`<?xml version="1.0" encoding="klingon-1"?>${feed(item(1, 'a'))}`, /says that it is in 'klingon  '/],
    [Buffer.from(`\ufeff${feed(item(1, 'a'))}`, 'utf16le'), /is UTF-16, or no text/],
    ['<rss>\0</rss>', /no text/],
    [feed('<item><g:id>1</g:id></item>'), /has no column 'image' \(it has: id\)/],
  ]) await refused(t, 'p.xml', content, message);
});

/* ---- Parquet ---- */

const golden = new URL('../golden/parquet/', import.meta.url);
const plainColumns = { fields: ['price', 'sale', 'brand', 'since'] };

test('Parquet of other writers, in all codecs, several row groups: exact ids, lists, dates, 32 bits', async (t) => {
  const names = readdirSync(golden).sort();
  assert.equal(names.length, 7);
  const found = [];
  for (const name of names) found.push(await read(t, name, readFileSync(new URL(name, golden)), plainColumns));
  assert.deepEqual(found[0].rows, [...[1, 2, 3, 4, 5, 6].map((row, i) => [row, `900719925474099${3 + i}`, row === 5 ? ['p4.jpg'] : [`p${i}.jpg`, `q${i}.jpg`]]),
    [7, '5', ['p6.jpg', 'q6.jpg']]]);
  assert.deepEqual(found[0].types, { price: 'number', sale: 'boolean', brand: 'string', since: 'string' });
  assert.deepEqual(found[0].items.slice(0, 4), [
    { title: 'Größe 0', price: 19.9, sale: true, brand: 'A', since: '2024-01-01' },
    { title: 'Größe 1', price: 5.25, sale: false, brand: 'B', since: '2024-01-02' },
    { title: 'Größe 2', brand: 'A', since: '2024-01-03' },
    { sale: true, brand: 'A', since: '2024-01-04' }]);
  for (const { rows, items, types } of found) assert.deepEqual([rows, items, types], [found[0].rows, found[0].items, found[0].types]);
});

test('Parquet that lies about itself is refused in a sentence, in little time and memory', async (t) => {
  const open = (claims) => read(t, 'p.parquet', parquet(['a', 'b'], claims), { map: ['image=id'] });
  for (const claims of [{}, { levels: run(2) }]) assert.deepEqual((await open(claims)).rows, [[1, 'a', ['a']], [2, 'b', ['b']]]);
  for (const [claims, message] of [
    [{ footerBytes: 2 ** 31 }, /its footer claims to have 2147483648 bytes$/], [{ footerBytes: 10 }, /its bytes are not sound$/],
    [{ magic: 'PARE' }, /it is encrypted$/], [{ magic: 'ZIP!' }, /it does not end as Parquet does$/],
    [{ rows: 2 ** 40 }, /a row group claims to have 1099511627776 rows$/], [{ rows: 1000 }, /claims to have 1000 rows, its column 2 values$/],
    [{ values: 2 ** 31 - 1 }, /its bytes are not sound$/], [{ pageBytes: 2 ** 31 - 1 }, /its bytes are not sound$/],
    ...[1, 6].map((codec) => [{ unpackedBytes: 2 ** 31 - 1, codec }, /a page claims to hold 2147483647 bytes$/]),
    [{ offset: 2 ** 40 }, /a part of it lies outside the file$/], [{ chunkBytes: 2 ** 40 }, /claims to hold 1099511627776 bytes$/],
  ]) await assert.rejects(open(claims), { message }, JSON.stringify(claims));
  for (const content of ['', 'PAR1', 'PAR1PAR1PAR1', 'id,image\n1,a.jpg\n'])
    await refused(t, 'p.parquet', content, /p\.parquet is not Parquet that can be read: (?:it is too short|it does not end as Parquet does|its footer claims to have 827474256 bytes)$/);
});

test('Parquet that is spoilt anywhere gives rows or a sentence', async (t) => {
  const sound = readFileSync(new URL('pyarrow-snappy.parquet', golden));
  const path = join(folder(t), 'p.parquet');
  let refusals = 0;
  for (let at = 11; at < sound.length; at += Math.ceil(sound.length / 8)) {
    const spoilt = Buffer.from(sound);
    spoilt[at] ^= 0x55;
    writeFileSync(path, spoilt);
    try {
      const products = await readProducts(path, { map: {}, ...plainColumns }, () => {});
      for await (const row of products.rows()) assert.ok(row.row >= 1 && row.row <= 7);
    } catch (error) {
      refusals++;
      assert.ok(error.message.startsWith(path), error.stack);
    }
  }
  assert.ok(refusals > 2, `${refusals} refusals`);
});

/* ---- any of them ---- */

test('--from forces a feed or refuses it, --map wins, --separator too', async (t) => {
  const woo = 'ID|SKU|Name|Images|Published\n1|a|A|p.jpg|-1\n2|b|B|q.jpg|1\n';
  const form = (values) => ({ ...readForm(values) });
  assert.deepEqual((await read(t, 'p.csv', woo, form({ separator: '|' }))).rows, [[3, '2', ['q.jpg']]]);
  assert.deepEqual((await read(t, 'p.csv', woo, { ...form({ separator: '|' }), map: ['id=SKU'] })).rows, [[3, 'b', ['q.jpg']]]);
  assert.deepEqual((await read(t, 'p.csv', woo, { ...form({ separator: '|', from: 'plain' }), map: ['image=Images'] })).rows, [[2, '1', ['p.jpg']], [3, '2', ['q.jpg']]]);
  for (const separator of ['tab', '\t', '\\t'])
    assert.deepEqual((await read(t, 'p.csv', 'id\timage;x\n1\ta.jpg\n', { ...form({ separator }), map: ['image=image;x'] })).rows, [[2, '1', ['a.jpg']]]);
  const part = 'Code;Name;Images;Published\n1;A;p.jpg;0\n2;B;q.jpg;1\n';
  assert.deepEqual((await read(t, 'p.csv', part, { from: 'woocommerce', map: ['id=Code'] })).rows, [[3, '2', ['q.jpg']]]);
  await refused(t, 'p.csv', part, /is not a WooCommerce export: it has no column 'ID' \(it has: Code, Name, Images, Published\)/, { from: 'woocommerce' });
  await refused(t, 'p.csv', 'id,image\n1,a.jpg\n', /is not a Shopify export: it has no column 'Handle'/, { from: 'shopify' });
  assert.throws(() => readForm({ from: 'magento' }), { message: "--from must be plain or shopify or woocommerce or google, not 'magento'" });
  assert.throws(() => readForm({ separator: 'x' }), { message: "--separator must be , or ; or | or tab, not 'x'" });
  await refused(t, 'p.json', '[]', /--separator is for CSV/, { separator: ';' });
});

test('fields go by the feed\'s names and by the file\'s, those of known feeds are public', async (t) => {
  const csv = 'Handle,Title,Image Src,Variant Price,Vendor,Cost per item\ntee,Tee,a.jpg,5.00,Acme,2\n';
  assert.deepEqual((await read(t, 'p.csv', csv, { fields: ['price', 'Variant Price'] })).items, [{ title: 'Tee', price: 5, 'Variant Price': 5 }]);
  assert.deepEqual((await read(t, 'p.csv', csv, { fields: ['*', 'Cost per item'] })).items, [{ title: 'Tee', 'Cost per item': 2, price: 5, vendor: 'Acme' }]);
  assert.deepEqual((await read(t, 'p.csv', csv, { fields: ['*'], from: 'plain', map: ['id=Handle', 'image=Image Src', 'title=Title'] })).withheld, ['Vendor', 'Cost per item']);
  await refused(t, 'p.csv', csv, /has no column 'colour' for --fields/, { fields: ['colour'] });
});

const big = 10 * 2 ** 20;
const headers = { shopify: 'Handle,Title,Image Src', woocommerce: 'ID,Name,Images', google: 'id,title,image_link', plain: 'id,title,image' };

test('cells of 10 MB, NUL and other bytes cost their row at most, whatever the feed', async (t) => {
  for (const [name, header] of Object.entries(headers)) {
    const { rows } = await read(t, 'p.csv', [header, `1,${'A'.repeat(1000)},a.jpg`, `2,${'x'.repeat(big)},b.jpg`, `3,C,${'x'.repeat(10000)}`, '4,D\0,d.jpg',
      '5,E,e\0.jpg', '6,"F,f.jpg', '7,G,g.jpg\n'].join('\n'));
    assert.deepEqual(rows, [[2, '1', ['a.jpg']], [3, '2', ['b.jpg']], [4, '3', 'the address of its picture has 10000 characters: 8192 at most'],
      [5, '4', ['d.jpg']], [6, '5', ['e\0.jpg']], // refused when it is read
      [7, null, 'the quote before its cell 2 is never closed'], [8, '7', ['g.jpg']]], name);
    await refused(t, 'p.csv', Buffer.from(`${header}\n1,\xe4,a.jpg\n`, 'latin1'), /is not UTF-8: save it as UTF-8/);
    await refused(t, 'p.csv', Buffer.from(`\ufeff${header}\n`, 'utf16le'), /is UTF-16, or no text/);
  }
  const names = Array.from({ length: 2 ** 17 }, (_, i) => `c${i}`);
  await refused(t, 'p.csv', `id,image,${names.join(',')}\n`, /has more than 10000 columns$/);
  await refused(t, 'p.jsonl', names.map((name) => `{"${name}":1}`).join('\n'), /has more than 10000 columns$/);
  await refused(t, 'p.xml', feed(item(1, 'a', names.map((name) => `<${name}>x</${name}>`).join('')).slice(0, 2 ** 22)), /item 1 has more than 10000 names/);
  await assert.rejects(read(t, 'p.csv', `${'x'.repeat(big)},y\n1,2\n`), ({ message }) => message.length < 1000 && /has no column 'id'/.test(message));
});

test('blanks, commas and dots by the million take no longer than as many letters', async (t) => {
  const [blanks, commas] = [' '.repeat(2 ** 20), ','.repeat(2 ** 20)];
  const { rows, types } = await read(t, 'p.csv', `id,image,price\n1,a.jpg," ${blanks}x"\n2,b.jpg,5\n3,"x${blanks},y",6\n4,"${commas}",7\n` +
    `5,"e.jpg?${blanks}${commas}",${'1.'.repeat(2 ** 20)}\n6,f.jpg,${'1.000'.repeat(2 ** 20)}\n`, { fields: ['price'] });
  assert.deepEqual(rows.map(([row, id, result]) => [row, id, typeof result === 'string' ? result.replace(/\d+/, 'N') : result]), [
    [2, '1', ['a.jpg']], [3, '2', ['b.jpg']], [4, '3', 'the address of its picture has N characters: 8192 at most'],
    [5, '4', 'it names no picture'], [6, '5', ['e.jpg?']],
    [7, '6', ['f.jpg']]]);
  assert.equal(types.price, 'string');
});

// Bytes of JavaScript's heap that are alive, at most, while a file of `count` products is read. Not a limit on the whole
// heap: when the collector runs, and so whether a limit is met, hangs on how busy the machine is.
async function liveBytes(root, name, write, count) {
  const path = join(root, name);
  writeFileSync(path, write(Array.from({ length: count }, (_, i) => i)));
  const library = new URL('../../catalog/lib/products.js', import.meta.url);
  const script = `import { readProducts } from ${JSON.stringify(library)};
    let peak = 0;
    const look = () => { gc(); peak = Math.max(peak, process.memoryUsage().heapUsed); };
    const timer = setInterval(look, 20); // while columns and types are looked for, too
    const products = await readProducts(process.argv[1], { map: {}, fields: ['price'] }, console.error);
    let [n, sum] = [0, 0];
    for await (const { item, images } of products.rows()) {
      [n, sum] = [n + images.length, sum + item.price];
      if (n % 8000 === 0) look();
    }
    clearInterval(timer);
    console.log(n, sum, peak);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--input-type=module', '-e', script, path]);
  const [n, sum, peak] = stdout.trim().split(' ').map(Number);
  assert.equal(sum, count * (count - 1) / 2 + count / 2);
  return { n, peak };
}

test('files of any length are read in flat memory', async (t) => {
  const root = folder(t);
  const files = {
    'plain.csv': [1, (all) => `id,image,price\n${all.map((i) => `p${i},a.png,${i}.50\n`).join('')}`],
    'shopify.csv': [2, (all) => 'Handle,Title,Image Src,Variant Price\n' +
      all.map((i) => `p${i},Title ${i},${i}.png,${i}.50\np${i},,${i}-2.png,1\n`).join('')],
    'p.xml': [2, (all) => feed(all.map((i) => `<item><g:id>p${i}</g:id><title>Title ${i}</title><g:description>${'long '.repeat(30)}</g:description>` +
      `<g:image_link>${i}.png</g:image_link><g:additional_image_link>${i}-2.png</g:additional_image_link><g:price>${i}.50</g:price></item>\n`).join(''))],
  };
  for (const [name, [pictures, write]] of Object.entries(files)) {
    const [less, more] = [await liveBytes(root, name, write, 8000), await liveBytes(root, name, write, 40000)];
    assert.deepEqual([less.n, more.n], [8000 * pictures, 40000 * pictures]);
    assert.ok(more.peak - less.peak < 2e6, `${name}: ${less.peak} bytes live, ${more.peak} for 32,000 products more`);
  }
});

test('a feed becomes a catalogue of its products, and what fails leaves the others as they are', async (t) => {
  const root = folder(t);
  for (const [i, name] of ['a', 'b', 'c'].entries()) writeFileSync(join(root, `${name}.jpg`), drawing(i + 1));
  const [out, model] = [join(root, 'x.kin'), tinyModel(join(root, 'model'))];
  writeFileSync(join(root, 'p.xml'), feed(`${item(1, 'One', '<g:additional_image_link>b.jpg</g:additional_image_link><g:price>9.50 EUR</g:price>')}
    ${item(2, 'R & D')}${item(3, 'Three').replace('a.jpg', 'none.jpg')}${item(4, 'Four', '<g:price>1,299.00 EUR</g:price>').replace('a.jpg', 'c.jpg')}`));
  writeFileSync(join(root, 'p.csv'), 'Handle,Title,Image Src,Variant Price,Status\n1,One,a.jpg,9.50 EUR,active\n5,Draft,a.jpg,1 EUR,draft\n1,,b.jpg,,\n' +
    '4,Four,c.jpg,"1,299.00 EUR",active\n');
  for (const [name, code] of [['p.xml', 3], ['p.csv', 0]]) {
    const built = await kin(['build', join(root, name), '-o', out, '--model', model, '--fields', 'price']);
    assert.equal(built.code, code, built.err);
    assert.deepEqual((await kin(['inspect', out, '--public'])).lines(), [{ id: '1', title: 'One', price: 9.5, image: ['a.jpg', 'b.jpg'] },
      { id: '4', title: 'Four', price: 1299, image: 'c.jpg' }], name);
  }
});

/* ---- --dry-run ---- */

test('--dry-run: mapping, three products, counts and reasons; nothing is written, no model is needed', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'p.csv'), `${shopify}a,A,,,,,,,,,,,\nb,B,,,,,,,,,,,\ntee,Tee,,,,,,,,x.jpg,,,\nhat,Hat,,,,,,on request,,h.jpg,,,\nsock,Sock,,,,,,4,,s.jpg,,,\n`);
  const before = readdirSync(root);
  const args = ['build', join(root, 'p.csv'), '--dry-run', '--fields', 'price,tags', '--model', join(root, 'none')];
  const { code, out, err } = await kin(args);
  assert.equal(code, 3, err);
  assert.equal(err, '');
  assert.deepEqual(out.split('\n'), [
    'read as a Shopify export',
    "  id               'Handle'", "  title            'Title'", "  image            'Image Src', 'Variant Image'",
    "  price            'Variant Price', a field (string)", "  tags             'Tags', a field (list)",
    'ignored, unless --fields names them: Vendor, Type, Option1 Value, Variant Inventory Qty',
    `'price' is text, for which < and > are errors: row 14 has "on request", most others are numbers with commas for thousands (mend it, or say --text price)`,
    '{"id":"tee","title":"Tee","price":"1,299.00","tags":["cotton","summer"],"image":["a.jpg","b.jpg","c.jpg","v.jpg"]}',
    '{"id":"cap","title":"Cap","price":"19.90","image":"cap.jpg"}', '{"id":"hat","title":"Hat","price":"on request","image":"h.jpg"}',
    '4 products, 7 pictures (not looked at); left out: 3 drafts; 3 rows would fail',
    '  2 rows, first row 11: it names no picture', '  1 row, first row 13: its id is that of row 2', '']);
  const [found] = (await kin([...args, '--json'])).lines();
  assert.deepEqual([found.products, found.pictures, found.drafts, found.rows_failed, found.samples.length], [4, 7, 3, 3, 3]);
  assert.deepEqual(found.columns, { id: 'Handle', title: 'Title', image: ['Image Src', 'Variant Image'] });
  assert.deepEqual(found.reasons[0], { rows: 2, first: 11, message: 'it names no picture' });
  assert.deepEqual(readdirSync(root), before);
});

test('--dry-run: the hosts that pictures would be fetched from', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'p.csv'), 'id,image\n1,foto: 1.jpg|//cdn.example/a.jpg|https://CDN.example/b.jpg\n2,http://old.example/a.jpg|https://x.example:8443/a b.jpg\n3,https://:1/x\n');
  const args = ['build', join(root, 'p.csv'), '--dry-run'];
  assert.deepEqual((await kin(args)).out.split('\n').slice(-4, -1), ['3 products, 6 pictures (not looked at)',
    '  fetched from cdn.example (2), x.example:8443 (1): build needs --allow-host for each', '  not fetched, since not by https: http://old.example (1)']);
  assert.deepEqual((await kin([...args, '--json'])).lines()[0].hosts, [{ host: 'cdn.example', pictures: 2 }, { host: 'http://old.example', pictures: 1 },
    { host: 'x.example:8443', pictures: 1 }]);
});

test('--dry-run of a folder, of a private column, of drafts alone and of what cannot be read', async (t) => {
  const root = folder(t);
  mkdirSync(join(root, 'shop'));
  writeFileSync(join(root, 'shop', 'a.jpg'), 'x');
  assert.match((await kin(['build', join(root, 'shop'), '--dry-run'])).out, /^read as a folder\n[^]*"id":"a.jpg"[^]*\n1 product, 1 picture/);
  writeFileSync(join(root, 'p.csv'), 'id,image,unit_cost,colour\n1,a.jpg,3,red\n');
  assert.match((await kin(['build', join(root, 'p.csv'), '--dry-run', '--fields', '*'])).out, /\nnot published, looks private: unit_cost\n/);
  writeFileSync(join(root, 'p.csv'), 'Handle,Title,Image Src,Status\na,A,a.jpg,draft\n');
  const drafts = await kin(['build', join(root, 'p.csv'), '--dry-run']);
  assert.deepEqual([drafts.code, /\n0 products, 0 pictures \(not looked at\); left out: 1 draft\n/.test(drafts.out)], [0, true]);
  const built = await kin(['build', join(root, 'p.csv'), '-o', join(root, 'x.kin')]);
  assert.deepEqual([built.code, built.err.split('\n').at(-2)], [1, `kin: ${join(root, 'p.csv')} holds no products but drafts`]);
  writeFileSync(join(root, 'p.parquet'), 'id,image\n');
  const spoilt = await kin(['build', join(root, 'p.parquet'), '--dry-run']);
  assert.deepEqual([spoilt.code, spoilt.out], [1, '']);
  assert.match(spoilt.err, /^kin: .*p\.parquet is not Parquet that can be read: [^\n]*\n$/);
});
