// Products in: a products file or a folder of pictures -> rows in their own order:
//   { row, id, images, item, version, error }
// row    line in the file (CSV: where the record begins), or the place in the list or the folder's order
// images what the file says: paths or URLs, not yet looked at
// item   title, url and the fields asked for, each with its column's type
// version what --version-column holds: while it stays, so do the pictures
// error  why this row cannot become a product; such a row keeps its place and shifts nothing
// A file is read several times, a row at a time: to see which columns it has, which rows of a product lie apart, what
// is wrong and which type each column has, then for the products. So a file may be larger than memory.
//   sources.js records of a file -> feeds.js which column is what -> variants.js products of several rows -> here
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { schemeOf } from '#web/shared/addresses.js';
import { chooseColumns, targets } from './feeds.js';
import { Columns } from './fields.js';
import { UsageError } from './options.js';
import { Paths } from './paths.js';
import { isProducts, openSource, watched } from './sources.js';
import { counted } from './terminal.js';
import { Variants } from './variants.js';

const maxPictures = 65535; // of one product, as the catalogue numbers them
const suffix = '\\.(?:jpe?g|jpe|jfif|pjpe?g|pjp|png|webp|gif|avif|hei[cf]|bmp|tiff?)';
const pictureFile = new RegExp(`${suffix}$`, 'i');
const pictureEnd = new RegExp(`${suffix}(?:[?#][^]*)?$`, 'i');
const rounded = /^-?\d(?:[.,]\d+)?E\+\d{2,3}$/; // as spreadsheets show a long number, whose digits are gone
const maxReference = 8192; // characters of a picture's path or address

// `title=Name` pairs -> { title: 'Name', image: ['Photo 1', 'Photo 2'] }. A comma parts two of them where a target follows: names
// of columns have commas too.
export function readMap(pairs = []) {
  const map = {};
  for (const pair of pairs.flatMap((text) => text.split(new RegExp(`,(?=\\s*(?:${targets.join('|')})\\s*=)`)))) {
    const at = pair.indexOf('=');
    const [target, column] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (at < 0 || !targets.includes(target) || !column)
      throw new UsageError(`--map takes ${targets.join('|')}=COLUMN, such as --map title=Name, ` +
        `not '${pair}'`);
    if (target === 'image') map.image = [...map.image ?? [], column];
    else if (map[target] === undefined) map[target] = column;
    else throw new UsageError(`--map names two columns for ${target}, '${map[target]}' and '${column}': only image has several`);
  }
  return map;
}

// The pictures of a CSV cell: a JSON array, or parted by |, or where an address begins, or by commas where every piece is a
// picture. Those that are not parted by | have the whole cell too: it may be the name of one.
function splitImages(cell) {
  const whole = cell.trim();
  if (whole.startsWith('[')) {
    let list;
    try {
      list = JSON.parse(whole);
    } catch {
      throw new Error('its image cell begins with [ but is not a JSON array');
    }
    return { images: checkImages(list) };
  }
  if (whole.includes('|')) return { images: checkImages(whole.split('|')) };
  const images = checkImages(whole.split(beforeAddress).map(withoutMarks).flatMap(splitAtPictures));
  return images.length === 1 && images[0] === whole || whole.length > maxReference ? { images } : { images, whole };
}

// A blank, line end, comma or semicolon, after which an address begins.
const beforeAddress = /[\s,;](?=(?:https?:)?\/\/)/i;

// Without more of these at the end. No expression does this in one pass where there are many.
function withoutMarks(piece) {
  let end = piece.length;
  while (end && /[\s,;]/.test(piece[end - 1])) end--;
  return piece.slice(0, end);
}

// At the commas before which a picture's name ends, if that makes pictures of all pieces: addresses have commas too.
function splitAtPictures(piece) {
  const pieces = [];
  let before = '';
  for (const part of piece.split(',')) {
    if (pieces.length && !pictureEnd.test(before)) pieces.push(`${pieces.pop()},${part}`);
    else pieces.push(part);
    before = part.trim();
  }
  const named = pieces.filter((one) => one.trim());
  return named.length > 1 && named.every((one) => pictureEnd.test(one.trim())) ? named : [piece];
}

function checkImages(list) {
  if (!Array.isArray(list) || !list.every((image) => typeof image === 'string'))
    throw new Error('its images are not a list of paths or URLs');
  const long = list.find((image) => image.length > maxReference);
  if (long !== undefined) throw new Error(`the address of its picture has ${long.length} characters: ${maxReference} at most`);
  return list.map((image) => image.trim()).filter(Boolean);
}

