// u8 pixels -> the normalised f32 planes that the other engines take, or rows of pixels.
export function planes(pixels, { size, mean, std }) {
  const out = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i++)
    for (let c = 0; c < 3; c++) out[c * size * size + i] = (pixels[i * 3 + c] / 255 - mean[c]) / std[c];
  return out;
}

export const rows = (pixels, { mean, std }) => Float32Array.from(pixels, (v, i) => (v / 255 - mean[i % 3]) / std[i % 3]);
