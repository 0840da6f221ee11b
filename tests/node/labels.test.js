// Labels: probabilities and "none of these" against their equation, label packs from file to score, the command.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, after, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { chooseThreshold, measureLabels, packBytes, readLabels, readPictures } from '../../catalog/lib/labels.js';
import { openTyped } from '../../catalog/lib/pictures.js';
import { KinError, load, openLabels, openPack } from '../../web/index.node.js';
import { writePack } from '../../catalog/lib/pack-file.js';
import { normalCdf, readPack } from '../../web/shared/labels.js';
import { phrases } from '../../web/shared/phrases.js';
import { openEngine } from '../../web/worker/engine.js';
import { mended } from './checksums.js';
import { drawing, kin, tinyModel } from './cli-support.js';

const everyday = 'models/kin-everyday';
const emoji = (code) => readFileSync(`node_modules/emoji-datasource-google/img/google/64/${code}.png`);
const render = (code) => openTyped(`node_modules/@lobehub/fluent-emoji-3d/assets/${code}.webp`);
const root = mkdtempSync(join(tmpdir(), 'kin-labels-'));
const model = tinyModel(join(root, 'model'));
const yaml = join(root, 'labels.yaml');
let clip, real, pack;

before(async () => {
  clip = await load({ model });
  real = await load({ model: everyday });
  writeFileSync(yaml, 'languages: [en]\ntemplates: ["a {}", "the {}"]\nlabels:\n  animal: [dog, cat]\n  fruit:\n    phrases: [apple]\n' +
    '    negatives: [ball, tomato]\n  a car: [car]\n');
  for (let i = 0; i < 6; i++) writeFileSync(join(root, `background${i}.png`), drawing(i));
  writeFileSync(join(root, 'background.csv'), 'image\n' + [0, 1, 2, 3, 4, 5].map((i) => `background${i}.png\n`).join(''));
  const background = await kin(['labels', 'background', join(root, 'background.csv'), '-o', join(root, 'background.safetensors'), '--model', `./${everyday}`]);
  assert.equal(background.code, 0, background.err);
  const built = await kin(['labels', 'build', yaml, '-o', join(root, 'pack.safetensors'), '--model', `./${everyday}`,
    '--background', join(root, 'background.safetensors')]);
  assert.equal(built.code, 0, built.err);
  assert.match(built.err, /3 labels, 4 phrases, 2 negatives, 6 background pictures, .*no thresholds/);
  pack = await openLabels(join(root, 'pack.safetensors'), { clip: real });
});
after(async () => {
  await clip.close();
  await real.close();
  rmSync(root, { recursive: true });
});

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

test('a probability is made of the log odds against the background, by the model\'s temperature', async () => {
  const picture = drawing(3), labels = ['the', 'thing', 'x'], scale = Math.exp(3);
  const image = await clip.embedImage(picture);
  const background = await clip.embedText(phrases);
  const wanted = new Map();
  let most = -Infinity;
  for (const label of labels) {
    const vector = await clip.embedText(`a ${label}`);
    const near = background.map((row) => dot(vector, row));
    const mean = near.reduce((sum, one) => sum + one) / near.length;
    const deviation = Math.sqrt(near.reduce((sum, one) => sum + (one - mean) ** 2, 0) / near.length);
    const sum = background.reduce((all, row, k) => all + (near[k] > mean + 3 * deviation ? 0 : Math.exp(scale * dot(image, row))), 0);
    const odds = scale * dot(image, vector) - Math.log(sum);
    most = Math.max(most, odds);
    wanted.set(label, sigmoid(1.28 * (odds + 1.2)));
  }
  const multi = await clip.classify(picture, labels, { templates: ['a {}'], multiLabel: true, none: 'nothing' });
  const nothing = sigmoid(1.28 * (-1.8 - most));
  assert.equal(multi.length, 4);
  for (const { label, score } of multi)
    assert.ok(Math.abs(score - (label === 'nothing' ? nothing : wanted.get(label))) < 1e-6, `${label}: ${score}`);
  const shared = await clip.classify(picture, labels, { templates: ['a {}'], none: true });
  assert.ok(Math.abs(shared.reduce((sum, { score }) => sum + score, 0) - 1) < 1e-9);
  assert.equal(shared[nothing >= 0.5 ? 0 : 3].label, 'none of these');
  const plain = await clip.classify(picture, labels, { templates: ['a {}'], none: false, multiLabel: false });
  const rest = shared.filter(({ label }) => label !== 'none of these');
  rest.forEach(({ label, score }, i) => {
    assert.equal(label, plain[i].label);
    assert.ok(Math.abs(score - plain[i].score * (1 - nothing)) < 1e-6);
  });
  await assert.rejects(clip.classify(picture, ['a'], { none: 5 }), { code: 'bad-argument', message: /^none/ });
  await assert.rejects(clip.classify(picture, ['b', 'a'], { none: 'a' }),
    { code: 'bad-argument', message: "none is called 'a', as one of the labels is: give it a name of its own." });
  await assert.rejects(clip.classify(picture, ['none of these'], { none: true }), { code: 'bad-argument', message: /^none is called 'none of these'/ });
});

