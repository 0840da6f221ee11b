// Words painted over a picture, in letters of 5 by 7 dots: white on a black bar across its middle.
const dots = { A: '0e11111f111111', E: '1f10101e10101f', I: '0e04040404040e', L: '1010101010101f', O: '0e11111111110e', P: '1e11111e101010',
  S: '0f10100e01011e', T: '1f040404040404' };

// { data, width, height } of RGB -> the same with the word on it
export function paint({ data, width, height }, word) {
  const out = Uint8Array.from(data);
  const dot = Math.floor(width * 0.9 / (word.length * 6));
  const [left, top] = [Math.floor((width - word.length * 6 * dot) / 2), Math.floor((height - 7 * dot) / 2)];
  const set = (x, y, value) => out.fill(value, 3 * (y * width + x), 3 * (y * width + x) + 3);
  for (let y = top - dot; y < top + 8 * dot; y++)
    for (let x = 0; x < width; x++) {
      const [letter, row] = [Math.floor((x - left) / (6 * dot)), Math.floor((y - top) / dot)];
      const column = Math.floor((x - left) / dot) - 6 * letter;
      const bits = row >= 0 && row < 7 && word[letter] ? parseInt(dots[word[letter]].slice(2 * row, 2 * row + 2), 16) : 0;
      set(x, y, column < 5 && bits >> 4 - column & 1 ? 255 : 0);
    }
  return { data: out, width, height };
}
