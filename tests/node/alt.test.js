// Alternative text: the pixels' colours, the log odds of a kind, the sentence, what is refused, the file, the command, and the
// embedded model on renders and emoji.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fitConfidence, measureParts, packBytes } from '../../catalog/lib/labels.js';
import { openTyped } from '../../catalog/lib/pictures.js';
import { load, openCatalog, openLabels, openPack } from '../../web/index.node.js';
import { articleOf, bestOf, hintsOf, partsOf, sentenceOf } from '../../web/shared/draft.js';
import { writePack } from '../../catalog/lib/pack-file.js';
import { unit } from '../../web/shared/labels.js';
import { labOf, partedPixels, sharesOf } from '../../web/shared/pixels.js';
import { kin, tinyModel } from './cli-support.js';

const everyday = 'models/kin-everyday';
const emoji = (code) => readFileSync(`node_modules/emoji-datasource-google/img/google/64/${code}.png`);
const render = (code) => openTyped(`node_modules/@lobehub/fluent-emoji-3d/assets/${code}.webp`);
const root = mkdtempSync(join(tmpdir(), 'kin-alt-'));
const yaml = join(root, 'small.yaml'), measured = join(root, 'measured.json'), small = join(root, 'small.safetensors');
const own = ['--model', `./${everyday}`];
const model = tinyModel(join(root, 'tiny'));
let clip, pack, shipped;

before(async () => {
  clip = await load({ model: everyday });
  writeFileSync(yaml, `languages: [en-GB]
templates: ["a photo of a {}"]
parts:
  - { kind: object, labels: [shoe, { T-shirt: [T-shirt, tee shirt] }, shirt, polo shirt, guitar] }
  - { kind: object, bare: true, labels: [{ trousers: [pants, trousers] }] }
  - { kind: object, with: [setting], labels: [banana, orange] }
  - kind: colour
    labels: [{ red: { shades: ["#d22828"] } }, { orange: { shades: ["#f58c1e"] } }, { green: { shades: ["#3ca046"] } }, { blue: { shades: ["#326ed2", "#192355"] } }]
  - { kind: pattern, labels: [with stripes, with dots] }
  - { kind: setting, labels: [{ on a white background: { ground: ["#ffffff"] } }, { on a black background: { ground: ["#000000"] } }] }
`);
  const ids = { imageId: await clip.identify('image'), textId: await clip.identify('text') };
  const figures = { precision: 0.9, said: 0.8, pictures: 100, data: 'none' };
  const kind = (slope, centre, threshold) => ({ slope, centre, threshold, measured: figures });
  writeFileSync(measured, JSON.stringify({ ...ids, labels: { object: kind(1, -0.5, 0.5), colour: kind(6, 0.4, 0.5), setting: kind(10, 0.7, 0.6) } }));
  const built = await kin(['labels', 'build', yaml, '-o', small, '--measured', measured, ...own]);
  assert.equal(built.code, 0, built.err);
  assert.match(built.err, /16 labels, 18 phrases, .*thresholds: object, colour, setting/);
  pack = await openLabels(small);
  const whole = await kin(['labels', 'build', 'labels/alt.yaml', '-o', join(root, 'alt.safetensors'), '--measured', 'labels/alt.measured.json', ...own]);
  assert.equal(whole.code, 0, whole.err);
  shipped = await openLabels(join(root, 'alt.safetensors'));
});
after(async () => {
  await clip.close();
  rmSync(root, { recursive: true });
});

/* ---- pixels ---- */

// A picture of one colour with a rectangle of another, in fractions.
function picture(size, ground, thing, [left, top, right, bottom] = [0.3, 0.3, 0.7, 0.7]) {
  const data = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [i % size / size, Math.floor(i / size) / size];
    data.set(x >= left && x < right && y >= top && y < bottom ? thing : ground, 3 * i);
  }
  return { data, width: size, height: size };
}

