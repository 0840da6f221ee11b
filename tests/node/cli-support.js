// What the command-line tests share: tiny pictures drawn here, a folder that goes away, and `kin`
// as a real child process.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 as zlibCrc32, deflateSync } from 'node:zlib';

export const cli = fileURLToPath(new URL('../../catalog/cli.js', import.meta.url));

// zlib.crc32 came with Node 20.15.
const crc32 = zlibCrc32 ?? ((bytes) => {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body) >>> 0, body.length + 4);
  return out;
}

// pixel(x, y) -> [r, g, b] or [r, g, b, a].
export function png(width, height, pixel) {
  const channels = pixel(0, 0).length;
  const rows = Buffer.alloc((width * channels + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      rows.set(pixel(x, y), y * (width * channels + 1) + 1 + x * channels);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, channels === 4 ? 6 : 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

// A picture of its own for every number: two colours in stripes of a width and slant.
export function drawing(n, size = 40) {
  const a = [n * 53 % 256, n * 101 % 256, n * 197 % 256];
  const b = [255 - a[0], a[2], 255 - a[1]];
  return png(size, size, (x, y) => ((x * (n % 3 + 1) + y * (n % 5)) >> 3) & 1 ? a : b);
}

export function folder(context) {
  const path = mkdtempSync(join(tmpdir(), 'kin-test-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

// Runs `kin`; resolves to { code, out, err, lines() } whatever the exit code.
export function kin(args, { input, env, cwd, onStart } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { cwd, env: { ...process.env, ...env } });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err,
      lines: () => out.split('\n').filter(Boolean).map((line) => JSON.parse(line)) }));
    child.stdin.on('error', () => {}); // it may end before it reads
    child.stdin.end(input ?? '');
    onStart?.(child);
  });
}
