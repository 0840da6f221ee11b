// The job `kernels`: each table of integer kernels on one tile of the encoder, against a loop of the same
// instructions that stays in registers. One thread.
import { existsSync } from 'node:fs';
import { blank } from './browser.js';
import { number, table } from './report.js';
import { variants } from './towers.js';

// Which register loop a table's tile is made of.
const loops = [[/depth 2/, 'depth2'], [/^relaxed$/, 'depth2'], [/depth/, 'depth1'], [/signed/, 'fused'], [/simd128/, 'dot_i16']];

export async function kernels({ browser, url, rounds }) {
  const found = new Map();
  for (let round = 0; round < rounds; round++)
    for (const variant of variants().filter((name) => !name.endsWith('-threads') && existsSync(`build/bench/peak-${name}.wasm`))) {
      const page = await blank(browser, url);
      const { kernels: list, peaks } = await page.evaluate(async (options) => (await import('/bench/page/kernels.js')).run(options), { variant, budget: 150 });
      await page.context().close();
      for (const { name, gmacs, exact } of list) {
        const loop = loops.find(([pattern]) => pattern.test(name))?.[1];
        const one = found.get(`${variant} ${name}`) ?? { gmacs: 0, peak: 0 };
        found.set(`${variant} ${name}`, { loop, exact, gmacs: Math.max(one.gmacs, gmacs), peak: Math.max(one.peak, peaks[loop] ?? 0) });
      }
    }
  const text = `${table(['build, table', 'exact here', 'GMAC/s', 'loop of', 'GMAC/s', 'of it'], [...found].map(([label, { exact, gmacs, loop, peak }]) =>
    [label, exact ? 'yes' : 'no', number(gmacs), loop ?? '–', peak ? number(peak) : '–', peak ? `${(100 * gmacs / peak).toFixed(0)} %` : '–']))}\n\n` +
    'The best of many runs of a tile as `kin_kernels_exercise` runs it; an inexact table is never used. Loops (`bench/peak.c`): `dot_i16` ' +
    'i32x4.dot_i16x8; `depth1` a relaxed i16 dot, widened; `depth2` two added before; `fused` the relaxed dot that adds.\n';
  console.log(`\n${text}`);
  return text;
}
