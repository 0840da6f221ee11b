// What the demo shop finds, for the eyes of whoever changes the model: the first five products for some words and for
// each picture given, searched as the page does. After `make site`.
//
//   node tools/demo-tries.js [--words "a red shoe,laptop"] [pictures …]
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { load, openCatalog } from '../web/index.node.js';

const { values: { words }, positionals: pictures } = parseArgs({ allowPositionals: true, options: { words: { type: 'string',
  default: 'sofa,sneakers,something to sit on,gift for a child who likes dinosaurs,trainers,couch,fruit,a red shoe,laptop,puppy' } } });
const clip = await load({ model: 'build/site/model/' });
const catalog = await openCatalog('build/site/catalog.safetensors', { clip });
const say = async (what, vector) => {
  const { hits } = await catalog.search({ vector }, { limit: 5 });
  console.log(`${what}: ${hits.map(({ item, score }) => `${item.title} ${score.toFixed(2)}`).join(', ')}`);
};
for (const text of words.split(',')) await say(`"${text}"`, await clip.embedText(text));
for (const file of pictures) await say(basename(file), await clip.embedImage(file, { fit: 'pad' }));
await catalog.close();
await clip.close();
