// kin inspect: what a catalogue or a model holds.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withModel } from '../lib/engine.js';
import { kin } from '../lib/name.js';
import { commonUsage, findModel, UsageError } from '../lib/options.js';
import { currentItems, filesOf, readCurrent, readPublished } from '../lib/published.js';
import { describeFields, readCatalogue, whatIs } from '../lib/stored.js';

export const usage = `Usage: ${kin} inspect <catalogue | published folder | model folder> [--public]

  --public   print what a stranger can read out of a catalogue: one JSON line a product
${commonUsage}`;

export const options = { public: { type: 'boolean' } };

const harmless = (text) => String(text).replace(/\p{C}+/gu, ' '); // to a terminal
const shown = (value) => harmless(JSON.stringify(value));

async function printMetadata(metadata, io) {
  for (const [key, value] of Object.entries(metadata).sort())
    await io.line(`  ${key.padEnd(16)} ${harmless(value)}`);
}

async function printFields(fields, io) {
  await io.line('fields, which anyone can read:');
  for (const { field, type, products, examples } of fields)
    await io.line(`  ${shown(field).slice(1, -1).padEnd(16)} ${type.padEnd(8)} in ${products}, ` +
      `such as ${examples.map(shown).join(', ').slice(0, 100)}`);
}

async function inspectCatalogue(path, values, io) {
  const { metadata, pictures, dim, products } = await readCatalogue(path, io);
  const items = products.map(({ item }) => item);
  if (values.public) {
    io.note(`anyone who can open ${path} can read these ${items.length} products, and the ` +
      'vectors of their pictures');
    for (const item of items) await io.line(item);
    return;
  }
  const about = { kind: 'catalog', bytes: (await stat(path)).size, products: items.length, pictures, dim,
    metadata, fields: describeFields(items) };
  if (values.json) {
    await io.line(about);
    return;
  }
  await io.line(`catalogue: ${about.products} products, ${pictures} pictures, ${dim} numbers ` +
    `each, ${about.bytes} bytes`);
  await printMetadata(about.metadata, io);
  await printFields(about.fields, io);
}

// What a generation holds, its deltas applied.
async function inspectPublished(path, values, io) {
  const current = await readCurrent(path);
  const published = await readPublished(path, current, io);
  const { base, deltas, products } = published, locales = Object.keys(base.markets);
  if (values.public) {
    const where = locales.length > 1 ? `, in ${locales.length} markets` : '';
    io.note(`anyone who can open ${path} can read these ${products.size} products${where}, and the vectors of their pictures`);
    for (const locale of locales)
      for (const [, item] of currentItems(published, locale, path)) await io.line(locale ? { market: locale, item } : item);
    return;
  }
  let bytes = 0;
  for (const name of filesOf(current, base)) bytes += (await stat(join(path, name))).size;
  const pictures = [...products.values()].reduce((sum, { rows: [one, i] }) => sum + one.rowStart[i + 1] - one.rowStart[i], 0);
  const about = { kind: 'catalog', generation: current.generation, bytes, products: products.size, pictures, dim: base.dim,
    base: { products: base.products, pictures: base.rows },
    deltas: deltas.map(({ ids, gone, rowPicture }) => ({ products: ids.length, pictures: rowPicture.length, gone: gone.length })),
    metadata: base.metadata, markets: Object.fromEntries(locales.map((locale) =>
      [locale, describeFields([...currentItems(published, locale, path)].map(([, item]) => item))])) };
  if (values.json) {
    await io.line(about);
    return;
  }
  await io.line(`generation ${about.generation}: ${about.products} products, ${pictures} pictures, ${base.dim} numbers ` +
    `each, ${bytes} bytes`);
  await io.line(`  base of ${base.products} products; ${deltas.length ? 'deltas, in order:' : 'no deltas'}`);
  for (const delta of about.deltas)
    await io.line(`    ${delta.products} products, ${delta.pictures} pictures, ${delta.gone} gone`);
  await printMetadata(base.metadata, io);
  for (const locale of locales) {
    if (locale) await io.line(`market ${locale}:`);
    await printFields(about.markets[locale], io);
  }
}

async function inspectModel(path, manifest, { values, modelOptions }, io) {
  await withModel({ ...modelOptions, model: path, embedded: false }, io, async (clip) => {
    await clip.preload('image');
    await clip.preload('text');
    const about = { kind: 'model', ...clip.info, files: manifest?.files ?? null };
    if (values.json) {
      await io.line(about);
      return;
    }
    const { files, ...rest } = about;
    for (const [key, value] of Object.entries(rest))
      if (value !== null && value !== undefined)
        await io.line(`${key.padEnd(16)} ${typeof value === 'string' ? harmless(value) : shown(value)}`);
    for (const { name, bytes, sha256 } of files ?? [])
      await io.line(`  ${harmless(name).padEnd(28)} ${String(bytes).padStart(10)} bytes  ${harmless(sha256)}`);
  });
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length > 1) throw new UsageError('inspect takes one catalogue or model');
  const path = positionals[0] ?? findModel(values.model).path;
  const { kind, manifest, published } = await whatIs(path);
  if (published) await inspectPublished(path, values, io);
  else if (kind === 'catalog') await inspectCatalogue(path, values, io);
  else if (values.public) throw new UsageError('--public is for catalogues');
  else await inspectModel(path, manifest, { values, modelOptions }, io);
  return 0;
}
