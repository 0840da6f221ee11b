// The page of `kin report`: figures and pictures in, one HTML text out. It asks for nothing: no script, no address but links that a reader follows,
// pictures as data, and a policy that says so to the browser. Whatever comes from a catalogue is text: `html` escapes all that
// is put into it but what `html` made itself.
class Markup {
  constructor(text) {
    this.text = text;
  }
}

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
// Control characters and those that turn the direction of a line are blanks.
const escaped = (text) => String(text).toWellFormed().replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu, ' ').replace(/[&<>"']/g, (sign) => entities[sign]);

const put = (value) => (value instanceof Markup ? value.text : Array.isArray(value) ? value.map(put).join('') : value === null || value === undefined || value === false ? '' : escaped(value));

export const html = (parts, ...values) => new Markup(parts.reduce((text, part, i) => text + put(values[i - 1]) + part));

const style = new Markup(`
:root { color-scheme: light dark; --ground: #f6f6f3; --surface: #fff; --ink: #1a1c1b; --quiet: #595c59; --line: #d9dbd6; --accent: #0f766e; --soft: #d9efec; --bad: #a11d1d; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131514; --surface: #1d1f1e; --ink: #f0f1ee; --quiet: #aeb2ad; --line: #3a3e3b; --accent: #5fc9bd; --soft: #17413c; --bad: #ff9d94; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
main, header { max-width: 72rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem); }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: clamp(1.6rem, 4vw, 2.25rem); line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 3.5rem 0 0.25rem; font-size: 1.35rem; letter-spacing: -0.01em; }
h3 { margin: 1.75rem 0 0.5rem; font-size: 1rem; }
p { margin: 0.25rem 0 1rem; max-width: 46rem; }
.quiet, figcaption, .note { color: var(--quiet); }
a { color: var(--accent); text-underline-offset: 0.2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1rem 0 0; padding: 0; list-style: none; }
nav a { display: inline-block; padding: 0.35rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); gap: 0.75rem; margin: 1.75rem 0 0; padding: 0; }
.tiles div { padding: 1rem 1.15rem; background: var(--surface); border: 1px solid var(--line); border-radius: 14px; }
.tiles dt { color: var(--quiet); font-size: 0.9rem; }
.tiles dd { margin: 0; }
.tiles .value { font-size: 1.9rem; font-weight: 600; line-height: 1.25; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tiles .beside { font-size: 0.9rem; color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; border-radius: 14px; width: 100%; max-width: 46rem; background: var(--surface); border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
caption { padding: 0 0 0.5rem; text-align: left; color: var(--quiet); }
th, td { min-width: 7rem; padding: 0.55rem 0.9rem; text-align: left; border-top: 1px solid var(--line); font-weight: 400; vertical-align: top; overflow-wrap: break-word; }
thead th { border-top: 0; color: var(--quiet); font-size: 0.9rem; }
.share { font-weight: 600; }
.bar { display: block; min-width: 5rem; height: 0.5rem; margin: 0.3rem 0 0.15rem; background: var(--soft); border-radius: 99px; overflow: hidden; }
.bar span { display: block; height: 100%; background: var(--accent); border-radius: 99px; }
.row { margin: 1.25rem 0 0; padding: 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 14px; }
.row > h3 { margin: 0 0 0.75rem; }
.model { margin: 0.9rem 0 0.4rem; font-size: 0.9rem; color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: 0.9rem 0.75rem; margin: 0; padding: 0; list-style: none; }
.card { min-width: 0; font-size: 0.82rem; line-height: 1.35; }
.card.asked .picture { outline: 3px solid var(--accent); outline-offset: -3px; }
.picture { display: grid; place-items: center; width: 100%; aspect-ratio: 1; overflow: hidden; border-radius: 10px; background: #fff; border: 1px solid var(--line); }
.picture img { display: block; width: 100%; height: 100%; object-fit: contain; }
.picture.none { background: repeating-linear-gradient(135deg, transparent 0 9px, var(--line) 9px 10px); color: var(--quiet); font-size: 0.75rem; }
.picture.none span { padding: 0 0.3rem; background: var(--surface); }
.name { display: -webkit-box; overflow: hidden; margin-top: 0.35rem; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.score { color: var(--quiet); font-variant-numeric: tabular-nums; }
footer { margin: 4rem 0 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.9rem; }
@media (max-width: 30rem) { th, td { padding: 0.5rem 0.6rem; } .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media print { body { background: #fff; } .row, .tiles div { break-inside: avoid; } }
`);

/* ---- words and numbers ---- */

const whole = (n) => n.toLocaleString('en-US');
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const share = (n, of) => (of ? percent(n / of) : '–');

// A link for addresses a reader can follow; others are text.
function address(text) {
  try {
    const { protocol, href } = new URL(text);
    return ['https:', 'http:'].includes(protocol) ? href : null;
  } catch {
    return null;
  }
}

// The number itself stands beside it.
const bar = (part) => html`<span class="bar" aria-hidden="true"><span style="width:${(100 * Math.min(1, Math.max(0, part))).toFixed(1)}%"></span></span>`;

// A region of its own, so that a wide one is scrolled by keys too.
const table = (caption, heads, rows) => html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${heads.map((head) => html`<th scope="col"><bdi>${head}</bdi></th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;

/* ---- products ---- */

// of: { title, id, url, picture: a data address or null }
function card(of, { score, asked, note } = {}) {
  const name = of.title || of.id;
  const url = address(of.url);
  const picture = of.picture ? html`<div class="picture"><img src="${of.picture}" alt=""></div>`
    : html`<div class="picture none"><span>no picture</span></div>`;
  return html`<li class="card${asked ? ' asked' : ''}">${picture}
<span class="name" title="${of.id}"><bdi>${url ? html`<a href="${url}" rel="noreferrer">${name}</a>` : name}</bdi></span>
${score === undefined ? '' : html`<span class="score">${score.toFixed(3)}</span>`}${note && html` <span class="score">${note}</span>`}</li>`;
}

const listed = (hits) => hits.map(({ of, score }) => card(of, { score }));

/* ---- sections ---- */

const section = (id, title, ...content) => html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${content}</section>`;

function tiles(models) {
  const [{ figures }] = models;
  const about = (name, pick) => models.slice(1).map((model) => html`<dd class="beside">${pick(model)} with ${model.name}</dd>`);
  const tile = (name, pick, note) => html`<div><dt>${name}</dt><dd class="value">${pick(models[0])}</dd>${about(name, pick)}<dd class="beside">${note}</dd></div>`;
  return html`<dl class="tiles">
${figures.photos && tile('Photos find their product', ({ figures: { photos } }) => share(photos.at1, photos.asked), html`as the first of all; ${whole(figures.photos.asked)} labelled photos`)}
${figures.second.asked > 0 && tile('Second pictures find their product', ({ figures: { second } }) => share(second.at1, second.asked),
    html`as the first of all; ${whole(figures.second.asked)} products`)}
${tile('The largest hub', ({ figures: { hubs } }) => (hubs.top.length ? percent(hubs.top[0].share) : '–'), 'of all lists of ten name this one product')}
${tile('Pairs as good as the same', ({ figures: { pairs } }) => whole(pairs.length), `nearer than ${models[0].near}`)}
</dl>`;
}

function samples(models, products) {
  const rows = products.map(({ asked, lists }) => html`<article class="row"><h3><bdi>${asked.title || asked.id}</bdi></h3>
${lists.map((hits, m) => html`${models.length > 1 && html`<p class="model">${models[m].name}</p>`}<ul class="cards">${card(asked, { asked: true, note: 'asked for' })}${listed(hits)}</ul>`)}</article>`);
  return section('samples', 'Products and their neighbours',
    html`<p class="quiet">Products drawn by lot, and the nearest others, best first, with the cosine of the two pictures. Do they look alike to you?</p>`, rows);
}

function recallTable(caption, models, pick) {
  const cell = (figures, n) => html`<td><span class="share">${share(n, figures.asked)}</span> <span class="quiet">${whole(n)} of ${whole(figures.asked)}</span>${bar(figures.asked ? n / figures.asked : 0)}</td>`;
  const rows = [['First of all', 'at1'], ['Among the first 5', 'at5'], ['Among the first 10', 'at10']].map(([where, at]) =>
    html`<tr><th scope="row">${where}</th>${models.map(({ figures }) => cell(pick(figures), pick(figures)[at]))}</tr>`);
  return table(caption, ['Found', ...models.map(({ name }) => name)], rows);
}

function missed(title, list) {
  if (!list.length) return '';
  return html`<h3>${title}</h3>${list.map(({ asked, own, found }) => html`<div class="row"><ul class="cards">${card(asked, { asked: true, note: 'asked with' })}${own && card(own, { note: 'should be found' })}${listed(found)}</ul></div>`)}`;
}

function second(models, { missedSecond }) {
  const { figures } = models[0];
  if (!figures.second.products)
    return section('second', 'A second picture finds its product', html`<p>No product has more than one picture: with several, this page would show how often one finds another.</p>`);
  return section('second', 'A second picture finds its product', html`<p class="quiet">The second picture of a product as the query, against the other pictures of all products: a shopper's photo of the same thing, for which the answer is known.</p>`,
    recallTable(`${whole(figures.second.asked)} of ${whole(figures.second.products)} products with several pictures`, models, (figures) => figures.second),
    missed('Not among the first ten', missedSecond));
}

function photos(models, { missedPhotos }) {
  if (!models[0].figures.photos) return '';
  return section('photos', 'Labelled photos', recallTable(`${whole(models[0].figures.photos.asked)} photos with the id that each should find`, models, (figures) => figures.photos),
    missed('Not among the first ten', missedPhotos));
}

function hubs(models, { hubCards }) {
  return section('hubs', 'Hubs', html`<p class="quiet">A product that stands in far more lists than others is near to everything: often a placeholder, a size chart, a logo or an empty ground. Look at these pictures first.</p>`,
    models.map((model, m) => {
      const { hubs: { top, mean, skewness, bins }, asked } = model.figures;
      const largest = Math.max(...bins.map(({ products }) => products));
      const named = ({ from, to }) => (to === Infinity ? `${from} or more` : from === to ? String(from) : `${from} to ${to}`);
      return html`${models.length > 1 && html`<h3>${model.name}</h3>`}<ul class="cards">${top.map(({ count, share: part }, i) => card(hubCards[m][i], { note: `in ${whole(count)} lists, ${percent(part)}` }))}</ul>
<h3>How often products are named</h3>${table(`${models.length > 1 ? `${model.name}: ` : ''}${whole(asked)} lists of ten name a product ${mean.toFixed(1)} times on average; skewness ${skewness.toFixed(2)}`, ['In so many lists', 'Products'],
    bins.map((bin) => html`<tr><th scope="row">${named(bin)}</th><td>${whole(bin.products)}${bar(bin.products / Math.max(1, largest))}</td></tr>`))}`;
    }));
}

function duplicates(models, { pairCards, sameCards }) {
  const { figures: { pairs, same }, near } = models[0];
  return section('duplicates', 'Near-duplicates', html`<p class="quiet">Products that a search cannot tell apart: the same picture used twice, variants that differ in what no picture shows. ${models.length > 1 && `As ${models[0].name} sees them.`}</p>`,
    html`<h3>Pictures with the very same numbers</h3>`, same.length
      ? html`<p>${whole(same.length)} groups, ${whole(same.reduce((n, products) => n + products.length, 0))} products.</p>${sameCards.map((cards) => html`<div class="row"><ul class="cards">${cards.map((of) => card(of))}</ul></div>`)}`
      : html`<p>None.</p>`,
    html`<h3>Pairs nearer than ${near}</h3>`, pairs.length
      ? html`<p>${whole(pairs.length)} pairs among the neighbours that were looked at.</p>${pairCards.map(({ cards, score }) => html`<div class="row"><ul class="cards">${card(cards[0])}${card(cards[1], { score })}</ul></div>`)}`
      : html`<p>None.</p>`);
}

function sideBySide(models, { common }) {
  if (models.length < 2) return '';
  const line = (name, pick) => html`<tr><th scope="row">${name}</th>${models.map((model) => html`<td>${pick(model)}</td>`)}</tr>`;
  const { figures } = models[0];
  return section('models', 'Side by side', html`<p class="quiet">The two catalogues name ${common.share === null ? 'no product that the other one has' : html`the same product in ${percent(common.share)} of the places of a list, over ${whole(common.products)} products that both were asked for`}.</p>
${table('The same questions to both', ['What', ...models.map(({ name }) => name)], html`${line('Products', ({ products }) => whole(products))}${line('Pictures', ({ pictures }) => whole(pictures))}${line('Numbers of a vector', ({ dim }) => whole(dim))}${line('Bytes of the catalogue', ({ bytes }) => whole(bytes))}
${figures.photos && line('Photos that find their product first', (model) => share(model.figures.photos.at1, model.figures.photos.asked))}
${figures.second.asked > 0 && line('Second pictures that find it first', (model) => share(model.figures.second.at1, model.figures.second.asked))}
${line('Largest hub, of all lists', ({ figures: { hubs: { top } } }) => (top.length ? percent(top[0].share) : '–'))}${line('Pairs as good as the same', (model) => whole(model.figures.pairs.length))}`)}`);
}

// models: [{ name, path, products, pictures, dim, bytes, near, figures }], one or two; shown: what the command made of the examples.
export function reportPage(models, shown) {
  const [first] = models;
  const names = { samples: 'Neighbours', photos: 'Photos', second: 'Second pictures', models: 'Side by side', hubs: 'Hubs', duplicates: 'Near-duplicates', method: 'How this was counted' };
  const wanted = Object.keys(names).filter((id) => (id !== 'photos' || first.figures.photos) && (id !== 'models' || models.length > 1));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>What ${first.path} finds</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>What <bdi>${first.path}</bdi> finds</h1>
<p class="quiet">${whole(first.products)} products, ${whole(first.pictures)} pictures, ${whole(first.dim)} numbers each, by <bdi>${first.name}</bdi>${models[1] && html`; beside it <bdi>${models[1].path}</bdi>, by <bdi>${models[1].name}</bdi>`}</p>
<nav aria-label="Contents"><ul>${wanted.map((id) => html`<li><a href="#${id}">${names[id]}</a></li>`)}</ul></nav>
${tiles(models)}
</header>
<main>
${samples(models, shown.samples)}
${photos(models, shown)}
${second(models, shown)}
${sideBySide(models, shown)}
${hubs(models, shown)}
${duplicates(models, shown)}
${section('method', 'How this was counted', html`<p>${first.figures.asked === first.products ? 'Every product was asked for' : html`${whole(first.figures.asked)} of ${whole(first.products)} products were asked for, those whose ids have the smallest SHA-256, so that this page takes less than a minute`}:
its first picture as the query, its ten nearest other products as the list. Scores are cosines of the vectors in the catalogue; a product counts by its nearest picture. Pairs nearer than ${first.near} are those that stand in a list; pictures with the very same numbers were looked for in the whole catalogue.
The same catalogue gives the same page. Pictures are small copies of what the model sees; those that do not lie beside the catalogue are left out.</p>`)}
<footer><p>Made by kin-clip. This page asks for nothing from anywhere.</p></footer>
</main>
</body>
</html>
`;
  return page.text;
}
