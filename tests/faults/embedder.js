#!/usr/bin/env node
// In place of the native engine (KIN_NATIVE): an embedding process that misbehaves where a picture's bytes end in a word, and
// otherwise is the command's own. HANG: no answer ever; CRASH: it ends; ONCE: it ends, but only the first time.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { frame, readFrames } from '../../catalog/lib/frames.js';

const cli = fileURLToPath(new URL('../../catalog/cli.js', import.meta.url));
const own = spawn(process.execPath, [cli, 'embed-worker', ...process.argv.slice(3)], { stdio: ['pipe', 'inherit', 'inherit'] });
own.on('exit', (code) => process.exit(code ?? 1));
for await (const { id, type, payload } of readFrames(process.stdin)) {
  const word = payload.toString('latin1').match(/(HANG|CRASH|ONCE)$/)?.[1];
  if (word === 'HANG') continue;
  if (word === 'CRASH' || word === 'ONCE' && !existsSync(process.env.KIN_ONCE)) {
    if (word === 'ONCE') writeFileSync(process.env.KIN_ONCE, '');
    own.kill('SIGKILL');
    process.exit(7);
  }
  for (const part of frame(id, type, payload)) own.stdin.write(part);
}
own.stdin.end();
