// 1: zero-shot classification.
import { clipWithWords } from './kin.js';
import { startPanel } from './panel.js';
import { bars, percent, pictureOf } from './show.js';

export function startLabels() {
  const panel = startPanel('labels', async ({ picture, words, on, signal }) => {
    const labels = [...new Set(words.split(',').map((label) => label.trim()).filter(Boolean))];
    if (!labels.length) return { said: 'Type some labels first.', parts: [] };
    if (!picture) return panel.ask({ first: true });
    const clip = await clipWithWords();
    const found = await clip.classify(picture.from, labels, { templates: ['a photo of {}'], none: on('none'), multiLabel: on('multi'), ...picture.options, signal });
    const [best] = found;
    return { said: best.label === 'none of these' ? `None of these, ${percent(best.score)} sure` : `${best.label}: ${percent(best.score)}`,
      parts: [pictureOf(picture.src, picture.name), bars(found.map(({ label, score }, i) => ({ label, part: score, strong: i === 0 })))] };
  });
}
