// A kin-native process as tests drive it, by the frames of docs/native.md.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../../build/native/kin-native', import.meta.url));

export const types = { picture: 1, pixels: 2, text: 3, vector: 128, failed: 129, ready: 130 };

export function frame(id, type, ...parts) {
  const payload = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
  const head = Buffer.alloc(9);
  head.writeUInt32LE(payload.length + 5);
  head.writeUInt32LE(id, 4);
  head[8] = type;
  return Buffer.concat([head, payload]);
}

export function pixelsFrame(id, fit, { data, width, height }) {
  const sizes = Buffer.alloc(9);
  sizes.writeUInt32LE(width);
  sizes.writeUInt32LE(height, 4);
  sizes[8] = data.length / (width * height);
  return frame(id, types.pixels, fit, sizes, data);
}

async function* answers(stream) {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = Buffer.concat([held, chunk]);
    for (let n; held.length >= 9 && held.length >= 4 + (n = held.readUInt32LE(0)); held = held.subarray(4 + n)) {
      const [id, type, payload] = [held.readUInt32LE(4), held[8], Buffer.from(held.subarray(9, 4 + n))];
      yield type === types.vector ? { id, vector: new Float32Array(payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.length)) }
        : { id, type, ...JSON.parse(payload) };
    }
  }
  if (held.length) throw new Error(`output ended within a frame: ${held.length} bytes`);
}

// Runs `kin-native <args>` on the given input -> { code, complaint, answers, or text with `plain` }.
export async function run(args, input = [], { plain = false } = {}) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // it may end before it has read all
  child.stdin.end(Buffer.concat(input));
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  const complaint = all(child.stderr).then((parts) => Buffer.concat(parts).toString());
  const output = plain ? Buffer.concat(await all(child.stdout)).toString() : await all(answers(child.stdout));
  return { code: await ended, complaint: await complaint, [plain ? 'text' : 'answers']: output };
}

async function all(iterable) {
  const list = [];
  for await (const one of iterable) list.push(one);
  return list;
}
