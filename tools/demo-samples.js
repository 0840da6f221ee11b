// The six sample photos of the demo: drawings of other emoji sets, pasted on busy backgrounds that are
// made here. Nobody's picture is stored; the drawings come from the packages at build time.
import { readFileSync } from 'node:fs';
import { PNG } from 'pngjs';

const WIDTH = 480, HEIGHT = 360;

export const samples = [
  { name: 'strawberry', hex: '1f353', set: 'google', x: 0.36, y: 0.5, size: 200, hue: 279 },
  { name: 'high-heeled shoe', hex: '1f460', set: 'google', x: 0.6, y: 0.5, size: 200, hue: 152 },
  { name: 'camera', hex: '1f4f7', set: 'google', x: 0.42, y: 0.48, size: 200, hue: 339 },
  { name: 'car', hex: '1f697', set: 'twitter', x: 0.58, y: 0.52, size: 200, hue: 251 },
  { name: 'hamburger', hex: '1f354', set: 'google', x: 0.4, y: 0.52, size: 200, hue: 316 },
  { name: 'guitar', hex: '1f3b8', set: 'twitter', x: 0.56, y: 0.5, size: 200, hue: 56 },
];

// A small generator with a seed, so that a build gives the same bytes again.
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function fromHsl(h, s, l) {
  const f = (n) => {
    const k = (n + h / 30) % 12;
    return 255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [f(0), f(8), f(4)];
}

function background(hue, next) {
  const pixels = new Float32Array(WIDTH * HEIGHT * 3);
  const top = fromHsl(hue, 0.35, 0.78), bottom = fromHsl((hue + 40) % 360, 0.3, 0.5);
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      for (let c = 0; c < 3; c++)
        pixels[(y * WIDTH + x) * 3 + c] = top[c] + (bottom[c] - top[c]) * (y / HEIGHT);
  for (let i = 0; i < 46; i++) { // blobs, boards and stripes lying about
    const colour = fromHsl((hue + next() * 140 - 70 + 360) % 360, 0.2 + next() * 0.4, 0.35 + next() * 0.45);
    const cx = next() * WIDTH, cy = next() * HEIGHT, rx = 10 + next() * 80, ry = 6 + next() * 50;
    const turn = next() * Math.PI, round = next() < 0.5, alpha = 0.25 + next() * 0.5;
    const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
    for (let y = Math.max(0, Math.floor(cy - rx - ry)); y < Math.min(HEIGHT, cy + rx + ry); y++)
      for (let x = Math.max(0, Math.floor(cx - rx - ry)); x < Math.min(WIDTH, cx + rx + ry); x++) {
        const u = ((x - cx) * cos + (y - cy) * sin) / rx, v = ((y - cy) * cos - (x - cx) * sin) / ry;
        if (round ? u * u + v * v > 1 : Math.max(Math.abs(u), Math.abs(v)) > 1) continue;
        for (let c = 0; c < 3; c++) {
          const at = (y * WIDTH + x) * 3 + c;
          pixels[at] += (colour[c] - pixels[at]) * alpha;
        }
      }
  }
  return pixels;
}

// Bilinear enlargement of the drawing, over what lies there, with a soft shadow below it.
function paste(pixels, drawing, { x, y, size }) {
  const left = Math.round(x * WIDTH - size / 2), top = Math.round(y * HEIGHT - size / 2);
  const at = (u, v, c) => {
    const sx = Math.min(drawing.width - 1, Math.max(0, u)), sy = Math.min(drawing.height - 1, Math.max(0, v));
    return drawing.data[(Math.floor(sy) * drawing.width + Math.floor(sx)) * 4 + c];
  };
  const sample = (u, v, c) => {
    const fx = u - Math.floor(u), fy = v - Math.floor(v);
    return (at(u, v, c) * (1 - fx) + at(u + 1, v, c) * fx) * (1 - fy) +
      (at(u, v + 1, c) * (1 - fx) + at(u + 1, v + 1, c) * fx) * fy;
  };
  for (let j = 0; j < size; j++)
    for (let i = 0; i < size; i++) {
      const px = left + i, py = top + j;
      if (px < 0 || py < 0 || px >= WIDTH || py >= HEIGHT) continue;
      const u = (i + 0.5) * drawing.width / size - 0.5, v = (j + 0.5) * drawing.height / size - 0.5;
      const alpha = sample(u, v, 3) / 255;
      for (let c = 0; c < 3; c++) {
        const k = (py * WIDTH + px) * 3 + c;
        pixels[k] += (sample(u, v, c) - pixels[k]) * alpha;
      }
    }
}

// -> { png: bytes, box: fractions around the drawing }
export function makeSample(sample, index, root) {
  const next = random(index + 1);
  const file = `${root}/node_modules/emoji-datasource-${sample.set}/img/${sample.set}/64/${sample.hex}.png`;
  const drawing = PNG.sync.read(readFileSync(file));
  const pixels = background(sample.hue, next);
  paste(pixels, drawing, sample);
  const image = new PNG({ width: WIDTH, height: HEIGHT });
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const grain = next() * 6 - 3;
    for (let c = 0; c < 3; c++) image.data[i * 4 + c] = Math.max(0, Math.min(255, Math.round(pixels[i * 3 + c] + grain)));
    image.data[i * 4 + 3] = 255;
  }
  const margin = sample.size * 0.54;
  const box = { x: Math.max(0, sample.x - margin / WIDTH), y: Math.max(0, sample.y - margin / HEIGHT) };
  box.width = Math.min(1, sample.x + margin / WIDTH) - box.x;
  box.height = Math.min(1, sample.y + margin / HEIGHT) - box.y;
  return { png: PNG.sync.write(image, { colorType: 2, filterType: 4 }), box };
}
