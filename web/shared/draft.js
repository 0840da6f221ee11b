// A draft of alternative text by a phrase pack: of each kind its best label, how sure that is, and the sentence. No model.
// A phrase pack's labels have beside what labels.js says:
//   kind    'object', 'colour', 'material', 'pattern' or 'setting'
//   bare    true: said without an article
//   with    the kinds that can be said of this object; none given: all
//   shades  ['#rrggbb']: not its phrases decide but the thing's pixels; ground: likewise those of what it lies on (pixels.js)
// and the pack has kinds: { kind: { slope, centre, threshold, measured: { precision, said, pictures, data } } }, of those that
// were measured. With s the model's scale, a label's way is its log odds among its kind,
//   w = s·max cos(phrases) - ln Σ exp(s·max cos(the other labels' phrases)),
// or where it has shades its share of the pixels. The confidence that the best label is right is σ(slope (w - centre)), fitted
// on pictures with that label's kind known; `threshold` is the least confidence with which it is said.
import { fail } from './errors.js';
import { dot, sigmoid } from './labels.js';
import { textOf } from './matcher.js';
import { partedPixels, sharesOf } from './pixels.js';

export const kindsOf = ['object', 'colour', 'material', 'pattern', 'setting'];

const rgb = (shade) => [1, 3, 5].map((at) => parseInt(shade.slice(at, at + 2), 16));

// Logits of labels -> each one's log odds against the others.
function oddsOf(logits) {
  const most = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - most));
  const sum = shares.reduce((all, one) => all + one, 0);
  return logits.map((logit, i) => logit - most - Math.log(Math.max(sum - shares[i], 1e-12)));
}

// `vector`: the picture's, of unit length; `pixels`: { data, width, height } in RGB; `bonus`: Map of an object's label to what
// is added to its logit -> [{ kind, label, way, at }] of each kind the best, `at` its place in the pack
export function bestOf(pack, { vector, pixels, bonus = new Map() }) {
  const parted = pixels && partedPixels(pixels);
  return kindsOf.flatMap((kind) => {
    const places = pack.labels.flatMap((label, l) => (label.kind === kind ? [l] : []));
    if (!places.length) return [];
    const labels = places.map((l) => pack.labels[l]);
    const by = ['shades', 'ground'].find((which) => labels.some((label) => label[which]));
    let ways;
    if (by) {
      if (!parted) return [];
      const shares = sharesOf(parted, labels.map((label) => (label[by] ?? []).map(rgb)));
      ways = Array.from(by === 'shades' ? shares.thing : shares.ground);
    } else
      ways = oddsOf(labels.map(({ label, phrases }, i) => {
        let best = -Infinity;
        const from = pack.rows[places[i]].phrases;
        for (let k = 0; k < phrases.length; k++) best = Math.max(best, dot(vector, pack.phrases[from + k]));
        return pack.scale * best + (kind === 'object' ? bonus.get(label) ?? 0 : 0);
      }));
    const best = ways.indexOf(Math.max(...ways));
    return [{ kind, label: labels[best].label, way: ways[best], at: places[best] }];
  });
}

const ofAnything = ['colour', 'setting']; // the others want to know of what

// -> [{ kind, label, confidence }] of what is sure enough and can be said of the object, in the order of `kindsOf`
export function partsOf(pack, found) {
  const sure = found.flatMap(({ kind, label, way, at }) => {
    if (!Object.hasOwn(pack.kinds, kind)) return [];
    const { slope, centre, threshold } = pack.kinds[kind];
    const confidence = sigmoid(slope * (way - centre));
    return confidence >= threshold ? [{ kind, label, confidence, at }] : [];
  });
  const object = sure.find(({ kind }) => kind === 'object');
  const beside = object && pack.labels[object.at].with;
  const words = object ? wordsOf(object.label) : [];
  const said = sure.filter((part) => part === object || (object ? !beside || beside.includes(part.kind) : ofAnything.includes(part.kind)) &&
    !wordsOf(part.label).every((word) => words.includes(word)));
  if (!said.some(({ kind }) => kind !== 'setting')) return []; // where something lies says nothing
  return said.map(({ at, ...part }) => part);
}

/* ---- the sentence ---- */

const vowel = /^(?:[aeio]|u(?!ni(?!n|m)|k[aeiou]|r[aeiou]|s[aeiou]|ti))/i;
const odd = [[/^(?:hour|heir|honest|x-ray|mp3|lp)/i, 'an'], [/^(?:one|once|eu|ewe)/i, 'a']];

// English's, by how the next word begins: "an umbrella", "a unicycle".
export const articleOf = (words) => odd.find(([begin]) => begin.test(words))?.[1] ?? (vowel.test(words) ? 'an' : 'a');

// Parts -> "a red leather shoe with stripes on a white background"
export function sentenceOf(pack, parts) {
  if (!parts.length) return '';
  const said = (kind) => parts.find((part) => part.kind === kind)?.label;
  const object = said('object');
  const { bare } = pack.labels.find(({ kind, label }) => kind === 'object' && label === object) ?? {};
  const thing = [said('colour'), said('material'), object ?? 'thing'].filter(Boolean).join(' ');
  return [bare ? thing : `${articleOf(thing)} ${thing}`, said('pattern'), said('setting')].filter(Boolean).join(' ');
}

/* ---- language, and titles as a hint ---- */

const plainly = (language) => language.toLowerCase().split('-')[0];

// Drafts are put together in English: a pack in another language, or of none that is known, is refused.
export function checkLanguage(pack) {
  if (!pack.kinds) fail('bad-argument', 'This label pack has no kinds of phrases (object, colour, setting …): take one that was built ' +
    "from a file with parts, such as the package's labels/alt.safetensors.");
  if (!pack.languages?.length) fail('unsupported', 'This label pack does not say in which language its phrases are: write languages: [en] ' +
    'into its file if they are English, and build it again.');
  if (!pack.languages.map(plainly).includes('en')) fail('unsupported', `The phrases of this label pack are in '${pack.languages.join("', '")}', ` +
    'and drafts are put together in English alone: take a pack in English.');
}

const wordsOf = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean).map((word) => word.replace(/(?<=..)s$/, ''));

const near = 1; // how much a title that names a thing adds to its logit, where all do

// Hits of a catalogue [{ item }] -> Map of objects that their titles name to what that adds to their logits: `near` times the
// share of the titles. A title's longest name counts: "polo shirt" is no shirt. Only whole words, those of the pack; titles
// whose item says another language than the pack's are refused.
export function hintsOf(pack, hits) {
  const names = pack.labels.filter(({ kind }) => kind === 'object').flatMap(({ label, phrases }) =>
    [label, ...phrases].map((phrase) => ({ label, words: ` ${wordsOf(phrase).join(' ')} ` })));
  const bonus = new Map();
  for (const { item } of hits) {
    const language = item.language ?? item.lang;
    if (typeof language === 'string' && language && !pack.languages.map(plainly).includes(plainly(language)))
      fail('unsupported', `The catalogue says that titles are in '${language.slice(0, 20)}', and the phrases of the label pack are in ` +
        `'${pack.languages.join("', '")}': leave the catalogue out.`);
    const title = ` ${wordsOf(textOf(item.title ?? '')).join(' ')} `;
    const held = names.filter(({ words }) => title.includes(words));
    const longest = held.filter(({ words }) => !held.some((other) => other.words.length > words.length && other.words.includes(words)));
    for (const label of new Set(longest.map((one) => one.label))) bonus.set(label, (bonus.get(label) ?? 0) + near / hits.length);
  }
  return bonus;
}
