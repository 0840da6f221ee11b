// What a label pack holds and how labels are scored (docs/format.md, docs/api.md#labels); no memory, no model, no file.
// A pack: { dim, scale, imageId, textId, languages, kinds, labels, phrases, negatives, background, pictures, null }
//   labels: [{ label, phrases: [text], negatives: [text], threshold, measured }]; the vectors of all phrases and all
//   (those of a phrase pack have a kind, and what draft.js says of it; kinds: null, or what was measured of each kind)
//   negatives lie in that order, label after label, as rows of unit length; background and pictures are vectors of
//   phrases and pictures of whatever there is; null: [{ mean, deviation }] of each label over these pictures, or [].
// With s the model's scale and cos the cosine of the picture and a phrase, a label's evidence is
//   e = max s·cos(phrases) - ln Σ exp(s·cos(background and the label's negatives)),
// its log odds against everything else at the model's own temperature; of these its probability is made. Phrases of the
// background that mean the label itself are left out of its sum. Its confidence is Φ((e - mean) / deviation): the share of
// pictures of whatever there is that it beats.
import { fail } from './errors.js';

const bad = (sentence) => fail('not-a-pack', `The label pack ${sentence}`);

// The evidence at which a label is as likely as not, where one picture in five shows it, and how fast that changes: fitted
// on photos that the embedded model was trained on, and right on others; and that of the best label at which a picture is
// as likely none of them (`make judge`). The pictures' statistics made it no better, and hang on which pictures they are.
const [slope, centre, nothingBelow] = [1.28, -1.2, -1.8];
const likeness = 3; // deviations above a phrase's usual cosine to the background: the same thing by another name

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// Φ, by Abramowitz and Stegun 26.2.17: within 1e-7.
export function normalCdf(z) {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail = Math.exp(-z * z / 2) * 0.3989422804014327 * t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z < 0 ? tail : 1 - tail;
}

export function unit(vector) {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum) || 1;
  return Float32Array.from(vector, (value) => value / length);
}

export const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

// The unit mean of vectors.
export function meanOf(vectors) {
  const sum = new Float64Array(vectors[0].length);
  for (const vector of vectors) vector.forEach((value, i) => { sum[i] += value; });
  return unit(sum);
}

export function momentsOf(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1 };
}

/* ---- the file ---- */

const rowsOf = (values, dim) => Array.from({ length: values.length / dim }, (_, i) => unit(values.subarray(i * dim, i * dim + dim)));
const isText = (value) => typeof value === 'string' && value !== '';
const isTexts = (value) => Array.isArray(value) && value.every(isText);
const share = (value) => Number.isFinite(value) && value >= 0 && value <= 1;
// What `labels measure` says of a label, and of a kind of a phrase pack.
export const isThreshold = (one) => share(one?.threshold) && share(one.measured?.precision) && share(one.measured.recall);
export const isMeasured = (one) => Number.isFinite(one?.slope) && Number.isFinite(one.centre) && share(one.threshold) && share(one.measured?.precision) &&
  share(one.measured.said);
const areKinds = (kinds) => kinds === null || typeof kinds === 'object' && !Array.isArray(kinds) && Object.values(kinds).every(isMeasured);
const areShades = (value) => value === undefined || isTexts(value) && value.length > 0 && value.every((one) => /^#[0-9a-f]{6}$/.test(one));
const isPart = ({ kind, bare, with: beside, shades, ground }, kinds) => (kind === undefined ? kinds === null : kinds !== null && isText(kind)) &&
  [undefined, true].includes(bare) && (beside === undefined || isTexts(beside)) && areShades(shades) && areShades(ground);

// `metadata` and `tensors` { name: typed array } as the engine read them, sizes checked -> a pack
export function readPack({ dim, metadata, tensors }) {
  let about;
  try {
    about = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(tensors.labels));
  } catch {
    bad("says of its labels what is not JSON: build it again.");
  }
  const { scale, labels, languages = null, kinds = null } = about ?? {};
  if (!(scale > 0 && scale < 500) || !Array.isArray(labels) || languages !== null && !isTexts(languages) || !areKinds(kinds))
    bad('does not say its scale, its labels and their languages: build it again.');
  const count = (part) => labels.reduce((sum, label) => sum + label[part].length, 0);
  for (const one of labels)
    if (!isText(one?.label) || !isTexts(one.phrases) || !one.phrases.length || !isTexts(one.negatives) || one.picture || !isPart(one, kinds) ||
      one.threshold !== undefined && !isThreshold(one))
      bad(`has a label that cannot be read: ${JSON.stringify(one)?.slice(0, 80)}.`);
  if (new Set(labels.map(({ kind = '', label }) => `${kind} ${label}`)).size < labels.length) bad('has a label twice.');
  const [phrases, negatives, background, pictures] = ['phrases', 'negatives', 'background', 'pictures']
    .map((name) => rowsOf(tensors[name], dim));
  const statistics = Array.from({ length: tensors.null.length / 2 }, (_, i) =>
    ({ mean: tensors.null[2 * i], deviation: tensors.null[2 * i + 1] }));
  if (count('phrases') !== phrases.length || count('negatives') !== negatives.length || !background.length ||
    ![0, labels.length].includes(statistics.length) || statistics.some(({ deviation }) => !(deviation > 0)))
    bad('has other numbers of vectors than its labels say: build it again.');
  return { dim, scale, languages, kinds, labels, phrases, negatives, background, pictures, null: statistics,
    imageId: metadata['kin.image_id'] ?? '', textId: metadata['kin.text_id'] ?? '' };
}

/* ---- scores ---- */

