// What the panels share: one clip, the catalogues and the label packs, each loaded when a panel first asks for it, and again
// after a failure.
import { load, openCatalog, openLabels } from '../kin/index.js';
import { download, withBar } from '../say.js';

function once(work) {
  let done = null;
  return () => (done ??= work().catch((error) => {
    done = null;
    throw error;
  }));
}

export const clip = once(() => withBar('Loading the model', async () => {
  const made = await load({ model: './model/', cache: 'persistent', onProgress: download });
  await made.preload('image');
  return made;
}));
// For panels that take words: the other half of the model.
export const clipWithWords = once(async () => {
  const made = await clip();
  await withBar('Loading the model for words', () => made.preload('text'));
  return made;
});

const opened = (what, open, address) => once(async () => {
  const made = await clip();
  return withBar(what, () => open(address, { clip: made, onProgress: download }));
});
export const catalog = opened('Loading the catalogue', openCatalog, './catalog.safetensors');
export const grocery = opened('Loading the catalogue', openCatalog, './food.safetensors');
export const kinds = opened('Loading the labels', openLabels, './kinds.safetensors');
export const moderation = opened('Loading the labels', openLabels, './moderation.safetensors');
export const alt = opened('Loading the phrases', openLabels, './alt.safetensors');
