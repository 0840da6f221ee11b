// A catalogue of the visitor's own pictures, built in the page.
import { openCatalog } from './kin/index.js';

export const most = 200;

// onStep(i, n, secondsLeft) before each picture. A picture that cannot be read is passed over.
// -> { catalog, files: id -> File, pictures: id -> address, failed: [sentence] }, or throws.
export async function buildOwn(clip, chosen, { signal, onStep }) {
  const builder = await clip.createCatalog({ fields: ['number'], fit: 'pad' });
  const files = new Map(), failed = [];
  const start = performance.now();
  for (const [i, file] of chosen.entries()) {
    onStep(i, chosen.length, i && (performance.now() - start) / i * (chosen.length - i) / 1000);
    try {
      await builder.add({ id: String(i + 1), images: [file], item: { title: file.name, number: i + 1 } }, { signal });
      files.set(String(i + 1), file);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      failed.push(`${file.name}: ${error.message}`);
    }
  }
  if (!files.size) throw Object.assign(new Error(`None of these could be read as a picture. ${failed[0]}`), { code: 'bad-image' });
  const catalog = await openCatalog(await builder.save({ signal }), { clip, signal });
  const pictures = new Map([...files].map(([id, file]) => [id, URL.createObjectURL(file)]));
  return { catalog, files, pictures, failed };
}

// Which of them a chosen file is, so that it is not its own first hit. -> id or undefined
export const sameAs = ({ files }, { name, size, lastModified }) =>
  [...files].find(([, file]) => file.name === name && file.size === size && file.lastModified === lastModified)?.[0];
