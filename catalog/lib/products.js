// Products in: CSV, JSON Lines or a JSON list, or a folder of pictures -> rows in their own order:
//   { row, id, images, item, version, error }
// row    line in the file (CSV: where the record begins), or the place in the list or the folder's order
// images what the file says: paths or URLs, not yet looked at
// item   title, url and the fields asked for, each with its column's type
// version what --version-column holds: while it stays, so do the pictures
// error  why this row cannot become a product; such a row keeps its place and shifts nothing
// A file is read twice, a row at a time: once to see what is wrong and which type each column has, then for the
// products. So a file may be larger than memory.
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { schemeOf } from '#web/shared/addresses.js';
import { readCsv } from './csv.js';
import { Columns, looksPrivate } from './fields.js';
import { readJsonLines, readJsonList } from './json.js';
import { UsageError } from './options.js';
import { Paths } from './paths.js';
import { openText } from './text.js';

const targets = ['id', 'title', 'url', 'image'];
const maxPictures = 65535; // of one product, as the catalogue numbers them
const suffix = '\\.(?:jpe?g|jpe|jfif|pjpe?g|pjp|png|webp|gif|avif|hei[cf]|bmp|tiff?)';
const pictureFile = new RegExp(`${suffix}$`, 'i');
const picture = new RegExp(`^https?://|${suffix}(?:[?#][^]*)?$`, 'i');
const pictureComma = new RegExp(`(?<=${suffix}(?:[?#][^,]*)?\\s*),|,(?=\\s*https?://)`, 'i');

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

// One that was typed may be spelled with other code points than the file's.
const same = (a, b) => a.normalize() === b.normalize();

// The column of each target and the fields to publish, from the names that are there.
function chooseColumns(columns, { map, fields, version, name }) {
  const chosen = {};
  for (const target of targets) {
    const wanted = map[target] ?? target;
    chosen[target] = columns.find((column) => same(column, wanted)) ?? (map[target] ? undefined
      : columns.find((column) => column.trim().toLowerCase() === target));
    if (chosen[target] === undefined && (map[target] || target === 'id' || target === 'image'))
      throw new Error(`${name} has no column '${wanted}' (it has: ${columns.join(', ')}); ` +
        `say which one with --map ${target}=COLUMN`);
  }
  const used = new Set(Object.values(chosen));
  if (version !== undefined) {
    chosen.version = columns.find((column) => same(column, version));
    if (chosen.version === undefined)
      throw new Error(`${name} has no column '${version}' for --version-column (it has: ${columns.join(', ')})`);
  }
  const published = new Set();
  for (const field of fields) {
    const column = columns.find((one) => same(one, field));
    if (column === undefined && field !== '*')
      throw new Error(`${name} has no column '${field}' for --fields ` +
        `(it has: ${columns.join(', ')})`);
    if (column !== undefined) published.add(column);
  }
  const withheld = [];
  if (fields.includes('*'))
    for (const column of columns)
      if (column && !used.has(column) && !published.has(column))
        looksPrivate(column) ? withheld.push(column) : published.add(column);
  for (const field of published)
    if (targets.includes(field) && chosen[field] !== field)
      throw new UsageError(`the field '${field}' would hide the product's own ${field}: ` +
        'rename the column');
  for (const target of targets) if (published.has(target)) published.delete(target);
  return { chosen, published: [...published], withheld };
}

// The pictures of a CSV cell: a JSON array, or parted by |, or by commas where every piece is a picture. Those that
// commas part have the whole cell too: it may be the name of one.
function splitImages(cell) {
  const text = cell.trim();
  const clean = (list) => list.map((one) => one.trim()).filter(Boolean);
  if (text.startsWith('[')) {
    let list;
    try {
      list = JSON.parse(text);
    } catch {
      throw new Error('its image cell begins with [ but is not a JSON array');
    }
    return { images: checkImages(list) };
  }
  if (text.includes('|')) return { images: clean(text.split('|')) };
  const pieces = clean(text.split(pictureComma));
  return pieces.length > 1 && pieces.every((one) => picture.test(one)) ? { images: pieces, whole: text }
    : { images: clean([text]) };
}

function checkImages(list) {
  if (!Array.isArray(list) || !list.every((image) => typeof image === 'string'))
    throw new Error('its images are not a list of paths or URLs');
  return list.map((image) => image.trim()).filter(Boolean);
}

