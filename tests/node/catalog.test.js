// Building, opening and searching a catalogue, against sums done here.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { load, openCatalog } from '../../web/index.node.js';
import { readHeader } from '../../catalog/lib/tensors.js';
import { Engine, openEngine } from '../../web/worker/engine.js';
import { mended, seeded } from './checksums.js';
import { drawing, tinyModel } from './cli-support.js';

const root = mkdtempSync(join(tmpdir(), 'kin-catalog-'));
const n = 30;
const shared = {};
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const unit = (vector) => {
  const length = Math.sqrt(dot(vector, vector));
  return Array.from(vector, (value) => value / length);
};
const near = (a, b, gap = 1e-4) => assert.ok(Math.abs(a - b) < gap, `${a} is not ${b}`);

async function build(clip, fit) {
  const builder = await clip.createCatalog({ fields: ['price', 'colour'], fit });
  for (let i = 0; i < n; i++)
    await builder.add({ id: `p${i}`, images: drawing(i), item: { title: `T ${i}`, price: i, colour: i % 2 ? 'red' : 'blue', cost: 1 } });
  await builder.add({ id: 'zwei', images: [drawing(100), drawing(101)], item: { image: ['a.png', 'b.png'] } });
  return builder;
}

before(async () => {
  shared.clip = await load({ model: tinyModel(join(root, 'model')) });
  shared.builder = await build(shared.clip);
  shared.bytes = await shared.builder.save();
  shared.catalog = await openCatalog(shared.bytes, { clip: shared.clip });
  shared.vectors = await shared.clip.embedImage([...Array(n).keys(), 100, 101].map((i) => drawing(i)));
});
after(async () => {
  await shared.catalog.close();
  await shared.clip.close();
  rmSync(root, { recursive: true });
});

test('the same products give the same bytes, and only named fields are in them', async () => {
  assert.deepEqual(await (await build(shared.clip)).save(), shared.bytes);
  assert.doesNotMatch(Buffer.from(shared.bytes).toString('latin1'), /"cost"/);
  const other = await (await build(shared.clip, 'pad')).save();
  assert.match(Buffer.from(other.subarray(0, 2000)).toString(), /"kin\.fit":"pad"/);
});

test('the file says what it is', async () => {
  const { info, fields } = shared.catalog;
  assert.deepEqual([info.products, info.pictures, info.dim, info.exact], [n + 1, n + 2, 16, true]);
  const { metadata } = info;
  assert.deepEqual([metadata['kin.format'], metadata['kin.kind'], metadata['kin.numerics'], metadata['kin.fit'],
    metadata['kin.decoders']], ['2', 'catalog', '2', 'crop', 'own']);
  assert.equal(metadata['kin.image_id'], await shared.clip.identify('image'));
  assert.equal(metadata['kin.text_id'], await shared.clip.identify('text'));
  assert.deepEqual(fields, { title: 'string', price: 'number', colour: 'string', id: 'string', image: 'list' });
});

test('a picture finds its own product; order and scores are those of the cosines', async () => {
  const { catalog, vectors } = shared;
  for (const i of [0, 7, 29]) {
    const { hits, total } = await catalog.search({ image: drawing(i) }, { limit: 100 });
    assert.equal(total, n + 1);
    assert.equal(hits.length, n + 1);
    for (const hit of hits.filter((one) => one.id !== 'zwei'))
      near(hit.score, dot(vectors[i], vectors[Number(hit.id.slice(1))]), 0.02);
    hits.forEach((hit, at) => {
      assert.equal(hit.position, at);
      if (at) assert.ok(hits[at - 1].score >= hit.score);
      near(hit.contributions[0], hit.score);
      assert.ok(hit.confidence >= 0 && hit.confidence <= 1);
      assert.equal(hit.item.id, hit.id);
    });
    near(hits.find((hit) => hit.id === `p${i}`).score, 1, 1e-3);
  }
});

test('a search crosses to each worker once', async (t) => {
  await shared.catalog.search({ image: drawing(7) });
  await shared.catalog.search({ text: 'the' });
  const post = t.mock.method(Worker.prototype, 'postMessage');
  await shared.catalog.search({ image: drawing(7) });
  await shared.catalog.search({ text: 'the' });
  assert.deepEqual(post.mock.calls.flatMap(({ arguments: [sent] }) => ('ping' in sent ? [] : [sent.call])), // client.js: #watch
    ['embedImage', 'search', 'embedTexts', 'search']);
});

