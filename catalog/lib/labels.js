// Files of labels for `kin labels`: labels.yaml or .csv in, a list of pictures, and packs by the layout of
// web/shared/labels.js.
import { readdir, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { kindsOf } from '#web/shared/draft.js';
import { writePack } from './pack-file.js';
import { crc32 } from './crc32.js';
import { UsageError } from './options.js';
import { readTable } from './table.js';
import { tensorFiles } from './tensors.js';
import { readText } from './text.js';

const maxLabels = 10_000;

// Of a file that has to be whole.
async function readWhole(path, columns, each, others) {
  const rows = await readTable(path, columns, each, others);
  for (const { line, error } of rows) if (error) throw new Error(`${path}, line ${line}: ${error.message}`);
  return rows;
}

// What a file says of a label: its phrases alone, in a list, or all by name.
function saidOf(said, label, path) {
  if (Array.isArray(said)) return { phrases: said };
  if (typeof said === 'object') return said ?? {};
  throw new Error(`${path}: '${label}' has '${said}' in place of a list: write [${said}]`);
}

const isTexts = (value) => Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && one.trim());

// A list of { kind, bare, with, templates, labels: ['shoe', { boot: ['boot', 'wellington'] }, { red: { shades: ['#d02020'] } }] }
function fromParts(parts, labels, path) {
  if (labels !== undefined) throw new Error(`${path} has labels and parts: a file has one of them`);
  if (!Array.isArray(parts)) throw new Error(`${path}: parts are a list of blocks, each with its kind and its labels`);
  return { kinds: {}, labels: parts.flatMap((block) => {
    const { kind, bare, with: beside, templates, labels: list, ...rest } = block ?? {};
    const [odd] = Object.keys(rest);
    if (odd !== undefined) throw new Error(`${path}: a block of parts has '${odd}'; it takes kind, bare, with, templates and labels`);
    if (!kindsOf.includes(kind)) throw new Error(`${path}: the kind of a block is one of ${kindsOf.join(', ')}, not '${kind}'`);
    if (![undefined, true].includes(bare)) throw new Error(`${path}: bare is true or left out`);
    if (beside !== undefined && !(isTexts(beside) && beside.every((one) => kindsOf.includes(one))))
      throw new Error(`${path}: with is a list of kinds: ${kindsOf.join(', ')}`);
    if (!Array.isArray(list)) throw new Error(`${path}: a block of parts has a list of labels`);
    return list.map((one) => {
      const [[label, said] = [], ...others] = typeof one === 'string' ? [[one, [one]]] : Object.entries(one ?? {});
      if (label === undefined || others.length)
        throw new Error(`${path}: one of the labels is ${JSON.stringify(one)}: each is a text, or a map of one label to its phrases`);
      const { phrases = [label], shades, ground, ...more } = saidOf(said, label, path);
      const [wrong] = Object.keys(more);
      if (wrong !== undefined) throw new Error(`${path}: '${label}' has '${wrong}'; it takes phrases, shades and ground`);
      for (const [name, list] of Object.entries({ shades, ground }))
        if (list !== undefined && !(isTexts(list) && list.every((shade) => /^#[0-9a-f]{6}$/.test(shade))))
          throw new Error(`${path}: the ${name} of '${label}' are a list such as ["#d22828"]`);
      return { label: String(label), kind, ...bare && { bare }, ...beside && { with: beside }, ...shades && { shades }, ...ground && { ground },
        phrases, negatives: [], templates };
    });
  }) };
}

async function fromYaml(path) {
  let file;
  const text = await readText(path);
  try {
    file = parseYaml(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new Error(`${path} is not YAML: ${error.message.split('\n')[0]}`);
  }
  if (typeof file !== 'object' || Array.isArray(file)) throw new Error(`${path} has no labels: a map of label to its phrases`);
  const { labels, parts, templates, languages, ...other } = file ?? {};
  const [unknown] = Object.keys(other);
  if (unknown !== undefined) throw new Error(`${path} has '${unknown}'; it takes labels or parts, templates and languages`);
  if (parts !== undefined) return { templates, languages, ...fromParts(parts, labels, path) };
  if (!labels || typeof labels !== 'object' || Array.isArray(labels)) throw new Error(`${path} has no labels: a map of label to its phrases`);
  return { templates, languages, labels: Object.entries(labels).map(([label, said]) => {
    const { phrases = [label], negatives = [], ...rest } = saidOf(said, label, path);
    const [odd] = Object.keys(rest);
    if (odd === 'threshold')
      throw new Error(`${path}: '${label}' has a threshold; one comes from 'labels measure' alone, with its precision and recall`);
    if (odd !== undefined) throw new Error(`${path}: '${label}' has '${odd}'; it takes phrases and negatives`);
    return { label, phrases, negatives };
  }) };
}

// Columns label, phrase and, for phrases that speak against the label, negative.
async function fromCsv(path) {
  const found = new Map();
  for (const { line, record: { label, phrase, negative } } of await readWhole(path, ['label'], 'a phrase or a negative', ['phrase', 'negative'])) {
    if (!label || !phrase && !negative) throw new Error(`${path}, line ${line}: a label and a phrase (or negative) are needed in each line`);
    if (!found.has(label)) found.set(label, { label, phrases: [], negatives: [] });
    if (phrase) found.get(label).phrases.push(phrase);
    if (negative) found.get(label).negatives.push(negative);
  }
  return { labels: [...found.values()] };
}

// -> { labels: [{ label, phrases, negatives }], templates, languages }; of a phrase pack kinds too ({}: none is measured yet),
// and its labels as web/shared/draft.js has them, with their templates
export async function readLabels(path) {
  const form = extname(path).toLowerCase();
  if (!['.yaml', '.yml', '.json', '.csv'].includes(form)) throw new UsageError(`${path} is no file of labels: give a .yaml or .csv file`);
  const { labels, kinds, templates = ['a photo of a {}'], languages = null } =
    await (form === '.csv' ? fromCsv : fromYaml)(path);
  if (!labels.length || labels.length > maxLabels) throw new Error(`${path} has ${labels.length} labels: 1 to ${maxLabels} are taken`);
  for (const one of [templates, ...labels.map((label) => label.templates ?? templates)])
    if (!isTexts(one) || !one.every((text) => text.includes('{}')))
      throw new Error(`${path}: templates are texts with {} where the phrase goes`);
  if (languages !== null && !isTexts(languages)) throw new Error(`${path}: languages are a list such as [en]`);
  const seen = new Set(); // a pack with a label twice is refused when it is opened
  for (const { label, kind = '', phrases, negatives } of labels) {
    if (!label.trim()) throw new Error(`${path} has a label without a name`);
    if (seen.has(`${kind} ${label}`)) throw new Error(`${path} has the label '${label}' twice: put its phrases into one list`);
    seen.add(`${kind} ${label}`);
    if (!isTexts(phrases) || !Array.isArray(negatives) || negatives.length && !isTexts(negatives))
      throw new Error(`${path}: the phrases and negatives of '${label}' are lists of texts`);
  }
  return { labels: labels.map((label) => ({ ...label, templates: label.templates ?? templates })), kinds, languages };
}

const picture = /\.(?:jpe?g|jfif|jpe|pjpeg|png|webp)$/i;

// A folder, or a CSV with a column image and, for `measure`, label (several by |, none: empty) and split (choose, judge)
// -> [{ image: its path, labels, split }]
export async function readPictures(path) {
  const kind = await stat(path).catch(() => null);
  if (!kind) throw new Error(`there is no ${path}`);
  if (kind.isDirectory())
    return (await readdir(path, { recursive: true })).filter((name) => picture.test(name)).sort()
      .map((name) => ({ image: join(path, name), labels: [], split: '' }));
  return (await readWhole(path, ['image'], 'a picture', ['label', 'split'])).map(({ line, record: { image, label = '', split = '' } }) => {
    if (!image) throw new Error(`${path}, line ${line}: it names no image`);
    if (!['', 'choose', 'judge'].includes(split)) throw new Error(`${path}, line ${line}: it has the split '${split}': choose or judge`);
    return { image: join(dirname(path), image), labels: label.split('|').map((one) => one.trim()).filter(Boolean),
      split: split || (parseInt(crc32(Buffer.from(image)), 16) & 1 ? 'choose' : 'judge') };
  });
}

// -> the bytes of a pack's file
export function packBytes({ metadata, tensors }) {
  const files = tensorFiles('pack', tensors, metadata);
  if (files.length > 1) throw new Error('a label pack of more than 20 MiB: give it fewer labels');
  return Buffer.concat(files[0].bytes);
}

// The background of a model: a pack without labels.
export const backgroundBytes = ({ imageId, textId, vectors, scale, pictures }) => packBytes(writePack({ dim: vectors[0].length, scale,
  imageId, textId, languages: null, labels: [], phrases: [], negatives: [], background: vectors, pictures, null: [] }));

/* ---- figures ---- */

const least = 10; // pictures of a label that a figure needs
const worth = 0.5; // the recall below which a threshold is none
const rounded = (share) => Number(share.toFixed(3));

// Scores [{ is, score }] of pictures that show the label or not -> the figures of a threshold
export function counted(scored, threshold) {
  const flagged = scored.filter(({ score }) => score >= threshold);
  const right = flagged.filter(({ is }) => is).length;
  const positives = scored.filter(({ is }) => is).length;
  return { precision: flagged.length ? rounded(right / flagged.length) : 0, recall: rounded(right / positives), positives,
    pictures: scored.length };
}

// The lowest threshold that is precise enough, in the middle of the gap below; null: there is none. `rare`: how many
// pictures without the label there are for one with it where it will be used.
export function chooseThreshold(scored, precision, rare) {
  const falling = [...scored].sort((a, b) => b.score - a.score);
  const positives = scored.filter(({ is }) => is).length;
  const weight = rare * positives / (scored.length - positives);
  let [right, wrong, at] = [0, 0, -1];
  falling.forEach(({ is }, i) => {
    if (is) right++;
    else wrong += weight;
    if (right && right / (right + wrong) >= precision) at = i;
  });
  return at < 0 ? null : Number(((falling[at].score + (falling[at + 1]?.score ?? 0)) / 2).toPrecision(3));
}

// pictures: [{ vector, labels, split }]; `?label` among the labels: not to be counted for it. -> { label: { threshold,
// measured } } of those labels that have pictures enough: chosen on one part, of which a share of `asked` has to be right, counted
// on the other.
export async function measureLabels(pack, pictures, precision, data, tell, asked = precision) {
  const found = [];
  for (const { vector } of pictures)
    found.push(new Map((await pack.classify(vector, { multiLabel: true })).map(({ label, score }) => [label, score])));
  const result = {};
  for (const { label } of pack.info.labels) {
    const of = (part) => pictures.flatMap(({ labels, split }, i) => (split === part && !labels.includes(`?${label}`)
      ? [{ is: labels.includes(label), score: found[i].get(label) }] : []));
    const [choose, judge] = [of('choose'), of('judge')];
    const positives = judge.filter(({ is }) => is).length;
    const threshold = positives < least ? null : chooseThreshold(choose, asked, (judge.length - positives) / positives);
    if (threshold === null) {
      tell(`${label}: no threshold: ${positives < least ? `${positives} pictures to judge it by, ${least} are needed`
        : `none is right in ${asked * 100} %`}`);
      continue;
    }
    const measured = { ...counted(judge, threshold), data };
    const good = measured.precision >= precision && measured.recall >= worth;
    if (good) result[label] = { threshold, measured };
    tell(`${label}: from ${threshold} on precision ${measured.precision}, recall ${measured.recall} of ${positives} among ` +
      `${judge.length}${good ? '' : ': no threshold'}`);
  }
  return result;
}

/* ---- figures of a phrase pack ---- */

const likely = 0.5; // what is less likely than not is not said, whatever the share that is right with it

// Ways [{ way, right }] -> slope and centre of the logistic curve through how often the best label is right: Newton's method on
// the likelihood and a normal prior of the slope, 1 ± 1 a deviation of the ways (and of the height, 0 ± 10), so that it stays finite where all are right.
export function fitConfidence(ways) {
  const mean = ways.reduce((sum, { way }) => sum + way, 0) / ways.length;
  const spread = Math.sqrt(ways.reduce((sum, { way }) => sum + (way - mean) ** 2, 0) / ways.length) || 1;
  const points = ways.map(({ way, right }) => [(way - mean) / spread, right ? 1 : 0]);
  let [a, b] = [1, 0];
  for (let step = 0; step < 30; step++) {
    let [ga, gb, haa, hab, hbb] = [1 - a, -b / 100, 1, 0, 1 / 100];
    for (const [x, y] of points) {
      const p = 1 / (1 + Math.exp(-(a * x + b)));
      const w = p * (1 - p);
      ga += (y - p) * x;
      gb += y - p;
      haa += w * x * x;
      hab += w * x;
      hbb += w;
    }
    const least = haa * hbb - hab * hab;
    a += (hbb * ga - hab * gb) / least;
    b += (haa * gb - hab * ga) / least;
  }
  return { slope: Number((a / spread).toPrecision(4)), centre: Number((mean - b * spread / a).toPrecision(4)) };
}

// ['object:shoe', 'object:boot', 'colour:red'] -> { object: ['shoe', 'boot'], colour: ['red'] }
export function rightOf(labels, path) {
  const right = {};
  for (const text of labels) {
    const at = text.indexOf(':');
    const kind = text.slice(0, Math.max(at, 0)).trim();
    if (!kindsOf.includes(kind)) throw new Error(`${path}: the label '${text}' does not begin with its kind: ${kindsOf.map((one) => `${one}:`).join(', ')}`);
    (right[kind] ??= []).push(text.slice(at + 1).trim());
  }
  return right;
}

// pictures: [{ found: bestOf's, right: { kind: [the labels that would be right] }, split }]; precision and data: { kind: the
// share that has to be right, what it is counted on } -> { kind: { slope, centre, threshold, measured } } of the kinds that have
// pictures enough: curve and threshold from one part, precision and the share of pictures of which the kind is said counted
// on the other, which has to hold what the first one promised.
export function measureParts(pictures, precision, data, tell) {
  const result = {};
  for (const kind of kindsOf.filter((one) => pictures.some(({ right }) => right[one]))) {
    const of = (part) => pictures.flatMap(({ found, right, split }) => {
      const best = split === part && right[kind] && found.find((one) => one.kind === kind);
      return best ? [{ way: best.way, right: right[kind].includes(best.label) }] : [];
    });
    const [choose, judge] = [of('choose'), of('judge')];
    if (choose.length < least || judge.length < least) {
      tell(`${kind}: not measured: ${choose.length} and ${judge.length} pictures, ${least} of each are needed`);
      continue;
    }
    const { slope, centre } = fitConfidence(choose);
    const sure = (ways) => ways.map(({ way, right }) => ({ is: right, score: 1 / (1 + Math.exp(-slope * (way - centre))) }));
    const wanted = precision[kind];
    const falling = sure(choose).sort((a, b) => b.score - a.score);
    let [right, threshold] = [0, null];
    falling.forEach(({ is, score }, i) => {
      right += is ? 1 : 0;
      if (i + 1 >= least && right / (i + 1) >= wanted) threshold = Number(Math.max(score, likely).toFixed(3));
    });
    const said = threshold === null || slope <= 0 ? [] : sure(judge).filter(({ score }) => score >= threshold);
    const measured = { precision: said.length ? rounded(said.filter(({ is }) => is).length / said.length) : 0,
      said: rounded(said.length / judge.length), pictures: judge.length, data: data[kind] };
    // What the one half promised and the other does not hold, by more than two standard errors, is not said.
    const bound = wanted - 2 * Math.sqrt(wanted * (1 - wanted) / said.length);
    const holds = said.length > 0 && measured.precision >= bound;
    if (holds) result[kind] = { slope, centre, threshold, measured };
    if (said.length && !holds) tell(`${kind}: no threshold: right in ${measured.precision} of the ${said.length} of which it would be said, instead of ${wanted}`);
    else tell(said.length ? `${kind}: from ${threshold} on right in ${measured.precision} of the ${measured.said} of ${judge.length} pictures ` +
      'of which it is said' : `${kind}: no threshold: none is right in ${wanted * 100} %`);
  }
  return result;
}
