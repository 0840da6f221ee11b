// Pictures of any kind -> encoded bytes or raw pixels. Only formats that the engine lacks reach the
// platform's decoder.
import { fail } from '../shared/errors.js';
import { is, readSource } from '../shared/source.js';

const limit = 64 * 2 ** 20;

const isRaw = (value) => ArrayBuffer.isView(value?.data) && 'width' in value && 'height' in value;

// `exif`, the command's: the EXIF block of a file whose pixels its own decoder gave as they lie.
function checkRaw({ data, width, height, exif }) {
  const channels = data.length / (width * height);
  if (!is(data, 'Uint8Array', 'Uint8ClampedArray') ||
      ![width, height].every((side) => side > 0 && Number.isInteger(side)) || (channels !== 3 && channels !== 4))
    fail('bad-argument', 'Raw pixels are { data, width, height } with 3 or 4 bytes a pixel in a Uint8Array.');
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height,
    ...(is(exif, 'Uint8Array') && { exif }) };
}

function fromCanvas(canvas) {
  const { width, height } = canvas;
  if (!width || !height) fail('bad-argument', 'The canvas is empty.');
  try {
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    return checkRaw(context.getImageData(0, 0, width, height));
  } catch (error) {
    return fail('cors', 'The canvas cannot be read: it holds a picture of another host.', error);
  }
}

// In the page: elements become what a worker can be sent. An <img> is read anew.
export function packImage(source) {
  if (is(source, 'HTMLImageElement')) return packImage(source.currentSrc || source.src);
  if (is(source, 'URL')) return source.href;
  if (typeof source === 'string') {
    const base = globalThis.document?.baseURI;
    try {
      return base ? new URL(source, base).href : source;
    } catch {
      return source; // fails where it is opened
    }
  }
  if (is(source, 'HTMLCanvasElement', 'OffscreenCanvas', 'ImageBitmap')) return fromCanvas(source);
  if (isRaw(source)) return checkRaw(source);
  if (is(source, 'Blob', 'File', 'ArrayBuffer') || ArrayBuffer.isView(source)) return source;
  return fail('bad-argument', 'A picture is a URL, a Blob or File, an image or canvas element, bytes or ' +
    '{ data, width, height }.');
}

const ours = ['jpeg', 'png', 'html', 'unknown'];

// In the worker: puts the picture into the engine's context; returns which decoder ran. `box`: the
// part to be prepared, for decode 'fast'.
export async function holdImage(engine, ctx, source, io, box, signal) {
  const raw = ({ data, width, height, exif }) => engine.check(ctx, engine.with([data, exif], (p, _, e, n) =>
    engine.call('kin_image_raw', ctx, p, width, height, data.length / (width * height), e, n)));
  if (isRaw(source)) {
    raw(source);
    return 'raw';
  }
  const bytes = await readSource(source, 'The picture', io, { signal, limit });
  const format = engine.with([bytes], (p, n) => engine.text(engine.pointer('kin_image_format', p, n)));
  const decoded = !ours.includes(format) && await io.decodeImage?.(bytes, format);
  if (!decoded) { // or refused by the engine
    const name = box ? 'kin_image_decode_fast' : 'kin_image_decode';
    engine.check(ctx, engine.with([bytes], (p, n) => engine.call(name, ctx, p, n, ...box ?? [])));
    return engine.call('kin_image_reduction', ctx) > 1 ? 'own-fast' : 'own';
  }
  raw(checkRaw(decoded));
  return decoded.decoder ?? 'browser';
}
