// kin build on what shops have: product files out of spreadsheets and shop systems, each with the rows that come
// of it; and what has to be found before the first picture is embedded.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readListed } from '../../catalog/lib/pictures.js';
import { readMap, readProducts } from '../../catalog/lib/products.js';
import { drawing, folder, kin, tinyModel } from './cli-support.js';

const pictures = ['img/p1.jpg', 'img/p2.jpg', 'img/p3.jpg', 'img/p4.jpg', 'img/p5.jpg', 'img/p6.jpg', 'img/p4.jpeg',
  'img/UPPER.JPG', 'img/noext', 'img/w.WEBP', 'img/wrong.png', 'img/x.jfif',
  'bilder/Übergröße & Co/Stiefel größe 42.jpg'];
const boot = pictures.at(-1);
const shopify = 'Handle,Title,Body (HTML),Tags,Published,Variant Price,Image Src\n' +
  'blue-shirt,Blue Shirt,"<p>A nice\nshirt, blue</p>","blue, cotton",TRUE,19.90,img/p1.jpg\n' +
  'blue-shirt,,,,,19.90,img/p2.jpg\nred-shirt,Red Shirt,"<p>Red</p>",red,TRUE,29.90,img/p3.jpg\n';

// name -> [content, rows: [row, id, where its pictures lie, or why it fails], options], or why all of it fails.
const files = {
  'semicolon.csv': ['id;title;image;price\n1;Schuh;img/p1.jpg;19,90\n2;Hemd;img/p2.jpg;1.299,00\n',
    [[2, '1', ['img/p1.jpg']], [3, '2', ['img/p2.jpg']]]],
  'bom.csv': ['\ufeffid,title,url,image\n1,Shoe,/p/1,img/p1.jpg\n', [[2, '1', ['img/p1.jpg']]]],
  'crlf.csv': ['id,image\r\n1,img/p1.jpg\r\n2,img/p2.jpg\r\n', [[2, '1', ['img/p1.jpg']], [3, '2', ['img/p2.jpg']]]],
  'quoted-newline.csv': [
    'id,title,image,desc\n1,"Shoe ""Max""",img/p1.jpg,"line 1\nline 2, more"\n2,Shirt,img/p2.jpg,x\n',
    [[2, '1', ['img/p1.jpg']], [4, '2', ['img/p2.jpg']]]],
  'url-image.csv': ['id,image\n1,https://cdn.example.com/a.jpg\n2,img/p2.jpg\n',
    [[2, '1', /add --allow-host cdn.example.com/], [3, '2', ['img/p2.jpg']]]],
  'umlaut-path.csv': [`id,image\n1,${boot}\n2,./img/p2.jpg\n3,${boot.normalize('NFD')}\n4,${encodeURI(boot)}\n`,
    [[2, '1', [boot]], [3, '2', ['./img/p2.jpg']], [4, '3', [boot]], [5, '4', [boot]]]],
  'cp1252.csv': [Buffer.from('id;title;image\r\n1;Größe;img/p1.jpg\r\n', 'latin1'), /is not UTF-8: save it as UTF-8/],
  'utf16.csv': [Buffer.from('\ufeffid\timage\r\n1\timg/p1.jpg\r\n', 'utf16le'), /is UTF-16.*save it as UTF-8/],
  'sep.csv': ['sep=;\r\nid;title;image\r\n1;Schuh;img/p1.jpg\r\n', [[3, '1', ['img/p1.jpg']]]],
  'upper.csv': ['id,image\n1,img/UPPER.JPG\n2,img/noext\n3,img/w.WEBP\n4,img/p4.jpeg\n5,img/wrong.png\n6,img/x.jfif\n',
    ['UPPER.JPG', 'noext', 'w.WEBP', 'p4.jpeg', 'wrong.png', 'x.jfif']
      .map((name, i) => [i + 2, `${i + 1}`, [`img/${name}`]])],
  'missing.csv': ['id,image\n1,img/p1.jpg\n2,img/gone.jpg\n3,\n',
    [[2, '1', ['img/p1.jpg']], [3, '2', /gone.jpg: there is no such file/], [4, '3', /names no picture/]]],
  'header-case.csv': ['ID,Title,URL,Image\n1,A,/p/1,img/p1.jpg\n', [[2, '1', ['img/p1.jpg']]]],
  'spaces.csv': ['id, title, url, image\n1, A, /p/1, img/p1.jpg\n', [[2, '1', ['img/p1.jpg']]]],
  'backslash.csv': ['id,image\n1,img\\p1.jpg\n', [[2, '1', ['img/p1.jpg']]]],
  'abs-root.csv': ['id,image\n1,/img/p1.jpg\n', [[2, '1', /lies outside the folder/]]],
  'comma-images.csv': ['id,image\n1,"img/p1.jpg,img/p2.jpg"\n2,"img/p3.jpg, img/p4.jpg"\n3,img/p3.jpg|img/p4.jpg\n',
    [[2, '1', ['img/p1.jpg', 'img/p2.jpg']], [3, '2', ['img/p3.jpg', 'img/p4.jpg']],
      [4, '3', ['img/p3.jpg', 'img/p4.jpg']]]],
  'trailing-comma-blank.csv': ['id,title,image,\n1,A,img/p1.jpg,\n\n,,,\n2,B,img/p2.jpg,\n,,,\n,,,\n',
    [[2, '1', ['img/p1.jpg']], [5, '2', ['img/p2.jpg']]]],
  'dup-header.csv': ['id,image,image\n1,img/p1.jpg,img/p2.jpg\n', /two columns named 'image'/],
  'woo.csv': ['ID,Name,"Regular price",Images\n44,Tee,18,"img/p1.jpg, img/p2.jpg"\n',
    [[2, '44', ['img/p1.jpg', 'img/p2.jpg']]]],
  'google.tsv': [
    'id\ttitle\timage_link\tprice\n1\t27" Monitor\timg/p1.jpg\t19.00 USD\n2\t5\' x 3" board\timg/p2.jpg\t9 USD\n',
    [[2, '1', ['img/p1.jpg']], [3, '2', ['img/p2.jpg']]]],
  'noheader.csv': ['1,A,img/p1.jpg\n2,B,img/p2.jpg\n', /no column 'id' \(it has: 1, A, img\/p1.jpg\)/],
  'empty.csv': ['', /is empty: its first line must name the columns/],
  'headeronly.csv': ['id,title,url,image\n', []],
  'cr-only.csv': ['id,image\r1,img/p1.jpg\r', [[2, '1', ['img/p1.jpg']]]],
  'bad-quote.csv': ['id,title,image\n1,Monitor 24",img/p1.jpg\n2,"Rohr 3" lang",img/p2.jpg\n3,C,img/p3.jpg\n',
    [[2, '1', ['img/p1.jpg']], [3, null, /its cell 2 goes on after the closing quote/], [4, '3', ['img/p3.jpg']]]],
  'open-quote.csv': ['id,title,image\n1,"open,img/p1.jpg\n2,B,img/p2.jpg\n',
    [[2, null, /the quote before its cell 2 is never closed/], [3, '2', ['img/p2.jpg']]]],
  'shopify.csv': [shopify, [[2, 'blue-shirt', ['img/p1.jpg', 'img/p2.jpg']], [5, 'red-shirt', ['img/p3.jpg']]]],
  'shopify-mapped.csv': [shopify, [[2, 'blue-shirt', ['img/p1.jpg', 'img/p2.jpg']], [5, 'red-shirt', ['img/p3.jpg']]],
    ['id=Handle,title=Title,image=Image Src']],
  'list.json': ['[\n  {"id": "1", "image": "img/p1.jpg"},\n  {"id": 2, "image": ["img/p2.jpg", "img\\\\p3.jpg"]}\n]\n',
    [[1, '1', ['img/p1.jpg']], [2, '2', ['img/p2.jpg', 'img/p3.jpg']]]],
};

