// bench.html: the embedded model on any device, as one line to paste back. Serve the working tree with
// `kin serve . --isolate` and open /bench/bench.html.
import { load } from '../web/index.js';

const line = document.getElementById('line');
const ms = (x) => `${x.toFixed(x < 10 ? 1 : 0)} ms`;

// The median of `runs` calls; the first is left out.
async function median(runs, work) {
  const times = [];
  for (let i = 0; i <= runs; i++) {
    const start = performance.now();
    await work();
    if (i) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

// A 12-megapixel photo's stand-in: gradients with some texture, as a JPEG of this browser.
async function photo() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 4000, height: 3000 });
  const context = canvas.getContext('2d');
  for (let i = 0; i < 4000; i++) {
    context.fillStyle = `hsl(${i * 37 % 360} ${40 + i % 50}% ${30 + i % 45}%)`;
    context.fillRect(i * 997 % 4000, i * 613 % 3000, 20 + i % 300, 20 + i % 200);
  }
  return new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', 0.9); });
}

try {
  const start = performance.now();
  const clip = await load({ model: new URL('../models/kin-everyday/', import.meta.url) });
  const { imageSize } = clip.info;
  const pixels = { data: new Uint8Array(imageSize * imageSize * 3).map((_, i) => i * 31), width: imageSize, height: imageSize };
  await clip.embedImage(pixels);
  const first = performance.now() - start;
  const image = await median(15, () => clip.embedImage(pixels));
  const text = await median(15, () => clip.embedText('a photo of a dog'));
  const jpeg = await photo();
  const whole = await median(3, () => clip.embedImage(jpeg));
  const { variant, threads, kernels, peakBytes, version } = clip.info;
  line.textContent = `kin ${version}; ${variant} ${kernels}, ${threads} thread(s) of ${navigator.hardwareConcurrency}; first ${ms(first)}, ` +
    `image ${ms(image)}, text ${ms(text)}, 12 MP JPEG ${ms(whole)}, peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB; ${navigator.userAgent}`;
  await clip.close();
} catch (error) {
  line.textContent = `kin failed: ${error.code ?? ''} ${error.message}; ${navigator.userAgent}`;
}
