// kin report: proof on one's own products, as one HTML page.
import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { openModel } from '../lib/engine.js';
import { writeFileSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { commonUsage, findModel as typedModel, oneArgument, UsageError } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { readListed, toSource } from '../lib/pictures.js';
import { png, smaller } from '../lib/png.js';
import { askPhotos, measure, near, openMeasured, overlap } from '../lib/report.js';
import { reportPage } from '../lib/report-page.js';
import { findModel } from '../lib/search-page.js';

export const usage = `Usage: ${kin} report <catalogue | folder> -o <report.html> [--queries photos.csv]
       [--against <catalogue | folder>] [--against-model M]

One page about what a catalogue finds: products with their neighbours, hubs, near-duplicates, how often a second picture
finds its own product, and photos of yours. It asks for nothing when it is opened; pictures beside the catalogue
are in it as small copies.

  --queries F        a CSV with the columns image (a path beside it) and id: the product that the photo should find
  --against C        another catalogue of the same products, by another model, side by side
  --against-model M  the model of that one, for --queries, where it is not known by itself
${commonUsage}`;

export const options = { output: { type: 'string', short: 'o' }, queries: { type: 'string' }, against: { type: 'string' },
  'against-model': { type: 'string' } };

const [sampled, neighbours, groups, thumbnail] = [8, 8, 6, 112];

// The model of a catalogue: { model, name, known } where it lies on this machine, or is the one that was named.
function modelOf(path, { metadata }, typed, modelOptions) {
  const wanted = typed === undefined ? { model: modelOptions.model, dtype: modelOptions.dtype, chosen: false }
    : { model: typedModel(typed, modelOptions.dtype).path, dtype: modelOptions.dtype, chosen: true };
  const imageId = metadata['kin.image_id'];
  const { folder, known, dtype } = findModel(dirname(resolve(path)), { imageId }, wanted);
  const name = known ? basename(resolve(folder)) : imageId ? `the model ${imageId.slice(0, 8)}…` : 'vectors of others';
  return { folder, known: known && imageId !== '', dtype, name };
}

// picture(ref) -> a small copy as a data address, or null where it does not lie there or cannot be read; each is read once.
async function openPictures(path, clip, io) {
  const root = await realpath(dirname(resolve(path)));
  const made = new Map();
  const read = async (ref, folder) => {
    if (typeof ref !== 'string' || !ref || /^(?:[a-z][a-z0-9+.-]+:|\/\/)/i.test(ref)) return null; // another host's
    try {
      const { source } = await toSource(await readListed(ref, { root: folder, hosts: new Map(), signal: io.signal }), ref);
      const pixels = await clip.preprocess(source, { fit: 'pad', signal: io.signal });
      return `data:image/png;base64,${png(smaller(pixels, thumbnail)).toString('base64')}`;
    } catch (error) {
      if (io.signal.aborted || error.code === 'crashed') throw error;
      return null; // the page says so
    }
  };
  return (ref, folder = root) => {
    const key = JSON.stringify([folder, ref]);
    if (!made.has(key)) made.set(key, read(ref, folder));
    return made.get(key);
  };
}

// What the page shows of a product, with its first picture or that of a row.
async function shownProduct({ catalog }, product, picture, row = catalog.firstRow[product]) {
  const { title, url, image } = catalog.item(product);
  const ref = Array.isArray(image) ? image[catalog.rowPicture[row]] : image;
  return { id: catalog.id(product), title: typeof title === 'string' ? title : '', url, picture: await picture(ref) };
}

const inTurn = async (list, work) => {
  const out = [];
  for (const one of list) out.push(await work(one));
  return out;
};

async function examples(models, picture) {
  const [first] = models;
  const hitsOf = (model, hits) => inTurn(hits, async ({ product, row, score }) =>
    ({ of: await shownProduct(model, product, picture, row), score }));
  const shown = (product, row) => shownProduct(first, product, picture, row);
  const samples = await inTurn(first.order.slice(0, Math.min(sampled, first.figures.asked)), async (product) => {
    const id = first.catalog.id(product);
    const lists = await inTurn(models, (model) => {
      const there = model === first ? product : model.order.find((one) => model.catalog.id(one) === id);
      if (there === undefined) return [];
      return hitsOf(model, model.catalog.nearest(model.catalog.firstRow[there], neighbours, { but: there }));
    });
    return { asked: await shown(product), lists };
  });
  const { figures: { second, photos, pairs, same } } = first;
  return {
    samples,
    missedSecond: await inTurn(second.missed.slice(0, groups), async ({ product, row, found }) =>
      ({ asked: await shown(product, row), own: await shown(product), found: await hitsOf(first, found) })),
    missedPhotos: await inTurn(photos?.missed.slice(0, groups) ?? [], async ({ ref, root, product, found }) => ({
      asked: { id: ref, title: ref, picture: await picture(ref, root) }, own: await shown(product), found: await hitsOf(first, found) })),
    hubCards: await inTurn(models, (model) => inTurn(model.figures.hubs.top, ({ product }) =>
      shownProduct(model, product, picture))),
    pairCards: await inTurn(pairs.slice(0, groups), async ({ pair, score }) =>
      ({ score, pair: await inTurn(pair, (product) => shown(product)) })),
    sameCards: await inTurn(same.slice(0, groups), (products) => inTurn(products.slice(0, 8), (product) => shown(product))),
  };
}

// A model's figures without its examples.
const summary = ({ figures: { asked, pairs, same, second, photos, hubs }, ...model }) => ({ ...model, asked, pairs: pairs.length,
  same: same.length, second: { ...second, missed: undefined }, photos: photos && { ...photos, missed: undefined },
  hubs: { ...hubs, top: hubs.top.map(({ count }) => count) } });

export async function run({ values, positionals, modelOptions }, io) {
  const catalogue = oneArgument(positionals, 'report takes one catalogue');
  if (!values.output) throw new UsageError('report needs -o report.html');
  if (values['against-model'] !== undefined && values.against === undefined)
    throw new UsageError('--against-model goes with --against');
  await checkFile(values.output, [catalogue, values.against, values.queries]);
  const paths = [catalogue, ...values.against === undefined ? [] : [values.against]];
  const models = await inTurn(paths, (path) => openMeasured(path, io));
  const typed = [values.model, values['against-model']];
  models.forEach((model, i) => Object.assign(model, modelOf(model.path, model.catalog.about, typed[i], modelOptions)));
  const strange = values.queries === undefined ? -1 : models.findIndex(({ known }) => !known);
  if (strange >= 0 && !models[strange].catalog.about.metadata['kin.image_id'])
    throw new Error(`${models[strange].path} holds vectors of others, of which no model is known: a photo cannot be looked for among them`);
  if (strange >= 0)
    throw new Error(`the model of ${models[strange].path} is not known here, so --queries cannot be asked: name it with ` +
      (strange ? '--against-model' : '--model'));
  if (models[1]?.name === models[0].name) for (const model of models) model.name = `${model.name} (${basename(model.path)})`;

  let failed = 0;
  const report = (sentence) => {
    failed++;
    io.note(sentence);
  };
  const asked = Math.min(...models.map(({ most, catalog }) => Math.min(most, catalog.products)));
  for (const model of models) model.figures = await measure(model, asked, io);
  const clips = [];
  try {
    for (const model of models) {
      if (model !== models[0] && values.queries === undefined) continue;
      const clip = await openModel({ ...modelOptions, model: model.folder, dtype: model.dtype, embedded: false }, io);
      clips.push(clip);
      if (values.queries === undefined) continue;
      const id = await clip.identify('image', { signal: io.signal });
      if (id !== model.catalog.about.metadata['kin.image_id'])
        throw new Error(`${model.path} was built with another image model than ${model.folder}`);
      const { 'kin.fit': fit = 'crop' } = model.catalog.about.metadata;
      model.figures.photos = await askPhotos(values.queries, model, (source) => clip.embedImage(source, { fit, signal: io.signal }),
        model === models[0] ? report : () => {}, io);
    }
    const picture = await openPictures(catalogue, clips[0], io);
    const shown = { ...await examples(models, picture), common: models[1] && overlap(...models) };
    const about = models.map(({ path, name, catalog: { products, pictures, dim, bytes }, figures }) =>
      ({ path: basename(path), name, products, pictures, dim, bytes, near, figures }));
    const text = reportPage(about, shown);
    await writeFileSafely(values.output, text);
    const bytes = Buffer.byteLength(text);
    if (values.json) await io.line({ output: values.output, bytes, failed, models: about.map(summary) });
    else io.note(`${values.output}: ${(bytes / 1e6).toFixed(2)} MB; ${asked} of ${models[0].catalog.products} products asked for`);
    return failed ? 3 : 0;
  } finally {
    for (const clip of clips) await clip.close();
  }
}
