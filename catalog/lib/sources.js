// A products file by its form -> records, to be read as often as needed:
//   { columns, cells, size, position(), count, records(columns), close() }
// columns   all names, in the file's order; records() may leave out those that it is not asked for
// count     of the records, where the file says it
// cells     values are text, whose types are to be found; else they have types
// records   { row, get(column), error }: row counts lines of CSV and JSON Lines, else records; a value is a string, number,
//           boolean, or a list; '' or undefined where there is none
import { extname } from 'node:path';
import { readCsv } from './csv.js';
import { readJsonLines, readJsonList } from './json.js';
import { UsageError } from './options.js';
import { openText } from './text.js';

const maxColumns = 10000;

function checkCount(columns, name) {
  if (columns > maxColumns) throw new Error(`${name} has more than ${maxColumns} columns`);
}

async function openCsv(file, name, { separator }) {
  const records = () => readCsv(file.pieces(), separator);
  let first;
  for await (const record of records()) {
    first = record;
    break;
  }
  if (!first) throw new Error(`${name} is empty: its first line must name the columns`);
  if (first.error) throw new Error(`${name}: line ${first.line} must name the columns, but ${first.error.message}`);
  const columns = first.cells.map((column) => column.trim().normalize());
  checkCount(columns.length, name);
  const [place, twice] = [new Map(), new Set()];
  for (const [i, column] of columns.entries()) {
    if (place.has(column)) twice.add(column);
    place.set(column, i);
  }
  return { columns: [...place.keys()], cells: true, async* records(wanted) {
    const unclear = wanted.find((column) => twice.has(column));
    if (unclear !== undefined)
      throw new Error(`${name} has two columns named '${unclear.slice(0, 60)}': rename one, or name others for --fields and --map`);
    for await (const { line, cells, error } of records())
      if (line !== first.line) yield { row: line, error, get: (column) => cells[place.get(column)] ?? '' };
  } };
}

// The records, while it is shown how far the file is read.
export async function* watched(records, file, { signal, progress }) {
  const shown = progress?.(file.size);
  let n = 0;
  for await (const record of records) {
    if (n++ % 1000 === 0) {
      signal?.throwIfAborted();
      shown?.(file.position());
    }
    yield record;
  }
}

// Objects: a first reading finds their names.
async function openObjects(file, name, read, cells, none, options) {
  const columns = new Set();
  let objects = 0;
  for await (const { value } of watched(read(), file, options)) {
    if (value) objects++;
    for (const column of Object.keys(value ?? {})) columns.add(column);
    checkCount(columns.size, name);
  }
  if (!objects) throw new Error(none);
  return { columns: [...columns], cells, async* records() {
    for await (const { row, value, error } of read())
      yield { row, error, get: (column) => (value && Object.hasOwn(value, column) ? value[column] : undefined) };
  } };
}

async function openJson(file, name, options) {
  let isList = false;
  for await (const piece of file.pieces()) {
    const begin = piece.trimStart();
    isList = begin.startsWith('[');
    if (begin) break;
  }
  return openObjects(file, name, () => (isList ? readJsonList(file.pieces(), name) : readJsonLines(file.pieces())), false,
    `${name} holds no JSON object: it has to have one in each line, or a list of them`, options);
}

async function openXml(file, name, options) {
  const { readXml } = await import('./xml.js');
  return openObjects(file, name, () => readXml(file.pieces(), name), true,
    `${name} is a feed without an <item> or <entry> that can be read`, options);
}

const forms = { '.csv': openCsv, '.tsv': openCsv, '.txt': openCsv, '.jsonl': openJson, '.ndjson': openJson, '.json': openJson,
  '.xml': openXml, '.rss': openXml, '.atom': openXml };

export const isProducts = (path) => Object.hasOwn(forms, extname(path).toLowerCase()) || extname(path).toLowerCase() === '.parquet';

// options: { separator, signal, progress(bytes) -> (done) => {} }
export async function openSource(path, options) {
  const form = extname(path).toLowerCase();
  if (options.separator !== undefined && forms[form] !== openCsv)
    throw new UsageError(`--separator is for CSV, which ${path} is not by its name`);
  if (form === '.parquet') {
    const source = await (await import('./parquet.js')).openParquet(path);
    checkCount(source.columns.length, path);
    return source;
  }
  if (!Object.hasOwn(forms, form))
    throw new UsageError(`${path} is no products file: give a .csv, .tsv, .jsonl, .json, .xml or .parquet file, or a folder`);
  const file = await openText(path);
  try {
    const source = await forms[form](file, path, options);
    return { ...source, size: file.size, position: file.position, close: file.close };
  } catch (error) {
    await file.close();
    throw error;
  }
}
