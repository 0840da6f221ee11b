// Kin as a page uses it: in its own worker, raw pixels of the model's size or a text in, unit vector out.
export async function open({ script = '/build/site/kin/index.js', kin, tower, variant, threads, cache }, { size }) {
  const { load } = await import(script);
  const clip = await load({ model: new URL(`/${kin}/`, location), variant, threads, preload: tower, cache });
  return {
    info: clip.info,
    prepare: (input) => (tower === 'image' ? { data: input, width: size, height: size } : input.text),
    run: (input) => (tower === 'image' ? clip.embedImage(input) : clip.embedText(input)),
    batch: (texts) => clip.embedText(texts),
  };
}
