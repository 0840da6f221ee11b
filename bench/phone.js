// PROFILE=phone: the embedded model in a Chromium that has a fifth of one core, 512 MB for what it takes
// from the page's start on, and a network of 1.6 Mbit/s with 150 ms: photo -> hits, cold and warm.
//
// Control groups hold the processor and the memory (DevTools' setCPUThrottlingRate of 5 slowed a page's own
// thread 4.1 times, its worker 2.4 times), the server the network. Chromium starts outside and is then
// moved in whole.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { launch } from './browser.js';
import { folder } from './models.js';
import { summary } from './race.js';
import { number, table } from './report.js';
import { serve } from './serve.js';
import { vectors } from './vectors.js';

const [quota, megabytes, bytesPerSecond, latency, warmRuns] = [20, 512, 200_000, 150, 5];
const products = 1000;

// -> { add(pid), remove() }: cgroup v2, or v1's two trees.
function group() {
  const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const [cpu, memory] = ['cpu', 'memory'].map((tree) => (v2 ? '/sys/fs/cgroup/kin-bench-phone' : `/sys/fs/cgroup/${tree}/kin-bench-phone`));
  const bytes = megabytes * 2 ** 20;
  for (const path of new Set([cpu, memory])) mkdirSync(path, { recursive: true });
  for (const [path, value] of v2 ? [[`${cpu}/cpu.max`, `${quota * 1000} 100000`], [`${memory}/memory.max`, bytes]]
    : [[`${cpu}/cpu.cfs_period_us`, 100000], [`${cpu}/cpu.cfs_quota_us`, quota * 1000], [`${memory}/memory.limit_in_bytes`, bytes]])
    writeFileSync(path, String(value));
  return {
    add(pid) {
      try {
        for (const path of new Set([cpu, memory])) writeFileSync(`${path}/cgroup.procs`, String(pid));
        execFileSync('taskset', ['-a', '-p', '-c', '0', String(pid)], { stdio: 'ignore' });
      } catch (error) {
        if (existsSync(`/proc/${pid}`)) throw error; // else it has ended
      }
    },
    async remove() {
      for (const path of new Set([cpu, memory]))
        for (let turn = 0; existsSync(path); turn++)
          try {
            rmdirSync(path);
          } catch (error) {
            if (turn > 50) throw error;
            await new Promise((resolve) => { setTimeout(resolve, 100); }); // its last process is on its way out
          }
    },
  };
}

const status = (pid) => readFileSync(`/proc/${pid}/status`, 'utf8');
const kilobytes = (pid, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status(pid))?.[1] ?? 0);

function family(pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => {
    try {
      return { pid: Number(name), parent: Number(/^PPid:\s+(\d+)/m.exec(status(name))[1]) };
    } catch {
      return null; // it has ended
    }
  }).filter(Boolean);
  const found = [pid];
  for (const one of found) found.push(...all.filter(({ parent }) => parent === one).map((child) => child.pid));
  return found;
}

function isRenderer(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer');
  } catch {
    return false; // it has ended since it was listed
  }
}

async function visit(decode, server) {
  const limits = group();
  const browser = await launch();
  try {
    const [context, root] = [await browser.newContext(), (await browser.newBrowserCDPSession())];
    const page = await context.newPage();
    page.setDefaultTimeout(180_000);
    const { processInfo } = await root.send('SystemInfo.getProcessInfo');
    const main = processInfo.find(({ type }) => type === 'browser').id;
    await page.goto(`${server.url}/bench/page/empty.html`);
    const before = Math.max(...family(main).filter(isRenderer).map((pid) => kilobytes(pid, 'VmRSS')));
    for (let turn = 0; turn < 2; turn++) for (const pid of family(main)) limits.add(pid); // again, for those just born
    const sent = server.sent.length;
    await page.goto(`${server.url}/bench/page/phone.html?decode=${decode}&catalog=${(await vectors(products, 256)).url}`, { waitUntil: 'commit' });
    await page.setInputFiles('input', `${folder}/photo.jpg`);
    const cold = await (await page.waitForFunction(() => window.phone?.cold)).jsonValue();
    const warm = await page.evaluate((runs) => window.phone.warm(runs), warmRuns);
    const peak = Math.max(...family(main).filter(isRenderer).map((pid) => kilobytes(pid, 'VmHWM')));
    return { decode, cold, warm: summary(warm.times), engine: warm.engine, variant: warm.variant, renderer: (peak - before) * 1024, peak: peak * 1024,
      bytes: [...new Map(server.sent.slice(sent)).values()].reduce((sum, size) => sum + size, 0) };
  } finally {
    await browser.close();
    await limits.remove();
  }
}

export async function phone({ rounds }) {
  const server = await serve('.', { bytesPerSecond, latency, compress: true });
  const rows = [];
  for (const decode of ['exact', 'fast']) {
    const runs = [];
    for (let round = 0; round < rounds; round++) runs.push(await visit(decode, server));
    const best = (pick) => number(summary(runs.map(pick)).median);
    const mb = (pick) => number(Math.max(...runs.map(pick)) / 1e6);
    rows.push([decode, runs[0].variant, best(({ cold }) => cold / 1000), mb(({ bytes }) => bytes), best(({ warm }) => warm.median), mb(({ engine }) => engine),
      mb(({ renderer }) => renderer), mb(({ peak }) => peak)]);
    console.log(rows.at(-1).join('  '));
  }
  server.stop();
  const text = `${table(['decode', 'build', 'cold s', 'MB sent', 'warm ms', 'engine MB', 'renderer grew by MB', 'to MB'], rows)}\n\n` +
    `models/kin-everyday, ${products} products, a 12-megapixel JPEG (build/bench/models/photo.jpg) to 12 hits, one thread. One core at a ${quota} % quota and ` +
    `${megabytes} MB by control groups around all of Chromium; ${bytesPerSecond * 8 / 1e6} Mbit/s and ${latency} ms by the server, which sends scripts, JSON and wasm gzipped. ` +
    'Cold: from the page\'s address to hits, nothing cached. Warm: the same photo again. Engine: the model\'s WebAssembly memory. ' +
    `Medians over ROUNDS visits (warm: of ${warmRuns} searches in each), the largest memory.\n`;
  console.log(`\n${text}`);
  return text;
}
