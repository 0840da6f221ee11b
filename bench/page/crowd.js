// A list of photos by one worker (`threads: 1`) and by those that Kin starts by itself.
import { load } from '/build/site/kin/index.js';

async function photo(i) {
  const canvas = new OffscreenCanvas(640, 480), context = canvas.getContext('2d');
  for (let k = 0; k < 300; k++) {
    context.fillStyle = `hsl(${(i * 41 + k * 37) % 360} ${40 + k % 50}% ${30 + k % 45}%)`;
    context.fillRect(k * 997 % 640, (k * 613 + i * 29) % 480, 20 + k % 100, 20 + k % 90);
  }
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
}

export async function run({ photos, rounds }) {
  let started = 0;
  const { Worker } = globalThis;
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      started++;
    }
  };
  const pictures = await Promise.all(Array.from({ length: photos }, (_, i) => photo(i)));
  const model = new URL('/models/kin-everyday/', location);
  const one = await load({ model, threads: 1 });
  started = 0;
  const many = await load({ model });
  if (many.info.threads > 1) throw new Error('This page has shared memory.');
  const best = { one: Infinity, many: Infinity };
  let wanted;
  for (let round = 0; round <= rounds; round++)
    for (const [name, clip] of [['one', one], ['many', many]]) {
      const start = performance.now();
      const vectors = await clip.embedImage(pictures);
      if (round) best[name] = Math.min(best[name], performance.now() - start);
      wanted ??= String(vectors);
      if (String(vectors) !== wanted) throw new Error(`${name}: other bits`);
    }
  const workers = started;
  const bytes = many.info.peakBytes;
  await Promise.all([one.close(), many.close()]);
  return { ...best, workers, bytes, cores: navigator.hardwareConcurrency };
}
