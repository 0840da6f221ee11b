// What tests of damage share: kin.crc32 put right after a change that is to be seen by what comes behind it, and
// bits to flip.
import { crc32 } from '../../catalog/lib/crc32.js';
import { readHeader } from '../../catalog/lib/tensors.js';

// The same bytes, their checksums those of what they hold now.
export function mended(bytes) {
  const file = Buffer.from(bytes);
  const end = 8 + Number(file.readBigUInt64LE());
  const at = file.indexOf('"kin.crc32":"') + '"kin.crc32":"'.length;
  const tensors = Object.values(readHeader(file).tensors).sort((a, b) => a.data_offsets[0] - b.data_offsets[0]);
  file.write(['00000000', ...tensors.map(({ data_offsets: [from, to] }) => crc32(file.subarray(end + from, end + to)))].join(''), at);
  file.write(crc32(file.subarray(0, end)), at);
  return file;
}

// `n` numbers below `end`, always the same.
export function* seeded(n, end) {
  let state = 7;
  for (let i = 0; i < n; i++) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    yield Math.floor(state / 2 ** 32 * end);
  }
}
