// A file of records that only grows, so that whatever ends the process costs at most its last moments:
//   record = u32 n, at least 1 | u32 CRC-32 of the payload | payload of n bytes      (little-endian)
// What is added goes to the file in batches, and onto the disk every second. Reading from the start ends at the first record
// that is not whole; who goes on writing cuts the file there. A record's place is the offset of its first byte.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { crc32More } from './crc32.js';
import { readInto } from './files.js';

const batchRecords = 64, batchBytes = 2 ** 20; // after which a batch is written
const syncTime = 1000; // ms after which it is put onto the disk
const mostBytes = 64 * 2 ** 20; // of one record
const readBytes = 2 ** 22, usualBytes = 2048;

export class Records {
  #handle;
  #end = 0; // of the file and what waits
  #waiting = [];
  #size = 0; // of what waits
  #synced = performance.now();
  #durable; // whether it goes onto the disk before its end
  #writing = Promise.resolve();

  constructor(handle, durable) {
    this.#handle = handle;
    this.#durable = durable;
  }

  // `mode`: 'read' what there is; 'append' to it; 'new' begins anew, and is on the disk when sync() says so. A link is not
  // followed.
  static async open(path, mode) {
    const flags = mode === 'read' ? constants.O_RDONLY
      : constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0) | (mode === 'new' ? constants.O_TRUNC : 0);
    return new Records(await open(path, flags, 0o600), mode === 'append');
  }

  get bytes() {
    return this.#end;
  }

  // Every whole record from the start: { at, payload }; a payload holds until the next. To be run to its end before any is added.
  async* scan() {
    let buffer = Buffer.alloc(readBytes), from = 0, have = 0;
    this.#end = 0;
    for (;;) {
      const at = this.#end - from;
      const n = have - at >= 8 ? buffer.readUInt32LE(at) : 0;
      if (n > mostBytes) return;
      if (have - at >= 8 + n && n) {
        const payload = buffer.subarray(at + 8, at + 8 + n);
        if (crc32More(0, payload) !== buffer.readUInt32LE(at + 4)) return;
        yield { at: this.#end, payload };
        this.#end += 8 + n;
        continue;
      }
      if (have - at >= 8 && !n) return;
      const next = Buffer.alloc(Math.max(readBytes, 8 + n));
      buffer.copy(next, 0, at, have);
      [buffer, from, have] = [next, this.#end, have - at];
      const read = await readInto(this.#handle, buffer.subarray(have), from + have);
      if (!read) return;
      have += read;
    }
  }

  // Drops what lies behind the last whole record that scan() gave.
  async cut() {
    await this.#handle.truncate(this.#end);
  }

  // -> the record's place. Rejects where the disk refuses this or an earlier batch.
  async add(payload) {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(payload.length, 0);
    head.writeUInt32LE(crc32More(0, payload), 4);
    const at = this.#end;
    this.#waiting.push(head, payload);
    this.#size += 8 + payload.length;
    this.#end += 8 + payload.length;
    const enough = this.#size >= batchBytes || this.#durable && (this.#waiting.length >= 2 * batchRecords || this.#isDue());
    if (enough) await this.flush();
    return at;
  }

  #isDue() {
    return performance.now() - this.#synced >= syncTime;
  }

  flush() {
    this.#writing = this.#writing.then(async () => {
      if (!this.#size) return;
      const bytes = Buffer.concat(this.#waiting, this.#size);
      const place = this.#end - this.#size;
      [this.#waiting, this.#size] = [[], 0];
      for (let done = 0; done < bytes.length;)
        done += (await this.#handle.write(bytes, done, bytes.length - done, place + done)).bytesWritten;
      if (!this.#durable || !this.#isDue()) return;
      await this.#handle.datasync();
      this.#synced = performance.now();
    });
    this.#writing.catch(() => {}); // each who waits for it hears
    return this.#writing;
  }

  // The payload of the record at a place; null if it is not whole.
  async read(at) {
    if (at >= this.#end - this.#size) await this.flush();
    else await this.#writing;
    const first = Buffer.alloc(usualBytes); // one look for most
    const have = await readInto(this.#handle, first, at);
    const n = have < 8 ? 0 : first.readUInt32LE(0);
    if (!n || n > mostBytes) return null;
    let payload = first.subarray(8, Math.min(have, 8 + n));
    if (payload.length < n) {
      const rest = Buffer.alloc(n - payload.length);
      if (await readInto(this.#handle, rest, at + have) < rest.length) return null;
      payload = Buffer.concat([payload, rest]);
    }
    return crc32More(0, payload) === first.readUInt32LE(4) ? payload : null;
  }

  async sync() {
    await this.flush();
    await this.#handle.sync();
  }

  async close() {
    await this.#handle.close();
  }
}
