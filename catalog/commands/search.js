// kin search: the products nearest to a picture, a text, or other products.
import { existsSync } from 'node:fs';
import { openModel } from '../lib/engine.js';
import { kin } from '../lib/name.js';
import { asNumber, commonUsage, noPictureOptions, oneOf, readBox, UsageError, wholeNumber } from '../lib/options.js';
import { naming, openTyped } from '../lib/pictures.js';
import { openStored } from '../lib/stored.js';

export const usage = `Usage: ${kin} search <catalogue> <picture> | --text "red sofa" | --like ID [--unlike ID]
       [--limit 24] [--offset 0] [--filter "color = red and price < 50"] [--min-score S]
       [--min-confidence C] [--diversity D] [--facets colour,price] [--exact]
       [--adapter F]

Prints score, confidence, id and title of the nearest products, best first, and says so where nothing
is similar. --like and --unlike may be given several times and need no model.

  --min-confidence C   0 to 1; needs a catalogue with statistics
  --diversity D        0 to 1: how much hits are to differ from those before them
  --facets a,b         fields whose values are counted over what passes the filter
  --adapter F      what '${kin} adapt' wrote: pictures and query go through it; there is no confidence then
  --exact          look at every row of a catalogue of more than 200,000 pictures too
  --box x,y,w,h    a part of the picture, in fractions
  --fit crop|pad   centre crop (default: as the catalogue was built), or padded to a square
${commonUsage}`;

export const options = {
  text: { type: 'string' }, like: { type: 'string', multiple: true },
  unlike: { type: 'string', multiple: true }, limit: { type: 'string' },
  offset: { type: 'string' }, filter: { type: 'string' }, 'min-score': { type: 'string' },
  'min-confidence': { type: 'string' }, diversity: { type: 'string' }, facets: { type: 'string' },
  exact: { type: 'boolean' }, adapter: { type: 'string' },
  box: { type: 'string' }, fit: { type: 'string' },
};

const isPicture = (path) => /\.(?:jpe?g|png|webp)$/i.test(path);

// A number from 0 to 1, or undefined.
function readFraction(values, name) {
  if (values[name] === undefined) return undefined;
  const number = asNumber(values[name]);
  if (!(number >= 0 && number <= 1)) throw new UsageError(`--${name} is a number from 0 to 1, not '${values[name]}'`);
  return number;
}

async function readQuery(values, picture) {
  if (picture !== undefined) {
    if (!/[/\\.]/.test(picture) && !existsSync(picture))
      throw new UsageError(`there is no picture '${picture}'; words to search for go behind --text`);
    const box = readBox(values.box);
    const fit = values.fit && oneOf(values.fit, '--fit', ['crop', 'pad']);
    return { image: await openTyped(picture), ...(box && { box }), ...(fit && { fit }) };
  }
  if (values.text !== undefined) return { text: values.text };
  return { like: values.like ?? [], ...(values.unlike && { unlike: values.unlike }) };
}

export async function run({ values, positionals, modelOptions }, io) {
  const [path, picture, ...others] = positionals;
  const ways = [picture, values.text, values.like ?? values.unlike];
  if (path === undefined || others.length || ways.filter((way) => way !== undefined).length !== 1)
    throw new UsageError('search takes a catalogue and one of: a picture, --text, --like');
  if (isPicture(path) && picture !== undefined && !isPicture(picture))
    throw new UsageError(`search takes the catalogue first, and '${path}' is named like a picture`);
  const limit = wholeNumber(values.limit ?? '24', '--limit', 1);
  const offset = wholeNumber(values.offset ?? '0', '--offset');
  const minScore = values['min-score'] === undefined ? undefined : asNumber(values['min-score']);
  if (minScore !== undefined && !Number.isFinite(minScore)) throw new UsageError('--min-score must be a number');
  const more = { minConfidence: readFraction(values, 'min-confidence'), diversity: readFraction(values, 'diversity'),
    facets: values.facets?.split(',').map((field) => field.trim()).filter(Boolean) };
  if (values.text !== undefined && !values.text.trim()) throw new UsageError('--text needs words to search for');
  noPictureOptions(picture === undefined, values);
  const query = await readQuery(values, picture);
  const clip = query.like ? undefined : await openModel(modelOptions, io);
  try {
    const catalog = await openStored(path, { clip, adapter: values.adapter, signal: io.signal });
    try {
      const result = await catalog.search(query, {
        limit, offset, ...more, exact: values.exact === true, signal: io.signal, ...(values.filter && { filter: values.filter }),
        ...(minScore !== undefined && { minScore }),
      }).catch(naming(picture ?? '--text'));
      if (values.json) await io.line(result);
      else await printHits(result, io);
    } finally {
      await catalog.close();
    }
  } finally {
    await clip?.close();
  }
  return 0;
}

async function printHits({ hits, total, verdict, facets }, io) {
  const width = Math.max(2, ...hits.map((hit) => hit.id.length));
  // Titles come from a file of anyone's: no control character reaches the terminal.
  const shown = (text) => text.replace(/\p{C}+/gu, ' ');
  for (const { id, score, confidence, item } of hits)
    await io.line(`${score.toFixed(4)}  ${confidence === null ? '' : `${confidence.toFixed(2)}  `}${shown(id).padEnd(width)}  ${shown(item.title ?? '')}`);
  for (const [field, values] of Object.entries(facets ?? {}))
    await io.line(`${shown(field)}: ${values.map(({ value, count }) => `${shown(String(value))} ${count}`).join(', ')}`);
  if (hits.length && verdict === 'none') io.note('nothing similar: the best is no surer than chance');
  io.note(hits.length ? `${hits.length} of ${total} products`
    : 'no product passes the filter and the limits');
}
