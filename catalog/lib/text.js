// A text file in pieces, so that it may be larger than memory. It can be read again, while it stays the same. It is in
// UTF-8, or as an XML declaration says.
import { open } from 'node:fs/promises';
import { forReading } from './files.js';

const pieceBytes = 2 ** 22; // a smaller file is read at once: it may change while its pictures are embedded

const declaration = /^(?:\xef\xbb\xbf)?<\?xml\s[^>]*\bencoding\s*=\s*["']([^"']+)["']/;

// By its first bytes, what a file is that was to be text.
const packs = [['\x1f\x8b', 'packed by gzip: unpack it first'],
  ['PK\x03\x04', 'a ZIP or a spreadsheet of Excel\'s: unpack it, or save it as "CSV UTF-8"']];

function decoderFor(path, start, save) {
  const label = declaration.exec(start.subarray(0, 200).latin1Slice())?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label, { fatal: true }); // drops a byte order mark
  } catch {
    throw new Error(`${path} says that it is in '${label.replace(/\P{L}/gu, ' ')}': ${save}`);
  }
}

// -> { size, pieces(), position(), close() }; pieces() yields the text from its start, position() says how far it is.
export async function openText(path) {
  const handle = await open(path, forReading).catch((error) => {
    throw Object.assign(new Error(error.code === 'ENOENT' ? `there is no ${path}` : `cannot read ${path}: ${error.code}`), { code: error.code });
  });
  const info = await handle.stat();
  if (!info.isFile()) { // a pipe could not be read twice
    await handle.close();
    throw new Error(`${path} is ${info.isDirectory() ? 'a folder' : 'a pipe or a device'}, not a file`);
  }
  const { size, mtimeMs } = info;
  let position = 0;
  const save = 'save it as UTF-8 ("CSV UTF-8" in a spreadsheet)';

  async function* pieces() {
    let decoder = new TextDecoder(); // of an empty file
    const decode = (bytes, stream) => {
      try {
        return decoder.decode(bytes, { stream });
      } catch {
        throw new Error(`${path} is not ${decoder.encoding.toUpperCase()}: ${save}`);
      }
    };
    const buffer = Buffer.alloc(Math.min(pieceBytes, size));
    for (let at = 0; at < size;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      const now = await handle.stat();
      if (!bytesRead || now.size !== size || now.mtimeMs !== mtimeMs)
        throw new Error(`${path} was changed while it was read: start again`);
      const bytes = buffer.subarray(0, bytesRead);
      const [, packed] = at === 0 && packs.find(([begin]) => bytes.subarray(0, begin.length).latin1Slice() === begin) || [];
      if (packed) throw new Error(`${path} is ${packed}`);
      if (at === 0 && (/^(?:\xff\xfe|\xfe\xff)/.test(bytes.subarray(0, 2).latin1Slice()) || bytes.subarray(0, 1000).includes(0)))
        throw new Error(`${path} is UTF-16, or no text at all: ${save}`);
      if (at === 0) decoder = decoderFor(path, bytes, save);
      position = at += bytesRead;
      yield decode(bytes, true);
    }
    yield decode(new Uint8Array(), false);
  }
  return { size, pieces, position: () => position, close: () => handle.close() };
}

// All of it at once.
export async function readText(path) {
  const file = await openText(path);
  try {
    let text = '';
    for await (const piece of file.pieces()) text += piece;
    return text;
  } finally {
    await file.close();
  }
}
