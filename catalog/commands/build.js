// kin build: products in, catalogue out. A row that fails is reported and left out; nothing else
// moves because of it. What can be wrong is looked for before the first picture: embedding takes hours.
import { access, constants, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { openModel } from '../lib/engine.js';
import { exists, writeFileSafely } from '../lib/files.js';
import { manifestOf, recommended } from '../lib/models.js';
import { kin } from '../lib/name.js';
import { commonUsage, oneOf, UsageError, wholeNumber } from '../lib/options.js';
import { listedPictures, naming } from '../lib/pictures.js';
import { readMap, readProducts } from '../lib/products.js';
import { writeRelated } from '../lib/related.js';
import { readFileHeader } from '../lib/tensors.js';

export const usage = `Usage: ${kin} build <products.csv | products.jsonl | products.json | folder> -o <catalogue>
       [--fields a,b] [--text a,b] [--map title=Name] [--allow-host H] [--fit crop|pad]

Columns: id, title, url, image; several pictures as a JSON array, in CSV also separated by | or commas.
Paths count from the products file's folder and stay inside it. A folder: every picture is a
product, its path the id. Exit code 3: written, but some rows failed.

  --fields a,b     columns to publish beside id, title, url and image: anyone can read them.
                   * takes all but those that look private (cost, supplier, e-mail, stock ...)
  --text a,b       of these, columns to keep as text where all cells are numbers, or true and false
  --map title=Name the column of id, title, url or image where it has another name
  --allow-host H   fetch pictures by https from this host; may be given several times
  --fit crop|pad   centre crop (default), or padded with white to a square
  --related N      also write each product's N nearest others to <catalogue>.related.json, as '${kin} related' does
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, fields: { type: 'string', multiple: true },
  text: { type: 'string', multiple: true },
  map: { type: 'string', multiple: true }, 'allow-host': { type: 'string', multiple: true },
  fit: { type: 'string' }, related: { type: 'string' },
};

const largeFile = 20 * 2 ** 20;

// Refuses to write over anything but a catalogue, be it damaged or of another release, and where there is no folder.
async function checkOutput(path) {
  const folder = dirname(resolve(path));
  const info = await stat(folder).catch(() => null);
  const cannot = !info ? 'its folder does not exist' : !info.isDirectory() ? 'its folder is a file'
    : await access(folder, constants.W_OK).then(() => null, () => 'not allowed');
  if (cannot) throw new Error(`cannot write ${path}: ${cannot}`);
  const there = await exists(path);
  if (!there) return;
  const refuse = (what) => {
    throw new Error(`${path} is there already and ${what}: name another file with -o`);
  };
  if (!there.isFile()) refuse('is not a file');
  if ((await readFileHeader(path))?.metadata?.['kin.kind'] !== 'catalog') refuse('is not a catalogue');
}

// A catalogue that something else took the place of while it was built is written beside it: hours are in it.
async function writeCatalogue(path, bytes) {
  try {
    await checkOutput(path);
  } catch (error) {
    const beside = `${path}.${process.pid}.new`;
    await writeFileSafely(beside, bytes);
    throw new Error(`the catalogue is in ${beside}, since ${error.message}`);
  }
  await writeFileSafely(path, bytes);
}

const counted = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

// The model's address in the catalogue, relative to it: of a folder that was named and lies below the catalogue's, or
// with it in the folder that the command runs in; else of a `model/` beside the catalogue that holds the same model.
// What else lies where on this machine is nobody's business.
function modelAddress(output, typed, imageId) {
  if (/^https?:/i.test(typed)) {
    const { origin, pathname } = new URL(typed); // without a name and password
    return `${origin}${pathname.replace(/\/*$/, '/')}`;
  }
  const below = (path, folder) => !/^\.\.(?:[/\\]|$)/.test(relative(folder, path)) && !isAbsolute(relative(folder, path));
  const folder = dirname(resolve(output)), beside = join(folder, 'model');
  const place = /[/\\.]/.test(typed) ? resolve(typed) : manifestOf(beside)?.ids?.image === imageId ? beside : null;
  if (place === null || !below(place, folder) && !(below(place, '.') && below(folder, '.'))) return '';
  return [...relative(folder, place).split(sep).filter(Boolean).map(encodeURIComponent), ''].join('/') || './';
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1)
    throw new UsageError('build takes one products file or folder');
  if (!values.output) throw new UsageError('build needs -o CATALOGUE');
  const names = (lists = []) => lists.flatMap((list) => list.split(','))
    .map((name) => name.trim()).filter(Boolean);
  const fit = oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']);
  const hosts = new Map((values['allow-host'] ?? []).map((host) => [host.toLowerCase(), { until: 0, failed: false }]));
  const related = values.related === undefined ? 0 : wholeNumber(values.related, '--related', 1);
  await checkOutput(values.output);

  const failed = []; // told with --json only: there may be millions
  let rowsFailed = 0;
  let picturesFailed = 0;
  const report = (row, error, picture = null) => {
    if (values.json) failed.push({ row: row.row, id: row.id, picture, code: error.code ?? 'bad-row',
      message: error.message });
    io.note(`row ${row.row}${row.id === null ? '' : ` (${row.id})`}: ${error.message}`);
  };
  const reportRow = (row) => {
    rowsFailed++;
    report(row, row.error);
  };
  const products = await readProducts(positionals[0], { map: readMap(values.map),
    fields: names(values.fields), text: names(values.text), signal: io.signal,
    progress: (bytes) => io.progress('reading', bytes, { unit: 1e6, name: 'MB' }) }, reportRow);
  if (!products.count) throw new Error(`${positionals[0]} holds no products`);
  for (const note of products.notes) io.note(note);
  if (products.withheld.length)
    io.note(`not published: ${products.withheld.join(', ')} (looks private; ` +
      'name it in --fields to publish it)');
  if (modelOptions.embedded)
    io.note('using the embedded model, which is small and for first tries: for a shop of your own ' +
      `'${kin} model get ${recommended()}' fetches a larger one, and --model ${recommended()} takes it`);

  const clip = await openModel(modelOptions, io);
  try {
    await clip.preload('image', { signal: io.signal }); // a bad model is no row's fault
    const catalog = await clip.createCatalog({ fields: products.published, fit });
    const decoders = new Set();
    const progress = io.progress('pictures', products.pictures);
    let done = null; // the row that is under way: { row, refs, vectors }
    let [n, read, written] = [0, 0, 0];
    const finish = async () => {
      const { row, refs, vectors } = done ?? {};
      done = null;
      if (refs?.length) {
        const item = { id: row.id, ...row.item, image: refs.length === 1 ? refs[0] : refs };
        await catalog.add({ id: row.id, vectors, item });
        written++;
      } else if (refs) rowsFailed++;
    };
    const where = { root: products.paths.root, hosts, signal: io.signal };
    for await (const { row, ref, path, load } of listedPictures(products, where)) {
      io.signal.throwIfAborted();
      if (row !== done?.row) {
        await finish();
        if (row.error) {
          reportRow(row);
          continue;
        }
        done = { row, refs: [], vectors: [] };
      }
      try {
        const { source, decoder } = await load();
        done.vectors.push(await clip.embedImage(source, { fit, signal: io.signal }).catch(naming(path)));
        done.refs.push(path);
        decoders.add(decoder === 'own' ? clip.info.decoder : decoder);
        read++;
      } catch (error) {
        if (io.signal.aborted) throw error;
        picturesFailed++;
        report(row, error, ref);
      }
      progress(++n);
    }
    await finish();
    if (!written) throw new Error('no product has a readable picture: nothing is written');
    const model = modelAddress(values.output, values.model ?? '', await clip.identify('image', { signal: io.signal }));
    const bytes = await catalog.save({ decoders: [...decoders], model, signal: io.signal });
    io.signal.throwIfAborted();
    await writeCatalogue(values.output, bytes);
    if (related) await writeRelated(values.output, `${values.output}.related.json`, { limit: related }, io);
    if (bytes.length > largeFile)
      io.note(`${values.output} is over 20 MiB: some static hosts refuse files over 25 MiB`);
    const summary = { products: written, pictures: read,
      bytes: bytes.length, output: values.output, fields: products.types, failed };
    if (values.json) await io.line(summary);
    else io.note(`${values.output}: ${counted(written, 'product')}, ${counted(read, 'picture')}, ` +
      `${(bytes.length / 1e6).toFixed(2)} MB` +
      (rowsFailed ? `; left out: ${counted(rowsFailed, 'row')}` : '') +
      (picturesFailed ? `; not read: ${counted(picturesFailed, 'picture')}` : ''));
    return rowsFailed || picturesFailed ? 3 : 0;
  } finally {
    await clip.close();
  }
}
