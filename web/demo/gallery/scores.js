// 6: a grocery that says when it has nothing of the kind.
import { clipWithWords, grocery } from './kin.js';
import { startPanel } from './panel.js';
import { bars, hitList, percent, pictureOf } from './show.js';

const verdicts = { match: 'It has that.', weak: 'Perhaps one of these.', none: 'Nothing similar in this shop.' };

export function startScores() {
  const panel = startPanel('scores', async ({ picture, words, asked, signal }) => {
    const byWords = asked === 'words';
    if (byWords ? !words : !picture) return null;
    if (byWords) await clipWithWords();
    const shop = await grocery();
    const query = byWords ? { text: words } : { image: picture.from, ...picture.options };
    const { hits, verdict } = await shop.search(query, { limit: 4, signal });
    return { said: verdicts[verdict], parts: [
      ...(byWords ? [] : [pictureOf(picture.src, picture.name)]),
      hitList(hits, ({ confidence, score }) => [bars([{ label: 'confidence', part: confidence, mark: 0.5, strong: confidence >= 0.5 },
        { label: 'cosine', part: Math.max(0, score), value: score.toFixed(2) }])]),
    ] };
  });
  for (const button of panel.root.querySelectorAll('[data-words]'))
    button.addEventListener('click', () => panel.ask({ words: button.dataset.words }));
}
