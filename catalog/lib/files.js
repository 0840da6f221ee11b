// Writing without ever losing what was there: a file as the library does it, a folder in the same steps.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { beside, removeLeft, replaceFiles, syncFolder, writeNew } from '#web/shared/files.node.js';

// How a file is opened that somebody names: a named pipe, which would keep us for ever, is as an empty file.
export const forReading = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

// Fills `buffer` from a place of an open file: a read may give less than was asked for. -> how many bytes there were
export async function readInto(handle, buffer, position) {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (!bytesRead) break;
    done += bytesRead;
  }
  return done;
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

// As it is written: the system finds nothing by `none/../a` where there is no `none`.
export async function exists(path) {
  return lstat(resolve(path)).then((stat) => stat, (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
}

// Node's error about a path that cannot be written, as a sentence.
export function plain(error, path) {
  const why = {
    ENOENT: 'its folder does not exist', ENOTDIR: 'its folder is a file', EACCES: 'not allowed',
    EPERM: 'not allowed', EROFS: 'the disk is read-only', ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up', EIO: 'the disk does not work', EISDIR: 'it is a folder',
  }[error.code];
  return why ? new Error(`cannot write ${path}: ${why}`) : error;
}

// files: [{ path, bytes }], which change together.
export async function writeFilesSafely(files) {
  for (const { path } of files)
    if ((await stat(resolve(path)).catch(() => null))?.isDirectory()) throw new Error(`cannot write ${path}: it is a folder`);
  await replaceFiles(files.map(({ path, bytes }) => ({ path: resolve(path), bytes }))).catch((error) => { throw plain(error, files[0].path); });
}

export const writeFileSafely = (path, bytes) => writeFilesSafely([{ path, bytes }]);

// A folder that is not there will be made, with those above it.
async function checkParents(path) {
  const parent = dirname(path);
  const info = await stat(parent).catch(() => null);
  if (info && !info.isDirectory()) throw new Error(`cannot write ${path}: ${parent} is a file`);
  if (!info) return checkParents(parent);
  return access(parent, constants.W_OK).catch((error) => { throw plain(error, path); });
}

// Folders that Kin writes carry a manifest.json naming their files. Only such a folder with
// nothing else in it, or an empty one, may be replaced.
export async function checkReplaceable(path, kind) {
  const info = await exists(path);
  if (!info) return checkParents(resolve(path));
  if (!info.isDirectory()) throw new Error(`${path} is a file: name another folder with -o`);
  const there = await readdir(path);
  if (!there.length) return;
  let manifest = null;
  try {
    manifest = JSON.parse(await readFile(join(path, 'manifest.json'), 'utf8'));
  } catch { /* no manifest of ours: the sentence below says what to do */ }
  const ours = manifest?.kind === kind && Array.isArray(manifest.files)
    ? new Set(['manifest.json', ...manifest.files.map((file) => file?.name)]) : new Set();
  const strange = there.find((name) => !ours.has(name));
  if (strange !== undefined)
    throw new Error(`${path} holds '${strange}', which Kin did not write there: ` +
      'name a new folder with -o, or move that away');
}

// files: [{ name, bytes }]; bytes may be a list of parts. Returns the manifest's `files`.
export async function writeFolderSafely(path, kind, files, manifest) {
  const target = resolve(path);
  await checkReplaceable(target, kind);
  const temporary = beside(target);
  const old = beside(target) + '-old';
  try {
    await mkdir(dirname(target), { recursive: true });
    await mkdir(temporary);
    const listed = [];
    for (const { name, bytes } of files) {
      const parts = Array.isArray(bytes) ? bytes : [bytes];
      await writeNew(join(temporary, name), parts);
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      listed.push({
        name, bytes: parts.reduce((n, part) => n + Buffer.byteLength(part), 0),
        sha256: hash.digest('hex'),
      });
    }
    const text = JSON.stringify({ kind, format: 1, ...manifest, files: listed }, null, 2) + '\n';
    await writeNew(join(temporary, 'manifest.json'), text);
    await syncFolder(temporary);
    const replaces = await exists(target);
    if (replaces) await rename(target, old);
    try {
      await rename(temporary, target);
    } catch (error) {
      if (replaces) await rename(old, target);
      throw error;
    }
    await syncFolder(dirname(target));
    await removeLeft(target); // not before: a killed run may have left the only whole folder
    if (replaces) await rm(old, { recursive: true });
    return listed;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw plain(error, path);
  }
}
