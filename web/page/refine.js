// What a search may be asked beside its hits: how often each value of a field occurs, and whether confidence can be asked
// for at all.
import { fail } from '../shared/errors.js';
import { valueOf, valuesOf } from '../shared/matcher.js';
import { instead } from './names.js';

const most = 100; // values of a field that are told

// -> count(mask, products, itemOf): `mask` has 1 for each of `products` that passes the filter; null: all. It gives
// { field: [{ value, count }, …] }, most frequent first, then by value. A list counts once for each of its values, a
// missing value not at all.
export function refine(fields = [], minConfidence, metadata, types) {
  const known = Object.keys(types).sort();
  for (const field of fields)
    if (!known.includes(field)) fail('bad-argument', `There is no field '${field}' to count${instead(field, known)}`);
  if (minConfidence && !metadata['kin.null'])
    fail('unsupported', 'minConfidence needs statistics, which this catalogue does not hold (build it again), or which an adapter makes void (open it without).');
  return (mask, products, itemOf) => {
    const counts = new Map(fields.map((field) => [field, new Map()]));
    for (let i = 0; i < products; i++) {
      if (mask && !mask[i]) continue;
      const item = itemOf(i);
      for (const [field, values] of counts) {
        for (const value of valuesOf(types[field], valueOf(item, field))) values.set(value, (values.get(value) ?? 0) + 1);
      }
    }
    return Object.fromEntries(Array.from(counts, ([field, values]) => [field, mostFrequent(values)]));
  };
}

// counts: [[value, count], …]
export const mostFrequent = (counts) => Array.from(counts, ([value, count]) => ({ value, count }))
  .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, most);