// What a page may link to: http(s) or a relative address, nothing that runs.
function checkUrl(url) {
  const scheme = schemeOf(url, 'https://shop.example/');
  if (scheme === null) throw new Error(`its url is no address: '${url}'`);
  if (scheme !== 'http:' && scheme !== 'https:')
    throw new Error(`its url begins with '${scheme}'; only http, https or a relative address`);
  return url;
}

const text = (value) => (value === undefined || value === null ? ''
  : typeof value === 'string' ? value.toWellFormed() : String(value));

// One record -> one row; `get(column)` is a cell (`cells`) or a JSON value.
function toRow(row, get, { chosen, published }, cells) {
  const rawId = get(chosen.id);
  const result = { row, id: null, images: [], item: {}, error: null };
  try {
    if (typeof rawId === 'string' ? !rawId.trim() : !Number.isSafeInteger(rawId))
      throw new Error(rawId === undefined || rawId === null || rawId === ''
        || typeof rawId === 'string' ? 'its id is empty' : 'its id is not a string');
    result.id = String(rawId);
    if (!result.id.isWellFormed()) throw new Error('its id is not valid Unicode');
    const image = get(chosen.image);
    if (cells) Object.assign(result, splitImages(image));
    else if (image !== undefined && image !== null)
      result.images = checkImages(typeof image === 'string' ? [image] : image);
    if (chosen.version !== undefined) result.version = text(get(chosen.version)).trim();
    const title = chosen.title === undefined ? '' : text(get(chosen.title));
    const url = chosen.url === undefined ? '' : checkUrl(text(get(chosen.url)));
    const parts = [['title', title], ['url', url]].filter(([, value]) => value);
    for (const field of published) {
      const value = get(field);
      if (value !== undefined && value !== null && value !== '') parts.push([field, value]);
    }
    result.item = Object.fromEntries(parts); // a field may be named __proto__
    if (!result.images.length) throw new Error('it names no picture');
    if (result.images.length > maxPictures)
      throw new Error(`it names ${result.images.length} pictures: ${maxPictures} at most`);
  } catch (error) {
    result.error = error;
  }
  return result;
}

// Both give { columns, cells, rows(choice) }, to be read as often as needed.
async function openCsv(file, name) {
  const records = () => readCsv(file.pieces());
  let first;
  for await (const record of records()) {
    first = record;
    break;
  }
  if (!first) throw new Error(`${name} is empty: its first line must name the columns`);
  if (first.error) throw new Error(`${name}: line ${first.line} must name the columns, but ${first.error.message}`);
  const columns = first.cells.map((column) => column.trim().normalize());
  const twice = columns.find((column, i) => columns.indexOf(column) < i && column !== '');
  if (twice !== undefined) throw new Error(`${name} has two columns named '${twice}'`);
  const place = new Map(columns.map((column, i) => [column, i]));
  return { columns, cells: true, async* rows(choice) {
    for await (const { line, cells, error } of records()) {
      if (line === first.line) continue;
      const row = toRow(line, (column) => cells[place.get(column)] ?? '', choice, true);
      row.error = error ?? row.error;
      yield row;
    }
  } };
}

async function openJson(file, name) {
  let isList = false;
  for await (const piece of file.pieces()) {
    isList = piece.trimStart().startsWith('[');
    break;
  }
  const records = () => (isList ? readJsonList(file.pieces(), name) : readJsonLines(file.pieces()));
  const columns = new Set();
  let objects = 0;
  for await (const { value } of records()) {
    if (value) objects++;
    for (const column of Object.keys(value ?? {})) columns.add(column);
  }
  if (!objects)
    throw new Error(`${name} holds no JSON object: it has to have one in each line, or a list of them`);
  return { columns: [...columns], cells: false, async* rows(choice) {
    for await (const { row, value, error } of records())
      yield error ? { row, id: null, images: [], item: {}, error }
        : toRow(row, (column) => (Object.hasOwn(value, column) ? value[column] : undefined), choice, false);
  } };
}

// Pictures of a folder by code points of their path with `/`, which are the ids.
async function readFolder(root, { map, fields, version }) {
  if (Object.keys(map).length || fields.length || version !== undefined)
    throw new UsageError('--map, --fields and --version-column need a products file: a folder has no columns');
  const paths = [];
  const others = [];
  const walk = async (folder, prefix) => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = prefix + entry.name;
      if (entry.isDirectory()) await walk(join(folder, entry.name), path + '/');
      else (pictureFile.test(entry.name) ? paths : others).push(path);
    }
  };
  await walk(root, '');
  const rows = paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((path, i) => ({
      row: i + 1, id: path, images: [path], error: null,
      item: { title: basename(path, extname(path)) },
    }));
  const notes = others.length ? [`left out: ${others.length} files that are no pictures by their names, ` +
    `such as ${others.sort()[0]}`] : [];
  return { published: [], withheld: [], types: {}, notes, count: rows.length, pictures: rows.length,
    async* rows() { yield* rows; } };
}

