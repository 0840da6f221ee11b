// Each product's nearest other products, as JSON for the templates of a server: a page can show them without a model, an
// engine or a script.
import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { writeFileSafely } from './files.js';
import { openNeighbours } from './neighbours.js';

const pieceLength = 2 ** 18;

// What a template needs of a product. A product's image is the one that is near.
function card(catalog, cards, product) {
  if (!cards[product]) {
    const { title, url, image } = catalog.item(product);
    cards[product] = { id: catalog.id(product), title, url, image };
  }
  return cards[product];
}

// The file's text, piece by piece: `{ "id": [ … ] }`, or with `lines` an object a line, { id, related }. In the order of the
// catalogue.
async function* relatedText(catalog, { limit, mask, lines }, io) {
  const cards = new Array(catalog.products);
  const progress = io.progress('products', catalog.products);
  let text = lines ? '' : '{';
  for (let i = 0; i < catalog.products; i++) {
    const related = catalog.nearest(catalog.firstRow[i], limit, { mask, but: i }).map(({ row, product, score }) => {
      const { id, title, url, image } = card(catalog, cards, product);
      return { id, score: Math.round(score * 1e4) / 1e4, title, url,
        image: Array.isArray(image) ? image[catalog.rowPicture[row]] : image };
    });
    const id = JSON.stringify(card(catalog, cards, i).id);
    text += lines ? `{"id":${id},"related":${JSON.stringify(related)}}\n` : `${i ? ',' : ''}\n${id}:${JSON.stringify(related)}`;
    progress(i + 1);
    if (i % 16 === 0) {
      await setImmediate();
      io.signal.throwIfAborted();
    }
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  yield lines ? text : `${text}\n}\n`;
}

// -> { products, bytes }
export async function writeRelated(path, output, { limit, filter }, io) {
  const catalog = await openNeighbours(path, io);
  const mask = filter ? await catalog.maskOf(filter) : 0;
  const lines = ['.jsonl', '.ndjson'].includes(extname(output).toLowerCase());
  let bytes = 0;
  await writeFileSafely(output, (async function* parts() {
    for await (const text of relatedText(catalog, { limit, mask, lines }, io)) {
      bytes += Buffer.byteLength(text);
      yield text;
    }
  })());
  return { products: catalog.products, bytes };
}
