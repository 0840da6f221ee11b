// Products in: a CSV or JSON Lines file, or a folder of pictures -> rows in their own order:
//   { row, id, images, item, error }
// row    line in the file (CSV: where the record begins), or the place in the folder's order
// images what the file says: paths or URLs, not yet looked at
// item   title, url and the fields asked for, as raw cells (CSV) or JSON values
// error  why this row cannot become a product; such a row keeps its place and shifts nothing
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { UsageError } from './options.js';
import { looksPrivate } from './fields.js';

const targets = ['id', 'title', 'url', 'image'];
const pictureFile = /\.(jpe?g|png|webp|gif|avif|heic|bmp|tiff?)$/i;
const maxFile = 512 * 2 ** 20;
const maxCell = 2 ** 20;

// `title=Name` pairs -> { title: 'Name' }.
export function readMap(pairs = []) {
  const map = {};
  for (const pair of pairs.flatMap((text) => text.split(','))) {
    const at = pair.indexOf('=');
    const [target, column] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (at < 0 || !targets.includes(target) || !column)
      throw new UsageError(`--map takes ${targets.join('|')}=COLUMN, such as --map title=Name, ` +
        `not '${pair}'`);
    map[target] = column;
  }
  return map;
}

function decodeText(bytes, name) {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw new Error(`${name} is UTF-16: save it as UTF-8 ("CSV UTF-8" in a spreadsheet)`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes); // drops a byte order mark
  } catch {
    throw new Error(`${name} is not UTF-8: save it as UTF-8 ("CSV UTF-8" in a spreadsheet)`);
  }
}

// The column of each target and the fields to publish, from the names that are there.
function chooseColumns(columns, { map, fields, name }) {
  const chosen = {};
  for (const target of targets) {
    const wanted = map[target] ?? target;
    chosen[target] = columns.find((column) => column === wanted) ?? (map[target] ? undefined
      : columns.find((column) => column.trim().toLowerCase() === target));
    if (chosen[target] === undefined && (map[target] || target === 'id' || target === 'image'))
      throw new Error(`${name} has no column '${wanted}' (it has: ${columns.join(', ')}); ` +
        `say which one with --map ${target}=COLUMN`);
  }
  const used = new Set(Object.values(chosen));
  const named = fields.filter((field) => field !== '*');
  for (const field of named)
    if (!columns.includes(field))
      throw new Error(`${name} has no column '${field}' for --fields ` +
        `(it has: ${columns.join(', ')})`);
  const published = new Set(named);
  const withheld = [];
  if (fields.includes('*'))
    for (const column of columns)
      if (!used.has(column) && !published.has(column))
        looksPrivate(column) ? withheld.push(column) : published.add(column);
  for (const field of published)
    if (targets.includes(field) && chosen[field] !== field)
      throw new UsageError(`the field '${field}' would hide the product's own ${field}: ` +
        'rename the column');
  for (const target of targets) if (published.has(target)) published.delete(target);
  return { chosen, published: [...published], withheld };
}

function splitImages(cell, separator) {
  const text = cell.trim();
  if (text.startsWith('[')) {
    let list;
    try {
      list = JSON.parse(text);
    } catch {
      throw new Error('its image cell begins with [ but is not a JSON array');
    }
    return checkImages(list);
  }
  return (separator ? text.split(separator) : [text]).map((s) => s.trim()).filter(Boolean);
}

function checkImages(list) {
  if (!Array.isArray(list) || !list.every((image) => typeof image === 'string'))
    throw new Error('its images are not a list of paths or URLs');
  return list.map((image) => image.trim()).filter(Boolean);
}

// What a page may link to: http(s) or a relative address, nothing that runs.
function checkUrl(url) {
  const scheme = /^[\s\u0000-\u001f]*([a-z][a-z0-9+.-]*):/i.exec(url)?.[1].toLowerCase();
  if (scheme && scheme !== 'http' && scheme !== 'https')
    throw new Error(`its url begins with '${scheme}:'; only http, https or a relative address`);
  return url;
}

const text = (value) => (value === undefined || value === null ? ''
  : typeof value === 'string' ? value.toWellFormed() : String(value));

// One record -> one row; `get(column)` is a cell or a JSON value.
function toRow(row, get, { chosen, published }, separator) {
  const rawId = get(chosen.id);
  const result = { row, id: null, images: [], item: {}, error: null };
  try {
    if (typeof rawId === 'string' ? !rawId.trim() : !Number.isSafeInteger(rawId))
      throw new Error(rawId === undefined || rawId === null || rawId === ''
        || typeof rawId === 'string' ? 'its id is empty' : 'its id is not a string');
    result.id = String(rawId);
    if (!result.id.isWellFormed()) throw new Error('its id is not valid Unicode');
    const image = get(chosen.image);
    if (image !== undefined && image !== null)
      result.images = typeof image === 'string' ? splitImages(image, separator)
        : checkImages(image);
    const title = chosen.title === undefined ? '' : text(get(chosen.title));
    const url = chosen.url === undefined ? '' : checkUrl(text(get(chosen.url)));
    if (title) result.item.title = title;
    if (url) result.item.url = url;
    for (const field of published) {
      const value = get(field);
      if (value !== undefined && value !== null && value !== '') result.item[field] = value;
    }
    if (!result.images.length) throw new Error('it names no picture');
  } catch (error) {
    result.error = error;
  }
  return result;
}

