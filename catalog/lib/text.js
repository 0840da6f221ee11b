// A text file in pieces, so that it may be larger than memory. It can be read again, while it stays the same.
import { open } from 'node:fs/promises';

const pieceBytes = 2 ** 22; // a smaller file is read at once: it may change while its pictures are embedded

// -> { size, pieces(), position(), close() }; pieces() yields the text from its start, position() says how far it is.
export async function openText(path) {
  const handle = await open(path, 'r');
  const { size, mtimeMs } = await handle.stat();
  let position = 0;
  const save = 'save it as UTF-8 ("CSV UTF-8" in a spreadsheet)';

  async function* pieces() {
    const decoder = new TextDecoder('utf-8', { fatal: true }); // drops a byte order mark
    const decode = (bytes, stream) => {
      try {
        return decoder.decode(bytes, { stream });
      } catch {
        throw new Error(`${path} is not UTF-8: ${save}`);
      }
    };
    const buffer = Buffer.alloc(Math.min(pieceBytes, size));
    for (let at = 0; at < size;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      const now = await handle.stat();
      if (!bytesRead || now.size !== size || now.mtimeMs !== mtimeMs)
        throw new Error(`${path} was changed while it was read: start again`);
      const bytes = buffer.subarray(0, bytesRead);
      if (at === 0 && (/^(?:\xff\xfe|\xfe\xff)/.test(bytes.latin1Slice(0, 2)) || bytes.subarray(0, 1000).includes(0)))
        throw new Error(`${path} is UTF-16, or no text at all: ${save}`);
      position = at += bytesRead;
      yield decode(bytes, true);
    }
    yield decode(new Uint8Array(), false);
  }
  return { size, pieces, position: () => position, close: () => handle.close() };
}
