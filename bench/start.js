// The job `start`: from nothing in the page to the first embedding, and the runtime bytes that came for it.
// Weights come from the same server; each measurement has a page, and so a process, of its own.
import { blank } from './browser.js';
import { hasTflite, names } from './models.js';
import { summary } from './race.js';
import { number, ratio, table } from './report.js';
import { kins } from './towers.js';

async function once({ browser, server }, { label, ...options }) {
  const page = await blank(browser, server.url);
  const before = server.sent.length;
  const ms = await page.evaluate((options) => window.bench.first(options), options)
    .catch((error) => { throw new Error(`${label}: ${error.message.split('\n')[0]}`); });
  await page.context().close();
  const files = server.sent.slice(before).filter(([path]) => /\.(m?js|wasm)$/.test(path) && !path.startsWith('/bench/page/'));
  return { ms, runtime: [...new Map(files).values()].reduce((sum, size) => sum + size, 0) };
}

export async function start({ rounds, ...bench }) {
  const parts = [];
  for (const model of names) {
    const list = [...kins(model).filter(({ threads }) => threads === 1),
      ...['fp32', 'int8'].map((dtype) => ({ name: 'ort', label: `ORT-web ${dtype}`, dtype, threads: 1 })),
      ...['fp32', 'dyn8', 'int8'].filter((dtype) => hasTflite(model, `image.${dtype}`)).map((dtype) =>
        ({ name: 'litert', label: `LiteRT.js ${dtype}`, dtype, threads: 1, byRows: hasTflite(model, 'image.int8') })),
      ...hasTflite(model, 'image.media') ? [{ name: 'mediapipe', label: 'MediaPipe ImageEmbedder', dtype: 'media', threads: 1 }] : []];
    const results = new Map(list.map((one) => [one.label, { times: [], runtime: 0 }]));
    for (let round = 0; round < rounds; round++)
      for (const one of round % 2 ? list.toReversed() : list) {
        const { ms, runtime } = await once(bench, { ...one, model, tower: 'image' });
        results.get(one.label).times.push(ms);
        results.get(one.label).runtime = Math.max(results.get(one.label).runtime, runtime);
      }
    const sums = [...results].map(([label, { times, runtime }]) => ({ label, runtime, ...summary(times) }));
    const kin = Math.min(...sums.filter(({ label }) => label.startsWith('Kin')).map(({ median }) => median));
    const bytes = Math.min(...sums.filter(({ label }) => label.startsWith('Kin')).map(({ runtime }) => runtime));
    parts.push(`### ${model}, image\n\n${table(['engine', 'median ms', 'best ms', 'runs', '÷ Kin', 'runtime KiB', '÷ Kin'], sums.map((one) =>
      [one.label, number(one.median), number(one.best), one.runs, ratio(one.median / kin), (one.runtime / 1024).toFixed(0),
        ratio(one.runtime / bytes)]))}\n\nFrom import to the first embedding, 1 thread. Runtime: scripts and wasm ` +
      'as a page is served them, minified (Kin by the demo\'s build, the others by their makers), not compressed.\n');
    console.log(`\n${parts.at(-1)}`);
  }
  return parts.join('\n');
}
