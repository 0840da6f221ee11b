// Helper threads: workers that run further instances of the same module on the leader's memory. They
// wait inside kin_pool_help; until all have arrived the leader works alone, so nothing waits for them.
// Compiled code counts on a stack whose top is a multiple of 16, which malloc does not promise.
import { importsFor } from './engine.js';

const stackSize = 256 * 1024;
const patience = 30_000; // ms in which all helpers should have started

export function startHelpers(engine, module, threads, startHelper) {
  const pool = engine.pointer('kin_pool_open', threads);
  if (!pool) return null;
  engine.call('kin_use_pool', engine.ctx, pool);
  const helpers = [];
  let started = 0, lost = null;
  const died = (error) => { lost ??= `A helper thread ended: ${error?.message || 'it could not be started'}.`; };
  try {
    for (let i = 1; i < threads; i++) {
      const helper = startHelper({ died, message: ({ started: came }) => { if (came) started++; } });
      helpers.push(helper);
      helper.unref();
      const stack = (engine.allocate(stackSize) + stackSize & -16) >>> 0;
      helper.post({ helper: { module, memory: engine.memory, pool, i, stack } });
    }
  } catch (error) {
    died(error);
  }
  const timer = setTimeout(() => started < threads - 1 && died(new Error('it did not start')), patience);
  timer.unref?.();
  return {
    // Why the helpers are of no use any more; null: they are.
    lost: () => lost ?? (Atomics.load(new Int32Array(engine.memory.buffer), pool >>> 2)
      ? 'A helper thread ended in the middle of its work.' : null),
    // Resolves when they have left. Those of a spent engine hear nothing.
    async stop() {
      clearTimeout(timer);
      if (!engine.spent) engine.call('kin_pool_close', pool);
      await Promise.all(helpers.map((helper) => helper.terminate({ hung: engine.spent })));
    },
  };
}

// In the helper's worker. Returns when the pool is closed. After a trap its share of the work is lost:
// the pool's first word tells the leader, which would wait for ever.
export async function help({ module, memory, pool, i, stack }, post) {
  const { exports } = await WebAssembly.instantiate(module, importsFor(module, memory));
  exports.__stack_pointer.value = stack;
  post({ started: i });
  try {
    exports.kin_pool_help(pool, i);
  } catch {
    Atomics.store(new Int32Array(memory.buffer), pool >>> 2, 1);
  }
}
