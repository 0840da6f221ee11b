// What callers give, as a worker can be sent it: elements become pixels or addresses, and addresses absolute, since
// a worker has another base.
import { fail } from '../shared/errors.js';
import { checkRaw, isRaw } from '../shared/raw.js';
import { is } from '../shared/source.js';

const classOf = (value) => Object.prototype.toString.call(value).slice(8, -1);

// What it shows at this moment.
function fromDrawn(source, width, height) {
  const kind = classOf(source);
  if (!width || !height || source.readyState < 2) // a video's: HAVE_CURRENT_DATA
    fail('bad-argument', kind === 'HTMLVideoElement' ? 'The video has no picture yet: wait for its loadeddata event.'
      : `The ${kind} is empty, closed or was given to a worker.`);
  try {
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    context.drawImage(source, 0, 0, width, height);
    return checkRaw(context.getImageData(0, 0, width, height));
  } catch (error) {
    return error.name === 'SecurityError'
      ? fail('cors', `The ${kind} cannot be read, since it holds what came from another host: set crossOrigin = 'anonymous' on ` +
        'what is drawn before its src, or hand in its address.', error)
      : fail('bad-argument', `The ${kind} cannot be drawn: ${error.message}`, error);
  }
}

// What holds a picture and is none.
const instead = { Array: 'embedImage alone takes a list', FileList: 'take files[0], or [...files] for embedImage',
  HTMLInputElement: 'take its files[0]', DataTransfer: 'take its files[0]', FileSystemFileHandle: 'take await handle.getFile()',
  Promise: 'await it', Response: 'take await response.blob()', ReadableStream: 'take await new Response(stream).blob()',
  SVGSVGElement: 'draw it on a canvas of the size you want' };

// A picture. An <img> is read anew. What it is about to show counts, which currentSrc does not say yet.
export function packImage(source) {
  if (is(source, 'HTMLPictureElement')) source = source.querySelector('img') ?? source;
  if (is(source, 'HTMLImageElement')) {
    const chosen = (source.srcset || is(source.parentNode, 'HTMLPictureElement')) && source.currentSrc;
    return packImage(chosen || source.src || fail('bad-argument', 'The <img> has no address yet: wait for its load event.'));
  }
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
  if (is(source, 'HTMLCanvasElement', 'OffscreenCanvas', 'ImageBitmap')) return fromDrawn(source, source.width, source.height);
  if (is(source, 'HTMLVideoElement')) return fromDrawn(source, source.videoWidth, source.videoHeight);
  if (is(source, 'VideoFrame')) return fromDrawn(source, source.displayWidth, source.displayHeight);
  if (isRaw(source)) return checkRaw(source);
  if (is(source, 'Blob', 'File', 'ArrayBuffer') || ArrayBuffer.isView(source)) return source;
  const kind = classOf(source);
  return fail('bad-argument', Object.hasOwn(instead, kind) ? `This ${kind} is no picture: ${instead[kind]}.`
    : 'A picture is a URL, a Blob or File, an image, video or canvas element, bytes or { data, width, height }.');
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
