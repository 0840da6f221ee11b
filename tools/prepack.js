// What `npm pack` and `npm publish` run first: a package is made with its engine and its command in it, or not at all.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// Not ours: a make around us, and options of npm that an `npm ci` within would take for its own.
const env = Object.fromEntries(Object.entries(process.env)
  .filter(([name]) => !/^(?:MAKEFLAGS|MFLAGS|MAKELEVEL|npm_config_(?:dry_run|json|pack_destination))$/i.test(name)));
const { status } = spawnSync('make', ['wasm', 'dist'],
  { cwd: fileURLToPath(new URL('..', import.meta.url)), env, stdio: ['ignore', 2, 2] }); // npm's own output stays clean
if (status !== 0) {
  console.error('kin-clip is not packed: it would be without its engine and its command, since `make wasm dist` did not ' +
    'build them; `make setup` installs what that needs (Debian, Ubuntu).');
  process.exit(1);
}
