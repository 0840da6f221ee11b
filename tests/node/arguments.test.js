// What callers give: options that do not exist, parts that exclude each other, wrong types, the objects of reactive
// frameworks, and anything at all. Every answer is a KinError that says what was meant, or an AbortError.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { reactive, readonly, shallowReactive } from '@vue/reactivity';
import { observable } from 'mobx';
import { KinError, load, openCatalog } from '../../web/index.node.js';
import { drawing, tinyModel } from './cli-support.js';

const root = mkdtempSync(join(tmpdir(), 'kin-arguments-'));
const model = tinyModel(join(root, 'model'));
const image = drawing(3);
const fields = ['price', 'tags', 'sale'];
let clip, builder, bytes, catalog;

before(async () => {
  clip = await load({ model });
  builder = await clip.createCatalog({ fields });
  for (let i = 0; i < 5; i++)
    await builder.add({ id: `p${i}`, images: drawing(i), item: { title: `T ${i}`, price: i, tags: ['a'], sale: i > 2 } });
  bytes = await builder.save();
  catalog = await openCatalog(bytes, { clip });
});
after(async () => {
  await catalog.close();
  await clip.close();
  rmSync(root, { recursive: true });
});

const refused = async (call, message, code = 'bad-argument') =>
  assert.rejects(async () => call(), (error) => error instanceof KinError && error.code === code && message.test(error.message) ||
    assert.fail(`${call}: ${error.name} ${error.code} ${error.message}`));

test('an option that does not exist is refused, with the one that was meant', async () => {
  const cases = [
    [(options) => load({ model, ...options }), { devise: 'gpu' }, /^load\(\) has no 'devise': did you mean 'variant'\?$/],
    [(options) => load(options), { files: {} }, /'files': did you mean 'model'/],
    [(options) => load({ model, ...options }), { progress_callback() {} }, /no 'progress_callback'/],
    [(options) => load({ model, ...options }), { quantized: true }, /did you mean 'dtype'/],
    [(options) => openCatalog(bytes, options), { Clip: clip }, /^openCatalog\(\) has no 'Clip': did you mean 'clip'/],
    [(options) => openCatalog(bytes, options), { model }, /has no 'model'; it is one of clip, adapter, locale, fields, worker, resolve/],
    [(options) => clip.embedImage(image, options), { bbox: {} }, /^embedImage\(\) has no 'bbox': did you mean 'box'/],
    [(options) => clip.embedImage([image], options), { crop: {} }, /did you mean 'box'/],
    [(options) => clip.preprocess(image, options), { Fit: 'pad' }, /did you mean 'fit'/],
    [(options) => clip.embedText('a', options), { box: {} }, /^embedText\(\) has no 'box'; it is one of signal\.$/],
    [(options) => clip.tokenize('a', options), { max_length: 77 }, /no 'max_length'/],
    [(options) => clip.preload('image', options), { signals: 1 }, /did you mean 'signal'/],
    [(options) => clip.identify('image', options), { sginal: 1 }, /no 'sginal'/],
    [(options) => clip.classify(image, ['a'], options), { template: 'a {}' }, /did you mean 'templates'/],
    [(options) => clip.createCatalog(options), { columns: ['price'] }, /did you mean 'fields'/],
    [(options) => builder.add({ id: 'x', images: image }, options), { fit: 'pad' }, /^add\(\) has no 'fit'/],
    [(product) => builder.add({ id: 'x', ...product }), { image }, /^A product has no 'image': did you mean 'images'/],
    [(product) => builder.add({ id: 'x', images: image, ...product }), { metadata: {} }, /did you mean 'item'/],
    [(options) => builder.save(options), { path: 'x' }, /^save\(\) has no 'path': did you mean 'to'/],
    ...[['topK', 'limit'], ['top_k', 'limit'], ['k', 'limit'], ['n', 'limit'], ['Limit', 'limit'], ['limits', 'limit'], ['skip', 'offset'],
      ['filters', 'filter'], ['where', 'filter'], ['min_score', 'minScore'], ['threshold', 'minScore'], ['singal', 'signal']].map(([wrong, right]) =>
      [(options) => catalog.search({ like: 'p1' }, options), { [wrong]: 1 }, new RegExp(`^search\\(\\) has no '${wrong}': did you mean '${right}'\\?$`)]),
    [(options) => catalog.search({ like: 'p1' }, options), { rerank: true }, /^search\(\) has no 'rerank'; it is one of limit, offset, filter/],
    ...[['photo', 'image'], ['picture', 'image'], ['query', 'text'], ['ids', 'like'], ['embedding', 'vector']].map(([wrong, right]) =>
      [(query) => catalog.search(query), { [wrong]: 'p1' }, new RegExp(`^A query has no '${wrong}': did you mean '${right}'`)]),
    [(query) => catalog.search(query), { weight: -1, id: 'p1' }, /^A query has no 'weight'/],
    [(part) => catalog.search({ mix: [part] }), { like: 'p1' }, /^mix has no 'like'/],
    [(box) => clip.embedImage(image, { box }), { x: 0, y: 0, w: 1, h: 1 }, /^box has no 'w': did you mean 'width'/],
  ];
  for (const [call, wrong, message] of cases) {
    await refused(() => call(wrong), message);
    await refused(() => call(Object.fromEntries(Object.keys(wrong).map((name) => [name, undefined]))), message); // a slip all the same
  }
});

