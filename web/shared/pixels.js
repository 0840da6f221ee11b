// The colours of a picture's thing and of its ground, by pixels: what a model made for names hardly tells.
//
// Every few pixels one is taken, 56 a side at most, as CIELAB. The ground is what is joined to the border by pixels whose
// distance to the border's median is below 4; the rest is the thing, and where less than a fiftieth is left, the middle of
// the picture is. A pixel counts for the name that has the nearest shade, lightness counting half, and more the nearer it
// is to the middle: by exp(-r²), r from 0 in the middle to 1 at an edge's.
const side = 56;
const same = 4; // ΔE*ab of 1976: as good as even paper under even light
const least = 1 / 50; // of the pixels

const linear = (value) => (value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92);
const bent = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116);

// sRGB, 0 to 255 -> [L*, a*, b*] under D65 (CIE 15:2004).
export function labOf(red, green, blue) {
  const [r, g, b] = [red, green, blue].map((value) => linear(value / 255));
  const x = bent((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = bent(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = bent((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const apart = (a, b, lightness = 1) => (lightness * (a[0] - b[0])) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];

// { data: RGB bytes, width, height } -> { lab: [[L, a, b]], far: r² of each, ground: Uint8Array (1: of the ground), even: the
// share of the border that is ground }
export function partedPixels({ data, width, height }) {
  const [columns, rows] = [Math.min(side, width), Math.min(side, height)];
  const n = columns * rows;
  const lab = [], far = [];
  for (let i = 0; i < n; i++) {
    const [x, y] = [i % columns, Math.floor(i / columns)];
    const at = 3 * (Math.floor((y + 0.5) * height / rows) * width + Math.floor((x + 0.5) * width / columns));
    lab.push(labOf(data[at], data[at + 1], data[at + 2]));
    far.push(((2 * x + 1) / columns - 1) ** 2 + ((2 * y + 1) / rows - 1) ** 2);
  }
  const border = [];
  for (let i = 0; i < n; i++)
    if (i < columns || i >= n - columns || i % columns === 0 || i % columns === columns - 1) border.push(i);
  const usual = [0, 1, 2].map((part) => middle(border.map((i) => lab[i][part])));
  const ground = new Uint8Array(n);
  const open = [];
  const reach = (i) => {
    if (ground[i] || apart(lab[i], usual) >= same * same) return;
    ground[i] = 1;
    open.push(i);
  };
  border.forEach(reach);
  const even = border.filter((i) => ground[i]).length / border.length;
  while (open.length) {
    const i = open.pop();
    if (i % columns) reach(i - 1);
    if (i % columns < columns - 1) reach(i + 1);
    if (i >= columns) reach(i - columns);
    if (i < n - columns) reach(i + columns);
  }
  if (n - ground.reduce((sum, one) => sum + one, 0) < n * least)
    far.forEach((r, i) => { ground[i] = r < 0.16 ? 0 : 1; });
  return { lab, far, ground, even };
}

// `names`: a list of shades ([[r, g, b]]) each -> { thing, ground }: of each the share of every name, adding up to 1. The
// ground's are of what is even: its shares add up to `even`.
export function sharesOf({ lab, far, ground, even }, names) {
  const places = names.flatMap((shades, name) => shades.map((shade) => [name, labOf(...shade)]));
  const found = [new Float64Array(names.length), new Float64Array(names.length)];
  lab.forEach((pixel, i) => {
    let [best, at] = [Infinity, 0];
    for (const [name, place] of places) {
      const distance = apart(pixel, place, 0.5);
      if (distance < best) [best, at] = [distance, name];
    }
    found[ground[i]][at] += Math.exp(-far[i]);
  });
  const [thing, under] = found.map((weights, which) => {
    const sum = weights.reduce((all, one) => all + one, 0) || 1;
    return weights.map((weight) => weight / sum * (which ? even : 1));
  });
  return { thing, ground: under };
}
