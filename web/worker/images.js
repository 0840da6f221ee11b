// Pictures of any kind -> pixels in the engine's context. Only formats that the engine lacks reach the
// platform's decoder.
import { checkRaw, isRaw } from '../shared/raw.js';
import { readSource } from '../shared/source.js';

const ours = ['jpeg', 'png', 'html', 'unknown'];

// Returns which decoder ran. `box`: the part to be prepared, for decode 'fast'.
export async function holdImage(engine, source, io, box, signal) {
  const raw = ({ data, width, height, exif }) => engine.with([data, exif], (p, _, e, n) =>
    engine.run('kin_image_raw', p, width, height, data.length / (width * height), e, n));
  if (isRaw(source)) {
    raw(source);
    return 'raw';
  }
  const { limits } = engine.facts;
  const bytes = await readSource(source, 'The picture', io, { signal, limit: limits.pictureBytes });
  const at = engine.put(bytes); // once, to be looked at and to be decoded
  let decoded;
  try {
    const format = engine.text(engine.pointer('kin_image_format', at, bytes.length));
    decoded = !ours.includes(format) && await io.decodeImage?.(bytes, format, limits);
    if (!decoded) { // or refused by the engine
      engine.run(box ? 'kin_image_decode_fast' : 'kin_image_decode', at, bytes.length, ...box ?? []);
      return engine.call('kin_image_reduction', engine.ctx) > 1 ? 'own-fast' : 'own';
    }
  } finally {
    engine.free(at);
  }
  raw(checkRaw(decoded));
  return decoded.decoder ?? 'browser';
}
