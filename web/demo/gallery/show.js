// How answers look: bars, pictures, small cards. All text goes into text nodes.
import { element, safeUrl, titleOf } from '../cards.js';

export const percent = (part) => `${part > 0 && part < 0.01 ? '<1' : Math.round(100 * part)} %`;

// [{ label, part (0 to 1), note, mark (0 to 1, a line across the bar), strong }] -> a list of bars
export function bars(rows) {
  const list = element('ul', 'bars');
  list.append(...rows.map(({ label, part, note, mark, strong, value = percent(part) }) => {
    const li = element('li', strong ? 'strong' : '');
    const bar = element('span', 'bar');
    bar.setAttribute('aria-hidden', 'true');
    bar.style.setProperty('--part', part);
    if (mark !== undefined) {
      bar.classList.add('marked');
      bar.style.setProperty('--mark', mark);
    }
    li.append(element('span', 'label', label), element('span', 'value', value), bar);
    if (note) li.append(element('span', 'note', note));
    return li;
  }));
  return list;
}

export function pictureOf(src, name, size = 120) {
  const image = element('img', 'asked');
  image.src = src;
  image.alt = name;
  image.width = image.height = size;
  return image;
}

// Hits as small cards; more(hit) -> what stands below the title
export function hitList(hits, more) {
  const list = element('ul', 'hits');
  list.append(...hits.map((hit) => {
    const li = element('li');
    li.dataset.hitId = hit.id;
    const image = element('img');
    const src = safeUrl(hit.image.url);
    if (src) image.src = src;
    image.alt = '';
    image.width = image.height = 96;
    li.append(image, element('span', 'title', titleOf(hit.item, hit.id)), ...more(hit));
    return li;
  }));
  return list;
}

// paint(x, y) -> [red, green, blue] of a pixel
export function canvasOf(width, height, paint, name) {
  const canvas = element('canvas', 'map');
  Object.assign(canvas, { width, height });
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', name);
  const context = canvas.getContext('2d'), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...paint(i % width, Math.floor(i / width)), 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}
