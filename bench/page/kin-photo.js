// Kin as a page uses it: a Blob in, hits out.
import { load, openCatalog } from '/build/site/kin/index.js';

export async function open({ kin, variant, threads, decode, catalog }) {
  const clip = await load({ model: new URL(`/${kin}/`, location), variant, threads, decode });
  const opened = await openCatalog(new URL(catalog, location), { clip });
  return {
    prepare: (blob) => clip.preprocess(blob),
    embed: (blob) => clip.embedImage(blob),
    hits: async (blob) => (await opened.search({ image: blob }, { limit: 12 })).hits.map(({ id }) => Number(id)),
    info: () => clip.info,
  };
}
