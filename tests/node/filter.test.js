// The filter language, as text and as objects, and its sentences.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeColumns } from '../../catalog/lib/columns.js';
import { readTensors } from '../../catalog/lib/parts.js';
import { compileFilter, readFilter } from '../../web/page/filter.js';
import { refine } from '../../web/page/refine.js';
import { hintsOf } from '../../web/shared/draft.js';
import { fieldsOf, matching, readColumn } from '../../web/worker/columns.js';

const items = [
  { color: 'red', price: 3, tags: ['new', 'in sale'], sale: true, size: '42' },
  { color: 'Red', price: 60, tags: [], sale: false, size: '43' },
  { color: 'dark blue', price: 50.5, tags: ['new'], size: '42' },
  { price: -1, color: 'or' },
];
const types = { color: 'string', price: 'number', tags: 'list', sale: 'boolean', size: 'string' };
const matches = (filter) => items.flatMap((item, i) => (compileFilter(filter, types)(item) ? [i] : []));

test('filters match what they say', () => {
  const cases = [
    ['color = red', [0]], ['color != red', [1, 2, 3]], [`color = "dark blue"`, [2]], [`color='dark blue'`, [2]],
    ['color in (red, "dark blue")', [0, 2]], ['color = "or"', [3]], ['price < 50.5', [0, 3]], ['price <= 50.5', [0, 2, 3]],
    ['price > 50.5', [1]], ['price >= 50.5', [1, 2]], ['price = -1', [3]], ['price<4 and sale', [0]],
    ['sale', [0]], ['not sale', [1, 2, 3]], ['sale = false', [1]], ['sale = null', [2, 3]], ['sale != true', [1]],
    ['tags has new', [0, 2]], ['tags has "in sale"', [0]], ['not tags has new', [1, 3]], ['tags = null', [3]],
    ['size = 42', [0, 2]], ['size in (42, 43)', [0, 1, 2]], ['size in (43, null)', [1, 3]],
    ['price < 4 or price > 55 and sale', [0, 3]], ['(price < 4 or price > 55) and not sale', [1, 3]],
    ['NOT (color = red OR color = Red)', [2, 3]], ['not not sale', [0]], ['((sale))', [0]],
    [{ color: 'red' }, [0]], [{ color: { in: ['red', 'Red'] }, price: { lt: 50 } }, [0]], [{ color: ['red', 'or'] }, [0, 3]],
    [{ price: { ge: 3, lt: 60 } }, [0, 2]], [{ or: [{ sale: true }, { price: -1 }] }, [0, 3]], [{ not: { sale: true } }, [1, 2, 3]],
    [{ tags: { has: 'new' } }, [0, 2]], [{ sale: null }, [2, 3]], [{}, [0, 1, 2, 3]], [{ price: { '<': 0 } }, [3]],
    [{ and: ['price < 50', { sale: true }] }, [0]], [{ not: 'sale or price < 0' }, [1, 2]],
  ];
  for (const [filter, wanted] of cases) assert.deepEqual(matches(filter), wanted, JSON.stringify(filter));
});

test('an object of another writer, which holds a toString of its own, is read as its JSON', () => {
  const odd = JSON.parse('{"toString":1,"valueOf":2}'), mixed = [{ a: odd, b: [odd, 'x'], c: odd }, { a: 'x', b: 'x', c: odd }, { a: 3, b: odd }];
  const known = { a: 'string', b: 'list', c: 'object' };
  const found = (filter) => mixed.map(compileFilter(filter, known));
  assert.deepEqual(found('a = x'), [false, true, false]);
  assert.deepEqual(found('b has x'), [true, true, false]);
  assert.deepEqual(found('not b has x'), [false, false, true]);
  const json = '{"toString":1,"valueOf":2}';
  assert.deepEqual(refine(['a', 'b', 'c'], 0, {}, known)(null, 3, (i) => mixed[i]), {
    a: [{ value: '3', count: 1 }, { value: 'x', count: 1 }, { value: json, count: 1 }],
    b: [{ value: 'x', count: 2 }, { value: json, count: 2 }],
    c: [{ value: json, count: 2 }],
  });
  const pack = { languages: ['en'], labels: [{ kind: 'object', label: 'shoe', phrases: ['a shoe'] }] };
  assert.deepEqual([...hintsOf(pack, [{ item: { title: odd } }, { item: { title: 'Red shoe' } }])].map(([label]) => label), ['shoe']);
});

test('quotes, escapes and Unicode in values', () => {
  const odd = [{ name: `it's "x" \\` }, { name: 'größe (42)' }];
  const found = (filter) => odd.findIndex(compileFilter(filter, { name: 'string' }));
  assert.equal(found(`name = "it's \\"x\\" \\\\"`), 0);
  assert.equal(found(`name = 'it\\'s "x" \\\\'`), 0);
  assert.equal(found(`name = 'größe (42)'`), 1);
});

