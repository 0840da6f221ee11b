// The job `photo`: a 12-megapixel JPEG to hits in a catalogue of 10,000, warm, and reading and preparing it
// alone. Both get the same Blob; embeddings are checked against PyTorch's of Pillow's pixels.
import { statSync } from 'node:fs';
import { blank } from './browser.js';
import { folder, hasTransformers, names, reference } from './models.js';
import { race } from './race.js';
import { number, ratio, table } from './report.js';
import { kins, threads } from './towers.js';
import { vectors } from './vectors.js';

const products = 10000;
// The least cosine to PyTorch. The bench's random weights make far more of a pixel than trained ones do.
const least = { exact: 0.97, fast: 0.9, peer: 0.9 };

function entries(model) {
  const kin = kins(model).filter(({ variant }) => variant.startsWith('relaxed') || !kins(model).some((one) => one.variant.startsWith('relaxed')));
  return [...kin.flatMap((one) => ['exact', 'fast'].map((decode) => ({ ...one, name: 'kin-photo', decode, label: `${one.label} ${decode}` }))),
    ...[...new Set(hasTransformers(model) ? [1, threads] : [])].map((n) => ({ name: 'transformers', dtype: 'int8', threads: n, label: 'transformers.js int8' }))]
    .map((one) => ({ ...one, label: `${one.label}, ${one.threads} thread${one.threads > 1 ? 's' : ''}` }));
}

async function one(model, { browser, url, rounds }) {
  const { photo, dim } = reference(model, 'photo.json');
  const catalog = await vectors(products, dim);
  const opened = [], notes = [];
  for (const entry of entries(model)) {
    const page = await blank(browser, url);
    try {
      const cosine = await page.evaluate(async ([options, photo]) => (await import('/bench/page/photo.js')).open(options, photo),
        [{ ...entry, model, catalog: catalog.url }, photo]);
      const fine = cosine >= least[entry.decode ?? 'peer'];
      console.log(`  ${fine ? 'agrees   ' : 'DISAGREES'} ${entry.label}: cosine ${cosine.toFixed(5)}`);
      if (fine) opened.push({ label: entry.label, entry, cosine, page });
      else notes.push(`${entry.label} disagrees with PyTorch (cosine ${cosine.toFixed(4)}) and was not timed.`);
    } catch (error) {
      notes.push(`${entry.label} could not be run: ${error.message.split('\n')[0]} ${page.noise.join(' ')}`);
    }
  }
  const timed = (what, budget) => race(opened.map(({ label, page }) => ({ label, time: (how) => page.evaluate(([what, how]) =>
    window.photo.time(what, how), [what, how]) })), { rounds, budget, least: 2 });
  const [whole, alone] = [await timed('hits', 500), await timed('prepare', 200)];
  for (const { page } of opened) await page.context().close();
  const peer = (times, n) => times.get(opened.find(({ entry }) => entry.name === 'transformers' && entry.threads === n)?.label)?.median;
  const rows = opened.map(({ label, entry, cosine }) => [label, cosine.toFixed(5), number(alone.get(label).median), number(whole.get(label).median),
    number(whole.get(label).best), whole.get(label).runs, ratio(peer(alone, entry.threads) / alone.get(label).median),
    ratio(peer(whole, entry.threads) / whole.get(label).median)]);
  return `### ${model}\n\n${table(['engine', 'cosine', 'pixels ms', 'hits ms', 'best', 'runs', 'peer ÷ pixels', 'peer ÷ hits'], rows)}\n` +
    notes.map((note) => `\n${note}\n`).join('');
}

export async function photo(bench) {
  const parts = [`${(statSync(`${folder}/photo.jpg`).size / 1e6).toFixed(1)} MB, 4000 × 3000. Pixels: from the file to what the model sees. Hits: to the 12 ` +
    `best of ${products}. The last two columns: transformers.js with as many threads, over this.\n`];
  for (const model of names) {
    console.log(`photo, ${model}`);
    parts.push(await one(model, bench));
    console.log(`\n${parts.at(-1)}`);
  }
  return parts.join('\n');
}
