// kin build: products in, catalogue out. A row that fails is reported and left out; nothing else
// moves because of it.
import { openModel } from '../lib/engine.js';
import { typeFields } from '../lib/fields.js';
import { exists, writeFileSafely } from '../lib/files.js';
import { recommended } from '../lib/models.js';
import { kin } from '../lib/name.js';
import { commonUsage, oneOf, UsageError } from '../lib/options.js';
import { readListed, toSource } from '../lib/pictures.js';
import { readMap, readProducts } from '../lib/products.js';
import { readFileHeader } from '../lib/tensors.js';

export const usage = `Usage: ${kin} build <products.csv | products.jsonl | folder> -o <catalogue>
       [--fields a,b] [--map title=Name] [--allow-host H] [--fit crop|pad]

Columns: id, title, url, image; several pictures as a JSON array, in CSV also separated by |.
Paths count from the products file's folder and stay inside it. A folder: every picture is a
product, its path the id. Exit code 3: written, but some rows failed.

  --fields a,b     columns to publish beside id, title, url and image: anyone can read them.
                   * takes all but those that look private (cost, supplier, e-mail, stock ...)
  --map title=Name the column of id, title, url or image where it has another name
  --allow-host H   fetch pictures by https from this host; may be given several times
  --fit crop|pad   centre crop (default), or padded with white to a square
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, fields: { type: 'string', multiple: true },
  map: { type: 'string', multiple: true }, 'allow-host': { type: 'string', multiple: true },
  fit: { type: 'string' },
};

const readAhead = 8; // pictures under way while one is embedded: hides disks and hosts
const largeFile = 20 * 2 ** 20;

// Refuses to write over anything but a catalogue, be it damaged or of another release.
async function checkOutput(path) {
  const stat = await exists(path);
  if (!stat) return;
  const refuse = (what) => {
    throw new Error(`${path} is there already and ${what}: name another file with -o`);
  };
  if (!stat.isFile()) refuse('is not a file');
  if ((await readFileHeader(path))?.metadata?.['kin.kind'] !== 'catalog') refuse('is not a catalogue');
}

// Every picture of every row in order, read ahead: yields { row, ref, load } where load() gives
// the source or throws.
async function* pictures(rows, where) {
  const jobs = rows.filter((row) => !row.error)
    .flatMap((row) => row.images.map((ref) => ({ row, ref })));
  const started = [];
  for (let next = 0, i = 0; i < jobs.length; i++) {
    for (; next < jobs.length && next <= i + readAhead; next++) {
      const { ref } = jobs[next];
      const loading = readListed(ref, where);
      loading.catch(() => {}); // its turn comes below
      started.push(loading);
    }
    const loading = started.shift();
    yield { ...jobs[i], load: async () => toSource(await loading, jobs[i].ref) };
  }
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1)
    throw new UsageError('build takes one products file or folder');
  if (!values.output) throw new UsageError('build needs -o CATALOGUE');
  const fields = (values.fields ?? []).flatMap((list) => list.split(','))
    .map((field) => field.trim()).filter(Boolean);
  const fit = oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']);
  const hosts = new Set((values['allow-host'] ?? []).map((host) => host.toLowerCase()));
  const products = await readProducts(positionals[0], { map: readMap(values.map), fields });
  await checkOutput(values.output);
  if (!products.rows.length) throw new Error(`${positionals[0]} holds no products`);
  const types = typeFields(products.rows, products.published, products.cells);
  if (products.withheld.length)
    io.note(`not published: ${products.withheld.join(', ')} (looks private; ` +
      'name it in --fields to publish it)');
  if (modelOptions.embedded)
    io.note('using the embedded model, which knows emoji, clothes, groceries and little else: for a shop of your own ' +
      `'${kin} model get ${recommended()}' fetches a larger one, and --model ${recommended()} takes it`);

  const failed = [];
  const report = (row, error, picture = null) => {
    failed.push({ row: row.row, id: row.id, picture, code: error.code ?? 'bad-row',
      message: error.message });
    io.note(`row ${row.row}${row.id === null ? '' : ` (${row.id})`}: ${error.message}`);
  };
  for (const row of products.rows) if (row.error) report(row, row.error);

  const clip = await openModel(modelOptions, io);
  try {
    await clip.preload('image', { signal: io.signal }); // a bad model is no row's fault
    const catalog = await clip.createCatalog({ fields: products.published, fit });
    const decoders = new Set();
    const total = products.rows.reduce((n, row) => n + (row.error ? 0 : row.images.length), 0);
    const progress = io.progress('pictures', total);
    const done = new Map();
    let n = 0;
    const where = { root: products.root, hosts, signal: io.signal };
    for await (const { row, ref, load } of pictures(products.rows, where)) {
      io.signal.throwIfAborted();
      if (!done.has(row)) done.set(row, { refs: [], vectors: [] });
      try {
        const { source, decoder } = await load();
        const vector = await clip.embedImage(source, { fit, signal: io.signal });
        done.get(row).refs.push(ref);
        done.get(row).vectors.push(vector);
        decoders.add(decoder === 'own' ? clip.info.decoder : decoder);
      } catch (error) {
        if (io.signal.aborted) throw error;
        report(row, error, ref);
      }
      progress(++n);
    }
    let written = 0;
    let rowsFailed = 0;
    for (const row of products.rows) {
      const { refs, vectors } = done.get(row) ?? { refs: [] };
      if (!refs.length) {
        rowsFailed++;
        continue;
      }
      const item = { id: row.id, ...row.item, image: refs.length === 1 ? refs[0] : refs };
      await catalog.add({ id: row.id, vectors, item });
      written++;
    }
    if (!written) throw new Error('no product has a readable picture: nothing is written');
    const bytes = await catalog.save({ decoders: [...decoders], signal: io.signal });
    io.signal.throwIfAborted();
    await writeFileSafely(values.output, bytes);
    if (bytes.length > largeFile)
      io.note(`${values.output} is over 20 MiB: some static hosts refuse files over 25 MiB`);
    const summary = { products: written, pictures: n - failed.filter((f) => f.picture).length,
      bytes: bytes.length, output: values.output, fields: types, failed };
    if (values.json) await io.line(summary);
    else io.note(`${values.output}: ${written} products, ${summary.pictures} pictures, ` +
      `${(bytes.length / 1e6).toFixed(2)} MB` +
      (failed.length ? `; ${rowsFailed} rows and ${failed.length} entries failed` : ''));
    return failed.length ? 3 : 0;
  } finally {
    await clip.close();
  }
}