test('options and parts of a query that exclude each other are refused', async () => {
  await refused(() => catalog.search({ image, text: 'the' }), /has one of image, text.*not image and text: mix them/);
  await refused(() => catalog.search({ image, like: 'p1' }), /not image and like/);
  await refused(() => catalog.search({ text: 'a', unlike: 'p1' }), /not text and like/);
  await refused(() => catalog.search({ vector: new Float32Array(16), id: 'p1' }), /not vector and id/);
  await refused(() => catalog.search({ mix: [{ id: 'p1' }], text: 'a' }), /not text and mix/);
  await refused(() => catalog.search({ mix: [{ id: 'p1', text: 'a' }] }), /A part of mix has one of image, text, vector, id, not text and id/);
  await refused(() => catalog.search({ mix: [{ weight: 1 }] }), /not none/);
  await refused(() => catalog.search({ text: 'a', box: { x: 0, y: 0, width: 1, height: 1 } }), /box and fit go with an image, not with text/);
  await refused(() => catalog.search({ like: 'p1', fit: 'pad' }), /go with an image, not with like/);
  await refused(() => catalog.search({ mix: [{ id: 'p1', fit: 'pad' }] }), /go with an image, not with id/);
  await refused(() => builder.add({ id: 'x', images: image, vectors: [new Float32Array(16)] }), /images or vectors, not both/);
  await refused(() => load({ model, variant: 'simd', threads: 2 }), /has one thread/);
  for (const query of [{ image, text: null }, { image: undefined, text: 'the' }, { like: 'p1', unlike: null }]) // not given
    assert.ok((await catalog.search(query, null)).hits.length);
});

test('a box in pixels, beside the picture or without an area is refused; one over its edges is cut', async () => {
  const box = (x, y, width, height) => clip.preprocess(image, { box: { x, y, width, height } });
  for (const pixels of [[10, 10, 200, 200], [0, 0, 40, 40], [0, 0, 40, 0.5], [0.5, 0.5, 0.1, 3], [1, 0, 0.5, 0.5], [0, 1, 1, 1], [-0.5, 0, 0.5, 1],
    [10, 10, 50, 50], [0, -2, 1, 1]])
    await refused(() => box(...pixels), /^box is a part of the picture in fractions of it.*divide pixels by its width/);
  for (const none of [[0, 0, 0, 1], [0, 0, 1, -1]]) await refused(() => box(...none), /^box is a part/);
  for (const missing of [{ x: 0.1, y: 0.1 }, { x: 0, y: 0, width: 1 }, {}]) await refused(() => clip.embedImage(image, { box: missing }), /^box needs /);
  for (const wrong of [NaN, Infinity, '1', 1n, [1]]) await refused(() => box(0, 0, wrong, 1), /^width is a finite number/);
  for (const wrong of [[0, 0, 1, 1], '0,0,1,1', 5, true]) await refused(() => clip.embedImage(image, { box: wrong }), /^box takes \{ x, y, width, height \}/);
  assert.deepEqual(await box(-0.1, -0.1, 1.2, 1.3), await clip.preprocess(image));
  await refused(() => catalog.search({ image, box: { x: 10, y: 10, width: 200, height: 200 } }), /in fractions/);
});