test('a bare value is what its field is, digit for digit', () => {
  const odd = [{ zip: '01234' }, { zip: '1234' }, { zip: '1e3' }, { zip: '1000' }, { zip: '5.0' }];
  const found = (filter) => odd.flatMap((item, i) => (compileFilter(filter, { zip: 'string' })(item) ? [i] : []));
  assert.deepEqual(found('zip = 01234'), [0]);
  assert.deepEqual(found('zip in (1e3, 5.0)'), [2, 4]);
  assert.deepEqual(odd.filter(compileFilter('zip = 1e3', { zip: 'number' })), []);
});

test('elements of a list are texts, whatever they are in the item: a file says what a folder says', () => {
  const odd = [{ sizes: [38, 39.5] }, { sizes: ['38', 'XL'] }, { sizes: [] }, { sizes: 38 }, { sizes: [true, null] }, {}];
  const found = (filter) => odd.flatMap((item, i) => (compileFilter(filter, { sizes: 'list' })(item) ? [i] : []));
  for (const [filter, wanted] of [['sizes has 38', [0, 1, 3]], ['sizes has "38"', [0, 1, 3]], ['sizes has 39.5', [0]], ['sizes has 38.0', []], ['sizes has XL', [1]],
    ['sizes has "true"', [4]], ['not sizes has 38', [2, 4, 5]], ['sizes = null', [5]], [{ sizes: { has: '38' } }, [0, 1, 3]]])
    assert.deepEqual(found(filter), wanted, JSON.stringify(filter));
  assert.throws(() => found({ sizes: { has: 38 } }), { code: 'bad-filter', message: "'sizes' is a list of strings, but the filter compares it with 38." });
});

test('fields named as what every object inherits', () => {
  const names = ['constructor', 'toString', 'valueOf', '__proto__', 'hasOwnProperty'];
  for (const name of names) {
    const [here, missing] = [JSON.parse(`{"${name}":"x"}`), {}];
    const found = (filter) => [here, missing].map(compileFilter(filter, JSON.parse(`{"${name}":"string"}`)));
    for (const filter of [`${name} = x`, JSON.parse(`{"${name}":"x"}`), JSON.parse(`{"${name}":{"in":["x"]}}`)])
      assert.deepEqual(found(filter), [true, false], name);
    assert.deepEqual(found(`${name} = null`), [false, true], name);
    assert.deepEqual([{}].map(compileFilter(`${name} < 3`, JSON.parse(`{"${name}":"number"}`))), [false], name);
  }
});

test('values of several types under one name are read as the type says, and never compared across', () => {
  const odd = [{ price: 9 }, { price: '9' }, { price: true }, { tags: 'a' }, { tags: ['b'] }];
  const types = { price: 'string', tags: 'list' };
  const found = (filter) => odd.flatMap((item, i) => (compileFilter(filter, types)(item) ? [i] : []));
  assert.deepEqual(found('price = 9'), [0, 1]);
  assert.deepEqual(found('price = "true"'), [2]);
  assert.deepEqual(found('tags has a'), [3]);
  assert.throws(() => found('price < 50'), { code: 'bad-filter' });
});

