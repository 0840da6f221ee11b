// A file read in stretches, each with a buffer that moves along it: what is held does not grow with the file.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { forReading } from './files.js';

export const pieceBytes = 2 ** 20;

// -> { fd, size }; the caller closes it. `mend`: what to do where it is a folder.
export function openFile(path, mend) {
  let fd;
  try {
    fd = openSync(path, forReading);
    const info = fstatSync(fd);
    if (info.isFile()) return { fd, size: info.size };
  } catch (error) {
    throw new Error(error.code === 'ENOENT' ? `there is no ${path}` : `cannot read ${path}: ${error.code}`);
  }
  closeSync(fd);
  throw new Error(`${path} is not a file: ${mend}`);
}

// A stretch of the file from its start to its end. `wrong(why)` throws.
export class Part {
  #buffer = Buffer.alloc(0);
  #at = 0;

  constructor(fd, [begin, end], wrong) {
    Object.assign(this, { fd, next: begin, end, wrong });
  }

  // The next n bytes, which stay until the next call.
  take(n) {
    const held = this.#buffer.length - this.#at;
    if (n > held) {
      const size = Math.min(Math.max(n, pieceBytes), held + this.end - this.next);
      if (size < n) this.wrong('it ends too early');
      const buffer = Buffer.allocUnsafe(size);
      this.#buffer.copy(buffer, 0, this.#at);
      for (let at = held; at < size;) {
        const read = readSync(this.fd, buffer, at, size - at, this.next);
        if (!read) this.wrong('it became shorter while it was read');
        at += read;
        this.next += read;
      }
      [this.#buffer, this.#at] = [buffer, 0];
    }
    this.#at += n;
    return this.#buffer.subarray(this.#at - n, this.#at);
  }
}
