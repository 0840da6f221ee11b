// Picture bytes: from a file inside a folder, from an allowed https host, or from a path that the
// user typed; and WebP decoded by libwebp's wasm, which the engine does not read itself.
import { open, readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { schemeOf } from '#web/shared/addresses.js';
import { forReading } from './files.js';
import { bad, maxBytes } from './refusal.js';
import { readRemote } from './remote.js';

// Reads a regular file.
async function readRegular(path, shown) {
  let handle;
  try {
    handle = await open(path, forReading);
  } catch (error) {
    const why = { ENOENT: 'there is no such file', ENOTDIR: 'there is no such file',
      EACCES: 'reading it is not allowed', EISDIR: 'it is a folder',
      ELOOP: 'its links go in a circle', ENAMETOOLONG: 'its name is too long',
      ENXIO: 'it is not a regular file' }[error.code] ?? error.code;
    throw bad('unreadable', `${shown}: ${why}`);
  }
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw bad('unreadable', `${shown}: it is a folder`);
    if (!stat.isFile()) throw bad('unreadable', `${shown}: it is not a regular file`);
    if (stat.size > maxBytes)
      throw bad('too-large', `${shown}: the file is larger than ${maxBytes / 2 ** 20} MiB`);
    if (stat.size === 0) throw bad('unsupported-image', `${shown}: the file is empty`);
    return new Uint8Array(await handle.readFile());
  } finally {
    await handle.close();
  }
}

// A path out of a products file counts from `root` (a real path) and must stay inside it, links
// followed. String checks alone do not hold: the real path decides.
async function readInside(ref, root) {
  const outside = bad('outside', `${ref}: it lies outside the folder of the products file`);
  if (ref.includes('\0') || isAbsolute(ref) || /^[a-z]:|^[\\/]/i.test(ref)) throw outside;
  const inside = (path) => path.startsWith(root.endsWith(sep) ? root : root + sep);
  const path = resolve(join(root, ref));
  if (!inside(path)) throw outside; // before touching it: whether it exists is not ours to tell
  let real;
  try {
    real = await realpath(path);
  } catch {
    return readRegular(path, ref); // fails and says why
  }
  if (!inside(real)) throw outside;
  return readRegular(real, ref);
}

// A picture named in a products file: an address (also one without its scheme, as pages have it) or a path. -> { bytes }, of
// an address as readRemote gives it.
export const isAddress = (ref) => /^([a-z][a-z0-9+.-]+:|\/\/[^/])/i.test(ref);
export async function askListed(ref, { root, hosts, signal }, known) {
  return isAddress(ref) ? readRemote(ref, hosts, signal, known) : { bytes: await readInside(ref, root) };
}

export const readListed = async (ref, where) => (await askListed(ref, where)).bytes;

// A picture named on the command line.
export async function readTyped(path) {
  if (/^https?:/i.test(path))
    throw bad('unreadable', `${path}: download it first, this takes a file`);
  return readRegular(path, path);
}

/* ---- WebP ---- */

export const isWebp = (bytes) => /^RIFF....WEBP/s.test(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));

let webp = null;

async function loadWebp() {
  // The decoder hands its pixels over in the browser's own class, which Node lacks.
  globalThis.ImageData ??= class ImageData {
    constructor(data, width, height) {
      Object.assign(this, { data, width, height });
    }
  };
  const { default: decode, init } = await import('@jsquash/webp/decode.js');
  const bundled = fileURLToPath(new URL('webp_dec.wasm', import.meta.url));
  const bytes = await readFile(bundled).catch(() => readFile(createRequire(import.meta.url)
    .resolve('@jsquash/webp/codec/dec/webp_dec.wasm')));
  await init(await WebAssembly.compile(bytes));
  return decode;
}

async function decodeWebp(bytes, shown) {
  const { headerOf, maxPixels } = await import('#web/shared/headers.js');
  const { width, height, short, exif } = headerOf(bytes, 'webp') ?? {};
  if (width * height > maxPixels)
    throw bad('too-large', `${shown}: ${width} x ${height} pixels are more than ` +
      `${(maxPixels - 1e6) / 1e6} megapixels: make it smaller`);
  if (short) throw bad('truncated-image', `${shown}: the WebP file ends early`);
  if (Buffer.from(bytes.subarray(12, 16)).toString('latin1') === 'VP8X' && bytes[20] & 2) throw bad('unsupported-image', `${shown}: an animated WebP: save one frame as a picture`);
  if (!width || !height) throw bad('bad-image', `${shown}: not a valid WebP picture`);
  webp ??= loadWebp();
  const decode = await webp;
  try {
    const { data, width, height } = await decode(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { data: pixels, width, height, exif: exif && bytes.slice(exif.from, exif.to) };
  } catch {
    throw bad('bad-image', `${shown}: not a valid WebP picture`);
  }
}

// Bytes -> { source, decoder }: what the engine takes. JPEG and PNG go to the engine's decoder as
// they are, and so does all that nobody here reads: the engine's error names the format.
export async function toSource(bytes, shown) {
  return isWebp(bytes) ? { source: await decodeWebp(bytes, shown), decoder: 'libwebp' }
    : { source: bytes, decoder: 'own' };
}

export const openTyped = async (path) => (await toSource(await readTyped(path), path)).source;

// The engine knows a picture by its bytes alone: `.catch(naming(path))` puts their name before what it says of them.
const ofBytes = ['unsupported-image', 'bad-image', 'truncated-image', 'too-large', 'timeout', 'crashed'];
export const naming = (shown) => (error) => {
  throw ofBytes.includes(error.code) ? bad(error.code, `${shown}: ${error.message}`) : error;
};

// What is wrong with the model or the pack is so for every picture; anything else costs the one it is of.
const ofAll = ['bad-argument', 'http', 'model-mismatch', 'no-model', 'not-a-model', 'not-a-pack', 'unsupported'];
export const isOfAll = (error) => ofAll.includes(error.code);

/* ---- of a products file ---- */

const readAhead = 8; // pictures under way while one is embedded: hides disks and hosts

// A path that would be read as an address: `foto: 1.jpg`.
const asPath = (found) => (found !== null && schemeOf(found) ? `./${found}` : found);

// Every picture of every row in order, `ahead` of them under way: yields { row, ref, path, load } where path is how
// the picture lies on the disk and load() gives what `read` and then `use` make of it, or throws; a row with an error comes
// once, as { row }. `read` begins at once, `use` when its turn has come.
export async function* listedPictures({ rows, paths }, where,
  { ahead = readAhead, read = (path) => readListed(path, where), use = toSource } = {}) {
  const started = [];
  const start = async (row, ref) => {
    const path = /^(?:[a-z][a-z0-9+.-]+:)?\/\//i.test(ref) ? ref : asPath(await paths.find(ref)) ?? ref;
    const loading = read(path, row);
    loading.catch(() => {}); // its turn comes below
    return { row, ref, path, load: async () => use(await loading, path) };
  };
  for await (const row of rows())
    for (const ref of row.error ? [null] : row.images) {
      started.push(ref === null ? { row } : await start(row, ref));
      if (started.length > ahead) yield started.shift();
    }
  yield* started;
}
