// Which build of the engine runs here. Pure: features in, choice out.
import { fail } from './errors.js';

// A function that returns one vector: only valid with SIMD.
const simdProbe = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0,
  253, 15, 11];

export const maxThreads = 16; // the engine's own limit

export function features(node = false) {
  return {
    simd: typeof WebAssembly === 'object' && WebAssembly.validate(new Uint8Array(simdProbe)),
    shared: typeof SharedArrayBuffer === 'function',
    isolated: node || globalThis.crossOriginIsolated === true,
    cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  };
}

// { simd, shared, isolated, cores }, { variant, threads } -> { variant, threads, threadsReason }.
// By itself it takes half of the reported cores (two may share one), at most 4: more gains little.
export function chooseVariant({ simd, shared, isolated, cores }, { variant, threads } = {}) {
  if (!simd)
    fail('unsupported', 'Kin needs WebAssembly SIMD, which this browser lacks: update it.');
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    fail('bad-argument', `threads must be a whole number of at least 1, not ${threads}.`);
  if (/^relaxed(-threads)?$/.test(variant))
    fail('unsupported', `The variant '${variant}' comes in a later release of Kin: leave it out or take 'simd'.`);
  if (variant !== undefined && variant !== 'simd' && variant !== 'simd-threads')
    fail('bad-argument', `There is no variant '${variant}': take 'simd' or 'simd-threads'.`);
  if (variant === 'simd' && threads > 1)
    fail('bad-argument', `The variant 'simd' has one thread: leave out threads, or take 'simd-threads'.`);
  const lacking = !isolated
    ? 'The page is not cross-origin isolated (headers COOP and COEP), so there is no shared memory.'
    : !shared ? 'This browser has no SharedArrayBuffer.' : null;
  if (variant === 'simd-threads' && lacking) fail('unsupported', `The variant 'simd-threads' cannot run: ${lacking}`);
  const one = (threadsReason) => ({ variant: variant ?? 'simd', threads: 1, threadsReason });
  if (variant === 'simd') return one(`The variant 'simd' was asked for.`);
  if (threads === 1) return one('One thread was asked for.');
  if (lacking) return one(lacking);
  const n = Math.min(threads ?? Math.min(4, Math.floor(cores / 2)), maxThreads);
  if (n < 2) return one('There are too few processor cores for two threads.');
  return { variant: 'simd-threads', threads: n, threadsReason: `${n} threads share the work.` };
}
