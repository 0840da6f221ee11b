// Models and catalogues from servers that misbehave: each failure has its code and a sentence.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import { load, openCatalog } from '../../web/index.node.js';
import { openUrl } from '../../web/shared/source.js';
import { listen } from '../server.js';
import { drawing, folder, kin, tinyModel } from './cli-support.js';

// Serves `files` (name -> bytes or a handler); what is not there is answered by `missing`.
async function serve(t, files, missing = (response) => response.writeHead(404).end()) {
  const asked = [];
  const { url, stop } = await listen((request, response, path) => {
    const name = path.slice(1);
    asked.push(name);
    if (!Object.hasOwn(files, name)) return missing(response);
    return typeof files[name] === 'function' ? files[name](response) : response.end(files[name]);
  });
  t.after(stop);
  return { url: `${url}/`, asked };
}

function modelFiles(t) {
  const path = tinyModel(join(folder(t), 'model'));
  return Object.fromEntries(['config.json', 'preprocessor_config.json', 'vocab.json', 'merges.txt', 'model.safetensors']
    .map((name) => [name, readFileSync(join(path, name))]));
}

const text = async (model, options) => {
  const clip = await load({ model, worker: false, ...options });
  try {
    return await clip.embedText('the thing');
  } finally {
    await clip.close();
  }
};

test('by URL, by an object of URLs, by resolve and by one\'s own fetch: the same vector', async (t) => {
  const files = modelFiles(t);
  const { url } = await serve(t, files);
  const wanted = await text(url);
  assert.deepEqual(await text(url.slice(0, -1)), wanted);
  const named = Object.fromEntries(Object.keys(files).map((name) => [name, url + name]));
  assert.deepEqual(await text(named), wanted);
  const names = [];
  const resolve = (name, at) => {
    names.push(name);
    return name.endsWith('.wasm') ? undefined : at.replace('http://elsewhere/', url);
  };
  for (const worker of [false, undefined])
    assert.deepEqual(await text('http://elsewhere/', { resolve, worker }), wanted);
  assert.ok(names.some((name) => /^kin-(simd|relaxed)\.wasm$/.test(name)) && names.includes('config.json'));
  let fetched = 0;
  const own = (address) => ++fetched && fetch(String(address).replace('http://elsewhere/', url));
  for (const worker of [false, undefined]) assert.deepEqual(await text('http://elsewhere/', { fetch: own, worker }), wanted);
  assert.ok(fetched >= 10);
});

test('a manifest spares asking for files that are not there', async (t) => {
  const root = folder(t);
  const out = join(root, 'out');
  assert.equal((await kin(['convert', tinyModel(join(root, 'hf')), '-o', out])).code, 0);
  const names = JSON.parse(readFileSync(join(out, 'manifest.json'))).files.map((file) => file.name);
  const files = Object.fromEntries([...names, 'manifest.json'].map((name) => [name, readFileSync(join(out, name))]));
  const { url, asked } = await serve(t, files);
  await text(url);
  assert.deepEqual(asked.filter((name) => !Object.hasOwn(files, name)), []);
  assert.ok(!asked.includes('image.safetensors'), 'the other tower is not fetched');
});

test('progress reaches the length of each file, compressed or not', async (t) => {
  const files = modelFiles(t);
  const weights = files['model.safetensors'];
  const zipped = (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(weights));
  for (const body of [weights, zipped]) {
    const { url } = await serve(t, { ...files, 'model.safetensors': body });
    const seen = [];
    await text(url, { onProgress: (progress) => seen.push(progress) });
    const mine = seen.filter((progress) => progress.file === 'model.safetensors');
    assert.equal(mine.at(-1).status, 'done');
    assert.equal(mine.at(-1).loaded, weights.length);
    assert.equal(mine.at(-1).progress, 100);
  }
});

// S3 and its like answer 403 for what is not there; pages may begin with blanks and a byte order mark.
test('a file that is not there, however that is said, is not asked of a folder that does without', async (t) => {
  const files = modelFiles(t);
  const wanted = await text((await serve(t, files)).url);
  const html = (begin) => (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(`${begin}<!doctype html><p>shop`);
  const slowly = (response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).write('\n');
    setTimeout(() => response.end(' \n<html></html>'), 50);
  };
  const status = (code) => (response) => response.writeHead(code).end('<Error><Code>AccessDenied</Code></Error>');
  for (const missing of [status(403), status(401), status(410), html(''), html('\n'), html('\r\n\t '), html('\ufeff'), html('\ufeff\n'),
    html(' '.repeat(3000)), slowly])
    assert.deepEqual(await text((await serve(t, files, missing)).url), wanted);
  const { 'merges.txt': merges, ...without } = files;
  assert.ok(merges);
  await assert.rejects(text((await serve(t, without, status(403))).url), { code: 'http', message: /merges\.txt.*403/ });
  await assert.rejects(text((await serve(t, without, html('\n'))).url), { code: 'not-a-model', message: /web page/ });
  await assert.rejects(text((await serve(t, {}, status(403))).url), { code: 'http', message: /config\.json.*403/ });
});

