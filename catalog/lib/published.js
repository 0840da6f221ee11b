// A catalogue as a folder, read back: what current.json names, each file held against its hash and its counts.
// For publish (what is there already), verify and inspect; a page has its own reader.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, forReading } from './files.js';
import { startBits } from './base.js';
import { codeBytes, codesOf, farCodesOf, farSteps, trainCodes } from './codes.js';
import { columnTypes, makeColumns, makeSold } from './columns.js';
import { itemOf } from './contents.js';
import { notOfBase } from './delta.js';
import { checkOffsets, format, isPartName, makeBase, maxPart, partName, readPart, readPartBytes, readTensors } from './parts.js';

export const maxCurrent = 2048;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const isHash = (hash) => typeof hash === 'string' && isPartName(partName('base', hash));
const isCount = (n) => Number.isSafeInteger(n) && n > 0 && n < 2 ** 31;
const isText = (value) => typeof value === 'string';
const mostBytes = 2 ** 31; // of all rows, and of a market's items: a base is made of a catalogue file

export async function readJson(path) {
  const text = await readFile(path, { encoding: 'utf8', flag: forReading }).catch((error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw new Error(`${path} cannot be read (${error.code})`);
  });
  if (text === null) return null;
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new Error(`${path} is not JSON`);
  }
}

// current.json of a folder, null where there is none.
export async function readCurrent(folder) {
  const path = join(folder, 'current.json');
  const info = await exists(path);
  if (!info) return null;
  if (info.size > maxCurrent) throw new Error(`${path} has more than ${maxCurrent} bytes: it is no catalogue's`);
  const current = await readJson(path);
  if (current.kind !== 'catalog-current') throw new Error(`${path} is not a catalogue's`);
  if (current.format !== format) throw new Error(`${path} has format ${current.format}, which this release does not know`);
  const { generation, model, base, deltas } = current;
  if (!isCount(generation) || typeof model !== 'string' || !Array.isArray(deltas) || ![base, ...deltas].every(isHash))
    throw new Error(`${path} lacks a generation, a base or deltas`);
  return current;
}

// What a page refuses (web/worker/folder-core.js) is refused here too.
export async function readBase(folder, hash) {
  const path = join(folder, partName('base', hash));
  const bad = (what) => { throw new Error(`${path} ${what}`); };
  const text = (await readPartBytes(folder, 'base', hash)).toString();
  let base = null;
  try {
    base = JSON.parse(text);
  } catch {} // told below
  if (base?.kind !== 'catalog' || base.format !== format) bad('is not a base of this format');
  const { products, rows, dim, metadata, near, far, null_best: best, markets } = base;
  if (![products, rows, dim].every(isCount) || rows < products || dim > 4096 || rows * (dim + 10) > mostBytes) bad('lacks its counts, or has too many');
  if (Object.prototype.toString.call(metadata) !== '[object Object]' || !Object.values(metadata).every(isText)) bad('has metadata that are no texts');
  if (best !== null && !(Array.isArray(best) && best.length === 2 && best.every((one) => Number.isFinite(one) && Number.isFinite(Math.fround(one))) && best[1] >= 0))
    bad('has null statistics that are none');
  if (![near?.rows, near?.shards, near?.text_shards ?? near?.shards].every(isCount)) bad('does not say what a query reads');
  // `bytes` of each in a file, so that nothing is made room for that the files cannot hold.
  const listed = (name, list, each, all, bytes) => {
    if (!isCount(each) || each * bytes > maxPart || !Array.isArray(list.files) || !list.files.every(isHash) ||
      list.files.length !== Math.ceil(all / each))
      bad(`lists other files of ${name} than its counts need`);
  };
  listed('codes', base.codes, base.codes?.rows_per_file, rows, codeBytes(dim));
  if (far) {
    if (!farSteps[far.planes]) bad('has finer codes of a number of planes that this release does not know');
    if (![far.rows, far.shards].every(isCount)) bad('does not say what a query in words reads');
    listed('finer codes', far, far.rows_per_file, rows, far.planes * codeBytes(dim));
  }
  listed('ids', base.ids, base.ids?.products_per_file, products, 6);
  listed('rows', base.shards, base.shards?.rows_per_file, rows, dim + 4);
  if (!markets?.['']) bad('has no items');
  for (const market of Object.values(markets)) {
    listed('items', market, market?.products_per_file, products, 4);
    const { columns, sold } = market;
    if (Object.prototype.toString.call(columns) !== '[object Object]') bad('has a market without columns');
    if (!Object.values(columns).every((one) => columnTypes.includes(one?.type) && (one.file === null || isHash(one.file))) || sold !== undefined && !isHash(sold))
      bad('names a column that is no file');
  }
  return base;
}

