// What the tests of builds that survive share: a shop with pictures of its own, and reports.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawing, kin, tinyModel } from './cli-support.js';

// `count` products of a picture each in `root`, the numbers of `bad` with a picture that is none. -> { products, model }
export function makeShop(root, count, bad = new Set(), size = 16) {
  mkdirSync(join(root, 'img'));
  const lines = ['id,title,price,image'];
  for (let i = 0; i < count; i++) {
    writeFileSync(join(root, 'img', `${i}.png`), bad.has(i) ? drawing(i, size).subarray(0, 60) : drawing(i, size));
    lines.push(`p${i},Thing ${i},${i}.50,img/${i}.png`);
  }
  writeFileSync(join(root, 'products.csv'), lines.join('\n'));
  return { products: join(root, 'products.csv'), model: tinyModel(join(root, 'model')) };
}

// Builds with a report -> what kin() gives, and { report }, null where there is none.
export async function build(products, output, model, more = [], options = {}) {
  const file = `${output}.report`;
  const done = await kin(['build', products, '-o', output, '--model', model, '--report', file, ...more], options);
  let report = null;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch { /* it was killed, or refused before it began */ }
  return { ...done, report };
}

export const filesOf = (folder) => Object.fromEntries(readdirSync(folder).sort().filter((name) => !name.endsWith('.report'))
  .map((name) => [name, readFileSync(join(folder, name))]));
