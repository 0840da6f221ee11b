// What the worker's side needs of a page and Node has otherwise. To it comes startHelper(): another worker, as a link.
import { checkAbort, fail, KinError, toEnd } from '../shared/errors.js';
import { headerOf } from '../shared/headers.js';
import { place } from '../shared/place.js';
import { patiently, request } from '../shared/source.js';
import { features as probe } from './variant.js';

export const features = () => probe();

// Spelled out, so that bundlers find them.
const wasm = {
  simd: () => new URL('../wasm/kin-simd.wasm', import.meta.url),
  'simd-threads': () => new URL('../wasm/kin-simd-threads.wasm', import.meta.url),
  relaxed: () => new URL('../wasm/kin-relaxed.wasm', import.meta.url),
  'relaxed-threads': () => new URL('../wasm/kin-relaxed-threads.wasm', import.meta.url),
  find: () => new URL('../wasm/kin-find.wasm', import.meta.url), // a catalogue's folder alone
};

const nothing = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]); // a module, and all that one needs

export async function module(variant, io, signal) {
  const name = `kin-${variant}.wasm`;
  const href = place(wasm[variant]().href);
  const url = String(await io.resolve?.(name, href) ?? href);
  const response = await request(url, name, io, { signal });
  if (!response.ok) throw toEnd(new KinError('http', `${name}: the server answered ${response.status}`), 'noEngine', url);
  const typed = /^application\/wasm\b/.test(response.headers.get('content-type'));
  try { // while it arrives, and browsers keep what they compiled so; but only of that type
    return await patiently(typed ? WebAssembly.compileStreaming(response)
      : response.arrayBuffer().then((bytes) => WebAssembly.compile(bytes)), name, io.stall);
  } catch (error) {
    checkAbort(signal);
    if (error instanceof KinError) throw error;
    if (!(error instanceof WebAssembly.CompileError))
      fail('http', `${name} did not arrive whole from ${url}, or there is no memory for it: load it again.`, error);
    try {
      new WebAssembly.Module(nothing);
    } catch {
      fail('unsupported', "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src.", error);
    }
    return fail('http', `${name}: the server sent something else from ${url}.`, error);
  }
}

// A turn of the event loop; timers would be held to 4 ms.
let channel;
const turns = [];
export function turn() {
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => turns.shift()();
  }
  return new Promise((resolve) => {
    turns.push(resolve);
    channel.port2.postMessage(0);
  });
}

const options = { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' };

function checkSize(width, height, most) {
  if (width * height > most)
    fail('too-large', `The picture has ${width} x ${height} pixels, more than 24 megapixels: make it smaller.`);
}

// `most`: the pixels it may have.
async function draw(source, most) {
  const bitmap = await createImageBitmap(source, options);
  const { width, height } = bitmap;
  try {
    checkSize(width, height, most);
  } catch (error) {
    bitmap.close();
    throw error;
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

// Privacy settings change what a canvas gives back: known pixels show it.
let honest;
async function probeCanvas() {
  const known = new ImageData(16, 16);
  for (let i = 0; i < known.data.length; i++) known.data[i] = i % 4 === 3 ? 255 : i * 37 & 255;
  const { data } = await draw(known, Infinity);
  return data.every((value, i) => value === known.data[i]);
}

// A WebP without its EXIF block: some browsers would turn the picture by it, Chromium does not. The engine does.
function withoutExif(bytes, { from }) {
  const flags = bytes[15] === 88 ? 20 : bytes.length; // of VP8X
  return [bytes.subarray(0, flags), Uint8Array.of(bytes[flags] & ~8), bytes.subarray(flags + 1, from - 8), 'JUNK', bytes.subarray(from - 4)];
}

// For formats that the engine lacks; null where the browser does too. `limits`: the engine's.
export async function decodeImage(bytes, format, limits) {
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') return null;
  if (!await (honest ??= probeCanvas()))
    fail('unsupported-image', 'This browser alters pixels to protect you from tracking: use a JPEG or PNG picture.');
  const { width = 0, height = 0, short, exif } = headerOf(bytes, format) ?? {};
  checkSize(width, height, limits.pixels);
  if (short) fail('truncated-image', 'The WebP file ends before the picture does; fetch or save it again.');
  try {
    const { data, width, height } = await draw(new Blob(exif ? withoutExif(bytes, exif) : [bytes]), limits.pixels);
    return { data, width, height, decoder: 'browser', ...(exif && { exif: bytes.slice(exif.from, exif.to) }) };
  } catch (error) {
    if (error.code === 'too-large') throw error;
    return null;
  }
}
