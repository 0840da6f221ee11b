// kin verify: reads every byte of a catalogue or a model and recomputes what can be recomputed.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { library, withModel } from '../lib/engine.js';
import { exists } from '../lib/files.js';
import { commonUsage, findModel, UsageError } from '../lib/options.js';
import { readCatalogue, whatIs } from '../lib/stored.js';

export const usage = `Usage: kin verify <catalogue | model folder>

Model: every file's size and SHA-256, and both towers' ids computed anew from the weights.
Catalogue: its structure, every vector's scale, every id and item; with --model also that the
catalogue was built with that model. Exit code 1 says what does not hold.
${commonUsage}`;

export const options = {};

async function hashFile(path) {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part);
  return hash.digest('hex');
}

async function modelFaults(path, manifest, modelOptions, io) {
  const faults = [];
  for (const { name, bytes, sha256 } of manifest?.files ?? []) {
    if (typeof name !== 'string' || basename(name) !== name) {
      faults.push(`manifest.json names '${name}', which is no file of this folder`);
      continue;
    }
    const info = await exists(join(path, name));
    if (!info?.isFile()) faults.push(`${name} is missing`);
    else if (info.size !== bytes) faults.push(`${name} has ${info.size} bytes instead of ${bytes}`);
    else if (await hashFile(join(path, name)) !== sha256)
      faults.push(`${name} has other bytes than manifest.json says`);
  }
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

// Numbers that the engine trusts once the structure is right.
function contentFaults(catalogue) {
  const faults = [];
  const complain = (text) => faults.length < 20 && faults.push(text);
  const ids = catalogue.ids();
  const items = catalogue.items();
  const order = catalogue.array('id_order');
  const bytesOf = ids.map((id) => Buffer.from(id));
  for (let i = 1; i < order.length; i++) {
    const sign = Buffer.compare(bytesOf[order[i - 1]], bytesOf[order[i]]);
    if (sign === 0) complain(`the id '${ids[order[i]]}' is there twice`);
    else if (sign > 0) complain(`id_order is not in order at ${i}`);
  }
  items.forEach((item, i) => {
    if (item.id !== ids[i]) complain(`product ${i} is '${ids[i]}' but its item says '${item.id}'`);
  });
  const owners = catalogue.array('row_item');
  const pictures = new Uint32Array(ids.length);
  owners.forEach((owner, row) => {
    if (owner < pictures.length) pictures[owner]++;
    else complain(`picture ${row} belongs to no product`);
  });
  pictures.forEach((n, i) => n || complain(`product '${ids[i]}' has no picture`));
  const vectors = catalogue.array('vectors');
  const scales = catalogue.array('scale');
  const dim = vectors.length / scales.length;
  scales.forEach((scale, row) => {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += vectors[i] * vectors[i];
    // The engine divides in single precision.
    if (!(Math.abs(scale * Math.sqrt(sum) - 1) < 1e-6))
      complain(`the scale of picture ${row} is not that of its vector`);
  });
  return faults;
}

async function catalogueFaults(path, values, modelOptions, io) {
  const catalogue = readCatalogue(new Uint8Array(await readFile(path)), path);
  const { openCatalog } = await library();
  const opened = await openCatalog(path, { signal: io.signal }); // reads strictly or says why not
  await opened.close();
  const faults = contentFaults(catalogue);
  if (values.model !== undefined)
    await withModel(modelOptions, io, async (clip) => {
      if (await clip.identify('image') !== catalogue.metadata['kin.image_id'])
        faults.push('it was built with another model, or with this one in another dtype');
    });
  return faults;
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length > 1) throw new UsageError('kin verify takes one catalogue or model');
  const path = positionals[0] ?? findModel(values.model).path;
  const { kind, manifest } = await whatIs(path);
  const faults = kind === 'model' ? await modelFaults(path, manifest, modelOptions, io)
    : await catalogueFaults(path, values, modelOptions, io);
  if (values.json) await io.line({ path, kind, ok: !faults.length, faults });
  else if (faults.length) for (const fault of faults) io.fail(`${path}: ${fault}`);
  else await io.line(`${path}: good`);
  return faults.length ? 1 : 0;
}
