// onnxruntime-web, its WebAssembly backend: planes or padded ids in.
import * as ort from '/bench/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs';
import { planes } from './planes.js';

const files = { 'image fp32': 'vision_model', 'image int8': 'vision_model_quantized', 'text fp32': 'text_model',
  'text int8': 'text_model_quantized' };

export async function open({ folder, tower, dtype, threads }, reference) {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = '/bench/node_modules/onnxruntime-web/dist/';
  const session = await ort.InferenceSession.create(`${folder}/onnx/${files[`${tower} ${dtype}`]}.onnx`,
    { executionProviders: ['wasm'] });
  const { size } = reference;
  const ids = (lists) => new ort.Tensor('int64', BigInt64Array.from(lists.flat(), BigInt), [lists.length, lists[0].length]);
  const [input] = session.inputNames, [output] = session.outputNames;
  const run = async (tensor) => (await session.run({ [input]: tensor }))[output].data;
  return {
    info: ort.env.versions,
    prepare: (one) => (tower === 'image' ? new ort.Tensor('float32', planes(one, reference), [1, 3, size, size]) : ids([one.ids])),
    run,
    batch: (lists) => run(ids(lists)),
  };
}
