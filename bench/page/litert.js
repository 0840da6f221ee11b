// LiteRT.js on the CPU: planes, rows of pixels or padded ids in.
import { loadAndCompile, loadLiteRt, Tensor } from '/bench/node_modules/@litertjs/core/dist/index.js';
import { planes, rows } from './planes.js';

// `compat`: its build without relaxed SIMD, what Safari gets. `byRows`: how the model takes a picture.
export async function open({ folder, tower, dtype, threads, compat, byRows }, reference) {
  await loadLiteRt(`/bench/node_modules/@litertjs/core/wasm/${compat ? 'litert_wasm_compat_internal.js' : ''}`, { threads: threads > 1 });
  const model = await loadAndCompile(`${folder}/tflite/${tower}.${dtype}.tflite`,
    { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  const { size } = reference;
  const pixels = (one) => (byRows ? new Tensor(rows(one, reference), [1, size, size, 3]) : new Tensor(planes(one, reference), [1, 3, size, size]));
  return {
    prepare: (one) => (tower === 'image' ? pixels(one)
      : new Tensor(Int32Array.from(one.ids), [1, one.ids.length])),
    async run(input) {
      const [output] = await model.run([input]);
      const values = output.toTypedArray().slice();
      output.delete();
      return values;
    },
  };
}
