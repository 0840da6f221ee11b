// What a build would do with a products file, without a model, pictures or anything written: which column becomes what,
// three products as they would be published, how much there is, and what fails why.
import { readProducts } from './products.js';
import { counted } from './terminal.js';

const samples = 3;
const shownReasons = 20;
const longest = 200; // characters of a value that are shown to people

// Reasons that differ in names and numbers alone are one: `its id is that of row 5`.
const kindOf = (message) => message.replace(/'[^']*'/g, "'…'").replace(/\d+/g, '…');

class Failures {
  count = 0;
  #kinds = new Map();

  add({ row, error: { message } }) {
    this.count++;
    const kind = kindOf(message);
    const there = this.#kinds.get(kind);
    if (there) there.rows++;
    else if (this.#kinds.size < 1000) this.#kinds.set(kind, { rows: 1, first: row, message });
  }

  // Most frequent first.
  get reasons() {
    return [...this.#kinds.values()].sort((a, b) => b.rows - a.rows || a.first - b.first);
  }
}

// Where pictures would be fetched from, most first: `cdn.shop.example`, or with its scheme where that is not https.
class Hosts {
  #pictures = new Map();

  add(ref) {
    const address = ref.replace(/^(?=\/\/)/, 'https:');
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(address) || !URL.canParse(address)) return;
    const { protocol, host } = new URL(address);
    const name = protocol === 'https:' ? host : `${protocol}//${host}`;
    if (this.#pictures.size < 1000 || this.#pictures.has(name)) this.#pictures.set(name, (this.#pictures.get(name) ?? 0) + 1);
  }

  get all() {
    return [...this.#pictures].map(([host, pictures]) => ({ host, pictures })).sort((a, b) => b.pictures - a.pictures);
  }
}

// -> what `--json` prints
export async function dryRun(path, options) {
  const failures = new Failures();
  const products = await readProducts(path, options, (row) => failures.add(row));
  const shown = [], hosts = new Hosts();
  let [count, pictures] = [0, 0];
  for await (const { row, id, images, item, error } of products.rows(options.progress)) {
    options.signal?.throwIfAborted();
    if (error) failures.add({ row, error });
    else {
      count++;
      pictures += images.length;
      for (const image of images) hosts.add(image);
      if (shown.length < samples) shown.push({ id, ...item, image: images.length === 1 ? images[0] : images });
    }
  }
  const { choice, types, withheld, drafts, odd } = products;
  const targets = choice ? { id: choice.id, title: choice.title, url: choice.url, image: choice.images, version: choice.version }
    : { id: 'path', title: 'file name', image: ['path'] };
  return { read_as: choice?.feed ?? 'a folder', columns: targets,
    fields: (choice?.published ?? []).map(({ field, column }) => ({ field, column, type: types[field] })),
    withheld, ignored: choice?.ignored ?? [], samples: shown, products: count, pictures, hosts: hosts.all, drafts,
    rows_failed: failures.count, reasons: failures.reasons, notes: odd };
}

const shorten = (key, value) => (typeof value === 'string' && value.length > longest ? `${value.slice(0, longest)} ...` : value);

function fetched(hosts) {
  const named = (some) => some.slice(0, shownReasons).map(({ host, pictures }) => `${host} (${pictures})`).join(', ') +
    (some.length > shownReasons ? ` and ${some.length - shownReasons} more` : '');
  const [https, others] = [false, true].map((other) => hosts.filter(({ host }) => host.includes('//') === other));
  return [...https.length ? [`  fetched from ${named(https)}: build needs --allow-host for each`] : [],
    ...others.length ? [`  not fetched, since not by https: ${named(others)}`] : []];
}

// The same for people, in lines.
export function describe({ read_as: readAs, columns, fields, withheld, ignored, samples: shown, products, pictures, hosts, drafts,
  rows_failed: failed, reasons, notes }) {
  const line = (name, what) => `  ${name.padEnd(16)} ${what}`;
  const chosen = Object.entries(columns).filter(([, column]) => column !== undefined)
    .map(([target, column]) => line(target, [column].flat().map((one) => `'${one}'`).join(', ')));
  return [`read as ${readAs}`, ...chosen,
    ...fields.map(({ field, column, type }) => line(field, `'${column}', a field (${type})`)),
    ...withheld.length ? [`not published, looks private: ${withheld.join(', ')}`] : [],
    ...ignored.length ? [`ignored, unless --fields names them: ${ignored.join(', ')}`] : [],
    ...notes,
    ...shown.map((item) => JSON.stringify(item, shorten)),
    `${counted(products, 'product')}, ${counted(pictures, 'picture')} (not looked at)` +
      (drafts ? `; left out: ${counted(drafts, 'draft')}` : '') + (failed ? `; ${counted(failed, 'row')} would fail` : ''),
    ...fetched(hosts),
    ...reasons.slice(0, shownReasons)
      .map(({ rows, first, message }) => `  ${counted(rows, 'row')}, first row ${first}: ${message}`),
    ...reasons.length > shownReasons ? [`  and for ${reasons.length - shownReasons} more reasons (--json lists them)`] : []];
}
