// An engine of its own whose functions the caller's side calls by name, for as long as one job takes (page/engine.js): the
// job itself need not be loaded with the worker.
import { fail } from '../shared/errors.js';
import { openFinder } from './engine.js';

export class EngineCore {
  #engine;
  #session = Math.random(); // pointers are of this engine alone, and a worker may be started again

  constructor(platform, { io }) {
    this.platform = platform;
    this.io = io;
  }

  async open(signal) {
    this.#engine = await openFinder(this.platform, this.io, signal);
    return { session: this.#session, facts: this.#engine.facts };
  }

  // calls: [[kind, name, ...args]], one after the other. An argument is a number, a copy of a text or of a typed array, or
  // { room: bytes }, which is followed by that number; a function's kin_error comes behind them. kind: 'status', whose value is whether there is more to do;
  // 'pointer'; else what it returns.
  // -> of the last { value, bytes: as many of the room as the value says }
  run(session, calls) {
    const engine = this.#engine;
    if (session !== this.#session) fail('crashed', "Kin's worker was started anew: call it once more.");
    let result;
    for (const [kind, name, ...args] of calls) {
      const inputs = args.map((arg) => (typeof arg === 'number' ? null : arg.room ? new Uint8Array(arg.room) : arg));
      result = engine.with(inputs, (...held) => {
        const room = args.findIndex((arg) => arg.room);
        const value = engine.call(name, ...args.flatMap((arg, i) => (inputs[i] === null ? arg : [held[2 * i], ...arg.room ? [arg.room] : []])), engine.error);
        const status = kind === 'status' && engine.facts.statuses[value];
        if (kind === 'pointer' ? !value : status && !['ok', 'more'].includes(status)) engine.throwError();
        return { value: kind === 'status' ? status === 'more' : kind === 'pointer' ? value >>> 0 : value,
          ...room >= 0 && { bytes: engine.bytes(held[2 * room], Math.min(value, args[room].room)) } };
      });
    }
    return result;
  }
}
