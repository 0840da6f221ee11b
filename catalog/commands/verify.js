// kin verify: reads every byte of a catalogue or a model and recomputes what can be recomputed.
import { sep } from 'node:path';
import { withModel } from '../lib/engine.js';
import { readLedger } from '../lib/generations.js';
import { fileFaults } from '../lib/models.js';
import { kin } from '../lib/name.js';
import { commonUsage, findModel, UsageError } from '../lib/options.js';
import { readPartBytes } from '../lib/parts.js';
import { currentItems, faultsOf, filesOf, ofName, readBase, readCurrent, readPublished } from '../lib/published.js';
import { readCatalogue, whatIs } from '../lib/stored.js';

export const usage = `Usage: ${kin} verify <catalogue | published folder | model folder>

Model: every file's size and SHA-256, the checksums in the files, and both towers' ids computed
anew from the weights; a folder that is not converted has none of them, and is only read.
Catalogue: the checksum of every part, its structure, every vector's scale, every id and item;
with --model also that the catalogue was built with that model. Published folder: also the hash of every file of every
generation that is kept, and codes and columns computed anew. Exit code 1 says what does not hold.
${commonUsage}`;

export const options = {};

// What the engine refuses as damaged, as a fault like others, which are told behind the path.
const damage = (path) => (error) => {
  if (error.code !== 'not-a-model' && error.code !== 'not-a-catalog') throw error;
  return [error.message.replace(`${path}: `, '')];
};

async function modelFaults(path, manifest, modelOptions, io) {
  const faults = manifest?.files ? await fileFaults(path, manifest) : [];
  if (faults.length) return faults;
  await withModel({ ...modelOptions, model: path, embedded: false }, io, async (clip) => {
    for (const tower of ['image', 'text']) {
      const id = await clip.identify(tower);
      if (manifest?.ids && manifest.ids[tower] !== id)
        faults.push(`the ${tower} tower's id is ${id} instead of ${manifest.ids[tower]}`);
    }
  });
  return faults;
}

const modelFault = (metadata, modelOptions, io) => withModel(modelOptions, io, async (clip) =>
  (await clip.identify('image') === metadata['kin.image_id'] ? []
    : ['it was built with another model, or with this one in another dtype']));

async function catalogueFaults(path, values, modelOptions, io) {
  const { metadata, products } = await readCatalogue(path, io);
  const faults = products.flatMap(({ id, item }, i) => (item.id === id ? []
    : [`product ${i} is '${id}' but its item says '${item.id}'`])).slice(0, 20);
  if (values.model !== undefined) faults.push(...await modelFault(metadata, modelOptions, io));
  return faults;
}

// Every file that is named is held against its name first, so that all the damage is told and not the first.
async function publishedFaults(path, values, modelOptions, io) {
  const faults = [];
  const told = (error) => {
    if (io.signal.aborted) throw error;
    faults.push(error.message.replace(`${path}${sep}`, ''));
  };
  const state = { current: await readCurrent(path).catch(told) };
  if (state.current) state.base = await readBase(path, state.current.base).catch(told);
  if (!state.base) return faults;
  const { generations } = await readLedger(path).catch((error) => told(error) ?? { generations: [] });
  const files = new Set([...filesOf(state.current, state.base), ...generations.flatMap(({ files }) => files)]);
  const progress = io.progress('checking files', files.size);
  let n = 0;
  for (const name of files) {
    io.signal.throwIfAborted();
    await readPartBytes(path, ...ofName(name)).catch(told);
    progress(++n);
  }
  if (faults.length) return faults;
  try {
    const published = await readPublished(path, state.current, io);
    faults.push(...await faultsOf(path, published));
    for (const locale of Object.keys(published.base.markets))
      for (const [id, item] of currentItems(published, locale, path))
        if (item.id !== id && faults.length < 20) faults.push(`the item of '${id}' says '${item.id}'`);
    if (values.model !== undefined) faults.push(...await modelFault(published.base.metadata, modelOptions, io));
  } catch (error) {
    told(error);
  }
  return faults;
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length > 1) throw new UsageError('verify takes one catalogue or model');
  const path = positionals[0] ?? findModel(values.model).path;
  const { kind, manifest, published } = await whatIs(path);
  const faults = await (kind === 'model' ? modelFaults(path, manifest, modelOptions, io)
    : published ? publishedFaults(path, values, modelOptions, io)
    : catalogueFaults(path, values, modelOptions, io)).catch(damage(path));
  if (values.json) await io.line({ path, kind, ok: !faults.length, faults });
  else if (faults.length) for (const fault of faults) io.fail(`${path}: ${fault}`);
  else if (kind === 'model' && !manifest?.files?.length)
    await io.line(`${path}: readable; without a manifest.json of Kin's there is nothing to hold its bytes against`);
  else await io.line(`${path}: good`);
  return faults.length ? 1 : 0;
}
