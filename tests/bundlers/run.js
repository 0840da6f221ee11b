// `make test-bundlers`: the packed package in small projects of the usual tools, each opened in a real Chromium. A line
// each; the answers have to be Node's, to the bit. `node tests/bundlers/run.js vite` takes those with that in their names.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { launch, open } from '../browser/shop.js';
import { listen, send } from '../server.js';
import { projects } from './projects.js';
import { answer, makeShop } from './shop.js';
import { widgets } from './widget.js';

const root = resolve('build/bundlers');
const limit = 240; // seconds for a project that names none, its installation too
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|MAKE|MFLAGS|INIT_CWD)/.test(name)));

// A program of the project in a process group of its own, its output in the project's log; ends with `signal`.
function start(project, command, signal) {
  const log = createWriteStream(join(project.at, 'log.txt'), { flags: 'a' });
  log.write(`$ ${command.join(' ')}\n`);
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: project.at, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...clean, ...project.env, PATH: `${join(project.at, 'node_modules/.bin')}:${process.env.PATH}`, CI: '1', BROWSER: 'none' } });
  for (const from of [child.stdout, child.stderr]) from.pipe(log, { end: false });
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {} // it has left
  };
  signal.addEventListener('abort', end);
  return { child, end };
}

async function run(project, command, signal) {
  const { child } = start(project, command, signal);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(signal.aborted ? `${command[0]} did not end in time` : `${command.join(' ')} ended with ${code}`);
}

// The project with its files and the package, as a person would install it.
async function install(project, tarball, signal) {
  for (const name of [...(project.fresh ?? []), project.site ?? []].flat()) rmSync(join(project.at, name), { recursive: true, force: true });
  mkdirSync(project.at, { recursive: true });
  writeFileSync(join(project.at, 'log.txt'), '');
  const files = { 'package.json': JSON.stringify({ name: 'shop', private: true, version: '1.0.0', type: 'module', dependencies: project.packages,
    ...project.manifest }), ...project.files };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project.at, name)), { recursive: true });
    writeFileSync(join(project.at, name), text);
  }
  await run(project, ['npm', 'install', '--no-save', '--no-package-lock', '--no-fund', '--no-audit', '--prefer-offline', tarball], signal);
  cpSync(join(root, 'shop'), join(project.at, project.shop), { recursive: true });
  if (project.kin) cpSync(join(project.at, 'node_modules/kin-clip/web'), join(project.at, project.kin), { recursive: true });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

// Until the page has an answer: a server may still start, or reload the page when it has bundled.
async function ask(page, url, signal, project) {
  for (let wait = 0; !signal.aborted; wait = 300) {
    await new Promise((go) => { setTimeout(go, wait); });
    try {
      if (page.url() !== url) await page.goto(url, { timeout: 60_000 });
      await project.use?.(page, project, join(root, 'shop'));
      await page.waitForFunction(() => globalThis.done, null, { timeout: 60_000 });
      return await page.evaluate(() => globalThis.done);
    } catch (error) {
      page.why = error.message.split('\n')[0];
    }
  }
  throw new Error(`no answer in time: ${page.why}; ${page.noise.slice(0, 5).join('; ')}`);
}

async function serve(project, signal) {
  if (project.serve) {
    const port = await freePort();
    const { end } = start(project, project.serve(port), signal);
    return { url: `http://127.0.0.1:${port}`, stop: end };
  }
  return listen((request, response, path) => send(response, join(project.at, project.site), path.replace(/\/$/, '/index.html')));
}

async function check(project, browser, tarball, wanted, signal) {
  await install(project, tarball, signal);
  if (project.build) await run(project, project.build, signal);
  const server = await serve(project, signal);
  try {
    const visit = async (path) => {
      const page = await open(browser, server.url, { go: false });
      const got = await ask(page, `${server.url}${path}`, signal, project);
      await page.context().close();
      return got;
    };
    const got = await visit(project.path ?? '/');
    if (!project.lacking) return compare(got, project.expect?.(JSON.parse(wanted)) ?? wanted);
    if (!project.lacking.test(got)) throw new Error(`without the copied worker: ${got}`);
    return compare(await visit('/copied.html'), wanted);
  } finally {
    server.stop();
  }
}

async function late(signal) {
  await once(signal, 'abort');
  throw new Error('not done in time');
}

function compare(got, wanted) {
  if (got === wanted) return;
  if (!got.startsWith('{')) throw new Error(got);
  const [a, b] = [JSON.parse(got), JSON.parse(wanted)];
  throw new Error(`other answers than Node's: ${JSON.stringify(a.byPhoto)}, ${JSON.stringify(a.byText)} for ${JSON.stringify(b.byPhoto)}`);
}

mkdirSync(root, { recursive: true });
const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', root], { env: clean }));
const tarball = join(root, filename);
makeShop(join(root, 'shop'));
const wanted = await answer(join(root, 'shop'));
const { byPhoto, byText } = JSON.parse(wanted);
console.log(`photo: ${byPhoto.join(', ')}\ntext: ${byText.join(', ')}`);
if (![byPhoto, byText].every(([first]) => first.startsWith('A strawberry '))) throw new Error('these hits make no sense');

const browser = await launch();
let passed = 0;
let failed = 0;
let ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => { // nor leave servers behind
  ending.abort();
  process.exit(1);
});
for (const project of [...projects, ...widgets]) {
  if (!process.argv.slice(2).every((word) => project.name.toLowerCase().includes(word.toLowerCase()))) continue;
  project.at = join(root, project.folder);
  ending = new AbortController();
  const seconds = project.limit ?? limit;
  const timer = setTimeout(() => ending.abort(), seconds * 1000);
  const began = Date.now();
  const told = () => `${project.name} (${Math.round((Date.now() - began) / 1000)} s)`;
  try {
    await Promise.race([check(project, browser, tarball, wanted, ending.signal), late(ending.signal)]);
    passed++;
    console.log(`ok      ${told()}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${told()}: ${error.message}. Log: ${join(project.at, 'log.txt')}`);
  }
  clearTimeout(timer);
  ending.abort();
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