test('a product with two pictures comes once, with the one that fits', async () => {
  for (const [i, index, url] of [[100, 0, 'a.png'], [101, 1, 'b.png']]) {
    const { hits } = await shared.catalog.search({ image: drawing(i) }, { limit: 100 });
    const own = hits.filter((hit) => hit.id === 'zwei');
    assert.equal(own.length, 1);
    assert.deepEqual(own[0].image, { url, index });
  }
});

test('pages follow each other', async () => {
  const all = await shared.catalog.search({ text: 'the' }, { limit: 100 });
  const ids = [];
  for (let offset = 0; offset < 40; offset += 7) {
    const { hits, truncated, total } = await shared.catalog.search({ text: 'the' }, { limit: 7, offset });
    assert.deepEqual(hits.map((hit) => hit.position), hits.map((_, i) => offset + i));
    assert.equal(truncated, offset + hits.length < total);
    ids.push(...hits.map((hit) => hit.id));
  }
  assert.deepEqual(ids, all.hits.map((hit) => hit.id));
  assert.notEqual(all.queryId, (await shared.catalog.search({ text: 'the' })).queryId);
});

test('filters, minScore and changed fields', async () => {
  const { catalog } = shared;
  const ids = async (options) => {
    const { hits, total } = await catalog.search({ like: 'p0' }, { limit: 100, ...options });
    assert.equal(total, hits.length);
    return hits.map((hit) => hit.id).sort();
  };
  assert.deepEqual(await ids({ filter: 'price < 4 and colour = red' }), ['p1', 'p3']);
  assert.deepEqual(await ids({ filter: { price: { in: [5, 6] } } }), ['p5', 'p6']);
  assert.deepEqual(await ids({ filter: 'price = null' }), ['zwei']);
  const all = await catalog.search({ like: 'p0' }, { limit: 100 });
  const least = all.hits[9].score;
  assert.equal((await ids({ minScore: least })).length, all.hits.filter((hit) => hit.score >= least).length);
  assert.deepEqual(await ids({ minScore: 1.5 }), []);
  await assert.rejects(ids({ filter: 'size = 3' }), { code: 'bad-filter', message: /colour, id, image, price, title/ });
  catalog.setFields([{ id: 'p9', price: 1000, fresh: true }]);
  assert.deepEqual(await ids({ filter: 'price > 999' }), ['p9']);
  assert.deepEqual(await ids({ filter: 'fresh' }), ['p9']);
  assert.equal(catalog.get('p9').price, 1000);
  assert.throws(() => catalog.setFields([{ id: 'p8', price: 5000 }, { id: 'none', price: 1 }]), { code: 'unknown-id' });
  assert.equal(catalog.get('p8').price, 8, 'all of the rows or none');
  catalog.get('p7').price = -1;
  assert.equal(catalog.get('p7').price, 7, 'get gives copies');
  assert.deepEqual(catalog.get(['p1', 'none']).map((item) => item?.title), ['T 1', undefined]);
});

test('setFields cannot flip a type, and takes nothing a filter could not read', async () => {
  const catalog = await openCatalog(shared.bytes, { worker: false });
  const refuse = (row, message) =>
    assert.throws(() => catalog.setFields([{ id: 'p1', price: 500 }, row]), { code: 'bad-argument', message });
  refuse({ id: 'p2', price: '19,90' }, /'price' is a number .*'p2'.*"19,90"/);
  refuse({ id: 'p0', price: '5' }, /'price' is a number/);
  refuse({ id: 'p2', colour: 5 }, /'colour' is a string/);
  refuse({ id: 'p2', price: NaN }, /'price' of 'p2' is no string/);
  refuse({ id: 'p2', price: { eur: 3 } }, /'price' of 'p2' is no string/);
  refuse({ id: 'p2', tags: ['a', 3] }, /'tags' of 'p2' is no string/);
  assert.throws(() => catalog.setFields([{ id: 'p1', fresh: true }, { id: 'p2', fresh: 'yes' }]), /'fresh' is a boolean/);
  assert.equal(catalog.get('p1').price, 1, 'all of the rows or none');
  assert.equal(catalog.fields.fresh, undefined);
  catalog.setFields([{ id: 'p1', price: null, tags: ['a'] }, { id: 'p2', tags: [], image: ['a.png', 'b.png'] }]);
  assert.deepEqual([catalog.fields.price, catalog.fields.tags], ['number', 'list']);
  const { hits } = await catalog.search({ like: 'p0' }, { filter: 'price < 4' });
  assert.deepEqual(hits.map(({ id }) => id).sort(), ['p2', 'p3']);
  await catalog.close();
});