// The names of all files that a generation needs.
export function filesOf({ base: hash, deltas }, base) {
  const of = (kind, files) => files.map((file) => partName(kind, file));
  return [partName('base', hash), ...of('codes', base.codes.files), ...of('far', base.far?.files ?? []),
    ...of('ids', base.ids.files), ...of('shard', base.shards.files),
    ...Object.values(base.markets).flatMap(({ files, columns, sold }) => [...of('items', files),
      ...of('column', [...Object.values(columns).map(({ file }) => file), sold].filter((file) => file))]),
    ...of('delta', deltas)];
}

// Kind and hash of a file's name, which isPartName knows.
export const ofName = (name) => [name.slice(0, name.indexOf('-')), name.slice(name.indexOf('-') + 1, name.lastIndexOf('.'))];

/* ---- what is in the files ---- */

function texts(path, bytes, offsets) {
  try {
    return Array.from({ length: offsets.length - 1 }, (_, i) => decoder.decode(bytes.subarray(offsets[i], offsets[i + 1])));
  } catch {
    throw new Error(`${path} has an id that is not UTF-8`);
  }
}

const sumOf = (counts) => counts.reduce((sum, count) => sum + count, 0);

const chunks = (files, each, all) => files.map((hash, k) => ({ hash, n: Math.min(each, all - k * each) }));

// Puts tensors of several files one after the other.
function joined(Type, size) {
  const out = new Type(size);
  let at = 0;
  return { out, add(values) {
    if (at + values.length > size) return false;
    out.set(values, at);
    at += values.length;
    return true;
  }, get full() { return at === size; } };
}

async function readIds(folder, base) {
  const ids = [], counts = joined(Uint16Array, base.products), pictures = joined(Uint16Array, base.rows);
  for (const { hash, n } of chunks(base.ids.files, base.ids.products_per_file, base.products)) {
    const path = join(folder, partName('ids', hash));
    const part = await readPart(folder, 'ids', hash,
      { id_offsets: ['U32', n + 1], row_count: ['U16', n], ids: ['U8', null], 'row_picture?': ['U16', null] });
    checkOffsets(path, 'id_offsets', part.id_offsets, part.ids.length);
    for (const id of texts(path, part.ids, part.id_offsets)) ids.push(id);
    counts.add(part.row_count);
    const rows = sumOf(part.row_count);
    if (rows > base.rows || part.row_picture && !base.ids.pictures) throw new Error(`${path} numbers other pictures than its rows`);
    const picture = part.row_picture ?? Uint16Array.from([...part.row_count].flatMap((count) => [...Array(count).keys()]));
    if (picture.length !== rows || !pictures.add(picture)) throw new Error(`${path} numbers other pictures than its rows`);
  }
  const rowStart = new Uint32Array(base.products + 1);
  counts.out.forEach((count, i) => { rowStart[i + 1] = rowStart[i] + count; });
  if (!pictures.full || rowStart[base.products] !== base.rows || counts.out.includes(0))
    throw new Error(`${folder}: ids and rows differ in number`);
  if (new Set(ids).size !== ids.length || ids.includes('')) throw new Error(`${folder}: an id is empty or comes twice`);
  return { ids, rowStart, rowPicture: pictures.out };
}

// 1 / length of each row, as src/catalog.c checks it.
function checkScales(path, vectors, scale, dim) {
  for (let row = 0; row < scale.length; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += vectors[i] * vectors[i];
    if (!(Math.abs(scale[row] * Math.sqrt(sum) - 1) < 1e-6))
      throw new Error(`${path}: row ${row} has not the length that its scale says`);
  }
}

function checkNulls(path, nulls) {
  for (let i = 0; i < (nulls?.length ?? 0); i++)
    if (!Number.isFinite(nulls[i]) || i % 2 && nulls[i] < 0) throw new Error(`${path} has null statistics that are none`);
}

async function readRows(folder, base, told) {
  const { dim, rows } = base;
  const vectors = new Int8Array(rows * dim), scale = new Float32Array(rows), nulls = base.null_best && new Float32Array(4 * rows);
  let at = 0;
  for (const { hash, n } of chunks(base.shards.files, base.shards.rows_per_file, rows)) {
    const path = join(folder, partName('shard', hash));
    const part = await readPart(folder, 'shard', hash,
      { scale: ['F32', n], vectors: ['I8', n * dim], ...nulls && { null: ['F32', 4 * n] } });
    checkScales(path, part.vectors, part.scale, dim);
    checkNulls(path, part.null);
    vectors.set(part.vectors, at * dim);
    scale.set(part.scale, at);
    nulls?.set(part.null, 4 * at);
    told(at += n);
  }
  return { vectors, scale, nulls };
}

