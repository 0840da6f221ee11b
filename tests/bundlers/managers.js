// How the package managers install a project: what it depends on as tests/bundlers/locks/ has it, then the tarball as a
// person would. A lock that is not there is made; it names no registry. Scripts of dependencies are not run.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const locks = resolve('tests/bundlers/locks');
export const home = resolve('build/bundlers');
const tools = join(home, 'tools'); // pnpm and yarn, of npm's installing
const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
const npmQuiet = ['--ignore-scripts', '--no-fund', '--no-audit', '--prefer-offline'];

// `lock`: its name in a project; `make`: what writes it; `add(tarball)`: what installs both; `run`: before a program of
// the project, where that is not in node_modules/.bin.
export const managers = {
  npm: { lock: 'package-lock.json', make: ['npm', 'install', '--package-lock-only', '--omit-lockfile-registry-resolved', ...npmQuiet],
    add: (tarball) => ['npm', 'install', '--no-save', ...npmQuiet, tarball] },
  pnpm: { lock: 'pnpm-lock.yaml', make: ['pnpm', 'install', '--lockfile-only', '--ignore-scripts'],
    add: (tarball) => ['pnpm', 'add', '--ignore-scripts', '--prefer-offline', tarball], env: { npm_config_store_dir: join(home, 'pnpm') } },
  'yarn 1': { lock: 'yarn.lock', make: ['yarn', 'install', '--ignore-scripts', '--ignore-engines', '--non-interactive'],
    add: (tarball) => ['yarn', 'add', '--ignore-scripts', '--ignore-engines', '--non-interactive', '--prefer-offline', `file:${tarball}`],
    env: { YARN_CACHE_FOLDER: join(home, 'yarn'), YARN_REGISTRY: registry } },
  'yarn 4 PnP': { lock: 'yarn.lock', make: ['yarn4', 'install', '--mode=update-lockfile'], add: (tarball) => ['yarn4', 'add', `kin-clip@file:${tarball}`],
    run: ['yarn4'], env: { YARN_GLOBAL_FOLDER: join(home, 'yarn4'), YARN_NPM_REGISTRY_SERVER: registry, YARN_ENABLE_SCRIPTS: 'false',
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', YARN_ENABLE_TELEMETRY: 'false' } },
};

// As a person's shell: nothing of the npm or make that runs this.
const person = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|MAKE|MFLAGS|INIT_CWD)/.test(name)));
export const environment = (project) => ({ ...person, ...managers[project.by ?? 'npm'].env, ...project.env, npm_config_registry: registry,
  PATH: [join(project.at, 'node_modules/.bin'), tools, join(tools, 'node_modules/.bin'), person.PATH].join(':'), CI: '1', BROWSER: 'none' });

// `run(project, command)` runs one to its end.
async function locked(project, run) {
  if (!Object.keys(project.packages).length) return;
  const { lock, make } = managers[project.by ?? 'npm'];
  const kept = join(locks, `${project.locked ?? project.folder}${/\.\w+$/.exec(lock)[0]}`);
  if (existsSync(kept)) return copyFileSync(kept, join(project.at, lock));
  mkdirSync(locks, { recursive: true });
  if (lock === 'yarn.lock') writeFileSync(join(project.at, lock), ''); // by which yarn knows a project of its own
  await run(project, make);
  writeFileSync(kept, readFileSync(join(project.at, lock), 'utf8').replace(/^ {2}resolved .*\n/gm, '')); // yarn's
}

export async function install(project, tarball, run) {
  const by = project.by ?? 'npm';
  if (by !== 'npm') await prepare(run);
  await locked(project, run);
  await run(project, managers[by].add(tarball));
}

let prepared;
const prepare = (run) => (prepared ??= (async () => {
  const packages = { pnpm: '10.34.8', yarn: '1.22.22', '@yarnpkg/cli-dist': '4.18.1' };
  const project = { folder: 'tools', at: tools, packages };
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'package.json'), JSON.stringify({ private: true, dependencies: packages }));
  for (const [name, from] of [['yarn', 'yarn'], ['yarn4', '@yarnpkg/cli-dist']])
    writeFileSync(join(tools, name), `#!/bin/sh\nexec node ${join(tools, 'node_modules', from, 'bin/yarn.js')} "$@"\n`, { mode: 0o755 });
  await locked(project, run);
  await run(project, ['npm', 'ci', ...npmQuiet]);
})());
