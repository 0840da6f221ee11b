// Which build of the engine runs here. Pure: features in, choice out. What is asked for has been read (arguments.js).
import { fail } from '../shared/errors.js';

// A module with one function, which returns a vector.
const probe = (...code) => [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, code.length + 4, 1, code.length + 2, 0,
  ...code, 11];
const splat = [65, 0, 253, 15]; // i8x16.splat of 0: only valid with SIMD
const relaxedDot = [253, 146, 2]; // i16x8.relaxed_dot_i8x16_i7x16_s
const valid = (module) => typeof WebAssembly === 'object' && WebAssembly.validate(new Uint8Array(module));

export const maxThreads = 16; // the engine's own limit

export function features(node = false) {
  return {
    simd: valid(probe(...splat)),
    relaxed: valid(probe(...splat, ...splat, ...relaxedDot)),
    shared: typeof SharedArrayBuffer === 'function',
    isolated: node || globalThis.crossOriginIsolated === true,
    workers: node || typeof Worker === 'function',
    cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  };
}

// { simd, relaxed, shared, refused, isolated, workers, cores }, { variant, threads } -> { variant, threads, threadsReason }.
// By itself it takes half of the reported cores (two may share one), at most 4: more gains little.
export function chooseVariant({ simd, relaxed, shared, refused, isolated, workers = true, cores }, { variant, threads } = {}) {
  if (!simd)
    fail('unsupported', 'Kin needs WebAssembly SIMD, which this browser lacks: update it.');
  const cannot = (reason) => fail('unsupported', `The variant '${variant}' cannot run: ${reason}`);
  if (variant?.startsWith('relaxed') && !relaxed) cannot('There is no relaxed SIMD here.');
  const threaded = variant?.endsWith('-threads');
  if (variant && !threaded && threads > 1)
    fail('bad-argument', `The variant '${variant}' has one thread: leave out threads, or take '${variant}-threads'.`);
  const lacking = !isolated
    ? 'The page is not cross-origin isolated (header Document-Isolation-Policy, or COOP and COEP).'
    : !shared ? 'This browser has no SharedArrayBuffer.' : refused ? 'There is no shared memory to be had here.' : !workers ? 'Nothing here can start a worker.' : null;
  if (threaded && lacking) cannot(lacking);
  const kind = relaxed ? 'relaxed' : 'simd';
  const one = (threadsReason) => ({ variant: variant ?? kind, threads: 1, threadsReason });
  if (variant && !threaded) return one(`The variant '${variant}' was asked for.`);
  if (threads === 1) return one('One thread was asked for.');
  if (lacking) return one(lacking);
  const n = Math.min(threads ?? Math.min(4, Math.floor(cores / 2)), maxThreads);
  if (n < 2) return one('There are too few processor cores for two threads.');
  return { variant: variant ?? `${kind}-threads`, threads: n, threadsReason: `${n} threads share the work.` };
}
