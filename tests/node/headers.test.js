// Sizes out of the headers of pictures that the engine does not decode, before anybody decodes them.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { toSource } from '../../catalog/lib/pictures.js';
import { headerOf } from '../../web/shared/headers.js';

const bytes = (text, length = text.length) => Uint8Array.from(Buffer.concat([Buffer.from(text, 'latin1'),
  Buffer.alloc(Math.max(0, length - text.length))]));
const le = (value, n) => String.fromCharCode(...Array.from({ length: n }, (_, i) => Math.floor(value / 256 ** i) & 255));
const chunk = (name, body) => name + le(body.length, 4) + body + (body.length & 1 ? '\0' : '');
const webp = (...chunks) => bytes(chunk('RIFF', `WEBP${chunks.join('')}`));
const lossy = (width, height, n) => chunk('VP8 ', `\x30\x01\0\x9d\x01\x2a${le(width, 2)}${le(height, 2)}${'x'.repeat(n)}`);
const lossless = (width, height) => chunk('VP8L', `/${le(width - 1 + (height - 1) * 2 ** 14, 4)}xxxxxx`);
const extended = (flags, width, height) => chunk('VP8X', `${le(flags, 4)}${le(width - 1, 3)}${le(height - 1, 3)}`);

test('WebP: size, EXIF, animation, an end that is missing', async () => {
  const of = (file) => headerOf(file, 'webp');
  const nothing = { short: false, exif: null };
  assert.deepEqual(of(webp(lossy(640, 480, 300))), { width: 640, height: 480, ...nothing });
  assert.deepEqual(of(webp(lossy(0x4000 + 640, 0xc000 + 480, 300))), { width: 640, height: 480, ...nothing }); // scaling bits
  assert.deepEqual(of(webp(lossless(16384, 9000))), { width: 16384, height: 9000, ...nothing });
  assert.deepEqual(of(webp(extended(0, 2 ** 24, 3))), { width: 2 ** 24, height: 3, ...nothing });
  assert.deepEqual(of(webp(extended(0, 10, 10), chunk('ALPH', 'odd'), lossless(5000, 6000))), { width: 5000, height: 6000, ...nothing });
  await assert.rejects(toSource(webp(extended(2, 10, 10), lossless(10, 10)), 'x.webp'), { code: 'unsupported-image', message: /^x\.webp: an animated WebP/ });
  const file = webp(extended(8, 10, 10), lossless(10, 10), chunk('EXIF', 'II*\0x'), chunk('EXIF', 'second'));
  const { from, to } = of(file).exif;
  assert.equal(Buffer.from(file.subarray(from, to)).toString('latin1'), 'II*\0x');
  assert.equal(of(webp(lossy(5000, 5000, 10))).short, true); // 25 megapixels in some bytes
  assert.equal(of(webp(lossless(5000, 5000))).short, false); // one colour takes no more
  assert.equal(of(file.subarray(0, file.length - 1)).short, true);
  assert.equal(of(file.subarray(0, 20)).short, true);
  assert.deepEqual(of(webp()), { width: 0, height: 0, ...nothing });
  const lying = webp(lossless(10, 10), 'EXIF\xff\xff\xff\xffabcd');
  assert.deepEqual(of(lying).exif, { from: lying.length - 4, to: lying.length });
  assert.ok(headerOf(readFileSync('tests/golden/images/format.webp'), 'webp').width === 8);
});

test('GIF: the screen or a first frame beyond it', () => {
  const of = (text) => headerOf(bytes(text), 'gif');
  const frame = `,\0\0\0\0${le(500, 2)}${le(7, 2)}\0`;
  assert.deepEqual(of(`GIF89a${le(300, 2)}${le(200, 2)}\0\0\0${frame}`), { width: 500, height: 200 });
  assert.deepEqual(of(`GIF89a${le(300, 2)}${le(200, 2)}\x81\0\0${'rgb'.repeat(4)}!\xf9\x04abcd\0!\xfe\x02xx\x01y\0${frame}`),
    { width: 500, height: 200 });
  assert.deepEqual(of(`GIF89a${le(65535, 2)}${le(65535, 2)}\0\0\0;`), { width: 65535, height: 65535 });
  assert.equal(of(`GIF89a${le(300, 2)}${le(200, 2)}\0\0\0,\0\0`), null);
  assert.deepEqual(of(`GIF89a${le(300, 2)}${le(200, 2)}\0\0\0!\xf9\x04`), { width: 300, height: 200 });
  assert.deepEqual(headerOf(readFileSync('tests/golden/images/format.gif'), 'gif'), { width: 8, height: 8 });
});

test('BMP, AVIF and HEIC; what says nothing', () => {
  assert.deepEqual(headerOf(bytes(`BM${'\0'.repeat(12)}${le(12, 4)}${le(40000, 2)}${le(50000, 2)}`), 'bmp'), { width: 40000, height: 50000 });
  assert.deepEqual(headerOf(bytes(`BM${'\0'.repeat(12)}${le(40, 4)}${le(40000, 4)}${le(-3, 4)}`), 'bmp'), { width: 40000, height: 3 });
  assert.deepEqual(headerOf(readFileSync('tests/golden/images/format.bmp'), 'bmp'), { width: 8, height: 8 });
  const box = (width, height) => `\0\0\0\x14ispe\0\0\0\0\0\0${String.fromCharCode(width >> 8, width & 255)}\0\0${String.fromCharCode(height >> 8, height & 255)}`;
  for (const format of ['avif', 'heic'])
    assert.deepEqual(headerOf(bytes(`\0\0\0\x18ftyp${format}\0\0\0\0mif1${format}${box(160, 160)}${box(9000, 8000)}${box(512, 512)}`), format),
      { width: 9000, height: 8000 });
  for (const [text, format] of [['', 'webp'], ['RIFF', 'webp'], ['GIF89a', 'gif'], ['BM', 'bmp'], ['\0\0\0\x18ftypavif', 'avif'], ['II*\0', 'tiff']])
    assert.equal(headerOf(bytes(text), format), null, format);
});
