// 4: a draft of alternative text.
import { alt, clip } from './kin.js';
import { startPanel } from './panel.js';
import { bars, pictureOf } from './show.js';

export function startAlt() {
  startPanel('alt', async ({ picture, signal }) => {
    if (!picture) return null;
    const pack = await alt(), model = await clip();
    const { text, parts } = await model.describe(picture.from, { pack, ...picture.options, signal });
    return { said: text ? `“${text}”` : 'Nothing is sure enough to be said.',
      parts: [pictureOf(picture.src, picture.name), bars(parts.map(({ kind, label, confidence }) =>
        ({ label, part: confidence, strong: true, note: kind === 'setting' ? 'what it lies on' : kind })))] };
  });
}
