// What somebody who mistyped may have meant, for "did you mean".
import leven from 'leven';

// The one of names that begins with the word or it with that, else the nearest one of at most two letters' difference (of a
// short word one); undefined where there is none.
export function nearest(word, names) {
  const most = word.length < 5 ? 1 : 2;
  return names.find((name) => word.length > 2 && (name.startsWith(word) || word.startsWith(name))) ??
    names.map((name) => [leven(word, name, { maxDistance: most + 1 }), name]).sort(([a], [b]) => a - b).find(([far]) => far <= most)?.[1];
}
