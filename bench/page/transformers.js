// @huggingface/transformers as a page uses it: a Blob in, hits out. The search is a plain loop, since the
// library has none.
import { AutoProcessor, CLIPVisionModelWithProjection, env, RawImage } from '/bench/node_modules/@huggingface/transformers/dist/transformers.min.js';
import { best, readCatalog } from './vectors.js';

export async function open({ model, dtype, threads, catalog }) {
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/build/bench/models/', useBrowserCache: false });
  env.backends.onnx.wasm.wasmPaths = '/bench/node_modules/onnxruntime-web/dist/';
  env.backends.onnx.wasm.numThreads = threads;
  const processor = await AutoProcessor.from_pretrained(model);
  const vision = await CLIPVisionModelWithProjection.from_pretrained(model, { dtype: dtype === 'int8' ? 'q8' : 'fp32', device: 'wasm' });
  const { rows, dim } = await readCatalog(catalog);
  const prepare = async (blob) => processor(await RawImage.read(blob));
  const embed = async (blob) => {
    const { data } = (await vision(await prepare(blob))).image_embeds;
    const length = Math.hypot(...data);
    return data.map((value) => value / length);
  };
  return { prepare, embed, hits: async (blob) => best(rows, dim, await embed(blob), 12) };
}
