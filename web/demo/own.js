// A catalogue of the visitor's own pictures, built in the page.
import { openCatalog } from './kin/index.js';

export const most = 200;

// onStep(i, n, secondsLeft) before each picture. A picture that cannot be read is passed over.
// -> { catalog, pictures: id -> address, failed: [sentence], first: File }, or throws.
export async function buildOwn(clip, files, { signal, onStep }) {
  const builder = await clip.createCatalog({ fit: 'pad' });
  const read = [], failed = [];
  const start = performance.now();
  for (const [i, file] of files.entries()) {
    onStep(i, files.length, i && (performance.now() - start) / i * (files.length - i) / 1000);
    try {
      await builder.add({ id: String(i + 1), images: [file], item: { title: file.name } }, { signal });
      read.push([String(i + 1), file]);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      failed.push(`${file.name}: ${error.message}`);
    }
  }
  if (!read.length) throw Object.assign(new Error(`None of these could be read as a picture. ${failed[0]}`), { code: 'bad-image' });
  const catalog = await openCatalog(await builder.save({ signal }), { clip, signal });
  const pictures = new Map(read.map(([id, file]) => [id, URL.createObjectURL(file)]));
  return { catalog, pictures, failed, first: read[0][1] };
}
