// Published columns: which names look private, and one type for each column.
import { UsageError } from './options.js';

// A catalogue is a static file that anyone can download. Names are taken apart at case changes
// and punctuation, so that `unitCost`, `UNIT_COST` and `cost-eur` are all seen, `costume` is not.
const privateWords = new Set(`cost costs cogs ek purchase wholesale margin margins markup
  achat achats cout coût couts coûts marge marges coste costes costo costi margen margine
  profit supplier suppliers vendor email emails mail phone telephone mobile stock
  inventory quantity qty bestand onhand reserved reorder warehouse customer customers secret
  password token internal private`.split(/\s+/));

const privateParts = /e-?mail|on.?hand|einkauf|inkoop|lieferant|leverancier|fournisseur|proveedor|fornitor|lagerbestand|voorraad/i;

export function looksPrivate(column) {
  const words = column.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
    .split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  return words.some((word) => privateWords.has(word)) || privateParts.test(column);
}

/* ---- the notation of a CSV cell ---- */

const sign = `US\\$|R\\$|\\p{Sc}|zł|kr|Kč|Ft|lei|${Intl.supportedValuesOf('currency').join('|')}`;
const amount = new RegExp(`^(-?)\\s*(${sign})?\\s*(-?)(\\d[\\d.,'’\\s]*?|[.,][\\d.,]*)\\s*(${sign})?$`, 'u');
// Thousands by blanks or apostrophes. A blank alone may part two numbers: 116 122.
const parted = /^[1-9]\d{0,2}(?:[\s'’]\d{3})+(?:[.,]\d+)?$/;
const dots = /^(?:0|[1-9]\d*)(?:\.\d+)?$/;
const commas = /^(?:0|[1-9]\d*|[1-9]\d{0,2}(?:\.\d{3})+)(?:,\d+)?$/;
const thousands = /^[1-9]\d{0,2},\d{3}$/;
const grouped = /^[1-9]\d{0,2}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})$/;

