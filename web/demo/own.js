// A catalogue of the visitor's own pictures, built in the page.
export const most = 200;

const together = 16; // pictures under way: enough for several workers

// onStep(done, n, secondsLeft) before each picture. A picture that cannot be read is passed over.
// -> { catalog, files: id -> File, pictures: id -> address, failed: [sentence] }, or throws.
export async function buildOwn(clip, chosen, { signal, onStep }) {
  const builder = await clip.createCatalog({ fields: ['number'], fit: 'pad' });
  const sentences = new Array(chosen.length); // of those that failed
  const start = performance.now(), rest = chosen.entries();
  let done = 0;
  await Promise.all(Array.from({ length: together }, async () => {
    for (const [i, file] of rest) {
      onStep(done, chosen.length, done && (performance.now() - start) / done * (chosen.length - done) / 1000);
      try {
        await builder.add({ id: String(i + 1), images: [file], item: { title: file.name, number: i + 1 } }, { signal });
      } catch (error) {
        if (error.name === 'AbortError') throw error;
        sentences[i] = `${file.name}: ${error.message}`;
      }
      done++;
    }
  }));
  const failed = sentences.filter(Boolean);
  const files = new Map(chosen.map((file, i) => [String(i + 1), file]).filter((_, i) => !sentences[i]));
  if (!files.size) throw Object.assign(new Error(`None of these could be read as a picture. ${failed[0]}`), { code: 'bad-image' });
  const { openCatalog } = await import('./kin/index.js');
  const catalog = await openCatalog(await builder.save({ signal }), { clip, signal });
  const pictures = new Map([...files].map(([id, file]) => [id, URL.createObjectURL(file)]));
  return { catalog, files, pictures, failed };
}

// Which of them a chosen file is, so that it is not its own first hit. -> id or undefined
export const sameAs = ({ files }, { name, size, lastModified }) =>
  [...files].find(([, file]) => file.name === name && file.size === size && file.lastModified === lastModified)?.[0];
