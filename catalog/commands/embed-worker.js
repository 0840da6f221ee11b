// kin embed-worker: what `build` starts, to embed pictures in a process of its own; not for people. It reads frames on
// standard input and answers each in turn on standard output (lib/frames.js): a picture's vector, with the name of the decoder
// behind it, or an error. At the end of its input it finishes what it has and leaves.
import { once } from 'node:events';
import { openModel } from '../lib/engine.js';
import { frame, readFrames, types } from '../lib/frames.js';
import { kin } from '../lib/name.js';
import { toSource } from '../lib/pictures.js';

export const usage = `Usage: ${kin} embed-worker: what build starts, for itself alone\n`;
export const options = {};

const lingering = 20_000; // ms that a picture may still take when nobody waits for it

const write = async (...given) => {
  const parts = frame(...given);
  for (const part of parts.slice(0, -1)) process.stdout.write(part);
  if (!process.stdout.write(parts.at(-1))) await once(process.stdout, 'drain');
};
const json = (value) => Buffer.from(JSON.stringify(value));

async function embed(clip, type, payload) {
  const fit = payload[0] ? 'pad' : 'crop';
  if (type === types.picture) {
    const { source, decoder } = await toSource(new Uint8Array(payload.subarray(1)), 'The picture');
    const vector = await clip.embedImage(source, { fit });
    return { vector, decoder: decoder === 'own' ? clip.info.decoder : decoder };
  }
  const [width, height, channels] = [payload.readUInt32LE(1), payload.readUInt32LE(5), payload[9]];
  const data = new Uint8Array(payload.subarray(10));
  if (data.length !== width * height * channels)
    throw Object.assign(new Error('The pixels are not as many as they say.'), { code: 'bad-argument' });
  return { vector: await clip.embedImage({ data, width, height }, { fit }), decoder: clip.info.decoder };
}

export async function run({ modelOptions }) {
  const { signal } = new AbortController(); // Ctrl-C is for the process that started this one
  process.stdin.once('end', () => setTimeout(() => process.exit(1), lingering).unref());
  let clip;
  try {
    clip = await openModel(modelOptions, { signal });
    await clip.preload('image');
    const { numerics, dim, kernels, decoder } = clip.info;
    await write(0, types.ready, json({ numerics, dim, ids: { image: await clip.identify('image') }, kernels, decoder }));
  } catch (error) {
    await write(0, types.error, json({ code: error.code, message: error.message }));
    await clip?.close();
    return 1;
  }
  try {
    for await (const { id, type, payload } of readFrames(process.stdin)) {
      try {
        const { vector, decoder } = await embed(clip, type, payload);
        await write(id, types.vector, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength), Buffer.from(decoder ?? ''));
      } catch (error) {
        const message = error.message.replace(/^The picture: /, '');
        await write(id, types.error, json({ code: error.code ?? 'bad-image', message }));
      }
    }
  } finally {
    await clip.close();
  }
  return 0;
}
