// The native contenders of native.py as contenders for race.js.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export const python = 'build/bench-venv/bin/python';

export function native() {
  const child = spawn(python, ['bench/native.py'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift().resolve(JSON.parse(line)));
  child.on('exit', (code) => { for (const { reject } of waiting) reject(new Error(`bench/native.py ended with ${code}`)); });
  const ask = (question) => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    child.stdin.write(`${JSON.stringify(question)}\n`);
  });
  return {
    async contender({ label, ...options }) {
      const { id, ...info } = await ask(options);
      return { label, info, check: () => ask({ check: id }), time: (how) => ask({ time: id, ...how }), close() {} };
    },
    stop: () => child.stdin.end(),
  };
}
