// Builds the demo shop as static files: build/site/. Run by `make site`.
//
//   node tools/build-demo.js [model]     a name of `kin model list`, fetched if need be, or the folder of a
//                                        converted model; default: the embedded one
//
//   kin/     what a shop's bundler makes of the package, and web/wasm
//   model/   the model
//   images/  the products' pictures, catalog.safetensors made from them by `kin build`
//   samples/ six sample photos and where their objects are
//   food.safetensors; kinds, moderation, alt.safetensors; learn.json   the gallery's grocery, label packs and examples to learn from
//   the pages: the shop, with the first sample's hits already in it, the gallery, and the documentation (docs-page.js)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transformSync } from 'esbuild';
import { getModel } from '../catalog/lib/get.js';
import { findEntry, readIndex } from '../catalog/lib/models.js';
import { openTerminal } from '../catalog/lib/terminal.js';
import { boxText, readBox } from '../web/demo/address.js';
import { likeness, ordinary } from '../web/demo/likeness.js';
import { load, openCatalog } from '../web/index.node.js';
import { makeSample, samples } from './demo-samples.js';
import { writeDocs } from './docs-page.js';
import { galleryPage } from './gallery-page.js';
import { escapeHtml } from './panel-parts.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const site = join(root, 'build', 'site');
const pictures = join(root, 'node_modules/@lobehub/fluent-emoji-3d/assets');
const emojibase = join(root, 'node_modules/emojibase-data/en');
const catalogues = ['catalog.safetensors', 'food.safetensors'];
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

// One spelling of an emoji's code points: the package has 16 of them twice, with leading zeros.
const spell = (hex) => hex.toLowerCase().split('-').map((part) => part.replace(/^0+/, ''))
  .filter((part) => part !== 'fe0f').join('-');
const skinTone = /1f3f[b-f]/;

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// A price that stays the same from build to build: 2.00 to 99.90.
function madeUpPrice(id) {
  const n = createHash('sha256').update(id).digest().readUInt32BE(0);
  return Math.round(20 + (n % 980)) / 10;
}

function products() {
  const groups = new Map(readJson(join(emojibase, 'messages.json')).groups.map((g) => [g.order, capital(g.message)]));
  const known = new Map(readJson(join(emojibase, 'data.json')).map((e) => [spell(e.hexcode), e]));
  const rows = new Map();
  for (const file of readdirSync(pictures).filter((name) => name.endsWith('.webp')).sort()) {
    const id = spell(file.slice(0, -'.webp'.length));
    const emoji = known.get(id);
    if (skinTone.test(id) || rows.has(id)) continue;
    const title = capital(emoji?.label ?? 'flag');
    rows.set(id, { file, row: { id, title, url: `#product=${id}`, image: `images/${id}.webp`,
      group: groups.get(emoji?.group) ?? 'Flags', price: madeUpPrice(id), tags: emoji?.tags ?? [] } });
  }
  return [...rows.values()];
}

function kin(...args) {
  const done = spawnSync(process.execPath, [join(root, 'catalog/cli.js'), ...args], { stdio: 'inherit' });
  if (done.status !== 0) throw new Error(`kin ${args.slice(0, 2).join(' ')} ended with ${done.status}`);
}
const isOurs = (model) => model.startsWith(join(root, 'models'));