async function readItems(folder, { products_per_file: each, files }, products) {
  const offsets = new Uint32Array(products + 1), pieces = [];
  let [at, bytes] = [0, 0];
  for (const { hash, n } of chunks(files, each, products)) {
    const path = join(folder, partName('items', hash));
    const part = await readPart(folder, 'items', hash, { item_offsets: ['U32', n + 1], items: ['U8', null] });
    checkOffsets(path, 'item_offsets', part.item_offsets, part.items.length);
    if (bytes + part.items.length > mostBytes) throw new Error(`${folder}: the items of a market have more than 2 GiB`);
    for (let i = 1; i <= n; i++) offsets[at + i] = bytes + part.item_offsets[i];
    at += n;
    bytes += part.items.length;
    pieces.push(part.items);
  }
  return { items: Buffer.concat(pieces), offsets };
}

// A delta -> { ids, gone: [id], product, goneProduct: their numbers in the base; dim, rowStart, rowPicture, vectors, scale,
// nulls, markets as contents have them }; a market that it does not carry is not among markets.
export async function readDelta(folder, hash, base) {
  const { dim } = base, path = join(folder, partName('delta', hash));
  const bytes = await readPartBytes(folder, 'delta', hash);
  const first = readTensors(path, 'delta', bytes, { id_offsets: ['U32', null], ids: ['U8', null], product: ['U32', null],
    row_count: ['U16', null], row_picture: ['U16', null], gone_offsets: ['U32', null], gone: ['U8', null],
    gone_product: ['U32', null] });
  const products = first.id_offsets.length - 1, rows = sumOf(first.row_count);
  checkOffsets(path, 'id_offsets', first.id_offsets, first.ids.length);
  checkOffsets(path, 'gone_offsets', first.gone_offsets, first.gone.length);
  if (first.row_count.length !== products || first.row_picture.length !== rows || first.product.length !== products ||
    first.gone_product.length !== first.gone_offsets.length - 1) throw new Error(`${path}: its parts differ in number`);
  const nulls = base.null_best !== null;
  const more = readTensors(path, 'delta', bytes,
    { scale: ['F32', rows], vectors: ['I8', rows * dim], ...nulls && { null: ['F32', 4 * rows] } });
  checkScales(path, more.vectors, more.scale, dim);
  checkNulls(path, more.null);
  const markets = new Map();
  for (const locale of Object.keys(base.markets)) {
    const end = locale && `.${locale}`;
    const { [`item_offsets${end}`]: offsets, [`items${end}`]: items } = readTensors(path, 'delta', bytes,
      { [`item_offsets${end}?`]: ['U32', products + 1], [`items${end}?`]: ['U8', null] });
    if (!offsets) continue;
    checkOffsets(path, `item_offsets${end}`, offsets, items.length);
    markets.set(locale, { offsets, items: Buffer.from(items.buffer) });
  }
  const rowStart = new Uint32Array(products + 1);
  first.row_count.forEach((count, i) => { rowStart[i + 1] = rowStart[i] + count; });
  return { dim, ids: texts(path, first.ids, first.id_offsets), gone: texts(path, first.gone, first.gone_offsets), product: first.product,
    goneProduct: first.gone_product, rowStart, rowPicture: first.row_picture, vectors: more.vectors, scale: more.scale,
    nulls: more.null ?? null, markets };
}

// What the generation holds, every file of it whole: { current, base, contents: the base's, deltas: in order, products: Map of id -> where its
// rows and its items of each market lie: { rows: [contents, i], items: { locale: [contents, i] | null } } }
export async function readPublished(folder, current, io) {
  const base = await readBase(folder, current.base);
  const told = io.progress(`reading ${folder}`, base.rows);
  const contents = { metadata: base.metadata, dim: base.dim, nullBest: base.null_best, ...await readIds(folder, base),
    ...await readRows(folder, base, told), markets: new Map() };
  for (const [locale, market] of Object.entries(base.markets))
    contents.markets.set(locale, await readItems(folder, market, base.products));
  for (const name of filesOf(current, base))
    if (/^(?:codes|far|column)-/.test(name)) await readPartBytes(folder, ...ofName(name));
  const deltas = [];
  for (const hash of current.deltas) deltas.push(await readDelta(folder, hash, base));
  return { current, base, contents, deltas, products: applied(contents, deltas) };
}

