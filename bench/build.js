// The job `build`: PRODUCTS=20000 products of four small pictures each, built by one and by two processes of the wasm engine and of
// kin-native, then the next night's build with --previous. Catalogues must be the same bytes. What counts is the processor's time,
// which other work on the machine lengthens little; memory is that of all processes together, at most. The model is MODEL=a folder, or
// one of a few thousand numbers: then nearly all the time is that of reading, decoding, keeping and writing, not of embedding.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { png, tinyModel } from '../tests/node/cli-support.js';
import { number, ratio, table } from './report.js';

const products = Number(process.env.PRODUCTS ?? 20000), each = 4;
const [root, size] = ['build/bench/shop-of-many', 24];

// A picture of its own for every number: stripes, and the number in its first pixels.
function picture(n) {
  return png(size, size, (x, y) => (y ? [(x * (n % 7 + 1) + y * (n % 5)) * 8 & 255, n * 53 & 255, n * 101 >> 3 & 255] : [n >> 2 * x & 255, n & 255, x]));
}

// products.csv, and for the next night tonight.csv: one product in 100 with another picture, one in 100 with another price, one in 100 gone.
function makeShop() {
  const done = `${root}/${products}.done`;
  if (existsSync(done)) return;
  rmSync(root, { recursive: true, force: true });
  const files = (i, other) => Array.from({ length: each }, (_, k) => `img/${i % 100}/${i}-${other && k === 0 ? 'new' : k}.png`);
  for (let i = 0; i < 100; i++) mkdirSync(`${root}/img/${i}`, { recursive: true });
  const write = (name, night) => {
    const lines = ['id,title,price,image'];
    for (let i = 0; i < products; i++)
      if (!night || i % 100 !== 2) lines.push(`p${i},Thing ${i},${i % 100 + (night && i % 100 === 1 ? 0.25 : 0.5)},${files(i, night && i % 100 === 0).join('|')}`);
    writeFileSync(`${root}/${name}.csv`, lines.join('\n'));
  };
  for (let i = 0; i < products; i++) files(i).forEach((file, k) => writeFileSync(`${root}/${file}`, picture(each * i + k)));
  for (let i = 0; i < products; i += 100) writeFileSync(`${root}/${files(i, true)[0]}`, picture(each * (products + i)));
  write('products', false);
  write('tonight', true);
  writeFileSync(done, '');
}

// Bytes that a process and those below it hold now.
function memoryOf(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    const own = 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    return children.reduce((sum, child) => sum + memoryOf(child), own);
  } catch {
    return 0; // it has ended
  }
}

// -> { seconds, cpu: seconds of the processor, memory, report, hash }
async function build(feed, output, { model, workers, native, more = [] }) {
  const args = ['catalog/cli.js', 'build', `${root}/${feed}.csv`, '-o', output, '--model', model, '--workers', String(workers), '--report', `${output}.json`, '--quiet', ...more];
  const start = performance.now();
  // The shell's `times` sums up all that ended below it.
  const child = spawn('sh', ['-c', '"$@"; code=$?; times; exit $code', 'sh', process.execPath, ...args],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, KIN_NATIVE: native ?? '/none' } });
  let [said, memory] = ['', 0];
  child.stdout.on('data', (text) => { said += text; });
  const timer = setInterval(() => { memory = Math.max(memory, memoryOf(child.pid)); }, 100);
  const code = await new Promise((resolve) => { child.on('close', resolve); });
  clearInterval(timer);
  if (code !== 0) throw new Error(`the build of ${output} ended with ${code}`);
  const [user, system] = said.trim().split('\n').at(-1).split(' ').map((text) => text.match(/(\d+)m([\d.]+)s/).slice(1).map(Number)).map(([m, s]) => 60 * m + s);
  return { seconds: (performance.now() - start) / 1000, cpu: user + system, memory, report: JSON.parse(readFileSync(`${output}.json`, 'utf8')),
    hash: createHash('sha256').update(readFileSync(output)).digest('hex').slice(0, 16) };
}

export async function builds() {
  makeShop();
  for (const name of readdirSync(root)) if (name.includes('.kin')) rmSync(`${root}/${name}`, { recursive: true });
  const model = process.env.MODEL ?? `${root}/model`, before = loadavg()[0];
  if (!process.env.MODEL && !existsSync(model)) tinyModel(model);
  const native = existsSync('build/native/kin-native') ? 'build/native/kin-native' : null;
  const ways = [['wasm', 1], ['wasm', 2], ...native ? [['kin-native', 1], ['kin-native', 2]] : []];
  const made = [];
  for (const [engine, workers] of ways) made.push({ engine, workers, ...await build('products', `${root}/${engine}-${workers}.kin`, { model, workers, native: engine === 'wasm' ? null : native }) });
  const others = made.filter(({ hash }) => hash !== made[0].hash);
  if (others.length) throw new Error(`the catalogue of ${others[0].engine}, ${others[0].workers}, has other bytes than that of ${made[0].engine}, ${made[0].workers}.`);
  const whole = await build('tonight', `${root}/whole.kin`, { model, workers: 2, native });
  const night = await build('tonight', `${root}/night.kin`, { model, workers: 2, native, more: ['--previous', `${root}/${made.at(-1).engine}-2.kin`] });
  if (night.hash !== whole.hash) throw new Error('the catalogue of --previous has other bytes than one that is built anew.');
  const [first] = made;
  const row = (what, one) => [what, one.report.counts.embedded, one.report.counts.reused, number(one.seconds), number(one.cpu), number(products / one.seconds), ratio(first.seconds / one.seconds),
    ratio(first.cpu / one.cpu), number(one.memory / 1e6)];
  return `${products} products, ${each * products} pictures of ${size} × ${size}, ${process.env.MODEL ?? 'a model of a few thousand numbers'}; ${availableParallelism()} cores, load ${before.toFixed(1)} before and ` +
    `${loadavg()[0].toFixed(1)} after. All four are the same bytes (SHA-256 ${first.hash}…), and those with --previous those of a build anew.\n\n` +
    table(['build', 'embedded', 'reused', 's', "s of the processor's", 'products a second', 'time ÷', "processor's ÷", 'MB, all processes'],
      [...made.map((one) => row(`${one.engine}, ${one.workers} at a time`, one)), row('tonight anew, 2 at a time', whole), row('tonight with --previous', night)]);
}