// Where the length of a header ends in the byte '<', or in a blank and that.
test('weights that look like a page are none', async (t) => {
  const files = modelFiles(t);
  const wanted = await text((await serve(t, files)).url);
  const weights = files['model.safetensors'];
  const n = Number(weights.readBigUInt64LE());
  for (const length of [Math.ceil(n / 256) * 256 + 0x3c, 0x3c20, 0x3c0a]) {
    assert.ok(length >= n);
    const head = Buffer.alloc(8 + length, ' ');
    head.writeBigUInt64LE(BigInt(length));
    weights.copy(head, 8, 8, 8 + n);
    const padded = Buffer.concat([head, weights.subarray(8 + n)]);
    assert.deepEqual(await text((await serve(t, { ...files, 'model.safetensors': padded })).url), wanted);
  }
});

test('what can go wrong has a code and one sentence', async (t) => {
  const files = modelFiles(t);
  const weights = files['model.safetensors'];
  const page = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>shop');
  const without = (...names) => Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));
  const cases = [
    ['no-model', undefined, /load\(\{ model/], ['cors', 'http://127.0.0.1:1/', /127\.0\.0\.1:1/],
    ['not-a-model', await serve(t, {}), /config\.json/], ['not-a-model', await serve(t, {}, page), /web page/],
    ['not-a-model', await serve(t, without('model.safetensors'), page), /web page/],
    ['not-a-model', await serve(t, without('merges.txt')), /merges\.txt/],
    ['unsupported', await serve(t, { ...without('model.safetensors'), 'pytorch_model.bin': 'x' }), /pytorch_model\.bin/],
    ['http', await serve(t, { ...files, 'config.json': (response) => response.writeHead(503).end() }), /503/],
    ['not-a-model', await serve(t, { ...files, 'config.json': '{' }), /not valid JSON/],
    ['not-a-model', await serve(t, { ...files, 'model.safetensors': 'version https://git-lfs.github.com/spec/v1\n' }), /pointer of Git LFS/],
    ['not-a-model', await serve(t, { ...files, 'merges.txt': gzipSync(files['merges.txt']) }), /merges\.txt is packed by gzip/],
    ['not-a-model', await serve(t, { ...files, 'model.safetensors': weights.subarray(0, -9) }), /ended early/],
    ['not-a-model', await serve(t, { ...files, 'model.safetensors': Buffer.concat([weights, Buffer.alloc(1)]) }), /goes on/],
    ['not-a-model', await serve(t, { ...files, 'model.safetensors': Buffer.alloc(3) }), /ended early/],
    ['not-a-model', await serve(t, { ...without('model.safetensors'),
      'model.safetensors.index.json': JSON.stringify({ weight_map: { logit_scale: '../x' } }) }), /which files/],
  ];
  for (const [code, server, sentence] of cases)
    await assert.rejects(text(server?.url ?? server), (error) => error.name === 'KinError' && error.code === code &&
      sentence.test(error.message) && !error.message.includes('\n'), `${code} ${sentence}`);
  await assert.rejects(text('http://127.0.0.1:1/'), ({ cause }) => /fetch failed/.test(cause)); // crosses the worker as text
});

test('weights whose connection breaks off are told, and load when asked for again', async (t) => {
  const files = modelFiles(t);
  const whole = files['model.safetensors'];
  let breaks = 1;
  files['model.safetensors'] = (response) => {
    if (breaks-- <= 0) return response.end(whole);
    response.writeHead(200, { 'content-length': whole.length });
    return response.write(whole.subarray(0, whole.length >> 1), () => response.destroy());
  };
  const { url } = await serve(t, files);
  const clip = await load({ model: url });
  await assert.rejects(clip.embedText('the thing'), { code: 'http', message: /^model\.safetensors: the connection broke off; load it again\.$/ });
  const vector = await clip.embedText('the thing');
  await clip.close();
  assert.deepEqual(vector, await text(url));
});

test('shards by their index', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  const wanted = await text(path);
  const bytes = readFileSync(join(path, 'model.safetensors'));
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length));
  const names = Object.keys(header);
  const shards = { 'model-1.safetensors': names.slice(0, 20), 'model-2.safetensors': names.slice(20) };
  const weightMap = {};
  for (const [file, list] of Object.entries(shards)) {
    const part = {};
    const data = [];
    let end = 0;
    for (const name of list) {
      const [from, to] = header[name].data_offsets;
      part[name] = { ...header[name], data_offsets: [end, end += to - from] };
      data.push(bytes.subarray(8 + length + from, 8 + length + to));
      weightMap[name] = file;
    }
    const json = Buffer.from(JSON.stringify(part));
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(join(path, file), Buffer.concat([head, json, ...data]));
  }
  rmSync(join(path, 'model.safetensors'));
  writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
  assert.deepEqual(await text(path), wanted);
  rmSync(join(path, 'model-2.safetensors'));
  await assert.rejects(text(path), { code: 'not-a-model', message: /model-2\.safetensors/ });
});

