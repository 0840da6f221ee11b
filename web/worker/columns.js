// One field of all products of a catalogue's folder, as its column file holds it (docs/format.md), and filters and counts
// over columns, without an item being read.
import { readAs, tests } from '../shared/matcher.js';

// `copy(name, type)` -> the values of a tensor, none where it is not there. `broken`: throws.
export function readColumn(type, products, copy, broken) {
  const value = copy('value', { number: 'F64', boolean: 'U8' }[type] ?? 'U32'), has = copy('has', 'U8'), offsets = copy('value_offsets', 'U32');
  const words = type === 'boolean' ? [false, true] : type === 'number' ? [] : wordsOf(copy('word_offsets', 'U32'), copy('words', 'U8'), broken);
  const right = type === 'number' ? has.length === products && value.length === products && value.every(Number.isFinite)
    : type === 'list' ? has.length === products && offsets.length === products + 1 && value.every((word) => word < words.length) &&
      offsets[0] === 0 && offsets[products] === value.length && offsets.every((at, i) => !i || at >= offsets[i - 1])
      : value.length === products && value.every((word) => word <= words.length);
  return right ? { type, value, has, offsets, words } : broken();
}

function wordsOf(offsets, bytes, broken) {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  if (offsets[offsets.length - 1] !== bytes.length) broken();
  return Array.from(offsets.subarray(1), (end, i) => decoder.decode(bytes.subarray(offsets[i], end)));
}

// What an item holds; null: nothing.
export function valueAt({ type, value, has, offsets, words }, i) {
  if (type === 'number') return has[i] ? value[i] : null;
  if (type === 'list') return has[i] ? Array.from(value.subarray(offsets[i], offsets[i + 1]), (word) => words[word]) : null;
  return value[i] ? words[value[i] - 1] : null;
}

function test({ op, want, type, missing }, column, products) {
  const out = new Uint8Array(products), passes = tests[op];
  if (!column) return out.fill(missing ? 1 : 0); // no item of the base has it
  const { value, has, offsets, words } = column;
  if (column.type !== type) // items of deltas made it another type
    for (let i = 0; i < products; i++) {
      const have = valueAt(column, i);
      out[i] = have === null ? missing : passes(readAs(type, have), want);
    }
  else if (type === 'number')
    for (let i = 0; i < products; i++) out[i] = has[i] ? passes(value[i], want) : missing;
  else if (type === 'list') {
    const wanted = op === 'has' ? words.indexOf(want) : -1, other = op !== 'has' && passes([], want); // lists are only compared with null
    for (let i = 0; i < products; i++) {
      let found = has[i] ? other : missing;
      if (wanted >= 0) for (let k = offsets[i]; k < offsets[i + 1] && !found; k++) found = value[k] === wanted;
      out[i] = found;
    }
  } else {
    const verdict = Uint8Array.from([missing, ...words.map((word) => passes(word, want))]);
    for (let i = 0; i < products; i++) out[i] = verdict[value[i]];
  }
  return out;
}

// A filter's tree (shared/matcher.js) over columns, a Map by field -> u8 [products]: 1 where it holds.
export function matching({ and, or, not, ...node }, columns, products) {
  if (not) return matching(not, columns, products).map((one) => 1 - one);
  const parts = (and ?? or)?.map((part) => matching(part, columns, products));
  return parts ? parts.reduce(and ? (a, b) => a.map((one, i) => one & b[i]) : (a, b) => a.map((one, i) => one | b[i]))
    : test(node, columns.get(node.field), products);
}

// The fields that a tree asks about.
export const fieldsOf = ({ and, or, not, field }) => (field !== undefined ? [field] : (and ?? or ?? [not]).flatMap(fieldsOf));

// How often each value occurs among the products of the mask: Map of value -> count.
export function countValues({ type, value, has, offsets, words }, mask, products) {
  const counts = new Map(), tally = new Uint32Array(words.length + 1);
  for (let i = 0; i < products; i++)
    if (!mask[i]) continue;
    else if (type === 'number') has[i] && counts.set(value[i], (counts.get(value[i]) ?? 0) + 1);
    else if (type === 'list') for (const word of new Set(value.subarray(offsets[i], offsets[i + 1]))) tally[word + 1]++;
    else tally[value[i]]++;
  words.forEach((word, i) => tally[i + 1] && counts.set(word, tally[i + 1]));
  return counts;
}
