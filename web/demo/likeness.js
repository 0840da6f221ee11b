// How alike, in words. A cosine means little by itself: among photos 0.6 can be nothing special, between words and
// pictures 0.3 can be a perfect match, and both depend on the model. What can be said is how far a hit stands out
// from the catalogue's ordinary products, in units of their spread. Among some thousand products the best by chance
// alone stands about three of these out.
const least = 20; // products that it takes to tell what is ordinary

// -> { middle, spread } of the scores that the whole catalogue gives to a query, or null
export async function ordinary(catalog, query, options) {
  const { products } = catalog.info;
  if (products < least) return null;
  const score = async (part) => {
    const { hits } = await catalog.search(query, { ...options, limit: 1, offset: Math.floor(products * part) });
    return hits[0]?.score ?? 0;
  };
  const middle = await score(0.5);
  return { middle, spread: Math.max(1e-3, await score(0.16) - middle) }; // 16 % lie more than a deviation above
}

const words = { photo: ['Hardly similar', 'A little similar', 'Similar', 'Very similar'], text: ['Hardly fits', 'Fits a little', 'Fits well', 'Fits very well'] };

// -> { level: 1 to 4, word }, or null where there is nothing to compare with
export function likeness(score, usual, kind) {
  if (!usual) return null;
  const out = (score - usual.middle) / usual.spread;
  const level = 1 + [3, 4, 5].filter((bound) => out >= bound).length;
  return { level, word: words[kind][level - 1] };
}
