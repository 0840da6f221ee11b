// A catalogue for the engines: clustered vectors, products with one to three pictures, and texts and ids that try to break out of a
// file's form. Drawn by a generator of its own, so that every run has the same.
import { writeFileSync } from 'node:fs';
import { ofNoModel, openWriter } from '../../catalog/lib/writer.js';

// Texts that CSV, SQL, COPY, JSON and terminals have trouble with.
export const hostile = ['\\.', '\\N', 'a\nb', 'a\r\nb', 'tab\there', 'back\\slash\\', 'quote " and \' and `', "'); DROP TABLE products; --",
  '$$body$$', '{"json": [1,2]}', '<script>alert(1)</script>', '日本語 🛋️', '\u202eright to left', 'e\u0301', '\u00e9', ' leading and trailing ',
  '%s %d {}', '${HOME} $(id)', '\u0001\u001b[31m', '\ufeffmark', '\u2028line', 'NULL', 'null', '-1', '0x10', '\b\f\v', 'x'.repeat(2000)];

export function generator(state) {
  return () => { // -1 to 1
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

const unit = (vector) => {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
};

// draw(near): a unit vector of one of `kinds` clusters, or around another vector
export function clusters(dim, kinds, random) {
  const centres = Array.from({ length: kinds }, () => unit(Array.from({ length: dim }, random)));
  return (near) => {
    const centre = near ?? centres[Math.floor(kinds * ((random() + 1) / 2) ** 2) % kinds];
    return unit(centre.map((value) => value + (near ? 0.4 : 1) * random() / Math.sqrt(dim)));
  };
}

// -> { products: [{ id, item, vectors }], draw }, written to `path`.
export async function writeCatalogue(path, { products: n, dim, kinds = 60, strange = true, seed = 7 }) {
  const random = generator(seed);
  const draw = clusters(dim, kinds, random);
  const writer = await openWriter(dim, ofNoModel);
  const products = [];
  for (let i = 0; i < n; i++) {
    const text = strange && i < hostile.length ? hostile[i] : null;
    const id = text ?? `sku-${String(i).padStart(6, '0')}`;
    const first = draw();
    const vectors = [first, ...Array.from({ length: strange ? i % 3 : 0 }, () => draw(first))];
    const image = vectors.map((_, k) => `images/${i}-${k}.jpg`);
    const item = { id, title: text === null ? `Product ${i}` : `title ${text}`, ...i % 7 && { url: `https://shop.example/p/${i}` },
      image: image.length === 1 ? image[0] : image, price: Math.round((random() + 1) * 5000) / 100, sale: i % 2 === 0,
      tags: [`kind ${i % 5}`, ...text === null ? [] : [text]], colour: ['red', 'green', 'blue'][i % 3] };
    writer.add(id, item, vectors);
    products.push({ id, item, vectors });
  }
  const parts = [];
  for await (const part of writer.parts()) parts.push(part);
  writeFileSync(path, Buffer.concat(parts));
  return { products, draw };
}
