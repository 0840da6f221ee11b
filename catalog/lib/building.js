// One build, from products to the catalogue: reading, starting, pictures, writing, one step after the other. Whatever ends it, the
// catalogue that was there stays, or the new one is whole, and what has been made is left for the next build.
import { availableParallelism } from 'node:os';
import { lineParts, writeReports } from './build-report.js';
import { Embedders } from './embedders.js';
import { library, openModel } from './engine.js';
import { Failures } from './failures.js';
import { exists, plain } from './files.js';
import { Finished } from './finished.js';
import { Journal } from './journal.js';
import { recommended } from './models.js';
import { kin } from './name.js';
import { countProducts, modelAddress, writeCatalogue } from './output.js';
import { listedPictures } from './pictures.js';
import { openPrevious } from './previous.js';
import { readProducts } from './products.js';
import { Rows } from './rows.js';
import { counted, size } from './terminal.js';
import { stateOf } from './workplace.js';

const largeFile = 20 * 2 ** 20;
const mostWorkers = 8; // unless more are asked for: each holds the model
const picturesToStart = 32; // for which one more process is worth its start

const stays = 'the catalogue that was there stays, and the next build goes on from what this one has';

// `reading`: what readProducts takes; `work`: its workplace, which is locked.
export class Build {
  notes = []; // what was read, and how
  rowsFailed = 0;
  picturesFailed = 0;
  bytes = 0;
  took = {};
  badRows = 0; // whose pictures are not even looked at
  #stop = new AbortController(); // by Ctrl-C, or by what fails the build: then nothing is waited for

  constructor({ input, reading, modelOptions, options, work, io }) {
    Object.assign(this, { input, reading, modelOptions, options, work, io, output: options.output, signal: this.#stop.signal });
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
      throw new Error(`${counted(this.failures.count, 'row')} or pictures failed, ` +
        `more than --max-failed ${maxFailed.text} allows: ${stays}`);
  }

  async checkShrink() {
    const { maxShrink } = this.options;
    const before = maxShrink ? await countProducts(this.output) : 0;
    if (before - this.finished.products > maxShrink?.most(before))
      throw new Error(`${counted(this.finished.products, 'product')} in place of ${before}, ` +
        `a loss of more than --max-shrink ${maxShrink.text} allows: ${stays}`);
  }

  async readProducts() {
    const { io } = this;
    let told = Promise.resolve();
    const products = await readProducts(this.input, this.reading, (row) => {
      this.badRows++;
      told = told.then(() => this.reportRow(row));
      told.catch(() => {}); // heard below
    });
    await told;
    if (!products.count) throw new Error(`${this.input} holds no products${products.drafts ? ' but drafts' : ''}`);
    this.notes = [...products.notes, ...products.withheld.length
      ? [`not published: ${products.withheld.join(', ')} (looks private; name it in --fields to publish it)`] : []];
    for (const note of this.notes) io.note(note);
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
    this.embedders = await Embedders.open({ program: io.program, size: this.workers, timeout: options.timeout,
      options: modelOptions, expected: { numerics: about.numerics, image: about.image_id }, note: io.note });
  }

  // Every picture in turn, and every product once its last picture is done.
  async embed() {
    const { io, products, options, finished } = this;
    const { quantise } = await library();
    const where = { root: products.paths.root, hosts: options.hosts, signal: this.signal };
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
    const { finished, output, options } = this;
    if (!finished.products) throw new Error('no product has a readable picture: nothing is written');
    await this.checkShrink();
    const { writeCatalog } = await library();
    this.stateBytes = await finished.writeState(this.work.path('state'));
    const model = modelAddress(output, options.typedModel, this.about.image_id);
    await writeCatalog(this.clip, finished.all(), { fit: options.fit, decoders: finished.decoders, model, signal: this.signal },
      async (length, parts) => {
        this.bytes = length;
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
      workers: this.workers ?? 0, engine: this.embedders?.engine ?? null, fields: this.products?.types ?? {}, notes: this.notes };
  }

  async say() {
    const { io, finished, rowsFailed, picturesFailed, output, bytes } = this;
    if (bytes > largeFile)
      io.note(`${output} is over 20 MiB: some static hosts refuse files over 25 MiB`);
    const { embedded, again, previous } = this.rows.counts;
    if (this.options.json)
      for await (const part of lineParts({ products: finished.products, pictures: finished.pictures, bytes, output,
        embedded, reused: again + previous, fields: this.products.types }, this.failures)) await io.part(part);
    else io.note(`${output}: ${counted(finished.products, 'product')}, ${counted(finished.pictures, 'picture')}, ` +
      size(bytes) +
      (again + previous ? `; not embedded again: ${counted(again + previous, 'picture')}` : '') +
      (rowsFailed ? `; left out: ${counted(rowsFailed, 'row')}` : '') +
      (picturesFailed ? `; not read: ${counted(picturesFailed, 'picture')}` : ''));
  }

  // -> exit code
  async run() {
    const { options, io, work } = this;
    this.began = performance.now();
    try {
      this.failures = await Failures.open(work.path('failures'));
      await this.timed('reading', () => this.readProducts());
      await this.timed('starting', async () => {
        await this.openModel();
        this.journal = await Journal.open(work.path('journal'), this.about);
        if (this.journal.rows) io.note(`going on: ${counted(this.journal.rows, 'picture')} of a build that was stopped`);
        if (options.previous) this.previous = await openPrevious(options.previous, { work, about: this.about, io });
        else if (await exists(stateOf(options.output)))
          io.note(`all pictures are embedded anew: --previous ${options.output} would take what has not changed from the ` +
            'last build');
        this.finished = await Finished.open(work.path('products'), this.about);
        await this.openEmbedders();
      });
      await this.timed('pictures', () => this.embed());
      await this.timed('writing', () => this.write());
      await writeReports(options, this.facts(), this.failures);
      await this.say();
      await this.close();
      await work.remove();
      return this.rowsFailed || this.picturesFailed ? 3 : 0;
    } catch (error) {
      const stopped = io.signal.aborted;
      const told = error.syscall ? plain(error, work.folder) : error;
      this.#stop.abort();
      if (!stopped && this.failures) await writeReports(options, this.facts(told), this.failures).catch((also) => io.note(also.message));
      await this.embedders?.kill();
      if (stopped && this.journal?.rows)
        io.note(`${counted(this.journal.rows, 'picture')} made: the same command goes on from there`);
      if (this.journal ? !this.journal.rows : !await exists(work.path('journal'))) await work.remove(); // nothing to go on from
      throw told;
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