// What of a pack does not depend on the picture: for each label where its vectors lie and which rows of the background count.
export function prepare(pack) {
  let [phrase, negative] = [0, 0];
  const cosines = (vector, rows) => rows.map((row) => dot(vector, row));
  const rows = pack.labels.map(({ phrases, negatives, picture }) => {
    const from = { phrases: phrase, negatives: negative };
    phrase += phrases.length;
    negative += negatives.length;
    const like = new Set();
    for (let i = from.phrases; i < phrase && !picture; i++) {
      const near = cosines(pack.phrases[i], pack.background);
      const { mean, deviation } = momentsOf(near);
      near.forEach((cosine, k) => { if (cosine > mean + likeness * deviation) like.add(k); });
    }
    return { ...from, like };
  });
  return { ...pack, rows };
}

// For each label { evidence, phrase, negative }: its log odds, and the places of its best phrase and best negative (-1:
// none) with their cosines. A label made of pictures has { gain, offset }, which bring its cosines to where phrases' lie.
export function evidence(pack, vector) {
  const { scale } = pack;
  const others = pack.background.map((row) => Math.exp(scale * dot(vector, row)));
  const all = others.reduce((sum, value) => sum + value, 0);
  const best = (rows, from, n) => {
    let found = { at: -1, cosine: -Infinity };
    for (let i = 0; i < n; i++) {
      const cosine = dot(vector, rows[from + i]);
      if (cosine > found.cosine) found = { at: i, cosine };
    }
    return found;
  };
  return pack.labels.map(({ phrases, negatives, picture }, l) => {
    const row = pack.rows[l];
    const phrase = best(pack.phrases, row.phrases, phrases.length);
    const negative = best(pack.negatives, row.negatives, negatives.length);
    let sum = all;
    for (const k of row.like) sum -= others[k];
    for (let i = 0; i < negatives.length; i++) sum += Math.exp(scale * dot(vector, pack.negatives[row.negatives + i]));
    const cosine = picture ? picture.offset + picture.gain * phrase.cosine : phrase.cosine;
    return { logit: scale * cosine, evidence: scale * cosine - Math.log(sum), phrase, negative };
  });
}

// Mean and deviation of each label's evidence over the pictures of the background; none where there are no pictures.
export function statistics(pack) {
  if (pack.pictures.length < 2) return [];
  const each = pack.pictures.map((picture) => evidence(pack, picture).map((one) => one.evidence));
  return pack.labels.map((_, l) => momentsOf(each.map((one) => one[l])));
}

// A picture's vector -> [{ label, score, confidence, evidence }], best first. `multiLabel`: a probability each, whatever
// the others have; else they share 1. `none`: the name of an entry for none of them, first where that is the answer and
// else last.
export function score(pack, vector, { multiLabel = false, none } = {}) {
  const found = evidence(pack, unit(vector));
  const nothing = none === undefined ? 0 : sigmoid(slope * (nothingBelow - Math.max(...found.map((one) => one.evidence))));
  const most = Math.max(...found.map(({ logit }) => logit));
  const shares = found.map(({ logit }) => Math.exp(logit - most));
  const sum = shares.reduce((all, share) => all + share, 0);
  const result = pack.labels.map(({ label, kind, phrases, negatives, threshold, measured }, l) => {
    const { phrase, negative, evidence } = found[l];
    return { label, ...kind && { kind }, score: multiLabel ? sigmoid(slope * (evidence - centre)) : shares[l] / sum * (1 - nothing),
      confidence: pack.null.length ? normalCdf((evidence - pack.null[l].mean) / pack.null[l].deviation) : null,
      evidence: { odds: evidence, phrase: phrases[phrase.at], cosine: phrase.cosine,
        negative: negative.at < 0 ? null : { phrase: negatives[negative.at], cosine: negative.cosine } },
      ...(threshold !== undefined && { threshold, measured }) };
  }).sort((a, b) => b.score - a.score);
  if (none === undefined) return result;
  const entry = { label: none, score: nothing, confidence: null, evidence: null };
  return nothing >= 0.5 ? [entry, ...result] : [...result, entry];
}

/* ---- a label made of pictures ---- */

const kept = 2; // pictures that what is known of the background is worth

// Example pictures' vectors -> the unit direction in which they differ from the background's mean, each number shrunk
// towards none by how much it varies among so few pictures (a positive-part James-Stein estimate).
export function prototype(vectors, pictures) {
  const dim = vectors[0].length;
  const moments = Array.from({ length: dim }, (_, i) => momentsOf(pictures.map((row) => row[i])));
  return unit(Float64Array.from(moments, ({ mean, deviation }, i) => {
    const gap = vectors.reduce((sum, row) => sum + row[i], 0) / vectors.length - mean;
    const noise = deviation ** 2 / (vectors.length + kept);
    return gap * gap ? gap * Math.max(0, 1 - noise / (gap * gap)) : 0;
  }));
}

// A pack with one label more, made of pictures. Its cosines are brought to the mean and the deviation that those of the
// pack's labels have over the background.
export function withPictures(pack, label, vectors) {
  const direction = prototype(vectors, pack.pictures);
  const over = (row) => momentsOf(pack.pictures.map((picture) => dot(picture, row)));
  const own = over(direction);
  const usual = pack.phrases.map(over);
  const mean = (name) => usual.reduce((sum, one) => sum + one[name], 0) / usual.length;
  const gain = mean('deviation') / own.deviation;
  const picture = { gain, offset: mean('mean') - gain * own.mean };
  const grown = prepare({ ...pack, phrases: [...pack.phrases, direction],
    labels: [...pack.labels, { label, phrases: [label], negatives: [], picture }] });
  return { ...grown, null: [...pack.null, statistics(grown).at(-1)] };
}
