// kin publish: a catalogue file in, a generation of a folder for the web out.
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { schemeOf } from '#web/shared/addresses.js';
import { printReading, readBudget, reading } from '../lib/budget.js';
import { itemOf, readCatalogueFile } from '../lib/contents.js';
import { packed } from '../lib/base.js';
import { readForm } from '../lib/feeds.js';
import { nextGeneration } from '../lib/generation.js';
import { commit, openFolder, tidy } from '../lib/generations.js';
import { readMarket, readMarkets } from '../lib/markets.js';
import { kin } from '../lib/name.js';
import { commonUsage, namesOf, oneArgument, UsageError } from '../lib/options.js';
import { readPartBytes } from '../lib/parts.js';
import { readMap } from '../lib/products.js';
import { faultsOf, ofName, readBase, readPublished } from '../lib/published.js';
import { counted, size } from '../lib/terminal.js';

export const usage = `Usage: ${kin} publish <catalogue> -o <folder> [--market de=products.de.csv] [--budget 3MB] [--keep 3]
       ${kin} publish --rollback -o <folder>

Writes the catalogue as a folder of files that are named by their bytes, for any static host: the first time a whole base,
later a delta of what changed. Pages that are open move to it in one step; current.json is written last.

  -o <folder>        the folder; what else lies in it stays
  --market L=FILE    items of another market (language, prices) from a products file, joined by id; may be given several
                     times. Products that it lacks are not sold there. Its pictures are the catalogue's. A market that no
                     --market names any more goes
  --fields a,b       columns of the markets' files to publish, as in build (default: those of the catalogue's fields that
                     a file has); --text, --map, --from and --separator as there too
  --budget 3MB       publish nothing, and end with 1, where first hits need more bytes than that
  --keep 3           generations whose files stay, for pages that are still open on them
  --rollback         make the generation before the present one the next
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, market: { type: 'string', multiple: true }, fields: { type: 'string', multiple: true },
  text: { type: 'string', multiple: true }, map: { type: 'string', multiple: true }, from: { type: 'string' },
  separator: { type: 'string' }, budget: { type: 'string' },
  keep: { type: 'string' }, rollback: { type: 'boolean' },
};

function readKeep(text) {
  const keep = Number(text);
  if (!/^\d+$/.test(text) || keep < 1 || keep > 100) throw new UsageError(`--keep takes a number from 1 to 100, not '${text}'`);
  return keep;
}

/* ---- paths in the catalogue, which count from its folder: as they count from the published one ---- */

// Paths of pictures count from where the folder lies, as if it were a file of its name. `outside`: the first that leads out of there.
function movedImages(market, prefix, what) {
  let outside;
  const moved = (image) => {
    if (typeof image !== 'string' || !image || image.startsWith('/') || schemeOf(image)) return image;
    const path = join(prefix, image).split(sep).join('/');
    if (path.startsWith('../')) outside ??= path;
    return schemeOf(path) ? `./${path}` : path;
  };
  const { offsets, bytes: items } = packed(Array.from({ length: market.offsets.length - 1 }, (_, i) => {
    const item = itemOf(market, i, what);
    if (item.image !== undefined) item.image = Array.isArray(item.image) ? item.image.map(moved) : moved(item.image);
    return Buffer.from(`${JSON.stringify(item)}\n`);
  }));
  return { items, offsets, outside };
}

// The model's address from the folder; '' where it is a path that leads out of where both lie.
function modelFrom(folder, catalogue, model) {
  if (!model || schemeOf(model) || model.startsWith('/')) return model;
  const place = resolve(dirname(catalogue), ...model.split('/').map((part) => decodeURIComponent(part)));
  const below = (path, of) => !/^\.\.(?:[/\\]|$)/.test(relative(of, path)) && !isAbsolute(relative(of, path));
  if (!below(place, dirname(resolve(folder)))) return '';
  return [...relative(resolve(folder), place).split(sep).filter(Boolean).map(encodeURIComponent), ''].join('/') || './';
}

// markets: Map of locale -> products file; choice: which of its columns are published
async function readContents(catalogue, folder, { markets, choice }, io) {
  const contents = await readCatalogueFile(catalogue, io);
  const prefix = relative(dirname(resolve(folder)), dirname(resolve(catalogue)));
  if (prefix) {
    const { outside, ...market } = movedImages(contents.markets.get(''), prefix, catalogue);
    contents.markets.set('', market);
    if (outside) io.note(`pictures are published as '${outside}', seen from the folder that ${folder} lies in, and whoever opens the page can read that: ` +
      'publish beside the pictures, or give their addresses');
  }
  contents.metadata['kin.model'] = modelFrom(folder, catalogue, contents.metadata['kin.model'] ?? '');
  let failed = 0;
  for (const [locale, path] of markets) {
    const { market, ...read } = await readMarket(path, contents, choice, catalogue, io);
    io.note(`market ${locale}: ${counted(read.sold, 'product')} of ${contents.ids.length} sold` +
      (read.foreign ? `; ${counted(read.foreign, 'row')} of products that the catalogue lacks` : '') +
      (read.failed ? `; left out: ${counted(read.failed, 'row')}` : ''));
    if (!read.sold) throw new Error(`${path} has none of the catalogue's products: compare the ids`);
    failed += read.failed;
    contents.markets.set(locale, market);
  }
  return { contents, failed };
}

