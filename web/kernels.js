// Which integer kernels a build uses here: those that are exact, before and after the JavaScript engine
// has compiled them anew (its two compilers may differ in relaxed instructions), and of these the
// fastest. Exact ones give the same bits, so the clock decides nothing but the time.
import { fail } from './errors.js';

const tiles = 40; // 1.2 million multiply-adds: well under a millisecond
const window = 1; // ms; coarse clocks count in tenths
const windows = 3; // the first ones run what the quick compiler made

// Multiply-adds a second of table i, in billions: the best window.
function rate(engine, i) {
  let best = 0;
  for (let n = 0; n < windows; n++) {
    const start = performance.now();
    let done = 0;
    let passed = 0;
    while (passed < window) {
      done += engine.call('kin_kernels_exercise', i, tiles) || 1;
      passed = performance.now() - start;
    }
    best = Math.max(best, done / passed / 1e6);
  }
  return best;
}

// -> { name, gmacs }; `ctx` uses them from then on.
export function chooseKernels(engine, ctx) {
  const exact = (i) => engine.call('kin_kernels_exact', i);
  const found = [];
  for (let i = 0; exact(i) >= 0; i++)
    if (exact(i)) found.push({ i, name: engine.text(engine.pointer('kin_kernels_name', i)) });
  const timed = found.slice(0, Math.max(1, found.length - 1)); // the last one is plain C
  for (const table of timed) table.gmacs = Math.round(rate(engine, table.i) * 10) / 10;
  timed.sort((a, b) => b.gmacs - a.gmacs);
  const best = [...timed, ...found].find(({ i }) => exact(i) === 1);
  if (!best) fail('unsupported', 'This browser computes wrongly: the self-test failed.');
  engine.check(ctx, engine.call('kin_use_kernels', ctx, best.i));
  return best;
}