test('tokens and pixels need no weights', async (t) => {
  const path = tinyModel(join(folder(t), 'model'));
  rmSync(join(path, 'model.safetensors'));
  const clip = await load({ model: path });
  t.after(() => clip.close());
  assert.deepEqual([...await clip.tokenize('the x')], [514, 513, 343, 515]);
  const { data, width, height } = await clip.preprocess(drawing(1, 32));
  assert.deepEqual([data.length, width, height], [32 * 32 * 3, 32, 32]);
  await assert.rejects(clip.embedText('x'), { code: 'not-a-model' });
});

test('a picture by URL and by path; one that is not there', async (t) => {
  const root = folder(t);
  const clip = await load({ model: tinyModel(join(root, 'model')) });
  t.after(() => clip.close());
  const picture = drawing(3);
  writeFileSync(join(root, 'a.png'), picture);
  mkdirSync(join(root, 'folder'));
  const { url } = await serve(t, { 'a.png': picture, 'page.png': '<html>' });
  const wanted = await clip.embedImage(picture);
  for (const source of [join(root, 'a.png'), `${url}a.png`, new URL(`${url}a.png`), new Blob([picture]),
    picture.buffer.slice(picture.byteOffset, picture.byteOffset + picture.length)])
    assert.deepEqual(await clip.embedImage(source), wanted);
  await assert.rejects(clip.embedImage(`${url}none.png`), { code: 'http' });
  await assert.rejects(clip.embedImage(join(root, 'none.png')), { code: 'http' });
  await assert.rejects(clip.embedImage(join(root, 'folder')), { code: 'unreadable' });
  await assert.rejects(clip.embedImage(`${url}page.png`), { code: 'unsupported-image' });
});

test('a file whose disk fails while it is read is told so', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  const clip = await load({ model: tinyModel(join(folder(t), 'model')) });
  t.after(() => clip.close());
  const path = '/proc/self/mem'; // a file whose first byte is an error
  await assert.rejects(clip.preprocess(path), { name: 'KinError', code: 'unreadable', message: `The picture: ${path} cannot be read (EIO).` });
  await assert.rejects(openCatalog(path), { name: 'KinError', code: 'unreadable', message: `The catalogue: ${path} cannot be read (EIO).` });
});

test('a catalogue that is none', async (t) => {
  const { url } = await serve(t, { page: '<html>', zeros: Buffer.alloc(100), short: 'abc' });
  for (const name of ['page', 'zeros', 'short'])
    await assert.rejects(openCatalog(url + name), { code: 'not-a-catalog' }, name);
  await assert.rejects(openCatalog(`${url}none`), { code: 'http' });
  await assert.rejects(openCatalog(new Uint8Array(0)), { code: 'not-a-catalog' });
  await assert.rejects(openCatalog({}), { code: 'bad-argument' });
});

// As a folder reads in a page.
test('files that are copied chunk by chunk come in a few small buffers, each its own file', async (t) => {
  const bytesOf = (seed) => Buffer.from(Uint8Array.from({ length: 300_000 + seed }, (_, i) => Math.imul(i + seed, 2654435761) >>> 24));
  const files = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`${i}.bin`, bytesOf(i)]));
  const { url } = await serve(t, { ...files, short(response) {
    response.writeHead(200, { 'content-length': 300_000 });
    response.write(files['0.bin'].subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
  } });
  const sizes = [];
  const read = async (name, most = Infinity) => {
    const parts = [];
    for await (const chunk of (await openUrl(url + name, name, { copied: true, stall: 30_000 }, {})).chunks) {
      parts.push(chunk.slice());
      sizes.push(chunk.buffer.byteLength);
      if (parts.length >= most) break;
    }
    return Buffer.concat(parts);
  };
  for (let round = 0; round < 2; round++) {
    const all = await Promise.all(Object.keys(files).map((name) => read(name)));
    Object.values(files).forEach((bytes, i) => assert.ok(bytes.equals(all[i]), `${i}.bin`));
    await assert.rejects(read('short'), { code: 'http', message: /^short: the connection broke off/ });
    assert.ok(files['1.bin'].subarray(0, 1000).equals((await read('1.bin', 1)).subarray(0, 1000)), 'one that is left in the middle');
  }
  assert.deepEqual([...new Set(sizes)], [2 ** 16]);
});
