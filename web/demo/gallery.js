// The gallery: what else kin-clip does, a panel each, through its public interface alone. A panel loads and computes
// nothing before it is asked.
import { startAdapter } from './gallery/adapter.js';
import { startAlt } from './gallery/alt.js';
import { startBlend } from './gallery/blend.js';
import { startLabels } from './gallery/labels.js';
import { startModeration } from './gallery/moderation.js';
import { startPacks } from './gallery/packs.js';
import { startScores } from './gallery/scores.js';
import { startStates } from './gallery/states.js';

for (const start of [startLabels, startPacks, startModeration, startAlt, startBlend, startScores, startStates, startAdapter]) start();

for (const button of document.querySelectorAll('.copy'))
  button.addEventListener('click', async () => {
    const code = button.closest('.code').querySelector('pre');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch { // not allowed, or no secure context: marked, for the visitor to copy
      getSelection().selectAllChildren(code);
      button.textContent = 'Marked';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
