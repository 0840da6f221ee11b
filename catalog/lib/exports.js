// What a catalogue's pictures become for other engines: a target is a function of an open catalogue (file-rows.js) that gives
// files, each an iterable of bytes, of which never more than some MiB are held.
//
// A record is a picture: its product's id, its number there, its address, and the item's fields. Fields whose names are
// those of a record's own parts get an underscore.
import { createHash } from 'node:crypto';
import { npyHead } from './npy.js';
import { parquetParts, rowsInGroup } from './parquet-writer.js';

const own = ['id', 'picture', 'image', 'title', 'url'];
const taken = new Set([...own, 'pk', 'vector', 'vector_i8', 'scale']);
const pieceBytes = 2 ** 20;

/* ---- texts ---- */

// A lone half of a surrogate pair, which JSON can spell, is refused by everything that wants UTF-8.
const wellFormed = (text) => text.toWellFormed();

// PostgreSQL's text and jsonb hold no NUL.
const withoutNul = (text) => wellFormed(text).replaceAll('\0', '\ufffd');

// The same value with each of its texts, names of fields too, passed through `clean`.
function cleaned(value, clean) {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map((one) => cleaned(one, clean));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [clean(name), cleaned(one, clean)]));
}

const present = (value) => value !== undefined && value !== null;
const asText = (value) => (typeof value === 'string' ? value : present(value) ? JSON.stringify(value) : null);

/* ---- fields ---- */

const typeOf = (value) => (Array.isArray(value) && value.every((one) => typeof one === 'string') ? 'list' : typeof value);

// The columns that the items' fields need: [{ field, column, type }]; type: string, number, boolean or list. Values of several
// types, or of none of these, are strings; a text among lists is a list of one, as filters read it.
export function fieldColumns(items) {
  const types = new Map();
  for (const item of items)
    for (const [field, value] of Object.entries(cleaned(item, wellFormed))) {
      if (own.includes(field) && field !== 'picture' || value === null) continue;
      const [was, type] = [types.get(field), typeOf(value)];
      types.set(field, !was || was === type ? type : [was, type].sort().join() === 'list,string' ? 'list' : 'string');
    }
  const names = new Set(taken);
  return [...types].map(([field, type]) => {
    let column = field;
    while (names.has(column) || types.has(column) && column !== field) column += '_';
    names.add(column);
    return { field, column, type: ['number', 'boolean', 'list'].includes(type) ? type : 'string' };
  });
}

const readers = {
  string: asText, number: (value) => value, boolean: (value) => value,
  list: (value) => (Array.isArray(value) ? value : [asText(value)]),
};

/* ---- records ---- */

// -> { id, picture, image, title, url, fields: [a value for each column, null where there is none], row, scale, vector }
function* records(rows, columns) {
  for (const { id, item: raw, pictures } of rows.read({})) {
    const item = new Map(Object.entries(cleaned(raw, wellFormed))); // a field may be called `constructor`
    const fields = columns.map(({ field, type }) => (present(item.get(field)) ? readers[type](item.get(field)) : null));
    const [images, title, url] = ['image', 'title', 'url'].map((name) => item.get(name));
    for (const { index, ...picture } of pictures)
      yield { id, picture: index, image: asText(Array.isArray(images) ? images[index] : images), title: asText(title),
        url: asText(url), fields, ...picture };
  }
}

// What a record says beside its vector, without what it has not.
const said = ({ id, picture, image, title, url, fields }, columns) => Object.fromEntries(
  [...Object.entries({ id, picture, image, title, url }), ...columns.map(({ column }, k) => [column, fields[k]])]
    .filter(([, value]) => present(value)));

// A row holds at most 255 different numbers: each is put into words once. Nine digits are a float's own.
function numbersText({ row, scale }) {
  const words = new Array(256);
  return Array.from(row, (q) => (words[q + 128] ??= String(Number(Math.fround(q * scale).toPrecision(9))))).join(',');
}