test('fields named constructor, toString and __proto__ are fields like others', async () => {
  const builder = await shared.clip.createCatalog({ fields: ['constructor', 'toString', '__proto__'] });
  const item = '{"constructor":"Ferrari","toString":"y","__proto__":"a"}';
  await builder.add({ id: '1', vectors: [shared.vectors[0]], item: JSON.parse(item) });
  await builder.add({ id: '2', vectors: [shared.vectors[1]] });
  const catalog = await openCatalog(await builder.save(), { worker: false });
  const found = async (filter) =>
    (await catalog.search({ vector: shared.vectors[0] }, { filter })).hits.map(({ id }) => id);
  assert.deepEqual(Object.keys(catalog.fields).sort(), ['__proto__', 'constructor', 'id', 'toString']);
  assert.equal(JSON.stringify(catalog.get('1')), `${item.slice(0, -1)},"id":"1"}`);
  for (const filter of ['constructor = Ferrari', 'toString = y', '__proto__ = a'])
    assert.deepEqual(await found(filter), ['1'], filter);
  assert.deepEqual(await found('constructor = null'), ['2']);
  catalog.setFields([JSON.parse('{"id":"2","__proto__":"b","valueOf":3}')]);
  assert.deepEqual(await found('__proto__ = b'), ['2']);
  assert.deepEqual(await found('valueOf > 2'), ['2']);
  await catalog.close();
});

test('like, unlike and mix are weighted sums of unit vectors', async () => {
  const { catalog, vectors } = shared;
  const check = async (query, parts, left) => {
    const sum = Array.from({ length: 16 }, (_, i) => parts.reduce((all, [weight, k]) => all + weight * unit(vectors[k])[i], 0));
    const { hits } = await catalog.search(query, { limit: 100 });
    assert.deepEqual(hits.filter((hit) => left.includes(hit.id)), []);
    assert.equal(hits.length, n + 1 - left.length);
    for (const hit of hits.filter((one) => one.id !== 'zwei')) {
      near(hit.score, dot(unit(sum), unit(vectors[Number(hit.id.slice(1))])), 0.03);
      near(hit.contributions.reduce((a, b) => a + b), hit.score, 1e-9);
      assert.equal(hit.contributions.length, parts.length);
    }
  };
  await check({ like: ['p1', 'p2'] }, [[0.5, 1], [0.5, 2]], ['p1', 'p2']);
  await check({ like: ['p1'], unlike: ['p2', 'p3'] }, [[1, 1], [-0.25, 2], [-0.25, 3]], ['p1', 'p2', 'p3']);
  await check({ unlike: 'p4' }, [[-0.5, 4]], ['p4']);
  await check({ mix: [{ image: drawing(5), weight: 2 }, { id: 'p6', weight: -0.5 }, { vector: vectors[7] }] },
    [[2, 5], [-0.5, 6], [1, 7]], ['p6']);
});

