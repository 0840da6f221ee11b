// The job `start`: from nothing in the page to the first embedding, and the runtime bytes that came for it; then the same in a
// second page of the same browser profile, a shopper's next visit: files come from the browser's caches, as the server lets them
// (an hour), compiled code from where the browser has kept some. Weights come from the same server. Each measurement has a
// profile, and so a browser, of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, profile } from './browser.js';
import { hasTflite, names } from './models.js';
import { summary } from './race.js';
import { number, ratio, table } from './report.js';
import { kins } from './towers.js';

const settle = 1000; // ms of a browser that has started
const stay = 4000; // ms of the first visit after its embedding: V8 keeps compiled WebAssembly 2 s after the last of it

// -> { first, again: ms, runtime: bytes }
async function once({ server }, { label, ...options }) {
  const folder = mkdtempSync(join(tmpdir(), 'kin-bench-'));
  const context = await profile(folder);
  const visit = async () => {
    const page = await open(context, server.url);
    await page.waitForTimeout(settle);
    const before = server.sent.length;
    const ms = await page.evaluate((options) => window.bench.first(options), options)
      .catch((error) => { throw new Error(`${label}: ${error.message.split('\n')[0]}`); });
    const files = server.sent.slice(before).filter(([path]) => /\.(m?js|wasm)$/.test(path) && !path.startsWith('/bench/page/'));
    return { page, ms, runtime: [...new Map(files).values()].reduce((sum, size) => sum + size, 0) };
  };
  try {
    const { page, ms: first, runtime } = await visit();
    await page.waitForTimeout(stay);
    await page.close();
    const { ms: again } = await visit();
    return { first, again, runtime };
  } finally {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function start({ rounds, ...bench }) {
  const parts = [];
  for (const model of names) {
    const kin = kins(model).filter(({ threads }) => threads === 1).map((one) => ({ ...one, script: '/web/kin.min.js' }));
    const list = [...kin, ...kin.slice(0, 1).map((one) => ({ ...one, label: `${one.label}, cache: 'persistent'`, cache: 'persistent' })),
      ...['fp32', 'int8'].map((dtype) => ({ name: 'ort', label: `ORT-web ${dtype}`, dtype, threads: 1 })),
      ...['fp32', 'dyn8', 'int8'].filter((dtype) => hasTflite(model, `image.${dtype}`)).map((dtype) =>
        ({ name: 'litert', label: `LiteRT.js ${dtype}`, dtype, threads: 1, byRows: hasTflite(model, 'image.int8') })),
      ...hasTflite(model, 'image.media') ? [{ name: 'mediapipe', label: 'MediaPipe ImageEmbedder', dtype: 'media', threads: 1 }] : []];
    const results = new Map(list.map((one) => [one.label, { first: [], again: [], runtime: 0 }]));
    for (let round = 0; round < rounds; round++)
      for (const one of round % 2 ? list.toReversed() : list) {
        const { first, again, runtime } = await once(bench, { ...one, model, tower: 'image' });
        const result = results.get(one.label);
        result.first.push(first);
        result.again.push(again);
        result.runtime = Math.max(result.runtime, runtime);
      }
    const sums = [...results].map(([label, { first, again, runtime }]) => ({ label, runtime, first: summary(first), again: summary(again) }));
    const least = (pick) => Math.min(...sums.filter(({ label }) => label.startsWith('Kin')).map(pick));
    parts.push(`### ${model}, image\n\n${table(['engine', 'median ms', 'best ms', '÷ Kin', 'next visit: median ms', 'best ms', '÷ Kin', 'runs', 'runtime KiB', '÷ Kin'], sums.map((one) =>
      [one.label, number(one.first.median), number(one.first.best), ratio(one.first.median / least((kin) => kin.first.median)),
        number(one.again.median), number(one.again.best), ratio(one.again.median / least((kin) => kin.again.median)), one.first.runs,
        (one.runtime / 1024).toFixed(0), ratio(one.runtime / least((kin) => kin.runtime))]))}\n\nFrom import to the first embedding, 1 thread; the ` +
      'next visit in a new page of the same browser profile. Runtime: scripts and wasm as a page is served them, minified by their makers (Kin: ' +
      '`kin.min.js`), not compressed.\n');
    console.log(`\n${parts.at(-1)}`);
  }
  return parts.join('\n');
}
