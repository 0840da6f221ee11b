// Faults at the n-th write of a process, a call that makes, fills, syncs, renames or removes a file: with KIN_FAULT=kill:n it is
// killed there, with wait:n it stays there. arm(code, n): in this process the n-th write fails with that code.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [ending, at] = (process.env.KIN_FAULT ?? '').split(':');
let armed = null, count = 0;

export function arm(code, n = 0) {
  armed = code && { code, n };
  count = 0;
}
export const writes = () => count;

async function meet(path) {
  count++;
  if (armed?.n === count) throw Object.assign(new Error(`${armed.code}: made up, '${path}'`), { code: armed.code, syscall: 'write', path });
  if (!ending || count !== Number(at)) return;
  if (ending === 'kill') process.kill(process.pid, 'SIGKILL');
  process.stderr.write('waiting\n');
  await new Promise((resolve) => { setTimeout(resolve, 60_000); });
}

const { open, rename, rm } = fs.promises;
fs.promises.open = async (path, flags, ...rest) => {
  const writing = typeof flags === 'string' && /[wax]/.test(flags);
  if (writing) await meet(path);
  const handle = await open(path, flags, ...rest);
  if (writing)
    for (const name of ['writeFile', 'sync']) {
      const call = handle[name].bind(handle);
      handle[name] = async (...args) => {
        await meet(path);
        return call(...args);
      };
    }
  return handle;
};
fs.promises.rename = async (...args) => {
  await meet(args[1]);
  return rename(...args);
};
fs.promises.rm = async (...args) => {
  await meet(args[0]);
  return rm(...args);
};
syncBuiltinESMExports();
