// Items of another market: the same products in another language, with another price or currency, from a products file of
// its own. Pictures, and so rows, are the catalogue's.
import { itemOf } from './contents.js';
import { packed } from './base.js';
import { fieldTypes } from './columns.js';
import { UsageError } from './options.js';
import { readProducts } from './products.js';
import { counted } from './terminal.js';

const none = Buffer.alloc(0);

// `de=products.de.csv` pairs -> Map of locale -> path
export function readMarkets(pairs = []) {
  const markets = new Map();
  for (const pair of pairs) {
    const at = pair.indexOf('='), [locale, path] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (at < 0 || !/^[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*$/.test(locale) || locale.length > 35 || !path)
      throw new UsageError(`--market takes LOCALE=PRODUCTS, such as --market de=products.de.csv, not '${pair}'`);
    if (markets.has(locale)) throw new UsageError(`--market names '${locale}' twice`);
    markets.set(locale, path);
  }
  return markets;
}

// Fields that are not named are the catalogue's, as far as the file has columns of them.
// -> { market: { items, offsets }, sold, failed: rows that could not be read, foreign: products that the catalogue lacks }
export async function readMarket(path, contents, choice, what, io) {
  const { fields } = choice;
  const place = new Map(contents.ids.map((id, i) => [id, i]));
  const items = contents.ids.map(() => none);
  let [failed, foreign, sold] = [0, 0, 0];
  const report = (row) => {
    failed++;
    io.note(`${path}: row ${row.row}${row.id === null ? '' : ` (${row.id})`}: ${row.error.message}`);
  };
  const own = fields.length ? [] : Object.keys(fieldTypes(contents.markets.get(''), contents.ids.length, what));
  const products = await readProducts(path, { ...choice, ifThere: own, pictures: false, signal: io.signal,
    progress: (bytes) => io.progress(`reading ${path}`, bytes, { unit: 1e6, name: 'MB' }) }, report);
  for (const note of products.notes) io.note(`${path}: ${note}`);
  const missing = own.filter((field) => !products.choice?.published.some((one) => one.field === field));
  if (missing.length) io.note(`${path}: no column for ${missing.join(', ')} of the catalogue: this market has no such field`);
  if (products.withheld.length)
    io.note(`${path}: not published: ${products.withheld.join(', ')} (looks private; name it in --fields to publish it)`);
  const lost = { title: 0, url: 0 }; // what the catalogue's items have and the market's have not
  for await (const row of products.rows()) {
    if (row.error) {
      report(row);
      continue;
    }
    const i = place.get(row.id);
    if (i === undefined) {
      foreign++;
      continue;
    }
    const { image, ...its } = itemOf(contents.markets.get(''), i, what);
    for (const name in lost) if (its[name] !== undefined && row.item[name] === undefined) lost[name]++;
    items[i] = Buffer.from(`${JSON.stringify({ id: row.id, ...row.item, ...image !== undefined && { image } })}\n`);
    sold++;
  }
  for (const [name, n] of Object.entries(lost))
    if (n) io.note(`${path}: ${counted(n, 'product')} without a ${name}, which the catalogue has`);
  const { offsets, bytes } = packed(items);
  return { market: { items: bytes, offsets }, sold, failed, foreign };
}
