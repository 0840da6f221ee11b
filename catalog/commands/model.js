// kin model: the models that are known by name. `list` says what each is, may be used for and weighs; `get`
// fetches one, converts it and keeps it where --model finds it by its name.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkReplaceable } from '../lib/files.js';
import { getModel } from '../lib/get.js';
import { hubId } from '../lib/hub.js';
import { findEntry, knownModels, megabytesOf, modelFolder, readIndex, recommended } from '../lib/models.js';
import { kin } from '../lib/name.js';
import { commonUsage, UsageError } from '../lib/options.js';

export const usage = `Usage: ${kin} model list [name]
       ${kin} model get <name> [-o <folder>] [--dtype q8|f32]

list   what there is, or all that is known of one: licence, whether commercial use is allowed,
       languages, megabytes, published figures with their sources
get    says licence and size, fetches the model (going on where it was stopped), checks it against
       the hub's hashes and the shapes listed, converts it to q8 and keeps it for --model <name>;
       with -o in a folder of yours, to put beside a page (the embedded model too). HF_ENDPOINT names another hub than
       https://huggingface.co, KIN_CACHE another place to keep models.
${commonUsage}`;

export const options = { output: { type: 'string', short: 'o' } };

const q8 = ({ q8: { image, text } }) => (image + text).toFixed(1);
const percent = (figure) => (figure ? `${figure.value} %` : '–');
const here = (name, entry) => existsSync(modelFolder(name, entry));

function wrapped(text, indent, width = 92) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (!line || line.length + word.length < width - indent) lines[lines.length - 1] += (line && ' ') + word;
    else lines.push(word);
  }
  return lines.join('\n' + ' '.repeat(indent));
}

function table(models) {
  const rows = [['', 'name', 'commercial', 'licence', 'MB f32', 'MB q8', 'dim', 'px', 'ImageNet', 'COCO',
    'languages', 'here']];
  for (const [name, entry] of models) {
    const { figures = {} } = entry;
    const megabytes = megabytesOf(name, entry);
    rows.push([entry.recommended ? '*' : '', name, entry.commercial, entry.licence.replace(' AND ', ' + '), String(megabytes.f32 ?? '–'),
      q8(megabytes), String(entry.dim), String(entry.imageSize), percent(figures.imagenet), percent(figures.coco),
      entry.languages.join(' '), entry.folder ? 'embedded' : here(name, entry) ? 'yes' : 'no']);
  }
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const right = new Set([4, 5, 6, 7, 8, 9]);
  return rows.map((row) => row.map((cell, i) => (right.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
    .join('  ').trimEnd()).join('\n');
}

async function list(names, values, io) {
  const all = Object.entries(readIndex().models);
  const [chosen] = names.map((name) => findEntry(name) ?? unknown(name));
  if (values.json) {
    const told = (chosen ? [chosen] : all).map(([name, entry]) =>
      ({ name, ...entry, megabytes: megabytesOf(name, entry), path: here(name, entry) ? modelFolder(name, entry) : null }));
    return io.line(chosen ? told[0] : told);
  }
  if (chosen) return describe(...chosen, io);
  await io.line(table(all));
  const best = recommended();
  return io.line(`
* for real shops: ${wrapped(`${best}. ${readIndex().models[best].recommended}`, 2)}
  MB f32: what 'get' fetches. MB q8: what a page loads, the image tower first. dim: numbers of an
  embedding. px: pixels of a side. ImageNet: kinds named right with no example. COCO: the right photo
  among the first five found by a caption. –: no published figure found.
  '${kin} model list NAME' tells more, with sources;
  '${kin} model get NAME' fetches one.`);
}

async function describe(name, entry, io) {
  const { figures = {} } = entry;
  const { f32, q8: { image, text } } = megabytesOf(name, entry);
  const line = (what, value) => io.line(`${what.padEnd(12)} ${wrapped(value, 13)}`);
  await line(name, entry.title);
  if (entry.recommended) await line('recommended', entry.recommended);
  await line('commercial', `${entry.commercial}: ${entry.reason}`);
  await line('licence', entry.licence);
  await line('source', entry.source);
  await line('languages', entry.languages.join(', '));
  await line('numbers', `${entry.dim} an embedding, from ${entry.imageSize} x ${entry.imageSize} pixels`);
  await line('megabytes', `${f32 === null ? '' : `${f32} to fetch; `}q8: ${image} for pictures and ${text} for texts`);
  for (const { what, value, source } of Object.values(figures)) {
    await line('figure', `${what}: ${value}${typeof value === 'number' ? ' %' : ''}`);
    await line('', source);
  }
  if (!Object.keys(figures).length) await line('figures', entry.folder ? entry.source.replace(/[^/]*$/, 'EVAL.md') : 'no published one found');
  await line('here', here(name, entry) ? modelFolder(name, entry) : `no: ${kin} model get ${name}`);
}

function unknown(name) {
  throw new UsageError(`there is no model named '${name}'${knownModels(name)}` +
    (hubId.test(name) ? `; '${kin} convert ${name} -o FOLDER' takes any CLIP model of the hub` : ''));
}

async function get(names, values, modelOptions, io) {
  if (names.length !== 1) throw new UsageError(`model get takes one name; '${kin} model list' lists them`);
  const [name, entry] = findEntry(names[0]) ?? unknown(names[0]);
  const dtype = modelOptions.dtype ?? 'q8';
  const output = values.output && resolve(values.output);
  if (entry.folder && dtype !== 'q8') throw new UsageError(`'${name}' is embedded in q8 alone`);
  if (output) await checkReplaceable(output, 'model');
  const { path, done } = await getModel(name, { output, dtype, modelOptions, io, say: (text) => io.note(text) });
  const { ids = null, bytes = null } = done ?? {};
  if (values.json) await io.line({ name, path, dtype, ids, bytes });
  else if (!done) io.note(`'${name}' is already here: ${path}`);
  else io.note(`${path}: ${dtype}, ${done.files.length} files, ${(bytes / 1e6).toFixed(2)} MB` +
    (output || dtype === 'f32' ? '' : `; use it with --model ${name}`));
  return 0;
}

export async function run({ values, positionals: [what, ...names], modelOptions }, io) {
  if (values.model !== undefined) throw new UsageError('model takes the name as its argument, not as --model');
  if (what === 'get') return get(names, values, modelOptions, io);
  if (what !== 'list') throw new UsageError(`model takes 'list' or 'get'; see '${kin} model --help'`);
  if (names.length > 1) throw new UsageError('model list takes one name at most');
  await list(names, values, io);
  return 0;
}
