// kin report: figures against a plain count, what comes from a catalogue is never markup, the same page again.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { png, smaller } from '../../catalog/lib/png.js';
import { html } from '../../catalog/lib/report-page.js';
import { ofNoModel, openWriter } from '../../catalog/lib/writer.js';
import { drawing, folder, kin, tinyModel } from './cli-support.js';
import { clusters, generator } from '../data/catalogue.js';

const unit = (vector) => vector.map((value) => value / Math.hypot(...vector));
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

async function write(path, dim, products) {
  const writer = await openWriter(dim, ofNoModel);
  for (const { id, item, vectors } of products) writer.add(id, { id, ...item }, vectors);
  const parts = [];
  for await (const part of writer.parts()) parts.push(part);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

// 120 products, every other one with a second picture; p0 lies in the middle of all, p3 and p4 have the same picture, p6 nearly that of p5.
function planted(dim = 24) {
  const draw = clusters(dim, 30, generator(3));
  const common = draw(); // what all vectors of a model share
  const list = Array.from({ length: 120 }, (_, i) => {
    const first = unit(draw().map((value, k) => value + common[k]));
    return { id: `p${i}`, item: { title: `Product ${i}` }, vectors: i % 2 ? [first, draw(first)] : [first] };
  });
  const middle = Array.from({ length: dim }, (_, k) => list.reduce((sum, { vectors }) => sum + vectors[0][k], 0));
  list[0].vectors = [middle];
  list[4].vectors = [list[3].vectors[0]];
  list[6].vectors = [list[5].vectors[0].map((value, k) => value + (k ? 0 : 0.05))];
  list[7].vectors[1] = list[8].vectors[0].map((value) => -value); // finds nothing of its own
  return list;
}

test('hubs, duplicates and second pictures are those that a plain count finds', async (t) => {
  const at = folder(t);
  const products = planted();
  const shop = await write(join(at, 'shop.kin'), 24, products);
  const { code, err, out } = await kin(['report', shop, '-o', join(at, 'r.html'), '--json']);
  assert.equal(code, 0, err);
  const [{ asked, hubs, second, same, pairs }] = JSON.parse(out).models;
  const rows = products.map(({ vectors }) => vectors.map(unit));
  const scoreOf = (query, product) => Math.max(...rows[product].map((row) => dot(row, query)));
  const counts = new Map(products.map((_, i) => [i, 0]));
  let near = 0;
  rows.forEach(([query], i) => {
    const order = products.map((_, j) => [j, scoreOf(query, j)]).filter(([j]) => j !== i).sort((a, b) => b[1] - a[1]);
    for (const [j] of order.slice(0, 10)) counts.set(j, counts.get(j) + 1);
    near += order.filter(([j, score]) => score > 0.97 && j > i).length;
  });
  const top = [...counts.values()].sort((a, b) => b - a);
  assert.equal(asked, 120);
  assert.equal(hubs.mean, 10);
  assert.equal(hubs.bins.reduce((sum, bin) => sum + bin.products, 0), 120);
  assert.ok(Math.abs(hubs.top[0] - top[0]) <= 1, 'int8 rows may turn a near tie');
  assert.ok(counts.get(0) === top[0] && top[0] > 50, `the middle of all is the hub: ${counts.get(0)} of ${top.slice(0, 3)}`);
  assert.equal(same, 1);
  assert.equal(pairs, near);
  assert.ok(near >= 2);
  let [found, several] = [0, 0];
  rows.forEach((own, i) => {
    if (own.length < 2) return;
    several++;
    const score = dot(own[0], own[1]);
    if (products.every((_, j) => j === i || scoreOf(own[1], j) <= score)) found++;
  });
  assert.deepEqual([second.products, second.asked], [several, several]);
  assert.ok(Math.abs(second.at1 - found) <= 1 && found < several && found > several / 2, `${second.at1} and ${found}`);
  const page = readFileSync(join(at, 'r.html'), 'utf8');
  assert.match(page, /In so many lists/);
  assert.match(page, /Product 7\b[\s\S]*asked with/, 'what does not find its product is shown');
});

test('labelled photos, two models side by side, pictures as small copies', async (t) => {
  const at = folder(t);
  const models = [1, 2].map((seed) => tinyModel(join(at, `model${seed}`), seed));
  mkdirSync(join(at, 'img'));
  const rows = ['id,title,image'];
  for (let i = 0; i < 12; i++) {
    writeFileSync(join(at, 'img', `${i}.png`), drawing(i));
    rows.push(`p${i},Thing ${i},img/${i}.png`);
  }
  writeFileSync(join(at, 'products.csv'), rows.join('\n'));
  const shops = ['a.kin', 'b.kin'].map((name) => join(at, name));
  for (const [i, shop] of shops.entries()) assert.equal((await kin(['build', join(at, 'products.csv'), '-o', shop, '--model', models[i]])).code, 0);
  writeFileSync(join(at, 'photos.csv'), 'image,id\nimg/3.png,p3\nimg/5.png,p6\nimg/none.png,p1\nimg/4.png,nobody\n../x.png,p1\nimg/1.png\n');
  const args = ['report', shops[0], '-o', join(at, 'r.html'), '--queries', join(at, 'photos.csv'), '--model', models[0], '--json'];
  const { code, err, out } = await kin([...args, '--against', shops[1], '--against-model', models[1]]);
  assert.equal(code, 3, err);
  const result = JSON.parse(out);
  assert.equal(result.failed, 4);
  for (const [line, sentence] of [[4, 'no such file'], [5, "no product 'nobody'"], [6, 'outside the folder'], [7, 'it has 1 cell']]) assert.match(err, new RegExp(`line ${line}: .*${sentence}`));
  for (const { photos } of result.models) {
    assert.equal(photos.asked, 2);
    assert.equal(photos.at1, 1, 'the photo that is its product\'s own picture');
  }
  const page = readFileSync(join(at, 'r.html'), 'utf8');
  assert.match(page, /Side by side/);
  const pictures = [...page.matchAll(/<img src="data:image\/png;base64,([^"]+)"/g)].map(([, data]) => PNG.sync.read(Buffer.from(data, 'base64')));
  assert.ok(pictures.length > 40 && pictures.every(({ width, height }) => width === 32 && height === 32));
  assert.doesNotMatch(page, /<span>no picture/);
  // The wrong model is no figure, and an unknown one none either.
  const wrong = await kin(['report', shops[0], '-o', join(at, 'w.html'), '--queries', join(at, 'photos.csv'), '--model', models[1]]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /built with another image model/);
  const unknown = await kin([...args, '--against', shops[1]]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /name it with --against-model/);
  await write(join(at, 'v.kin'), 2, [{ id: 'p1', vectors: [[1, 2]] }]);
  for (const model of [[], ['--model', models[0]]])
    assert.match((await kin(['report', join(at, 'v.kin'), '-o', join(at, 'w.html'), '--queries', join(at, 'photos.csv'), ...model])).err,
      /v\.kin holds vectors of others, of which no model is known/);
});

test('what a catalogue says is text, whatever it says; the page asks for nothing; it is the same page again', async (t) => {
  const at = folder(t);
  const bad = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", '</style><svg/onload=alert(1)>', '&lt;b&gt; &amp;',
    'a\u202eb\u2066c\u0000d\u001b[31m', '\ud800half', '${alert(1)}', ']]><!--', 'x'.repeat(5000)];
  const urls = ['javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'https://shop.example/"><script>alert(1)</script>', '/p/1', 'java\nscript:alert(1)',
    'https://ok.example/p?a=1&b=2', 5, ['x'], '//host.example/x', 'file:///etc/passwd'];
  const images = ['../../etc/passwd', '/etc/passwd', 'https://elsewhere.example/1.jpg', '//elsewhere.example/1.jpg', 'file:///etc/hostname', 'none.png', 7, null, '\0', 'a.svg'];
  const draw = clusters(8, 3, generator(9));
  writeFileSync(join(at, 'a.svg'), '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>');
  const products = bad.map((title, i) => ({ id: i % 2 ? title.toWellFormed() : `id ${i}`, item: { title, url: urls[i], image: images[i] }, vectors: [draw(), draw()] }));
  const shop = await write(join(at, 'a <b> & "c".kin'), 8, products);
  const made = await kin(['report', shop, '-o', join(at, 'r.html'), '--against', shop]);
  assert.equal(made.code, 0, made.err);
  const page = readFileSync(join(at, 'r.html'), 'utf8');
  const tags = new Set([...page.matchAll(/<\/?([a-z!][a-z0-9-]*)/gi)].map(([, name]) => name.toLowerCase()));
  const own = ['!doctype', 'html', 'head', 'meta', 'title', 'style', 'body', 'header', 'main', 'footer', 'nav', 'section', 'article', 'h1', 'h2', 'h3', 'p', 'ul', 'li', 'a', 'dl', 'dt', 'dd',
    'div', 'span', 'bdi', 'table', 'caption', 'thead', 'tbody', 'tr', 'th', 'td', 'img'];
  assert.deepEqual([...tags].filter((name) => !own.includes(name)), []);
  for (const tag of page.match(/<[a-z][^>]*>/gi)) assert.doesNotMatch(tag.replace(/"[^"]*"/g, '""'), /\son[a-z]+\s*=|script/i, tag);
  assert.deepEqual([...new Set([...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href).filter((href) => !href.startsWith('#')))].sort(),
    ['https://ok.example/p?a=1&amp;b=2', 'https://shop.example/%22%3E%3Cscript%3Ealert(1)%3C/script%3E']);
  assert.doesNotMatch(page, /<img|url\(|@import|\bsrc="(?!data:)/);
  assert.ok(!/[\u0000\u001b\u202e\u2066]/.test(page));
  assert.match(page, /Content-Security-Policy"\s+content="default-src 'none'; img-src data:;/);
  await kin(['report', shop, '-o', join(at, 's.html'), '--against', shop]);
  assert.ok(readFileSync(join(at, 's.html')).equals(readFileSync(join(at, 'r.html'))));
});

test('html escapes what is put into it', () => {
  assert.equal(html`<p title="${'"\'<>&'}">${[html`<b>${'<'}</b>`, '<i>', 0, null, undefined, false]}</p>`.text, '<p title="&quot;&#39;&lt;&gt;&amp;"><b>&lt;</b>&lt;i&gt;0</p>');
});

test('a small PNG is what other readers see', () => {
  const [width, height] = [23, 9];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => i * i % 251);
  const read = PNG.sync.read(png({ data, width, height }));
  assert.deepEqual([read.width, read.height], [width, height]);
  assert.deepEqual([...read.data].filter((_, i) => i % 4 < 3), [...data]);
  const half = smaller({ data: Uint8Array.from({ length: 3 * 4 * 4 }, (_, i) => Math.floor(i / 3)), width: 4, height: 4 }, 2);
  assert.deepEqual([half.width, half.height, [...half.data].filter((_, i) => i % 3 === 0)], [2, 2, [3, 5, 11, 13].map((value) => value - 0.5).map(Math.round)]);
});

test('wrong use', async () => {
  for (const [args, code, sentence] of [[['report'], 2, /one catalogue/], [['report', 'x'], 2, /-o report\.html/], [['report', 'x', '-o', 'y', '--against-model', 'z'], 2, /--against-model goes with/],
    [['report', 'none.kin', '-o', 'y'], 1, /there is no none\.kin/]]) {
    const result = await kin(args);
    assert.deepEqual([result.code, sentence.test(result.err)], [code, true], result.err);
  }
});
