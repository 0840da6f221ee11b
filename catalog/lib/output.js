// The file that a command writes: whether it may, before any work is done; and a build's: how it takes the place of the one that is
// there, and where its model lies from it.
import { access, constants, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { exists, writeFileSafely } from './files.js';
import { manifestOf } from './models.js';
import { readFileHeader } from './tensors.js';

// `real`: where a link leads.
async function checkFolderOf(path, real = path) {
  const folder = dirname(resolve(real));
  const info = await stat(folder).catch(() => null);
  const cannot = !info ? 'its folder does not exist' : !info.isDirectory() ? 'its folder is a file'
    : await access(folder, constants.W_OK).then(() => null, () => 'not allowed');
  if (cannot) throw new Error(`cannot write ${path}: ${cannot}`);
}

// Any file may be written over but those that the command reads: `inputs`, paths of files and of published folders, of which some may
// be undefined.
export async function checkFile(path, inputs = []) {
  const statOf = (one) => stat(one, { bigint: true }).catch(() => null);
  const target = resolve(path); // as `exists`
  const there = await statOf(target);
  if (there?.isDirectory()) throw new Error(`cannot write ${path}: it is a folder`);
  if (!there || there.isFile()) await checkFolderOf(path, there ? await realpath(target) : target);
  if (!there?.isFile()) return;
  const read = inputs.filter((one) => one !== undefined).flatMap((one) => [one, ...['current.json', 'generations.json'].map((name) => join(one, name))]);
  for (const input of read) {
    const info = await statOf(input);
    if (info?.dev === there.dev && info.ino === there.ino)
      throw new Error(`cannot write ${path}: the command reads it, so it would be lost: name another file`);
  }
}

// Refuses to write over anything but a catalogue, be it damaged or of another release, and where there is no folder.
export async function checkOutput(path) {
  await checkFolderOf(path);
  const there = await exists(path);
  if (!there) return;
  const refuse = (what) => {
    throw new Error(`${path} is there already and ${what}: name another file with -o`);
  };
  if (!there.isFile()) refuse('is not a file');
  if ((await readFileHeader(resolve(path)))?.metadata?.['kin.kind'] !== 'catalog') refuse('is not a catalogue');
}

// A catalogue that something else took the place of while it was built is written beside it: hours are in it.
export async function writeCatalogue(path, parts) {
  try {
    await checkOutput(path);
  } catch (error) {
    if (error.syscall) throw error;
    const beside = `${path}.${process.pid}.new`;
    await writeFileSafely(beside, parts);
    throw new Error(`the catalogue is in ${beside}, since ${error.message}`);
  }
  await writeFileSafely(path, parts);
}

// How many products the catalogue at `path` has; 0 where there is none, or one that says nothing.
export async function countProducts(path) {
  if (!await exists(path)) return 0;
  return (await readFileHeader(path))?.tensors?.id_order?.shape?.[0] ?? 0;
}

// The model's address in the catalogue, relative to it: of a folder that was named and lies below the catalogue's, or
// with it in the folder that the command runs in; else of a `model/` beside the catalogue that holds the same model.
// What else lies where on this machine is nobody's business.
export function modelAddress(output, typed, imageId) {
  if (/^https?:/i.test(typed)) {
    const { origin, pathname } = new URL(typed); // without a name and password
    return `${origin}${pathname.replace(/\/*$/, '/')}`;
  }
  const below = (path, folder) => !/^\.\.(?:[/\\]|$)/.test(relative(folder, path)) && !isAbsolute(relative(folder, path));
  const folder = dirname(resolve(output)), beside = join(folder, 'model');
  const place = /[/\\.]/.test(typed) ? resolve(typed) : manifestOf(beside)?.ids?.image === imageId ? beside : null;
  if (place === null || !below(place, folder) && !(below(place, '.') && below(folder, '.'))) return '';
  return [...relative(folder, place).split(sep).filter(Boolean).map(encodeURIComponent), ''].join('/') || './';
}
