// What the first bytes say of pictures that the engine does not decode: their size, so that one that is too large is
// refused before a decoder makes room for it, and where a WebP keeps its EXIF block.

export const maxPixels = 25e6; // as the engine: 24-megapixel cameras give a little more

// One reader a format: (bytes, DataView, text(at): four letters) -> { width, height, … } or null.
const readers = {
  // Chunks: four letters, length, body, filled up to an even length. Of sizes that disagree the largest counts.
  webp(bytes, view, text) {
    const u24 = (at) => view.getUint16(at, true) | bytes[at + 2] << 16;
    const end = Math.min(bytes.length, view.getUint32(4, true) + 8);
    const found = { width: 0, height: 0, short: end < view.getUint32(4, true) + 8, exif: null };
    const size = (width, height) => {
      if (width * height > found.width * found.height) Object.assign(found, { width, height });
    };
    for (let at = 12, n; at + 8 <= end; at += 8 + n + (n & 1)) {
      n = view.getUint32(at + 4, true);
      const kind = text(at), body = at + 8;
      if (kind === 'EXIF') found.exif ??= { from: body, to: Math.min(body + n, end) };
      if (body + 10 > end) continue;
      if (kind === 'VP8X') size(u24(body + 4) + 1, u24(body + 7) + 1);
      else if (kind === 'VP8L') {
        const bits = view.getUint32(body + 1, true);
        size((bits & 0x3fff) + 1, (bits >>> 14 & 0x3fff) + 1);
      } else if (kind === 'VP8 ') {
        const width = view.getUint16(body + 6, true) & 0x3fff, height = view.getUint16(body + 8, true) & 0x3fff;
        size(width, height);
        found.short ||= width * height / 1024 > n; // a block of 16 x 16 takes at least two bits
      }
    }
    return found;
  },
  // The screen, or a first frame that is larger.
  gif(bytes, view) {
    let width = view.getUint16(6, true), height = view.getUint16(8, true);
    let at = 13 + (bytes[10] & 128 ? 6 << (bytes[10] & 7) : 0);
    while (bytes[at] === 0x21) {
      for (at += 2; bytes[at]; at += bytes[at] + 1);
      at++;
    }
    if (bytes[at] === 0x2c) {
      width = Math.max(width, view.getUint16(at + 5, true));
      height = Math.max(height, view.getUint16(at + 7, true));
    }
    return { width, height };
  },
  bmp: (bytes, view) => (view.getUint32(14, true) === 12
    ? { width: view.getUint16(18, true), height: view.getUint16(20, true) }
    : { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) }),
  // The largest of the sizes that its boxes name.
  avif(bytes, view, text) {
    let found = null;
    for (let at = 8; at + 16 <= Math.min(bytes.length, 2 ** 18); at++) {
      if (bytes[at] !== 105 || text(at) !== 'ispe') continue;
      const width = view.getUint32(at + 8), height = view.getUint32(at + 12);
      if (!found || width * height > found.width * found.height) found = { width, height };
    }
    return found;
  },
};
readers.heic = readers.avif;

// null: it does not say.
export function headerOf(bytes, format) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return readers[format]?.(bytes, view, (at) => String.fromCharCode(...bytes.subarray(at, at + 4))) ?? null;
  } catch {
    return null; // too short to say it
  }
}
