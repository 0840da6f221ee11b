// A page as a shop's: the model and the catalogue load while the photo is chosen.
import { load, openCatalog } from '/build/site/kin/index.js';

const options = new URL(location).searchParams;
const input = document.querySelector('input');
const file = input.files[0] ?? await new Promise((resolve) => { input.onchange = () => resolve(input.files[0]); });
const clip = await load({ model: new URL('/models/kin-everyday/', location), threads: 1, decode: options.get('decode') });
const [catalog] = await Promise.all([openCatalog(new URL(options.get('catalog'), location), { clip }), clip.preload('image')]);
const search = async () => {
  const { hits } = await catalog.search({ image: file }, { limit: 12 });
  if (hits.length !== 12) throw new Error(`${hits.length} hits`);
};
await search();

async function warm(runs) {
  const times = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await search();
    times.push(performance.now() - start);
  }
  const { peakBytes, variant, kernels } = clip.info;
  return { times, engine: peakBytes, variant: `${variant}, ${kernels}` };
}

window.phone = { cold: performance.now(), warm };
