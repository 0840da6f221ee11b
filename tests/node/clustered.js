// Random rows around 64 centres, some of them of one product: the numbers of tests/c/clustered.h, for the same seed.
// -> { vectors: Int8Array [rows, dim], scale: Float32Array [rows], counts: rows of each product, random: the numbers that follow }
export function clustered(start, rows, dim) {
  let seed = BigInt(start);
  const random = () => Number((seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n)) >> 33n);
  const centres = Int8Array.from({ length: 64 * dim }, (_, i) => random() % 121 - 60 + 20 * (i % dim % 2));
  const vectors = new Int8Array(rows * dim), scale = new Float32Array(rows), counts = [0];
  for (let r = 0; r < rows; r++) {
    const centre = random() % 64 * dim;
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += (vectors[r * dim + i] = centres[centre + i] + random() % 81 - 40) ** 2;
    scale[r] = 1 / Math.sqrt(sum);
    counts[counts.length - 1]++;
    if (random() % 3 > 0 && r + 1 < rows) counts.push(0);
  }
  return { vectors, scale, counts, random };
}
