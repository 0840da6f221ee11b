// Which integer kernels a build uses here: those that are exact, before and after the JavaScript engine
// has compiled them anew (its two compilers may differ in relaxed instructions), and of these the
// fastest. Exact ones give the same bits, so the clock decides nothing but the time.
import { fail } from './errors.js';

const tiles = 40; // 1.2 million multiply-adds: well under a millisecond
const slice = 1; // ms a turn; coarse clocks count in tenths
const patience = 30; // ms in all for the better compiler, which works beside
const jump = 1.5; // times as fast as the first slice, and a table has been compiled well

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

const exact = (engine, i) => engine.call('kin_kernels_exact', i);

// -> { i, name, gmacs }; `ctx` uses table i from then on. `turn`: a turn of the event loop; `refused`: tables
// that were found out later.
export async function chooseKernels(engine, ctx, turn, refused) {
  const found = [];
  for (let i = 0; exact(engine, i) >= 0; i++)
    if (exact(engine, i) && !refused.has(i)) found.push({ i, name: engine.text(engine.pointer('kin_kernels_name', i)) });
  const timed = found.slice(0, Math.max(1, found.length - 1)); // the last one is plain C
  for (const table of timed) table.first = table.gmacs = rate(engine, table.i);
  const end = performance.now() + (timed.length > 1 ? patience : 2 * slice);
  while (performance.now() < end && !timed.every(({ first, gmacs }) => gmacs > jump * first))
    for (const table of timed) {
      await turn();
      table.gmacs = Math.max(table.gmacs, rate(engine, table.i));
    }
  timed.sort((a, b) => b.gmacs - a.gmacs);
  const best = [...timed, ...found].find(({ i }) => exact(engine, i) === 1);
  if (!best) fail('unsupported', 'This browser computes wrongly: the self-test failed.');
  engine.check(ctx, engine.call('kin_use_kernels', ctx, best.i));
  return { i: best.i, name: best.name, gmacs: Math.round((best.gmacs ?? 0) * 10) / 10, checks: 50 };
}

// Called after each run. The better compiler may come later than the choice: until it surely has been,
// the table is asked again; a wrong answer ends the instance, whose last result was perhaps wrong too.
export function checkKernels(engine, kernels, refused) {
  if (kernels.checks-- <= 0 || exact(engine, kernels.i) === 1) return;
  refused.add(kernels.i);
  engine.spent = true;
  fail('crashed', `The kernels '${kernels.name}' compute wrongly here: call again, others will be used.`);
}
