// What callers give, as a worker can be sent it: elements become pixels or addresses, and addresses absolute, since
// a worker has another base.
import { fail } from '../shared/errors.js';
import { checkRaw, isRaw } from '../shared/raw.js';
import { is } from '../shared/source.js';

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

// A picture. An <img> is read anew.
export function packImage(source) {
  if (is(source, 'HTMLImageElement')) return packImage(source.currentSrc || source.src);
  if (is(source, 'URL')) return source.href;
  if (typeof source === 'string') {
    if (!/\S/.test(source)) fail('bad-argument', 'The address of the picture is empty.');
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

const base = () => globalThis.document?.baseURI ?? globalThis.location?.href;
function absolute(url) {
  try {
    return new URL(url, base()).href;
  } catch (error) {
    return fail('bad-argument', `'${url}' is no address.`, error);
  }
}

const isUrl = (value) => typeof value === 'string' || is(value, 'URL');
// A folder's address, or each file's by name; `address` makes one of a text or URL.
export function packFiles(model, address) {
  if (model === undefined || model === null || model === '') return undefined; // told by model.js
  if (isUrl(model)) return address(model);
  const files = is(model, 'Object') ? Object.entries(model) : [];
  if (!files.length || !files.every(([, url]) => isUrl(url)))
    fail('bad-argument', "model is a folder's address, or { 'config.json': address, … } with each file's.");
  return Object.fromEntries(files.map(([name, url]) => [name, address(url)]));
}

// What load() and openCatalog() were given, in a page; Node has its own (files.node.js).
export const packFile = (source) => (isUrl(source) ? absolute(source) : source);
export const packModel = (model) => packFiles(model, absolute);

// What an item says of a picture that was given by its address, wherever its catalogue will lie.
export function keepAddress(source) {
  const { origin, href } = new URL(source, base());
  return href.slice(origin === globalThis.location?.origin ? origin.length : 0);
}
