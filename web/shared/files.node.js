// The one way in which Node replaces a file: a new one beside it, synced, then renamed over it. Who reads the path
// finds the old bytes or the new ones, whatever ends the process meanwhile.
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs';
import { lstat, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

// `.NAME.kin-HOST-PID-RANDOM`: nobody can guess it, and a later run can tell whose it was.
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const own = /^\.(.+)\.kin-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}(?:-old)?$/;
const day = 86_400_000;

export const beside = (path) =>
  join(dirname(path), `.${basename(path)}.kin-${host}-${process.pid}-${randomBytes(8).toString('hex')}`);

const alive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code !== 'ESRCH'; // EPERM: another user's
  }
};

// Removes what a killed process left beside `path`. Of another machine on a shared disk, or with a number that
// another process has by now, only what is a day old: nobody writes as long.
export async function removeLeft(path) {
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    const [, of, where, pid] = own.exec(name) ?? [];
    if (of !== basename(path)) continue;
    const left = join(folder, name);
    const found = await lstat(left).catch(() => null);
    if (found && (where === host && !alive(Number(pid)) || Date.now() - found.mtimeMs > day))
      await rm(left, { recursive: true, force: true }).catch(() => {});
  }
}

export async function syncFolder(path) {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}

// `bytes` may be a list of parts, or parts that are still to come.
async function writeParts(handle, bytes) {
  for await (const part of Array.isArray(bytes) || bytes[Symbol.asyncIterator] ? bytes : [bytes])
    await handle.writeFile(part);
}

// A file that was not there before, on the disk when it resolves; a link of that name is not followed.
export async function writeNew(path, bytes) {
  const handle = await open(path, 'wx');
  try {
    await writeParts(handle, bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// `/dev/stdout` and its like name what this process has open: a file there is gone on with where the shell stands in it.
const openNumber = (path) => ({ '/dev/stdout': 1, '/dev/stderr': 2 })[path] ?? Number(/^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path)?.[1] ?? NaN);

async function writeInto(path, bytes) {
  const handle = await open(path, 'w');
  await writeParts(handle, bytes).finally(() => handle.close());
}

// files: [{ path, bytes }], paths absolute. All are on the disk before the first takes its place, so that files that belong
// together change together. A link stays, and what it leads to is replaced. A device or a pipe (`/dev/stdout`, `>(gzip)`) takes
// the bytes as they come: a file in its place would be one device less on the machine. Rejects with Node's own errors.
export async function replaceFiles(files) {
  const laid = new Map(); // path -> the new file beside it
  try {
    for (const { path, bytes } of files) {
      const there = await stat(path).catch(() => null);
      if (there && !there.isFile() && !there.isDirectory()) {
        await writeInto(path, bytes);
        continue;
      }
      if (there?.isFile() && openNumber(path) >= 0) {
        await writeParts({ writeFile: (part) => promisify(writeFile)(openNumber(path), part) }, bytes);
        continue;
      }
      const target = there ? await realpath(path) : path;
      await removeLeft(target);
      laid.set(target, beside(target));
      await writeNew(laid.get(target), bytes);
    }
    for (const [target, temporary] of laid) await rename(temporary, target);
  } catch (error) {
    for (const temporary of laid.values()) await rm(temporary, { force: true });
    throw error;
  }
  for (const folder of new Set([...laid.keys()].map((target) => dirname(target)))) await syncFolder(folder);
}

export const replaceFile = (path, bytes) => replaceFiles([{ path, bytes }]);
