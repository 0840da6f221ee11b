// What every project shows: a small catalogue, a photo to search it by, and the page's script. The answers are those
// of Node, to the bit.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load, openCatalog } from '../../web/index.node.js';
import { embedded } from '../models.js';

// Emoji by their code points, as one foundry draws them; the photo is another's strawberry.
const products = { apple: '1f34e', banana: '1f34c', car: '1f697', cat: '1f431', dog: '1f436', dress: '1f457', hat: '1f452',
  shoe: '1f45f', strawberry: '1f353', tomato: '1f345' };
const picture = (foundry, code) => `node_modules/emoji-datasource-${foundry}/img/${foundry}/64/${code}.png`;

// Writes what a page fetches into `folder`.
export function makeShop(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'pictures'), { recursive: true });
  cpSync(embedded, join(folder, 'model'), { recursive: true });
  copyFileSync(picture('twitter', products.strawberry), join(folder, 'photo.png'));
  const rows = Object.entries(products).map(([id, code]) => {
    copyFileSync(picture('google', code), join(folder, `pictures/${id}.png`));
    return `${id},A ${id},/${id},pictures/${id}.png,${id.length}`;
  });
  writeFileSync(join(folder, 'products.csv'), ['id,title,url,image,price', ...rows, ''].join('\n'));
  const kin = (...args) => execFileSync(process.execPath, ['catalog/cli.js', ...args, '--quiet'], { stdio: ['ignore', 'ignore', 'inherit'] });
  kin('build', join(folder, 'products.csv'), '-o', join(folder, 'catalog.safetensors'), '--fields', 'price');
  kin('publish', join(folder, 'catalog.safetensors'), '-o', join(folder, 'published'));
}

// One page's work, by both of its workers, as a function that also runs in a page.
async function find({ load, openCatalog }, base, options, ofCatalog) {
  const clip = await load({ model: `${base}model/`, ...options });
  const catalog = await openCatalog(`${base}catalog.safetensors`, { clip, ...ofCatalog });
  const vector = await clip.embedImage(`${base}photo.png`);
  const of = ({ hits }) => hits.map(({ item, score }) => `${item.title} ${score}`);
  const byPhoto = of(await catalog.search({ image: `${base}photo.png` }, { limit: 3 }));
  const byText = of(await catalog.search({ text: 'a strawberry' }, { limit: 3, filter: 'price > 4' })); // imports on first use
  const folder = await openCatalog(`${base}published/`, { clip, ...ofCatalog });
  const published = of(await folder.search({ vector }, { limit: 3, filter: 'price > 4' }));
  await Promise.all([clip.close(), catalog.close(), folder.close()]);
  return JSON.stringify({ vector: Array.from(vector).join(), byPhoto, byText, published });
}

// `base`: the address of the shop's files; `options`: for load(), and those for openCatalog(), as JavaScript. The answer is in `done`.
export const script = ({ base = '/', options = '{}', from = 'kin-clip' } = {}) => `import { load, openCatalog } from '${from}';
${find}
globalThis.done = find({ load, openCatalog }, '${base}', ${options}).catch((error) => \`\${error.name} \${error.code}: \${error.message}\`);
`;

export const answer = (folder) => find({ load, openCatalog }, `${folder}/`, {});
