// Imported by tests that run the relaxed builds: Node 20 has relaxed SIMD behind a flag, which worker
// threads of the same process see too.
import v8 from 'node:v8';
import { features } from '../../web/worker/variant.js';

if (!features(true).relaxed) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
