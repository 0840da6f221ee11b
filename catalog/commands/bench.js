// kin bench: what this machine takes for a picture and for a text, everything included.
import { withModel } from '../lib/engine.js';
import { kin } from '../lib/name.js';
import { commonUsage, UsageError } from '../lib/options.js';
import { counted } from '../lib/terminal.js';

export const usage = `Usage: ${kin} bench

Embeds a drawn 640 x 480 picture and a short text again and again, and prints the median and the
fastest in milliseconds (raw pixels in, unit vector out; no file is decoded). A tower that cannot be
run is told of beside the other's figures; the exit code is then 1.
${commonUsage}`;

export const options = {};

// A gradient with noise from a fixed generator: the time does not depend on what is shown.
function drawn(width, height) {
  const data = new Uint8Array(width * height * 3);
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    data[i] = (i / 3 % width * 200 / width) + (state >>> 26);
  }
  return { data, width, height };
}

// -> { median, fastest, runs } in milliseconds, or the error's { error, message }.
async function measure(work, signal) {
  try {
    return await timed(work, signal);
  } catch (error) {
    if (signal.aborted || error.name !== 'KinError') throw error;
    return { error: error.code, message: error.message };
  }
}

async function timed(work, signal) {
  for (let i = 0; i < 3; i++) await work(i); // loads the tower, lets the compiler finish
  const times = [];
  const end = performance.now() + 3000;
  while (times.length < 5 || (performance.now() < end && times.length < 200)) {
    signal.throwIfAborted();
    const start = performance.now();
    await work(times.length);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const round = (ms) => Math.round(ms * 100) / 100;
  return { median: round(times[times.length >> 1]), fastest: round(times[0]), runs: times.length };
}

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length) throw new UsageError('bench takes no arguments');
  return withModel(modelOptions, io, async (clip) => {
    const picture = drawn(640, 480);
    const image = await measure(() => clip.embedImage(picture, { signal: io.signal }), io.signal);
    // Another text each time, so that no cache answers.
    const text = await measure((i) =>
      clip.embedText(`a photo of ${i} red shoes on a table`, { signal: io.signal }), io.signal);
    const failed = Number('error' in image || 'error' in text);
    const { model, dtype, variant, threads, kernels, gmacs, dim } = clip.info;
    if (values.json) {
      await io.line({ model, dtype, variant, threads, kernels, gmacs, dim, node: process.version, image, text });
      return failed;
    }
    await io.line(`${dtype}, ${variant}, ${counted(threads, 'thread')}, Node ${process.version}; ` +
      `kernels ${kernels}, ${gmacs} billion multiply-adds a second on one thread`);
    for (const [what, { median, fastest, runs, message }] of [['picture', image], ['text', text]])
      await io.line(`${what.padEnd(8)} ${message ?? `${median.toFixed(2).padStart(8)} ms median, ${fastest.toFixed(2)} ms fastest of ${runs}`}`);
    return failed;
  });
}
