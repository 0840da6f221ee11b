// What `kin adapt` learns from: pairs of a CSV, or the kinds of a products file's or a catalogue's products, as vectors.
// Rows that cannot be read are told to report(sentence) and left out.
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UsageError } from './options.js';
import { isOfAll, listedPictures, naming, readListed, toSource } from './pictures.js';
import { readProducts } from './products.js';
import { readTable } from './table.js';

const kindOf = (value) => (Array.isArray(value) ? value.join('|') : String(value ?? '').trim());

// Columns left and right: each an id of the catalogue (its first picture) or a picture's path beside the file.
// embed(source): a vector; products: of readVectors, or none.
export async function readPairs(path, { products = [], embed, report, signal, progress }) {
  const rows = await readTable(path, ['left', 'right'], 'a pair');
  const root = await realpath(dirname(path));
  const known = new Map(products.map(({ id, vectors }) => [id, vectors[0]]));
  const failed = new Map();
  const vectorOf = async (ref) => {
    if (!ref) throw new Error('a cell is empty');
    if (failed.has(ref)) throw failed.get(ref);
    if (!known.has(ref))
      try {
        const { source } = await toSource(await readListed(ref, { root, hosts: new Map(), signal }), ref);
        known.set(ref, await embed(source).catch(naming(ref)));
      } catch (error) {
        failed.set(ref, error);
        throw error;
      }
    return known.get(ref);
  };
  const shown = progress('pairs', rows.length);
  const [left, right] = [[], []];
  for (const [i, { record, line, error: unread }] of rows.entries()) {
    signal.throwIfAborted();
    try {
      if (unread) throw unread;
      const pair = [await vectorOf(record.left), await vectorOf(record.right)];
      left.push(pair[0]);
      right.push(pair[1]);
    } catch (error) {
      if (signal.aborted || isOfAll(error)) throw error;
      report(`line ${line}: ${error.message}`);
    }
    shown(i + 1);
  }
  return { left, right };
}

// Every picture of every product with the product's kind; products without one are left out.
export async function readKinds(path, field, { map, embed, report, signal, progress }) {
  const listed = await readProducts(path, { map, fields: [field], text: [field], signal }, (row) => report(`row ${row.row}: ${row.error.message}`));
  const shown = progress('pictures', listed.pictures);
  const [left, kinds] = [[], []];
  let n = 0;
  for await (const { row, path: ref, load } of listedPictures(listed, { root: listed.paths.root, hosts: new Map(), signal })) {
    signal.throwIfAborted();
    shown(++n);
    const kind = kindOf(row.item[field]);
    if (!kind && !row.error) continue;
    try {
      if (row.error) throw row.error;
      left.push(await embed((await load()).source).catch(naming(ref)));
      kinds.push(kind);
    } catch (error) {
      if (signal.aborted || isOfAll(error)) throw error;
      report(`row ${row.row}: ${error.message}`);
    }
  }
  return { left, kinds };
}

export function kindsOf(products, field) {
  const found = products.flatMap(({ item, vectors }) => vectors.map((vector) => [vector, kindOf(item[field])])).filter(([, kind]) => kind);
  if (!found.length) {
    const fields = [...new Set(products.flatMap(({ item }) => Object.keys(item)))];
    throw new UsageError(`no product of the catalogue has a '${field}' (it has: ${fields.join(', ')})`);
  }
  return { left: found.map(([vector]) => vector), kinds: found.map(([, kind]) => kind) };
}
