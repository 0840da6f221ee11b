// The command line as its users meet it: real processes, real files, exit codes and sentences.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync,
  writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readHeader } from '../../catalog/lib/tensors.js';
import { openTerminal } from '../../catalog/lib/terminal.js';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openCatalog } from '../../web/index.node.js';
import { embedded, embeddedName } from '../models.js';
import { listen } from '../server.js';
import { mended } from './checksums.js';
import { drawing, folder, kin, png, tinyModel } from './cli-support.js';
import { vocabulary } from './towers.js';

// One converted tiny model for the whole file.
const shared = {};
before(async () => {
  const { mkdtempSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  shared.root = mkdtempSync(join(tmpdir(), 'kin-cli-'));
  shared.model = join(shared.root, 'model');
  tinyModel(join(shared.root, 'hf'));
  const { code, err } = await kin(['convert', join(shared.root, 'hf'), '-o', shared.model]);
  assert.equal(code, 0, err);
});
after(async () => {
  const { rmSync } = await import('node:fs');
  rmSync(shared.root, { recursive: true });
});

const run = (args, options) => kin([...args, '--model', shared.model], options);
const good = async (args, options) => {
  const result = await run(args, options);
  assert.equal(result.code, 0, result.err);
  return result;
};
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

// A shop of n products with a picture each; `bad` rows have none that can be read.
function shop(context, n, bad = new Set()) {
  const root = folder(context);
  mkdirSync(join(root, 'img'));
  const lines = ['id,title,url,image,price,colour,cost'];
  for (let i = 0; i < n; i++) {
    const bytes = drawing(i);
    writeFileSync(join(root, 'img', `${i}.png`), bad.has(i) ? bytes.subarray(0, 60) : bytes);
    lines.push(`p${i},Thing ${i},/p/${i},img/${i}.png,${i}.5,${i % 2 ? 'red' : 'blue'},1`);
  }
  writeFileSync(join(root, 'products.csv'), lines.join('\n') + '\n');
  return root;
}

test('wrong use is exit 2 with one sentence', async () => {
  const wrong = [
    [['nonsense'], /no command 'nonsense'/], [['biuld'], /no command 'biuld': did you mean build\?/],
    [['embed', 'a.png', '--modle', 'x'], /no option --modle: did you mean --model\?/], [['embed', 'a.png', '--model', 'tinyclip'], /did you mean tinyclip-8m\?\)/],
    [['export'], /export takes one catalogue/],
    [['publish'], /publish needs -o FOLDER/], [['embed', '--colour', 'x'], /no option --colour/],
    [['embed'], /takes pictures, or --text/], [['embed', 'a.png', '--threads', 'two'], /--threads/],
    [['embed', 'a.png', '--threads', '0'], /--threads/], [['embed', 'a.png', '--variant', 'x86'], /--variant/],
    [['embed', 'a.png', '--threads', '2', '--variant', 'simd'], /simd has one thread/],
    [['embed', 'a.png', '--format', 'npy'], /needs -o/], [['embed', '--text'], /--text needs a value/],
    [['tokens'], /one text/], [['classify', 'a.png'], /needs --labels/],
    [['classify', 'a.png', 'shoe', 'hat'], /takes one picture, and the labels as --labels/],
    [['search', 'x', 'red sofa'], /no picture 'red sofa'; words to search for go behind --text/], [['search', 'x'], /one of/],
    [['build', 'x.csv'], /needs -o/], [['preprocess', 'a.png'], /needs -o/],
    [['embed', 'a.png', '--model', 'unheard'], /no model named 'unheard'/],
    [['build', 'x.csv', '-o', 'y', '--map', 'title'], /--map takes/],
    [['embed', 'a.png', '--box', '1,2,3'], /--box must be/], [['embed', 'a.png', '--box', '10,10,200,200'], /as fractions/],
    [['preprocess', 'a.png', '-o', 'b', '--box', '0,,1,1'], /--box must be/], [['search', 'x', 'a.png', '--box', '1,0,1,1'], /--box must be/],
    [['embed', '--text', 'a', '--box', '0,0,1,1'], /--box and --fit go with a picture/],
    [['search', 'x', '--text', 'a', '--fit', 'pad'], /go with a picture/], [['search', 'x', '--like', 'a', '--box', '0,0,1,1'], /go with a picture/],
    [['search', 'photo.jpg', 'x'], /takes the catalogue first, and 'photo\.jpg' is named like a picture/],
    [['build', 'x.csv', '-o', 'y', '--fields', 'a,', 'b'], /takes one products file or folder, not 'x\.csv' and 'b'\n/],
    [['build', 'x.csv', '-o', 'y', '--field', 'a'], /no option --field: did you mean --fields\?\n/],
    ...['http://cdn.example', 'cdn.example/img', '*.cdn.example', 'a@cdn.example', ''].map((host) =>
      [['build', 'x.csv', '-o', 'y', '--allow-host', host], /--allow-host takes a host that pictures are fetched from by https/]),
    [['search', 'x', '--text', ' '], /--text needs words/], [['search', 'x', '--like', 'a', '--min-score', ''], /--min-score must be/],
    [['search', 'x', '--like', 'a', '--min-score', 'Infinity'], /--min-score must be/],
    [['search', 'x', '--like', 'a', '--min-confidence', '2'], /--min-confidence is a number from 0 to 1/], [['search', 'x', '--like', 'a', '--diversity', 'much'], /--diversity is a number/], [['search', 'x', 'a.png', '--text', 'a'], /one of/],
  ];
  for (const [args, sentence] of wrong) {
    const { code, out, err } = await kin(args);
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, /^kin: [^\n]+\n$/, args.join(' '));
    assert.match(err, sentence);
  }
  assert.equal((await kin([])).code, 2);
  assert.equal((await kin(['help'])).code, 0);
  for (const command of ['build', 'search', 'embed', 'classify', 'tokens', 'preprocess', 'convert',
    'inspect', 'verify', 'serve', 'bench', 'labels', 'alt']) {
    const { code, out } = await kin([command, '--help']);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^Usage: node catalog/cli.js ${command}`));
  }
});

test('no command that writes takes - for a name', async (t) => {
  const cwd = folder(t);
  const commands = new URL('../../catalog/commands/', import.meta.url);
  const writing = [];
  for (const name of readdirSync(commands)) {
    const { options } = await import(new URL(name, commands));
    for (const option of ['output', 'report', 'summary']) if (options?.[option]) writing.push([name.slice(0, -3), option]);
  }
  assert.ok(writing.length >= 14, `${writing}`);
  for (const [command, option] of writing) {
    const { code, out, err } = await kin([command, 'x', `--${option}`, '-'], { cwd });
    assert.deepEqual([code, out], [2, ''], command);
    assert.match(err, option === 'output' ? /^kin: -o takes the name of a file or folder, not '-': .+ print .+ left out .+\n$/ : /^kin: --\w+ takes the name of a file, not '-' .+\n$/);
  }
  assert.deepEqual(readdirSync(cwd), []);
});

test('a rate is told when there is half a second to tell it by', async (t) => {
  let now = 0;
  const said = [];
  t.mock.method(performance, 'now', () => now);
  t.mock.method(process.stderr, 'write', (text) => said.push(text));
  const io = openTerminal();
  const progress = io.progress('pictures', 3000);
  for (const [time, done] of [[2000, 1], [2001, 2], [2002, 3], [3000, 51]]) {
    now = time;
    progress(done);
  }
  await io.close();
  assert.deepEqual(said.map((text) => text.replace('\r\x1b[K', '').trim()).filter(Boolean), ['pictures: 51 of 3000, 50 a second, 59 s left']);
});

test('a model that is not there, or is none, is exit 1 with one sentence', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'file'), 'x');
  mkdirSync(join(root, 'empty'));
  for (const model of ['none', 'file', 'empty']) {
    const { code, err } = await kin(['tokens', 'x', '--model', join(root, model)]);
    assert.equal(code, 1, err);
    assert.match(err, /^kin: [^\n]+\n$/);
  }
});

test('what is wrong with a file is said with its name, once', async (t) => {
  const root = folder(t);
  const [none, text, damaged] = ['none.png', 'list.csv', 'damaged.png'].map((name) => join(root, name));
  writeFileSync(text, 'id,image\n');
  writeFileSync(damaged, drawing(1).subarray(0, 70));
  writeFileSync(join(root, 'a.png'), drawing(1));
  const catalogue = join(shop(t, 2), 'shop.kin');
  await good(['build', join(catalogue, '../products.csv'), '-o', catalogue]);
  const pictures = [[none, /^there is no such file$/], [text, /^This file is not a picture /], [damaged, /./]];
  for (const [file, reason] of pictures)
    for (const [args, code] of [[['classify', file, '--labels', 'a,b'], 1], [['preprocess', file, '-o', join(root, 'out')], 1],
      [['search', catalogue, file], 1], [['embed', file], 3]]) {
      const result = await run(args);
      assert.equal(result.code, code, args[0]);
      const [before, after, ...more] = result.err.trim().split(`${file}: `);
      assert.deepEqual([before, more], [code === 1 ? 'kin: ' : '', []], result.err);
      assert.match(after, reason);
      if (code === 3) assert.equal(result.lines()[0].error.message, `${file}: ${after}`);
    }
  for (const [args, sentence] of [[['search', none, join(root, 'a.png')], `${none}: there is no such file.`],
    ...[['search', text, join(root, 'a.png')], ['inspect', text], ['verify', text], ['publish', text, '-o', join(root, 'web')]]
      .map((args) => [args, `${text}: The catalogue is not a safetensors file: its header length is wrong; ` +
        `'node catalog/cli.js build' makes a catalogue of products`])]) {
    const { code, err } = await run(args);
    assert.deepEqual([code, err], [1, `kin: ${sentence}\n`]);
  }
});

test('build says which picture of a row it could not read, and counts rows and pictures apart', async (t) => {
  const root = shop(t, 3, new Set([2]));
  writeFileSync(join(root, 'img/x.png'), 'no picture');
  const list = join(root, 'products.csv');
  const build = () => run(['build', list, '-o', join(root, 'shop.kin')]);
  let { code, err } = await build();
  assert.equal(code, 3);
  assert.match(err, /^row 4 \(p2\): img\/2\.png: [A-Z]/m);
  assert.match(err, / 2 products, 2 pictures, [\d.]+ KB; left out: 1 row; not read: 1 picture\n$/);
  writeFileSync(list, 'id,image\n1,img/0.png|img/x.png|img/gone.png\n1,img/1.png\n');
  ({ code, err } = await build());
  assert.equal(code, 3);
  assert.match(err, /^row 2 \(1\): img\/x\.png: This file is not a picture /m);
  assert.match(err, /^row 2 \(1\): img\/gone\.png: there is no such file$/m);
  assert.match(err, / 1 product, 1 picture, [\d.]+ KB; left out: 1 row; not read: 2 pictures\n$/);
  writeFileSync(list, 'id,image\n1,img/0.png\n');
  ({ code, err } = await build());
  assert.equal(code, 0);
  assert.match(err, / 1 product, 1 picture, [\d.]+ KB\n$/);
});

test('tokens: one text, many, and lines that are none', async () => {
  const one = await good(['tokens', 'the x']);
  assert.deepEqual(JSON.parse(one.out), [514, 513, 343, 515]);
  const many = await good(['tokens', '-'], { input: '"the x"\n""\n"a\\nb"\n' });
  assert.deepEqual(many.lines()[0], JSON.parse(one.out));
  assert.deepEqual(many.lines()[1], [514, 515]);
  assert.equal(many.lines().length, 3);
  const bad = await run(['tokens', '-'], { input: '"x"\nx\n' });
  assert.equal(bad.code, 1);
  assert.match(bad.err, /line 2 of the input is not a JSON string/);
});

test('embed: a line for each, an error in its place, the same bits for any threads', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'a.png'), drawing(1));
  writeFileSync(join(root, 'b.png'), drawing(2).subarray(0, 70));
  writeFileSync(join(root, 'c.png'), drawing(3));
  writeFileSync(join(root, 'd.png'), 'no picture at all');
  const files = ['a', 'b', 'none', 'c', 'd'].map((name) => join(root, `${name}.png`));
  const result = await run(['embed', ...files]);
  assert.equal(result.code, 3);
  const lines = result.lines();
  assert.deepEqual(lines.map((line) => line.file), files);
  assert.deepEqual(lines.map((line) => Boolean(line.embedding)), [true, false, false, true, false]);
  for (const line of lines.filter((one) => one.error)) {
    assert.equal(typeof line.error.code, 'string');
    assert.ok(line.error.message.length > 10);
  }
  assert.ok(Math.abs(dot(lines[0].embedding, lines[0].embedding) - 1) < 1e-5);
  const alone = await good(['embed', files[3]]);
  assert.equal(JSON.stringify(alone.lines()[0]), JSON.stringify(lines[3]));
  const threads = await good(['embed', files[3], '--threads', '2']);
  assert.equal(threads.out, alone.out);
  const single = await good(['embed', files[3], '--variant', 'simd']);
  assert.equal(single.out, alone.out);

  const npy = join(root, 'out.npy');
  assert.equal((await run(['embed', ...files, '--format', 'npy', '-o', npy])).code, 3);
  const bytes = readFileSync(npy);
  const head = 10 + bytes.readUInt16LE(8);
  assert.match(bytes.subarray(10, head).toString(), /'descr': '<f4', .*'shape': \(5, 16\)/);
  assert.equal((head + 5 * 16 * 4), bytes.length);
  assert.ok(Number.isNaN(bytes.readFloatLE(head + 16 * 4)));
  assert.equal(bytes.readFloatLE(head), Math.fround(lines[0].embedding[0]));

  const texts = await good(['embed', '--text', '-'], { input: '"the"\n"\\ud83d\\ude00"\n' });
  assert.deepEqual(texts.lines().map((line) => line.text), ['the', '\u{1F600}']);
  const one = await good(['embed', '--text', 'the']);
  assert.equal(one.out, texts.out.split('\n')[0] + '\n');
});

test('preprocess writes the pixels as NumPy reads them', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'a.png'), png(32, 32, (x, y) => [x * 8, y * 8, 7]));
  writeFileSync(join(root, 'b.png'), png(32, 32, () => [200, 0, 0, 128]));
  await good(['preprocess', join(root, 'a.png'), '-o', join(root, 'a.npy')]);
  const bytes = readFileSync(join(root, 'a.npy'));
  const head = 10 + bytes.readUInt16LE(8);
  assert.equal(head % 64, 0);
  assert.match(bytes.subarray(10, head).toString(),
    /^\{'descr': '\|u1', 'fortran_order': False, 'shape': \(32, 32, 3\), \} *\n$/);
  // Already of the model's size: untouched.
  assert.deepEqual([...bytes.subarray(head + (5 * 32 + 3) * 3).subarray(0, 3)], [24, 40, 7]);
  await good(['preprocess', join(root, 'b.png'), '-o', join(root, 'b.npy')]);
  assert.deepEqual([...readFileSync(join(root, 'b.npy')).subarray(head, head + 3)],
    [200, 0, 0].map((c) => Math.floor((c * 128 + 255 * 127 + 127) / 255)));
  assert.equal((await run(['preprocess', join(root, 'a.png'), '-o', root])).code, 1);
});

async function losslessWebp(width, height, pixel) {
  const { default: encode, init } = await import('@jsquash/webp/encode.js');
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.set(pixel(x, y), (y * width + x) * 4);
  const wasm = new URL(import.meta.resolve('@jsquash/webp/codec/enc/webp_enc.wasm'));
  await init(await WebAssembly.compile(readFileSync(wasm)));
  return Buffer.from(await encode({ data, width, height }, { lossless: 1, exact: 1 }));
}

// The same picture in the extended form with an EXIF chunk that says how it is to be turned.
function withOrientation(webp, width, height, orientation, little) {
  const chunk = (name, body) => {
    const head = Buffer.alloc(8);
    head.write(name, 'latin1');
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length & 1)]);
  };
  const size = Buffer.alloc(10);
  size[0] = 0x18; // alpha and EXIF
  size.writeUIntLE(width - 1, 4, 3);
  size.writeUIntLE(height - 1, 7, 3);
  const exif = Buffer.alloc(26);
  exif.write(little ? 'II' : 'MM', 'latin1');
  const u16 = (value, at) => (little ? exif.writeUInt16LE(value, at) : exif.writeUInt16BE(value, at));
  const u32 = (value, at) => (little ? exif.writeUInt32LE(value, at) : exif.writeUInt32BE(value, at));
  u16(42, 2), u32(8, 4), u16(1, 8), u16(0x0112, 10), u16(3, 12), u32(1, 14), u16(orientation, 18);
  const body = Buffer.concat([Buffer.from('WEBP'), chunk('VP8X', size), webp.subarray(12), chunk('EXIF', exif)]);
  return chunk('RIFF', body);
}

test('WebP: EXIF orientation 1 to 8 in both byte orders', async (t) => {
  const root = folder(t);
  const [w, h] = [32, 20];
  const pixel = (x, y) => [x * 8, y * 12, (x * y) & 255, 255];
  const webp = await losslessWebp(w, h, pixel);
  // What the pixel (x, y) of the upright picture was in the stored one.
  const stored = { 1: (x, y) => [x, y], 2: (x, y) => [w - 1 - x, y], 3: (x, y) => [w - 1 - x, h - 1 - y],
    4: (x, y) => [x, h - 1 - y], 5: (x, y) => [y, x], 6: (x, y) => [y, h - 1 - x],
    7: (x, y) => [w - 1 - y, h - 1 - x], 8: (x, y) => [w - 1 - y, x] };
  const files = [];
  for (const [orientation, from] of Object.entries(stored)) {
    const size = orientation < 5 ? [w, h] : [h, w];
    writeFileSync(join(root, `${orientation}.png`), png(...size, (x, y) => pixel(...from(x, y))));
    files.push(join(root, `${orientation}.png`));
    for (const little of [true, false]) {
      const path = join(root, `${orientation}${little}.webp`);
      writeFileSync(path, withOrientation(webp, w, h, Number(orientation), little));
      files.push(path);
    }
  }
  const lines = (await good(['embed', ...files])).lines();
  for (let i = 0; i < 24; i += 3) {
    assert.deepEqual(lines[i + 1].embedding, lines[i].embedding, files[i + 1]);
    assert.deepEqual(lines[i + 2].embedding, lines[i].embedding, files[i + 2]);
  }
  assert.notDeepEqual(lines[0].embedding, lines[3].embedding);
});

test('WebP, lossless with alpha: the same pixels as the PNG', async (t) => {
  const root = folder(t);
  const pixels = (x, y) => [x * 5, y * 5, (x ^ y) & 255, (x * y) % 256];
  const webp = await losslessWebp(48, 40, pixels);
  writeFileSync(join(root, 'a.webp'), webp);
  writeFileSync(join(root, 'a.png'), png(48, 40, pixels));
  const lines = (await good(['embed', join(root, 'a.webp'), join(root, 'a.png')])).lines();
  assert.deepEqual(lines[0].embedding, lines[1].embedding);
  writeFileSync(join(root, 'cut.webp'), webp.subarray(0, webp.length >> 1));
  const bomb = Buffer.from(webp);
  bomb.writeUInt32LE(0xffffffff, bomb.indexOf('VP8') + 9);
  writeFileSync(join(root, 'bomb.webp'), bomb);
  const failed = await run(['embed', join(root, 'cut.webp'), join(root, 'bomb.webp')]);
  assert.equal(failed.code, 3);
  assert.deepEqual(failed.lines().map((line) => line.error.code), ['truncated-image', 'too-large']);
});

test('classify: scores add up to one, best first', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'a.png'), drawing(1));
  const [result] = (await good(['classify', join(root, 'a.png'), '--labels', 'shoe, hat,bag', '--json'])).lines();
  assert.deepEqual(result.map((one) => one.label).sort(), ['bag', 'hat', 'shoe']);
  assert.ok(Math.abs(result.reduce((sum, one) => sum + one.score, 0) - 1) < 1e-5);
  assert.ok(result[0].score >= result[1].score && result[1].score >= result[2].score);
});

test('build: bad rows are reported and shift nothing', async (t) => {
  const bad = new Set([0, 7, 8, 23, 39]);
  const root = shop(t, 40, bad);
  const out = join(root, 'shop.kin');
  const built = await run(['build', join(root, 'products.csv'), '-o', out, '--json', '--fields', 'price,colour']);
  assert.equal(built.code, 3, built.err);
  const [summary] = built.lines();
  assert.deepEqual([summary.products, summary.pictures], [35, 35]);
  assert.deepEqual(summary.failed.map(({ row, id }) => [row, id]),
    [...bad].map((i) => [i + 2, `p${i}`]));
  for (const failure of summary.failed) assert.ok(failure.picture && failure.code && failure.message);
  // Each product's picture finds exactly that product, with the vector it has when embedded alone.
  const kept = [...Array(40).keys()].filter((i) => !bad.has(i));
  const single = (await good(['embed', ...kept.map((i) => join(root, 'img', `${i}.png`))])).lines();
  const { openCatalog } = await import('../../web/index.node.js');
  const catalog = await openCatalog(out);
  t.after(() => catalog.close());
  for (const [at, i] of kept.entries()) {
    const { hits } = await catalog.search({ vector: Float32Array.from(single[at].embedding) }, { limit: 35 });
    const own = hits.find((hit) => hit.id === `p${i}`);
    assert.ok(own.score > 0.999, `p${i}: ${own.score}`);
    assert.ok(hits[0].score - own.score < 1e-3);
    assert.deepEqual(own.item, { id: `p${i}`, title: `Thing ${i}`, url: `/p/${i}`,
      image: `img/${i}.png`, price: i + 0.5, colour: i % 2 ? 'red' : 'blue' });
  }
  const verified = await kin(['verify', out]);
  assert.deepEqual([verified.code, verified.err], [0, ''], verified.err);
  assert.equal((await run(['verify', out])).code, 0);
});

test('build: the same input gives the same bytes, with any number of threads', async (t) => {
  const root = shop(t, 12);
  const build = (out, ...more) => good(['build', join(root, 'products.csv'), '-o', join(root, out), ...more]);
  await build('a.kin');
  await build('b.kin', '--threads', '2');
  await build('a.kin', '--variant', 'simd');
  const hash = (name) => createHash('sha256').update(readFileSync(join(root, name))).digest('hex');
  assert.equal(hash('a.kin'), hash('b.kin'));
});

test('search: by picture, text and likeness, with filters', async (t) => {
  const root = shop(t, 12);
  const out = join(root, 'shop.kin');
  await good(['build', join(root, 'products.csv'), '-o', out, '--fields', 'price,colour']);
  const search = async (...args) => (await good(['search', out, ...args, '--json'])).lines()[0];
  const byPicture = await search(join(root, 'img', '5.png'), '--limit', '3');
  assert.equal(byPicture.hits.length, 3);
  assert.equal(byPicture.hits[0].id, 'p5');
  assert.equal(byPicture.total, 12);
  const filtered = await search(join(root, 'img', '5.png'), '--filter', 'colour = blue and price < 5');
  assert.deepEqual(filtered.hits.map((hit) => hit.id).sort(), ['p0', 'p2', 'p4']);
  assert.equal((await search('--text', 'the')).hits.length, 12);
  const liked = (await kin(['search', out, '--like', 'p5', '--json'])).lines()[0]; // no model
  assert.ok(!liked.hits.some((hit) => hit.id === 'p5'));
  const shown = await good(['search', out, join(root, 'img', '5.png'), '--limit', '1']);
  assert.match(shown.out, /^\d\.\d{4} {2}p5 {2}Thing 5\n$/);
  for (const filter of ['nonsense = 1', 'price <'])
    assert.equal((await run(['search', out, '--text', 'x', '--filter', filter])).code, 1);
  assert.equal((await run(['search', join(root, 'products.csv'), '--text', 'x'])).code, 1);
  tinyModel(join(root, 'other'), 9);
  const other = await kin(['search', out, join(root, 'img', '5.png'), '--model', join(root, 'other')]);
  assert.equal(other.code, 1);
  assert.match(other.err, /^kin: [^\n]*model[^\n]*\n$/);
});

test('search: confidence, what is nothing similar, diversity and facets', async (t) => {
  const root = shop(t, 20);
  const out = join(root, 'shop.kin');
  await good(['build', join(root, 'products.csv'), '-o', out, '--fields', 'price,colour']);
  const picture = join(root, 'img', '5.png');
  const { hits } = (await good(['search', out, picture, '--min-confidence', '0.0001', '--diversity', '0.5', '--json'])).lines()[0];
  assert.equal(hits[0].id, 'p5');
  assert.ok(hits[0].confidence > 0.5 && hits.every(({ confidence }) => confidence >= 0.0001));
  const shown = await good(['search', out, picture, '--limit', '1', '--facets', 'colour']);
  assert.match(shown.out, /^\d\.\d{4} {2}[01]\.\d\d {2}p5 {2}Thing 5\ncolour: \S+ \d+(, \S+ \d+)*\n$/);
  assert.match((await good(['inspect', out])).out, /kin\.null +rows=20 phrases=256 list=1/);
  assert.match((await run(['search', out, picture, '--facets', 'size'])).err, /no field 'size' to count/);
});

test('build: several pictures of a product, a bad one among them', async (t) => {
  const root = shop(t, 4, new Set([1]));
  writeFileSync(join(root, 'm.csv'), 'id,image\nx,img/0.png|img/1.png|img/2.png\ny,"[""img/3.png""]"\n');
  const out = join(root, 'm.kin');
  const built = await run(['build', join(root, 'm.csv'), '-o', out, '--json']);
  assert.equal(built.code, 3);
  const [summary] = built.lines();
  assert.deepEqual([summary.products, summary.pictures], [2, 3]);
  assert.deepEqual(summary.failed.map(({ row, id, picture }) => [row, id, picture]), [[2, 'x', 'img/1.png']]);
  const [{ hits }] = (await good(['search', out, join(root, 'img', '2.png'), '--json'])).lines();
  assert.equal(hits[0].id, 'x');
  assert.deepEqual(hits[0].image, { url: 'img/2.png', index: 1 });
  assert.equal(hits.length, 2);
});

test('build: files whose names are no addresses, and an address of each that leads to it', async (t) => {
  const root = folder(t);
  const names = ['shoe #1.png', '100% wool.png', 'what?.png', '50%20off.png', 'a%2fb.png', 'größe & "x" <b>.png', 'foto: 1.png', 'x:y.png', '🙂+1;2,3.png',
    'deep #/of ?/50%.png', "it's.png", 'back\\slash.png'];
  mkdirSync(join(root, 'deep #/of ?'), { recursive: true });
  names.forEach((name, i) => writeFileSync(join(root, name), drawing(i)));
  const built = await good(['build', root, '-o', join(root, 'c.kin')]);
  assert.match(built.err, new RegExp(`${names.length} products`));
  const list = `id,image\n${names.map((name, i) => `${i},"${name.replaceAll('"', '""')}"`).join('\n')}\n`;
  writeFileSync(join(root, 'p.jsonl'), names.map((image, i) => JSON.stringify({ id: String(i), image: [image] })).join('\n'));
  writeFileSync(join(root, 'p.csv'), list);
  await good(['build', join(root, 'p.jsonl'), '-o', join(root, 'j.kin')]);
  await good(['build', join(root, 'p.csv'), '-o', join(root, 'p.kin')]);
  for (const catalogue of ['c.kin', 'j.kin', 'p.kin']) {
    const bytes = readFileSync(join(root, catalogue));
    const by = { path: join(root, catalogue), file: pathToFileURL(join(root, catalogue)), bytes };
    for (const [how, source] of Object.entries(by)) {
      const catalog = await openCatalog(source, { worker: false });
      const { hits } = await catalog.search({ vector: new Float32Array(16).fill(1) });
      assert.equal(hits.length, names.length);
      for (const { item, image: { url } } of hits) {
        if (how === 'file') assert.match(url, /^file:/);
        const path = fileURLToPath(new URL(url, pathToFileURL(`${root}/`)));
        assert.equal(path, join(root, item.image), `${catalogue} by ${how}: ${url}`);
        assert.ok(existsSync(path), path);
      }
      await catalog.close();
    }
  }
});

test('build: the model that pages load, by its address beside the catalogue', async (t) => {
  const root = folder(t);
  mkdirSync(join(root, 'site #1/data'), { recursive: true });
  cpSync(shared.model, join(root, 'site #1/model 8'), { recursive: true });
  cpSync(shared.model, join(root, 'site #1/data/model'), { recursive: true });
  writeFileSync(join(root, 'a.png'), drawing(1));
  const address = async (model, output, cwd = root) => {
    const { code, err } = await kin(['build', join(root, 'p.csv'), '-o', output, '--model', model], { cwd });
    assert.equal(code, 0, err);
    const catalog = await openCatalog(join(cwd, output), { worker: false });
    await catalog.close();
    return catalog.info.metadata['kin.model'];
  };
  writeFileSync(join(root, 'p.csv'), 'id,image\n1,a.png\n');
  assert.equal(await address('./site #1/model 8', 'site #1/c.kin'), 'model%208/');
  assert.equal(await address('./site #1/model 8', 'site #1/data/c.kin'), '../model%208/');
  assert.equal(await address(join(root, 'site #1/data/model'), 'site #1/data/c.kin'), 'model/');
  assert.equal(await address(shared.model, 'site #1/c.kin'), '', 'elsewhere on this machine');
  assert.equal(await address('../model 8', 'c.kin', join(root, 'site #1/data')), '', 'above the folder the command runs in');
  assert.equal(await address(embeddedName, 'site #1/data/d.kin'), '', 'another model lies beside it');
  cpSync(embedded, join(root, 'model'), { recursive: true });
  assert.equal(await address(embeddedName, 'd.kin'), 'model/');
});

test('build: nothing private is published unless named', async (t) => {
  const root = shop(t, 2);
  const out = join(root, 's.kin');
  const build = (...more) => good(['build', join(root, 'products.csv'), '-o', out, ...more]);
  const published = async () => Object.keys((await kin(['inspect', out, '--public'])).lines()[0]);
  await build();
  assert.deepEqual(await published(), ['id', 'title', 'url', 'image']);
  const all = await build('--fields', '*');
  assert.match(all.err, /not published: cost/);
  assert.deepEqual((await published()).sort(), ['colour', 'id', 'image', 'price', 'title', 'url']);
  await build('--fields', 'cost');
  assert.ok((await published()).includes('cost'));
  const about = (await kin(['inspect', out, '--json'])).lines()[0];
  assert.equal(about.fields.find(({ field }) => field === 'cost').type, 'number');
  assert.deepEqual([about.products, about.pictures, about.dim], [2, 2, 16]);
  assert.match((await good(['inspect', out])).out, new RegExp(`^catalogue: 2 products, 2 pictures, 16 numbers each, ${about.bytes} bytes\\n`));
});

test('build: paths that lead outside fail their row only', async (t) => {
  const root = shop(t, 1);
  const outer = folder(t);
  writeFileSync(join(outer, 'secret.png'), drawing(9));
  symlinkSync(join(outer, 'secret.png'), join(root, 'img', 'link.png'));
  const refs = ['img/0.png', '../secret.png', join(outer, 'secret.png'), 'img/link.png',
    'file:///etc/passwd', 'https://127.0.0.1/x.png'];
  writeFileSync(join(root, 'p.jsonl'), refs.map((image, i) => JSON.stringify({ id: `${i}`, image })).join('\n'));
  const built = await run(['build', join(root, 'p.jsonl'), '-o', join(root, 'o.kin'), '--json']);
  assert.equal(built.code, 3);
  assert.deepEqual(built.lines()[0].failed.map(({ id, code }) => [id, code]), [['1', 'outside'],
    ['2', 'outside'], ['3', 'outside'], ['4', 'refused'], ['5', 'refused']]);
});

test('build: https only from allowed hosts, redirects included', async (t) => {
  const root = shop(t, 1);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', join(root, 'key.pem'),
    '-out', join(root, 'cert.pem')], { stdio: 'ignore' });
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(root, name)));
  const server = await listen((request, response, path) => {
    if (path === '/ok.png') return response.end(drawing(7));
    if (path === '/away.png') response.writeHead(302, { location: 'https://127.0.0.1:1/x.png' });
    else if (path === '/plain.png') response.writeHead(302, { location: 'http://localhost/x.png' });
    else if (path === '/again.png') response.writeHead(302, { location: '/ok.png' });
    else if (path === '/page.png') response.writeHead(200, { 'content-type': 'text/html' });
    else response.writeHead(404);
    return response.end(path === '/page.png' ? '<html>' : '');
  }, { key, cert });
  t.after(server.stop);
  const host = `localhost:${server.port}`;
  const names = ['ok', 'again', 'away', 'plain', 'page', 'none'];
  writeFileSync(join(root, 'r.jsonl'), names.map((name) =>
    JSON.stringify({ id: name, image: `https://${host}/${name}.png` })).join('\n'));
  const built = await run(['build', join(root, 'r.jsonl'), '-o', join(root, 'r.kin'), '--json', '--allow-host', host],
    { env: { NODE_EXTRA_CA_CERTS: join(root, 'cert.pem') } });
  assert.equal(built.code, 3, built.err);
  const [summary] = built.lines();
  assert.equal(summary.products, 2);
  assert.deepEqual(summary.failed.map((failure) => failure.id), ['away', 'plain', 'page', 'none']);
  assert.match(summary.failed[0].message, /--allow-host 127.0.0.1:1/);
});

