// Serves the working tree to the bench pages: cross-origin isolated unless told otherwise, any engine's scripts may run, and at
// a slow network's pace and gzipped where asked.
import { createReadStream, readFileSync } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { find, listen } from '../tests/server.js';

// One line for all answers: each waits until those before it have used up their time.
function pace(line, bytesPerSecond) {
  return new Transform({
    async transform(chunk, _, done) {
      line.free = Math.max(line.free, performance.now()) + chunk.length / bytesPerSecond * 1000;
      await new Promise((resolve) => { setTimeout(resolve, line.free - performance.now()); });
      done(null, chunk);
    },
  });
}

// -> { url, sent: [[path, bytes], ...] of what was asked for so far, stop() }
export async function serve(root, { bytesPerSecond = 0, latency = 0, compress = false, isolate = true } = {}) {
  const line = { free: 0 };
  const sent = [];
  const { url, stop } = await listen((request, response, path) => {
    for (const [name, value] of [...isolate ? [['cross-origin-opener-policy', 'same-origin'], ['cross-origin-embedder-policy', 'require-corp']] : [],
      ['cross-origin-resource-policy', 'same-origin'], ['cache-control', 'max-age=3600']]) response.setHeader(name, value);
    const found = find(response, root, path);
    if (!found) return;
    const { file, size } = found;
    const packed = compress && /\.(html|js|json|txt|wasm)$/.test(path) ? gzipSync(readFileSync(file)) : null;
    if (packed) response.setHeader('content-encoding', 'gzip');
    response.setHeader('content-length', packed?.length ?? size);
    sent.push([path, packed?.length ?? size]);
    setTimeout(() => {
      const body = packed ? Readable.from((function* () { for (let at = 0; at < packed.length; at += 8192) yield packed.subarray(at, at + 8192); })())
        : createReadStream(file, { highWaterMark: bytesPerSecond ? 8192 : 1 << 20 });
      (bytesPerSecond ? body.pipe(pace(line, bytesPerSecond)) : body).pipe(response);
    }, latency);
  });
  return { url, sent, stop };
}
