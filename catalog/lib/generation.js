// The next generation of a folder: nothing where nothing changed, a delta of what changed, or a whole base where a delta
// cannot say it or there would be too much in deltas. What a base holds is what a first publish of the same catalogue gives.
import { makeBaseFiles } from './base.js';
import { fieldTypes } from './columns.js';
import { difference, makeDelta } from './delta.js';
import { makeBase, maxPart } from './parts.js';
import { readDelta } from './published.js';

const mostDeltas = 64;
const mostShare = 0.05; // of the base's products and of its rows, in deltas
const roomForCurrent = 1990; // of 2,048 bytes, without the generation's number

// Rows with other values of these cannot stand beside each other.
const ofVectors = ['kin.numerics', 'kin.preprocess', 'kin.fit', 'kin.image_id'];
const sameJson = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// Why a delta onto `published` would not do for these contents, or null.
function unlike({ base }, contents, what) {
  if (base.dim !== contents.dim || ofVectors.some((key) => base.metadata[key] !== contents.metadata[key]))
    return 'its vectors are of another model';
  if ((base.null_best === null) !== (contents.nulls === null)) return 'null statistics came or went';
  const [had, has] = [Object.keys(base.markets), [...contents.markets.keys()]];
  const gone = had.filter((locale) => !has.includes(locale)), came = has.filter((locale) => !had.includes(locale));
  if (gone.length) return `no --market names ${gone.join(', ')} any more`;
  if (came.length) return `with a new market: ${came.join(', ')}`;
  for (const [locale, market] of contents.markets) {
    const before = Object.entries(base.markets[locale].columns).map(([field, { type }]) => [field, type]);
    const now = Object.entries(fieldTypes(market, contents.ids.length, what));
    if (!sameJson(before.sort(), now.sort())) return 'a field came, went or has another type';
  }
  return null;
}

function tooMuch({ base, deltas }, change, part, model) {
  const [rows, products] = [change.rows, change.changed.length + change.gone.length].map((n, k) =>
    deltas.reduce((sum, delta) => sum + (k ? delta.ids.length + delta.gone.length : delta.rowPicture.length), n));
  if (deltas.length + 1 > mostDeltas) return `there are ${deltas.length} deltas`;
  if (rows > mostShare * base.rows || products > mostShare * base.products)
    return `more than ${100 * mostShare} % of it stands in deltas`;
  if (part.bytes.length > maxPart) return 'so much changed';
  return Buffer.byteLength(model) + 25 * (deltas.length + 1) + 130 > roomForCurrent ? 'current.json would be too long' : null;
}

// published: what readPublished gave, or null
// -> null, or { next: { base, deltas, model }, base: its JSON, parts, change: of a delta, why: of a whole base, left: fields
// without a column, ordered: rows as the base has them }
export async function nextGeneration(published, contents, { model, what, told }) {
  const whole = async (why) => {
    const { base, part, parts, left, ordered } = await makeBaseFiles(contents, what, told);
    return { next: { base: part.hash, deltas: [], model }, base, parts: [...parts, part], change: null, why, left, ordered };
  };
  if (!published) return whole('first');
  const { base: before, current } = published;
  const why = unlike(published, contents, what);
  if (why) return whole(why);
  const change = difference(published, contents);
  const parts = [], deltas = [...current.deltas];
  if (change.changed.length || change.gone.length) {
    const part = makeDelta(change, contents, new Map(published.contents.ids.map((id, i) => [id, i])));
    const much = tooMuch(published, change, part, model);
    if (much) return whole(much);
    parts.push(part);
    deltas.push(part.hash);
  }
  // kin.null counts the base's queries, which deltas do not change.
  const metadata = { ...contents.metadata, ...before.metadata['kin.null'] && { 'kin.null': before.metadata['kin.null'] } };
  const base = sameJson(metadata, before.metadata) ? before : { ...before, metadata };
  const basePart = makeBase(base);
  if (!parts.length && basePart.hash === current.base && model === current.model) return null;
  if (base !== before) parts.push(basePart);
  return { next: { base: basePart.hash, deltas, model }, base, parts, change, why: null, left: [], ordered: published.contents };
}
