// Writing generations into a folder (docs/format.md). Files are named by their bytes, so nothing that a page has open is ever
// written over: all of a generation's are on the disk before current.json, the last of it, names them.
//
// generations.json beside says which files are whose: { kind, format, generations: [{ generation, current, files }] (the
// newest last), pending: [names] }. Names are put into `pending` before their files are written, so that what a killed run
// left behind is known. Only names that stand there are ever removed.
import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beside, removeLeft, syncFolder, writeNew } from '#web/shared/files.node.js';
import { exists, plain, writeFileSafely } from './files.js';
import { lockFile, Locked } from './lock.js';
import { format, hashOf, isPartName } from './parts.js';
import { filesOf, maxCurrent, readBase, readCurrent, readJson } from './published.js';

const kind = 'catalog-generations';
const atOnce = 16; // files: each waits for the disk

const isRecord = (one) => Number.isSafeInteger(one?.generation) && typeof one.current?.base === 'string' &&
  Array.isArray(one.current.deltas) && Array.isArray(one.files) && one.files.every(isPartName);

// -> { generations, pending }; nothing known where the file is not there.
export async function readLedger(folder) {
  const path = join(folder, 'generations.json');
  const mend = 'remove it, and the files of older generations stay where they are';
  const ledger = await readJson(path).catch((error) => { throw new Error(`${error.message}: ${mend}`); });
  if (!ledger) return { generations: [], pending: [] };
  if (ledger.kind !== kind) throw new Error(`${path} is not a catalogue's: name another folder with -o, or move that file away`);
  if (ledger.format !== format) throw new Error(`${path} has format ${ledger.format}, which this release does not know`);
  const { generations, pending } = ledger;
  if (![generations, pending].every(Array.isArray) || !generations.every(isRecord) || !pending.every(isPartName))
    throw new Error(`${path} is damaged: ${mend}`);
  return { generations, pending };
}

const writeLedger = (folder, { generations, pending }) =>
  writeFileSafely(join(folder, 'generations.json'), `${JSON.stringify({ kind, format, generations, pending })}\n`);

// What a killed run left beside the files that it was to write.
async function removeTemporary(folder, names) {
  const ours = new Set(names);
  for (const name of await readdir(folder)) {
    const [, of] = /^\.(.+)\.kin-/.exec(name) ?? [];
    if (ours.has(of) || of === 'current.json' || of === 'generations.json') await removeLeft(join(folder, of));
  }
}

async function remove(folder, names) {
  for (const name of names) {
    const info = await exists(join(folder, name));
    if (info && !info.isDirectory()) await rm(join(folder, name));
  }
}

async function lockFolder(folder) {
  const path = join(folder, '.publish.lock');
  const release = await lockFile(path).catch((error) => {
    if (!(error instanceof Locked)) throw plain(error, folder);
    throw new Error(`${folder} is being published to by another process: wait until it is done`);
  });
  return async () => {
    await rm(path, { force: true });
    await release();
  };
}

// A folder of ours, or one that has no current.json yet; what else is in it stays.
// -> { current, base, ledger, commit, release }; no other publisher gets it before release().
export async function openFolder(folder, io) {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw error.code === 'EEXIST' ? new Error(`${folder} is a file: name a folder with -o`) : plain(error, folder);
  });
  const release = await lockFolder(folder);
  try {
    const current = await readCurrent(folder).catch((error) => {
      throw new Error(`${error.message}: name another folder with -o, or remove that file, and a whole base is published`);
    });
    const ledger = await readLedger(folder);
    // Of a damaged one publish writes a whole base, as the first time.
    const base = current && await readBase(folder, current.base).catch((error) =>
      io.note(`what is published is damaged: ${error.message}`) ?? null);
    if (base && ledger.generations.at(-1)?.generation !== current.generation)
      ledger.generations.push({ generation: current.generation, current, files: filesOf(current, base) });
    await removeTemporary(folder, [...ledger.pending, ...ledger.generations.flatMap(({ files }) => files)]);
    return { folder, current, base, ledger, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function writePart(folder, { name, hash, bytes }) {
  const path = join(folder, name);
  const there = await lstat(path).catch(() => null);
  if (there?.isFile() && there.size === bytes.length && hashOf(await readFile(path)) === hash) return;
  const temporary = beside(path);
  try {
    await writeNew(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw plain(error, path);
  }
}

// Makes `next` ({ base: hash, deltas: [hash], model }) the folder's generation. parts: files that may not be there yet;
// base: the JSON that next names; keep: how many generations' files stay. -> the new current.json
export async function commit({ folder, current: before, ledger }, { next, base, parts, keep, signal, told = () => {} }) {
  const generation = Math.max(before?.generation ?? 0, ledger.generations.at(-1)?.generation ?? 0) + 1; // pages go forward alone
  const current = { kind: 'catalog-current', format, generation, model: next.model, base: next.base, deltas: next.deltas };
  const text = `${JSON.stringify(current)}\n`;
  if (Buffer.byteLength(text) > maxCurrent) throw new Error(`current.json would have more than ${maxCurrent} bytes`);
  const pending = [...new Set([...ledger.pending, ...parts.map(({ name }) => name)])];
  await writeLedger(folder, { ...ledger, pending });
  for (let i = 0; i < parts.length; i += atOnce) {
    signal?.throwIfAborted();
    const some = await Promise.allSettled(parts.slice(i, i + atOnce).map((part) => writePart(folder, part)));
    for (const { reason } of some) if (reason) throw reason;
    told(Math.min(parts.length, i + atOnce));
  }
  await syncFolder(folder);
  signal?.throwIfAborted();
  await writeFileSafely(join(folder, 'current.json'), text);

  const generations = [...ledger.generations, { generation, current, files: filesOf(current, base) }];
  await tidy({ folder, ledger: { generations, pending } }, keep); // if this is cut off, the next run does it
  return current;
}

// Removes what no generation needs that is kept, and what a killed run was to write.
export async function tidy({ folder, ledger }, keep) {
  const generations = ledger.generations.slice(-keep);
  if (generations.length === ledger.generations.length && !ledger.pending.length) return;
  const needed = new Set(generations.flatMap(({ files }) => files));
  const known = new Set([...ledger.pending, ...ledger.generations.flatMap(({ files }) => files)]);
  await remove(folder, [...known].filter((name) => !needed.has(name)));
  await writeLedger(folder, { generations, pending: [] });
}
