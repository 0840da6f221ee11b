// What a filter's tree of tests says of an item:
//   { and: [node, …] } | { or: [node, …] } | { not: node } | { field, op, want, type, missing }
// missing: what the test says of an item without the field.
export const tests = {
  eq: (have, want) => have === want, ne: (have, want) => have !== want,
  lt: (have, want) => have < want, le: (have, want) => have <= want,
  gt: (have, want) => have > want, ge: (have, want) => have >= want,
  in: (have, want) => want.includes(have), has: (have, want) => have.some((one) => textOf(one) === want),
};
// An object or a list has its JSON: as a text it could throw, if it holds something called toString.
export const textOf = (value) => (value === Object(value) ? JSON.stringify(value) : String(value));
// Values of several types under one name are read as its type says: as texts, or as lists, whose elements are texts as a folder's
// columns hold them.
const readers = { string: textOf, object: textOf, list: (have) => (Array.isArray(have) ? have : [have]) };
export const readAs = (type, have) => readers[type]?.(have) ?? have;
// What a filter can ask a field for, each once, of an item that has `have` there.
export const valuesOf = (type, have) =>
  (have === null ? [] : type === 'list' ? new Set(readAs(type, have).map(textOf)) : [readAs(type, have)]);
// Own fields only: every object inherits a 'constructor'.
export const valueOf = (item, field) => (Object.hasOwn(item, field) ? item[field] : null) ?? null;

export function matcher({ and, or, not, field, op, want, type, missing }) {
  const parts = (and ?? or)?.map(matcher);
  if (and) return (item) => parts.every((part) => part(item));
  if (or) return (item) => parts.some((part) => part(item));
  if (not) {
    const part = matcher(not);
    return (item) => !part(item);
  }
  return (item) => {
    const have = valueOf(item, field);
    return have === null ? missing : tests[op](readAs(type, have), want);
  };
}
