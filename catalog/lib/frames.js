// The frames that an embedding process reads and writes, little-endian:
//   u32 n, the bytes that follow | u32 id | u8 type | payload of n − 5 bytes
// docs/architecture.md lists the types.
export const types = { picture: 1, pixels: 2, text: 3, vector: 128, error: 129, ready: 130 };
const mostBytes = 512 * 2 ** 20;

// -> the frame's bytes in parts
export function frame(id, type, ...parts) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(parts.reduce((n, part) => n + part.length, 5), 0);
  head.writeUInt32LE(id, 4);
  head.writeUInt8(type, 8);
  return [head, ...parts];
}

// The frames of a stream: { id, type, payload }. Throws where it ends within one or says more than is possible.
export async function* readFrames(stream) {
  let [parts, have] = [[], 0];
  const join = () => {
    if (parts.length !== 1) parts = [Buffer.concat(parts, have)];
    return parts[0];
  };
  const size = () => (have >= 4 ? join().readUInt32LE(0) : 0);
  let n = 0;
  for await (const part of stream) {
    parts.push(part);
    have += part.length;
    for (n ||= size(); n && have >= 4 + n; n = size()) {
      if (n < 5) break;
      const all = join();
      yield { id: all.readUInt32LE(4), type: all.readUInt8(8), payload: all.subarray(9, 4 + n) };
      parts = [all.subarray(4 + n)];
      have -= 4 + n;
    }
    if (n > mostBytes || n > 0 && n < 5) throw new Error(`a frame of ${n} bytes, which is none`);
  }
  if (have) throw new Error('it ended within a frame');
}