test('an empty text is no query and no label', async () => {
  for (const empty of ['', ' ', '\n\t\u00a0']) {
    await refused(() => catalog.search({ text: empty }), /^text is a text that is not empty/);
    await refused(() => catalog.search({ mix: [{ id: 'p1' }, { text: empty }] }), /^text is a text that is not empty/);
    await refused(() => clip.classify(image, ['a', empty]), /^A label is a text that is not empty/);
    await refused(() => clip.embedImage(empty), /address of the picture is empty/);
    assert.equal((await clip.embedText(empty)).length, 16); // as the reference embeds it
  }
  await refused(() => clip.classify(image, ['a', 'b'], { templates: ['a photo'] }), /templates holds \{\}/);
});

test('what is of another type is refused by its name', async () => {
  const like = { like: 'p1' };
  const cases = [
    [() => catalog.search('photo.jpg'), /^A query takes \{ image, text, vector, id, like, unlike, mix, box, fit \}, not 'photo\.jpg'/], [() => catalog.search(), /^A query takes .*not undefined/],
    [() => catalog.search([like]), /^A query takes .*not a list/], [() => catalog.search({}), /^A query has one of image, text.*not none/],
    [() => catalog.search(like, 5), /^search\(\) takes \{ limit, .*not 5/], [() => catalog.search(like, new AbortController().signal), /^search\(\) takes \{ limit/],
    [() => catalog.search(like, { limit: '5' }), /^limit is a whole number of at least 0, not '5'/], [() => catalog.search(like, { limit: -1 }), /^limit/],
    [() => catalog.search(like, { offset: 1.5 }), /^offset/], [() => catalog.search(like, { minScore: '0.5' }), /^minScore is a finite number/],
    [() => catalog.search(like, { exact: 'yes' }), /^exact is true or false/], [() => catalog.search(like, { signal: {} }), /^signal is an AbortSignal/],
    [() => catalog.search({ like: [{}] }), /^like is a text/], [() => catalog.search({ vector: 'abc' }), /^vector is a list of finite numbers/],
    [() => catalog.search({ vector: ['1'] }), /^vector at place 0 is a finite number, not '1'/], [() => catalog.search({ vector: [1, 2] }), /16 finite numbers/],
    [() => catalog.search({ mix: [null] }), /^mix takes \{ image, text, vector, id, box, fit, weight \}, not null/], [() => catalog.search({ mix: {} }), /^mix is a list/],
    [() => catalog.search({ mix: [{ id: 'p1', weight: '1' }] }), /^weight is a finite number/],
    ...[[1e308, 1e308], [1e308, -1e308], [1, -1]].map((weights) => [() => catalog.search({ mix: weights.map((weight) => ({ id: 'p1', weight })) }),
      /^The weights cancel out or are too large/]),
    [() => catalog.get(), /^An id is a text/], [() => catalog.get([null]), /^An id/], [() => catalog.setFields({ id: 'p1' }), /^A row is a list/],
    [() => catalog.setFields([null]), /^A row is an object/], [() => catalog.setFields([{ price: 1 }]), /^id is a text/],
    [() => clip.embedText(5), /^A text is a text, not 5/], [() => clip.preload('sound'), /^A tower is 'image' or 'text', not 'sound'/],
    [() => clip.identify(), /^A tower/], [() => clip.classify(image, [5]), /^A label/], [() => clip.classify(image, []), /at least one label/],
    [() => clip.embedImage(image, { fit: 'stretch' }), /^fit is 'crop' or 'pad', not 'stretch'/],
    [() => clip.createCatalog({ fields: 'price' }), /^fields is a list, not 'price'/],
    [() => load({ model, threads: '2' }), /^threads is a whole number/], [() => load({ model, variant: 'x86' }), /^variant is 'simd' or .*, not 'x86'/],
    ...[0, -1, 1.5, NaN].map((threads) => [() => load({ model, threads }), /^threads is a whole number/]), [() => load({ model, fetch: true }), /^fetch is a function/],
    [() => load({ model, worker: 5 }), /^worker is an address/], [() => load({ model: 5 }), /^model is a folder's address/],
    [() => load({ model: {} }), /^model is/], [() => load({ model: { 'config.json': 5 } }), /^model is/], [() => load({ model: ['x'] }), /^model is/],
    [() => openCatalog(bytes, { clip: {} }), /^clip is not what load\(\) gave/], [() => openCatalog(5), /URL, a Blob/],
    [() => builder.add({ id: 5, vectors: [] }), /^id is a text/], [() => builder.add({ vectors: [] }), /^A product needs id/],
    [() => builder.add({ id: 'x', vectors: [['a']] }), /^vectors at place 0 is a finite number, not 'a'\.$/], [() => builder.save({ to: 7 }), /^to is a stream/],
    ...[NaN, 5n, () => {}, Symbol('x')].map((price) => [() => builder.add({ id: 'x', images: image, item: { price } }), /'price' of the product 'x'|BigInt/]),
  ];
  for (const [call, message] of cases) await refused(call, message);
  await refused(() => load(), /No model was given/, 'no-model');
  const circle = {};
  circle.price = circle;
  await refused(() => builder.add({ id: 'x', images: image, item: circle }), /circular/);
  assert.equal(builder.size, 5, 'what was refused left nothing behind');
  assert.equal(catalog.get(0 / 1), undefined); // numbers count as their text
});

test('a product that no catalogue can hold is refused when it is added, and those before it can be saved', async () => {
  const made = await clip.createCatalog({ fields: ['specs', 'toJSON'] });
  const vectors = [await clip.embedText('the')];
  const nested = (levels) => (levels ? { in: nested(levels - 1) } : 'x');
  await made.add({ id: 'a', vectors, item: { specs: nested(63) } });
  for (const item of [{ specs: nested(64) }, { specs: nested(1000) }, { toJSON: () => 5 }, { toJSON: () => {} }])
    await refused(() => made.add({ id: 'b', vectors, item }), /the product 'b'/);
  assert.equal(made.size, 1);
  await made.add({ id: '\ud800', vectors });
  assert.deepEqual([made.size, made.remove('\ud800'), made.size], [2, true, 1], 'a lone surrogate names in remove() what it named in add()');
  const opened = await openCatalog(await made.save());
  assert.deepEqual(opened.get('a').specs, nested(63));
  await opened.close();
});

// Reactive objects as pages have them, and a Proxy that answers with Proxies all the way down.
const deep = (value) => (value && typeof value === 'object' && [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))
  ? new Proxy(value, { get: (target, name, self) => deep(Reflect.get(target, name, self)) }) : value);
const ways = { reactive, readonly: (value) => readonly(reactive(value)), shallowReactive, observable, deep };

for (const [name, wrap] of Object.entries(ways))
  test(`${name}: boxes, labels, templates, fields, items, queries and filters of a reactive framework`, async () => {
    for (const worker of [undefined, false]) {
      const own = await load(wrap({ model: wrap(Object.fromEntries(['config.json', 'preprocessor_config.json', 'vocab.json', 'merges.txt', 'model.safetensors']
        .map((file) => [file, join(model, file)]))), worker }));
      const box = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };
      assert.deepEqual(await own.preprocess(image, wrap({ box })), await clip.preprocess(image, { box }));
      assert.deepEqual(await own.embedImage(wrap([image, image]), { box: wrap(box) }), await clip.embedImage([image, image], { box }));
      const pixels = { data: new Uint8Array(32 * 32 * 3).fill(9), width: 32, height: 32 };
      assert.deepEqual(await own.embedImage(wrap(pixels)), await clip.embedImage(pixels));
      assert.deepEqual(await own.embedText(wrap(['the', 'x'])), await clip.embedText(['the', 'x']));
      const labels = ['the', 'x'], templates = ['a {}', '{} {}'];
      assert.deepEqual(await own.classify(image, wrap(labels), { templates: wrap(templates) }), await clip.classify(image, labels, { templates }));
      const made = await own.createCatalog(wrap({ fields }));
      for (let i = 0; i < 5; i++)
        await made.add(wrap({ id: `p${i}`, vectors: [await clip.embedImage(drawing(i))], item: { title: `T ${i}`, price: i, tags: ['a'], sale: i > 2 } }));
      assert.deepEqual(await made.save({ decoders: wrap(['own']) }), bytes);
      const opened = await openCatalog(bytes, { clip: own });
      const ids = async (...given) => (await opened.search(...given)).hits.map(({ id }) => id);
      const vector = await clip.embedText('the');
      for (const query of [{ image, box }, { vector: [...vector] }, { like: ['p1', 'p2'], unlike: ['p0'] }, { mix: [{ id: 'p1', weight: 2 }, { text: 'x' }] }])
        assert.deepEqual(await ids(wrap(query), wrap({ limit: 3, filter: { price: { in: [1, 2, 3, 4] }, or: [{ sale: true }, { tags: { has: 'a' } }] } })),
          (await catalog.search(query, { limit: 3, filter: { price: { in: [1, 2, 3, 4] } } })).hits.map(({ id }) => id));
      opened.setFields(wrap([{ id: 'p1', price: 50, tags: ['b', 'c'] }]));
      assert.deepEqual([opened.get(wrap(['p1']))[0].tags, await ids({ like: 'p0' }, { filter: 'price > 40' })], [['b', 'c'], ['p1']]);
      await opened.close();
      await own.close();
    }
  });

test('a clip and a catalogue work inside of a reactive object, and taken apart', async () => {
  for (const wrap of [...Object.values(ways), (value) => ({ clip: new Proxy(value.clip, {}), catalog: new Proxy(value.catalog, {}), builder: new Proxy(value.builder, {}) })]) {
    const state = wrap({ clip, catalog, builder });
    assert.equal((await state.catalog.search({ text: 'the' })).hits.length, 5);
    assert.equal((await state.clip.embedImage(image)).length, 16);
    assert.deepEqual([state.catalog.info.products, state.catalog.closed, state.clip.info.dim, state.clip.closed, state.builder.size], [5, false, 16, false, 5]);
  }
  const { search, get } = catalog, { embedText, classify } = clip;
  assert.equal((await search({ vector: await embedText('the') })).hits.length, 5);
  assert.equal(get('p1').price, 1);
  assert.equal((await classify(image, ['a', 'b'])).length, 2);
});

test('what is removed while it is being added does not come back', async () => {
  const made = await clip.createCatalog();
  const gone = made.add({ id: 'a', images: image, item: { title: 'first' } });
  const stays = made.add({ id: 'b', images: image });
  assert.deepEqual([made.remove('a'), made.remove('a'), made.size], [true, false, 1]);
  const again = made.add({ id: 'a', images: image, item: { title: 'second' } });
  await assert.rejects(gone, { name: 'AbortError' });
  await Promise.all([stays, again]);
  assert.equal(made.size, 2);
  const opened = await openCatalog(await made.save());
  assert.deepEqual(opened.get(['a', 'b']).map(({ title }) => title), ['second', undefined]);
  await opened.close();
});

test('what an item was when it was added is saved, whatever becomes of it', async () => {
  const made = await clip.createCatalog({ fields: ['price', 'aborted'] });
  const item = reactive({ title: 'before', price: 1, aborted: 'no signal' });
  await made.add({ id: 'a', vectors: [await clip.embedText('the')], item });
  item.title = 'after';
  const opened = await openCatalog(await made.save());
  assert.equal(opened.get('a').title, 'before');
  opened.setFields([{ id: 'a', aborted: 'still none' }]);
  assert.equal(opened.get('a').aborted, 'still none');
  await opened.close();
});

/* ---- anything at all ---- */

const thrower = () => {
  throw Symbol('thrown');
};
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const odd = () => [undefined, null, true, 0, -1, NaN, Infinity, 2 ** 53, 1e300, 5n, '', ' ', 'x', '\ud800', 'http://[', 'x'.repeat(1e5), Symbol('s'), () => {}, thrower,
  class {}, [], [[]], [null], [undefined], [5n], [Symbol('s')], [{}], [[1, 2]], new Array(3), {}, Object.create(null), { length: 1e9 }, { 0: 1, length: 1 }, { x: NaN },
  new Date(NaN), /x/, new Map([[1, 2]]), new Set([1]), new Error('e'), Promise.resolve(1), new WeakMap(), new ArrayBuffer(0), new ArrayBuffer(9), new Uint8Array(),
  new Float32Array(16), new BigInt64Array(16), new DataView(new ArrayBuffer(4)), new URL('http://a/'), new AbortController(), revoked(), deep({}), deep([]),
  new Proxy({}, { get: thrower }), new Proxy({}, { ownKeys: thrower }), new Proxy([], { get: thrower }), new Proxy(new Uint8Array(4), {}), new Proxy(new Blob(['x']), {}),
  new Proxy(AbortSignal.abort(), {}), { toString: thrower, valueOf: thrower }, { toJSON: thrower }, { [Symbol.toPrimitive]: thrower }, { [Symbol.iterator]: thrower },
  { get [Symbol.toStringTag]() { return thrower(); } }, { then: thrower }, JSON.parse('{"__proto__":{"a":1}}'), globalThis, Math, JSON];
// An object with `names`, one of them odd, or a getter that throws.
const withOdd = (base, ...names) => names.flatMap((name) => [...odd().map((value) => ({ ...base, [name]: value })),
  Object.defineProperty({ ...base }, name, { enumerable: true, get: thrower })]);

test('whatever is given, what comes out is a KinError with a sentence, or an AbortError', async () => {
  const here = await load({ model, worker: false }); // arguments by reference: nothing is cloned on the way
  const bare = await openCatalog(bytes, { worker: false, clip: here });
  const raw = { data: new Uint8Array(12), width: 2, height: 2 };
  const box = { x: 0, y: 0, width: 1, height: 1 };
  const boxes = withOdd(box, 'x', 'y', 'width', 'height');
  const picture = [...withOdd({}, 'box', 'fit', 'signal'), ...boxes.map((one) => ({ box: one }))];
  const signals = withOdd({}, 'signal');
  const pixels = withOdd(raw, 'data', 'width', 'height');
  const run = ['worker', 'resolve', 'fetch', 'cache', 'stall', 'signal', 'onProgress'];
  const like = { like: 'p1' };
  let tried = 0, taken = 0;
  for (const [one, its] of [[clip, catalog], [here, bare]]) {
    const made = await one.createCatalog({ fields });
    await made.add({ id: 'a', vectors: [new Float32Array(16).fill(1)] });
    const calls = [
      ...[...odd(), ...pixels].flatMap((value) => [() => one.embedImage(value), () => one.embedImage([value]), () => one.preprocess(value),
        () => one.classify(value, ['a']), () => one.hiddenStates(value), () => its.search({ image: value }), () => made.add({ id: 'x', images: value })]),
      ...[...odd(), ...picture].flatMap((value) => [() => one.embedImage(raw, value), () => one.preprocess(raw, value), () => one.classify(raw, ['a'], value), () => one.hiddenStates(raw, value)]),
      ...[...odd(), ...signals].flatMap((value) => [() => one.embedText('a', value), () => one.tokenize('a', value), () => one.preload('image', value),
        () => one.identify('text', value), () => made.add({ id: 'y', images: raw }, value)]),
      ...odd().flatMap((value) => [() => one.embedText(value), () => one.embedText([value]), () => one.tokenize(value), () => one.preload(value), () => one.identify(value),
        () => one.classify(raw, value), () => one.classify(raw, [value]), () => one.hiddenStates({ text: value }), () => one.createCatalog(value), () => its.search(value),
        () => its.search(like, value), () => its.get(value), () => its.get([value]), () => its.setFields(value), () => its.setFields([value]), () => made.add(value),
        () => made.remove(value)]),
      ...withOdd({}, 'layer', 'norm', 'signal', 'box').map((value) => () => one.hiddenStates({ text: 'a' }, value)),
      ...withOdd({}, 'templates').map((value) => () => one.classify(raw, ['a'], value)),
      ...withOdd({}, 'fields', 'fit').map((value) => () => one.createCatalog(value)),
      ...withOdd({ id: 'z', vectors: [new Float32Array(16).fill(1)] }, 'id', 'item', 'vectors').map((value) => () => made.add(value)),
      ...withOdd({ title: 't' }, 'title', 'price').map((item) => () => made.add({ id: 'q', item, vectors: [new Float32Array(16).fill(1)] })),
      ...(one === here ? [...odd(), ...withOdd({}, 'decoders', 'model', 'signal')] : []).map((value) => () => made.save(value)),
      ...(one === here ? odd() : []).map((to) => () => made.save({ to: typeof to === 'string' ? join(root, 'none', `${to}\0`) : to })),
      ...withOdd(like, 'limit', 'offset', 'filter', 'minScore', 'exact', 'signal').map((value) => () => its.search(like, value)),
      ...withOdd({}, 'image', 'text', 'vector', 'id', 'like', 'unlike', 'mix').map((value) => () => its.search(value)),
      ...withOdd({ id: 'p1' }, 'weight', 'id', 'vector', 'text', 'box').map((part) => () => its.search({ mix: [part] })),
      ...withOdd({}, 'price', 'tags', 'and', 'or', 'not').map((filter) => () => its.search(like, { filter })),
      ...odd().flatMap((value) => [() => its.search(like, { filter: { price: { lt: value } } }), () => its.search(like, { filter: { price: { in: [value] } } })]),
      ...withOdd({ id: 'p1' }, 'id', 'price', 'fresh').map((row) => () => its.setFields([row])),
    ];
    for (const call of calls) {
      tried++;
      try {
        await call();
        taken++;
      } catch (error) {
        if (error?.name !== 'AbortError' || !(error instanceof DOMException))
          assert.ok(error instanceof KinError && error.code !== 'failed' && /^\S.*[.?]$/s.test(error.message), `${call}: ${String(error?.stack ?? error)}`);
      }
    }
  }
  const opened = [...odd(), ...withOdd({ model, worker: false }, ...run, 'model', 'dtype', 'decode', 'threads', 'variant', 'decoders')].map((value) => () => load(value))
    .concat([...odd(), ...withOdd({ worker: false }, ...run, 'clip')].map((value) => () => openCatalog(bytes, value)), odd().map((value) => () => openCatalog(value, { worker: false })));
  for (const [i, call] of opened.entries()) {
    tried++;
    try {
      await (await call()).close();
      taken++;
    } catch (error) {
      assert.ok(error instanceof KinError || error?.name === 'AbortError', `${i} ${call}: ${String(error?.stack ?? error)}`);
    }
  }
  assert.ok(tried > 5000 && taken > 100 && taken < tried / 2, `${taken} of ${tried} were taken`);
  assert.deepEqual(await here.embedText('the'), await clip.embedText('the'), 'both still work');
  await bare.close();
  await here.close();
});
