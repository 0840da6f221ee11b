// The type of a field's values, as filters read them.
export const typeOf = (value) => (Array.isArray(value) ? 'list' : value === undefined || value === null ? null : typeof value);

// types: Map of field -> type. Where values differ the field is a list if one of them is, else a string: filters read
// the others so.
export function addType(types, field, value) {
  const [was, type] = [types.get(field), typeOf(value)];
  if (type) types.set(field, !was || was === type ? type : was === 'list' || type === 'list' ? 'list' : 'string');
}
export const addTypes = (types, item) => Object.entries(item).forEach(([field, value]) => addType(types, field, value));

// What a writer takes for an item, once it is parsed: an object nested at most 64 deep.
const isFlat = (value, depth = 64) => value !== Object(value) || depth > 0 && Object.values(value).every((one) => isFlat(one, depth - 1));
export const isItem = (value) => typeOf(value) === 'object' && isFlat(value);
