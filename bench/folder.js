// The job `folder`: a catalogue published as a folder, searched in a page of Chromium: bytes and time until the first hits and for
// a query, memory of the page's process, recall@10 against a scan of every row; SIZES=100000,1000000 of 512 numbers (vectors.js).
// Then filters over FILTERED=100000 products: the time of a mask by their columns, and the answers beside those of the one file.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { openCatalog } from '../web/index.node.js';
import { blank } from './browser.js';
import { quietPage } from './quiet.js';
import { number, table } from './report.js';
import { vectors } from './vectors.js';

const dim = 512;
const sizes = (process.env.SIZES ?? '100000,1000000').split(',').filter(Boolean).map(Number);
const filtered = Number(process.env.FILTERED ?? 100000);
const filters = ['sale', 'price >= 10 and price < 50', 'tags has "tag 7"', 'rare',
  'price >= 10 and price < 50 and (colour = red or colour in (blue, green)) and tags has "tag 7" and not sale'];

const median = (values) => values.filter((value) => value !== null).sort((a, b) => a - b)[values.length >> 1] ?? NaN;
const sum = (values) => values.reduce((a, b) => a + b, 0);

// The memory of the page's process (of a browser's processes of pages the largest), in bytes, without the pages of files: now() and the
// most so far.
function watchMemory({ renderers }) {
  let most = 0;
  const now = async () => {
    const bytes = (await renderers()).map((id) => {
      const status = existsSync(`/proc/${id}/status`) ? readFileSync(`/proc/${id}/status`, 'utf8') : '';
      return sum(['RssAnon', 'RssShmem'].map((name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)));
    });
    most = Math.max(most, ...bytes);
    return Math.max(0, ...bytes);
  };
  const timer = setInterval(() => now().catch(() => {}), 50);
  return { now, most: () => most, stop: () => clearInterval(timer) };
}

function publish(path) {
  const folder = path.replace('.kin', '.folder');
  if (!existsSync(`${folder}/current.json`)) execFileSync(process.execPath, ['catalog/cli.js', 'publish', path, '-o', folder], { stdio: 'inherit' });
  const { base } = JSON.parse(readFileSync(`${folder}/current.json`));
  return { folder, ...JSON.parse(readFileSync(`${folder}/base-${base}.json`)) };
}

// What a scan of every row of the file finds: [[{ ids, total }]] by filter and query.
async function scanned(path, queries, wanted) {
  const catalog = await openCatalog(path), found = [];
  for (const filter of wanted) {
    const answers = [];
    for (const vector of queries) {
      const { hits, total } = await catalog.search({ vector }, { filter, limit: 10, exact: true });
      answers.push({ ids: hits.map(({ id }) => id), total });
    }
    found.push(answers);
  }
  await catalog.close();
  return found;
}

const recallOf = (found, truth) => sum(found.map(({ ids }, i) => truth[i].ids.filter((id) => ids.includes(id)).length)) / sum(truth.map(({ ids }) => ids.length));

async function searched(n, { server, url, rounds }) {
  const { path, queries } = await vectors(n, dim);
  const { folder, shards } = publish(path);
  const [truth] = await scanned(path, queries, [undefined]);
  const page = await quietPage(`${url}/bench/page/page.html`);
  const memory = watchMemory(page), before = await memory.now();
  const bytes = () => sum(server.sent.splice(0).filter(([name]) => name.includes('.folder/')).map(([, size]) => size));
  bytes();
  const openMs = await page.evaluate(async (address) => {
    const { openCatalog } = await import('/build/site/kin/index.js');
    const start = performance.now();
    globalThis.catalog = await openCatalog(new URL(address, location).href);
    return performance.now() - start;
  }, `/${folder}/`);
  const [openBytes, opened] = [bytes(), await memory.now()];
  const ask = async () => {
    const found = [];
    for (const vector of queries)
      found.push({ ...await page.evaluate(async (vector) => {
        let first = null;
        const start = performance.now();
        const { hits } = await globalThis.catalog.search({ vector }, { limit: 10, onUpdate: () => { first ??= performance.now() - start; } });
        return { ids: hits.map(({ id }) => id), first, ms: performance.now() - start };
      }, vector), bytes: bytes() });
    return found;
  };
  const cold = await ask(), warm = [];
  for (let i = 0; i < rounds; i++) warm.push(...await ask());
  memory.stop();
  const most = Math.max(memory.most(), await memory.now());
  await page.close();
  const asked = cold.map((one) => one.bytes);
  return [`${n} × ${dim}`, shards.rows_per_file, number(openBytes / 1e6), number(openMs), number(median(cold.map((one) => one.first))),
    number(median(cold.map((one) => one.ms))), `${number(median(asked) / 1e3)} · ${number(Math.max(...asked) / 1e3)}`, number(median(warm.map((one) => one.ms))),
    recallOf(cold, truth).toFixed(3), `${number(before / 1e6)} · ${number(opened / 1e6)} · ${number(most / 1e6)}`];
}

async function filteredBy(n, { browser, url, rounds }) {
  const { path, queries } = await vectors(n, dim, { fields: true });
  const { folder } = publish(path);
  const truth = await scanned(path, queries, filters);
  const page = await blank(browser, url);
  const found = await page.evaluate(async (options) => (await import('/bench/page/filters.js')).run(options), { folder: `/${folder}`, filters, queries, runs: 20 * rounds });
  await page.context().close();
  return filters.map((filter, i) => {
    const { first, best, half, passed, answers } = found[i], { total } = truth[i][0];
    if (passed !== total || answers.some((one) => one.total !== total)) throw new Error(`${filter}: ${passed} products of a folder pass, ${total} of the file.`);
    return [`\`${filter}\``, total, number(first), number(best), number(half), recallOf(answers, truth[i]).toFixed(3)];
  });
}

export async function folder(bench) {
  const rows = [];
  for (const n of sizes) rows.push(await searched(n, bench));
  const head = ['catalogue', 'rows a shard', 'MB to open', 'ms to open', 'ms to the first hits', 'ms to the last', 'KB of a query: median · most', 'ms of one asked again', 'recall@10',
    'MB of the process: empty page · opened · most'];
  const masks = await filteredBy(filtered, bench);
  return `${table(head, rows)}\n\n### Filters over ${filtered} products\n\n` +
    table(['filter', 'products', 'ms of the first mask', 'best', 'median', 'recall@10'], masks);
}