test('build: an old catalogue survives Ctrl-C, bad input and a wrong -o', async (t) => {
  const root = shop(t, 60);
  const out = join(root, 'shop.kin');
  await good(['build', join(root, 'products.csv'), '-o', out]);
  const before = readFileSync(out);
  const names = () => readdirSync(root).sort();
  const there = names();
  // A named pipe among the pictures would hold a careless reader for ever; it is a failed row.
  execFileSync('mkfifo', [join(root, 'img', 'pipe.png')]);
  writeFileSync(join(root, 'slow.jsonl'), [...Array(4000).keys()].map((i) => JSON.stringify({ id: `${i}`,
    image: i ? `img/${i % 60}.png` : 'img/pipe.png' })).join('\n'));
  const stopped = await run(['build', join(root, 'slow.jsonl'), '-o', out], {
    onStart: (child) => child.stderr.on('data', (text) => { if (/row 1 /.test(text)) child.kill('SIGINT'); }), // the pipe's
  });
  assert.equal(stopped.code, 1, stopped.err);
  assert.match(stopped.err, /row 1 \(0\).*not a regular file[^]*stopped; nothing that was there before has changed/);
  const left = names().filter((name) => name === 'shop.kin.part'); // if a row was made by then
  assert.ok(readFileSync(out).equals(before));
  writeFileSync(join(root, 'none.csv'), 'id,image\n1,img/missing.png\n');
  const none = await run(['build', join(root, 'none.csv'), '-o', out]);
  assert.equal(none.code, 1);
  assert.ok(readFileSync(out).equals(before));
  const csv = readFileSync(join(root, 'products.csv'));
  const wrong = await run(['build', join(root, 'products.csv'), '-o', join(root, 'products.csv')]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /is there already and is not a catalogue/);
  assert.ok(readFileSync(join(root, 'products.csv')).equals(csv));
  assert.equal((await run(['build', join(root, 'products.csv'), '-o', join(root, 'no', 'x.kin')])).code, 1);
  assert.deepEqual(names(), [...there, ...left, 'none.csv', 'slow.jsonl'].sort());
  assert.ok(statSync(out).isFile() && existsSync(out));
});