async function readRows(path, map) {
  const rows = [];
  const products = await readProducts(path, { map: readMap(map), fields: [] }, (row) => rows.push(row));
  const { paths } = products;
  for await (const row of products.rows()) {
    const lying = async (ref) => (ref.includes('://') ? ref : await paths.find(ref) ?? ref);
    row.images = await Promise.all(row.images.map(lying));
    for (const ref of row.images)
      await readListed(ref, { root: paths.root, hosts: new Set() }).catch((error) => { row.error ??= error; });
    rows.push(row);
  }
  return rows.sort((a, b) => a.row - b.row);
}

test('product files as shops have them', async (t) => {
  const root = folder(t);
  for (const path of pictures) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), drawing(1));
  }
  for (const [name, [content, wanted, map]] of Object.entries(files))
    await t.test(name, async () => {
      writeFileSync(join(root, name), content);
      if (wanted instanceof RegExp) return assert.rejects(readRows(join(root, name), map), { message: wanted });
      const rows = await readRows(join(root, name), map);
      assert.deepEqual(rows.map(({ row, id }) => [row, id]), wanted.map(([row, id]) => [row, id]));
      for (const [i, [, , result]] of wanted.entries())
        if (result instanceof RegExp) assert.match(rows[i].error.message, result);
        else assert.deepEqual([rows[i].images, rows[i].error], [result, null]);
      return undefined;
    });
});

function shop(context, csv, count) {
  const root = folder(context);
  for (let i = 1; i <= count; i++) writeFileSync(join(root, `p${i}.jpg`), drawing(i));
  writeFileSync(join(root, 'p.csv'), csv);
  const [out, model] = [join(root, 'x.kin'), tinyModel(join(root, 'model'))];
  const build = (...more) => kin(['build', join(root, 'p.csv'), '-o', out, '--model', model, ...more]);
  const search = (filter) => kin(['search', out, '--like', 'd', '--filter', filter, '--json']);
  return { root, out, model, build, search };
}

