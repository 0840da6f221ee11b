// A picture as a PNG of at most `most` bytes with a palette (colour type 3), as documents take it: colours by median cut, each pixel the
// nearest, rows without a filter. Of the numbers of colours the largest that fits; pngjs, which reads it, writes no palettes.
import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { crc32 } from '../catalog/lib/crc32.js';

// [{ rgb, n }] -> colours: the box whose widest side, weighed by its pixels, is the longest is cut in the middle of its pixels.
function medianCut(counted, wanted) {
  const measure = (box) => {
    const sides = [0, 1, 2].map((c) => Math.max(...box.map(({ rgb }) => rgb[c])) - Math.min(...box.map(({ rgb }) => rgb[c])));
    const side = sides.indexOf(Math.max(...sides)), n = box.reduce((sum, one) => sum + one.n, 0);
    return { box, side, n, size: sides[side] * Math.sqrt(n) };
  };
  const boxes = [measure(counted)];
  while (boxes.length < wanted) {
    const widest = boxes.reduce((best, one) => (one.size > best.size ? one : best));
    if (!widest.size) break;
    const sorted = widest.box.sort((a, b) => a.rgb[widest.side] - b.rgb[widest.side]);
    let at = 0;
    for (let sum = 0; at < sorted.length - 1 && sum < widest.n / 2; at++) sum += sorted[at].n;
    at = Math.max(1, at);
    boxes.splice(boxes.indexOf(widest), 1, measure(sorted.slice(0, at)), measure(sorted.slice(at)));
  }
  return boxes.map(({ box, n }) => {
    const usual = box.reduce((best, one) => (one.n > best.n ? one : best));
    return usual.n > n / 2 ? usual.rgb : [0, 1, 2].map((c) => Math.round(box.reduce((sum, one) => sum + one.rgb[c] * one.n, 0) / n));
  });
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]), length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, body, Buffer.from(crc32(body), 'hex')]);
}

function withPalette({ width, height, data }, wanted) {
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const key = data[i] << 16 | data[i + 1] << 8 | data[i + 2];
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rgbOf = (key) => [key >> 16, key >> 8 & 255, key & 255];
  const palette = medianCut([...counts].map(([key, n]) => ({ rgb: rgbOf(key), n })), wanted);
  const nearest = new Map([...counts.keys()].map((key) => {
    const rgb = rgbOf(key), far = palette.map((one) => one.reduce((sum, value, c) => sum + (value - rgb[c]) ** 2, 0));
    return [key, far.indexOf(Math.min(...far))];
  }));
  const rows = Buffer.alloc((width + 1) * height); // each begins with its filter, 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      rows[y * (width + 1) + 1 + x] = nearest.get(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
    }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header), chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

// bytes of a PNG without transparency -> bytes of a smaller one
export function smallPng(bytes, most) {
  const picture = PNG.sync.read(bytes);
  for (const colours of [256, 160, 96, 64, 40, 24, 16]) {
    const found = withPalette(picture, colours);
    if (found.length <= most) return found;
  }
  throw new Error(`a picture of ${picture.width} × ${picture.height} does not fit into ${most} bytes`);
}
