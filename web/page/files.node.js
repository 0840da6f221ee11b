// Addresses and files as callers in Node name them: paths and URLs.
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../shared/errors.js';
import { replaceFile } from '../shared/files.node.js';
import { is } from '../shared/source.js';
import { isFolder as isAddress, packFiles } from './pack.js';

// Puts bytes, in parts as they come, at a path, `name` in it where that is a folder, in one step; false: `to` is no path.
export async function writeFile(to, parts, name) {
  if (typeof to !== 'string' && !is(to, 'URL')) return false;
  const path = is(to, 'URL') ? fileURLToPath(to) : to;
  const folder = await stat(path).then((found) => found.isDirectory(), () => false);
  const file = folder ? join(path, name) : path;
  await replaceFile(resolve(file), parts).catch((error) => {
    if (error.syscall === undefined) throw error; // not the disk's: of the parts
    fail('unreadable', `${file} cannot be written (${error.code}).`, error);
  });
  return true;
}

export const packModel = (model) => packFiles(model, String);
export const packFile = (source) => (is(source, 'URL') ? source.href : source);

// A catalogue's folder: by its address, or a folder of the disk.
export function isFolder(source) {
  if (typeof source !== 'string') return false;
  const path = /^file:/i.test(source) ? fileURLToPath(source) : source;
  return isAddress(source) || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
