// A catalogue's products one after another, whether it lies in a file or in a folder that publish wrote: for commands that turn
// all of it into something else. A file is read piece by piece (file-rows.js); of a folder the newest generation is held whole:
// what its base says, in that order, its deltas applied, and the first market's items.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { itemOf } from './contents.js';
import { openRows } from './file-rows.js';
import { filesOf, readCurrent, readPublished } from './published.js';
import { openWriter } from './writer.js';

// -> as openRows gives it
export async function openProducts(path, io) {
  const info = await stat(path).catch(() => null);
  return info?.isDirectory() ? openFolder(path, io) : openRows(path);
}

async function openFolder(folder, io) {
  const current = await readCurrent(folder);
  if (!current) throw new Error(`${folder} is not a file, nor a folder that 'publish' wrote: it has no current.json`);
  const published = await readPublished(folder, current, io); // each file held against its hash
  const { metadata, dim } = published.base, sold = [...published.products].filter(([, { items }]) => items['']);
  let [pictures, bytes] = [0, 0];
  for (const [, { rows: [{ rowStart }, i] }] of sold) pictures += rowStart[i + 1] - rowStart[i];
  for (const name of filesOf(current, published.base)) bytes += (await stat(join(folder, name))).size;
  function* read({ items = true, vectors = true }) {
    for (const [id, { rows: [one, i], items: { '': [of, k] } }] of sold) {
      const item = items ? itemOf(of.markets.get(''), k, folder) : null;
      if (item && item.id !== id) throw new Error(`${folder}: the item of '${id}' says '${item.id}'`);
      yield { id, item, pictures: picturesOf(one, i, vectors) };
    }
  }
  return { metadata, dim, products: sold.length, pictures, bytes, *check() {}, read, close() {} };
}

// All of it at once -> { metadata, products: [{ id, item, vectors: [Float32Array] }] }
export async function readVectors(path, io) {
  const rows = await openProducts(path, io);
  try {
    for (const _ of rows.check()) io.signal.throwIfAborted();
    return { metadata: rows.metadata, products: Array.from(rows.read({}), ({ id, item, pictures }) =>
      ({ id, item, vectors: pictures.map(({ vector }) => vector.slice()) })) }; // of a file they are the next product's too
  } finally {
    rows.close();
  }
}

function picturesOf({ dim, rowStart, rowPicture, vectors, scale }, i, wanted) {
  return Array.from({ length: rowStart[i + 1] - rowStart[i] }, (_, k) => {
    const at = rowStart[i] + k, row = vectors.subarray(at * dim, (at + 1) * dim);
    return { index: rowPicture[at], ...wanted && { row, scale: scale[at], vector: Float32Array.from(row, (value) => value * scale[at]) } };
  });
}

// A catalogue's products as the bytes of one file, by this release's writer and without null statistics, for an engine that holds it whole.
export async function fileOf({ metadata: { 'kin.null': _, 'kin.numerics': its, ...metadata }, dim, read }) {
  const writer = await openWriter(dim, metadata);
  for (const { id, item, pictures } of read({})) writer.addRows(id, item, pictures.map(({ row }) => row));
  const parts = [];
  for await (const part of writer.parts({ nulls: false })) parts.push(part);
  return Buffer.concat(parts);
}
