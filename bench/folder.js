// The job `folder`: a catalogue published as a folder, searched in a page: bytes until the first hits and for a query, time,
// memory of the page's process, recall@10 against a scan of every row. SIZES=100000,1000000 of 512 numbers (vectors.js).
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { openCatalog } from '../web/index.node.js';
import { blank } from './browser.js';
import { number, table } from './report.js';
import { vectors } from './vectors.js';

const dim = 512;
const sizes = (process.env.SIZES ?? '100000,1000000').split(',').map(Number);

// The memory of the process that a page runs in, in bytes, file pages left out: of all renderers the largest.
function rendererBytes() {
  const status = execFileSync('sh', ['-c', 'for p in /proc/[0-9]*; do grep -qs -- --type=renderer "$p/cmdline" && cat "$p/status"; done; true'], { encoding: 'utf8' });
  const sums = status.split(/^Name:/m).slice(1).map((one) => ['RssAnon', 'RssShmem'].reduce((sum, name) =>
    sum + 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(one)?.[1] ?? 0), 0));
  return Math.max(0, ...sums);
}

async function truthOf(path, queries) {
  const catalog = await openCatalog(path);
  const found = [];
  for (const vector of queries) found.push((await catalog.search({ vector }, { limit: 10, exact: true })).hits.map(({ id }) => id));
  await catalog.close();
  return found;
}

export async function folder({ browser, url, rounds }) {
  const rows = [];
  for (const n of sizes) {
    const { path, queries } = await vectors(n, dim);
    const published = path.replace('.kin', '.folder');
    if (!existsSync(`${published}/current.json`))
      execFileSync(process.execPath, ['catalog/cli.js', 'publish', path, '-o', published], { stdio: 'inherit' });
    const { shards } = JSON.parse(readFileSync(`${published}/base-${JSON.parse(readFileSync(`${published}/current.json`)).base}.json`));
    const truth = await truthOf(path, queries);
    const page = await blank(browser, url);
    const before = rendererBytes();
    const open = await page.evaluate(async (address) => {
      const { openCatalog } = await import('/build/site/kin/index.js');
      globalThis.sizes = [];
      const counted = async (request, options) => {
        const response = await fetch(request, options);
        return new Response(response.body.pipeThrough(new TransformStream({ transform(chunk, to) {
          globalThis.sizes.push(chunk.length);
          to.enqueue(chunk);
        } })), response);
      };
      const start = performance.now();
      globalThis.catalog = await openCatalog(new URL(address, location).href, { fetch: counted });
      return { ms: performance.now() - start, bytes: globalThis.sizes.splice(0).reduce((a, b) => a + b, 0) };
    }, `/${published}/`);
    const ask = (list) => page.evaluate(async (queries) => {
      const found = [];
      for (const vector of queries) {
        const start = performance.now();
        let first = null;
        const { hits } = await globalThis.catalog.search({ vector }, { limit: 10, onUpdate: () => { first ??= performance.now() - start; } });
        found.push({ ids: hits.map(({ id }) => id), first, ms: performance.now() - start, bytes: globalThis.sizes.splice(0).reduce((a, b) => a + b, 0) });
      }
      return found;
    }, list);
    const cold = await ask(queries);
    const warm = [];
    for (let i = 0; i < rounds; i++) warm.push(...await ask(queries));
    const bytes = rendererBytes() - before;
    const recall = cold.reduce((sum, { ids }, i) => sum + ids.filter((id) => truth[i].includes(id)).length, 0) / (10 * cold.length);
    const median = (values) => values.filter((value) => value !== null).sort((a, b) => a - b)[values.length >> 1] ?? NaN;
    rows.push([`${n} × ${dim}`, shards.rows_per_file, number(open.bytes / 1e6), number(open.ms), number(median(cold.map((one) => one.first))), number(median(cold.map((one) => one.ms))),
      number(Math.max(...cold.map((one) => one.bytes)) / 1e3), number(median(warm.map((one) => one.ms))), recall.toFixed(3), number(bytes / 1e6)]);
    await page.context().close();
  }
  return table(['catalogue', 'rows a shard', 'MB to open', 'ms to open', 'ms to the first hits', 'ms to the exact ones', 'KB of a query, at most', 'ms of one asked again', 'recall@10', 'MB of memory'], rows);
}
