// Pixels as a PNG file, for small pictures within a page: 8-bit RGB, each row by Paeth's filter.
import { deflateSync } from 'node:zlib';
import { crc32More } from './crc32.js';

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32More(0, body), body.length + 4);
  return out;
}

const nearest = (left, up, corner) => {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
};

function filtered({ data, width, height }) {
  const row = 3 * width;
  const out = Buffer.alloc(height * (row + 1));
  for (let y = 0; y < height; y++) {
    out[y * (row + 1)] = 4;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const [left, up, corner] = [x >= 3 ? data[at - 3] : 0, y ? data[at - row] : 0, x >= 3 && y ? data[at - row - 3] : 0];
      out[y * (row + 1) + 1 + x] = data[at] - nearest(left, up, corner);
    }
  }
  return out;
}

export function png(pixels) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(pixels.width);
  head.writeUInt32BE(pixels.height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    chunk('IDAT', deflateSync(filtered(pixels), { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

// At most `most` pixels a side, each the mean of a square of those that were there.
export function smaller({ data, width, height }, most) {
  const step = Math.ceil(Math.max(width, height) / most);
  const [w, h] = [Math.floor(width / step), Math.floor(height / step)];
  const out = new Uint8Array(3 * w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let k = 0; k < step * step; k++)
          sum += data[3 * ((y * step + Math.floor(k / step)) * width + x * step + k % step) + c];
        out[3 * (y * w + x) + c] = Math.round(sum / (step * step));
      }
  return { data: out, width: w, height: h };
}
