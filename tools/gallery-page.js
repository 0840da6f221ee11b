// The gallery's page out of web/demo/gallery.html. Marks of these kinds are filled in; what is not found ends the build.
//
//   <!-- samples 1f353 photo:1f697 -->  buttons with products' pictures, or with the demo's sample photos
//   <!-- pictures 2764 1f499 -->        products' pictures
//   <!-- own picture -->                a field for a picture of the visitor's
//   <!-- result: Hint. -->              where an answer comes
//   <!-- code labels -->                the block that follows <!-- gallery: labels --> in docs/api.md
//   <!-- figure labels: words +1 -->    the measured value of the one line of that part of docs/figures.md that holds
//                                       the words, or of the line so many below it
//   <!-- size FILE --> <!-- count food --> <!-- count learn --> <!-- model -->
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlock, escapeHtml, need, ownPicture, pictureParts, result } from './panel-parts.js';

// -> the measured value, as it stands in the table
export function figure(text, part, what) {
  const [, words, below = 0] = /^(.*?)(?: \+(\d+))?$/.exec(what);
  const [, section] = new RegExp(`<!-- ${part} -->([^]*?)<!-- end of ${part} -->`).exec(text) ?? [];
  if (!section) throw new Error(`docs/figures.md has no part '${part}'`);
  const lines = section.split('\n').filter((line) => line.startsWith('| ')).map((line) => line.split('|').map((cell) => cell.trim()));
  const found = lines.flatMap(([, name], i) => (name.includes(words) ? [i] : []));
  if (found.length !== 1) throw new Error(`'${words}' is in ${found.length} lines of the part '${part}' of docs/figures.md, not in one`);
  const value = /^[\d.]+/.exec(lines[found[0] + Number(below)]?.[2])?.[0];
  if (!value) throw new Error(`docs/figures.md has no value for '${what}' in the part '${part}'`);
  return value;
}

// -> { name: code } of the documented examples, ten lines at most
export function examples(text) {
  const found = Object.fromEntries([...text.matchAll(/^<!-- gallery: (\w+) -->\n+```js\n([^]*?)\n```$/gm)].map(([, name, code]) => [name, code]));
  for (const [name, code] of Object.entries(found))
    if (code.split('\n').length > 10) throw new Error(`the example '${name}' of docs/api.md has more than ten lines`);
  return found;
}

// The least cosine that rows have to reach, where docs/numerics.md says it.
function rowsCosine(root) {
  const [, value] = /`f32` has to reach a cosine of ([\d.]+\d) with every row/.exec(readFileSync(join(root, 'docs/numerics.md'), 'utf8')) ?? [];
  if (!value) throw new Error('docs/numerics.md does not say which cosine rows have to reach');
  return value;
}

export function galleryPage({ root, site, rows, samples, model }) {
  const figures = readFileSync(join(root, 'docs/figures.md'), 'utf8');
  const code = examples(readFileSync(join(root, 'docs/api.md'), 'utf8'));
  const fill = {
    ...pictureParts(rows, samples),
    'own picture': () => ownPicture(),
    'result:': result,
    code: (name) => codeBlock(name, escapeHtml(need(code[name], `the example '${name}' of docs/api.md`))),
    figure: (asked) => {
      const [, part, what] = /^(\w+): (.*)$/.exec(asked);
      return part === 'hidden' ? rowsCosine(root) : figure(figures, part, what);
    },
    size: (file) => {
      const bytes = statSync(join(site, file)).size;
      return bytes < 1e6 ? `${Math.round(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
    },
    count: (what) => (what === 'food' ? rows.filter(({ group }) => group === 'Food & drink').length : Math.ceil(rows.length / 3)),
    model: () => model,
  };
  return readFileSync(join(root, 'web/demo/gallery.html'), 'utf8')
    .replace(/<!-- (own picture|count|result:|samples|pictures|code|figure|size|model)(?: (.*?))? -->/g, (mark, kind, rest) => fill[kind](rest));
}
