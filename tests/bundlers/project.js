// A project's life: written, installed, built, served, opened in a real Chromium (or run), asked. `project`: projects.js.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { open } from '../browser/shop.js';
import { listen, send } from '../server.js';
import { environment, home, install, managers } from './managers.js';

// A program in a process group of its own, its output in the project's log; ends with `signal`.
function start(project, command, signal) {
  const log = createWriteStream(join(project.at, 'log.txt'), { flags: 'a' });
  log.write(`$ ${command.join(' ')}\n`);
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: project.at, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: environment(project) });
  child.said = '';
  child.stdout.on('data', (data) => { child.said += data; });
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
  return child.said;
}

const own = ({ by = 'npm' }, command) => [...managers[by].run ?? [], ...command];

function write(project, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project.at, name)), { recursive: true });
    writeFileSync(join(project.at, name), text);
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

// Files of `folder`; `only`: which of them the host serves; `headers`: with each.
const host = (folder, { only, headers = {} } = {}) => listen((request, response, path) => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  return only && !only.test(path) ? response.writeHead(404).end() : send(response, folder, path.replace(/\/$/, '/index.html'));
});

async function serve(project, signal) {
  if (!project.serve) return host(join(project.at, project.site), project);
  const port = await freePort();
  const { end } = start(project, own(project, project.serve(port)), signal);
  return { url: `http://127.0.0.1:${port}`, stop: end };
}

// Until the page has an answer: a server may still start, or reload the page when it has bundled.
async function ask(page, url, signal, { use }) {
  page.setDefaultTimeout(120_000);
  for (let wait = 0; !signal.aborted; wait = 300) {
    await new Promise((go) => { setTimeout(go, wait); });
    try {
      if (page.url() !== url) await page.goto(url);
      await use?.(page);
      await page.waitForFunction(() => globalThis.done);
      return await page.evaluate(() => globalThis.done);
    } catch (error) {
      page.why = error.message.split('\n')[0];
    }
  }
  throw new Error(`no answer in time: ${page.why}; ${page.noise.slice(0, 5).join('; ')}`);
}

// The unpacked extension in `folder`, in a Chromium of its own. -> a browser, whose pages `open` opens, and its address
async function extension(folder) {
  const profile = mkdtempSync(join(tmpdir(), 'kin-profile-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROME || '/usr/bin/chromium',
    ignoreDefaultArgs: ['--disable-extensions'], args: ['--no-sandbox', '--disable-gpu', '--headless=new', `--disable-extensions-except=${folder}`, `--load-extension=${folder}`] });
  const id = createHash('sha256').update(folder).digest('hex').slice(0, 32).replace(/./g, (digit) => 'abcdefghijklmnop'[parseInt(digit, 16)]);
  return { url: `chrome-extension://${id}`, browser: { newContext: () => ({ newPage: () => context.newPage(), close() {} }) }, async stop() {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  } };
}

function compare(got, wanted) {
  if (got === wanted) return;
  if (!got.startsWith('{')) throw new Error(got || 'it said nothing');
  const [a, b] = [JSON.parse(got), JSON.parse(wanted)];
  throw new Error(`other answers than Node's: ${JSON.stringify([a.byPhoto, a.byText, a.published])} for ${JSON.stringify([b.byPhoto, b.byText, b.published])}`);
}

// Throws with what went wrong. `kit`: { browser, tarball, wanted: the answers, shop: the folder of its files }.
export async function check(project, { browser, tarball, wanted, shop }, signal) {
  project.at ??= join(home, project.folder);
  for (const name of [...(project.fresh ?? []), project.site ?? []].flat()) rmSync(join(project.at, name), { recursive: true, force: true });
  write(project, { 'log.txt': '', 'package.json': JSON.stringify({ name: 'shop', private: true, version: '1.0.0', type: 'module',
    dependencies: project.packages, ...project.manifest }) });
  await install(project, tarball, (to, command) => run({ ...project, ...to }, command, signal));
  cpSync(shop, join(project.at, project.shop), { recursive: true });
  if (project.kin) cpSync(join(project.at, 'node_modules/kin-clip/web'), join(project.at, project.kin), { recursive: true });

  const other = project.elsewhere && await host(join(project.at, project.elsewhere), { headers: { 'access-control-allow-origin': '*' } });
  let server;
  try {
    write(project, typeof project.files === 'function' ? project.files(other?.url) : project.files);
    for (const name of Object.keys(project.mend ?? {})) if (!(name in project.files)) rmSync(join(project.at, name), { force: true });
    project.arrange?.(project.at, join(project.at, 'node_modules/kin-clip'));
    if (project.program) return compare((await run(project, project.program, signal)).trim(), wanted);
    const begin = async () => {
      if (project.build) await run(project, own(project, project.build), signal);
      server = await (project.extension ? extension(join(project.at, project.site)) : serve(project, signal));
    };
    await begin();
    const visit = async (path) => {
      const page = await open(server.browser ?? browser, server.url, { go: false });
      const got = await ask(page, `${server.url}${path}`, signal, { use: project.use && ((page) => project.use(page, project, shop)) });
      await page.context().close?.();
      return got;
    };
    // As it is without what has to be said, each with the sentence that says it.
    for (const [path, sentence] of Object.entries(project.lacking ?? {})) {
      const got = await visit(path);
      if (!sentence.test(got)) throw new Error(`${path} should have been told what is lacking: ${got}`);
    }
    if (project.mend) {
      await server.stop();
      write(project, project.mend);
      await begin();
    }
    return compare(await visit(project.path ?? '/'), project.expect?.(JSON.parse(wanted)) ?? wanted);
  } finally {
    await other?.stop();
    await server?.stop();
  }
}

// The packed package under a name of its own: yarn keeps what it has seen by the name.
export function named(tarball) {
  const hash = createHash('sha256').update(readFileSync(tarball)).digest('hex').slice(0, 8);
  const to = tarball.replace(/(?:\.[0-9a-f]{8})?\.tgz$/, `.${hash}.tgz`);
  cpSync(tarball, to);
  return to;
}
