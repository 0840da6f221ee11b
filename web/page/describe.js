// clip.describe: a draft of alternative text for a picture, by a phrase pack. The words are put together in shared/draft.js.
import { pictureOptions, read, shape } from './arguments.js';
import { bestOf, checkLanguage, hintsOf, partsOf, sentenceOf } from '../shared/draft.js';
import { fail } from '../shared/errors.js';
import { contentsOf, ofModel } from './labels.js';

const titles = 8; // of the nearest products

const aPack = (value) => contentsOf(Object(value)) ?? fail('bad-argument', 'pack is not what openLabels() gave.');
const aCatalog = (value) => (typeof value.search === 'function' ? value : fail('bad-argument', 'catalog is not what openCatalog() gave.'));
const describing = shape({ pack: aPack, catalog: aCatalog, ...pictureOptions }, ['pack']);

async function hint(pack, catalog, vector, signal) {
  if (!catalog) return undefined;
  if ((catalog.info.metadata['kin.image_id'] ?? pack.imageId) !== pack.imageId)
    fail('model-mismatch', 'The catalogue was built with another image model than the label pack: build one of them again.');
  const { hits, verdict } = await catalog.search({ vector }, { limit: titles, signal });
  return verdict === 'none' ? undefined : hintsOf(pack, hits);
}

// `picture`: packed. It is decoded once: what preprocessing gives is embedded to the same bits.
export async function describe(clip, client, picture, options) {
  const { pack, catalog, signal, ...how } = read(describing, options ?? {}, 'describe()');
  checkLanguage(pack);
  const pixels = await client.call('preprocess', [picture, how], signal);
  const vector = await ofModel(pack, clip, await client.call('embedImage', [pixels, {}], signal), signal);
  const parts = partsOf(pack, bestOf(pack, { vector, pixels, bonus: await hint(pack, catalog, vector, signal) }));
  return { text: sentenceOf(pack, parts), parts };
}
