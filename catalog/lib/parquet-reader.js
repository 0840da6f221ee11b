// The process that parquet.js starts to read a Parquet file: node parquet-reader.js <file>, questions and answers as
// messages, one at a time.
//   { open }            { columns, count, size }
//   { read: columns }   {} from the first row on, these columns
//   { next }            { rows: [values] } in the columns' order; none: it is over
// Beside these it says { page } while it reads, and { error } in place of an answer. Numbers of 64 bits that are not exact
// as doubles are text, dates and times are ISO 8601, what has no counterpart is an empty object.
import { open } from 'node:fs/promises';
import { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const maxFooter = 2 ** 26;
const maxChunk = 2 ** 30; // bytes of one column in a row group, packed or not
const maxRows = 2 ** 24; // of a row group
const batch = 1000;

const path = process.argv[2];
const wrong = (why) => new Error(`${path} is not Parquet that can be read: ${why}`);

// Sizes are claims: none is allocated that is absurd.
const unpack = Object.fromEntries(Object.entries(compressors).map(([codec, decompress]) => [codec, (bytes, length) => {
  if (!(length >= 0 && length <= maxChunk)) throw wrong(`a page claims to hold ${length} bytes`);
  return decompress(bytes, length);
}]));

async function openFile() {
  const handle = await open(path, 'r');
  const { size, mtimeMs } = await handle.stat();
  const slice = async (start, end = size) => {
    if (!(start >= 0 && start <= end && end <= size)) throw wrong('a part of it lies outside the file');
    if (end - start > maxChunk) throw wrong('a column of a row group takes more than 1 GiB: write it in smaller row groups');
    const bytes = Buffer.alloc(end - start);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at);
      const now = await handle.stat();
      if (!bytesRead || now.size !== size || now.mtimeMs !== mtimeMs)
        throw new Error(`${path} was changed while it was read: start again`);
      at += bytesRead;
    }
    return bytes.buffer;
  };
  if (size < 12) throw wrong('it is too short');
  const footer = new DataView(await slice(size - 8));
  if (footer.getUint32(4, true) === 0x45524150) throw wrong('it is encrypted');
  if (footer.getUint32(4, true) !== 0x31524150) throw wrong('it does not end as Parquet does');
  const length = footer.getUint32(0, true);
  if (length > Math.min(maxFooter, size - 12)) throw wrong(`its footer claims to have ${length} bytes`);
  return { byteLength: size, slice };
}

// A price of 19.9 in 32 bits is 19.899999618530273 in 64: the shortest number that is the same in 32.
function shortest(value) {
  for (let digits = 6; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function plain(value, { isFloat, isDate }) {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') return !Number.isFinite(value) ? null : isFloat ? shortest(value) : value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString().slice(0, isDate ? 10 : 24);
  if (Array.isArray(value))
    return value.filter((one) => one !== null && one !== undefined).map((one) => plain(one, { isFloat, isDate }));
  return typeof value === 'object' && value !== null ? {} : value ?? null;
}

let file, metadata, schema;

async function openIt() {
  file = await openFile();
  metadata = await parquetMetadataAsync(file);
  schema = parquetSchema(metadata).children;
  const count = metadata.row_groups.reduce((sum, { num_rows: rows }) => sum + Number(rows), 0);
  return { columns: schema.map(({ element }) => element.name), count, size: file.byteLength };
}

function checkGroup(group, columns) {
  const rows = Number(group.num_rows);
  if (!(rows >= 0 && rows <= maxRows)) throw wrong(`a row group claims to have ${rows} rows`);
  for (const { meta_data: chunk } of group.columns) {
    if (!chunk) throw wrong('a column of a row group has no place');
    if (!columns.includes(chunk.path_in_schema[0])) continue;
    if (!(Number(chunk.total_uncompressed_size) <= maxChunk))
      throw wrong(`a column of a row group claims to hold ${chunk.total_uncompressed_size} bytes`);
    if (!(chunk.num_values >= rows)) throw wrong(`a row group claims to have ${rows} rows, its column ${chunk.num_values} values`);
  }
  return rows;
}

// Rows of all groups, a group in memory at a time.
async function* read(columns) {
  const kinds = columns.map((column) => schema.find(({ element }) => element.name === column).element)
    .map(({ type, converted_type: converted }) => ({ isFloat: type === 'FLOAT', isDate: converted === 'DATE' }));
  let start = 0;
  for (const [i, group] of metadata.row_groups.entries()) {
    const count = checkGroup(group, columns);
    const page = `row group ${i + 1} of ${metadata.row_groups.length}`;
    process.send({ page });
    let rows;
    await parquetRead({ file, metadata, columns, rowStart: start, rowEnd: start + count, rowFormat: 'array',
      compressors: unpack, onPage: () => process.send({ page }), onComplete: (all) => { rows = all; } });
    if (count && rows[count - 1].includes(undefined)) throw wrong(`${page} has fewer rows than it claims`);
    start += count;
    for (let at = 0; at < count; at += batch)
      yield rows.slice(at, at + batch).map((row) => row.map((value, k) => plain(value, kinds[k])));
  }
}

let rows = null;

async function answer({ open: isFirst, read: columns }) {
  if (isFirst) return openIt();
  if (columns) {
    rows = read(columns);
    return {};
  }
  const { value = [] } = await rows.next();
  return { rows: value };
}

process.on('message', async (question) => {
  try {
    process.send(await answer(question));
  } catch (error) {
    const why = error instanceof TypeError || error instanceof RangeError ? 'its bytes are not sound' // a slip of the library
      : error.message.replace(/^parquet /, '');
    process.send({ error: error.message.startsWith(path) ? error.message : wrong(why).message });
  }
});
process.on('disconnect', () => process.exit());
