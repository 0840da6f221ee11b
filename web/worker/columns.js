// One field of all products of a catalogue's folder, as its column file holds it (docs/format.md), and filters and counts
// over columns, without an item being read.
import { readAs, tests } from '../shared/matcher.js';

// `offsets`: where each of n texts begins in `bytes`, and where the last ends.
export const isOffsets = (offsets, n, bytes) => offsets.length === n + 1 && offsets[0] === 0 && offsets[n] === bytes.length &&
  offsets.every((at, i) => !i || at >= offsets[i - 1]);

// `copy(name, type)` -> the values of a tensor, none where it is not there. `broken`: throws.
export function readColumn(type, products, copy, broken) {
  const value = copy('value', { number: 'F64', boolean: 'U8' }[type] ?? 'U32'), has = copy('has', 'U8'), offsets = copy('value_offsets', 'U32');
  const words = type === 'boolean' ? [false, true] : type === 'number' ? [] : wordsOf(copy('word_offsets', 'U32'), copy('words', 'U8'), broken);
  const right = type === 'number' ? has.length === products && value.length === products && value.every(Number.isFinite)
    : type === 'list' ? has.length === products && value.every((word) => word < words.length) && isOffsets(offsets, products, value)
      : value.length === products && value.every((word) => word <= words.length);
  return right ? { type, value, has, offsets, words } : broken();
}

function wordsOf(offsets, bytes, broken) {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  if (!isOffsets(offsets, offsets.length - 1, bytes)) broken();
  return Array.from(offsets.subarray(1), (end, i) => decoder.decode(bytes.subarray(offsets[i], end)));
}

// What an item holds; null: nothing.
export function valueAt({ type, value, has, offsets, words }, i) {
  if (type === 'number') return has[i] ? value[i] : null;
  if (type === 'list') return has[i] ? Array.from(value.subarray(offsets[i], offsets[i + 1]), (word) => words[word]) : null;
  return value[i] ? words[value[i] - 1] : null;
}

// A test over one column -> u8 [products]. A loop each by itself, of numbers alone and without a call or a branch that the
// values decide: 100,000 products take a fraction of a millisecond.
function testNumbers({ value, has }, verdict, none, want, out) {
  for (let i = 0; i < out.length; i++) out[i] = has[i] ? verdict[1 + (value[i] > want) - (value[i] < want)] : none;
}

function testLists({ value, has, offsets }, word, other, none, out) {
  if (other || none) for (let i = 0; i < out.length; i++) out[i] = has[i] ? other : none;
  if (word < 0) return;
  for (let k = 0, i = 0; k < value.length; k++)
    if (value[k] === word) {
      while (offsets[i + 1] <= k) i++;
      out[i] = 1;
    }
}

function testWords({ value }, verdict, out) {
  for (let i = 0; i < out.length; i++) out[i] = verdict[value[i]];
}

function testEach(column, passes, none, out) {
  for (let i = 0; i < out.length; i++) {
    const have = valueAt(column, i);
    out[i] = have === null ? none : +passes(have);
  }
}

function test({ op, want, type, missing = true }, column, products) {
  const out = new Uint8Array(new ArrayBuffer(4 * Math.ceil(products / 4)), 0, products), none = +missing, passes = (have) => tests[op](have, want);
  if (!column) out.fill(none); // no item of the base has it, or a filter of no tests, which all pass
  else if (column.type !== type) // items of deltas made it another type
    testEach(column, (have) => passes(readAs(type, have)), none, out);
  else if (type === 'number' && (op === 'in' || want === null)) testEach(column, passes, none, out);
  else if (type === 'number') testNumbers(column, Uint8Array.from([-1, 0, 1], (have) => tests[op](have, 0)), none, want, out);
  else if (type === 'list') // but by `has` they are only compared with null
    testLists(column, op === 'has' ? column.words.indexOf(want) : -1, +(op !== 'has' && passes([])), none, out);
  else testWords(column, Uint8Array.from([missing, ...column.words.map(passes)]), out);
  return out;
}

// A filter's tree (shared/matcher.js) over columns, a Map by field -> u8 [products]: 1 where it holds. Four products at a time.
export function matching({ and, or, not, ...node }, columns, products) {
  if (!and?.length && !or && !not) return test(node, columns.get(node.field), products);
  const [out, ...parts] = (and ?? or ?? [not]).map((part) => matching(part, columns, products));
  const words = new Uint32Array(out.buffer);
  if (not) for (let i = 0; i < words.length; i++) words[i] ^= 0x01010101;
  for (const part of parts) join(words, new Uint32Array(part.buffer), !!and);
  return out;
}

function join(words, others, both) {
  if (both) for (let i = 0; i < words.length; i++) words[i] &= others[i];
  else for (let i = 0; i < words.length; i++) words[i] |= others[i];
}

export function countOf(mask) {
  let n = 0;
  for (let i = 0; i < mask.length; i++) n += mask[i];
  return n;
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
