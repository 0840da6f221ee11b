// Sign bits of rows, as src/codes.c makes them, and what a query needs to guess scores from them:
//   bit i of a row = vectors[row][i] > mean[i]
//   mean[i]        the mean of column i, rounded down
//   spread[i]      the mean of |vectors[row][i] - mean[i]|, rounded down, at least 1
// Both over at most 65,536 rows at equal steps. Finer codes, for words, cut a number into 2^(planes + 1) levels by steps
// from the mean on, as src/codes.h says; the first bit of a level is that of the code, the others are planes.

const sample = 65536;

export const codeBytes = (dim) => Math.ceil(dim / 128) * 16;

// vectors: Int8Array [rows, dim] -> { mean: Int8Array [dim], spread: Uint8Array [dim] }
export function trainCodes(vectors, dim) {
  const rows = vectors.length / dim, step = Math.floor(rows / sample) + 1, n = Math.max(1, Math.ceil(rows / step));
  const sums = new Int32Array(dim), apart = new Int32Array(dim); // at most 65,536 * 255
  for (let row = 0; row < rows; row += step)
    for (let i = 0; i < dim; i++) sums[i] += vectors[row * dim + i];
  const mean = Int8Array.from(sums, (sum) => Math.floor(sum / n));
  for (let row = 0; row < rows; row += step)
    for (let i = 0; i < dim; i++) apart[i] += Math.abs(vectors[row * dim + i] - mean[i]);
  return { mean, spread: Uint8Array.from(apart, (sum) => Math.max(1, Math.floor(sum / n))) };
}

// -> Uint8Array [rows, codeBytes(dim)]: bit i is bit i & 7 of byte i >> 3
export function codesOf(vectors, dim, mean) {
  const rows = vectors.length / dim, width = codeBytes(dim);
  const codes = new Uint8Array(rows * width);
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = 0; i < dim; i++, at++) if (vectors[at] > mean[i]) codes[row * width + (i >> 3)] |= 1 << (i & 7);
  return codes;
}

// Steps in sixteenths of the spread, by the number of planes.
export const farSteps = [null, 20, 12, 7];

// -> Uint8Array [rows, planes, codeBytes(dim)]
export function farCodesOf(vectors, dim, { mean, spread }, planes) {
  const rows = vectors.length / dim, width = codeBytes(dim), half = 2 ** planes;
  const codes = new Uint8Array(rows * planes * width), steps = Array.from(spread, (one) => one * farSteps[planes]);
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = 0; i < dim; i++, at++) {
      const level = Math.min(2 * half - 1, Math.max(0, half + Math.floor((16 * (vectors[at] - mean[i]) - 1) / steps[i])));
      for (let plane = 0; plane < planes; plane++)
        if (level >> planes - 1 - plane & 1) codes[(row * planes + plane) * width + (i >> 3)] |= 1 << (i & 7);
    }
  return codes;
}
