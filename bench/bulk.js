// The job `native`: kin-native on one core beside the Python that shops embed with, in turns. The tower of ViT-B/32 beside
// native ONNX Runtime's int8; whole JPEG files beside transformers, Pillow and torch. Answers are checked first. What counts is
// the processor's time of each process, which other work on the machine lengthens little; the pipe to kin-native is in it.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { enough, folder, kinFolder, reference } from './models.js';
import { native } from './native.js';
import { race } from './race.js';
import { number, ratio, table } from './report.js';

const model = 'vit-b32';
const shop = 'build/bench/shop'; // JPEGs of a shop's size, made by native.py
const least = 0.97; // of a picture, as in photo.js: random weights make more of a pixel than trained ones do
const batch = 16; // of the pipeline, which is faster so

// A kin-native process: embed(type, ...parts) -> Float32Array.
async function start() {
  const child = spawn('build/native/kin-native', ['embed', '--model', kinFolder(model)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const parts = child.stdout[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const answer = async () => {
    while (held.length < 4 || held.length < 4 + held.readUInt32LE(0)) {
      const { value, done } = await parts.next();
      if (done) throw new Error('kin-native ended');
      held = Buffer.concat([held, value]);
    }
    const n = 4 + held.readUInt32LE(0), [type, payload] = [held[8], held.subarray(9, n)];
    held = held.subarray(n);
    if (type === 129) throw new Error(payload.toString());
    return payload;
  };
  const hello = JSON.parse(await answer());
  // Milliseconds that it has had a core.
  const clock = () => Number(readFileSync(`/proc/${child.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  return { hello, clock, close: () => child.stdin.end(), async embed(type, ...parts) {
    const head = Buffer.alloc(9);
    head.writeUInt32LE(parts.reduce((n, part) => n + part.length, 5));
    head[8] = type;
    for (const part of [head, ...parts]) child.stdin.write(part);
    return new Float32Array(new Uint8Array(await answer()).buffer);
  } };
}

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

async function kinContender(label, questions, wanted) {
  const kin = await start();
  return { label, info: kin.hello, close: kin.close,
    async check() {
      const cosines = [];
      for (const [i, question] of questions.entries()) cosines.push(cosine(await kin.embed(...question), wanted[i]));
      return Math.min(...cosines);
    },
    async time({ budget, least: runs, warm }) {
      const times = [];
      for (let end = performance.now() + warm; performance.now() < end;) await kin.embed(...questions[0]);
      for (let end = performance.now() + budget; times.length < runs || performance.now() < end;) {
        const began = kin.clock();
        await kin.embed(...questions[times.length % questions.length]);
        times.push(kin.clock() - began);
      }
      return times;
    } };
}

// -> rows of the two, checked and timed; `ms` of a picture.
async function beside(what, contenders, floors, rounds) {
  for (const [i, one] of contenders.entries()) {
    one.cosine = await one.check();
    console.log(`  ${one.cosine >= floors[i] ? 'agrees   ' : 'DISAGREES'} ${one.label}: cosine ${one.cosine.toFixed(5)}`);
    if (!(one.cosine >= floors[i])) throw new Error(`${what}: ${one.label} disagrees and was not timed`);
  }
  const timed = contenders.map(({ label, time }) => ({ label, time: (how) => time({ ...how, clock: 'cpu' }) }));
  const times = await race(timed, { rounds, budget: 1000, least: 2 });
  for (const one of contenders) one.close(); // a process each, for which Node would wait
  const kin = times.get(contenders[0].label);
  const rows = contenders.map(({ label, cosine: close }) => {
    const { median, best, runs } = times.get(label);
    return [label, close.toFixed(5), number(median), number(best), runs, number(1000 / median), ratio(median / kin.median), ratio(best / kin.best)];
  });
  return `### ${what}\n\n${table(['engine, 1 thread', 'cosine', 'median ms', 'best ms', 'runs', 'a second', '÷ Kin', 'best ÷ best'], rows)}\n`;
}

export async function bulk({ rounds }) {
  const before = loadavg()[0], natives = native();
  const { image, size } = reference(model);
  const pixels = readFileSync(`${folder}/${model}/pixels.bin`), each = size * size * 3;
  const sizes = Buffer.alloc(10);
  sizes.writeUInt32LE(size, 1);
  sizes.writeUInt32LE(size, 5);
  sizes[9] = 3;
  const asked = image.map((_, i) => [2, sizes, pixels.subarray(i * each, (i + 1) * each)]);
  const open = { folder: `${folder}/${model}`, tower: 'image' };
  const tower = await beside(`${model}, the image tower from its pixels on`, [await kinContender('kin-native q8', asked, image),
    await natives.contender({ ...open, open: 'ort', dtype: 'int8', label: 'native ORT int8' })], [enough(model, 'image', 'q8'), enough(model, 'image', 'int8')], rounds);
  mkdirSync(shop, { recursive: true });
  const pipeline = await natives.contender({ ...open, open: 'pipeline', pictures: shop, batch, label: `transformers, Pillow, torch fp32, ${batch} a batch` });
  const files = readdirSync(shop).filter((name) => name.endsWith('.jpg')).sort().map((name) => [1, Buffer.of(0), readFileSync(`${shop}/${name}`)]);
  const whole = await beside(`${model}, from ${files.length} JPEG files of 1000 × 1000 on`,
    [await kinContender('kin-native q8', files, pipeline.info.vectors), pipeline], [least, 0.9999], rounds);
  natives.stop();
  return `One core each, in turns; milliseconds are the processor\'s of a picture. The load of the machine (jobs that want a core, a minute's mean) was ${before.toFixed(1)} before and ${loadavg()[0].toFixed(1)} after.\n\n${tower}\n${whole}`;
}
