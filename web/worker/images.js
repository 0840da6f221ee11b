// Pictures of any kind -> pixels in the engine's context. Only formats that the engine lacks reach the
// platform's decoder.
import { checkRaw, isRaw } from '../shared/raw.js';
import { readSource } from '../shared/source.js';

const limit = 64 * 2 ** 20;
const ours = ['jpeg', 'png', 'html', 'unknown'];

// Returns which decoder ran. `box`: the
// part to be prepared, for decode 'fast'.
export async function holdImage(engine, ctx, source, io, box, signal) {
  const raw = ({ data, width, height, exif }) => engine.check(ctx, engine.with([data, exif], (p, _, e, n) =>
    engine.call('kin_image_raw', ctx, p, width, height, data.length / (width * height), e, n)));
  if (isRaw(source)) {
    raw(source);
    return 'raw';
  }
  const bytes = await readSource(source, 'The picture', io, { signal, limit });
  const format = engine.with([bytes], (p, n) => engine.text(engine.pointer('kin_image_format', p, n)));
  const decoded = !ours.includes(format) && await io.decodeImage?.(bytes, format);
  if (!decoded) { // or refused by the engine
    const name = box ? 'kin_image_decode_fast' : 'kin_image_decode';
    engine.check(ctx, engine.with([bytes], (p, n) => engine.call(name, ctx, p, n, ...box ?? [])));
    return engine.call('kin_image_reduction', ctx) > 1 ? 'own-fast' : 'own';
  }
  raw(checkRaw(decoded));
  return decoded.decoder ?? 'browser';
}
