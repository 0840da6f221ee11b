// What the gallery's panels and the documentation's examples are made of, as HTML. What is not found ends the build.
import { boxText } from '../web/demo/address.js';

export const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

export const need = (found, what) => found ?? (() => { throw new Error(`the demo's pages want ${what}, which is not there`); })();

// rows: the shop's products; samples: its sample photos
// -> samples('1f353 photo:1f697'): buttons with products' pictures, or with the demo's sample photos
//    pictures('2764 1f499'): products' pictures
export function pictureParts(rows, samples) {
  const product = (id) => need(rows.find((row) => row.id === id), `a product ${id}`);
  const sample = (wanted) => {
    const [id, photo] = wanted.split(':').reverse();
    const { src, name, box } = photo ? need(samples.find((one) => one.id === id), `a sample ${id}`)
      : { src: product(id).image, name: product(id).title };
    const about = box ? `data-box="${boxText(box)}"` : `data-id="${id}"`;
    return `<li><button type="button" class="sample" data-src="${src}" data-name="${escapeHtml(name)}" ${about} aria-pressed="false">` +
      `<img src="${src}" alt="${escapeHtml(photo ? `Photo: ${name}` : name)}" width="96" height="96" loading="lazy"></button></li>`;
  };
  return {
    samples: (list) => list.split(' ').map(sample).join(''),
    pictures: (list) => list.split(' ').map(product).map(({ image, title }) =>
      `<li><img src="${image}" alt="${escapeHtml(title)}" width="48" height="48" loading="lazy"></li>`).join(''),
  };
}

export const ownPicture = (text = 'A picture of yours', more = '') =>
  '<label class="button choose"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 4h16v16H4zM4 16l5-5 5 5 2-2 4 4"/>' +
  `<circle cx="15.5" cy="8.5" r="1"/></svg>${text}<input type="file" accept="image/*"${more}></label>`;

export const result = (hint) => `<div class="result"><p class="said" role="status">${hint}</p><div class="answer"></div></div>`;

// title: what stands above it, as a heading of that level; code: as HTML
export const codeBlock = (name, code, { title = 'In your page', level = 3 } = {}) =>
  `<div class="code"><div class="code-head"><h${level} id="code-${name}">${title}</h${level}><button type="button" class="copy" aria-describedby="code-${name}">Copy</button></div>` +
  `<pre tabindex="0" role="group" aria-label="Code: ${name}"><code>${code}</code></pre></div>`;
