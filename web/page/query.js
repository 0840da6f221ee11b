// What is asked of a catalogue, whether it is a file or a folder: queries, and rows of fields.
import { anything, box, fit, flag, fraction, id, listOf, number, numbers, object, oneOrMore, shape, signal, whole, words,
  wrong } from './arguments.js';
import { fail } from '../shared/errors.js';
import { packImage } from './pack.js';
import { addType, typeOf } from '../shared/types.js';

export const searchOptions = { limit: whole(0), offset: whole(0), filter: anything, minScore: number, minConfidence: fraction,
  diversity: fraction, facets: oneOrMore(words), exact: flag, signal };

// A query, and the parts of a mix. What one is of, and what goes only with some of these:
const source = { image: packImage, text: words, vector: numbers, id };
const mixed = shape({ ...source, box, fit, weight: number }, []);
const queried = shape({ ...source, like: oneOrMore(id), unlike: oneOrMore(id), mix: listOf(mixed), box, fit }, []);

function checkPart(part, name, ways = Object.keys(source)) {
  const given = ways.filter((way) => way in part);
  if (given.length !== 1)
    wrong(`${name} has one of ${ways.join(', ')}, not ${given.join(' and ') || 'none'}` +
      `${given.length ? ': mix them, as { mix: [{ … }, { … }] }' : ''}.`);
  if ((part.box || part.fit) && !('image' in part)) wrong(`box and fit go with an image, not with ${given[0]}.`);
}

export function readQuery(given, name) {
  const query = queried(given, name);
  const { unlike: like } = query;
  checkPart({ ...like && { like }, ...query }, name, [...Object.keys(source), 'like', 'mix']);
  query.mix?.forEach((part) => checkPart(part, 'A part of mix'));
  return query;
}

const settable = (value) => (Array.isArray(value) ? value.every((one) => typeof one === 'string')
  : ['string', 'boolean', null].includes(typeOf(value)) || Number.isFinite(value));

export const rowsOf = listOf((row, name) => {
  const { id: product, ...given } = object(row, name);
  const fields = Object.entries(given).map(([field, value]) => [field, Array.isArray(value) ? [...value] : value]);
  return { id: id(product, 'id'), fields };
});

// `types` with those of rows' fields. A field keeps its type, for filters: a
// number does not become a text because one row says so.
export function typesWith(types, rows) {
  const found = new Map(types);
  for (const { id, fields } of rows)
    for (const [field, value] of fields) {
      const was = found.get(field);
      if (!settable(value))
        wrong(`'${field}' of '${id}' is no string, finite number, true or false, or list of strings.`);
      if (was && ![was, null].includes(typeOf(value)) && field !== 'image')
        wrong(`'${field}' is a ${was} in this catalogue, and '${id}' would get ${JSON.stringify(value)}.`);
      addType(found, field, value);
    }
  return found;
}

// The vector of a query's picture or words, by the model that a catalogue says it was built with.
export async function embed(clip, { metadata, dim }, tower, { image, text, box, fit = metadata['kin.fit'] || 'crop' }, signal) {
  if (!clip)
    fail('no-model', `A search by ${tower} needs a model: openCatalog(…, { clip: await load({ model }) }).`);
  const vector = tower === 'image' ? await clip.embedImage(await image, { box, fit, signal }) : await clip.embedText(text, { signal });
  const want = metadata[`kin.${tower}_id`];
  if (vector.length !== dim || want !== undefined && await clip.identify(tower, { signal }) !== want)
    fail('model-mismatch', `The catalogue is of ${want ? 'another' : 'no'} ${tower} model, not of '${clip.info.model}' in ` +
      `'${clip.info.dtype}': ${want ? 'load that one' : 'search by vector or like'}, or build it again.`);
  return vector;
}

// A query -> [{ weight, vector, text } | { weight, id }]: what its vector is the sum of.
export async function partsOf({ mix, like, unlike, ...query }, clip, info, signal) {
  if (mix && !mix.length) wrong('mix names no part.');
  if (!mix && (like || unlike)) {
    const [liked, not] = [like ?? [], unlike ?? []];
    if (!liked.length && !not.length) wrong('like and unlike name no product.');
    return [...liked.map((id) => ({ id, weight: 1 / liked.length })), ...not.map((id) => ({ id, weight: -0.5 / not.length }))];
  }
  const parts = [];
  for (const { weight = 1, id, vector, ...part } of mix ?? [query]) {
    if (vector && (vector.length !== info.dim || !vector.some(Boolean)))
      wrong(`A query vector is ${info.dim} finite numbers, not all zero.`);
    const tower = ['image', 'text'].find((name) => part[name] !== undefined);
    parts.push(tower ? { weight, vector: await embed(clip, info, tower, part, signal), text: tower === 'text' } : { weight, vector, id });
  }
  return parts;
}

export const exactness = (metadata, numerics) => (metadata['kin.numerics'] === String(numerics) ? { exact: true, exactReason: null }
  : { exact: false, exactReason: 'It was built by another release, whose numbers differ: build it again.' });
