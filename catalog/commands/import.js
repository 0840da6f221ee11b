// kin import: a catalogue of vectors that others made. It names no model, so a page can search it by vector and `like` alone.
import { setImmediate } from 'node:timers/promises';
import { Columns, looksPrivate } from '../lib/fields.js';
import { writeFileSafely } from '../lib/files.js';
import { readJsonLines } from '../lib/json.js';
import { kin } from '../lib/name.js';
import { openNpy } from '../lib/npy.js';
import { commonUsage, oneArgument, UsageError } from '../lib/options.js';
import { checkOutput } from '../lib/output.js';
import { checkUrl } from '../lib/products.js';
import { counted, size } from '../lib/terminal.js';
import { openText, readText } from '../lib/text.js';
import { ofNoModel, openWriter } from '../lib/writer.js';

export const usage = `Usage: ${kin} import <vectors.npy> --ids <ids.txt | ids.json> -o <catalogue>
       [--items items.jsonl] [--fields a,b]

Vectors made elsewhere, a row a product, as a catalogue to search by vector and by --like. No model is known for
them, so pictures and words cannot be searched for.

  --ids F          the rows' ids, in their order: a line each, or a JSON list of texts
  --items F        what is known of the products, in any order: a JSON object a line, with id, title, url, image
  --fields a,b     columns of --items to publish beside these; * takes all that do not look private
${commonUsage}`;

export const options = { ids: { type: 'string' }, items: { type: 'string' }, fields: { type: 'string', multiple: true },
  output: { type: 'string', short: 'o' } };

const always = ['id', 'title', 'url', 'image'];

function readJsonIds(path, text) {
  let ids;
  try {
    ids = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON`);
  }
  if (!Array.isArray(ids)) throw new Error(`${path} holds no JSON list`);
  const strange = ids.findIndex((id) => typeof id !== 'string');
  if (strange >= 0) throw new Error(`${path}: its element ${strange + 1} is no text in quotes`);
  return ids.map((id) => id.toWellFormed());
}

// -> Map of id -> row
async function readIds(path, rows) {
  const text = await readText(path);
  const isJson = /\.json$/i.test(path);
  const ids = isJson ? readJsonIds(path, text) : text.split(/\r?\n/);
  if (!isJson && ids.at(-1) === '') ids.pop();
  if (ids.length !== rows)
    throw new Error(`${path} has ${counted(ids.length, 'id')} for ${counted(rows, 'vector')}` +
      (isJson ? '' : ', a line each (a JSON list is known by its .json)'));
  const found = new Map();
  ids.forEach((id, i) => {
    if (!id) throw new Error(`${path}: id ${i + 1} is empty`);
    if (found.has(id)) throw new Error(`${path}: id ${i + 1}, '${id.slice(0, 60)}', is that of id ${found.get(id) + 1} too`);
    found.set(id, i);
  });
  return found;
}

// -> Map of id -> item
async function readItems(path, ids, fields, io) {
  const file = await openText(path);
  const items = new Map();
  const withheld = new Set();
  const all = fields.includes('*');
  const seen = new Set(always);
  try {
    for await (const { row, value, error } of readJsonLines(file.pieces())) {
      const wrong = (why) => { throw new Error(`${path}: ${why} in line ${row}`); };
      if (error) wrong('no JSON object');
      if (typeof value.id !== 'string') wrong('no id that is a text');
      if (!ids.has(value.id)) wrong(`the id '${value.id.slice(0, 60)}', which --ids has not,`);
      if (items.has(value.id)) wrong(`the id '${value.id.slice(0, 60)}' for the second time`);
      const item = {};
      for (const [field, one] of Object.entries(value)) {
        if (one === null || field === 'id') continue;
        const published = always.includes(field) || fields.includes(field) || all && !looksPrivate(field);
        if (!published) {
          withheld.add(field);
          continue;
        }
        seen.add(field);
        if (always.includes(field) && typeof one !== 'string') wrong(`'${field}' that is no text`);
        Object.defineProperty(item, field, { value: one, enumerable: true, configurable: true, writable: true });
      }
      try {
        if (item.url) checkUrl(item.url);
      } catch ({ message }) {
        throw new Error(`${path}: line ${row}: ${message}`);
      }
      items.set(value.id, { row, id: value.id, item });
    }
  } finally {
    await file.close();
  }
  const unknown = fields.find((field) => field !== '*' && !seen.has(field));
  if (unknown !== undefined) throw new Error(`${path} has no field '${unknown}', which --fields names`);
  if (withheld.size) io.note(`not published: ${[...withheld].join(', ')} (name it in --fields to publish it)`);
  convert([...items.values()], [...seen].filter((field) => !always.includes(field)), path, io);
  return items;
}

// One type for each field, as a build gives them.
function convert(rows, published, path, io) {
  const columns = new Columns(published, { cells: false });
  for (const row of rows) {
    columns.check(row);
    if (row.error) throw new Error(`${path}: line ${row.row}: ${row.error.message}`);
    columns.look(row);
  }
  columns.decide();
  for (const row of rows) columns.convert(row);
  for (const note of columns.notes) io.note(note);
}

export async function run({ values, positionals }, io) {
  const vectors = oneArgument(positionals, 'import takes one .npy file of vectors');
  if (!values.ids) throw new UsageError('import needs --ids IDS.txt');
  if (!values.output) throw new UsageError('import needs -o CATALOGUE');
  if (values.fields && !values.items) throw new UsageError('--fields are those of --items');
  await checkOutput(values.output);
  const fields = (values.fields ?? []).flatMap((list) => list.split(',')).map((name) => name.trim()).filter(Boolean);
  const npy = openNpy(vectors);
  try {
    const ids = await readIds(values.ids, npy.rows);
    const items = values.items === undefined ? new Map() : await readItems(values.items, ids, fields, io);
    const writer = await openWriter(npy.dim, ofNoModel);
    const vector = new Float32Array(npy.dim);
    const progress = io.progress('vectors', npy.rows);
    let n = 0;
    for (const id of ids.keys()) {
      npy.read(vector);
      try {
        writer.add(id, { id, ...items.get(id)?.item }, [vector]);
      } catch (error) {
        throw new Error(`${vectors}: row ${n} ('${id.slice(0, 60)}'): ${error.message}`);
      }
      progress(++n);
      if (n % 256) continue;
      await setImmediate();
      io.signal.throwIfAborted();
    }
    let bytes = 0;
    await writeFileSafely(values.output, (async function* parts() {
      for await (const part of writer.parts()) {
        await setImmediate();
        io.signal.throwIfAborted();
        bytes += part.length;
        yield part;
      }
    })());
    const summary = { products: npy.rows, dim: npy.dim, bytes, output: values.output };
    if (values.json) await io.line(summary);
    else io.note(`${values.output}: ${counted(npy.rows, 'product')}, ${npy.dim} numbers each, ${size(bytes)}`);
    return 0;
  } finally {
    npy.close();
  }
}
