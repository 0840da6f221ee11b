// What `npm pack` and `npm publish` run first: a package is made of all the files in tools/packed.txt, or not at all.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const refuse = (why) => {
  console.error(`kin-clip is not packed: ${why}`);
  process.exit(1);
};

// Not ours: a make around us, and options of npm that an `npm ci` within would take for its own.
const env = Object.fromEntries(Object.entries(process.env)
  .filter(([name]) => !/^(?:MAKEFLAGS|MFLAGS|MAKELEVEL|npm_config_(?:dry_run|json|pack_destination))$/i.test(name)));
const { status } = spawnSync('make', ['wasm', 'dist', 'labels/moderation.safetensors', 'labels/alt.safetensors', 'dist/integrity.json'],
  { cwd: fileURLToPath(root), env, stdio: ['ignore', 2, 2] }); // npm's own output stays clean
if (status !== 0)
  refuse('it would be without its engine and its command, since `make wasm dist` did not build them; ' +
    '`make setup` installs what that needs (Debian, Ubuntu).');
const listed = readFileSync(new URL('tools/packed.txt', root), 'utf8').trim().split('\n');
const missing = listed.filter((path) => !existsSync(new URL(path, root)));
if (missing.length) refuse(`of the files in tools/packed.txt these are not there: ${missing.join(', ')}.`);
// npm packs the modes that the files have, which are a compiler's and a umask's: with them no two machines' bytes would agree.
const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
for (const path of listed) chmodSync(new URL(path, root), Object.values(bin).includes(path) ? 0o755 : 0o644);
