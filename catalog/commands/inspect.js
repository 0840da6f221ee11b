// kin inspect: what a catalogue or a model holds.
import { stat } from 'node:fs/promises';
import { withModel } from '../lib/engine.js';
import { kin } from '../lib/name.js';
import { commonUsage, findModel, UsageError } from '../lib/options.js';
import { describeFields, readCatalogue, whatIs } from '../lib/stored.js';

export const usage = `Usage: ${kin} inspect <catalogue | model folder> [--public]

  --public   print what a stranger can read out of a catalogue: one JSON line a product
${commonUsage}`;

export const options = { public: { type: 'boolean' } };

const shown = (value) => JSON.stringify(value).replace(/\p{C}+/gu, ' ');

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
  for (const [key, value] of Object.entries(about.metadata).sort())
    await io.line(`  ${key.padEnd(16)} ${value.replace(/\p{C}+/gu, ' ')}`);
  await io.line('fields, which anyone can read:');
  for (const { field, type, products, examples } of about.fields)
    await io.line(`  ${shown(field).slice(1, -1).padEnd(16)} ${type.padEnd(8)} in ${products}, ` +
      `such as ${examples.map(shown).join(', ').slice(0, 100)}`);
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
        await io.line(`${key.padEnd(16)} ${typeof value === 'string' ? value : shown(value)}`);
    for (const { name, bytes, sha256 } of files ?? [])
      await io.line(`  ${name.padEnd(28)} ${String(bytes).padStart(10)} bytes  ${sha256}`);
  });
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length > 1) throw new UsageError('inspect takes one catalogue or model');
  const path = positionals[0] ?? findModel(values.model).path;
  const { kind, manifest } = await whatIs(path);
  if (kind === 'catalog') await inspectCatalogue(path, values, io);
  else if (values.public) throw new UsageError('--public is for catalogues');
  else await inspectModel(path, manifest, { values, modelOptions }, io);
  return 0;
}