// -> { digits, negative, currency }, or null. Longer ones lose digits as a number: they are article numbers.
function readAmount(cell) {
  if (cell.length > 64) return null;
  const [, before, first = '', after, written, last = ''] = amount.exec(cell) ?? [];
  if (!written || before && after || first && last || written.replace(/\D/g, '').length > 15) return null;
  const currency = first || last;
  if (/[\s'’]/.test(written) && !(parted.test(written) && (currency || /[^\d ]/.test(written)))) return null;
  return { digits: written.replace(/[\s'’]/g, ''), negative: Boolean(before || after), currency };
}

// Currencies of three decimals; in all others 1.299 may be a thousand and more.
const ofThree = new Set(['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND']);

// -> { way, currency }; way: dot (1.50), comma (1,50), either (15, 1.500), dotted (1.500 €), grouped (1,299.00), unclear (1,500),
// boolean, list, several (a list that is none of JSON) or text.
function notation(cell) {
  if (Array.isArray(cell)) return { way: 'several' };
  if (/^(?:true|false)$/i.test(cell)) return { way: 'boolean' };
  if (cell[0] === '[' && stringList(cell)) return { way: 'list' };
  const { digits, currency } = readAmount(cell) ?? {};
  const [dot, comma] = [dots.test(digits), commas.test(digits)];
  const either = digits?.includes('.') && currency && !ofThree.has(currency) ? 'dotted' : 'either';
  const way = grouped.test(digits) ? 'grouped' : thousands.test(digits) ? 'unclear'
    : dot && comma ? either : dot ? 'dot' : comma ? 'comma' : 'text';
  return { way, currency };
}

function stringList(cell) {
  try {
    const list = JSON.parse(cell);
    return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : null;
  } catch {
    return null;
  }
}

function toNumber(cell, change) {
  const { digits, negative } = readAmount(cell);
  return Number(change(digits)) * (negative ? -1 : 1) + 0; // no -0
}

// What a column can be: the notations it takes, its type, how a value becomes one.
const asIs = { type: 'number', name: 'numbers', read: (cell) => toNumber(cell, (digits) => digits) };
const kinds = {
  whole: { ways: ['either'], ...asIs },
  dot: { ways: ['dot', 'either', 'dotted'], ...asIs },
  comma: { ways: ['comma', 'either', 'dotted', 'unclear'], type: 'number', name: 'numbers with decimal comma',
    read: (cell) => toNumber(cell, (digits) => digits.replaceAll('.', '').replace(',', '.')) },
  grouped: { ways: ['grouped', 'dot', 'either', 'dotted', 'unclear'], type: 'number', name: 'numbers with commas for thousands',
    read: (cell) => toNumber(cell, (digits) => digits.replaceAll(',', '')) },
  boolean: { ways: ['boolean'], type: 'boolean', name: 'true or false', read: (cell) => cell.toLowerCase() === 'true' },
  list: { ways: ['list'], type: 'list', name: 'lists', read: stringList },
};
// The kinds that a cell is a sign of: of two that fit as many cells, the first. A decimal dot makes 1,500 a thousand.
const kindsOf = { dot: ['dot', 'grouped'], either: ['whole'], comma: ['comma'], grouped: ['grouped'], boolean: ['boolean'],
  list: ['list'] };

/* ---- one type for each column ---- */

const shown = (value) => JSON.stringify(value).replace(/\p{C}+/gu, ' ').slice(0, 60);

// A column looks at all its values and then gives them one type. It keeps how often which notation came, and where
// first. Once decided: { type, note: what was read, odd: the value that kept it from what most are }.
class Column {
  type = 'string';
  note = 'text';
  odd = null;
  read = String;
  seen = new Map();

  look(row, value) {
    const { way, currency = '' } = this.notation(value);
    const key = `${way} ${currency}`;
    if (!this.seen.has(key)) this.seen.set(key, { way, currency, n: 0, row, value });
    this.seen.get(key).n++;
  }

  // `most`: what most values are, as { name, fits }.
  tellOdd(most) {
    const strange = [...this.seen.values()].filter((group) => !most?.fits(group));
    const [first] = strange.sort((a, b) => a.row - b.row);
    const others = strange.reduce((sum, { n }) => sum + n, -1);
    const mark = { unclear: 'comma', dotted: 'dot' }[first.way];
    this.odd = `row ${first.row} has ${shown(first.value)}, ` +
      (mark ? `whose ${mark} may part thousands or decimals` : `most others are ${most.name}`) +
      (others ? `; ${others} more like it` : '');
  }
}

class CellColumn extends Column {
  notation = notation;

  decide() {
    const groups = [...this.seen.values()];
    const count = (fits) => groups.reduce((sum, group) => sum + (fits(group) ? group.n : 0), 0);
    const all = count(() => true);
    if (groups.some(({ way }) => way === 'several')) {
      [this.type, this.note, this.read] = ['list', 'lists', (value) => (Array.isArray(value) ? value : [value])];
      return;
    }
    const signs = groups.flatMap(({ way, currency }) => (kindsOf[way] ?? []).map((kind) => [kinds[kind], currency]));
    const best = signs.map(([kind, currency]) => {
      const fits = (group) => kind.ways.includes(group.way) && group.currency === currency;
      return { ...kind, name: kind.name + (currency && ` in ${currency}`), fits, n: count(fits) };
    }).sort((a, b) => b.n - a.n)[0];
    if (best?.n === all) [this.type, this.note, this.read] = [best.type, best.name, best.read];
    else if (2 * count(({ way }) => way !== 'text') >= all && all) this.tellOdd(best);
  }
}

const valueNames = { string: 'text', number: 'numbers', boolean: 'true or false', list: 'lists' };

class ValueColumn extends Column {
  notation = (value) => ({ way: Array.isArray(value) ? 'list' : typeof value });

  decide() {
    const groups = [...this.seen.values()].sort((a, b) => b.n - a.n);
    const [most] = groups;
    this.type = groups.some(({ way }) => way === 'list') ? 'list' : groups.length === 1 ? most.way : 'string';
    this.note = valueNames[this.type];
    this.read = this.type === 'list' ? (value) => (Array.isArray(value) ? value : [String(value)])
      : this.type === 'string' ? String : (value) => value;
    if (groups.length > 1)
      this.tellOdd({ name: valueNames[most.way], fits: ({ way }) => way === most.way });
  }
}

class TextColumn extends Column {
  notation = () => ({ way: 'text' });
  decide() {}
  read = (value) => (Array.isArray(value) ? JSON.stringify(value) : String(value));
}

// The published columns of a file; `cells`: values are CSV text, else JSON. `text` names those that stay text.
export class Columns {
  #columns;

  constructor(fields, { cells, text = [] }) {
    const strange = text.find((field) => !fields.includes(field));
    if (strange !== undefined)
      throw new UsageError(`--text names '${strange}', which is not published: name it in --fields too`);
    const Kind = cells ? CellColumn : ValueColumn;
    this.#columns = new Map(fields.map((field) => [field, text.includes(field) ? new TextColumn() : new Kind()]));
  }

  // A value that has no type is its row's error. Rows that failed have no say.
  check(row) {
    for (const [field, value] of Object.entries(row.item)) {
      if (row.error || !this.#columns.has(field)) continue;
      if (typeof value === 'object' && value !== null && !(Array.isArray(value) && value.every((one) => typeof one === 'string')))
        row.error = new Error(`its ${field} is neither a string, number, boolean nor a list of strings: name the fields without it, such as --fields price,colour`);
      if (Math.abs(value) === Infinity) row.error = new Error(`its ${field} is a number beyond 1.8e308, which JSON would drop`);
    }
  }

  look(row) {
    for (const [field, value] of Object.entries(row.item)) this.#columns.get(field)?.look(row.row, value);
  }

  decide() {
    for (const column of this.#columns.values()) column.decide();
  }

  // Gives the row's values their columns' types, in place.
  convert(row) {
    for (const [field, value] of Object.entries(row.item))
      if (this.#columns.has(field)) row.item[field] = this.#columns.get(field).read(value);
  }

  // { field: type }
  get types() {
    return Object.fromEntries([...this.#columns].map(([field, { type }]) => [field, type]));
  }

  // What was read, a sentence for all.
  get notes() {
    const read = [...this.#columns].map(([field, { note }]) => `${field} (${note})`).join(', ');
    return read ? [`fields: ${read}`] : [];
  }

  // A sentence for each column that few values made a text.
  get odd() {
    return [...this.#columns].filter(([, column]) => column.odd).map(([field, { note, odd }]) =>
      `'${field}' is ${note}, for which < and > are errors: ${odd} (mend it, or say --text ${field})`);
  }
}