function applied(contents, deltas) {
  const products = new Map();
  const itemsIn = (one, i, before) => Object.fromEntries([...contents.markets.keys()].map((locale) => {
    const market = one.markets.get(locale);
    if (!market) return [locale, before?.items[locale] ?? null];
    return [locale, market.offsets[i + 1] > market.offsets[i] ? [one, i] : null];
  }));
  contents.ids.forEach((id, i) => products.set(id, { rows: [contents, i], items: itemsIn(contents, i) }));
  for (const delta of deltas) {
    for (const id of delta.gone) products.delete(id);
    delta.ids.forEach((id, i) => {
      const before = products.get(id), has = delta.rowStart[i + 1] > delta.rowStart[i];
      if (!has && !before) throw new Error(`a delta changes the item of '${id}', which is not there`);
      products.set(id, { rows: has ? [delta, i] : before.rows, items: itemsIn(delta, i, before) });
    });
  }
  return products;
}

// The products of one market as they are now -> generator of [id, item], without those that it does not sell.
export function* currentItems({ products }, locale, what) {
  for (const [id, { items: { [locale]: at } }] of products) if (at) yield [id, itemOf(at[0].markets.get(locale), at[1], what)];
}

// What no hash says: that codes, columns and numbers are of these rows, items and ids. -> sentences
export async function faultsOf(folder, { base, contents, deltas }) {
  const { dim, rows } = base, { vectors, scale, rowStart } = contents, faults = [];
  const { mean, spread } = trainCodes(vectors, dim);
  const same = (name, values) => base[name] === Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
  if (!same('mean', mean) || !same('spread', spread)) faults.push(`${makeBase(base).name} has the codes' mean of other rows`);
  let at = 0;
  for (const { hash, n } of chunks(base.codes.files, base.codes.rows_per_file, rows)) {
    const name = partName('codes', hash);
    const { codes, starts } = await readPart(folder, 'codes', hash,
      { codes: ['U8', n * codeBytes(dim)], starts: ['U8', Math.ceil(n / 8)] });
    if (Buffer.compare(codes, codesOf(vectors.subarray(at * dim, (at + n) * dim), dim, mean)))
      faults.push(`${name} has codes of other rows`);
    if (Buffer.compare(starts, startBits(rowStart, at, at + n))) faults.push(`${name} has other products than the ids`);
    at += n;
  }
  faults.push(...await farFaults(folder, base, vectors, scale, { mean, spread }));
  const place = new Map(contents.ids.map((id, i) => [id, i]));
  for (const [k, delta] of deltas.entries())
    for (const [ids, numbers] of [[delta.ids, delta.product], [delta.gone, delta.goneProduct]])
      if (ids.some((id, i) => (place.get(id) ?? notOfBase) !== numbers[i]))
        faults.push(`delta ${k + 1} numbers other products than the base`);
  for (const [locale, market] of Object.entries(base.markets))
    faults.push(...columnFaults(folder, market, contents.markets.get(locale), base.products));
  return faults;
}

async function farFaults(folder, { dim, rows, far }, vectors, scale, trained) {
  const faults = [];
  let at = 0;
  for (const { hash, n } of chunks(far?.files ?? [], far?.rows_per_file, rows)) {
    const part = await readPart(folder, 'far', hash, { scale: ['F32', n], far: ['U8', n * far.planes * codeBytes(dim)] });
    const codes = farCodesOf(vectors.subarray(at * dim, (at + n) * dim), dim, trained, far.planes);
    if (Buffer.compare(part.far, codes) || part.scale.some((one, i) => one !== scale[at + i]))
      faults.push(`${partName('far', hash)} has finer codes of other rows`);
    at += n;
  }
  return faults;
}

// Columns, made anew of the items, must be the files that are there.
function columnFaults(folder, { columns, sold }, market, products) {
  const faults = [], order = Uint32Array.from({ length: products }, (_, i) => i);
  const made = new Map(makeColumns(market, order, folder).map(({ field, type, part }) =>
    [field, { type, file: part?.hash ?? null }]));
  for (const [field, { type, file }] of Object.entries(columns)) {
    if (made.get(field)?.type !== type || made.get(field).file !== file) faults.push(`the column of '${field}' is of other items`);
  }
  if (Object.keys(columns).length !== made.size) faults.push('a field has no column');
  if ((makeSold(market)?.hash) !== sold) faults.push('what is sold is of other items');
  return faults;
}