// The same point for the same picture of the same product, whenever it is exported: uuid5(NAMESPACE_URL, "kin:<picture>:<id>").
const urlNamespace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex');
export function pointId(id, picture) {
  const bytes = createHash('sha1').update(urlNamespace).update(`kin:${picture}:${id}`).digest().subarray(0, 16);
  bytes[6] = bytes[6] & 15 | 0x50;
  bytes[8] = bytes[8] & 63 | 128;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

// Texts or bytes gathered into pieces worth a write.
function* gathered(pieces) {
  let [held, size] = [[], 0];
  for (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    held.push(typeof piece === 'string' ? bytes : Buffer.from(bytes)); // rows lie in an array that the next one takes
    size += bytes.length;
    if (size < pieceBytes) continue;
    yield Buffer.concat(held);
    [held, size] = [[], 0];
  }
  if (size) yield Buffer.concat(held);
}

function* lines(rows, columns, line) {
  for (const record of records(rows, columns)) yield line(record);
}

/* ---- targets ---- */

// Each: (rows, { columns, table, leaveOut(id, its pictures, why) }, count) -> [{ suffix, parts }]; count() is called for each record of the
// largest file. A suffix takes the place of the output's extension; null: the output as it is named.
const counted = function* (pieces, count) {
  for (const piece of pieces) {
    count();
    yield piece;
  }
};

function parquet(rows, { columns }, count) {
  const kinds = { string: 'text', number: 'double', boolean: 'boolean', list: 'texts' };
  const layout = [
    { name: 'id', kind: 'text' }, { name: 'picture', kind: 'int' },
    ...['image', 'title', 'url'].map((name) => ({ name, kind: 'text', optional: true })),
    ...columns.map(({ column, type }) => ({ name: column, kind: kinds[type], optional: true })),
    { name: 'vector', kind: 'floats' }, { name: 'vector_i8', kind: 'bytes', size: rows.dim }, { name: 'scale', kind: 'float' },
  ];
  function* values() {
    for (const { id, picture, image, title, url, fields, vector, row, scale } of records(rows, columns)) {
      count();
      yield [id, picture, image, title, url, ...fields, Array.from(vector), new Uint8Array(row.buffer.slice(0)), scale];
    }
  }
  const { 'kin.image_id': imageId = '', 'kin.text_id': textId = '', 'kin.numerics': numerics = '' } = rows.metadata;
  const about = { 'kin.dim': String(rows.dim), 'kin.image_id': imageId, 'kin.text_id': textId, 'kin.numerics': numerics };
  return [{ suffix: null, parts: parquetParts(layout, values(), about, rowsInGroup(rows.dim)) }];
}

function npy(rows, { columns }, count) {
  const { pictures, dim } = rows;
  function* array(descr, shape, pick) {
    yield npyHead(descr, shape);
    for (const record of records(rows, columns)) yield pick(record);
  }
  function* ids() {
    let first = true;
    for (const { id, pictures: own } of rows.read({ items: false, vectors: false }))
      for (const _ of own) {
        yield `${first ? '[' : ','}\n${JSON.stringify(id)}`;
        first = false;
      }
    yield '\n]\n';
  }
  return [
    { suffix: '.npy', parts: gathered(counted(array('<f4', [pictures, dim], ({ vector }) => vector), count)) },
    { suffix: '.i8.npy', parts: gathered(array('|i1', [pictures, dim], ({ row }) => row)) },
    { suffix: '.scale.npy', parts: gathered(array('<f4', [pictures], ({ scale }) => Float32Array.of(scale))) },
    { suffix: '.ids.json', parts: gathered(ids()) },
    { suffix: '.items.jsonl', parts: gathered(lines(rows, columns, (record) => `${JSON.stringify(said(record, columns))}\n`)) },
  ];
}

const withVector = (about, record) => `${JSON.stringify(about).slice(0, -1)},"vector":[${numbersText(record)}]}`;

const jsonl = (rows, { columns }, count) => [{ suffix: null,
  parts: gathered(counted(lines(rows, columns, (record) => `${withVector(said(record, columns), record)}\n`), count)) }];

const point = (record, columns) => `{"id":"${pointId(record.id, record.picture)}","vector":[${numbersText(record)}],` +
  `"payload":${JSON.stringify(said(record, columns))}}\n`;
const qdrant = (rows, { columns }, count) => [{ suffix: null,
  parts: gathered(counted(lines(rows, columns, (record) => point(record, columns)), count)) }];

// Rows in one JSON object, as Milvus' bulk import takes them; `pk` is the primary key, what is no column of the collection is
// dynamic.
function milvus(rows, { columns }, count) {
  function* all() {
    let before = '{"rows":[\n';
    for (const record of records(rows, columns)) {
      yield before + withVector({ pk: pointId(record.id, record.picture), ...said(record, columns) }, record);
      before = ',\n';
    }
    yield '\n]}\n';
  }
  return [{ suffix: null, parts: gathered(counted(all(), count)) }];
}

// PostgreSQL: SQL for psql. Identifiers in quotes; a cell of COPY's text format with its escapes.
const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
const escapes = { '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' };
export const copyCell = (text) => (text === null ? '\\N' : withoutNul(text).replace(/[\\\b\f\n\r\t\v]/g, (sign) => escapes[sign]));
const keyBytes = 2600; // an index of PostgreSQL's takes no longer key

function pgvector(rows, { table, leaveOut }, count) {
  const name = table.split('.').map(quoted).join('.');
  const { dim } = rows;
  function* sql() {
    yield `-- A catalogue of kin-clip's for PostgreSQL with pgvector: psql -f FILE\n\\set ON_ERROR_STOP on\n` +
      `SET client_encoding = 'UTF8';\nBEGIN;\nCREATE EXTENSION IF NOT EXISTS vector;\n` +
      `CREATE TABLE ${name} (\n  id text NOT NULL,\n  picture integer NOT NULL,\n  image text,\n  title text,\n  url text,\n` +
      `  item jsonb NOT NULL,\n  embedding vector(${dim}) NOT NULL,\n  PRIMARY KEY (id, picture)\n);\n` +
      `COPY ${name} (id, picture, image, title, url, item, embedding) FROM STDIN;\n`;
    for (const { id, item: raw, pictures } of rows.read({})) {
      const item = cleaned(raw, withoutNul);
      const why = id.includes('\0') ? 'its id holds a NUL, which PostgreSQL does not' : Buffer.byteLength(id) > keyBytes
        ? `its id has more than ${keyBytes} bytes, which no index of PostgreSQL's takes` : null;
      if (why) leaveOut(id, pictures.length, why);
      for (const picture of pictures) {
        count();
        const image = Array.isArray(item.image) ? item.image[picture.index] : item.image;
        if (!why)
          yield `${[id, String(picture.index), asText(image), asText(item.title), asText(item.url), JSON.stringify(item),
            `[${numbersText(picture)}]`].map(copyCell).join('\t')}\n`;
      }
    }
    yield '\\.\n';
    // An index of vectors takes 2,000 numbers, one of halves 4,000.
    if (dim <= 2000) yield `CREATE INDEX ON ${name} USING hnsw (embedding vector_cosine_ops);\n`;
    else if (dim <= 4000) yield `CREATE INDEX ON ${name} USING hnsw ((embedding::halfvec(${dim})) halfvec_cosine_ops);\n`;
    yield 'COMMIT;\n';
  }
  return [{ suffix: null, parts: gathered(sql()) }];
}

export const targets = { parquet, npy, jsonl, pgvector, qdrant, milvus };
