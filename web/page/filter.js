// Filters, as text or as an object, read to a tree of tests (shared/matcher.js):
//   or := and ('or' and)*   and := not ('and' not)*   not := 'not' not | '(' or ')' | test
//   test := field [ ('='|'!='|'<'|'<='|'>'|'>=') value | 'in' '(' value, … ')' | 'has' value ]
// A bare field means = true; a missing one matches only = null. A bare value is what its field is: 042
// is a number where that holds numbers, else the text '042'.
import { fail } from '../shared/errors.js';
import { matcher, tests } from '../shared/matcher.js';
import { instead } from './names.js';

const bad = (message) => fail('bad-filter', message);
const token = /\s*(?:(!?==+|<>|!=|<=|>=|[=<>(),])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s=<>!(),"']+))/uy;
const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;
const words = { true: true, false: false, null: null };
const names = { '=': 'eq', '!=': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge', in: 'in', has: 'has' };
const maxDepth = 64;
class Word {
  constructor(text) {
    this.text = text;
  }
  as(type) {
    return type === 'number' && number.test(this.text) ? Number(this.text) : this.text;
  }
  toJSON() {
    return this.as('number');
  }
}
const deep = () => bad(`The filter is nested more than ${maxDepth} deep.`);

function parse(text) {
  const list = [];
  for (token.lastIndex = 0; text.slice(token.lastIndex).trim();) {
    const at = token.lastIndex;
    const [, symbol, double, single, word] = token.exec(text) ??
      bad(`The filter cannot be read from '${text.slice(at).trim()}' on.`);
    if (/==|<>/.test(symbol)) bad(`A filter has no '${symbol}': write ${/[!<]/.test(symbol) ? '!=' : '='}.`);
    const quoted = (double ?? single)?.replace(/\\(.)/gsu, '$1');
    list.push({ name: symbol ?? word?.toLowerCase(), quoted, word });
  }
  let at = 0;
  let depth = 0;
  const rest = () => (at < list.length ? `'${list[at].quoted ?? list[at].word ?? list[at].name}'` : 'its end');
  const take = (name) => list[at]?.name === name && ++at > 0;
  const expect = (name) => take(name) || bad(`The filter needs '${name}' before ${rest()}.`);
  const next = (what) => {
    const { quoted, word } = list[at] ?? {};
    if ((quoted ?? word) === undefined) bad(`The filter needs a ${what} before ${rest()}.`);
    at++;
    return { quoted, word };
  };
  const value = () => {
    const { quoted, word } = next('value');
    return quoted ?? (Object.hasOwn(words, word) ? words[word] : new Word(word));
  };
  const values = () => {
    expect('(');
    const found = [value()];
    while (take(',')) found.push(value());
    expect(')');
    return found;
  };
  const test = () => {
    const { quoted, word } = next('field');
    const field = quoted ?? word;
    const name = list[at]?.name ?? '';
    if (!Object.hasOwn(names, name)) return { field, op: 'eq', value: true };
    at++;
    return { field, op: names[name], value: name === 'in' ? values() : value() };
  };
  const not = () => {
    if (++depth > maxDepth) deep();
    let node;
    if (take('not')) node = { not: not() };
    else if (take('(')) {
      node = or();
      expect(')');
    } else node = test();
    depth--;
    return node;
  };
  const chain = (word, part) => {
    const parts = [part()];
    while (take(word)) parts.push(part());
    return parts.length > 1 ? { [word]: parts } : parts[0];
  };
  const or = () => chain('or', () => chain('and', not));
  const tree = or();
  if (take(',')) bad("The filter goes on with ',': write decimals with a point (59.90) and several values as in (red, blue).");
  return at < list.length ? bad(`The filter goes on with ${rest()} where 'and' or 'or' should be.`) : tree;
}

// { color: { in: […] }, price: { lt: 50 }, sale: true, or: […], not: {…} }, or a text -> the same tree.
function treeOf(object, depth = 0) {
  if (depth > maxDepth) deep();
  if (typeof object === 'string') return parse(object);
  if (object === null || typeof object !== 'object' || Array.isArray(object))
    bad('A filter is a text or an object of fields.');
  const parts = Object.entries(object).flatMap(([field, wanted]) => {
    if (field === 'not') return { not: treeOf(wanted, depth + 1) };
    if (field === 'and' || field === 'or') {
      if (!Array.isArray(wanted) || !wanted.length) bad(`'${field}' in a filter takes a list of filters.`);
      return { [field]: wanted.map((one) => treeOf(one, depth + 1)) };
    }
    if (Array.isArray(wanted)) return { field, op: 'in', value: wanted };
    if (wanted === null || typeof wanted !== 'object') return { field, op: 'eq', value: wanted };
    const asked = Object.entries(wanted);
    return (asked.length ? asked : bad(`'${field}' is compared with nothing.`)).map(([name, value]) => {
      const op = Object.hasOwn(names, name) ? names[name] : name;
      if (!Object.hasOwn(tests, op)) bad(`A filter has no '${op}'${instead(op, Object.keys(tests))}`);
      if (op === 'in' && !Array.isArray(value)) bad(`'in' takes a list of values (field ${field}).`);
      return { field, op, value };
    });
  });
  return parts.length === 1 ? parts[0] : { and: parts };
}

const typeOf = (value) => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value);

function readTest({ field, op, value }, types) {
  if (!Object.hasOwn(types, field))
    bad(`There is no field '${field}'${instead(field, Object.keys(types).sort())}`);
  const type = types[field];
  const orders = op[0] === 'l' || op[0] === 'g';
  if ((op === 'has') !== (type === 'list') && value !== null)
    bad(type === 'list' ? `'${field}' is a list: ask with has.` : `'${field}' is a ${type}: has is for lists.`);
  const wanted = type === 'list' ? 'string' : type;
  if (orders && type === 'boolean') bad(`'${field}' is true or false: < and > cannot be asked.`);
  if (orders && type !== 'number')
    bad(`'${field}' is a ${type}: < and > need a number. A column is one only if all its cells are, in one notation; ` +
      `'npx kin-clip build' names the first that is not.`);
  const read = (one) => {
    const given = one instanceof Word ? one.as(wanted) : one;
    if (typeOf(given) !== wanted && (given !== null || orders || op === 'has') || Number.isNaN(given))
      bad(`'${field}' is a ${type === 'list' ? 'list of strings' : type}, but the filter compares it with ${JSON.stringify(one) ?? typeof one}.`);
    return given;
  };
  const want = op === 'in' ? value.map(read) : read(value);
  return { field, op, want, type, missing: op === 'eq' ? want === null : op === 'in' && want.includes(null) };
}

// The same tree with its tests checked and their values read, as matcher() takes it.
function check(node, types) {
  const parts = (node.and ?? node.or)?.map((part) => check(part, types));
  return parts ? { [node.and ? 'and' : 'or']: parts } : node.not ? { not: check(node.not, types) } : readTest(node, types);
}

// `types`: { field: 'string' | 'number' | 'boolean' | 'list' }.
export const readFilter = (filter, types) => check(treeOf(filter), types);
export const compileFilter = (filter, types) => matcher(readFilter(filter, types)); // item => boolean
