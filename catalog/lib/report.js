// What a catalogue's own products say of how well it finds: figures for `kin report`, the same for the same file.
//   neighbours   the ten nearest other products of each product that is asked for
//   hubs         how often a product stands in these lists
//   duplicates   products with a picture of the very same numbers; pairs that are nearer than `near`
//   second       a product's second picture as a query: is the product found by its other ones?
//   photos       pictures from outside with the id that should be found
// All products are asked for where that costs no more than `work`, else those whose ids have the smallest SHA-256.
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { each, openNeighbours } from './neighbours.js';
import { isOfAll, naming, readListed, toSource } from './pictures.js';
import { openProducts } from './product-rows.js';
import { readTable } from './table.js';

export const depth = 10; // of the lists
export const near = 0.97;
const work = 5e10; // multiply-adds for a kind of question: 7 s on a core of 2023
const most = 12; // examples of a kind

const hash = (text) => createHash('sha256').update(text).digest('latin1');

// Products in the order of their ids' hashes: the same whatever the order of the file.
function shuffled(catalog) {
  const keys = Array.from({ length: catalog.products }, (_, i) => hash(catalog.id(i)));
  return Array.from(keys.keys()).sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));
}

const affordable = (catalog) => Math.max(100, Math.floor(work / (catalog.pictures * catalog.dim)));

export async function openMeasured(path, io) {
  const catalog = await openNeighbours(path, io);
  return { path, catalog, order: shuffled(catalog), most: affordable(catalog) };
}

// Products that share a picture's numbers: [[product, ...]], largest first.
async function findSame(path, io) {
  const rows = await openProducts(path, io);
  try {
    const seen = new Map(); // hash of a row -> its products
    const iterator = rows.read({ items: false });
    await each(rows.products, io, 'looking for duplicates', (i) => {
      for (const { row } of iterator.next().value.pictures) {
        const key = hash(row);
        const products = seen.get(key);
        if (!products) seen.set(key, [i]);
        else if (products.at(-1) !== i) products.push(i);
      }
    });
    const groups = [...seen.values()].filter((products) => products.length > 1);
    const different = [...new Map(groups.map((products) => [products.join(), products])).values()];
    return different.sort((a, b) => b.length - a.length || a[0] - b[0]);
  } finally {
    rows.close();
  }
}

async function askNeighbours({ catalog, order }, asked, io) {
  const counts = new Uint32Array(catalog.products);
  const lists = new Map();
  const pairs = new Map();
  await each(asked, io, 'neighbours', (n) => {
    const product = order[n];
    const list = catalog.nearest(catalog.firstRow[product], depth, { but: product });
    lists.set(product, list);
    for (const { product: other, score } of list) {
      counts[other]++;
      const key = `${Math.min(product, other)} ${Math.max(product, other)}`;
      if (score >= near && !(pairs.get(key)?.score >= score))
        pairs.set(key, { pair: [product, other].sort((a, b) => a - b), score });
    }
  });
  return { counts, lists, pairs: [...pairs.values()].sort((a, b) => b.score - a.score || a.pair[0] - b.pair[0]) };
}

function hubsOf(counts, asked) {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const moment = (power) => counts.reduce((sum, count) => sum + (count - mean) ** power, 0) / counts.length;
  const bins = [0, 1, 3, 6, 11, 21, 51, 101, 201].map((from, i, all) => ({ from, to: (all[i + 1] ?? Infinity) - 1, products: 0 }));
  for (const count of counts) bins.find(({ to }) => count <= to).products++;
  const top = Array.from(counts.keys()).sort((a, b) => counts[b] - counts[a] || a - b).slice(0, 6)
    .filter((product) => counts[product]).map((product) => ({ product, count: counts[product], share: counts[product] / asked }));
  return { mean, skewness: moment(2) ? moment(3) / moment(2) ** 1.5 : 0, bins, top };
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const ranks = () => ({ asked: 0, at1: 0, at5: 0, at10: 0, missed: [] });

function count(figures, rank, miss) {
  figures.asked++;
  if (rank <= 1) figures.at1++;
  if (rank <= 5) figures.at5++;
  if (rank <= depth) figures.at10++;
  else if (figures.missed.length < most) figures.missed.push(miss());
}

async function askSecond({ catalog, order, most: asked }, io) {
  const { firstRow } = catalog;
  const several = order.filter((product) => firstRow[product + 1] - firstRow[product] > 1);
  const figures = { ...ranks(), products: several.length };
  await each(Math.min(asked, several.length), io, 'second pictures', (n) => {
    const product = several[n];
    const row = firstRow[product] + 1;
    const query = catalog.vector(row);
    let own = -1; // the score of its other pictures
    for (let other = firstRow[product]; other < firstRow[product + 1]; other++)
      if (other !== row) own = Math.max(own, dot(query, catalog.vector(other)));
    const list = catalog.nearest(row, depth, { but: product });
    count(figures, 1 + list.filter(({ score }) => score > own).length, () => ({ product, row, own, found: list.slice(0, 3) }));
  });
  return figures;
}

// -> the figures of one catalogue; `asked`: how many products.
export async function measure(measured, asked, io) {
  const { counts, lists, pairs } = await askNeighbours(measured, asked, io);
  const same = await findSame(measured.path, io);
  return { asked, lists, hubs: hubsOf(counts, asked), pairs, same, second: await askSecond(measured, io) };
}

// Columns image and id of a CSV -> { asked, at1, …, missed: [{ ref, root, product, found }] }. What cannot be read is told and
// left out.
export async function askPhotos(path, { catalog }, embed, report, io) {
  const rows = await readTable(path, ['image', 'id'], 'a photo and the id that it should find');
  const root = await realpath(dirname(path));
  const ids = new Map(Array.from({ length: catalog.products }, (_, i) => [catalog.id(i), i]));
  const figures = ranks();
  const progress = io.progress('photos', rows.length);
  for (const [n, { record, line, error: unread }] of rows.entries()) {
    io.signal.throwIfAborted();
    try {
      if (unread) throw unread;
      const { image, id } = record;
      const product = ids.get(id);
      if (product === undefined) throw new Error(`the catalogue has no product '${id}'`);
      const { source } = await toSource(await readListed(image, { root, hosts: new Map(), signal: io.signal }), image);
      const list = catalog.nearest(await embed(source).catch(naming(image)), depth);
      const rank = 1 + list.findIndex((hit) => hit.product === product);
      count(figures, rank || Infinity, () => ({ ref: image, root, product, found: list.slice(0, 3) }));
    } catch (error) {
      if (io.signal.aborted || isOfAll(error)) throw error;
      report(`${path}, line ${line}: ${error.message}`);
    }
    progress(n + 1);
  }
  return figures;
}

// The share of neighbours that two catalogues have in common, over the products that both were asked for.
export function overlap(one, two) {
  const theirs = new Map(Array.from({ length: two.catalog.products }, (_, i) => [two.catalog.id(i), i]));
  let [products, shared] = [0, 0];
  for (const [product, list] of one.figures.lists) {
    const other = two.figures.lists.get(theirs.get(one.catalog.id(product)));
    if (!other) continue;
    const ids = new Set(other.map((hit) => two.catalog.id(hit.product)));
    products++;
    shared += list.filter((hit) => ids.has(one.catalog.id(hit.product))).length / Math.max(1, list.length);
  }
  return { products, share: products ? shared / products : null };
}
