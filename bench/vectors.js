// Catalogues of unit vectors for `search` and `photo`, made once into build/bench/vectors/<n>x<dim>.kin, and
// queries of the same draws. The vectors are a mixture as CLIP's are: a large common part, 2,000 kinds of
// uneven number, within a kind 8 of 256 directions that all kinds share, and noise.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { catalogFile } from './catalog-file.js';

const folder = 'build/bench/vectors';
const [kinds, directions, mixed] = [2000, 256, 8];

function generator(state) {
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 8) / 2 ** 23 - 1; // -1 to 1
  };
}

// -> draw(): another vector, the same array each time
function mixture(dim, random) {
  const vectors = (n, size) => Array.from({ length: n }, () => {
    const vector = Float32Array.from({ length: dim }, random);
    const length = Math.hypot(...vector) / size;
    return vector.map((value) => value / length);
  });
  const [common] = vectors(1, 1);
  const [centres, shared] = [vectors(kinds, 1), vectors(directions, 1)];
  const vector = new Float32Array(dim);
  return () => {
    const centre = centres[Math.floor(kinds * ((random() + 1) / 2) ** 2) % kinds];
    for (let i = 0; i < dim; i++) vector[i] = common[i] + centre[i] + 0.01 * random();
    for (let k = 0; k < mixed; k++) {
      const direction = shared[Math.floor((random() + 1) / 2 * directions) % directions];
      const weight = 0.36 * random();
      for (let i = 0; i < dim; i++) vector[i] += weight * direction[i];
    }
    return vector;
  };
}

// What products have beside: `rare` one in 1,000.
const colours = ['black', 'white', 'grey', 'red', 'blue', 'green', 'yellow', 'brown', 'pink', 'beige', 'orange', 'violet'];
const fieldsOf = (i) => ({ price: (i * 7919) % 10000 / 100, colour: colours[(i * 31) % 12], tags: [(i * 17) % 200, (i * 29) % 200, (i * 37) % 200].map((k) => `tag ${k}`),
  sale: i % 3 === 0, rare: (i * 389) % 1000 === 7 });

// -> { url, path, queries: [[numbers]] }: new draws, not rows of the catalogue. With `fields`, <n>x<dim>.fields.kin.
export async function vectors(n, dim, { fields = false } = {}) {
  const path = `${folder}/${n}x${dim}${fields ? '.fields' : ''}.kin`;
  const random = generator(n ^ dim);
  const draw = mixture(dim, random);
  const queries = Array.from({ length: 30 }, () => Array.from(draw()));
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const file = await catalogFile(dim);
    for (let i = 0; i < n; i++) file.add(draw(), fields ? fieldsOf(i) : {});
    writeFileSync(path, file.done());
  }
  return { path, url: `/${path}`, queries };
}
