// kin build: products in, catalogue out. A row that fails is reported and left out; nothing else
// moves because of it. What can be wrong is looked for before the first picture: embedding takes hours. What is done by then
// lies in a folder beside the catalogue (lib/workplace.js), from which a build that was stopped goes on.
import { access, constants, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { lineParts, writeReports } from '../lib/build-report.js';
import { Embedders } from '../lib/embedders.js';
import { library, openModel } from '../lib/engine.js';
import { Failures } from '../lib/failures.js';
import { exists, plain, writeFileSafely } from '../lib/files.js';
import { Finished } from '../lib/finished.js';
import { Journal } from '../lib/journal.js';
import { readLimit } from '../lib/limits.js';
import { manifestOf, recommended } from '../lib/models.js';
import { kin } from '../lib/name.js';
import { asNumber, commonUsage, oneOf, UsageError, wholeNumber } from '../lib/options.js';
import { listedPictures } from '../lib/pictures.js';
import { openPrevious } from '../lib/previous.js';
import { readMap, readProducts } from '../lib/products.js';
import { allowedHosts } from '../lib/remote.js';
import { Rows } from '../lib/rows.js';
import { readFileHeader } from '../lib/tensors.js';
import { Workplace } from '../lib/workplace.js';

export const usage = `Usage: ${kin} build <products.csv | products.jsonl | products.json | folder> -o <catalogue>
       [--fields a,b] [--text a,b] [--map title=Name] [--allow-host H] [--fit crop|pad]
       [--previous <catalogue>] [--workers N] [--max-failed 1%] [--max-shrink 10%] [--report F]

Columns: id, title, url, image; several pictures as a JSON array, in CSV also separated by | or commas.
Paths count from the products file's folder and stay inside it. A folder: every picture is a
product, its path the id. Exit code 3: written, but some rows failed. A build that was stopped goes on
where it was when the same command is run again; what it has is in <catalogue>.part until then.

  --fields a,b     columns to publish beside id, title, url and image: anyone can read them.
                   * takes all but those that look private (cost, supplier, e-mail, stock ...)
  --text a,b       of these, columns to keep as text where all cells are numbers, or true and false
  --map title=Name the column of id, title, url or image where it has another name
  --allow-host H   fetch pictures by https from this host; may be given several times
  --per-host N     so many pictures of a host at a time (default 4)
  --fit crop|pad   centre crop (default), or padded with white to a square
  --previous C     an earlier catalogue: pictures that its build knew, by <catalogue>.state, and that have
                   not changed are neither fetched nor embedded again
  --version-column NAME  a column whose value changes with a product's pictures: those are not even asked for
  --workers N      processes that embed (default: by cores), with --threads threads each (default 1)
  --picture-timeout S  seconds that one picture may take to be embedded (default 10)
  --max-failed L   fail, and leave the catalogue that is there, where more rows and pictures fail: 20 or 1%
  --max-shrink L   the same where it would lose more products than that: 500 or 10%
  --report F       what was done and what failed, as JSON; --summary F: the same as Markdown
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, fields: { type: 'string', multiple: true },
  text: { type: 'string', multiple: true },
  map: { type: 'string', multiple: true }, 'allow-host': { type: 'string', multiple: true },
  fit: { type: 'string' }, 'per-host': { type: 'string' }, previous: { type: 'string' }, 'version-column': { type: 'string' },
  workers: { type: 'string' }, 'picture-timeout': { type: 'string' }, 'max-failed': { type: 'string' }, 'max-shrink': { type: 'string' },
  report: { type: 'string' }, summary: { type: 'string' },
};

const largeFile = 20 * 2 ** 20;
const mostWorkers = 8; // unless more are asked for: each holds the model
const picturesToStart = 32; // for which one more process is worth its start

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
async function writeCatalogue(path, parts) {
  try {
    await checkOutput(path);
  } catch (error) {
    const beside = `${path}.${process.pid}.new`;
    await writeFileSafely(beside, parts);
    throw new Error(`the catalogue is in ${beside}, since ${error.message}`);
  }
  await writeFileSafely(path, parts);
}

// How many products the catalogue at `path` has; 0 where there is none, or one that says nothing.
async function countProducts(path) {
  if (!await exists(path)) return 0;
  return (await readFileHeader(path))?.tensors?.id_order?.shape?.[0] ?? 0;
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

function readOptions(values) {
  const timeout = asNumber(values['picture-timeout'] ?? '10');
  if (!(timeout > 0)) throw new UsageError(`--picture-timeout must be a number of seconds, not '${values['picture-timeout']}'`);
  const whole = (name) => (values[name] === undefined ? undefined : wholeNumber(values[name], `--${name}`, 1));
  return { fit: oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']), timeout, workers: whole('workers'), perHost: whole('per-host'),
    maxFailed: readLimit(values['max-failed'], '--max-failed'), maxShrink: readLimit(values['max-shrink'], '--max-shrink') };
}

const stays = 'the catalogue that was there stays, and the next build goes on from what this one has';

// One build, once all is said that the command line says; `work` is its workplace.
class Build {
  rowsFailed = 0;
  picturesFailed = 0;
  bytes = 0;
  took = {};
  badRows = 0; // whose pictures are not even looked at
  #stop = new AbortController(); // by Ctrl-C, or by what fails the build: then nothing is waited for

  constructor({ values, input, modelOptions, options, work, io }) {
    Object.assign(this, { values, input, modelOptions, options, work, io, output: values.output, signal: this.#stop.signal });
    if (io.signal.aborted) this.#stop.abort();
    io.signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
  }

  // What took so long, in seconds.
  async timed(name, doing) {
    const began = performance.now();
    try {
      return await doing();
    } finally {
      this.took[name] = Math.round(performance.now() - began) / 1000;
    }
  }

  async report(row, error, picture = null) {
    this.io.note(`row ${row.row}${row.id === null ? '' : ` (${row.id})`}: ${error.message}`);
    await this.failures.add({ row: row.row, id: row.id, picture, code: error.code ?? 'bad-row', message: error.message });
  }

  async reportRow(row) {
    this.rowsFailed++;
    await this.report(row, row.error);
  }

  // Failures only grow, so it need not be the end.
  checkFailed() {
    const { maxFailed } = this.options;
    const most = maxFailed?.most(this.products.pictures + this.badRows);
    if (maxFailed && this.failures.count > most)
      throw new Error(`${counted(this.failures.count, 'row')} or pictures failed, more than --max-failed ${maxFailed.text} allows: ${stays}`);
  }

  async checkShrink() {
    const { maxShrink } = this.options;
    const before = maxShrink ? await countProducts(this.output) : 0;
    if (before - this.finished.products > maxShrink?.most(before))
      throw new Error(`${counted(this.finished.products, 'product')} in place of ${before}, a loss of more than --max-shrink ${maxShrink.text} allows: ${stays}`);
  }

  async readProducts() {
    const { values, io } = this;
    const names = (lists = []) => lists.flatMap((list) => list.split(','))
      .map((name) => name.trim()).filter(Boolean);
    let told = Promise.resolve();
    const products = await readProducts(this.input, { map: readMap(values.map),
      fields: names(values.fields), text: names(values.text), version: values['version-column'], signal: io.signal,
      progress: (bytes) => io.progress('reading', bytes, { unit: 1e6, name: 'MB' }) }, (row) => {
      this.badRows++;
      told = told.then(() => this.reportRow(row));
      told.catch(() => {}); // heard below
    });
    await told;
    if (!products.count) throw new Error(`${this.input} holds no products`);
    for (const note of products.notes) io.note(note);
    if (products.withheld.length)
      io.note(`not published: ${products.withheld.join(', ')} (looks private; ` +
        'name it in --fields to publish it)');
    this.products = products;
    this.checkFailed();
  }

  // What every row depends on.
  async openModel() {
    const { io, options, modelOptions } = this;
    if (modelOptions.embedded)
      io.note('using the embedded model, which is small and for first tries: for a shop of your own ' +
        `'${kin} model get ${recommended()}' fetches a larger one, and --model ${recommended()} takes it`);
    this.clip = await openModel(modelOptions, io);
    await this.clip.preload('image', { signal: io.signal }); // a bad model is no row's fault
    const image = await this.clip.identify('image', { signal: io.signal });
    const { numerics, dim } = this.clip.info;
    this.about = { image_id: image, numerics, fit: options.fit, decode: modelOptions.decode ?? 'exact', dim };
  }

  async openEmbedders() {
    const { options, modelOptions, io, about } = this;
    const cores = Math.max(1, Math.floor(availableParallelism() / (modelOptions.threads ?? 1)));
    const usual = Math.min(cores, mostWorkers, Math.max(1, Math.ceil(this.products.pictures / picturesToStart)));
    this.workers = options.workers ?? usual;
    this.embedders = await Embedders.open({ program: io.program, size: this.workers, timeout: options.timeout, options: modelOptions,
      expected: { numerics: about.numerics, image: about.image_id }, note: io.note });
  }

  // Every picture in turn, and every product once its last picture is done.
  async embed() {
    const { io, products, options, values, finished } = this;
    const { quantise } = await library();
    const where = { root: products.paths.root, hosts: allowedHosts(values['allow-host'], options.perHost), signal: this.signal };
    this.rows = new Rows({ journal: this.journal, previous: this.previous, embedders: this.embedders, where, fit: options.fit,
      quantise: (vector) => quantise(this.clip, [vector], this.signal) });
    const progress = io.progress('pictures', products.pictures);
    let done = null; // the row that is under way: { row, pictures }
    let n = 0;
    const finish = async () => {
      const { row, pictures } = done ?? {};
      done = null;
      if (pictures?.length) {
        const refs = pictures.map(({ ref }) => ref);
        const item = { id: row.id, ...row.item, image: refs.length === 1 ? refs[0] : refs };
        await finished.add(row.id, item, pictures).catch(async (error) => {
          if (error.syscall) throw error;
          await this.reportRow({ ...row, error });
        });
      } else if (pictures) this.rowsFailed++;
    };
    const reading = { ahead: 2 * this.workers + 6, read: (path, row) => this.rows.make(path, row.version), use: (made) => made };
    for await (const { row, ref, path, load } of listedPictures(products, where, reading)) {
      this.signal.throwIfAborted();
      if (row !== done?.row) {
        await finish();
        if (row.error) {
          await this.reportRow(row);
          continue;
        }
        done = { row, pictures: [] };
      }
      try {
        done.pictures.push({ ...await load(), ref: path });
      } catch (error) {
        if (this.signal.aborted || error.fatal) throw error;
        this.picturesFailed++;
        await this.report(row, error, ref);
        this.checkFailed();
      }
      progress(++n);
    }
    await finish();
    this.checkFailed();
  }

  async write() {
    const { io, finished, values, output } = this;
    if (!finished.products) throw new Error('no product has a readable picture: nothing is written');
    await this.checkShrink();
    const { writeCatalog } = await library();
    this.stateBytes = await finished.writeState(this.work.path('state'));
    const model = modelAddress(output, values.model ?? '', this.about.image_id);
    await writeCatalog(this.clip, finished.all(), { fit: this.options.fit, decoders: finished.decoders, model, signal: this.signal },
      async (size, parts) => {
        this.bytes = size;
        this.signal.throwIfAborted();
        await writeCatalogue(output, parts);
      });
    await this.work.keepState();
  }

  facts(error) {
    const { embedded, again, previous, unread, unchanged, bytes } = this.rows?.counts ?? {};
    return { kind: 'build-report', format: 1, done: !error, ...(error && { error: error.message }), output: this.output,
      counts: { rows: this.products?.count ?? 0, products: this.finished?.products ?? 0, pictures: this.finished?.pictures ?? 0,
        embedded: embedded ?? 0, reused: (again ?? 0) + (previous ?? 0), reusedOfPrevious: previous ?? 0, notAsked: unread ?? 0,
        notModified: unchanged ?? 0, failedRows: this.rowsFailed, failedPictures: this.picturesFailed },
      bytes: { read: bytes ?? 0, catalogue: this.bytes, state: this.stateBytes ?? 0 },
      seconds: { ...this.took, total: Math.round(performance.now() - this.began) / 1000 },
      workers: this.workers ?? 0, engine: this.embedders?.engine ?? null, fields: this.products?.types ?? {} };
  }

  async say() {
    const { io, finished, rowsFailed, picturesFailed, output, bytes } = this;
    if (bytes > largeFile)
      io.note(`${output} is over 20 MiB: some static hosts refuse files over 25 MiB`);
    const { embedded, again, previous } = this.rows.counts;
    if (this.values.json)
      for await (const part of lineParts({ products: finished.products, pictures: finished.pictures, bytes, output,
        embedded, reused: again + previous, fields: this.products.types }, this.failures)) await io.part(part);
    else io.note(`${output}: ${counted(finished.products, 'product')}, ${counted(finished.pictures, 'picture')}, ` +
      `${(bytes / 1e6).toFixed(2)} MB` +
      (again + previous ? `; not embedded again: ${counted(again + previous, 'picture')}` : '') +
      (rowsFailed ? `; left out: ${counted(rowsFailed, 'row')}` : '') +
      (picturesFailed ? `; not read: ${counted(picturesFailed, 'picture')}` : ''));
  }

  // -> exit code
  async run() {
    const { values, io, work } = this;
    this.began = performance.now();
    const reports = { report: values.report, summary: values.summary };
    this.failures = await Failures.open(work.path('failures'));
    try {
      await this.timed('reading', () => this.readProducts());
      await this.timed('starting', async () => {
        await this.openModel();
        this.journal = await Journal.open(work.path('journal'), this.about);
        if (values.previous) this.previous = await openPrevious(values.previous, { work, about: this.about, io });
        this.finished = await Finished.open(work.path('products'), this.about);
        await this.openEmbedders();
      });
      await this.timed('pictures', () => this.embed());
      await this.timed('writing', () => this.write());
      await writeReports(reports, this.facts(), this.failures);
      await this.say();
      await this.close();
      await work.remove();
      return this.rowsFailed || this.picturesFailed ? 3 : 0;
    } catch (error) {
      const stopped = io.signal.aborted;
      this.#stop.abort();
      if (!stopped) await writeReports(reports, this.facts(error), this.failures).catch((also) => io.note(also.message));
      await this.embedders?.kill();
      if (this.journal ? !this.journal.rows : !await exists(work.path('journal'))) await work.remove(); // nothing to go on from
      throw error.syscall ? plain(error, work.folder) : error;
    } finally {
      await this.close();
    }
  }

  async close() {
    for (const name of ['embedders', 'journal', 'previous', 'finished', 'failures', 'clip']) {
      const part = this[name];
      this[name] = null;
      await part?.close();
    }
  }
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1)
    throw new UsageError('build takes one products file or folder');
  if (!values.output) throw new UsageError('build needs -o CATALOGUE');
  const options = readOptions(values);
  await checkOutput(values.output);
  const work = await Workplace.open(values.output);
  try {
    return await new Build({ values, input: positionals[0], modelOptions, options, work, io }).run();
  } finally {
    await work.release();
  }
}
