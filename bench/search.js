// The job `search`: exact search in a page over clustered vectors of the ViT's 512 numbers.
import { blank } from './browser.js';
import { folder } from './models.js';
import { number, ratio, table } from './report.js';

const sizes = [10000, 100000];

export async function search({ browser, url }) {
  const parts = [];
  for (const n of sizes) {
    const page = await blank(browser, url);
    const { dim, rows } = await page.evaluate(async (options) => (await import('/bench/page/search.js')).run(options),
      { n, model: `/${folder}/tinyclip-8m/kin/`, queries: 15 });
    await page.context().close();
    const kin = rows.find(({ label }) => label.startsWith('Kin')).ms;
    parts.push(`### ${n} × ${dim}\n\n${table(['search', 'median ms', 'best ms', 'recall@10', 'build s', '÷ Kin'], rows.map((one) =>
      [one.label, number(one.ms), number(one.best), one.recall.toFixed(3), (one.build / 1000).toFixed(1), ratio(one.ms / kin)]))}\n`);
    console.log(`\n${parts.at(-1)}`);
  }
  return parts.join('\n');
}
