// What callers give, as a worker can be sent it: elements become pixels or addresses, and addresses absolute, since
// a worker has another base.
import { wrong } from './arguments.js';
import { onFirstUse } from '../shared/errors.js';
import { checkRaw, isRaw } from '../shared/raw.js';
import { is } from '../shared/source.js';

// -> a promise that rejects with the sentence; what may wait for it first lets nothing else of it be heard.
function refuse(...given) {
  const told = onFirstUse(import('./refuse.js')).then((part) => part.refuse(...given));
  told.catch(() => {});
  return told;
}

// What it shows at this moment.
function fromDrawn(source) {
  const width = source.displayWidth ?? source.videoWidth ?? source.width, height = source.displayHeight ?? source.videoHeight ?? source.height;
  if (!width || !height || source.readyState < 2) return refuse(source, 'empty'); // a video's: HAVE_CURRENT_DATA
  try {
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    context.drawImage(source, 0, 0, width, height);
    return checkRaw(context.getImageData(0, 0, width, height));
  } catch (error) {
    return refuse(source, error);
  }
}

// A picture, or the promise of why it is none. An <img> is read anew. What it is about to show counts, which currentSrc does not say yet.
export function packImage(source) {
  if (is(source, 'HTMLPictureElement')) source = source.querySelector('img') ?? source;
  if (is(source, 'HTMLImageElement')) {
    const chosen = (source.srcset || is(source.parentNode, 'HTMLPictureElement')) && source.currentSrc;
    return packImage(chosen || source.src || wrong('The <img> has no address yet: wait for its load event.'));
  }
  if (is(source, 'URL')) return source.href;
  if (typeof source === 'string') {
    if (!/\S/.test(source)) wrong('The address of the picture is empty.');
    const at = base();
    try {
      return at ? new URL(source, at).href : source;
    } catch {
      return source; // fails where it is opened
    }
  }
  if (is(source, 'HTMLCanvasElement', 'OffscreenCanvas', 'ImageBitmap', 'HTMLVideoElement', 'VideoFrame')) return fromDrawn(source);
  if (isRaw(source)) return { ...checkRaw(source), data: new Uint8Array(source.data) }; // a copy: the next frame may come in the same buffer
  if (is(source, 'Blob', 'File')) return source;
  if (is(source, 'ArrayBuffer') || ArrayBuffer.isView(source)) // a copy too; a clone would be of the whole buffer
    return new Uint8Array(source.buffer ?? source, source.byteOffset, source.byteLength).slice();
  return refuse(source);
}

export const base = () => globalThis.document?.baseURI ?? globalThis.location?.href;
export function absolute(url) {
  try {
    return new URL(url, base()).href;
  } catch (error) {
    return wrong(`'${url}' is no address.`, error);
  }
}

const isUrl = (value) => typeof value === 'string' || is(value, 'URL');
// A folder's address, or each file's by name; `address` makes one of a text or URL.
export function packFiles(model, address) {
  if (model === undefined || model === null || model === '') return undefined; // told by model.js
  if (isUrl(model)) return address(model);
  const files = is(model, 'Object') ? Object.entries(model) : [];
  if (!files.length || !files.every(([, url]) => isUrl(url)))
    wrong("model is a folder's address, or { 'config.json': address, … } with each file's.");
  return Object.fromEntries(files.map(([name, url]) => [name, address(url)]));
}

// What load() and openCatalog() were given, in a page; Node has its own (files.node.js).
export const packFile = (source) => (isUrl(source) ? absolute(source) : source);
// A catalogue's folder, by its address or that of its current.json.
export const isFolder = (source) => typeof source === 'string' && /\/(?:current\.json)?$/.test(source);
export const packModel = (model) => packFiles(model, absolute);