// Ids that came before, or seem to: a Bloom filter, so that memory does not grow with them. `twice` holds all that do
// come twice, and a few that do not.
class Ids {
  twice = new Set();
  #bits;

  constructor(bytes) {
    this.size = 2 ** Math.min(29, Math.max(16, Math.ceil(Math.log2(bytes * 2))));
    this.#bits = new Uint32Array(this.size / 32);
  }

  add(id) {
    let [a, b] = [0x811c9dc5, 0x9747b28c];
    for (let i = 0; i < id.length; i++) {
      const code = id.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x85ebca6b);
      b ^= b >>> 15;
    }
    const fresh = [a ^ a >>> 15, b ^ b >>> 13].map((hash) => {
      const at = (hash >>> 0) % this.size;
      const [bit, old] = [1 << (at & 31), this.#bits[at >>> 5]];
      this.#bits[at >>> 5] = old | bit;
      return !(old & bit);
    });
    if (!fresh.includes(true)) this.twice.add(id);
  }
}

async function readFile(path, paths, options, report) {
  const form = extname(path).toLowerCase();
  if (form === '.parquet')
    throw new UsageError('products from Parquet come in a later release: export them as CSV');
  const isCsv = ['.csv', '.tsv', '.txt'].includes(form);
  if (!isCsv && !['.jsonl', '.ndjson', '.json'].includes(form))
    throw new UsageError(`${path} is no products file: give a .csv, .jsonl or .json file, or a folder`);
  const file = await openText(path);
  try {
    return await readOpen(file, path, await (isCsv ? openCsv : openJson)(file, path), paths, options, report);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readOpen(file, path, { columns, cells, rows }, paths,
  { text = [], signal, progress, ...options }, report) {
  const choice = chooseColumns(columns, { ...options, name: path });
  const fields = new Columns(choice.published, { cells, text });
  const ids = new Ids(file.size);

  async function* checked() {
    for await (const row of rows(choice)) {
      if (row.whole && await paths.find(row.whole) !== null) row.images = [row.whole];
      fields.check(row);
      yield row;
    }
  }

  let [count, pictures] = [0, 0];
  const shown = progress?.(file.size);
  for await (const row of checked()) {
    if (count++ % 1000 === 0) {
      signal?.throwIfAborted();
      shown?.(file.position());
    }
    if (row.id !== null) ids.add(row.id);
    if (row.error) report(row);
    else {
      fields.look(row);
      pictures += row.images.length;
    }
  }
  fields.decide();

  // The rows that were not reported, once; one whose id came before is an error still.
  async function* good() {
    const before = new Map();
    try {
      for await (const row of checked()) {
        const first = before.get(row.id);
        if (first === undefined && ids.twice.has(row.id)) before.set(row.id, row.row);
        if (row.error) continue;
        if (first !== undefined) row.error = new Error(`its id is that of row ${first}`);
        else fields.convert(row);
        yield row;
      }
    } finally {
      await file.close();
    }
  }
  return { published: choice.published, withheld: choice.withheld, types: fields.types, notes: fields.notes,
    count, pictures, rows: good };
}

// options: { map, fields, text, signal, progress(bytes) -> (done) => {} }. `report(row)` is told at once of each row
// that has an error. Returns { paths, published, withheld, types, notes, count, pictures, rows() }
// paths: where listed pictures lie; types: { field: type }; notes: what was read, in sentences; count of rows and
// pictures; rows(): those that were not reported, to be read once; those whose id came before have an error still.
export async function readProducts(path, options, report) {
  let kind;
  try {
    kind = await stat(path);
  } catch (error) {
    throw new Error(error.code === 'ENOENT' ? `there is no ${path}`
      : `cannot read ${path}: ${error.code}`);
  }
  const paths = new Paths(await realpath(kind.isDirectory() ? path : dirname(path)));
  const products = kind.isDirectory() ? await readFolder(paths.root, options)
    : await readFile(path, paths, options, report);
  return { paths, ...products };
}
