// One builder at a time for one output: a lock that the kernel holds and lets go when the process ends, however it ends. On Linux
// flock(1) locks a file that this process holds open, on macOS opening it does, on Windows a named pipe's name is the lock.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { resolve } from 'node:path';

const exclusive = 0x20; // O_EXLOCK of macOS and the BSDs, which Node does not name
const held = 1; // flock's exit code where another has the lock

export class Locked extends Error {}

// The lock is on the open file that both share: it stays when flock(1) has left. False: another has it.
async function flock(handle) {
  const child = spawn('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', handle.fd] });
  const [code] = await once(child, 'exit').catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Error("the program 'flock' is missing, by which one build locks out another: install util-linux");
  });
  if (code !== 0 && code !== held) throw new Error(`flock ended with ${code}: is the folder on a disk that knows locks?`);
  return code === 0;
}

async function lockName(path) {
  const name = createHash('sha256').update(resolve(path).toLowerCase()).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  server.listen(`\\\\.\\pipe\\kin-${name}`);
  await once(server, 'listening').catch((error) => {
    throw error.code === 'EADDRINUSE' ? new Locked() : error;
  });
  server.unref();
  return async () => { server.close(); };
}

// Locks the file at `path`, made if it is not there. -> a function that lets go. Rejects with Locked where another has it.
export async function lockFile(path) {
  if (process.platform === 'win32') return lockName(path);
  const linux = process.platform === 'linux';
  for (;;) {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | (linux ? 0 : exclusive | constants.O_NONBLOCK);
    const handle = await open(path, flags, 0o600).catch((error) => {
      throw ['EAGAIN', 'EWOULDBLOCK'].includes(error.code) ? new Locked() : error;
    });
    try {
      if (linux && !await flock(handle)) throw new Locked();
      // Who had it before may have removed the file meanwhile: then this one locks nobody out.
      const [mine, there] = [await handle.stat(), await stat(path).catch(() => null)];
      if (mine.ino === there?.ino && mine.dev === there.dev) return () => handle.close();
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}
