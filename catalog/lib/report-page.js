// The page of `kin report`: figures and pictures in, one HTML text out. It asks for nothing: no script, no address but links
// that a reader follows, pictures as data, and a policy that says so to the browser. Whatever comes from a catalogue is text: `html`
// escapes all that is put into it but what `html` made itself.
import { reportStyle } from './report-style.js';

class Markup {
  constructor(text) {
    this.text = text;
  }
}

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
// Control characters, and those that turn the direction of a line.
const unseen = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;
const escaped = (text) => String(text).toWellFormed().replace(unseen, ' ').replace(/[&<>"']/g, (sign) => entities[sign]);

function put(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(put).join('');
  return value === null || value === undefined || value === false ? '' : escaped(value);
}

export const html = (parts, ...values) => new Markup(parts.reduce((text, part, i) => text + put(values[i - 1]) + part));

/* ---- words and numbers ---- */

const whole = (n) => n.toLocaleString('en-US');
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const share = (n, of) => (of ? percent(n / of) : '–');
const firstOf = (figures) => share(figures.at1, figures.asked);
const hubShare = ({ hubs: { top } }) => (top.length ? percent(top[0].share) : '–');

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
function bar(part) {
  const width = (100 * Math.min(1, Math.max(0, part))).toFixed(1);
  return html`<span class="bar" aria-hidden="true"><span style="width:${width}%"></span></span>`;
}

// A region of its own, so that a wide one is scrolled by keys too.
function table(caption, heads, rows) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
<table><caption>${caption}</caption>
<thead><tr>${heads.map((head) => html`<th scope="col"><bdi>${head}</bdi></th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>
`;
}

const section = (id, title, ...content) => html`
<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${content}</section>
`;

/* ---- products ---- */

// of: { title, id, url, picture: a data address or null }
function card(of, { score, asked, note } = {}) {
  const name = of.title || of.id;
  const url = address(of.url);
  const picture = of.picture ? html`<div class="picture"><img src="${of.picture}" alt=""></div>`
    : html`<div class="picture none"><span>no picture</span></div>`;
  return html`<li class="card${asked && ' asked'}">${picture}
<span class="name" title="${of.id}"><bdi>${url ? html`<a href="${url}" rel="noreferrer">${name}</a>` : name}</bdi></span>
<span class="score">${score === undefined ? note : score.toFixed(3)}</span></li>
`;
}

const cards = (...list) => html`<ul class="cards">${list}</ul>`;
const row = (...list) => html`<div class="row">${cards(list)}</div>`;
const listed = (hits) => hits.map(({ of, score }) => card(of, { score }));

/* ---- sections ---- */

function tiles(models) {
  const [{ figures: { photos, second }, near }, ...others] = models;
  const tile = (name, pick, note) => html`<div><dt>${name}</dt><dd class="value">${pick(models[0].figures)}</dd>
${others.map((model) => html`<dd class="beside">${pick(model.figures)} with <bdi>${model.name}</bdi></dd>`)}
<dd class="beside">${note}</dd></div>
`;
  return html`<dl class="tiles">
${photos && tile('Photos find their product', (figures) => firstOf(figures.photos), `as the first of all; ${whole(photos.asked)} labelled photos`)}
${second.asked > 0 && tile('Second pictures find their product', (figures) => firstOf(figures.second),
    `as the first of all; ${whole(second.asked)} products`)}
${tile('The largest hub', hubShare, 'of all lists of ten name this one product')}
${tile('Pairs as good as the same', ({ pairs }) => whole(pairs.length), `nearer than ${near}`)}
</dl>`;
}

function samples(models, products) {
  const named = (m) => models.length > 1 && html`<p class="model"><bdi>${models[m].name}</bdi></p>`;
  return section('samples', 'Products and their neighbours',
    html`<p class="quiet">Products drawn by lot, and the nearest others, best first, with the cosine of the two pictures.
Do they look alike to you?</p>`,
    products.map(({ asked, lists }) => html`<article class="row"><h3><bdi>${asked.title || asked.id}</bdi></h3>
${lists.map((hits, m) => [named(m), cards(card(asked, { asked: true, note: 'asked for' }), listed(hits))])}</article>
`));
}

function recallTable(caption, models, pick) {
  const cell = (figures, n) => html`<td><span class="share">${share(n, figures.asked)}</span>
<span class="quiet">${whole(n)} of ${whole(figures.asked)}</span>${bar(figures.asked ? n / figures.asked : 0)}</td>
`;
  return table(caption, ['Found', ...models.map(({ name }) => name)],
    [['First of all', 'at1'], ['Among the first 5', 'at5'], ['Among the first 10', 'at10']].map(([where, at]) =>
      html`<tr><th scope="row">${where}</th>${models.map(({ figures }) => cell(pick(figures), pick(figures)[at]))}</tr>
`));
}

function missed(list) {
  return list.length > 0 && [html`<h3>Not among the first ten</h3>`, list.map(({ asked, own, found }) =>
    row(card(asked, { asked: true, note: 'asked with' }), card(own, { note: 'should be found' }), listed(found)))];
}

function photos(models, { missedPhotos }) {
  const { photos: figures } = models[0].figures;
  return figures && section('photos', 'Labelled photos', recallTable(`${whole(figures.asked)} photos with the id that each should find`,
    models, (all) => all.photos), missed(missedPhotos));
}

function second(models, { missedSecond }) {
  const { asked, products } = models[0].figures.second;
  const title = 'A second picture finds its product';
  if (!products)
    return section('second', title, html`<p>No product has more than one picture: with several, this page would show how often one
finds another.</p>`);
  return section('second', title, html`<p class="quiet">The second picture of a product as the query, against the other pictures of
all products: a shopper's photo of the same thing, for which the answer is known.</p>`,
    recallTable(`${whole(asked)} of ${whole(products)} products with several pictures`, models, (all) => all.second), missed(missedSecond));
}

function sideBySide(models, { common }) {
  if (models.length < 2) return '';
  const line = (name, pick) => html`<tr><th scope="row">${name}</th>${models.map((model) => html`<td>${pick(model)}</td>`)}</tr>
`;
  const { photos: withPhotos, second: { asked } } = models[0].figures;
  const shared = common.share === null ? 'no product that the other one has'
    : `the same product in ${percent(common.share)} of the places of a list, over ${whole(common.products)} products that both were asked for`;
  return section('models', 'Side by side', html`<p class="quiet">The two catalogues name ${shared}.</p>`,
    table('The same questions to both', ['What', ...models.map(({ name }) => name)], [
      line('Products', (model) => whole(model.products)), line('Pictures', (model) => whole(model.pictures)),
      line('Numbers of a vector', (model) => whole(model.dim)), line('Bytes of the catalogue', (model) => whole(model.bytes)),
      withPhotos && line('Photos that find their product first', ({ figures }) => firstOf(figures.photos)),
      asked > 0 && line('Second pictures that find it first', ({ figures }) => firstOf(figures.second)),
      line('Largest hub, of all lists', ({ figures }) => hubShare(figures)),
      line('Pairs as good as the same', ({ figures }) => whole(figures.pairs.length))]));
}

const between = ({ from, to }) => (to === Infinity ? `${from} or more` : from === to ? String(from) : `${from} to ${to}`);

function hubsOf({ name, figures: { asked, hubs: { top, mean, skewness, bins } } }, shown, several) {
  const largest = Math.max(1, ...bins.map(({ products }) => products));
  const caption = `${several ? `${name}: ` : ''}${whole(asked)} lists of ten name a product ${mean.toFixed(1)} times on average; ` +
    `skewness ${skewness.toFixed(2)}`;
  return [several && html`<h3><bdi>${name}</bdi></h3>`,
    cards(top.map(({ count, share: part }, i) => card(shown[i], { note: `in ${whole(count)} lists, ${percent(part)}` }))),
    html`<h3>How often products are named</h3>`,
    table(caption, ['In so many lists', 'Products'], bins.map((bin) =>
      html`<tr><th scope="row">${between(bin)}</th><td>${whole(bin.products)}${bar(bin.products / largest)}</td></tr>
`))];
}

function hubs(models, { hubCards }) {
  return section('hubs', 'Hubs', html`<p class="quiet">A product that stands in far more lists than others is near to everything:
often a placeholder, a size chart, a logo or an empty ground. Look at these pictures first.</p>`,
    models.map((model, m) => hubsOf(model, hubCards[m], models.length > 1)));
}

function duplicates(models, { pairCards, sameCards }) {
  const { name, near, figures: { pairs, same } } = models[0];
  const products = same.reduce((n, group) => n + group.length, 0);
  const none = html`<p>None.</p>`;
  return section('duplicates', 'Near-duplicates', html`<p class="quiet">Products that a search cannot tell apart: the same picture
used twice, variants that differ in what no picture shows.${models.length > 1 && ` As ${name} sees them.`}</p>`,
    html`<h3>Pictures with the very same numbers</h3>`, same.length
      ? [html`<p>${whole(same.length)} groups, ${whole(products)} products.</p>`, sameCards.map((group) => row(group.map((of) => card(of))))] : none,
    html`<h3>Pairs nearer than ${near}</h3>`, pairs.length
      ? [html`<p>${whole(pairs.length)} pairs among the neighbours that were looked at.</p>`,
        pairCards.map(({ pair: [one, two], score }) => row(card(one), card(two, { score })))] : none);
}

function method({ products, near, figures: { asked } }) {
  const which = asked === products ? 'Every product was asked for'
    : `${whole(asked)} of ${whole(products)} products were asked for, those whose ids have the smallest SHA-256, to keep the work within bounds`;
  return section('method', 'How this was counted', html`<p>${which}: its first picture as the query, its ten nearest other products as
the list. Scores are cosines of the vectors in the catalogue; a product counts by its nearest picture. Pairs nearer than ${near} are
those that stand in a list; pictures with the very same numbers were looked for in the whole catalogue. The same catalogue gives the
same page. Pictures are small copies of what the model sees; those that do not lie beside the catalogue are left out.</p>`);
}

const names = { samples: 'Neighbours', photos: 'Photos', second: 'Second pictures', models: 'Side by side', hubs: 'Hubs',
  duplicates: 'Near-duplicates', method: 'How this was counted' };

// models: [{ name, path, products, pictures, dim, bytes, near, figures }], one or two; shown: what the command made of the
// examples.
export function reportPage(models, shown) {
  const [first, other] = models;
  const wanted = Object.keys(names).filter((id) => (id !== 'photos' || first.figures.photos) && (id !== 'models' || other));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>What ${first.path} finds</title>
<style>${new Markup(reportStyle)}</style>
</head>
<body>
<header>
<h1>What <bdi>${first.path}</bdi> finds</h1>
<p class="quiet">${whole(first.products)} products, ${whole(first.pictures)} pictures, ${whole(first.dim)} numbers each, by
<bdi>${first.name}</bdi>${other && html`; beside it <bdi>${other.path}</bdi>, by <bdi>${other.name}</bdi>`}</p>
<nav aria-label="Contents"><ul>${wanted.map((id) => html`<li><a href="#${id}">${names[id]}</a></li>`)}</ul></nav>
${tiles(models)}
</header>
<main>
${samples(models, shown.samples)}${photos(models, shown)}${second(models, shown)}${sideBySide(models, shown)}
${hubs(models, shown)}${duplicates(models, shown)}${method(first)}
<footer><p>Made by kin-clip. This page asks for nothing from anywhere.</p></footer>
</main>
</body>
</html>
`.text;
}
