// decode: 'fast': reduced JPEGs, the same bits as natively, said by info and the catalogue.
import assert from 'node:assert/strict';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { load, openCatalog } from '../../web/index.node.js';
import { drawing, kin, tinyModel } from './cli-support.js';

const root = mkdtempSync(join(tmpdir(), 'kin-decode-'));
const model = tinyModel(join(root, 'model'));
const picture = (name) => new URL(`../golden/images/${name}`, import.meta.url).pathname;
const bytes = (name) => readFileSync(picture(name));
let fast;
before(async () => { fast = await load({ model, decode: 'fast' }); });
after(async () => {
  await fast.close();
  rmSync(root, { recursive: true });
});

const sum = ({ data }) => data.reduce((total, value) => (Math.imul(total, 31) + value) >>> 0, 0);

test('reduced pixels are those of the native build (tests/c/test_decoders.c)', async () => {
  for (const [name, wanted] of [['420', 2860352324], ['422', 1471404175], ['turned', 2069071288]]) {
    assert.equal(sum(await fast.preprocess(bytes(`reduce-${name}.jpg`))), wanted, name);
    assert.equal(fast.info.decoder, 'own-fast');
  }
});

test('a small box, a small JPEG and a PNG are decoded exactly', async () => {
  const exact = await load({ model });
  const box = { x: 0.1, y: 0.1, width: 0.3, height: 0.3 };
  for (const [source, options] of [[bytes('reduce-420.jpg'), { box }], [bytes('jpeg-420.jpg')], [drawing(1)]]) {
    assert.deepEqual(await fast.preprocess(source, options), await exact.preprocess(source, options));
    assert.equal(fast.info.decoder, 'own');
  }
  await exact.preprocess(bytes('reduce-420.jpg'));
  assert.equal(exact.info.decoder, 'own');
  await exact.close();
});

test('the embedding stays close; a catalogue says what decoded its pictures', async () => {
  const exact = await load({ model });
  const [a, b] = [await fast.embedImage(bytes('reduce-420.jpg')), await exact.embedImage(bytes('reduce-420.jpg'))];
  assert.ok(a.reduce((total, value, i) => total + value * b[i], 0) > 0.99);
  const builder = await fast.createCatalog();
  await builder.add({ id: 'a', images: bytes('reduce-420.jpg'), item: {} });
  await builder.add({ id: 'b', images: drawing(2), item: {} });
  const catalog = await openCatalog(await builder.save());
  assert.equal(catalog.info.metadata['kin.decoders'], 'own,own-fast');
  catalog.close();
  await exact.close();
});

// A chunk of a PNG: length, type, data and their CRC-32.
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  let crc = -1;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(~crc >>> 0, body.length + 4);
  return out;
}

// Rows of zeros in seven passes (Adam7), which inflate to a little more than the picture.
function interlaced(side, bits, channels, colour) {
  const passes = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
  const size = passes.reduce((n, [x, y, dx, dy]) =>
    n + (Math.ceil((side - x) / dx) * channels * bits / 8 + 1) * Math.ceil((side - y) / dy), 0);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([bits, colour, 0, 0, 1], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(size))), chunk('IEND', Buffer.alloc(0))]);
}

test('interlaced PNGs take no more memory than others', async () => {
  for (const [side, bits, channels, colour] of [[5000, 8, 4, 6], [3940, 16, 3, 2], [5000, 16, 1, 0]]) {
    const clip = await load({ model });
    const { data } = await clip.preprocess(interlaced(side, bits, channels, colour));
    assert.ok(data.every((value) => value === (channels === 4 ? 255 : 0)));
    assert.ok(clip.info.peakBytes < 256 * 2 ** 20, `${side} x ${side}, ${bits} bits: ${clip.info.peakBytes / 2 ** 20} MiB`);
    await clip.close();
  }
});

test('kin --decode fast', async () => {
  const run = (decode) => kin(['embed', picture('reduce-420.jpg'), '--model', model, ...decode]);
  const [plain, reduced, wrong] = [await run([]), await run(['--decode', 'fast']), await run(['--decode', 'slow'])];
  assert.deepEqual([plain.code, reduced.code, wrong.code], [0, 0, 2], plain.err + reduced.err);
  assert.notEqual(plain.out, reduced.out);
  assert.deepEqual(reduced.lines()[0].embedding, [...await fast.embedImage(bytes('reduce-420.jpg'))]);
});