test('a wrong filter says what is wrong', () => {
  const cases = [
    ['nonsense = 1', /no field 'nonsense'; it is one of color, price, sale, size, tags\.$/],
    ['constructor = 1', /no field 'constructor'/], ['__proto__ = 1', /no field '__proto__'/],
    ['price <', /needs a value before its end/], ['price = cheap', /is a number.*"cheap"/], ['price < "3"', /is a number/],
    ['color = true', /is a string.*true/],
    ['size < 43', /'size' is a string: < and > need a number.*all its cells.*kin-clip build/],
    [{ size: { lt: 43 } }, /'size' is a string: </],
    ['color >= red', /is a string: </], ['color < "red"', /is a string: </], [{ size: 42 }, /'size' is a string.*42/],
    [{ size: { in: [42] } }, /'size' is a string.*42/], [{ price: { lt: NaN } }, /is a number/],
    [{ price: '3' }, /is a number.*"3"/], ['tags = new', /is a list: ask with has/], ['color has red', /has is for lists/],
    ['sale < true', /true or false/], ['price < null', /is a number/], ['price in 3', /needs '\('/],
    ['price in (3', /needs '\)'/], ['(price = 3', /needs '\)'/], ['price = 3 sale', /goes on with 'sale'/],
    ['and', /no field 'and'/], ['= 3', /needs a field before '='/], ['price = 3 and', /needs a field before its end/],
    ['color = "red', /cannot be read/], ['price ! 3', /cannot be read/], ['(', /needs a field/], [')', /needs a field/],
    [`${'('.repeat(1000)}sale${')'.repeat(1000)}`, /more than 64 deep/], [`${'not '.repeat(1000)}sale`, /more than 64 deep/],
    [{ price: { near: 3 } }, /no 'near'; it is one of eq, ne/], [{ price: { constructor: 3 } }, /no 'constructor'; it is one of eq, ne/], [{ or: [] }, /takes a list/],
    [{ color: { in: 'red' } }, /takes a list/], [[], /text or an object/], [7, /text or an object/],
    // as other languages write it
    ['color == "red"', /no '==': write =\.$/], ['color === red', /no '===': write =\./], ['color !== red', /no '!==': write !=\./],
    ['color <> red', /no '<>': write !=\./], ['sale && sale', /goes on with '&&' where 'and' or 'or' should be/],
    ['price < 59,90', /decimals with a point/], ['color = red, blue', /as in \(red, blue\)/],
    ['sale || sale', /goes on with '\|\|' where 'and' or 'or' should be/], ['prise < 3', /no field 'prise': did you mean 'price'\?$/],
    ['Color = red', /did you mean 'color'\?/], [{ price: { $lt: 3 } }, /no '\$lt': did you mean 'lt'\?/],
    [{ price: { gte: 3 } }, /did you mean 'ge'/], [{ price: { max: 3 } }, /did you mean 'le'/], [{ tags: { contains: 'new' } }, /did you mean 'has'/],
    [{ price: {} }, /'price' is compared with nothing/], [{ price: new Date(0) }, /compared with nothing/], [{ price: undefined }, /is a number/],
  ];
  for (const [filter, sentence] of cases)
    assert.throws(() => compileFilter(filter, types), (error) => error.code === 'bad-filter' && sentence.test(error.message),
      JSON.stringify(filter).slice(0, 60));
  assert.throws(() => compileFilter('price < 3', {}), /no field 'price': there are none\.$/);
});

test('columns of a folder say what the items say, whatever is missing and however rare it is', () => {
  const types = { price: 'number', colour: 'string', sale: 'boolean', tags: 'list', rare: 'boolean' };
  const n = 3001; // no multiple of what a loop takes at once
  const items = Array.from({ length: n }, (_, i) => ({ ...(i % 11 && { price: (i * 7919) % 1000 - 300 }), ...(i % 13 && { colour: ['red', 'blue', ''][i % 3] }),
    ...(i % 5 && { sale: i % 4 === 0 }), ...(i % 7 && { tags: [['new', 'wool'], [38], ['new'], ['old', 'new', 'old', 38, '39']][i % 4] }), ...(i % 1000 === 17 && { rare: true }) }));
  const lines = items.map((item) => Buffer.from(`${JSON.stringify(item)}\n`)), offsets = new Uint32Array(n + 1);
  lines.forEach((line, i) => { offsets[i + 1] = offsets[i] + line.length; });
  const [F64, U32, U8] = ['F64', 'U32', 'U8'].map((dtype) => [dtype, null]);
  const layouts = { number: { value: F64, has: U8 }, boolean: { value: U8 }, string: { value: U32, word_offsets: U32, words: U8 },
    list: { value: U32, value_offsets: U32, has: U8, word_offsets: U32, words: U8 } };
  const columns = new Map(makeColumns({ items: Buffer.concat(lines), offsets }, Uint32Array.from({ length: n }, (_, i) => i), 'the test')
    .map(({ field, type, part }) => {
      const tensors = readTensors('the test', 'column', part.bytes, layouts[type]);
      return [field, readColumn(type, n, (name) => tensors[name] ?? [], () => assert.fail(field))];
    }));
  assert.deepEqual([...columns.keys()].sort(), Object.keys(types).sort());
  const filters = ['price < 50', 'price <= 50', 'price > 50', 'price >= 50', 'price = 50', 'price != 50', 'price in (50, 51, null)', 'price = null', 'price != null',
    'colour = red', 'colour != red', 'colour in (red, "")', 'colour = null', 'sale', 'not sale', 'sale != true', 'sale = null', 'tags has new', 'not tags has old',
    'tags has none', 'tags has 38', 'tags has 39', 'tags = null', 'tags != null', 'rare', 'not rare', 'rare and price < 200', 'price < 0 or price > 600 or colour = blue and tags has wool',
    'not (sale or price > 100) and not tags has wool and colour != blue', 'none = null'];
  for (const filter of filters) {
    const tree = readFilter(filter, { ...types, none: 'string' }), passes = compileFilter(filter, { ...types, none: 'string' });
    assert.ok(fieldsOf(tree).every((field) => field === 'none' || columns.has(field)));
    assert.deepEqual(Array.from(matching(tree, columns, n)), items.map((item) => (passes(item) ? 1 : 0)), filter);
  }
});
