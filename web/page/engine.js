// An engine in a worker of its own, for one job that calls its functions one after the other.
import { Client } from './client.js';
import { onFirstUse } from '../shared/errors.js';

// A client of the worker for what needs no model.
export async function finder(host, options, open) {
  const { startFinder } = await onFirstUse(host.finder());
  return new Client({ ...host, startWorker: startFinder }, options, open);
}

// -> what work({ facts, run, status, pointer, take }) gives; the worker ends with it. run(calls): as engine-core.js takes them,
// in one message; status(name, …): whether there is more to do; take(name, …, bytes): what it wrote into so much room.
export async function withEngine(host, { worker, io }, signal, work) {
  const client = await finder(host, { worker, io }, { call: 'openEngine', args: [{}] });
  try {
    const { session, facts } = await client.start(signal);
    const run = (calls) => client.call('run', [session, calls], signal);
    const one = (kind) => async (...call) => (await run([[kind, ...call]])).value;
    return await work({ facts, run, status: one('status'), pointer: one('pointer'), number: one('number'),
      take: async (...call) => (await run([['number', ...call.slice(0, -1), { room: call.at(-1) }]])).bytes });
  } finally {
    await client.close();
  }
}
