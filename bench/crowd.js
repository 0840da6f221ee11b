// The job `crowd`: a list of photos in a page without shared memory, by one worker and by as many as Kin takes there, in
// turn. Each answer is held against one worker's, bit by bit, before it counts.
import { blank } from './browser.js';
import { number, ratio, table } from './report.js';
import { serve } from './serve.js';

const photos = 120;

export async function crowd({ browser, rounds }) {
  const server = await serve('.', { isolate: false });
  try {
    const page = await blank(browser, server.url);
    const { one, many, workers, bytes, cores } = await page.evaluate(async (options) => (await import('/bench/page/crowd.js')).run(options), { photos, rounds });
    await page.context().close();
    const rate = (ms) => photos / ms * 1000;
    return table(['workers', 'photos a second', '÷ one', 'MiB of engines'], [['1', number(rate(one)), ratio(1), number(bytes / 2 ** 20)],
      [String(workers), number(rate(many)), ratio(one / many), number(workers * bytes / 2 ** 20)]])
      + `\n\n${photos} JPEG photos of 640 × 480, kin-everyday in q8; best of ${rounds} rounds each; ${cores} logical cores. Workers are started in the first round, not counted.\n`;
  } finally {
    server.stop();
  }
}
