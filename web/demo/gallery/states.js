// 7: all rows of a layer, drawn.
import { element } from '../cards.js';
import { clip, clipWithWords } from './kin.js';
import { startPanel } from './panel.js';
import { canvasOf, pictureOf } from './show.js';

// Rows -> for each a colour: where it lies along the three directions in which rows differ most, found one after the
// other by power iteration on the centred rows. rows: [Float32Array], at least two.
function colours(rows) {
  const n = rows[0].length;
  const mean = new Float64Array(n);
  for (const row of rows) row.forEach((value, i) => { mean[i] += value / rows.length; });
  let rest = rows.map((row) => Float64Array.from(row, (value, i) => value - mean[i]));
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const along = [];
  for (let k = 0; k < 3; k++) {
    let way = Float64Array.from(rest.reduce((longest, row) => (dot(row, row) > dot(longest, longest) ? row : longest)));
    for (let step = 0; step < 30; step++) {
      const next = new Float64Array(n);
      for (const row of rest) {
        const by = dot(row, way);
        row.forEach((value, i) => { next[i] += by * value; });
      }
      const length = Math.sqrt(dot(next, next)) || 1;
      way = next.map((value) => value / length);
    }
    const places = rest.map((row) => dot(row, way));
    rest = rest.map((row, r) => row.map((value, i) => value - places[r] * way[i]));
    const [least, most] = [Math.min(...places), Math.max(...places)];
    along.push(places.map((place) => Math.round(40 + 200 * (place - least) / (most - least || 1))));
  }
  return rows.map((_, r) => along.map((values) => values[r]));
}

const rowsOf = ({ data, dims: [rows, channels] }) => Array.from({ length: rows }, (_, r) => data.subarray(r * channels, (r + 1) * channels));

async function ofPicture({ from, src, name, options }, signal) {
  const states = await (await clip()).hiddenStates(from, { ...options, signal });
  const [rows, channels] = states.dims, side = Math.floor(Math.sqrt(rows));
  const patches = rowsOf(states).slice(rows - side * side); // without a class token
  const colour = colours(patches);
  return { said: `${rows} rows of ${channels} numbers: a map of ${side} × ${side}`,
    parts: [pictureOf(src, name, 168), canvasOf(side, side, (x, y) => colour[y * side + x], `The rows as a map of ${side} by ${side} colours`)] };
}

async function ofText(text, layer, signal) {
  const model = await clipWithWords();
  const options = layer === 'last' ? {} : { layer: layer === 'norm' ? -2 : Number(layer), norm: layer === 'norm' };
  const states = await model.hiddenStates({ text }, { ...options, signal });
  const [rows, channels] = states.dims, tokens = await model.tokenize(text, { signal });
  const colour = colours(rowsOf(states));
  const list = element('ol', 'tokens');
  list.append(...Array.from(tokens, (token, i) => {
    const li = element('li', '', String(token));
    li.style.setProperty('--colour', `rgb(${colour[i].join(' ')})`);
    return li;
  }));
  return { said: `${rows} rows of ${channels} numbers, ${tokens.length} of them the text's tokens`,
    parts: [element('p', 'note', 'Tokens, by their numbers, and the colours of their rows:'), list,
      canvasOf(rows, 1, (x) => colour[x], `The ${rows} rows as colours, the padding at the end`)] };
}

export function startStates() {
  const layer = document.getElementById('states-layer');
  const panel = startPanel('states', ({ picture, words, asked, signal }) =>
    (asked === 'words' ? words ? ofText(words, layer.value, signal) : null : picture && ofPicture(picture, signal)));
  layer.addEventListener('change', () => panel.ask({ words: panel.root.querySelector('[name=words]').value }));
}