// What a page may link to: http(s) or a relative address, nothing that runs.
export function checkUrl(url) {
  const scheme = schemeOf(url, 'https://shop.example/');
  if (scheme === null) throw new Error(`its url is no address: '${url.slice(0, 200)}'`);
  if (scheme !== 'http:' && scheme !== 'https:')
    throw new Error(`its url begins with '${scheme.slice(0, 40)}'; only http, https or a relative address`);
  return url;
}

const text = (value) => (value === undefined || value === null ? ''
  : typeof value === 'string' ? value.toWellFormed() : String(value));

// The pictures that the columns of a product's rows name: in the order of their places, each once; of a plain file's one
// column as they are, and also the whole cell.
function imagesOf({ records }, { plain, images: columns, place }, cells) {
  if (!columns.length) return { images: [] };
  if (plain) {
    const [first, ...more] = columns.map((column) => readImages(records[0].get(column), cells));
    return more.length ? { images: [...new Set([first, ...more].flatMap(({ images }) => images))] } : first;
  }
  const placed = columns.flatMap((column, i) => records.flatMap((record) => {
    const at = i || place === undefined ? NaN : parseFloat(record.get(place));
    return readImages(record.get(column), true).images
      .map((image) => [image.replaceAll('\\,', ','), Number.isNaN(at) ? Infinity : at]); // as WooCommerce writes a comma
  }));
  return { images: [...new Set(placed.sort(([, a], [, b]) => (a === b ? 0 : a - b)).map(([image]) => image))] };
}

// Text of a file with types is a picture, or a list as JSON, where a table knows no lists.
function listOf(value) {
  if (!value.trimStart().startsWith('[')) return [value];
  try {
    return JSON.parse(value);
  } catch {
    return [value]; // a file may be called so
  }
}

// A list, or text, which as a cell may name several.
function readImages(value, cells) {
  if (value === undefined || value === null || value === '') return { images: [] };
  if (typeof value !== 'string') return { images: checkImages(value) };
  return cells ? splitImages(value) : { images: checkImages(listOf(value)) };
}

const isMissing = (value) => value === undefined || value === null || value === '';

// A list in one cell: parted by commas, `\,` being part of a name.
const splitList = (value) => (Array.isArray(value) ? value : text(value).split(/(?<!\\),/)
  .map((one) => one.replaceAll('\\,', ',').trim()).filter(Boolean));

