// Sets of pictures, each a <name>.tar with a <name>.csv of its files, and their vectors, which are kept in build/judge/ by
// the model's id and the files': a picture is embedded once.
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCsv } from '../../catalog/lib/csv.js';
import { toSource } from '../../catalog/lib/pictures.js';

// The files of a tar: name -> bytes, one after the other; only those that `wanted` says are read.
async function* filesOf(path, wanted) {
  const file = await open(path);
  try {
    const header = Buffer.alloc(512);
    let long; // a name of over 100 bytes comes in an entry of its own before (pax)
    for (let at = 0; (await file.read(header, 0, 512, at)).bytesRead === 512 && header[0];) {
      const text = (from, n) => header.toString('utf8', from, from + n).replace(/\0.*$/s, '');
      const size = parseInt(text(124, 12), 8);
      const name = long ?? [text(345, 155), text(0, 100)].filter(Boolean).join('/').replace(/^\.\//, '');
      long = undefined;
      if (!Number.isSafeInteger(size)) throw new Error(`${path}: no tar at byte ${at}`);
      at += 512;
      if (text(156, 1) === 'x') {
        const bytes = Buffer.alloc(size);
        await file.read(bytes, 0, size, at);
        long = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(bytes.toString('utf8'))?.[1];
      } else if (wanted(name)) {
        const bytes = Buffer.alloc(size);
        await file.read(bytes, 0, size, at);
        yield [name, bytes];
      }
      at += Math.ceil(size / 512) * 512;
    }
  } finally {
    await file.close();
  }
}

async function rowsOf(path) {
  const rows = [];
  let names;
  for await (const { cells } of readCsv([await readFile(path, 'utf8')]))
    if (!names) names = cells;
    else rows.push(Object.fromEntries(names.map((name, i) => [name, cells[i]])));
  return rows;
}

// Keeps the first `most` rows of each value of `field`.
export const firstOf = (most, field = 'label') => {
  const seen = new Map();
  return (row) => {
    seen.set(row[field], (seen.get(row[field]) ?? 0) + 1);
    return seen.get(row[field]) <= most;
  };
};

// -> [{ …the row of the csv, vector }] of the rows that `keep` lets pass. A picture that cannot be read is an error: the
// sets are whole.
export async function embedSet(clip, data, name, keep = () => true) {
  const rows = (await rowsOf(join(data, `${name}.csv`))).filter(keep);
  const id = createHash('sha256').update(await clip.identify('image')).digest('hex').slice(0, 16);
  const kept = join('build', 'judge', `${name}-${id}.json`);
  const known = new Map(JSON.parse(await readFile(kept, 'utf8').catch(() => '[]')));
  const missing = new Set(rows.map(({ file }) => file).filter((file) => !known.has(file)));
  const all = missing.size;
  for await (const [file, bytes] of filesOf(join(data, `${name}.tar`), (file) => missing.has(file))) {
    const { source } = await toSource(new Uint8Array(bytes), file);
    known.set(file, Buffer.from((await clip.embedImage(source)).buffer).toString('base64'));
    missing.delete(file);
    if (missing.size % 100 === 0) process.stderr.write(`${name}: ${all - missing.size} of ${all}   \r`);
  }
  if (missing.size) throw new Error(`${name}.tar lacks ${missing.size} pictures that ${name}.csv names`);
  if (all) {
    await mkdir(join('build', 'judge'), { recursive: true });
    await writeFile(`${kept}.new`, JSON.stringify([...known]));
    await rename(`${kept}.new`, kept);
  }
  return rows.map((row) => ({ ...row, vector: new Float32Array(new Uint8Array(Buffer.from(known.get(row.file), 'base64')).buffer) }));
}

// The bytes of one picture of a set.
export async function openSet(data, set, wanted) {
  for await (const [, bytes] of filesOf(join(data, `${set}.tar`), (file) => file === wanted)) return bytes;
  throw new Error(`${set}.tar has no ${wanted}`);
}

// The pictures of some rows as the model sees them: yields [row, { data, width, height }].
export async function* seenSet(clip, data, name, rows) {
  const wanted = new Map(rows.map((row) => [row.file, row]));
  for await (const [file, bytes] of filesOf(join(data, `${name}.tar`), (one) => wanted.has(one))) {
    const { source } = await toSource(new Uint8Array(bytes), file);
    yield [wanted.get(file), await clip.preprocess(source)];
  }
}
