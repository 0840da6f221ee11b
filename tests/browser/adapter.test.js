// An adapter trained in a real page: the bytes that Node learns of the same examples, and a catalogue under it finds more.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load, openCatalog, trainAdapter } from '../../web/index.node.js';
import { tinyModel } from '../node/cli-support.js';
import { makeSet } from '../node/planted.js';
import { launch, open, serve } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-adapter-'));
const { left, right, targets } = makeSet(500, 250, 16, 0.7, false);
const options = { rank: 6, holdOut: 0.4 };
let browser, server, file;
before(async () => {
  cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
  writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
  const clip = await load({ model: tinyModel(join(site, 'model')), worker: false });
  const builder = await clip.createCatalog();
  for (const [k, vector] of right.entries()) await builder.add({ id: `p${k}`, vectors: [vector] });
  file = await builder.save({ to: join(site, 'catalog.safetensors') });
  await clip.close();
  browser = await launch();
  server = await serve(site);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(site, { recursive: true });
});

test('a page learns what Node learns, to the bit, tells how far it is and searches by it', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  const examples = { left, right: targets.map((k) => right[k]) };
  const found = await page.evaluate(async ({ examples, options, targets }) => {
    const { openCatalog, trainAdapter } = await import('/kin/index.js');
    const rounds = [];
    const { bytes, ...figures } = await trainAdapter(examples, { ...options, onProgress: ({ round }) => rounds.push(round) });
    const firsts = async (adapter) => {
      const catalog = await openCatalog('/catalog.safetensors', adapter && { adapter });
      const hits = [];
      for (const vector of examples.left.slice(0, 100)) hits.push((await catalog.search({ vector }, { limit: 1 })).hits[0]);
      await catalog.close();
      return hits.map(({ id, score }) => [id, score]);
    };
    const [plain, adapted] = [await firsts(), await firsts(new File([bytes], 'adapter.safetensors'))];
    const right = (list) => list.filter(([id], i) => id === `p${targets[i]}`).length;
    return { bytes: Array.from(bytes), figures, rounds: rounds.length, adapted, right: [right(plain), right(adapted)] };
  }, { examples, options, targets });
  const { bytes, ...figures } = await trainAdapter(examples, options);
  assert.deepEqual(Uint8Array.from(found.bytes), bytes);
  assert.deepEqual(found.figures, figures);
  assert.equal(found.rounds, figures.rounds);
  assert.ok(found.right[1] > 1.5 * found.right[0], String(found.right));
  const catalog = await openCatalog(file, { adapter: bytes, worker: false });
  for (const [i, [id, score]] of found.adapted.slice(0, 20).entries()) {
    const [hit] = (await catalog.search({ vector: left[i] }, { limit: 1 })).hits;
    assert.deepEqual([hit.id, hit.score], [id, score]);
  }
  await catalog.close();
  assert.deepEqual([page.noise, page.sent], [[], []]);
});
