// kin export: a catalogue's vectors, ids and items as the files that other engines load.
import { setImmediate } from 'node:timers/promises';
import { targets, fieldColumns } from '../lib/exports.js';
import { writeFilesSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { commonUsage, oneArgument, oneOf, UsageError } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { openProducts } from '../lib/product-rows.js';
import { counted } from '../lib/terminal.js';

export const usage = `Usage: ${kin} export <catalogue | folder> --to parquet|npy|jsonl|pgvector|qdrant|milvus -o <file> [--table products]

Of a file, or of the newest generation of a folder that 'publish' wrote. A record a picture: its product's id, its number, title, url, image, fields, and its vector of length 1.
Paths of pictures count from the catalogue's folder, as in the catalogue.

  parquet    columns, with the int8 row and its scale beside the vector
  npy        FILE.npy, and beside it .i8.npy, .scale.npy, .ids.json and .items.jsonl, in the same order
  jsonl      a JSON object a line
  pgvector   SQL for psql: a table (--table, default products) that is not there yet, and its HNSW index
  qdrant     a point a line, to upsert; the product's id is in its payload
  milvus     JSON rows, as its bulk import takes them

Exit code: 3 where a product was left out because the engine cannot hold its id.
${commonUsage}`;

export const options = { to: { type: 'string' }, output: { type: 'string', short: 'o' }, table: { type: 'string' } };

function readTable(text = 'products') {
  const parts = text.split('.');
  if (parts.length > 2 || !parts.every((part) => part && !part.includes('\0') && Buffer.byteLength(part) <= 63))
    throw new UsageError(`--table is a name of at most 63 bytes, or schema.name, not '${text}'`);
  return text;
}

// The items, for the types of their fields; and the file's checksums, before anything is written.
async function lookThrough(rows, io) {
  let n = 0;
  for (const _ of rows.check()) {
    io.signal.throwIfAborted();
    if (!(n++ % 8)) await setImmediate();
  }
  function* items() {
    for (const { item } of rows.read({ vectors: false })) yield item;
  }
  return fieldColumns(items());
}

// Gives the event loop a turn between two parts, so that Ctrl-C is heard.
async function* interruptible(parts, io) {
  for await (const part of parts) {
    await setImmediate();
    io.signal.throwIfAborted();
    yield part;
  }
}

export async function run({ values, positionals }, io) {
  const catalogue = oneArgument(positionals, 'export takes one catalogue');
  if (!values.to) throw new UsageError(`export needs --to ${Object.keys(targets).join(' or ')}`);
  const to = oneOf(values.to, '--to', Object.keys(targets));
  if (!values.output) throw new UsageError('export needs -o FILE');
  if (values.table !== undefined && to !== 'pgvector') throw new UsageError('--table goes with --to pgvector');
  const table = readTable(values.table);
  const rows = await openProducts(catalogue, io);
  try {
    const columns = await lookThrough(rows, io);
    const leftOut = [];
    const leaveOut = (id, pictures, message) => {
      leftOut.push({ id, pictures, message });
      io.note(`'${id.slice(0, 60)}' is left out: ${message}`);
    };
    const progress = io.progress('pictures', rows.pictures);
    let n = 0;
    const files = targets[to](rows, { columns, table, leaveOut }, () => progress(++n));
    const written = files.map(({ suffix }) => (suffix === null ? values.output : values.output.replace(/\.npy$/, '') + suffix));
    for (const path of written) await checkFile(path, [catalogue]);
    await writeFilesSafely(files.map(({ parts }, i) => ({ path: written[i], bytes: interruptible(parts, io) })));
    const renamed = columns.filter(({ field, column }) => field !== column);
    for (const { field, column } of to === 'pgvector' ? [] : renamed) io.note(`the field '${field}' is called '${column}' there`);
    const pictures = rows.pictures - leftOut.reduce((sum, one) => sum + one.pictures, 0);
    const summary = { products: rows.products - leftOut.length, pictures, dim: rows.dim, files: written, leftOut };
    if (values.json) await io.line(summary);
    else io.note(`${written.join(', ')}: ${counted(summary.products, 'product')}, ${counted(pictures, 'picture')}, ` +
      `${rows.dim} numbers each`);
    return leftOut.length ? 3 : 0;
  } finally {
    rows.close();
  }
}
