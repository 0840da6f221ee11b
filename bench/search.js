// The job `search`: the ten best of 10,000, 100,000 and a million vectors of 512 numbers, in one page after
// another, and usearch (a native library) and PostgreSQL with pgvector beside it. Recall counts against a plain loop over every row.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { blank } from './browser.js';
import { number, ratio, table } from './report.js';
import { vectors } from './vectors.js';

const dim = 512;
const sizes = (process.env.SIZES ?? '10000,100000,1000000').split(',').map(Number);
// hnswlib-wasm builds its graph in the page, on one thread: beyond this it takes minutes.
const hnswMost = Number(process.env.HNSW ?? 10000);
// usearch's graph of a million takes minutes too, but it is kept.
const usearchMost = Number(process.env.USEARCH ?? 100000);

// So does pgvector's.
const pgvectorMost = Number(process.env.PGVECTOR ?? 10000);
const python = 'build/data-venv/bin/python'; // has both

function ask(script, path, queries) {
  const { stdout, status } = spawnSync(python, [script, path], { input: JSON.stringify(queries), stdio: ['pipe', 'pipe', 'inherit'],
    maxBuffer: 1 << 28, encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout) : null;
}

export async function search({ browser, url, rounds }) {
  const parts = [], notes = [];
  for (const n of sizes) {
    const catalog = await vectors(n, dim);
    const page = await blank(browser, url);
    const { rows, truth, read, about, failed } = await page.evaluate(async (options) => (await import('/bench/page/search.js')).run(options), { catalog: catalog.url,
      queries: catalog.queries, rounds, hnsw: n <= hnswMost, peak: existsSync('build/bench/peak-simd.wasm') });
    await page.context().close();
    const recall = (found) => found.reduce((sum, ids, i) => sum + ids.filter((id) => truth[i].includes(id)).length, 0) / (10 * truth.length);
    const wanted = n <= usearchMost || existsSync(catalog.path.replace('.kin', '.usearch.json'));
    const native = wanted && ask('bench/usearch_index.py', catalog.path, catalog.queries);
    if (!wanted) notes.push(`usearch was left out for ${n} vectors, since building its graph takes minutes (USEARCH=${n} builds and keeps it).\n`);
    else if (native) rows.push({ label: 'usearch, native, HNSW of int8', ...native });
    else notes.push(`usearch could not be run for ${n} vectors.\n`);
    const postgres = n <= pgvectorMost && ask('bench/pgvector_index.py', catalog.path, catalog.queries);
    if (postgres) rows.push({ label: `pgvector ${postgres.version}, native, HNSW of f32`, ...postgres });
    else notes.push(n <= pgvectorMost ? `pgvector could not be run for ${n} vectors.\n` : `pgvector was left out for ${n} vectors (PGVECTOR=${n} runs it).\n`);
    if (failed) notes.push(`hnswlib-wasm could not be run for ${n} vectors: ${failed}\n`);
    const exact = rows.find(({ label }) => label.startsWith('Kin, exact')).ms;
    if (recall(rows.find(({ label }) => label.startsWith('Kin, exact')).found) < 0.99) throw new Error('Kin\'s exact search differs from the plain loop.');
    parts.push(`### ${n} × ${dim}\n\n${table(['search', 'median ms', 'best ms', 'recall@10', 'open or build s', '÷ Kin exact', '÷ reading'], [
      ...rows.map((one) => [one.label, number(one.ms), number(one.best), recall(one.found).toFixed(3), (one.build / 1000).toFixed(1), ratio(one.ms / exact),
        ratio(one.ms / read?.ms)]),
      ...read ? [['(reading the int8 rows once)', number(read.ms), number(read.best), '–', '–', ratio(read.ms / exact), '1.00×']] : []])}\n\n` +
      `${(n * dim / 1e6).toFixed(0)} MB of rows${read ? `, read at ${number(n * dim / 1e6 / read.ms)} GB/s` : ''}; Kin's times are whole \`search()\` calls, through the ` +
      `worker; ${about}\n`);
    console.log(`\n${parts.at(-1)}`);
  }
  const more = Math.max(...sizes) > hnswMost ? [`hnswlib-wasm was left out above ${hnswMost} vectors: it builds its graph in the page on one thread ` +
    `(HNSW=100000 runs it). usearch: connectivity 16, built once beside the vectors, not in the page.\n`] : [];
  return [...parts, ...notes, ...more].join('\n');
}
