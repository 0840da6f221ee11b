// What the demo shop finds for a folder of pictures, as a table and as pages to look at:
//
//   node tools/uploads.js build/train/uploads [--shots]     after `make site`; models/train/uploads.py makes such a folder
//
// --shots leaves build/screenshots/upload-<name>.png, the demo at 1280 x 800 after the picture was chosen. Those are for looking at:
// the photos belong to others.
import { mkdirSync, readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { load, openCatalog } from '../web/index.node.js';
import { answered, launch, open, photoInput, ready, serve } from '../tests/browser/shop.js';

const [folder] = process.argv.slice(2).filter((word) => !word.startsWith('--'));
if (!folder) throw new Error('which folder of pictures?');
const pictures = readdirSync(folder).filter((name) => /\.(?:jpe?g|png)$/.test(name)).sort();

const clip = await load({ model: 'build/site/model' });
const catalog = await openCatalog('build/site/catalog.safetensors', { clip });
for (const name of pictures) {
  const { hits, verdict } = await catalog.search({ image: join(folder, name) }, { limit: 5 });
  console.log(`| ${parse(name).name} | ${hits.map(({ item }) => item.title).join(', ')} | ${verdict} |`);
}
await catalog.close();
await clip.close();

if (process.argv.includes('--shots')) {
  mkdirSync('build/screenshots', { recursive: true });
  const server = await serve('build/site');
  const browser = await launch();
  for (const name of pictures) {
    const page = await open(browser, server.url, { width: 1280, height: 800 });
    await ready(page);
    await answered(page, () => page.setInputFiles(photoInput, join(folder, name)));
    await page.waitForFunction(() => [...document.images].every((image) => image.complete));
    await page.screenshot({ path: `build/screenshots/upload-${parse(name).name}.png` });
    await page.context().close();
  }
  await browser.close();
  await server.stop();
}
