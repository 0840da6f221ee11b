// Raw pixels: { data, width, height }, rows of 3 (RGB) or 4 (RGBA) bytes a pixel.
import { fail } from './errors.js';
import { is } from './source.js';

export const isRaw = (value) => ArrayBuffer.isView(value?.data) && 'width' in value && 'height' in value;

// `exif`, the command's: the EXIF block of a file whose pixels its own decoder gave as they lie.
export function checkRaw({ data, width, height, exif }) {
  const channels = data.length / (width * height);
  if (!is(data, 'Uint8Array', 'Uint8ClampedArray') ||
      ![width, height].every((side) => side > 0 && Number.isInteger(side)) || (channels !== 3 && channels !== 4))
    fail('bad-argument', 'Raw pixels are { data, width, height } with 3 or 4 bytes a pixel in a Uint8Array.');
  return { data, width, height, ...(is(exif, 'Uint8Array') && { exif }) };
}
