// CRC-32 of IEEE 802.3, as the engine's src/crc32.c checks it. (Node's own is not in every Node 20.)
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? byte >>> 1 ^ 0xedb88320 : byte >>> 1;
  return byte;
});

// The sum of bytes that come in pieces: begins with 0, goes on with what the last piece gave.
export function crc32More(before, bytes) {
  let sum = ~before;
  for (let i = 0; i < bytes.length; i++) sum = sum >>> 8 ^ table[(sum ^ bytes[i]) & 255];
  return ~sum >>> 0;
}

// -> eight lower-case hexadecimal digits
export const crc32 = (bytes) => crc32More(0, bytes).toString(16).padStart(8, '0');
