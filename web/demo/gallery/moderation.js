// 3: an upload held against categories, with the reasons.
import { moderation } from './kin.js';
import { startPanel } from './panel.js';
import { bars, percent, pictureOf } from './show.js';

export function startModeration() {
  startPanel('moderation', async ({ picture, signal }) => {
    if (!picture) return null;
    const pack = await moderation();
    const found = await pack.classify(picture.from, { multiLabel: true, ...picture.options, signal });
    const over = found.filter(({ score, threshold = 0.5 }) => score >= threshold);
    return { said: over.length ? `Look at it: ${over.map(({ label, score }) => `${label} ${percent(score)}`).join(', ')}` : 'Nothing here to look at.',
      parts: [pictureOf(picture.src, picture.name), bars(found.map(({ label, score, threshold, measured, evidence }) => ({
        label, part: score, mark: threshold, strong: score >= (threshold ?? 0.5),
        note: (score >= 0.1 ? `Like “${evidence.phrase}”${evidence.negative ? `, could be “${evidence.negative.phrase}”` : ''}. ` : '') +
          (measured ? `Threshold ${threshold.toFixed(2)}: measured.` : ''),
      })))] };
  });
}
