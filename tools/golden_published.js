// Makes tests/golden/published/ anew: a catalogue file of format 2, and the folder that publish makes of it, with a market and
// two deltas. Both must open for ever: run this only for a new format, into a folder of its own.
//   node tools/golden_published.js [folder]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenProducts, publish, writeCatalogue } from '../tests/node/publish-support.js';

const [root = 'tests/golden/published'] = process.argv.slice(2);
rmSync(root, { recursive: true, force: true });
mkdirSync(root, { recursive: true });
const market = join(root, 'de.csv');
for (const list of goldenProducts()) {
  const path = await writeCatalogue(join(root, 'catalog.kin'), list);
  writeFileSync(market, `id,title,price\n${list.slice(1).map(({ id, item }) => `${id},Ding ${id.slice(4)},"${item.price},50"\n`).join('')}`);
  await publish(path, join(root, 'folder'), { market: [`de=${market}`], fields: ['price'] });
}
rmSync(market);
