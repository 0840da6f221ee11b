// 2: a label pack, and a class made of example pictures.
import { element } from '../cards.js';
import { kinds } from './kin.js';
import { startPanel } from './panel.js';
import { bars, percent, pictureOf } from './show.js';

export function startPacks() {
  const panel = startPanel('packs', async ({ picture, signal }) => {
    if (!picture) return null;
    const pack = await kinds();
    const found = await pack.classify(picture.from, { none: true, ...picture.options, signal });
    const [best] = found;
    return { said: best.label === 'none of these' ? 'None of its labels' : `${best.label}: ${percent(best.score)}`,
      parts: [pictureOf(picture.src, picture.name), bars(found.slice(0, 6).map(({ label, score }, i) => ({ label, part: score, strong: i === 0 }))), ...learnt] };
  });
  const { root } = panel;
  const teach = root.querySelector('[name=teach]');
  let learnt = []; // what is said of the class that was added

  async function add(label, images) {
    const { ask } = panel;
    const said = root.querySelector('.said');
    try {
      const pack = await kinds();
      pack.remove(label); // of a try before
      const { examples, found, background, taken } = await pack.add({ label, images });
      const lost = Object.values(taken).reduce((sum, n) => sum + n, 0);
      learnt = [element('p', 'note', `“${label}” was made of ${examples} pictures; made without itself, it finds ${found} of them. ` +
        `Of ${background} background pictures it is now the nearest of ${lost}.`)];
      said.textContent = `“${label}” is a label now. Choose a picture.`;
      await ask({ first: false });
    } catch (error) {
      said.textContent = error.message;
    }
  }
  teach.addEventListener('click', () => add('heart', [...root.querySelectorAll('.examples img')]));
  root.querySelector('[name=examples]').addEventListener('change', ({ target }) => {
    const files = [...target.files];
    target.value = '';
    if (files.length) add('yours', files);
  });
}
