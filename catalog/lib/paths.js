// Where a picture lies that a products file names by a path: as it is written, or, where nothing lies there, with
// \ for /, with %20 for a blank, or with ä as one letter where it is stored as two (or the other way round).
// What is read, and that it lies inside the folder, is decided by pictures.js.
import { access, readdir, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';

const composed = (text) => text.normalize('NFC');

function unescaped(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // its % is no escape
  }
}

export class Paths {
  #names = new Map(); // folder -> its names by their composed form

  constructor(root) { // a real path
    this.root = root;
    this.prefix = root.endsWith(sep) ? root : root + sep;
  }

  // -> the path as it lies there, with /; null where there is none.
  async find(ref) {
    const paths = [...new Set([ref, unescaped(ref)].flatMap((path) => [path, path.replaceAll('\\', '/')]))];
    for (const path of paths) {
      if (path.includes('\0')) return path;
      const full = resolve(join(this.root, path));
      if (!full.startsWith(this.prefix)) return path; // not ours to look at: refused when it is read
      if (await access(full).then(() => true, () => false)) return path;
    }
    for (const path of paths) {
      const found = composed(path) === path.normalize('NFD') ? null : await this.#walk(path);
      if (found !== null) return found;
    }
    return null;
  }

  async #walk(path) {
    const parts = [];
    for (const part of path.split('/')) {
      const names = await this.#list(join(this.root, ...parts));
      const name = part === '.' || part === '..' ? part : names.get(composed(part));
      if (name === undefined) return null;
      parts.push(name);
    }
    return parts.join('/');
  }

  async #list(folder) {
    if (!this.#names.has(folder)) {
      const real = await realpath(folder).catch(() => '');
      const names = (real + sep).startsWith(this.prefix) ? await readdir(real).catch(() => []) : [];
      this.#names.set(folder, new Map(names.map((name) => [composed(name), name])));
    }
    return this.#names.get(folder);
  }
}