test('< on a column with one odd cell is an error that the build has told of', async (t) => {
  const { build, search } = shop(t,
    'id,image,price\na,p1.jpg,9\nb,p2.jpg,100\nc,p3.jpg,1299\nd,p4.jpg,on request\n', 4);
  const built = await build('--fields', 'price', '--json');
  assert.equal(built.code, 0, built.err);
  assert.equal(built.lines()[0].fields.price, 'string');
  assert.match(built.err, /'price' is text, for which < and > are errors: row 5 has "on request", most others are num/);
  const { code, err } = await search('price < 50');
  assert.equal(code, 1);
  assert.match(err, /'price' is a string: < and > need a number/);
  assert.equal((await search('price = 9')).lines()[0].total, 1);
});

test('numbers with decimal comma, and what --text keeps', async (t) => {
  const { build, search, out } = shop(t,
    'id;image;price\na;p1.jpg;9,50 €\nb;p2.jpg;100 €\nc;p3.jpg;1.299,00 €\nd;p4.jpg;\n', 4);
  const built = await build('--fields', 'price');
  assert.match(built.err, /fields: price \(numbers with decimal comma in €\)/);
  assert.deepEqual((await search('price < 150')).lines()[0].hits.map(({ item }) => item.price).sort(), [100, 9.5]);
  assert.equal((await build('--fields', 'price', '--text', 'price')).code, 0);
  assert.equal((await search('price < 150')).code, 1);
  assert.equal((await kin(['inspect', out, '--public'])).lines()[2].price, '1.299,00 €');
});

test('fields named constructor and __proto__ are found again', async (t) => {
  const { build, search, out } = shop(t, 'id,image,constructor,__proto__\na,p1.jpg,Ferrari,x\nd,p2.jpg,,y\n', 2);
  const built = await build('--fields', '*', '--json');
  assert.match(built.out, /"fields":\{"constructor":"string","__proto__":"string"\}/);
  for (const filter of ['constructor = Ferrari', '__proto__ = x'])
    assert.equal((await search(filter)).lines()[0].total, 1, filter);
  assert.equal((await kin(['inspect', out, '--public'])).out.split('\n')[0],
    '{"id":"a","constructor":"Ferrari","__proto__":"x","image":"p1.jpg"}');
  assert.equal((await kin(['verify', out])).code, 0);
});

test('the catalogue names pictures as they lie on the disk', async (t) => {
  const { root, build, out } = shop(t, 'id,image\na,sub\\größe%2042.jpg\nb,50%20off.jpg\nc,"p1.jpg, p2.jpg"\n', 2);
  mkdirSync(join(root, 'sub'));
  for (const name of ['sub/größe 42.jpg', '50%20off.jpg']) writeFileSync(join(root, name), drawing(7));
  assert.equal((await build()).code, 0);
  assert.deepEqual((await kin(['inspect', out, '--public'])).lines().map(({ image }) => image),
    ['sub/größe 42.jpg', '50%20off.jpg', ['p1.jpg', 'p2.jpg']]);
});

test('where nothing can be written is said before anything is read', async (t) => {
  const { root, model, build, out } = shop(t, 'id,image\na,p1.jpg\n', 1);
  const missing = join(root, 'no-model', 'config.json'); // it would be missed next
  const refuse = async (target, message) => {
    const { code, err } = await kin(['build', join(root, 'none.csv'), '-o', target, '--model', missing]);
    assert.equal(code, 1);
    assert.match(err, message);
  };
  await refuse(join(root, 'none', 'x.kin'), /^kin: cannot write .*x.kin: its folder does not exist\n$/);
  await refuse(join(root, 'p.csv', 'x.kin'), /^kin: cannot write .*x.kin: its folder is a file\n$/);
  await refuse(join(root, 'p.csv'), /^kin: .*p.csv is there already and is not a catalogue/);
  await refuse(root, /^kin: .* is there already and is not a file/);
  // A file that comes while the build runs stays too, and the catalogue is not lost.
  writeFileSync(join(root, 'p.csv'), 'id,image\nbad,none.jpg\na,p1.jpg\n');
  const { code, err } = await kin(['build', join(root, 'p.csv'), '-o', out, '--model', model],
    { onStart: (child) => child.stderr.once('data', () => writeFileSync(out, 'mine')) });
  assert.equal(code, 1);
  const beside = readdirSync(root).find((name) => /^x\.kin\.\d+\.new$/.test(name));
  assert.match(err, new RegExp(`the catalogue is in .*${beside}, since .*x.kin is there already and is not a catal`));
  assert.equal(readFileSync(out, 'utf8'), 'mine');
  assert.equal((await kin(['verify', join(root, beside)])).code, 0);
  assert.equal((await build()).code, 1);
});
