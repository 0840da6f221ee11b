// Sets of pictures, each a <name>.tar with a <name>.csv of its files, and their vectors, which are kept in build/judge/
// by the model's id: a set is embedded once.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCsv } from './table.js';
import { toSource } from '../../catalog/lib/pictures.js';

// The files of a tar: name -> bytes, one after the other.
async function* filesOf(path) {
  const file = await open(path);
  try {
    const header = Buffer.alloc(512);
    for (let at = 0; (await file.read(header, 0, 512, at)).bytesRead === 512 && header[0];) {
      const text = (from, n) => header.toString('utf8', from, from + n).replace(/\0.*$/s, '');
      const size = parseInt(text(124, 12), 8);
      const name = [text(345, 155), text(0, 100)].filter(Boolean).join('/');
      if (!Number.isSafeInteger(size)) throw new Error(`${path}: no tar at byte ${at}`);
      at += 512;
      if (text(156, 1) === '0' || text(156, 1) === '') {
        const bytes = Buffer.alloc(size);
        await file.read(bytes, 0, size, at);
        yield [name.replace(/^\.\//, ''), bytes];
      }
      at += Math.ceil(size / 512) * 512;
    }
  } finally {
    await file.close();
  }
}

async function hashOf(path) {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

// -> [{ …the row of the csv, vector }]. Pictures that cannot be read are an error: the sets are whole.
export async function embedSet(clip, data, name) {
  const rows = readCsv(await readFile(join(data, `${name}.csv`), 'utf8'));
  const id = createHash('sha256').update(await clip.identify('image')).update(await hashOf(join(data, `${name}.tar`)))
    .update(await hashOf(join(data, `${name}.csv`))).digest('hex').slice(0, 16);
  const kept = join('build', 'judge', `${name}-${id}.f32`);
  const { dim } = clip.info;
  let all = await readFile(kept).then((bytes) => new Float32Array(new Uint8Array(bytes).buffer), () => null);
  if (all?.length !== rows.length * dim) {
    all = new Float32Array(rows.length * dim).fill(NaN);
    const places = new Map(rows.map(({ file }, i) => [file, i]));
    let done = 0;
    for await (const [file, bytes] of filesOf(join(data, `${name}.tar`))) {
      if (!places.has(file)) continue;
      const { source } = await toSource(new Uint8Array(bytes), file);
      all.set(await clip.embedImage(source), places.get(file) * dim);
      if (++done % 500 === 0) process.stderr.write(`${name}: ${done} of ${rows.length}\r`);
    }
    if (all.some(Number.isNaN)) throw new Error(`${name}.tar lacks pictures that ${name}.csv names`);
    await mkdir(join('build', 'judge'), { recursive: true });
    await writeFile(`${kept}.new`, all);
    await rename(`${kept}.new`, kept);
  }
  return rows.map((row, i) => ({ ...row, vector: all.slice(i * dim, (i + 1) * dim) }));
}

// The bytes of one picture of a set.
export async function openSet(data, set, wanted) {
  for await (const [file, bytes] of filesOf(join(data, `${set}.tar`))) if (file === wanted) return bytes;
  throw new Error(`${set}.tar has no ${wanted}`);
}