test('CIELAB as it is published, and the thing is told from the ground it lies on', () => {
  for (const [rgb, lab] of [[[255, 255, 255], [100, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[255, 0, 0], [53.24, 80.09, 67.2]], [[0, 0, 255], [32.3, 79.19, -107.86]]])
    labOf(...rgb).forEach((value, i) => assert.ok(Math.abs(value - lab[i]) < 0.05, `${rgb}: ${value}`));
  const names = [[[255, 0, 0]], [[255, 255, 255], [240, 240, 240]], [[0, 0, 0]]];
  for (const size of [224, 40, 9]) {
    const { thing, ground } = sharesOf(partedPixels(picture(size, [255, 255, 255], [220, 20, 20])), names);
    assert.deepEqual([Math.round(100 * thing[0]), ground[1]], [100, 1], `${size}`);
  }
  assert.equal(sharesOf(partedPixels({ data: new Uint8Array(3), width: 1, height: 1 }), names).thing[2], 1, 'one pixel is the thing');
  // A white thing on white paper is there by its shade alone, and one that nothing tells from the paper by the middle.
  const faint = sharesOf(partedPixels(picture(224, [255, 255, 255], [235, 235, 235])), [[[255, 255, 255]], [[235, 235, 235]]]);
  assert.deepEqual([faint.thing[1] > 0.999, faint.ground[0]], [true, 1]);
  assert.equal(sharesOf(partedPixels(picture(224, [255, 255, 255], [254, 255, 255])), names).thing[1], 1);
  // A part of the border is another colour: the rest of it is ground.
  const torn = partedPixels(picture(224, [255, 255, 255], [200, 0, 0], [0, 0, 0.4, 1]));
  assert.ok(Math.abs(torn.even - 0.55) < 0.02, `${torn.even}`);
  // What is nearer to the middle counts more than what is as large beside it.
  const two = picture(224, [255, 255, 255], [255, 0, 0], [0.1, 0.4, 0.3, 0.6]);
  const black = picture(224, [255, 255, 255], [0, 0, 0], [0.4, 0.4, 0.6, 0.6]);
  black.data.forEach((value, i) => { if (!value) two.data[i] = 0; });
  const { thing } = sharesOf(partedPixels(two), names);
  assert.ok(thing[2] > 0.55 && thing[2] < 0.8, `${thing}`);
});

/* ---- what is said ---- */

const words = (labels) => ({ labels: labels.map(([kind, label, more]) => ({ kind, label, phrases: [label], ...more })) });
const said = (made, ...labels) => sentenceOf(made, labels.map((label) => ({ kind: made.labels.find((one) => one.label === label).kind, label })));

test('articles go by how a word begins, and none goes before what is many or a mass', () => {
  for (const [article, list] of [['a', 'shoe uniform unicycle ukulele euphonium ewer one-piece user urn-shaped'.split(' ').slice(0, 8)],
    ['an', ['orange', 'umbrella', 'urn', 'uninteresting hat', 'hourglass', 'X-ray', 'undershirt', 'accordion', 'egg', 'ice cream', 'unimportant bag']]])
    for (const word of list) assert.equal(articleOf(word), article, word);
  const made = words([['object', 'shoe'], ['object', 'umbrella'], ['object', 'jeans', { bare: true }], ['object', 'rice', { bare: true }], ['colour', 'red'],
    ['colour', 'orange'], ['material', 'leather'], ['pattern', 'with stripes'], ['setting', 'on a white background']]);
  assert.equal(said(made, 'shoe', 'red', 'leather', 'with stripes', 'on a white background'), 'a red leather shoe with stripes on a white background');
  assert.equal(said(made, 'umbrella'), 'an umbrella');
  assert.equal(said(made, 'umbrella', 'red'), 'a red umbrella');
  assert.equal(said(made, 'shoe', 'orange'), 'an orange shoe');
  assert.equal(said(made, 'jeans', 'red', 'on a white background'), 'red jeans on a white background');
  assert.equal(said(made, 'rice'), 'rice');
  assert.equal(said(made, 'red', 'on a white background'), 'a red thing on a white background');
  assert.equal(sentenceOf(made, []), '');
});

test('a part is said when it is sure, fits the object, and is no word of it', async () => {
  const made = await openPack(small, {});
  const way = (kind, label, value) => ({ kind, label, way: value, at: made.labels.findIndex((one) => one.kind === kind && one.label === label) });
  const labels = (...found) => partsOf(made, found).map(({ label }) => label);
  assert.deepEqual(labels(way('object', 'shoe', 2), way('colour', 'red', 0.9), way('setting', 'on a white background', 1)), ['shoe', 'red', 'on a white background']);
  assert.deepEqual(labels(way('object', 'shoe', -0.6), way('colour', 'red', 0.9)), ['red']);
  assert.deepEqual(labels(way('object', 'shoe', 2), way('colour', 'red', 0.39)), ['shoe']);
  assert.deepEqual(labels(way('object', 'shoe', -2), way('colour', 'red', 0.2), way('setting', 'on a white background', 1)), [], 'where something lies says nothing');
  assert.deepEqual(labels(way('object', 'banana', 2), way('colour', 'red', 0.9), way('setting', 'on a white background', 1)), ['banana', 'on a white background']);
  assert.deepEqual(labels(way('object', 'shoe', 2), way('pattern', 'with stripes', 9)), ['shoe'], 'of a kind that was not measured nothing is said');
  const fruit = { ...made, labels: made.labels.map(({ with: beside, ...one }) => one) };
  assert.deepEqual(partsOf(fruit, [way('object', 'orange', 2), way('colour', 'orange', 0.9)]).map(({ kind }) => kind), ['object'], 'no "orange orange"');
  const [{ confidence }] = partsOf(made, [way('object', 'shoe', 0.5)]);
  assert.ok(Math.abs(confidence - 1 / (1 + Math.exp(-1))) < 1e-12);
});

test('of each kind the best label, by its log odds among them or by its share of the pixels', async () => {
  const made = await openPack(small, {});
  const pixels = picture(224, [255, 255, 255], [50, 110, 210]);
  const vector = unit((await clip.embedImage(emoji('1f455'))));
  const found = bestOf(made, { vector, pixels });
  assert.deepEqual(found.map(({ kind }) => kind), ['object', 'colour', 'pattern', 'setting']);
  assert.deepEqual([found[0].label, found[1].label, found[3].label], ['T-shirt', 'blue', 'on a white background']);
  const logits = made.labels.map((_, l) => made.scale * Math.max(...made.labels[l].phrases.map((_, k) =>
    made.phrases[made.rows[l].phrases + k].reduce((sum, value, i) => sum + value * vector[i], 0)))).filter((_, l) => made.labels[l].kind === 'object');
  const at = logits.indexOf(Math.max(...logits));
  const odds = logits[at] - Math.log(logits.reduce((sum, one, i) => sum + (i === at ? 0 : Math.exp(one)), 0));
  assert.ok(Math.abs(found[0].way - odds) < 1e-4, `${found[0].way} ${odds}`);
  assert.deepEqual(bestOf(made, { vector }).map(({ kind }) => kind), ['object', 'pattern'], 'without pixels none of those that go by them');
  assert.equal(bestOf(made, { vector, bonus: new Map([['polo shirt', 60]]) })[0].label, 'polo shirt');
});

test('titles are a hint where they name an object whole, by their longest name', async () => {
  const made = await openPack(small, {});
  const hints = (...titles) => Object.fromEntries(hintsOf(made, titles.map((title) => ({ item: { title } }))));
  assert.deepEqual(hints('Polo Shirts for men', 'A tee-shirt', 'Shirtless', 'Guitar strap'), { 'polo shirt': 0.25, 'T-shirt': 0.25, guitar: 0.25 });
  assert.deepEqual(hints(), {});
  assert.deepEqual(hintsOf(made, [{ item: {} }, { item: { title: 5 } }]).size, 0);
  assert.equal(hintsOf(made, [{ item: { title: 'shoe', language: 'en' } }]).get('shoe'), 1);
  for (const item of [{ title: 'Schuh', language: 'de' }, { title: 'chaussure', lang: 'fr-CA' }])
    assert.throws(() => hintsOf(made, [{ item }]), { code: 'unsupported', message: /titles are in '(de|fr-CA)'.*in 'en-GB'/ });
});

/* ---- in the page's words ---- */

test('the embedded model: renders and emoji get the draft that a person would write', async () => {
  for (const [source, text] of [[await render('1f34c'), 'a yellow banana on a white background'], [await render('1f456'), 'blue trousers on a white background'],
    [await render('1f457'), 'a blue dress on a white background'], [await render('1f455'), 'a green T-shirt on a white background']]) {
    const draft = await clip.describe(source, { pack: shipped });
    assert.equal(draft.text, text);
    for (const { confidence } of draft.parts) assert.ok(confidence > 0.4 && confidence <= 1);
  }
  const { text, parts } = await clip.describe(await render('1f455'), { pack });
  assert.deepEqual([text, parts.map(({ kind }) => kind)], ['a green T-shirt on a white background', ['object', 'colour', 'setting']]);
  const noise = { data: Uint8Array.from({ length: 3 * 4096 }, (_, i) => Math.imul(i + 7, 2654435761) >>> 24), width: 64, height: 64 };
  assert.deepEqual(await clip.describe(noise, { pack: shipped }), { text: '', parts: [] });
});

test('the text tower is not asked for', async () => {
  const asked = [];
  const other = await load({ model: everyday, resolve: (name) => { asked.push(name); } });
  const draft = await other.describe(new Blob([emoji('1f457')]), { pack });
  await other.close();
  assert.deepEqual(asked.filter((name) => /text|vocab|merges/.test(name)), []);
  assert.ok(asked.includes('image.safetensors'));
  assert.deepEqual(draft, await clip.describe(emoji('1f457'), { pack }));
});

test('what cannot be said in the pack\'s language or by this model is refused in a sentence', async (t) => {
  const refused = (options, code, message, by = clip) => assert.rejects(by.describe(emoji('1f45f'), options), { code, message });
  await refused(undefined, 'bad-argument', /needs pack/);
  await refused({ pack: {} }, 'bad-argument', /not what openLabels/);
  await refused({ pack, catalogue: {} }, 'bad-argument', /no 'catalogue': did you mean 'catalog'/);
  await refused({ pack, catalog: {} }, 'bad-argument', /not what openCatalog/);
  await assert.rejects(clip.describe(emoji('1f45f'), { pack, signal: AbortSignal.abort() }), { name: 'AbortError' });
  const plain = join(root, 'plain.yaml');
  const build = async (text) => {
    writeFileSync(plain, text);
    assert.equal((await kin(['labels', 'build', plain, '-o', `${plain}.pack`, ...own, '-q'])).code, 0);
    return openLabels(`${plain}.pack`);
  };
  await refused({ pack: await build('languages: [en]\nlabels: {shoe: [shoe]}') }, 'bad-argument', /has no kinds of phrases .*labels\/alt\.safetensors\.$/);
  await refused({ pack: await build('parts: [{kind: object, labels: [shoe]}]') }, 'unsupported', /does not say in which language/);
  await refused({ pack: await build('languages: [de]\nparts: [{kind: object, labels: [Schuh]}]') }, 'unsupported', /are in 'de'/);
  const tiny = await load({ model });
  t.after(() => tiny.close());
  await refused({ pack }, 'model-mismatch', /another image model/, tiny);
});

test('a catalogue whose nearest titles name a thing tells close objects apart; one in another language is refused', async () => {
  const shirt = await render('1f455');
  const make = async (item, from = clip) => {
    const builder = await from.createCatalog({ fields: ['language'] });
    for (let i = 0; i < 3; i++) await builder.add({ id: `p${i}`, vectors: [await clip.embedImage(shirt)], item });
    return openCatalog(await builder.save());
  };
  const polo = await make({ title: 'Polo shirt, slim' });
  const german = await make({ title: 'Hemd', language: 'de' });
  const alone = await clip.describe(shirt, { pack });
  const close = await openPack(small, {});
  const gap = bestOf(close, { vector: await clip.embedImage(shirt) })[0].way;
  const { parts: [hinted] } = await clip.describe(shirt, { pack, catalog: polo });
  assert.equal(alone.parts[0].label, 'T-shirt');
  assert.ok(hinted?.label !== 'T-shirt' || hinted.confidence < alone.parts[0].confidence, `${gap}`);
  await assert.rejects(clip.describe(shirt, { pack, catalog: german }), { code: 'unsupported', message: /titles are in 'de'/ });
  for (const catalog of [polo, german]) await catalog.close();
});

/* ---- the file, and its figures ---- */

test('a phrase pack keeps its phrases in bytes, and each rule of it refuses', async () => {
  const made = await openPack(small, {});
  const { tensors, metadata } = writePack(made);
  assert.deepEqual(tensors.filter(({ name }) => ['phrases', 'negatives'].includes(name)).map(({ dtype }) => dtype), ['I8', 'I8']);
  const exact = await clip.embedText('a photo of a guitar');
  const row = made.phrases[made.rows[made.labels.findIndex(({ label }) => label === 'guitar')].phrases];
  assert.ok(exact.reduce((sum, value, i) => sum + value * row[i], 0) > 0.999);
  assert.deepEqual(shipped.info.labels.length > 800, true);
  assert.ok(readFileSync(join(root, 'alt.safetensors')).length <= 600_000);
  const told = pack.info;
  assert.deepEqual([Object.keys(told.kinds), told.labels[0].kind, told.languages], [['object', 'colour', 'setting'], 'object', ['en-GB']]);
  const [first] = await pack.classify(await clip.embedImage(await render('1f455')));
  assert.deepEqual([first.kind, first.label], ['object', 'T-shirt']);
  const refused = (change, message) => {
    const about = JSON.parse(Buffer.from(tensors.find(({ name }) => name === 'labels').bytes));
    change(about);
    const bytes = Buffer.from(JSON.stringify(about));
    return assert.rejects(openLabels(packBytes({ metadata, tensors: tensors.map((one) => (one.name === 'labels' ? { ...one, shape: [bytes.length], bytes } : one)) })),
      { code: 'not-a-pack', message });
  };
  for (const change of [(about) => { about.kinds = []; }, (about) => { about.kinds.object.slope = '1'; }, (about) => { about.kinds.object.threshold = 2; },
    (about) => { delete about.kinds.colour.measured; }, (about) => { about.kinds.colour.measured.said = -1; }])
    await refused(change, /does not say/);
  for (const change of [(about) => { delete about.labels[0].kind; }, (about) => { about.labels[0].bare = 'yes'; }, (about) => { about.labels[0].with = 'colour'; },
    (about) => { about.labels.find((one) => one.shades).shades = ['red']; }, (about) => { about.labels.find((one) => one.ground).ground = []; }, (about) => { delete about.kinds; }])
    await refused(change, /cannot be read/);
  await refused((about) => { about.labels[1].label = 'shoe'; }, /twice/);
});

test('what is wrong with a file of parts is said', async () => {
  for (const [text, message] of [['labels: {a: [b]}\nparts: []', /labels and parts/], ['parts: {}', /list of blocks/], ['parts: [{kind: thing, labels: [a]}]', /kind of a block is one of object/],
    ['parts: [{kind: object}]', /list of labels/], ['parts: [{kind: object, labels: [a], only: 1}]', /has 'only'/], ['parts: [{kind: object, bare: 1, labels: [a]}]', /bare is true/],
    ['parts: [{kind: object, with: [size], labels: [a]}]', /with is a list of kinds/], ['parts: [{kind: colour, labels: [{red: {shades: [red]}}]}]', /shades of 'red'/],
    ['parts: [{kind: colour, labels: [{red: {rgb: 1}}]}]', /'red' has 'rgb'/], ['parts: [{kind: object, templates: [x], labels: [a]}]', /\{\} where/], ['parts: []', /0 labels/]]) {
    writeFileSync(join(root, 'wrong.yaml'), `languages: [en]\n${text}`);
    const { code, err } = await kin(['labels', 'build', join(root, 'wrong.yaml'), '-o', join(root, 'x'), ...own]);
    assert.deepEqual([code, message.test(err)], [1, true], `${text}: ${err}`);
  }
});

test('the curve through how often the best label is right, and a threshold judged on the other half', () => {
  let state = 1;
  const next = () => (state = Math.imul(state, 48271) % 0x7fffffff, (state >>> 0) / 2 ** 32);
  const ways = Array.from({ length: 4000 }, () => {
    const way = 6 * next() - 2;
    return { way, right: next() < 1 / (1 + Math.exp(-2 * (way - 0.5))) };
  });
  const { slope, centre } = fitConfidence(ways);
  assert.ok(Math.abs(slope - 2) < 0.2 && Math.abs(centre - 0.5) < 0.1, `${slope} ${centre}`);
  assert.ok(Number.isFinite(fitConfidence([{ way: 0, right: true }, { way: 1, right: true }]).slope), 'where all are right');
  const pictures = ways.map(({ way, right }, i) => ({ found: [{ kind: 'object', label: right ? 'a' : 'b', way }], right: { object: ['a'] }, split: i % 2 ? 'choose' : 'judge' }));
  const notes = [];
  const { object, ...others } = measureParts([...pictures, { found: [], right: { colour: ['x'] }, split: 'judge' }], { object: 0.9, colour: 0.9 }, { object: 'made up' }, (note) => notes.push(note));
  const sure = pictures.filter((one, i) => i % 2 === 0 && 1 / (1 + Math.exp(-object.slope * (one.found[0].way - object.centre))) >= object.threshold);
  assert.deepEqual(object.measured, { precision: Number((sure.filter((one) => one.found[0].label === 'a').length / sure.length).toFixed(3)),
    said: Number((sure.length / 2000).toFixed(3)), pictures: 2000, data: 'made up' });
  assert.ok(Math.abs(object.measured.precision - 0.9) < 0.03 && object.measured.said > 0.4);
  assert.deepEqual(others, {});
  assert.match(notes.join('\n'), /colour: not measured: 0 and 0 pictures/);
  // What the judged half does not hold is not said.
  const broken = pictures.map((one, i) => (one.split === 'judge' && i % 3 === 0 ? { ...one, right: { object: ['c'] } } : one));
  assert.deepEqual(measureParts(broken, { object: 0.9 }, { object: 'made up' }, (note) => notes.push(note)), {});
  assert.match(notes.at(-1), /^object: no threshold: right in 0\.\d+ of the \d+ of which it would be said, instead of 0\.9$/);
});

/* ---- the commands ---- */

test('labels measure reads what a picture shows of each kind', async () => {
  for (const code of ['1f455', '1f456', '1f3b8']) writeFileSync(join(root, `${code}.png`), emoji(code));
  const rows = ['choose', 'judge'].flatMap((split) => Array.from({ length: 12 }, (_, i) => [['1f455.png', 'object:T-shirt|object:shirt'], ['1f456.png', 'object:trousers|colour:blue'],
    ['1f3b8.png', 'object:guitar']][i % 3].concat(split).join(',')));
  writeFileSync(join(root, 'shown.csv'), `image,label,split\n${rows.join('\n')}\n`);
  const { code, err } = await kin(['labels', 'measure', small, join(root, 'shown.csv'), '-o', join(root, 'again.json'), '--name', 'emoji', ...own]);
  assert.equal(code, 0, err);
  const { labels } = JSON.parse(readFileSync(join(root, 'again.json')));
  assert.deepEqual(Object.keys(labels), ['object'], err);
  const { precision, said: share, ...rest } = labels.object.measured; // one of the three drawings is not known
  assert.deepEqual([precision >= 0.8, share >= 0.6, rest], [true, true, { pictures: 12, data: 'emoji' }]);
  assert.match(err, /colour: not measured: 4 and 4 pictures/);
  writeFileSync(join(root, 'some.csv'), `image,label,split\ngone.png,object:guitar,judge\n${rows.join('\n')}\n`);
  const some = await kin(['labels', 'measure', small, join(root, 'some.csv'), '-o', join(root, 'some.json'), '--name', 'emoji', ...own]);
  assert.equal(some.code, 3, some.err);
  assert.match(some.err, /gone\.png: there is no such file\n/);
  assert.deepEqual(readFileSync(join(root, 'some.json')), readFileSync(join(root, 'again.json')));
  writeFileSync(join(root, 'shown.csv'), 'image,label,split\n1f455.png,T-shirt,choose\n');
  assert.match((await kin(['labels', 'measure', small, join(root, 'shown.csv'), '-o', join(root, 'x'), ...own])).err, /'T-shirt' does not begin with its kind/);
  for (const named of [['--pack', join(root, 'none')], ['--pack', small, '--catalog', join(root, 'shown.csv')]])
    assert.ok((await kin(['alt', join(root, 'shown.csv'), ...named, ...own])).err.startsWith(`kin: ${named.at(-1)}: `));
});

test('labels apply says of a label of two kinds what each has', async () => {
  const both = join(root, 'alt.safetensors');
  writeFileSync(join(root, 'orange.png'), emoji('1f34a'));
  writeFileSync(join(root, 'orange.csv'), 'id,image\na,orange.png\n');
  const [head, line] = (await kin(['labels', 'apply', both, join(root, 'orange.csv'), ...own])).out.split('\n').map((text) => text.split(','));
  assert.equal(new Set(head).size, 3 + shipped.info.labels.length);
  const [{ labels }] = (await kin(['labels', 'apply', both, join(root, 'orange.csv'), '--json', ...own])).lines();
  const scores = ['object', 'colour'].map((kind) => labels.find((one) => one.kind === kind && one.label === 'orange').score.toFixed(4));
  assert.notEqual(...scores);
  assert.deepEqual(['object:orange', 'colour:orange'].map((name) => line[head.indexOf(name)]), scores);
});

test('alt: a line a product, in the file\'s order whatever fails', async () => {
  for (const [name, code] of [['trousers', '1f456'], ['dress', '1f457']]) writeFileSync(join(root, `${name}.png`), emoji(code));
  writeFileSync(join(root, 'broken.png'), 'x');
  writeFileSync(join(root, 'products.csv'), 'sku,photo,title\n007,trousers.png,"Chinos, slim"\n,trousers.png,no id\n"b,2",broken.png,Broken\nc,dress.png|gone.png,\n');
  const run = (...more) => kin(['alt', join(root, 'products.csv'), '--map', 'id=sku', '--map', 'image=photo', '--pack', small, ...own, ...more]);
  const { code, err, out } = await run('-o', join(root, 'drafts.csv'));
  assert.deepEqual([code, out], [3, ''], err);
  assert.match(err, /row 3: its id is empty\n[^]*row 4 \(b,2\): broken\.png: This file is not a picture/);
  const lines = readFileSync(join(root, 'drafts.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(lines[0], 'id,image,title,alt,alt_confidence');
  assert.match(lines[1], /^007,trousers\.png,"Chinos, slim",blue trousers on a white background,0\.\d{3}$/);
  assert.equal(lines[2], ',,,,');
  assert.equal(lines[3], '"b,2",broken.png,Broken,,');
  assert.match(lines[4], /^c,dress\.png,,(?:an? )?\w+ ?\w* ?on a white background,0\.\d{3}$|^c,dress\.png,,,$/);
  assert.equal(lines.length, 5);
  const json = (await run('--json')).lines();
  assert.deepEqual(json.map(({ id, alt }) => [id, Boolean(alt)]).slice(0, 3), [['007', true], [null, false], ['b,2', false]]);
  assert.equal(json[0].alt_confidence, Math.min(...json[0].parts.map(({ confidence }) => confidence)));
  assert.equal(json[2].error.code, 'unsupported-image');
  const folder = await kin(['alt', root, '--pack', small, ...own]);
  assert.match(folder.out, /^trousers\.png,trousers\.png,trousers,blue trousers/m);
  for (const [args, code, message] of [[['alt'], 2, /takes one products file/], [['alt', join(root, 'products.csv'), '--model', model], 2, /of the package is for the embedded model/],
    [['alt', join(root, 'products.csv'), '--map', 'id=sku', '--map', 'image=photo', '--pack', small, '--model', model], 1, /another image model/]]) {
    const result = await kin(args);
    assert.deepEqual([result.code, message.test(result.err)], [code, true], result.err);
  }
  // Not a word on standard output, nor in the file, before a wrong pack or model is refused: not even of a row that cannot be read.
  writeFileSync(join(root, 'first.csv'), 'id,image\na,broken.png\nb,dress.png\n');
  writeFileSync(join(root, 'old.csv'), 'old');
  const packOf = async (name, text) => {
    writeFileSync(join(root, 'pack.yaml'), text);
    assert.equal((await kin(['labels', 'build', join(root, 'pack.yaml'), '-o', join(root, name), ...own, '-q'])).code, 0);
    return join(root, name);
  };
  const plain = await packOf('plain', 'languages: [en]\nlabels: {shoe: [shoe]}');
  const german = await packOf('german', 'languages: [de]\nparts: [{kind: object, labels: [Schuh]}]');
  for (const [args, message] of [[['--pack', plain, ...own], /no kinds of phrases/], [['--pack', german, ...own], /are in 'de'/],
    [['--pack', small, '--model', model], /another image model/]])
    for (const [to, out] of [[[], ''], [['-o', join(root, 'old.csv')], ''], [['--json'], '']]) {
      const result = await kin(['alt', join(root, 'first.csv'), ...args, ...to]);
      assert.deepEqual([result.code, result.out, message.test(result.err)], [1, out, true], result.err);
      assert.equal(readFileSync(join(root, 'old.csv'), 'utf8'), 'old');
    }
});