test('a worker that is started anew with another model has its own background', async () => {
  const at = tinyModel(join(root, 'replaced')), picture = drawing(1), labels = ['the', 'x'];
  const dies = `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    import '${new URL('../../web/worker/worker.node.js', import.meta.url)}';
    parentPort.on('message', (message) => { if (String(message.args?.[0]) === 'die') process.exit(3); });`)}`;
  const mine = await load({ model: at, worker: new URL(dies) });
  const first = await mine.classify(picture, labels, { none: true });
  rmSync(at, { recursive: true });
  tinyModel(at, 7);
  await assert.rejects(mine.embedText('die'), { code: 'crashed' });
  const other = await load({ model: at });
  const [found, wanted] = await Promise.all([mine, other].map((one) => one.classify(picture, labels, { none: true })));
  assert.deepEqual(found, wanted);
  assert.notDeepEqual(found, first);
  for (const one of [mine, other]) await one.close();
});

test('the embedded model: what belongs is named, what does not is none of these, and two things are two', async () => {
  const labels = ['dog', 'car', 'banana', 'camera'];
  const found = async (code, options) => real.classify(await render(code), labels, options);
  for (const [code, label] of [['1f34c', 'banana'], ['1f697', 'car'], ['1f415', 'dog'], ['1f4f7', 'camera']]) {
    assert.equal((await found(code, { none: true }))[0].label, label);
    const [first, second] = await found(code, { multiLabel: true });
    assert.ok(first.label === label && first.score > 0.5 && second.score < 0.2, JSON.stringify([code, first, second]));
  }
  for (const code of ['1f3b8', '1f45f', '1f354', '1f6b2']) { // guitar, shoe, hamburger, bicycle
    assert.equal((await found(code, { none: true }))[0].label, 'none of these', code);
    assert.ok((await found(code, { multiLabel: true })).every(({ score }) => score < 0.5), code);
  }
  const both = await real.classify(await render('1f34c'), ['banana', 'fruit', 'wrench'], { multiLabel: true });
  const of = (label) => both.find((one) => one.label === label).score;
  assert.ok(of('banana') > 0.5 && of('fruit') > 10 * of('wrench'), JSON.stringify(both));
});

test('a pack says what the text tower would, without its file', async () => {
  const asked = [];
  const own = await load({ model: everyday, resolve: (name) => { asked.push(name); } });
  const opened = await openLabels(readFileSync(join(root, 'pack.safetensors')), { clip: own });
  const picture = emoji('1f34e');
  const [first, ...others] = await opened.classify(picture, { multiLabel: true, none: true });
  await own.close();
  assert.deepEqual(asked.filter((name) => /text|vocab|merges/.test(name)), []);
  assert.ok(asked.includes('image.safetensors'));
  assert.equal(first.label, 'fruit');
  assert.equal(first.evidence.phrase, 'apple');
  assert.match(first.evidence.negative.phrase, /^(ball|tomato)$/);
  assert.ok(first.confidence > 0.5 && first.confidence <= 1);
  assert.equal(others.at(-1).label, 'none of these');
  // cosines are those of averaged templates
  const image = await real.embedImage(picture);
  const [a, b] = await real.embedText(['a apple', 'the apple']);
  const mean = a.map((value, i) => value + b[i]);
  assert.ok(Math.abs(first.evidence.cosine - dot(image, mean) / Math.sqrt(dot(mean, mean))) < 1e-5);
  // a vector is as good, and needs no clip
  const alone = await openLabels(join(root, 'pack.safetensors'));
  assert.deepEqual(await alone.classify(image, { multiLabel: true, none: true }), [first, ...others]);
  assert.deepEqual(await alone.classify(Array.from(image), { multiLabel: true, none: true }), [first, ...others]);
  const { signal } = new AbortController();
  assert.equal((await pack.classify(picture, { box: { x: 0, y: 0, width: 1, height: 1 }, fit: 'pad', signal })).length, 3);
});

test('a pack refuses what it cannot use', async () => {
  const alone = await openLabels(join(root, 'pack.safetensors'));
  await assert.rejects(alone.classify(emoji('1f34e')), { code: 'no-model' });
  await assert.rejects(alone.classify([1, 2]), { code: 'bad-argument', message: /256 finite numbers/ });
  const image = new Array(256).fill(1);
  for (const [at, wrong, said] of [[3, NaN, 'NaN'], [0, -Infinity, '-Infinity'], [255, NaN, 'NaN']])
    await assert.rejects(alone.classify(image.map((value, i) => (i === at ? wrong : value))),
      { code: 'bad-argument', message: `vector at place ${at} is a finite number, not ${said}.` });
  await assert.rejects(alone.classify(image, { none: 'fruit' }), { code: 'bad-argument', message: /^none is called 'fruit', as one of the labels is/ });
  await assert.rejects(alone.classify(new Float32Array(256)), { code: 'bad-argument' });
  await assert.rejects(alone.classify(emoji('1f34e'), { templates: ['{}'] }), { code: 'bad-argument', message: /templates/ });
  const other = await openLabels(join(root, 'pack.safetensors'), { clip });
  await assert.rejects(other.classify(drawing(1)), { code: 'model-mismatch' });
  await assert.rejects(openLabels(join(root, 'background.safetensors')), { code: 'not-a-pack', message: /no label/ });
  await assert.rejects(openLabels(join(root, 'nowhere')), { code: 'http' });
  await assert.rejects(openLabels(yaml), { code: 'not-a-pack' });
  await assert.rejects(openLabels(Buffer.from('<!doctype html>')), { code: 'not-a-pack', message: /web page/ });
  await assert.rejects(openLabels(join(root, 'pack.safetensors'), { clip: {} }), { code: 'bad-argument' });
});

test('a label is made of a few pictures, and what that does is told', async () => {
  const own = await openLabels(join(root, 'pack.safetensors'), { clip: real });
  const guitars = ['1f3b8', '1f3bb', '1fa95'].map(emoji);
  await assert.rejects(own.add({ label: 'strings', images: guitars.slice(0, 2) }), { code: 'bad-argument', message: /3 to 10/ });
  await assert.rejects(own.add({ label: 'fruit', images: guitars }), { code: 'bad-argument', message: /already/ });
  const before = await own.classify(emoji('1f34e'), { multiLabel: true });
  const told = await own.add({ label: 'strings', images: guitars });
  assert.deepEqual([told.label, told.examples, told.background], ['strings', 3, 6]);
  assert.ok(told.found >= 2, JSON.stringify(told));
  assert.ok(Object.values(told.taken).reduce((sum, n) => sum + n, 0) <= 6);
  const [first] = await own.classify(emoji('1f3b8'), { multiLabel: true });
  assert.deepEqual([first.label, first.evidence.phrase], ['strings', 'strings']);
  assert.deepEqual((await own.classify(emoji('1f34e'), { multiLabel: true })).filter(({ label }) => label !== 'strings'), before,
    'the other labels\' own scores stay');
  assert.equal(own.info.labels.at(-1).fromPictures, true);
  assert.equal(own.remove('strings'), true);
  assert.equal(own.remove('strings'), false);
  assert.deepEqual(await own.classify(emoji('1f34e'), { multiLabel: true }), before);
});

test('labels that are made side by side are all there, each name once, and one that is removed meanwhile is gone', async () => {
  const own = await openLabels(join(root, 'pack.safetensors'), { clip: real });
  const images = ['1f3b8', '1f3bb', '1fa95'].map(emoji);
  const names = () => own.info.labels.map(({ label }) => label);
  const [gone, ...others] = names();
  const all = ['strings', 'bows', 'bows'].map((label) => own.add({ label, images }));
  assert.equal(own.remove(gone), true);
  const [strings, bows, again] = await Promise.allSettled(all);
  assert.deepEqual([strings.value.label, bows.value.label], ['strings', 'bows']);
  assert.deepEqual([again.reason.code, again.reason.message], ['bad-argument', "There is a label 'bows' already."]);
  assert.deepEqual(names(), [...others, 'strings', 'bows']);
  assert.equal((await own.classify(images[0])).length, others.length + 2);
});

/* ---- the file ---- */

test('a file of labels is made anew to the same bytes, and CSV says what YAML says', async () => {
  const csv = join(root, 'labels.csv');
  writeFileSync(csv, 'label,phrase,negative\nanimal,dog,\nanimal,cat,\nfruit,apple,\nfruit,,ball\nfruit,,tomato\na car,car,\n');
  const args = (file, out) => ['labels', 'build', file, '-o', join(root, out), '--model', `./${everyday}`, '--background', join(root, 'background.safetensors'), '-q'];
  assert.equal((await kin(args(yaml, 'again'))).code, 0);
  assert.deepEqual(readFileSync(join(root, 'again')), readFileSync(join(root, 'pack.safetensors')));
  assert.equal((await kin(args(csv, 'csv'))).code, 0);
  const [a, b] = [await openPack(join(root, 'csv'), {}), await openPack(join(root, 'pack.safetensors'), {})];
  assert.deepEqual(a.labels, b.labels);
  assert.notDeepEqual(a.phrases, b.phrases, 'the CSV has the usual template');
});

test('no bit of a pack is flipped unnoticed', async () => {
  const engine = await openEngine(await WebAssembly.compile(readFileSync(new URL('../../web/wasm/kin-find.wasm', import.meta.url))));
  const file = Buffer.from(readFileSync(join(root, 'pack.safetensors')));
  const open = () => engine.with([file], (at, n) => {
    const opened = engine.pointer('kin_pack_open', at, n, engine.error);
    if (opened) engine.call('kin_pack_close', opened);
    return opened;
  });
  for (let i = 0, bit = 5; i < 2000; i++, bit = (bit * 48271 + 11) % (8 * file.length)) {
    file[bit >> 3] ^= 1 << (bit & 7);
    assert.equal(open(), 0, `bit ${bit}`);
    assert.throws(() => engine.throwError(), { code: 'not-a-pack' });
    file[bit >> 3] ^= 1 << (bit & 7);
  }
  assert.ok(open());
});

test('each rule of a pack\'s file refuses', async () => {
  const whole = await openPack(join(root, 'pack.safetensors'), {});
  const file = (change) => {
    const { metadata, tensors } = writePack(whole);
    const parts = { metadata, tensors: Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor])) };
    change(parts);
    return packBytes({ metadata: parts.metadata, tensors: Object.values(parts.tensors) });
  };
  const refused = (change, code, message) => assert.rejects(openLabels(file(change)), { code, message });
  assert.ok(await openLabels(file(() => {})));
  assert.ok(await openLabels(file(({ tensors }) => { tensors.later = { name: 'later', dtype: 'U8', shape: [1], bytes: Buffer.alloc(1) }; })));
  const float = (values) => new Uint8Array(Float32Array.from(values).buffer);
  await refused(({ metadata }) => { metadata['kin.kind'] = 'catalog'; }, 'not-a-pack', /kin\.kind/);
  await refused(({ metadata }) => { metadata['kin.format'] = '2'; }, 'unsupported', /format 1/);
  await refused(({ metadata }) => { metadata['kin.needs'] = 'x'; }, 'unsupported', /update Kin/);
  for (const name of ['null', 'phrases', 'negatives', 'background', 'pictures', 'labels'])
    await refused(({ tensors }) => { delete tensors[name]; }, 'not-a-pack', new RegExp(`no tensor ${name} `));
  await refused(({ tensors }) => { tensors.null = { ...tensors.null, shape: [2, 3], bytes: float([1, 1, 1, 1, 1, 1]) }; }, 'not-a-pack', /shape does not fit/);
  await refused(({ tensors }) => { tensors.pictures = { ...tensors.pictures, shape: [2, 5], bytes: Buffer.alloc(10, 1) }; }, 'not-a-pack', /pictures whose shape/);
  await refused(({ tensors }) => { tensors.phrases = { ...tensors.phrases, dtype: 'I32' }; }, 'not-a-pack', /no tensor phrases that is F32/);
  await refused(({ tensors }) => { tensors.labels = { ...tensors.labels, shape: [1, tensors.labels.bytes.length] }; }, 'not-a-pack', /labels that is U8 of rank 1/);
  for (const value of [NaN, Infinity, -Infinity])
    await refused(({ tensors }) => { tensors.null.bytes = float([value, 1, 1, 1, 1, 1]); }, 'not-a-pack', /not finite/);
  await refused(({ tensors }) => { tensors.null.bytes = float([1, 0, 1, 1, 1, 1]); }, 'not-a-pack', /other numbers/);
  await refused(({ tensors }) => { tensors.background = { ...tensors.background, shape: [0, 256], bytes: Buffer.alloc(0) }; }, 'not-a-pack', /other numbers/);
  const says = (change) => ({ tensors }) => {
    const about = JSON.parse(Buffer.from(tensors.labels.bytes));
    const bytes = Buffer.from(JSON.stringify(change(about) ?? about));
    tensors.labels = { ...tensors.labels, shape: [bytes.length], bytes };
  };
  await refused(({ tensors }) => { tensors.labels.bytes = Buffer.alloc(tensors.labels.bytes.length, '{'); }, 'not-a-pack', /not JSON/);
  await refused(says(() => 5), 'not-a-pack', /scale/);
  for (const scale of [-1, 0, 1e4]) await refused(says((about) => { about.scale = scale; }), 'not-a-pack', /scale/);
  await refused(says((about) => { about.languages = 'en'; }), 'not-a-pack', /languages/);
  await refused(says((about) => { about.labels[0] = null; }), 'not-a-pack', /cannot be read/);
  for (const picture of [true, { gain: 'x' }, { gain: 0, offset: 1e3 }]) // what add() knows of a label would be taken for its own
    await refused(says((about) => { about.labels[0].picture = picture; }), 'not-a-pack', /cannot be read/);
  await refused(says((about) => { about.labels[0].phrases = []; }), 'not-a-pack', /cannot be read/);
  await refused(says((about) => { about.labels[0].phrases = ['dog']; }), 'not-a-pack', /other numbers/);
  await refused(says((about) => { about.labels[1].label = 'animal'; }), 'not-a-pack', /twice/);
  for (const measured of [undefined, { precision: 1 }, { precision: 2, recall: 1 }])
    await refused(says((about) => { Object.assign(about.labels[0], { threshold: 0.5, measured }); }), 'not-a-pack', /cannot be read/);
  assert.throws(() => readPack({ dim: 1, metadata: {}, tensors: { labels: new Uint8Array([255]) } }), (error) => error instanceof KinError);
});

/* ---- thresholds and the command ---- */

test('the normal distribution', () => {
  for (const [z, p] of [[0, 0.5], [1, 0.8413447], [-1.96, 0.0249979], [3, 0.9986501], [-9, 0], [9, 1]]) assert.ok(Math.abs(normalCdf(z) - p) < 1e-6, z);
});

test('a threshold is the lowest that is precise enough, and none comes of too few or too poor figures', async () => {
  const scored = [[0.9, true], [0.8, true], [0.6, false], [0.5, true], [0.3, false], [0.2, false]].map(([score, is]) => ({ score, is }));
  assert.equal(chooseThreshold(scored, 1, 1), 0.7);
  assert.equal(chooseThreshold(scored, 0.7, 1), 0.4);
  assert.equal(chooseThreshold(scored, 0.7, 100), 0.7, 'where the label is rare a false alarm weighs more');
  assert.equal(chooseThreshold(scored.filter(({ is }) => !is), 0.5, 1), null);
  const pictures = [];
  for (const split of ['choose', 'judge'])
    for (let i = 0; i < 24; i++) pictures.push({ split, vector: [i], labels: i < 12 ? ['a', 'poor'] : i < 14 ? ['?a', 'b'] : ['b'] });
  const fake = (vector) => ({ a: vector < 14 ? 0.9 : 0.1 - vector / 1000, poor: (vector % 4) / 4, b: 0.5, few: 0 });
  const notes = [];
  const result = await measureLabels({ info: { labels: ['a', 'poor', 'few'].map((label) => ({ label })) },
    classify: async ([vector]) => Object.entries(fake(vector)).map(([label, score]) => ({ label, score })) }, pictures, 1, 'made up', (note) => notes.push(note));
  assert.deepEqual(result, { a: { threshold: 0.493, measured: { precision: 1, recall: 1, positives: 12, pictures: 22, data: 'made up' } } });
  assert.match(notes.join('\n'), /poor: .*no threshold[\s\S]*few: no threshold: 0 pictures/);
});

test('measure, build and apply: a threshold travels with its figures, to the weights it was measured with', async () => {
  const codes = { yes: ['1f34e', '1f34f'], no: ['1f697', '1f3b8', '1f415'] };
  for (const code of Object.values(codes).flat()) writeFileSync(join(root, `${code}.png`), emoji(code));
  const rows = ['choose', 'judge'].flatMap((split) => [...Array.from({ length: 10 }, (_, i) => [codes.yes[i % 2], 'fruit']),
    ...Array.from({ length: 6 }, (_, i) => [codes.no[i % 3], ''])].map(([code, label]) => `${code}.png,${label},${split}`));
  writeFileSync(join(root, 'pictures.csv'), `image,label,split\n${rows.join('\n')}\n`);
  const own = ['--model', `./${everyday}`];
  const measured = await kin(['labels', 'measure', join(root, 'pack.safetensors'), join(root, 'pictures.csv'), '-o', join(root, 'measured.json'), '--name', 'emoji', '--precision', '1', ...own]);
  assert.equal(measured.code, 0, measured.err);
  assert.doesNotMatch(measured.err, /the pack has not/);
  writeFileSync(join(root, 'typo.csv'), 'image,label\n1f34e.png,Fruit|?animal\n1f697.png,a car\n');
  assert.match((await kin(['labels', 'measure', join(root, 'pack.safetensors'), join(root, 'typo.csv'), '-o', join(root, 'typo.json'), ...own])).err,
    /typo\.csv names labels that the pack has not: Fruit\n/);
  writeFileSync(join(root, 'first.csv'), 'id,image\na,gone.png\nb,1f34e.png\n');
  for (const args of [['apply', 'first.csv'], ['apply', 'first.csv', '--json'], ['measure', 'pictures.csv', '-o', join(root, 'not-written')]].map(([job, list, ...more]) =>
    [job, join(root, 'pack.safetensors'), join(root, list), ...more])) {
    const { code, out, err } = await kin(['labels', ...args, '--model', model]);
    assert.deepEqual([code, out, /another image model/.test(err)], [1, '', true], err);
  }
  for (const [pack, sentence] of [[join(root, 'none'), /none: there is no such file/], [yaml, /labels\.yaml: .*safetensors/]])
    assert.match((await kin(['labels', 'apply', pack, join(root, 'pictures.csv'), ...own])).err, sentence);
  const said = JSON.parse(readFileSync(join(root, 'measured.json')));
  assert.deepEqual(Object.keys(said.labels), ['fruit']);
  assert.deepEqual(said.labels.fruit.measured, { precision: 1, recall: 1, positives: 10, pictures: 16, data: 'emoji' });
  const build = (out, ...more) => kin(['labels', 'build', yaml, '-o', join(root, out), '--measured', join(root, 'measured.json'), ...more]);
  assert.match((await build('with', ...own)).err, /thresholds: fruit/);
  assert.match((await build('tiny', '--model', model)).err, /measured with other weights[\s\S]*no thresholds/);
  writeFileSync(join(root, 'broken.png'), 'x');
  writeFileSync(join(root, 'products.csv'), 'id,image\na,1f34e.png\n"b,2",1f697.png\nc,broken.png\n');
  const applied = await kin(['labels', 'apply', join(root, 'with'), join(root, 'products.csv'), '-o', join(root, 'out.csv'), ...own]);
  assert.equal(applied.code, 3);
  assert.match(applied.err, /row 4 \(c\): broken\.png/);
  const [head, a, b, ...none] = readFileSync(join(root, 'out.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(head, 'id,picture,over,animal,fruit,a car');
  assert.match(a, /^a,1f34e\.png,fruit,0\.\d{4},0\.\d{4},0\.\d{4}$/);
  assert.match(b, /^"b,2",1f697\.png,,/);
  assert.deepEqual(none, []);
  const lines = (await kin(['labels', 'apply', join(root, 'with'), join(root, 'products.csv'), '--json', ...own])).lines();
  assert.deepEqual([lines[0].id, lines[0].over, lines[0].labels[0].evidence.phrase], ['a', ['fruit'], 'apple']);
  assert.deepEqual(lines[0].labels[0].measured, said.labels.fruit.measured);
});

test('a picture that cannot be read is left out of a background and of a measurement, which is what the others make', async () => {
  const own = ['--model', `./${everyday}`];
  const list = (name, rows) => {
    writeFileSync(join(root, name), `image,label,split\n${rows.map((row) => `${row}\n`).join('')}`);
    return join(root, name);
  };
  const read = (name) => readFileSync(join(root, name));
  for (const code of ['1f34e', '1f697']) writeFileSync(join(root, `${code}.png`), emoji(code));
  writeFileSync(join(root, 'cut.png'), drawing(1).subarray(0, 60));
  const good = ['choose', 'judge'].flatMap((split) => Array.from({ length: 24 }, (_, i) => `${i % 2 ? '1f34e' : '1f697'}.png,${i % 2 ? 'fruit' : 'a car'},${split}`));
  // What fails stands before, between and after the others.
  const rows = ['cut.png,fruit,choose', ...good.slice(0, 5), 'gone.png,a car,judge', ...good.slice(5), 'cut.png,,judge'];
  for (const [job, more] of [[['background'], []], [['measure', join(root, 'pack.safetensors')], ['--name', 'emoji']]]) {
    const run = (name, listed, to) => kin(['labels', ...job, list(name, listed), '-o', join(root, to), ...more, ...own]);
    assert.equal((await run('good.csv', good, 'of-good')).code, 0);
    const { code, err } = await run('some.csv', rows, 'of-some');
    assert.equal(code, 3, err);
    assert.deepEqual(err.match(/^.*(?:cut|gone)\.png: .*$/mg).map((line) => /(cut|gone)\.png: (.*)/.exec(line)[1]), ['cut', 'gone', 'cut'], err);
    assert.deepEqual(read('of-some'), read('of-good'));
    if (job.length > 1) assert.ok(Object.keys(JSON.parse(read('of-some')).labels).length, 'there is a threshold');
    const none = await run('none.csv', [rows[0], ...job.length > 1 ? [] : [good[0]], rows.at(-1)], 'of-some');
    assert.equal(none.code, 1, none.err);
    assert.match(none.err, job.length > 1 ? /kin: of the 2 pictures of .*none\.csv none could be read\n$/ : /kin: of the 3 pictures of .*none\.csv 1 could be read: a background needs some hundred\n$/);
    assert.deepEqual(read('of-some'), read('of-good'), 'what was there stays');
  }
});

test('what is wrong with a file of labels, or its use, is said in a sentence', async () => {
  const wrong = [['labels: [a]', /no labels: a map/], ['labels: {a: [b]}\nlabel: x', /has 'label'/], ['labels: {a: {threshold: 0.5}}', /threshold; one comes from 'labels measure'/],
    ['labels: {a: {word: [b]}}', /has 'word'/], ['labels: {a: [""]}', /lists of texts/],
    ...['', '5', 'ball', '{ball: x}'].map((negatives) => [`labels: {a: {phrases: [b], negatives: ${negatives}}}`, /phrases and negatives of 'a' are lists of texts/]), ['labels: {a: [b]}\ntemplates: ["x"]', /\{\} where/], ['labels: {a: [b', /not YAML/],
    ['labels: {a: [b]}\nlanguages: en', /languages are a list/], ['labels: {}', /0 labels/], ['labels: {a: b}', /'a' has 'b' in place of a list: write \[b\]/],
    ['just words', /no labels: a map/], ['labels: {"": [b]}', /without a name/], ['parts: [{kind: object, labels: [jeans, jeans]}]', /'jeans' twice/],
    ['parts: [{kind: object, labels: [{a: [b], c: [d]}]}]', /a map of one label/], ['parts: [{kind: object, labels: [5]}]', /is 5: each is a text/],
    [Buffer.from('labels: {caf\xe9: [b]}', 'latin1'), /not UTF-8/]];
  for (const [text, message] of wrong) {
    writeFileSync(join(root, 'wrong.yaml'), text);
    const { code, err } = await kin(['labels', 'build', join(root, 'wrong.yaml'), '-o', join(root, 'x'), '--model', model]);
    assert.deepEqual([code, message.test(err)], [1, true], `${text}: ${err}`);
  }
  // A pack takes only what measure wrote.
  for (const [text, message] of [['{', /not what .*labels measure' writes/], ['null', /not what/], ['{"labels": {"animal": {"threshold": "0.5"}}}', /not what/]]) {
    writeFileSync(join(root, 'wrong.json'), text);
    const { code, err } = await kin(['labels', 'build', yaml, '-o', join(root, 'x'), '--measured', join(root, 'wrong.json'), '--model', model]);
    assert.deepEqual([code, message.test(err)], [1, true], `${text}: ${err}`);
  }
  for (const [args, message] of [[['labels'], /one of build, apply/], [['labels', 'make'], /one of build/], [['labels', 'build', yaml], /needs -o/], [['labels', 'apply', 'a'], /takes 2 paths/],
    [['labels', 'build', 'a.txt', '-o', 'x'], /no file of labels/], [['labels', 'measure', 'a', 'b', '-o', 'x', '--precision', '3'], /a share/]]) {
    const { code, err } = await kin([...args, '--model', model]);
    assert.deepEqual([code, message.test(err)], [2, true], `${args}: ${err}`);
  }
});

test('the shipped pack: six categories, and a revolver\'s kin is told from a fruit', async () => {
  const { code, err } = await kin(['labels', 'build', 'labels/moderation.yaml', '-o', join(root, 'moderation'), '--measured', 'labels/moderation.measured.json', '--model', `./${everyday}`]);
  assert.equal(code, 0, err);
  const shipped = await openLabels(join(root, 'moderation'), { clip: real });
  assert.deepEqual(shipped.info.labels.map(({ label }) => label), ['weapons', 'alcohol', 'medicine', 'person', 'document', 'nothing to search']);
  for (const { threshold, measured } of shipped.info.labels)
    assert.equal(threshold === undefined, measured === undefined);
  const of = async (picture, label) => (await shipped.classify(picture, { multiLabel: true })).find((one) => one.label === label).score;
  for (const [code, label] of [['1f377', 'alcohol'], ['1f489', 'medicine']])
    assert.ok(await of(await render(code), label) > 5 * await of(await render('1f34e'), label), label);
});

test('lists are read as spreadsheets save them, and a line that is not whole is named', async () => {
  const at = (name, text) => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };
  const wanted = [{ image: join(root, 'a.png'), labels: ['x', 'y'], split: 'choose' }, { image: join(root, 'b;c.png'), labels: [], split: 'judge' }];
  for (const text of ['image,label,split\na.png,x|y,choose\nb;c.png,,judge\n', '\ufeffImage;Label;Split\r\na.png;x|y;choose\r\n"b;c.png";;judge\r\n',
    'sep=\t\nsplit\timage\tlabel\nchoose\ta.png\tx|y\njudge\tb;c.png\t\n'])
    assert.deepEqual(await readPictures(at('list.csv', text)), wanted, text);
  for (const [text, message] of [['image,label\na.png\n', /list\.csv, line 2: it has 1 cell/], ['image,label\n"a.png,x\n', /line 2: the quote .* never closed/],
    ['file,label\na.png,x\n', /needs the column image, .*: its first line names 'file', 'label'/], ['image,label,image\na,b,c\n', /'image' twice/], ['image\n', /no line with a picture/],
    ['', /no line/], ['image,split\na.png,test\n', /line 2: it has the split 'test'/], [Buffer.from('image\ncaf\xe9.png\n', 'latin1'), /not UTF-8/],
    [Buffer.from('image\na.png\n', 'utf16le'), /UTF-16/]])
    await assert.rejects(readPictures(at('list.csv', text)), message);
  assert.deepEqual((await readLabels(at('list.csv', 'label;phrase;negative\nfruit;apple, red;\nfruit;;ball\n'))).labels.map(({ label, phrases, negatives }) => [label, phrases, negatives]),
    [['fruit', ['apple, red'], ['ball']]]);
});