/* ---- what was done ---- */

function described({ change, why, base, parts }) {
  const bytes = size(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  if (!change)
    return `a whole base of ${counted(base.products, 'product')} and ${counted(base.rows, 'picture')}, ${bytes}` +
      (why === 'first' ? '' : ` (${why})`);
  const { changed, gone } = change;
  if (!changed.length && !gone.length) return `other metadata, ${bytes}`;
  const withRows = changed.filter(({ rows }) => rows).length;
  return `a delta of ${bytes}: ${counted(withRows, 'product')} with pictures, ${changed.length - withRows} items alone, ` +
    `${gone.length} gone`;
}

async function rollback(folder, keep, io) {
  const state = await openFolder(folder, io);
  try {
    const { current, ledger } = state;
    if (!current) throw new Error(`${folder} holds no catalogue`);
    const before = ledger.generations.filter(({ generation }) => generation < current.generation).at(-1);
    if (!before) throw new Error(`${folder}: no generation before ${current.generation} was kept`);
    const base = await readBase(folder, before.current.base);
    for (const name of before.files) await readPartBytes(folder, ...ofName(name));
    const next = { base: before.current.base, deltas: before.current.deltas, model: before.current.model };
    const made = await commit(state, { next, base, parts: [], keep, signal: io.signal });
    return { generation: made.generation, as: before.generation };
  } finally {
    await state.release();
  }
}

// What is published, if it is as `verify` wants it: a page refuses a folder whose files do not fit each other, whatever deltas follow.
async function readSound(folder, current, io) {
  const published = await readPublished(folder, current, io);
  const [fault] = await faultsOf(folder, published);
  if (fault) throw new Error(fault);
  return published;
}

export async function run({ values, positionals }, io) {
  const { output: folder } = values;
  if (!folder) throw new UsageError('publish needs -o FOLDER');
  const keep = readKeep(values.keep ?? '3');
  if (values.rollback) {
    if (positionals.length || values.market)
      throw new UsageError('--rollback takes no catalogue and no market: it puts back what was there');
    const { generation, as } = await rollback(folder, keep, io);
    if (values.json) await io.line({ folder, generation, as });
    else io.note(`${folder}: generation ${generation} is generation ${as} again`);
    return 0;
  }
  const catalogue = oneArgument(positionals, 'publish takes one catalogue file');
  const budget = values.budget === undefined ? null : readBudget(values.budget);
  const markets = readMarkets(values.market);
  const choice = { map: readMap(values.map), fields: namesOf(values.fields), text: namesOf(values.text), ...readForm(values) };
  const [stray] = ['fields', 'text', 'map', 'from', 'separator'].filter((name) => !markets.size && values[name] !== undefined);
  if (stray) throw new UsageError(`--${stray} is for the files of --market: the catalogue has its fields from build`);
  if ((await stat(folder).catch(() => null))?.isFile()) throw new Error(`${folder} is a file: name a folder with -o`);
  const { contents, failed } = await readContents(catalogue, folder, { markets, choice }, io);
  const state = await openFolder(folder, io);
  try {
    // What is there but damaged is published anew, whole.
    const published = state.base && await readSound(folder, state.current, io).catch((error) =>
      io.note(`what is published is damaged: ${error.message}`) ?? null);
    const progress = io.progress('ordering', contents.ids.length);
    const told = async (done) => {
      progress(done);
      await setImmediate(); // so that Ctrl-C is heard
      io.signal.throwIfAborted();
    };
    const made = await nextGeneration(published, contents, { model: contents.metadata['kin.model'], what: catalogue, told });
    if (!made) {
      await tidy(state, keep);
      if (values.json) await io.line({ folder, generation: state.current.generation, changed: false });
      else io.note(`${folder}: nothing changed since generation ${state.current.generation}`);
      return failed ? 3 : 0;
    }
    for (const field of made.left) io.note(`pages cannot filter by '${field}': its column would be larger than 20 MiB`);
    const rows = await reading(folder, made);
    for (const line of printReading(rows)) io.note(line);
    if (budget !== null && rows[0].bytes > budget) {
      if (values.json) await io.line({ folder, published: false, budget, reading: rows });
      throw new Error(`first hits need ${size(rows[0].bytes)}, more than --budget ${values.budget}: nothing is published`);
    }
    const { generation } = await commit(state, { ...made, keep, signal: io.signal,
      told: io.progress('writing files', made.parts.length) });
    const bytes = made.parts.reduce((sum, part) => sum + part.bytes.length, 0);
    const { change } = made, withRows = change?.changed.filter(({ rows }) => rows).length;
    if (values.json)
      await io.line({ folder, generation, changed: true, whole: !change, products: contents.ids.length, bytes, changes: change &&
        { rows: withRows, items: change.changed.length - withRows, gone: change.gone.length }, reading: rows });
    else io.note(`${folder}: generation ${generation}, ${described(made)}`);
    return failed ? 3 : 0;
  } finally {
    await state.release();
  }
}
