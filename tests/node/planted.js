// Examples in which something is planted that an adapter can learn, for the tests of adapters.

// -> { left, right, targets }: test_train.c's make_set, to the bit.
export function makeSet(n, m, dim, shown, kinds) {
  let seed = 7n;
  const u32 = () => {
    seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n);
    return Number(BigInt.asUintN(32, seed >> 33n));
  };
  const noise = () => Array.from({ length: 8 }, () => u32() % 2001 - 1000).reduce((a, b) => a + b) / 1024;
  const f = Math.fround;
  const hidden = [], right = [], left = [], targets = [];
  for (let k = 0; k < m; k++) {
    hidden.push([]);
    right.push(Array.from({ length: dim }, (_, i) => {
      const value = noise();
      if (i < 4) hidden[k].push(value);
      return i < 4 ? f(value * f(shown)) : f(1.5 * noise());
    }));
  }
  for (let j = 0; j < n; j++) {
    targets.push(kinds || n > m ? u32() % m : j);
    left.push(Array.from({ length: dim }, (_, i) => (i < 4 ? f(f(shown) * f(hidden[targets[j]][i] + f(f(0.2) * noise()))) : f(1.5 * noise()))));
  }
  return { left, right, targets };
}