test('build: a folder of pictures', async (t) => {
  const root = shop(t, 3);
  await good(['build', join(root, 'img'), '-o', join(root, 'f.kin')]);
  const items = (await kin(['inspect', join(root, 'f.kin'), '--public'])).lines();
  assert.deepEqual(items, ['0', '1', '2'].map((name) =>
    ({ id: `${name}.png`, title: name, image: `${name}.png` })));
});

test('verify: a catalogue with one byte changed does not pass', async (t) => {
  const root = shop(t, 5);
  const out = join(root, 's.kin');
  await good(['build', join(root, 'products.csv'), '-o', out]);
  const bytes = readFileSync(out);
  const { tensors } = readHeader(bytes);
  for (const tensor of ['scale', 'vectors', 'row_item', 'id_order', 'ids', 'items']) {
    const changed = Buffer.from(bytes);
    changed[8 + Number(bytes.readBigUInt64LE()) + tensors[tensor].data_offsets[0] + 1] ^= 0x15;
    writeFileSync(join(root, 'bad.kin'), changed);
    const { code, err } = await kin(['verify', join(root, 'bad.kin')]);
    assert.equal(code, 1, tensor);
    assert.match(err, new RegExp(`^kin: [^\\n]+ is damaged: [^\\n]+: ${tensor}\\.\\n$`), tensor);
    const [{ ok, faults }] = (await kin(['verify', join(root, 'bad.kin'), '--json'])).lines();
    assert.deepEqual([ok, faults.length], [false, 1]);
  }
  const other = Buffer.from(bytes.toString('latin1').replace('{"id":"p3"', '{"id":"p7"'), 'latin1');
  writeFileSync(join(root, 'bad.kin'), mended(other));
  assert.match((await kin(['verify', join(root, 'bad.kin')])).err, /product 3 is 'p3' but its item says 'p7'/);
  for (const length of [0, 7, 8, 100, 1000, bytes.length - 1]) {
    writeFileSync(join(root, 'bad.kin'), bytes.subarray(0, length));
    assert.equal((await kin(['verify', join(root, 'bad.kin')])).code, 1, `${length} bytes`);
  }
});

test('bench says what it ran on', async () => {
  const [result] = (await good(['bench', '--json'])).lines();
  assert.equal(result.dtype, 'q8');
  assert.ok(result.image.median > 0 && result.text.median > 0);
});

test('bench measures an open_clip folder, and tells why its text tower cannot be run', async (t) => {
  const model = join(folder(t), 'model');
  cpSync(new URL('../golden/open_clip/vit-gelu', import.meta.url), model, { recursive: true });
  for (const [name, text] of Object.entries(vocabulary)) writeFileSync(join(model, name), text);
  const { code, out } = await kin(['bench', '--json', '--model', model]);
  const { image, text } = JSON.parse(out);
  assert.equal(code, 1);
  assert.ok(image.median > 0 && image.runs >= 5);
  assert.deepEqual([text.error, /token \d+ but the model only 96/.test(text.message)], ['not-a-model', true], JSON.stringify(text));
  assert.match((await kin(['bench', '--model', model])).out, /^picture +\d.* ms median.*\ntext +The vocabulary has token/m);
});
