// The integer kernels of one build by themselves, and the same instructions in registers.
import { openEngine, sharedMemory } from '/web/worker/engine.js';

const compile = async (url) => WebAssembly.compile(await (await fetch(url)).arrayBuffer());

// Billions of multiply-adds a second: work(n) returns how many it did; the best of many short runs.
function best(work, budget) {
  let top = 0;
  for (const end = performance.now() + budget; performance.now() < end;) {
    const start = performance.now();
    const done = work();
    top = Math.max(top, done / (performance.now() - start) / 1e6);
  }
  return top;
}

// -> { kernels: [{ name, exact, gmacs }], peaks: { name: gmacs } }
export async function run({ variant, budget }) {
  const engine = await openEngine(await compile(`/web/wasm/kin-${variant}.wasm`), variant.endsWith('-threads') ? sharedMemory() : undefined);
  const kernels = [];
  for (let i = 0; engine.call('kin_kernels_exact', i) >= 0; i++) {
    const name = engine.text(engine.pointer('kin_kernels_name', i));
    const gmacs = best(() => engine.call('kin_kernels_exercise', i, 400), budget);
    kernels.push({ name, gmacs, exact: engine.call('kin_kernels_exact', i) === 1 }); // asked again: now of the better compiler
  }
  const { exports } = await WebAssembly.instantiate(await compile(`/build/bench/peak-${variant.split('-')[0]}.wasm`));
  const peaks = {};
  for (const [name, macs] of Object.entries({ dot_i16: 96, depth1: 192, depth2: 384, fused: 192 }))
    if (exports[name]) peaks[name] = best(() => (exports[name](20000), macs * 20000), budget);
  return { kernels, peaks };
}
