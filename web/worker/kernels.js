// Which integer kernels a build uses here: those that agree with plain C, before and after the JavaScript engine
// has compiled them anew (its two compilers may differ in relaxed instructions), in the engine's own order
// of speed; where that depends on the processor they are raced. Those that agree give the same bits: the clock
// decides nothing but the time.
import { fail } from '../shared/errors.js';

const tiles = 40; // 1.2 million multiply-adds: well under a millisecond
const slice = 1; // ms a turn; coarse clocks count in tenths
const rounds = 5;
const patience = 30; // ms in all for the better compiler, which works beside
const margin = 1.15; // times as fast as the one expected to be fastest
const jumped = ({ first, gmacs }) => gmacs > 1.5 * first; // compiled well since the first slice

// Multiply-adds a second of table i over one slice, in billions.
function rate(engine, i) {
  const start = performance.now();
  let done = 0;
  let passed = 0;
  while (passed < slice) {
    done += engine.call('kin_kernels_exercise', i, tiles) || 1;
    passed = performance.now() - start;
  }
  return done / passed / 1e6;
}

const agrees = (engine, i) => engine.call('kin_kernels_exact', i) === 1;

// -> { i, name, gmacs }; `engine` uses table i from then on. `turn`: a turn of the event loop; `refused`: tables
// that were found out later.
export async function chooseKernels(engine, turn, refused) {
  const found = engine.facts.kernels.map((table, i) => ({ ...table, i, gmacs: 0 }))
    .filter(({ i }) => agrees(engine, i) && !refused.has(i));
  const raced = found.filter(({ race }) => race);
  const timed = raced.length ? raced : found.slice(0, 1);
  for (const table of timed) {
    engine.call('kin_kernels_exercise', table.i, 1); // compiled quickly, on its first call
    table.first = table.gmacs = rate(engine, table.i);
  }
  const end = performance.now() + patience;
  for (let n = 0; n < rounds || (timed.length > 1 && !timed.every(jumped) && performance.now() < end); n++)
    for (const table of timed) {
      await turn();
      table.gmacs = Math.max(table.gmacs, rate(engine, table.i));
    }
  const fastest = timed.reduce((best, one) => (one.gmacs > margin * best.gmacs ? one : best), timed[0]);
  const best = [fastest, ...found].find((table) => table && agrees(engine, table.i));
  if (!best) fail('unsupported', 'This browser computes wrongly: the self-test failed.');
  engine.run('kin_use_kernels', best.i);
  return { i: best.i, name: best.name, gmacs: Math.round(best.gmacs * 10) / 10, checks: 50 };
}

// Called after each run. The better compiler may come later than the choice: until it surely has been,
// the table is asked again; a wrong answer ends the instance, whose last result was perhaps wrong too.
export function checkKernels(engine, kernels, refused) {
  if (kernels.checks-- <= 0 || agrees(engine, kernels.i)) return;
  refused.add(kernels.i);
  engine.spent = true;
  fail('crashed', `The kernels '${kernels.name}' compute wrongly here: call again, others will be used.`);
}