// The shop's catalogue, and that of a grocery, which has its food alone.
function buildCatalogues(rows, model) {
  const stamp = join(site, 'built-from.txt');
  const hash = createHash('sha256').update(JSON.stringify(rows.map((r) => r.row)));
  for (const file of [join(model, 'manifest.json'), join(root, 'web/wasm/kin-simd.wasm')]) hash.update(readFileSync(file));
  const digest = hash.digest('hex');
  if (catalogues.every((name) => existsSync(join(site, name))) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  mkdirSync(join(site, 'images'), { recursive: true });
  for (const { file, row } of rows) copyFileSync(join(pictures, file), join(site, row.image));
  const list = join(site, 'products.jsonl');
  for (const name of catalogues) {
    const chosen = rows.map(({ row }) => row).filter(({ group }) => name === 'catalog.safetensors' || group === 'Food & drink');
    writeFileSync(list, chosen.map((row) => JSON.stringify(row)).join('\n') + '\n');
    kin('build', list, '-o', join(site, name), '--fields', 'group,price,tags', '--fit', 'pad', ...(isOurs(model) ? [] : ['--model', resolve(model)]));
  }
  rmSync(list);
  writeFileSync(stamp, digest);
}

// The gallery's label packs. A model without a background of its own takes pictures of the shop, every sixth.
function buildPacks(rows, model) {
  const background = join(site, 'background.safetensors'), about = ['--model', resolve(model), '-q'];
  const own = !existsSync(join(model, 'background.safetensors'));
  if (own) {
    const list = join(site, 'background.csv');
    writeFileSync(list, `image\n${rows.filter((_, i) => i % 6 === 0).map(({ row }) => row.image).join('\n')}\n`);
    kin('labels', 'background', list, '-o', background, ...about);
    rmSync(list);
  }
  const measured = (name) => (isOurs(model) ? ['--measured', join(root, `labels/${name}.measured.json`)] : []);
  for (const [name, labels, ...flags] of [['kinds', 'web/demo/gallery/kinds.yaml'], ['moderation', 'labels/moderation.yaml', ...measured('moderation')],
    ['alt', 'labels/alt.yaml', ...measured('alt')]])
    kin('labels', 'build', join(root, labels), '-o', join(site, `${name}.safetensors`), ...(own ? ['--background', background] : []), ...flags, ...about);
  rmSync(background, { force: true });
}

// What was asked for -> { path, about }. Without a network the demo goes on with the embedded model.
async function chooseModel(asked) {
  const embedded = readIndex().default;
  if (asked && /[/\\.]/.test(asked)) {
    if (!existsSync(join(asked, 'manifest.json')))
      throw new Error(`${asked} is no converted model: 'node catalog/cli.js convert ${asked} -o FOLDER' makes one`);
    return { path: asked, about: 'The model is one of your own.' };
  }
  if (asked && !findEntry(asked))
    throw new Error(`there is no model named '${asked}' (known: ${Object.keys(readIndex().models).join(', ')})`);
  const io = openTerminal();
  const say = (text) => console.error(text);
  try {
    const { path, entry } = await getModel(asked || embedded, { io, say }).catch((error) => {
      if (error.code !== 'offline' && error.code !== 'passing') throw error;
      console.error(`The demo goes on with the embedded model: ${error.message}`);
      return getModel(embedded, { io, say });
    });
    const small = 'The small model here, EfficientNet-Lite0 (Apache 2.0) with a text tower, knows things by their look better than by their names.';
    return { path, about: entry.folder ? small : `The model is ${entry.title} (${entry.licence}).` };
  } finally {
    await io.close();
  }
}

// What the gallery's adapter learns from: the vectors of every third product, as the catalogue holds them, and its group.
function writeExamples(rows) {
  const bytes = readFileSync(join(site, 'catalog.safetensors')), start = 8 + Number(bytes.readBigUInt64LE(0));
  const { vectors: { shape: [, dim], data_offsets: [from] } } = JSON.parse(bytes.toString('utf8', 8, start));
  const all = new Int8Array(bytes.buffer, bytes.byteOffset + start + from, rows.length * dim);
  const chosen = rows.flatMap(({ row }, i) => (i % 3 ? [] : [{ kind: row.group, vector: [...all.subarray(i * dim, (i + 1) * dim)] }]));
  writeFileSync(join(site, 'learn.json'), JSON.stringify({ kinds: chosen.map(({ kind }) => kind), vectors: chosen.map(({ vector }) => vector) }));
}

// The same card that cards.js builds, as text, so that hits are there before any script has run.
function card(hit, usual) {
  const score = hit.score.toFixed(3), { level, word } = likeness(hit.score, usual, 'photo');
  return `<li class="card" data-hit-id="${escapeHtml(hit.id)}" data-score="${score}">` +
    `<a href="#product=${escapeHtml(hit.id)}"><img src="${escapeHtml(hit.item.image)}" alt="" width="160" height="160">` +
    `<span class="title">${escapeHtml(hit.item.title)}</span><span class="meta"><span class="price">€${hit.item.price.toFixed(2)}</span>` +
    `<span class="alike" data-level="${level}">${word}</span><span class="score">${score}</span></span></a></li>`;
}

async function makeSamples(model) {
  mkdirSync(join(site, 'samples'), { recursive: true });
  const list = samples.map((sample, i) => {
    const { png, box } = makeSample(sample, i, root);
    const src = `samples/${sample.hex}.png`;
    writeFileSync(join(site, src), png);
    return { id: sample.hex, name: sample.name, src, box: readBox(boxText(box)) }; // as the page's address has it
  });
  const clip = await load({ model });
  const catalog = await openCatalog(join(site, 'catalog.safetensors'), { clip });
  const first = { vector: await clip.embedImage(join(site, list[0].src), { box: list[0].box, fit: 'pad' }) };
  const { hits } = await catalog.search(first, { limit: 24 }), usual = await ordinary(catalog, first);
  for (const [i, sample] of samples.entries()) { // a sample that finds nothing sensible convinces nobody
    const found = await catalog.search({ image: join(site, list[i].src), box: list[i].box }, { limit: 6 });
    if (!found.hits.some((hit) => hit.id === sample.hex))
      console.error(`The sample '${sample.name}' does not find itself: ${found.hits.map((hit) => hit.item.title).join(', ')}`);
  }
  await clip.close();
  await catalog.close();
  writeFileSync(join(site, 'samples/samples.json'), JSON.stringify(list));
  return { list, cards: hits.map((hit) => card(hit, usual)) };
}

// What an earlier build left goes, but for the products.
function clearPage() {
  for (const name of readdirSync(site))
    if (!['images', ...catalogues, 'built-from.txt'].includes(name)) rmSync(join(site, name), { recursive: true });
}

// A file of the page, scripts minified as a shop would send them.
function place(from, to) {
  if (from.endsWith('.js')) writeFileSync(to, transformSync(readFileSync(from, 'utf8'), { minify: true, target: 'es2022' }).code);
  else copyFileSync(from, to);
}

// esbuild leaves new URL('…', import.meta.url) as it stands: in kin/ all lies beside the scripts.
const addresses = { name: 'addresses', setup: ({ onLoad }) => onLoad({ filter: /\bweb[/\\](page|worker)[/\\]/ }, ({ path }) =>
  ({ contents: readFileSync(path, 'utf8').replace(/new URL\('\.\.\/(worker\/)?/g, "new URL('./") })) };

// The element takes the library that the shop has: in kin/ both lie side by side.
const besideIndex = { name: 'beside', setup: ({ onResolve }) => onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: './index.js', external: true })) };

// The page of <kin-search>, which shows a page of ten lines: the first example.
function copyWidget(list) {
  const parts = { 'ten lines': escapeHtml(readFileSync(join(root, 'examples/widget-vanilla.html'), 'utf8').trim()), samples: list.map((s) =>
    `<li><button type="button" class="sample" data-src="${s.src}" data-box="${boxText(s.box)}"><img src="${s.src}" alt="Sample photo: ${escapeHtml(s.name)}" width="96" height="72"></button></li>`).join('') };
  const page = readFileSync(join(root, 'web/demo/widget.html'), 'utf8').replace(/<!-- ([a-z ]+) -->/g, (mark, name) => parts[name]);
  writeFileSync(join(site, 'widget.html'), page);
}

async function copyPage({ list, cards }, rows, { path, about }) {
  const { box, src } = list[0];
  const sampleButtons = list.map((s, i) =>
    `<li><button type="button" class="sample" data-sample="${s.id}" data-src="${s.src}" data-box="${boxText(s.box)}" aria-pressed="${i === 0}">` +
      `<img src="${s.src}" alt="Sample photo: ${escapeHtml(s.name)}" width="96" height="72"></button></li>`);
  const groups = [...new Set(rows.map(({ row }) => row.group))].sort();
  const parts = { 'first hits': cards.join('\n'), samples: sampleButtons.join(''),
    'first photo': `<img src="${src}" alt="A sample photo" width="480" height="360">`,
    groups: groups.map((group) => `<option>${escapeHtml(group)}</option>`).join(''), count: rows.length.toLocaleString('en'), model: escapeHtml(about) };
  const page = readFileSync(join(root, 'web/demo/index.html'), 'utf8').replace(/<!-- ([a-z ]+) -->/g, (mark, name) => parts[name]);
  writeFileSync(join(site, 'index.html'), page);
  writeFileSync(join(site, 'first.css'), `.poster { ${Object.entries(box).map(([side, part]) => `--${side}: ${part};`).join(' ')} }\n`);
  mkdirSync(join(site, 'gallery'));
  for (const name of readdirSync(join(root, 'web/demo'), { recursive: true }).filter((f) => /\.(?:js|css|svg)$/.test(f)))
    place(join(root, 'web/demo', name), join(site, name));
  copyWidget(list);
  await build({ entryPoints: { index: join(root, 'web/index.js'), ...Object.fromEntries(['embed', 'find', 'worker'].map((name) => [name, join(root, `web/worker/${name}.js`)])) }, outdir: join(site, 'kin'),
    bundle: true, splitting: true, format: 'esm', minify: true, target: 'es2022', chunkNames: '[name]-[hash]', logLevel: 'warning',
    plugins: [addresses] });
  await build({ entryPoints: { element: join(root, 'web/element/element.js') }, outdir: join(site, 'kin'), bundle: true, splitting: true, format: 'esm',
    minify: true, target: 'es2022', chunkNames: '[name]-[hash]', logLevel: 'warning', plugins: [besideIndex] });
  cpSync(join(root, 'web/wasm'), join(site, 'kin/wasm'), { recursive: true });
  cpSync(path, join(site, 'model'), { recursive: true });
  const shown = { root, site, rows: rows.map(({ row }) => row), samples: list, model: escapeHtml(about) };
  writeFileSync(join(site, 'gallery.html'), galleryPage(shown));
  writeDocs(shown);
}

mkdirSync(site, { recursive: true });
const rows = products();
if (rows.length < 1500) throw new Error(`only ${rows.length} products were found`);
const model = await chooseModel(process.argv[2]).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
buildCatalogues(rows, model.path);
clearPage();
buildPacks(rows, model.path);
writeExamples(rows);
await copyPage(await makeSamples(model.path), rows, model);
console.log(`build/site: ${rows.length} products`);
