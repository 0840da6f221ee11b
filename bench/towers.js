// The jobs `image` and `text`: one tower of every engine, checked against PyTorch, then timed side by side;
// of the text tower one label of 7 tokens.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { contender } from './browser.js';
import { enough, folder, hasTflite, kinFolder, names, reference } from './models.js';
import { native } from './native.js';
import { race } from './race.js';
import { number, ratio, table } from './report.js';

export const threads = Math.min(4, availableParallelism());
// Of the builds that have towers: kin-find.wasm has none.
export const variants = () => readdirSync('web/wasm').map((file) => /^kin-((?:simd|relaxed).*)\.wasm$/.exec(file)?.[1]).filter(Boolean).sort();

export const kins = (model) => variants().map((variant) => (variant.endsWith('-threads') ? { variant, threads } : { variant, threads: 1 }))
  .map((one) => ({ name: 'kin', dtype: 'q8', label: `Kin ${one.variant}`, kin: kinFolder(model), ...one }));

function entries(model, tower) {
  const list = kins(model), litert = ['fp32', 'dyn8', 'int8'].filter((dtype) => hasTflite(model, `${tower}.${dtype}`));
  for (const n of [...new Set([1, threads])]) {
    for (const dtype of ['fp32', 'int8']) list.push({ name: 'ort', label: 'ORT-web', dtype, threads: n });
    list.push(...litert.map((dtype) => ({ name: 'litert', label: 'LiteRT.js', dtype, threads: n })));
  }
  list.push(...litert.filter((dtype) => dtype !== 'fp32')
    .map((dtype) => ({ name: 'litert', label: 'LiteRT.js without relaxed SIMD', dtype, threads: 1, compat: true })));
  if (tower === 'image' && hasTflite(model, 'image.media')) list.push({ name: 'mediapipe', label: 'MediaPipe ImageEmbedder', dtype: 'media', threads: 1 });
  for (const dtype of ['fp32', 'int8']) list.push({ open: 'ort', label: 'native ORT', dtype, threads: 1 });
  list.push({ open: 'torch', label: 'native torch', dtype: 'fp32', threads: 1 });
  return list.map((one) => ({ ...one, model, tower, folder: `${folder}/${model}`, byRows: hasTflite(model, 'image.int8') }));
}

async function one(model, tower, { browser, url, rounds, natives }) {
  const opened = [], notes = [], rows = [];
  for (const entry of entries(model, tower)) {
    const label = `${entry.label} ${entry.dtype}, ${entry.threads} thread${entry.threads > 1 ? 's' : ''}`;
    try {
      const it = entry.open ? await natives.contender({ ...entry, label }) : await contender(browser, url, { ...entry, label });
      const cosine = await it.check();
      const fine = cosine >= enough(model, tower, entry.dtype);
      console.log(`  ${fine ? 'agrees   ' : 'DISAGREES'} ${label}: cosine ${cosine.toFixed(5)}`);
      if (fine) opened.push({ ...it, entry, cosine });
      else notes.push(`${label} disagrees with PyTorch (cosine ${cosine.toFixed(4)}) and was not timed.`);
    } catch (error) {
      console.log(`  FAILED    ${label}: ${error.message}`);
      notes.push(`${label} could not be run: ${error.message}`);
    }
  }
  const times = await race(opened, { rounds, budget: tower === 'text' ? 150 : 300 });
  for (const it of opened) await it.close();
  const kin = (n) => Math.min(...opened.filter(({ entry }) => entry.name === 'kin' && entry.threads === n)
    .map(({ label }) => times.get(label).median));
  const macs = reference(model).macs[tower];
  for (const { label, entry, cosine } of opened) {
    const { median, best, runs } = times.get(label);
    const alone = opened.find((other) => other.entry.threads === 1 && other.entry.label.replace('-threads', '') === entry.label.replace('-threads', '') &&
      other.entry.dtype === entry.dtype);
    rows.push([label, cosine.toFixed(5), number(median), number(best), runs, number(macs / median / 1e6), ratio(median / kin(entry.threads)),
      entry.threads > 1 && alone ? ratio(times.get(alone.label).median / median) : '']);
  }
  const fastest = (pick) => Math.min(...opened.filter(({ entry }) => entry.threads === 1 && pick(entry)).map(({ label }) => times.get(label).median));
  const plain = fastest(({ name, compat }) => compat || name === 'ort' || name === 'mediapipe') / fastest(({ variant }) => variant === 'simd');
  if (Number.isFinite(plain)) notes.push(`Without relaxed SIMD, 1 thread: the fastest of the others in the browser (ORT-web and MediaPipe use none, LiteRT.js has a build) took ${ratio(plain)} the time of Kin simd.`);
  if (!hasTflite(model)) notes.push('LiteRT.js was left out: its towers could not be converted here (`bench/requirements-litert.txt`).');
  return `### ${model}, ${tower}\n\n${table(['engine', 'cosine', 'median ms', 'best ms', 'runs', 'GMAC/s', '÷ Kin', '1 thread ÷ this'], rows)}\n\n` +
    `${tower === 'text' ? `One label, '${reference(model).texts[0]}': 7 tokens for Kin, padded to the context of ${reference(model).ids[0].length} for the others, ` +
    'as CLIP\'s processor does. ' : ''}GMAC/s counts the whole tower\'s ${(macs / 1e9).toFixed(2)} G for everyone${tower === 'text' ? ' (all tokens of the context)' : ''}; ` +
    `÷ Kin: the median over that of the fastest Kin with as many threads.\n${notes.map((note) => `\n${note}\n`).join('')}`;
}

export async function towers(tower, bench) {
  const natives = native();
  const parts = [];
  for (const model of names) {
    console.log(`${tower} tower of ${model}`);
    const text = await one(model, tower, { ...bench, natives });
    console.log(`\n${text}`);
    parts.push(text);
  }
  natives.stop();
  return parts.join('\n');
}