const unguarded = (value) => (typeof value === 'string' ? value.replace(/^'(?=[=+@-])/, '') : value);

// A product's records -> one row.
function toRow(product, choice, cells) {
  const { row, records: [first] } = product;
  const result = { row, id: null, images: [], item: {}, error: null };
  const said = (record, column) => (choice.guarded ? unguarded(record.get(column)) : record.get(column));
  try {
    const rawId = said(first, choice.id);
    if (product.error && isMissing(rawId)) throw product.error;
    if (typeof rawId === 'string' ? !rawId.trim() : !Number.isSafeInteger(rawId))
      throw new Error(isMissing(rawId) || typeof rawId === 'string' ? 'its id is empty' : 'its id is not a string');
    result.id = String(rawId);
    if (!result.id.isWellFormed()) throw new Error('its id is not valid Unicode');
    if (product.error) throw product.error;
    if (choice.version !== undefined)
      result.version = product.records.map((record) => text(record.get(choice.version)).trim()).join('\n').trim();
    Object.assign(result, imagesOf(product, choice, cells));
    const title = choice.title === undefined ? '' : text(said(first, choice.title));
    const url = choice.url === undefined ? '' : checkUrl(text(first.get(choice.url)));
    const parts = [['title', title], ['url', url]].filter(([, value]) => value);
    for (const { field, column, list, every } of choice.published) {
      const values = product.records.map((record) => said(record, column)).filter((one) => !isMissing(one));
      if (values.length) parts.push([field, list ? splitList(values[0]) : every ? [...new Set(values.map(text))] : values[0]]);
    }
    result.item = Object.fromEntries(parts); // a field may be named __proto__
    if (choice.images.length && !result.images.length) throw new Error('it names no picture');
    if (result.images.length > maxPictures)
      throw new Error(`it names ${result.images.length} pictures: ${maxPictures} at most`);
  } catch (error) {
    result.error = error;
  }
  return result;
}

// Pictures of a folder by code points of their path with `/`, which are the ids.
async function readFolder(root, { map, fields, from, separator, version }) {
  if (Object.keys(map).length || fields.length || (from ?? separator ?? version) !== undefined)
    throw new UsageError('--map, --fields, --from, --separator and --version-column need a products file: a folder has no columns');
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
  const table = others.sort().find(isProducts);
  if (!paths.length && table !== undefined) // as Spark writes a data set
    throw new Error(`${root} holds no pictures, but '${table}': name the products file itself; of several make one`);
  const rows = paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((path, i) => ({
      row: i + 1, id: path, images: [path], error: null,
      item: { title: basename(path, extname(path)) },
    }));
  const notes = others.length ? [`left out: ${others.length} files that are no pictures by their names, ` +
    `such as ${others[0]}`] : [];
  return { choice: null, published: [], withheld: [], types: {}, odd: [], notes, count: rows.length,
    pictures: rows.length, drafts: 0, async* rows() { yield* rows; } };
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

const mappingOf = ({ id, title, url, images }) =>
  [['id', id], ['title', title], ['url', url], ...images.map((one) => ['image', one])].filter(([, column]) => column !== undefined)
    .map(([target, column]) => `${target} from '${column}'`).join(', ');

async function readFile(path, paths, { map, fields, ifThere, from, separator, pictures, version, ...options }, report) {
  const source = await openSource(path, { separator, ...options });
  try {
    const choice = chooseColumns(source.columns, { map, fields, ifThere, from, pictures, version, name: path });
    return await readOpen(source, path, choice, paths, options, report);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readOpen(source, path, choice, paths, { text = [], ...options }, report) {
  const { cells } = source;
  const fields = new Columns(choice.published.map(({ field }) => field), { cells, text });
  const ids = new Ids(Math.max(source.size, 32 * (source.count ?? 0)));
  const variants = new Variants(choice);
  const records = () => source.records(choice.columns);
  await variants.keep(watched(records(), source, options), path);

  async function* checked(read) {
    for await (const product of variants.products(read)) {
      const row = toRow(product, choice, cells);
      if (row.whole && await paths.find(row.whole) !== null) row.images = [row.whole];
      fields.check(row);
      yield row;
    }
  }

  let [count, pictures] = [0, 0];
  let short = null; // ids that a spreadsheet has rounded: { count, first }
  for await (const row of checked(watched(records(), source, options))) {
    count++;
    if (row.id !== null) ids.add(row.id);
    if (cells && rounded.test(row.id)) short = { count: (short?.count ?? 0) + 1, first: short?.first ?? row };
    if (row.error) report(row);
    else {
      fields.look(row);
      pictures += row.images.length;
    }
  }
  fields.decide();

  // The rows that were not reported, once; one whose id came before is an error still.
  async function* good(progress) {
    const before = new Map();
    try {
      for await (const row of checked(watched(records(), source, { progress }))) {
        const first = before.get(row.id);
        if (first === undefined && ids.twice.has(row.id)) before.set(row.id, row.row);
        if (row.error) continue;
        if (first !== undefined) row.error = new Error(`its id is that of row ${first}`);
        else fields.convert(row);
        yield row;
      }
    } finally {
      await source.close();
    }
  }
  const published = choice.published.map(({ field }) => field);
  const { drafts } = variants;
  const odd = [...short ? [`${counted(short.count, 'id')} ${short.count > 1 ? 'are numbers' : 'is a number'} that a spreadsheet has ` +
    `rounded, such as ${short.first.id} in row ${short.first.row}: format its column as text and export again`] : [], ...fields.odd];
  const notes = [...choice.plain ? [] : [`read as ${choice.feed}: ${mappingOf(choice)}`],
    ...drafts ? [`left out: ${counted(drafts, 'draft')}`] : [], ...fields.notes, ...odd];
  return { choice, published, withheld: choice.withheld, types: fields.types, odd, notes, count, pictures, drafts, rows: good };
}

// options: { map, fields, ifThere: fields that the file may lack, from, separator, text, version, pictures: false where none
// are asked for, signal, progress(bytes) -> (done) => {} }. `report(row)` is told of each row that has an error, before this returns
//   { paths, choice, published, withheld, types, odd, notes, count, pictures, drafts, rows(progress) }
// paths   where listed pictures lie
// choice  what each column becomes, as feeds.js says; null of a folder
// types   { field: type }
// notes   what was read, in sentences; `odd`: those of columns that few values made a text, and of ids that are none
// count   of rows; pictures of those without an error; drafts that were left out
// rows    those that were not reported, to be read once; those whose id came before have an error still
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
