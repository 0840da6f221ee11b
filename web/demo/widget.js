// The page about kin-search: samples, themes and languages to try on it. A shop needs none of this.
import { readBox } from './address.js';

const finder = document.getElementById('finder'), main = document.getElementById('main');
for (const button of document.querySelectorAll('.sample')) button.addEventListener('click', async () =>
  finder.search(await (await fetch(button.dataset.src)).blob(), readBox(button.dataset.box)));
document.getElementById('theme').addEventListener('change', ({ target }) => { main.dataset.theme = target.value; });
document.getElementById('language').addEventListener('change', ({ target }) => {
  finder.lang = target.value;
  finder.dir = target.value === 'ar' ? 'rtl' : 'ltr'; // there are no Arabic words: those of English, from the right
});
