// What all panels have in common: samples, a picture of the visitor's own, switches, words, and an answer. A panel computes
// only when it is asked; the latest question wins.
import { readBox } from '../address.js';
import { element } from '../cards.js';

// answer({ picture, words, on, signal, stop }) -> { said: a sentence, parts: [node] }, or null: there is nothing to answer yet
//   picture { name, src, from, options, id }: the one chosen, or null; `from` and `options` as embedImage takes them, id of a product
//   words   what the panel's field holds; asked: which of the two was asked for last, 'picture' or 'words'
//   on(name): whether a switch is on; stop(): aborts the signal, and the panel says so
// atOnce: a picture that is chosen is a question. Else it waits for the form to be sent, and the first sample is chosen already.
// -> { ask(), root }
export function startPanel(id, answer, { atOnce = true } = {}) {
  const root = document.getElementById(id), form = root.querySelector('form.words');
  const said = root.querySelector('.said'), shown = root.querySelector('.answer');
  let picture = null, asked = 'picture', asking = new AbortController(), address = null;

  async function ask() {
    asking.abort();
    const mine = (asking = new AbortController()), { signal } = mine, stop = () => mine.abort();
    const slow = setTimeout(() => { said.textContent = 'Computing …'; }, 300);
    shown.setAttribute('aria-busy', 'true');
    try {
      const on = (name) => root.querySelector(`[name=${name}]`).getAttribute('aria-checked') === 'true';
      const found = await answer({ picture, words: form?.elements.words?.value.trim(), asked, on, signal, stop });
      if (signal.aborted || !found) return;
      said.textContent = found.said;
      put(...found.parts);
    } catch (error) {
      if (!signal.aborted) showFailed(error);
    } finally {
      clearTimeout(slow);
      if (asking === mine) {
        shown.removeAttribute('aria-busy');
        if (signal.aborted) said.textContent = 'Stopped.';
      }
    }
  }
  shown.tabIndex = -1;
  function put(...parts) { // the focus stays in the answer
    const held = shown.contains(document.activeElement);
    shown.replaceChildren(...parts);
    if (held) shown.focus({ preventScroll: true });
  }
  function showFailed(error) {
    said.textContent = error.message;
    const again = element('button', '', 'Try again');
    again.type = 'button';
    again.addEventListener('click', ask);
    put(again);
  }
  function choose(one, button) {
    picture = one;
    asked = 'picture';
    for (const sample of samples) sample.setAttribute('aria-pressed', String(sample === button));
  }
  function pick(one, button) {
    choose(one, button);
    if (atOnce) return ask();
    said.textContent = `${button ? 'Chosen' : 'Your picture'}: ${one.name}. Press Run.`;
    return shown.replaceChildren();
  }
  const samples = [...root.querySelectorAll('.sample')];
  const ofSample = (button) => {
    const { src, name, box, id } = button.dataset;
    return { name, src, id, from: new URL(src, document.baseURI).href, options: { fit: 'pad', ...(box && { box: readBox(box) }) } };
  };
  for (const button of samples) button.addEventListener('click', () => pick(ofSample(button), button));
  if (!atOnce && samples.length) choose(ofSample(samples[0]), samples[0]);

  root.querySelector('.choose input:not([multiple])')?.addEventListener('change', ({ target }) => {
    const [file] = target.files;
    if (!file) return;
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(file);
    target.value = ''; // the same file may be chosen again
    pick({ name: file.name, src: address, from: file, options: { fit: 'pad' } });
  });
  for (const button of root.querySelectorAll('[role=switch]'))
    button.addEventListener('click', () => {
      button.setAttribute('aria-checked', String(button.getAttribute('aria-checked') !== 'true'));
      if (picture) ask();
    });
  form?.addEventListener('submit', (event) => {
    event.preventDefault();
    asked = 'words';
    ask();
  });
  // What a panel asks of itself. first: with the first sample where no picture was chosen.
  return { root, ask({ first = false, words } = {}) {
    if (words !== undefined) {
      form.elements.words.value = words;
      asked = 'words';
    }
    return first && !picture ? pick(ofSample(samples[0]), samples[0]) : ask();
  } };
}
