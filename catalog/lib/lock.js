// One writer of a folder at a time, by a lock that the kernel gives up when the process ends, however it ends. Node has none
// of its own: on Linux a child of ours, `flock`, holds it and ends with our pipe.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

// -> release(); null where another process has it. Where there is no flock (macOS, Windows) nothing is locked, and `note` hears so.
export async function lock(path, note = () => {}) {
  if (process.platform !== 'linux') {
    note(`${path} is not locked on this system: run one at a time`);
    return async () => {};
  }
  const child = spawn('flock', ['--nonblock', '--conflict-exit-code', '9', '--no-fork', path, 'sh', '-c', 'echo; exec cat >/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  ended.catch(() => {}); // told by the race below
  const [got] = await Promise.race([once(child.stdout, 'data').then(() => ['lock']), ended.then(([code]) => [code])]).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    note(`${path} is not locked, since there is no flock (util-linux): run one at a time`);
    return [null];
  });
  if (got === null) return async () => {};
  if (got === 9) return null;
  if (got !== 'lock') throw new Error(`${path} could not be locked (flock ended with ${got})`);
  child.unref();
  return async () => {
    child.stdin.end();
    await ended;
  };
}
