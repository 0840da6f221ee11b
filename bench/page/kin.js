// Kin as a page uses it: in its own worker, raw pixels of the model's size or a text in, unit vector out.
import { load } from '/build/site/kin/index.js';

export async function open({ kin, tower, variant, threads }, { size }) {
  const clip = await load({ model: new URL(`/${kin}/`, location), variant, threads });
  await clip.preload(tower);
  return {
    info: clip.info,
    prepare: (input) => (tower === 'image' ? { data: input, width: size, height: size } : input.text),
    run: (input) => (tower === 'image' ? clip.embedImage(input) : clip.embedText(input)),
    batch: (texts) => clip.embedText(texts),
  };
}