function readCsv(bytes, name, options) {
  const content = decodeText(bytes, name);
  const firstLine = content.slice(0, content.search(/[\r\n]|$/)).replace(/"(?:[^"]|"")*"/g, '');
  const count = (mark) => firstLine.split(mark).length;
  const delimiter = [',', ';', '\t'].reduce((a, b) => (count(b) > count(a) ? b : a));
  let records;
  try {
    records = parse(content, {
      delimiter, info: true, relax_column_count: true, skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n', '\r'], max_record_size: 16 * maxCell,
    });
  } catch (error) {
    throw new Error(`${name} is not CSV: ${error.message}`);
  }
  if (!records.length) throw new Error(`${name} is empty: its first line must name the columns`);
  const columns = records[0].record;
  const twice = columns.find((column, i) => columns.indexOf(column) < i && column !== '');
  if (twice !== undefined) throw new Error(`${name} has two columns named '${twice}'`);
  const choice = chooseColumns(columns, { ...options, name });
  const place = new Map(columns.map((column, i) => [column, i]));
  const lines = recordLines(content, records);
  const rows = records.slice(1).map(({ record }, i) => {
    const row = toRow(lines[i + 1], (column) => record[place.get(column)], choice, '|');
    if (record.length !== columns.length)
      row.error = new Error(`it has ${record.length} cells, the first line names ` +
        `${columns.length} columns`);
    return row;
  });
  return { rows, ...choice, cells: true };
}

// The line each record begins on: csv-parse knows where records end, in bytes, but counts a CRLF
// inside quotes as two lines.
function recordLines(content, records) {
  const bytes = Buffer.from(content);
  let line = 1;
  let at = 0;
  const passBreak = () => {
    if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at++;
    at++;
    line++;
  };
  const isBreak = () => bytes[at] === 0x0a || bytes[at] === 0x0d;
  return records.map(({ info }) => {
    while (isBreak()) passBreak();
    const first = line;
    while (at < info.bytes) isBreak() ? passBreak() : at++;
    return first;
  });
}

function readJsonLines(bytes, name, options) {
  const lines = decodeText(bytes, name).split(/\r?\n/);
  const records = lines.map((line, i) => {
    if (!line.trim()) return null;
    try {
      const value = JSON.parse(line);
      if (value === null || typeof value !== 'object' || Array.isArray(value))
        throw new Error('the line is not a JSON object');
      return { row: i + 1, value };
    } catch (error) {
      return { row: i + 1, error: error instanceof SyntaxError
        ? new Error('the line is not JSON') : error };
    }
  }).filter(Boolean);
  const columns = [...new Set(records.flatMap((record) => Object.keys(record.value ?? {})))];
  if (!records.some((record) => record.value))
    throw new Error(`${name} holds no JSON object: JSON Lines has one in each line`);
  const choice = chooseColumns(columns, { ...options, name });
  const get = (value) => (column) =>
    (Object.hasOwn(value, column) ? value[column] : undefined);
  const rows = records.map(({ row, value, error }) => (error
    ? { row, id: null, images: [], item: {}, error } : toRow(row, get(value), choice)));
  return { rows, ...choice, cells: false };
}

// Pictures of a folder by code points of their path with `/`, which are the ids.
async function readFolder(root, { map, fields }) {
  if (Object.keys(map).length || fields.length)
    throw new UsageError('--map and --fields need a products file: a folder has no columns');
  const paths = [];
  const walk = async (folder, prefix) => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = prefix + entry.name;
      if (entry.isDirectory()) await walk(join(folder, entry.name), path + '/');
      else if (pictureFile.test(entry.name)) paths.push(path);
    }
  };
  await walk(root, '');
  const rows = paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((path, i) => ({
      row: i + 1, id: path, images: [path], error: null,
      item: { title: basename(path, extname(path)) },
    }));
  return { rows, published: [], withheld: [], cells: false };
}

// options: { map, fields }. Returns { root, rows, published, withheld, cells }; cells: values are
// CSV text that still needs a type. Empty and repeated ids have become errors of their rows.
export async function readProducts(path, options) {
  let kind;
  try {
    kind = await stat(path);
  } catch (error) {
    throw new Error(error.code === 'ENOENT' ? `there is no ${path}`
      : `cannot read ${path}: ${error.code}`);
  }
  let products;
  let root;
  if (kind.isDirectory()) {
    root = await realpath(path);
    products = await readFolder(root, options);
  } else {
    const form = extname(path).toLowerCase();
    if (form === '.parquet')
      throw new UsageError('products from Parquet come in a later release: export them as CSV');
    if (!['.csv', '.tsv', '.txt', '.jsonl', '.ndjson'].includes(form))
      throw new UsageError(`${path} is no products file: give a .csv, a .jsonl or a folder`);
    if (kind.size > maxFile)
      throw new Error(`${path} is larger than ${maxFile / 2 ** 20} MiB: split it`);
    root = await realpath(dirname(path));
    const bytes = await readFile(path);
    const read = form === '.jsonl' || form === '.ndjson' ? readJsonLines : readCsv;
    products = read(bytes, path, options);
  }
  const seen = new Map();
  for (const row of products.rows) {
    if (row.id === null) continue;
    if (seen.has(row.id)) row.error = new Error(`its id is that of row ${seen.get(row.id)}`);
    else seen.set(row.id, row.row);
  }
  return { root, ...products };
}
