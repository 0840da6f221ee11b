// kin labels: build a label pack, hold products against one, measure one, gather a model's background.
import { join } from 'node:path';
import { bestOf, kindsOf } from '#web/shared/draft.js';
import { isMeasured, isThreshold, meanOf, prepare, statistics, unit } from '#web/shared/labels.js';
import { phrases as usual } from '#web/shared/phrases.js';
import { library, pixel, withModel } from '../lib/engine.js';
import { exists, writeFileSafely } from '../lib/files.js';
import { backgroundBytes, measureLabels, measureParts, packBytes, readLabels, readPictures, rightOf } from '../lib/labels.js';
import { kin } from '../lib/name.js';
import { asNumber, commonUsage, UsageError } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { writePack } from '../lib/pack-file.js';
import { isOfAll, listedPictures, naming, openTyped } from '../lib/pictures.js';
import { readMap, readProducts } from '../lib/products.js';
import { allowedHosts } from '../lib/remote.js';
import { openStoredLabels, openStoredPack } from '../lib/stored.js';
import { counted } from '../lib/terminal.js';
import { readText } from '../lib/text.js';

export const usage = `Usage: ${kin} labels build <labels.yaml | labels.csv> -o <pack> [--background F] [--measured F]
       ${kin} labels apply <pack> <products.csv | folder> [-o out.csv] [--map image=Name] [--allow-host H]
       ${kin} labels measure <pack> <pictures.csv> -o <measured.json> [--precision 0.8] [--name "data"]
       ${kin} labels background <folder | pictures.csv> -o <background.safetensors>

build       label vectors, ready for pages without the text tower. Statistics come from the model's
            background.safetensors, or --background; thresholds from what 'measure' wrote (--measured)
apply       each product's score for every label, as CSV (--json: JSON lines, with evidence)
measure     columns image, label (several by |), split (choose, judge): the threshold of each label is
            chosen on the first and its precision and recall counted on the second. Of a phrase pack
            labels are kind:label, such as object:shoe|object:boot|colour:red
background  vectors of pictures of whatever there is, which labels are held against

Pictures that cannot be read are told and left out, exit code 3.
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, background: { type: 'string' }, measured: { type: 'string' },
  precision: { type: 'string' }, name: { type: 'string' }, map: { type: 'string', multiple: true },
  'allow-host': { type: 'string', multiple: true },
};

// Each picture of a list with what `make` gives of it; one that cannot be read is told and left out.
async function readEach(pictures, io, make) {
  const progress = io.progress('pictures', pictures.length);
  const read = [];
  for (const [i, picture] of pictures.entries()) {
    io.signal.throwIfAborted();
    try {
      read.push({ ...picture, ...await make(await openTyped(picture.image)).catch(naming(picture.image)) });
    } catch (error) {
      if (io.signal.aborted || isOfAll(error)) throw error;
      io.note(error.message);
    }
    progress(i + 1);
  }
  return read;
}

async function ids(clip, io) {
  const { signal } = io;
  return { imageId: await clip.identify('image', { signal }), textId: await clip.identify('text', { signal }) };
}

async function background([path], values, modelOptions, io) {
  const pictures = await readPictures(path);
  if (pictures.length < 2) throw new Error(`${path} names ${counted(pictures.length, 'picture')}: a background needs some hundred`);
  const { promptsOf } = await library();
  return withModel(modelOptions, io, async (clip) => {
    const read = await readEach(pictures, io, async (source) => ({ vector: await clip.embedImage(source, { signal: io.signal }) }));
    const failed = pictures.length - read.length;
    if (read.length < 2)
      throw new Error(`of the ${pictures.length} pictures of ${path} ${read.length || 'none'} could be read: a background needs some hundred`);
    const phrases = await promptsOf(clip, usual, io.signal);
    await writeFileSafely(values.output, backgroundBytes({ ...await ids(clip, io), ...phrases, pictures: read.map(({ vector }) => vector) }));
    io.note(`${values.output}: ${usual.length} phrases, ${counted(read.length, 'picture')}${failed ? `; not read: ${counted(failed, 'picture')}` : ''}`);
    return failed ? 3 : 0;
  });
}

async function readBackground(path, clip, given, io) {
  if (!path) return null;
  const found = await openStoredPack(path, { signal: io.signal });
  const own = await ids(clip, io);
  if (found.imageId === own.imageId && found.textId === own.textId) return found;
  if (given) throw new Error(`${path} is of another model: make it anew with '${kin} labels background'`);
  io.note(`${path} is of other weights, and left out: make it anew with '${kin} labels background'`);
  return null;
}

// What 'measure' wrote -> { label or kind: its figures }
async function readMeasured(path, names, kinds) {
  let found;
  try {
    found = JSON.parse(await readText(path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const figures = found?.labels;
  if (typeof figures !== 'object' || figures === null || !Object.values(figures).every(kinds ? isMeasured : isThreshold))
    throw new Error(`${path} is not what '${kin} labels measure' writes of such a pack`);
  const strange = Object.keys(figures).filter((name) => !names.includes(name));
  return { ...found, strange };
}

async function measuredOf(path, { labels, kinds }, { imageId, textId }, io) {
  if (!path) return {};
  const names = kinds ? kindsOf : labels.map(({ label }) => label);
  const found = await readMeasured(path, names, kinds);
  if (found.strange.length) io.note(`${path} has figures of ${found.strange.join(', ')}, which the pack has not: they are left out`);
  if (found.imageId === imageId && found.textId === textId) return found.labels;
  io.note(`${path} was measured with other weights: the pack has no thresholds; '${kin} labels measure' makes it anew`);
  return {};
}

async function build([path], values, modelOptions, io) {
  const { labels, kinds, languages } = await readLabels(path);
  const { promptsOf } = await library();
  await withModel(modelOptions, io, async (clip) => {
    const say = async (kind) => {
      const texts = labels.flatMap((label) => label[kind].map((text) =>
        label.templates.map((template) => template.replaceAll('{}', () => text))));
      const { vectors, scale } = await promptsOf(clip, texts.flat(), io.signal);
      return { scale, rows: texts.map((said) => meanOf(vectors.splice(0, said.length))) };
    };
    const { rows: phrases, scale } = await say('phrases');
    const { rows: negatives } = await say('negatives');
    const own = await ids(clip, io);
    const beside = join(modelOptions.model, 'background.safetensors');
    const known = await readBackground(values.background ?? (await exists(beside) ? beside : null), clip, values.background, io) ??
      { background: (await promptsOf(clip, usual, io.signal)).vectors, pictures: [] };
    const measured = await measuredOf(values.measured, { labels, kinds }, own, io);
    const pack = prepare({ dim: clip.info.dim, scale, ...own, languages, phrases, negatives,
      labels: labels.map(({ templates, ...label }) => ({ ...label, ...!kinds && Object.hasOwn(measured, label.label) && measured[label.label] })),
      ...kinds && { kinds: measured },
      background: known.background.map(unit), pictures: known.pictures.map(unit) });
    pack.null = statistics(pack);
    const bytes = packBytes(writePack(pack));
    await writeFileSafely(values.output, bytes);
    const judged = kinds ? Object.keys(measured) : pack.labels.filter(({ threshold }) => threshold !== undefined).map(({ label }) => label);
    io.note(`${values.output}: ${labels.length} labels, ${phrases.length} phrases, ${negatives.length} negatives, ` +
      `${pack.pictures.length} background pictures, ${(bytes.length / 1e3).toFixed(0)} KB; ` +
      (judged.length ? `thresholds: ${judged.join(', ')}` : 'no thresholds'));
  });
}

// A pack of another model is refused here.
async function openJudging(path, clip, { signal }) {
  const pack = await openStoredLabels(path, { clip, signal });
  await pack.classify(pixel(), { multiLabel: true, signal });
  return pack;
}

const cell = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

// A phrase pack may have a label of two kinds: the orange, and what is orange.
const nameOf = ({ kind, label }) => (kind ? `${kind}:${label}` : label);

async function apply([path, products], values, modelOptions, io) {
  const lines = [];
  const put = async (line) => (values.output ? lines.push(line) : io.line(line));
  let failed = 0;
  const report = (row, error) => {
    failed++;
    io.note(`row ${row.row}${row.id === null ? '' : ` (${row.id})`}: ${error.message}`);
  };
  await withModel(modelOptions, io, async (clip) => {
    const pack = await openJudging(path, clip, io);
    const names = pack.info.labels.map(nameOf);
    const listed = await readProducts(products, { map: readMap(values.map), fields: [], text: [], signal: io.signal }, (row) =>
      report(row, row.error));
    const hosts = allowedHosts(values['allow-host']);
    if (!values.json) await put(['id', 'picture', 'over', ...names].map(cell).join(','));
    const progress = io.progress('pictures', listed.pictures);
    let n = 0;
    for await (const { row, path: shown, load } of listedPictures(listed, { root: listed.paths.root, hosts, signal: io.signal })) {
      io.signal.throwIfAborted();
      progress(++n);
      if (row.error) {
        report(row, row.error);
        continue;
      }
      try {
        const { source } = await load();
        const found = await pack.classify(source, { multiLabel: true, signal: io.signal }).catch(naming(shown));
        const over = found.filter(({ score, threshold }) => threshold !== undefined && score >= threshold).map(nameOf);
        if (values.json) await put({ id: row.id, picture: shown, over, labels: found });
        else {
          const scores = new Map(found.map((one) => [nameOf(one), one.score.toFixed(4)]));
          await put([row.id, shown, over.join('|'), ...names.map((name) => scores.get(name))].map(cell).join(','));
        }
      } catch (error) {
        if (io.signal.aborted || isOfAll(error)) throw error;
        report(row, error);
      }
    }
  });
  if (values.output)
    await writeFileSafely(values.output, Buffer.from(lines.map((line) => (values.json ? JSON.stringify(line) : line) + '\n').join('')));
  return failed ? 3 : 0;
}

// A label that is spelt otherwise than in the pack would be counted as a picture that shows none.
function tellUnknown(said, known, list, tell) {
  const unknown = [...new Set(said)].filter((label) => !known.includes(label));
  if (unknown.length)
    tell(`${list} names labels that the pack has not: ${unknown.slice(0, 10).join(', ')}${unknown.length > 10 ? ` and ${unknown.length - 10} more` : ''}`);
}

async function measure([path, list], values, modelOptions, io) {
  const wanted = asNumber(values.precision ?? '0.8');
  if (!(wanted > 0 && wanted <= 1)) throw new UsageError('--precision is a share such as 0.8');
  const pictures = await readPictures(list);
  return withModel(modelOptions, io, async (clip) => {
    const { signal } = io, tell = (note) => io.note(note);
    const pack = await openJudging(path, clip, io);
    const readAll = async (listed, make) => {
      const read = await readEach(listed, io, make);
      if (!read.length) throw new Error(`of the ${counted(pictures.length, 'picture')} of ${list} none could be read`);
      return read;
    };
    let read, labels;
    if (pack.info.kinds) {
      const phrases = await openStoredPack(path, { signal });
      const listed = pictures.map((one) => ({ ...one, right: rightOf(one.labels, list) }));
      tellUnknown(listed.flatMap(({ right }) => Object.entries(right).flatMap(([kind, said]) => said.map((label) => `${kind}:${label}`))),
        phrases.labels.map(nameOf), list, tell);
      read = await readAll(listed, async (source) => {
        const pixels = await clip.preprocess(source, { signal });
        return { found: bestOf(phrases, { vector: await clip.embedImage(pixels, { signal }), pixels }) };
      });
      const every = (value) => Object.fromEntries(kindsOf.map((kind) => [kind, value]));
      labels = measureParts(read, every(wanted), every(values.name ?? list), tell);
    } else {
      tellUnknown(pictures.flatMap((one) => one.labels.map((label) => label.replace(/^\?/, ''))), pack.info.labels.map(({ label }) => label), list, tell);
      read = await readAll(pictures, async (source) => ({ vector: await clip.embedImage(source, { signal }) }));
      labels = await measureLabels(pack, read, wanted, values.name ?? list, tell);
    }
    await writeFileSafely(values.output, `${JSON.stringify({ ...await ids(clip, io), labels }, null, 2)}\n`);
    return read.length < pictures.length ? 3 : 0;
  });
}

const jobs = { build: [build, 1, true], apply: [apply, 2, false], measure: [measure, 2, true], background: [background, 1, true] };

export async function run({ values, positionals: [name, ...paths], modelOptions }, io) {
  if (!Object.hasOwn(jobs, name ?? '')) throw new UsageError(`labels takes one of ${Object.keys(jobs).join(', ')}`);
  const [work, n, output] = jobs[name];
  if (paths.length !== n) throw new UsageError(`'labels ${name}' takes ${n} path${n > 1 ? 's' : ''}; see '${kin} labels --help'`);
  if (output && !values.output) throw new UsageError(`'labels ${name}' needs -o FILE`);
  if (values.output) await checkFile(values.output, [...paths, values.background, values.measured]);
  return await work(paths, values, modelOptions, io) ?? 0;
}