test('wrong queries are typed errors', async () => {
  const { catalog, vectors } = shared;
  const cases = [
    ['bad-argument', {}], ['bad-argument', null], ['bad-argument', { like: [] }], ['bad-argument', { mix: [] }],
    ['unknown-id', { like: ['none'] }], ['bad-argument', { vector: [1, 2] }], ['bad-argument', { vector: new Float32Array(16) }],
    ['bad-argument', { vector: new Float32Array(16).fill(NaN) }], ['bad-argument', { mix: [{ id: 'p1', weight: Infinity }] }],
    ['bad-argument', { mix: [{ vector: vectors[1] }, { vector: vectors[1], weight: -1 }] }], ['bad-argument', { text: 5 }],
    ['bad-argument', { like: ['p1'] }, { limit: -1 }], ['bad-argument', { like: ['p1'] }, { offset: 0.5 }],
    ['bad-argument', { like: ['p1'] }, { minScore: NaN }], ['bad-argument', { like: ['p1'] }, { minConfidence: 1.1 }],
    ['bad-argument', { like: ['p1'] }, { diversity: -0.1 }], ['bad-argument', { like: ['p1'] }, { facets: 'size' }],
    ['bad-argument', { like: ['p1'] }, { facets: [''] }], ['bad-argument', { like: ['p1'] }, { onUpdate: 1 }],
  ];
  for (const [code, query, options] of cases)
    await assert.rejects(catalog.search(query, options), { name: 'KinError', code }, JSON.stringify(query));
  await assert.rejects(catalog.search({ like: 'p1' }, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('no model, another model, another dtype', async () => {
  const bare = await openCatalog(shared.bytes, { worker: false });
  assert.equal((await bare.search({ like: 'p1' })).hits.length, 24);
  await assert.rejects(bare.search({ image: drawing(1) }), { code: 'no-model' });
  await assert.rejects(bare.search({ text: 'the' }), { code: 'no-model' });
  await bare.close();
  await assert.rejects(bare.search({ like: 'p1' }), { code: 'closed' });
  for (const options of [{ model: tinyModel(join(root, 'other'), 5) }, { model: join(root, 'model'), dtype: 'f32' }]) {
    const clip = await load(options);
    const catalog = await openCatalog(shared.bytes, { clip });
    await assert.rejects(catalog.search({ image: drawing(1) }), { code: 'model-mismatch', message: /build it again/ });
    await catalog.close();
    await clip.close();
  }
});

test('numbers of another release open, and say that they are inexact', async () => {
  const changed = Buffer.from(shared.bytes);
  changed.write('1', changed.indexOf('"kin.numerics":"2"') + '"kin.numerics":"'.length);
  const catalog = await openCatalog(mended(changed));
  assert.equal(catalog.info.exact, false);
  assert.match(catalog.info.exactReason, /build it again/);
  assert.equal((await catalog.search({ like: 'p1' }, { limit: 3 })).hits.length, 3);
  await catalog.close();
});

test('no bit of a file is flipped unnoticed: 10,000 of them, each refused', async () => {
  const engine = await openEngine(await WebAssembly.compile(readFileSync(new URL('../../web/wasm/kin-simd.wasm', import.meta.url))));
  const file = Buffer.from(shared.bytes);
  const told = new Map();
  const open = () => engine.with([file], (at, n) => engine.pointer('kin_catalog_open', at, n, engine.error));
  for (const bit of seeded(10_000, 8 * file.length)) {
    file[bit >> 3] ^= 1 << (bit & 7);
    assert.equal(open(), 0, `bit ${bit} of byte ${bit >> 3}`);
    assert.throws(() => engine.throwError(), ({ code, message }) => {
      const part = message.match(/ is damaged: (its header)|Other bytes than were written are in: ([\w, ]+)\.$/)?.slice(1).find(Boolean) ?? 'syntax';
      told.set(part, (told.get(part) ?? 0) + 1);
      return code === 'not-a-catalog';
    });
    file[bit >> 3] ^= 1 << (bit & 7);
  }
  assert.ok(open());
  for (const part of [...Object.keys(readHeader(file).tensors), 'its header', 'syntax']) assert.ok(told.get(part), `${part}: ${JSON.stringify([...told])}`);
});

test('a catalogue of before checksums is to be built again', async () => {
  const old = Buffer.from(shared.bytes);
  old.write('1', old.indexOf('"kin.format":"2"') + '"kin.format":"'.length);
  await assert.rejects(openCatalog(mended(old)), { code: 'unsupported', message: /not of format 2 .*build it again/ });
  old.write('kin.crc33', old.indexOf('kin.crc32'));
  await assert.rejects(openCatalog(old), { code: 'unsupported', message: /build it again/ });
});

test('an item that is none is told where it is read; the others stay', async () => {
  const at = Buffer.from(shared.bytes).indexOf('{"title":"T 3"');
  const end = Buffer.from(shared.bytes).indexOf('\n', at);
  for (const text of ['null', '[1]', '"x"', '{', '']) {
    const changed = Buffer.from(shared.bytes);
    changed.write(text.padEnd(end - at), at);
    const catalog = await openCatalog(mended(changed), { worker: false });
    assert.equal(catalog.get('p4').title, 'T 4');
    const told = { code: 'not-a-catalog', message: /^Item 3 .*build the catalogue again/ };
    assert.throws(() => catalog.get('p3'), told);
    await assert.rejects(catalog.search({ like: 'p1' }, { filter: 'price < 3' }), told);
    await catalog.close();
  }
});

test('the builder refuses what makes no product', async () => {
  const builder = await shared.clip.createCatalog();
  const vector = shared.vectors[0];
  for (const product of [{ id: '', vectors: [vector] }, { id: 5, vectors: [vector] }, { id: 'a' }, { id: 'a', vectors: [] },
    { id: 'a', vectors: [new Float32Array(3)] }, { id: 'a', vectors: [new Float32Array(16)] },
    { id: 'a', vectors: [new Float32Array(16).fill(Infinity)] }])
    await assert.rejects(builder.add(product), { code: 'bad-argument' }, JSON.stringify(product));
  await assert.rejects(builder.add({ id: 'a', images: [drawing(1), new Uint8Array(9)] }), { code: 'unsupported-image' });
  await assert.rejects(builder.save(), { code: 'bad-argument' });
  await builder.add({ id: 'a', vectors: [vector] });
  await assert.rejects(builder.add({ id: 'a', vectors: [vector] }), { code: 'bad-argument', message: /already/ });
  await builder.add({ id: 'ä', vectors: [vector] });
  await builder.add({ id: '\u{1F600}', vectors: [vector] });
  await builder.add({ id: '\uFB01', vectors: [vector] }); // after it by UTF-16, before it by UTF-8
  assert.equal(builder.remove('a'), true);
  assert.equal(builder.remove('a'), false);
  const catalog = await openCatalog(await builder.save());
  assert.equal(catalog.info.products, 3);
  await catalog.close();
});

test('save writes to streams, files and folders', async () => {
  const parts = [];
  const stream = () => new WritableStream({ write: (part) => { parts.push(part); } });
  const bytes = Buffer.from(await shared.builder.save({ to: stream() }));
  await shared.builder.save({ to: { createWritable: stream } }); // a page's file
  await shared.builder.save({ to: { getFileHandle: async (name) => ({ createWritable: stream, name }) } });
  assert.deepEqual(Buffer.concat(parts), Buffer.concat([bytes, bytes, bytes]));
  const folder = join(root, 'saved');
  mkdirSync(folder);
  for (const to of [folder, join(folder, 'a.kin'), join(folder, 'a.kin'), pathToFileURL(join(folder, 'b.kin'))])
    await shared.builder.save({ to });
  assert.deepEqual(readdirSync(folder).sort(), ['a.kin', 'b.kin', 'catalog.safetensors']);
  for (const name of readdirSync(folder)) assert.deepEqual(readFileSync(join(folder, name)), bytes);
  await assert.rejects(shared.builder.save({ to: join(folder, 'none', 'a.kin') }), { code: 'unreadable', message: /ENOENT/ });
  await assert.rejects(shared.builder.save({ to: 7 }), { code: 'bad-argument' });
});

test('a long file is written in pieces as it comes; a stream that fails is told, and given up', async () => {
  const builder = await shared.clip.createCatalog();
  for (let i = 0; i < 12; i++)
    await builder.add({ id: `p${i}`, vectors: [shared.vectors[i]], item: { title: `${i}`.repeat(200_000) } });
  const parts = [];
  const bytes = await builder.save({ to: new WritableStream({ write: (part) => { parts.push(part); } }) });
  assert.ok(bytes.length > 2 ** 21 && parts.length > 2, `${parts.length} pieces`);
  assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes));
  const catalog = await openCatalog(bytes);
  assert.equal(catalog.get('p7').title, '7'.repeat(200_000));
  await catalog.close();
  await assert.rejects(builder.save({ to: new WritableStream({ write: () => Promise.reject(new Error('full')) }) }),
    { code: 'unreadable', message: 'The catalogue cannot be written: full.' });
  const taken = new WritableStream();
  taken.getWriter();
  const denied = () => Promise.reject(new DOMException('not allowed', 'NotAllowedError'));
  for (const to of [taken, { createWritable: denied }, { getFileHandle: denied }, new WritableStream({ close: denied })])
    await assert.rejects(builder.save({ to }), { name: 'KinError', code: 'unreadable' });
  let told;
  const controller = new AbortController();
  const slow = new WritableStream({ write: () => controller.abort(), abort: (error) => { told = error; } });
  await assert.rejects(builder.save({ to: slow, signal: controller.signal }), { name: 'AbortError' });
  assert.equal(told.name, 'AbortError');
  for (const what of ['write', 'close']) { // a stream that never answers
    const cancel = new AbortController();
    const hangs = () => {
      queueMicrotask(() => cancel.abort());
      return new Promise(() => {});
    };
    await assert.rejects(builder.save({ to: new WritableStream({ [what]: hangs }), signal: cancel.signal }), { name: 'AbortError' });
  }
  assert.deepEqual(await builder.save(), bytes);
});

test('a worker that dies loses no product', async (t) => {
  const [flag, folder] = [join(root, 'die-at'), join(root, 'crash')];
  mkdirSync(folder);
  const source = `data:text/javascript,${encodeURIComponent(`
    import { existsSync, readFileSync, unlinkSync } from 'node:fs';
    import { parentPort } from 'node:worker_threads';
    import '${new URL('../../web/worker/worker.node.js', import.meta.url)}';
    parentPort.on('message', ({ call, args }) => {
      const named = call === 'run' ? args[1][0][1] : call; // the first of the engine's functions
      if (!existsSync('${flag}') || readFileSync('${flag}', 'utf8') !== named) return;
      unlinkSync('${flag}');
      process.exit(3);
    });`)}`;
  const clip = await load({ model: join(root, 'model'), worker: new URL(source) });
  t.after(() => clip.close());
  const builder = await build(clip);
  for (const call of ['embedImage', 'openEngine', 'kin_writer_begin', 'kin_writer_add', 'kin_writer_end', 'kin_writer_take']) {
    writeFileSync(flag, call);
    const failing = call === 'embedImage' ? builder.add({ id: 'new', images: drawing(1) }) : builder.save({ to: folder });
    await assert.rejects(failing, { code: 'crashed' }, call);
    assert.deepEqual(readdirSync(folder), [], 'nothing half written is left');
    assert.deepEqual(await builder.save(), shared.bytes, call);
  }
});

test('a worker that began anew is not taken for the one that has the products', async () => {
  const { EngineCore } = await import('../../web/worker/engine-core.js');
  const platform = await import('../../web/worker/platform.node.js');
  const [one, anew] = [new EngineCore(platform, { io: {} }), new EngineCore(platform, { io: {} })];
  const { session, facts } = await one.open();
  await anew.open();
  assert.equal(facts.limits.nullProducts, 16);
  const { value: writer } = one.run(session, [['pointer', 'kin_writer_begin', 2, '{}', 2]]);
  const product = (id) => ['status', 'kin_writer_add', writer, id, id.length, '{}', 2, Int8Array.of(1, 2), 1];
  one.run(session, [product('a'), product('b')]);
  assert.throws(() => anew.run(session, [product('c')]), { code: 'crashed', message: /call it once more/ });
  assert.throws(() => one.run(session, [product('c'), product('b')]), { code: 'bad-argument', message: /'b' already/ });
  assert.throws(() => one.run(session, [['pointer', 'kin_writer_begin', 0, '{}', 2]]), { code: 'bad-argument' });
  assert.equal(one.run(session, [['status', 'kin_writer_end', writer]]).value, false);
  const { value: size } = one.run(session, [['number', 'kin_writer_bytes', writer]]);
  const { bytes } = one.run(session, [['number', 'kin_writer_take', writer, { room: size + 9 }]]);
  const open = await openCatalog(bytes, { worker: false });
  assert.deepEqual([bytes.length, open.info.products], [size, 3]);
  await open.close();
});

// Reads far outside of the engine's memory at the next `name`, once.
function trapAt(t, name) {
  const call = Engine.prototype.call;
  let traps = 1;
  t.mock.method(Engine.prototype, 'call', function (called, ...args) {
    return called === name && traps-- > 0 ? call.call(this, 'kin_dim', 0x7fff0000, 0) : call.call(this, called, ...args);
  });
}

test('after a trap a catalogue that is still the same goes on, changed fields too', async (t) => {
  const path = join(root, 'same.kin');
  writeFileSync(path, shared.bytes);
  const catalog = await openCatalog(path, { worker: false });
  const wanted = await catalog.search({ like: 'p3' }, { limit: 50 });
  catalog.setFields([{ id: 'p9', price: 1000 }]);
  trapAt(t, 'kin_catalog_search');
  await assert.rejects(catalog.search({ like: 'p3' }), { code: 'crashed' });
  assert.deepEqual((await catalog.search({ like: 'p3' }, { limit: 50 })).hits.map(({ id, score }) => [id, score]),
    wanted.hits.map(({ id, score }) => [id, score]));
  assert.deepEqual((await catalog.search({ like: 'p3' }, { filter: 'price > 999' })).hits.map(({ id }) => id), ['p9']);
  await catalog.close();
});

// What a shop puts in the place of its catalogue: more products, fewer, others, the same with other fields or pictures.
const replacements = {
  'a product more': async (builder) => builder.add({ id: 'new', vectors: [shared.vectors[0]] }),
  'a product less': async (builder) => builder.remove('p4'),
  'another order': async (builder) => {
    builder.remove('p4');
    await builder.add({ id: 'p4', images: drawing(4), item: { title: 'T 4', price: 4, colour: 'blue', cost: 1 } });
  },
  'another id, as long': async (builder) => {
    builder.remove('p29');
    await builder.add({ id: 'q29', images: drawing(29), item: { title: 'T 29', price: 29, colour: 'red' } });
  },
  'another price, as long': async (builder) => {
    builder.remove('p29');
    await builder.add({ id: 'p29', images: drawing(29), item: { title: 'T 29', price: 92, colour: 'red' } });
  },
};
for (const [what, change] of Object.entries(replacements))
  test(`after a trap rows of another file never meet the old items: ${what}`, async (t) => {
    const path = join(root, 'changed.kin');
    writeFileSync(path, shared.bytes);
    const catalog = await openCatalog(path, { worker: false });
    await catalog.search({ like: 'p3' });
    const builder = await build(shared.clip);
    await change(builder);
    await builder.save({ to: path });
    trapAt(t, 'kin_catalog_search');
    await assert.rejects(catalog.search({ like: 'p3' }), { code: 'crashed' });
    for (let again = 0; again < 2; again++)
      await assert.rejects(catalog.search({ vector: shared.vectors[3] }), { code: 'crashed', message: /has changed: open it anew/ });
    assert.equal(catalog.get('p4').title, 'T 4', 'what was open is still shown');
    await catalog.close();
  });

test('a worker that died is replaced, and its file held against the first one', async () => {
  const path = join(root, 'died.kin');
  const flag = join(root, 'catalog-dies');
  const source = `data:text/javascript,${encodeURIComponent(`
    import { existsSync, unlinkSync } from 'node:fs';
    import { parentPort } from 'node:worker_threads';
    import '${new URL('../../web/worker/worker.node.js', import.meta.url)}';
    parentPort.on('message', ({ call }) => {
      if (call !== 'search' || !existsSync('${flag}')) return;
      unlinkSync('${flag}');
      process.exit(3);
    });`)}`;
  writeFileSync(path, shared.bytes);
  const catalog = await openCatalog(path, { worker: new URL(source) });
  const die = async () => {
    writeFileSync(flag, '');
    await assert.rejects(catalog.search({ like: 'p3' }), { code: 'crashed', message: /worker ended/ });
  };
  await die();
  assert.equal((await catalog.search({ like: 'p3' })).hits.length, 24);
  await die();
  const builder = await build(shared.clip);
  builder.remove('p0');
  await builder.save({ to: path });
  await assert.rejects(catalog.search({ like: 'p3' }), { code: 'crashed', message: /has changed/ });
  await catalog.close();
});
