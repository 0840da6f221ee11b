// The filter language: text or objects -> one predicate over items.
//   or := and ('or' and)*    and := not ('and' not)*    not := 'not' not | '(' or ')' | test
//   test := field [ ('=' '!=' '<' '<=' '>' '>=') value | 'in' '(' value, … ')' | 'has' value ]
// Values: 'text', "text", a bare word, a number, true, false, null. A bare field means = true. A
// missing field matches only = null. Comparing things of different types is an error with the types.
import { fail } from './errors.js';

const bad = (message) => fail('bad-filter', message);
const token = /\s*(?:(!=|<=|>=|[=<>(),])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s=<>!(),"']+))/uy;
const plainNumber = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;
const words = { true: true, false: false, null: null };
const operators = { '=': 'eq', '!=': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge', in: 'in', has: 'has' };
const maxDepth = 64;

function tokens(text) {
  const found = [];
  token.lastIndex = 0;
  while (text.slice(token.lastIndex).trim()) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) bad(`The filter cannot be read from '${text.slice(at).trim()}' on.`);
    const [, symbol, double, single, word] = match;
    const quoted = double ?? single;
    found.push(symbol ? { symbol } : quoted !== undefined ? { quoted: quoted.replace(/\\(.)/gsu, '$1') } : { word });
  }
  return found;
}

function parse(text) {
  const list = tokens(text);
  let at = 0;
  let depth = 0;
  const is = (name) => list[at] && (list[at].symbol === name || list[at].word?.toLowerCase() === name);
  const take = (name) => is(name) && ++at > 0;
  const rest = () => (at < list.length ? `'${Object.values(list[at])[0]}'` : 'its end');
  const expect = (name) => take(name) || bad(`The filter needs '${name}' before ${rest()}.`);

  function value() {
    const { quoted, word } = list[at++] ?? {};
    if (quoted !== undefined) return quoted;
    if (word === undefined) {
      at--;
      bad(`The filter needs a value before ${rest()}.`);
    }
    return word in words ? words[word] : plainNumber.test(word) ? Number(word) : word;
  }

  function test() {
    const { word, quoted } = list[at] ?? {};
    const field = quoted ?? word;
    if (field === undefined) bad(`The filter needs a field before ${rest()}.`);
    at++;
    const name = list[at]?.symbol ?? list[at]?.word?.toLowerCase();
    if (!Object.hasOwn(operators, name ?? '')) return { field, op: 'eq', value: true };
    at++;
    if (name !== 'in') return { field, op: operators[name], value: value() };
    const values = [];
    expect('(');
    do values.push(value()); while (take(','));
    expect(')');
    return { field, op: 'in', value: values };
  }

  function not() {
    if (++depth > maxDepth) bad(`The filter is nested more than ${maxDepth} deep.`);
    try {
      if (take('not')) return { not: not() };
      if (!take('(')) return test();
      const inner = or();
      expect(')');
      return inner;
    } finally {
      depth--;
    }
  }

  function chain(word, part) {
    const parts = [part()];
    while (take(word)) parts.push(part());
    return parts.length === 1 ? parts[0] : { [word]: parts };
  }
  const and = () => chain('and', not);
  const or = () => chain('or', and);

  const tree = or();
  if (at < list.length) bad(`The filter goes on with ${rest()} where 'and' or 'or' should be.`);
  return tree;
}

// { color: { in: […] }, price: { lt: 50 }, sale: true, and|or: […], not: {…} } -> the same tree.
function fromObject(object, depth = 0) {
  if (depth > maxDepth) bad(`The filter is nested more than ${maxDepth} deep.`);
  if (object === null || typeof object !== 'object' || Array.isArray(object))
    bad('A filter is a text or an object of fields.');
  const parts = Object.entries(object).flatMap(([field, wanted]) => {
    if (field === 'not') return [{ not: fromObject(wanted, depth + 1) }];
    if (field === 'and' || field === 'or') {
      if (!Array.isArray(wanted) || !wanted.length) bad(`'${field}' in a filter takes a list of filters.`);
      return [{ [field]: wanted.map((one) => fromObject(one, depth + 1)) }];
    }
    if (Array.isArray(wanted)) return [{ field, op: 'in', value: wanted }];
    if (wanted === null || typeof wanted !== 'object') return [{ field, op: 'eq', value: wanted }];
    return Object.entries(wanted).map(([op, value]) => {
      const name = operators[op] ?? op;
      if (!Object.values(operators).includes(name))
        bad(`A filter knows ${Object.values(operators).join(', ')}, not '${op}'.`);
      if (name === 'in' && !Array.isArray(value)) bad(`'in' takes a list of values (field ${field}).`);
      return { field, op: name, value };
    });
  });
  return parts.length === 1 ? parts[0] : { and: parts };
}

const typeOf = (value) => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value);

// The type that the values of `field` have: 'string' | 'number' | 'boolean' | 'list' | undefined.
function checkTypes({ field, op, value }, types) {
  if (!Object.hasOwn(types, field))
    bad(`There is no field '${field}'; the fields are ${Object.keys(types).sort().join(', ') || 'none'}.`);
  const type = types[field];
  for (const one of op === 'in' ? value : [value]) {
    const given = typeOf(one);
    if (given === 'null' && (op === 'eq' || op === 'ne' || op === 'in')) continue;
    if (op === 'has' ? type !== 'list' : type === 'list')
      bad(type === 'list' ? `'${field}' is a list: ask with has.` : `'${field}' is a ${type}, not a list: has cannot be asked.`);
    const wanted = op === 'has' ? 'string' : type;
    if (given === wanted) continue;
    // A bare word that looks like a number or like true is still a text where the field is one.
    bad(`'${field}' is a ${wanted}, but the filter compares it with ${JSON.stringify(one) ?? given} (${given}).`);
  }
  if (type === 'boolean' && /^[lg][te]$/.test(op)) bad(`'${field}' is true or false: < and > cannot be asked.`);
}

const tests = {
  eq: (have, want) => have === want, ne: (have, want) => have !== want,
  lt: (have, want) => have < want, le: (have, want) => have <= want,
  gt: (have, want) => have > want, ge: (have, want) => have >= want,
  in: (have, want) => want.includes(have), has: (have, want) => have.includes(want),
};

function compile(node, types) {
  if (node.and) {
    const parts = node.and.map((part) => compile(part, types));
    return (item) => parts.every((part) => part(item));
  }
  if (node.or) {
    const parts = node.or.map((part) => compile(part, types));
    return (item) => parts.some((part) => part(item));
  }
  if (node.not) {
    const part = compile(node.not, types);
    return (item) => !part(item);
  }
  const { field, op } = node;
  const isText = types[field] === 'string' || types[field] === 'list';
  const asText = (value) => (isText && typeof value === 'number' ? String(value) : value);
  const value = op === 'in' ? node.value.map(asText) : asText(node.value);
  checkTypes({ field, op, value }, types);
  const asksNull = value === null;
  return (item) => {
    const have = item[field] ?? null;
    if (have === null) return op === 'eq' ? asksNull : op === 'in' && value.includes(null);
    return tests[op](have, value);
  };
}

// `types`: { field: 'string' | 'number' | 'boolean' | 'list' } -> item => boolean.
export function compileFilter(filter, types) {
  const tree = typeof filter === 'string' ? parse(filter) : fromObject(filter);
  return compile(tree, types);
}

// The fields of a catalogue's items and their types.
export function fieldTypes(items) {
  const types = {};
  for (const item of items)
    for (const [field, value] of Object.entries(item))
      if (value !== null && typeOf(value) !== 'object') types[field] ??= typeOf(value);
  return types;
}
