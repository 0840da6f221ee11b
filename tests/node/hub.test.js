// kin model and kin convert with a hub: a real server that redirects, breaks, lies and sends pages.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fingerprintShapes } from '../../catalog/lib/fingerprint.js';
import { cacheFolder, readIndex } from '../../catalog/lib/models.js';
import { readHeader, tensorFiles } from '../../catalog/lib/tensors.js';
import { byteUnits, drawing, eachTensor, folder, kin, tinyModel } from './cli-support.js';
import { filesOf, startHub } from './hub-support.js';
import { vocabulary } from './towers.js';

const { models, default: embedded } = readIndex();
const listed = Object.entries(models).filter(([, entry]) => entry.hub);

// A tiny model, and what `kin convert` makes of its folder.
const tiny = { root: folder({ after }) };
before(async () => {
  tiny.files = filesOf(tinyModel(join(tiny.root, 'hf')));
  const { code, err } = await kin(['convert', join(tiny.root, 'hf'), '-o', join(tiny.root, 'out')]);
  assert.equal(code, 0, err);
  tiny.converted = filesOf(join(tiny.root, 'out'));
});

// `kin` with this hub and a cache of its own.
function user(t, hub) {
  const root = folder(t);
  const env = { HF_ENDPOINT: hub.url, KIN_CACHE: join(root, 'cache') };
  return { root, cache: env.KIN_CACHE, out: join(root, 'out'), run: (args, more) => kin(args, { env, ...more }) };
}
const downloads = ({ cache }) => (existsSync(join(cache, 'downloads')) ? readdirSync(join(cache, 'downloads')) : []);
const oneSentence = /^kin: [^\n]+\n$/;
const weights = (files) => Object.fromEntries(Object.entries(files).filter(([name]) => name !== 'manifest.json'));

async function hubOf(t, files, more) {
  return startHub(t, { 'someone/small': { main: files } }, more);
}

test('the index: every entry says what a shop must know, and one is recommended', () => {
  assert.equal(Object.values(models).filter((entry) => entry.recommended).length, 1);
  assert.deepEqual(Object.keys(models).filter((name) => !models[name].hub), [embedded]);
  const { model_cfg: config } = JSON.parse(readFileSync(new URL(`../../models/${models[embedded].folder}open_clip_config.json`, import.meta.url)));
  assert.equal(models[embedded].dim, config.embed_dim);
  assert.equal(models[embedded].imageSize, config.vision_cfg.image_size);
  for (const [name, entry] of Object.entries(models)) {
    assert.match(name, /^[a-z0-9-]+$/);
    for (const key of ['title', 'licence', 'source', 'reason']) assert.ok(entry[key]?.length > 2, `${name}: ${key}`);
    assert.ok(['yes', 'no', 'ask'].includes(entry.commercial), name);
    assert.ok(entry.languages.length && entry.dim > 0 && entry.imageSize > 0, name);
    for (const figure of Object.values(entry.figures ?? {}))
      assert.ok(figure.what && figure.value && /^https:\/\//.test(figure.source), name);
  }
  for (const hub of ['wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M', 'openai/clip-vit-base-patch32', 'openai/clip-vit-base-patch16',
    'patrickjohncyh/fashion-clip', 'laion/CLIP-ViT-B-32-laion2B-s34B-b79K'])
    assert.ok(listed.some(([, entry]) => entry.hub === hub), hub);
});

test('the fingerprint and the megabytes of a listed model are those of its architecture', () => {
  for (const [name, { architecture, dim, imageSize, fingerprint, megabytes }] of listed) {
    const shapes = [];
    eachTensor({ dim, ...architecture }, (tensor, shape) => shapes.push([tensor, shape]));
    assert.equal(fingerprintShapes([...shapes, ['text_model.embeddings.position_ids', [1, 77]]]), fingerprint, name);
    assert.equal(architecture.image.size, imageSize);
    const bytes = shapes.reduce((sum, [, shape]) => sum + 4 * shape.reduce((n, d) => n * d, 1), 0);
    assert.ok(Math.abs(bytes / 1e6 - megabytes.f32) < 0.2, `${name}: ${bytes}`);
    shapes[5][1][0]++;
    assert.notEqual(fingerprintShapes(shapes), fingerprint);
  }
});

test('model list: a table that fits a terminal, one model, JSON', async (t) => {
  const cache = folder(t);
  const run = (...args) => kin(['model', 'list', ...args], { env: { KIN_CACHE: cache } });
  const { code, out, err } = await run();
  assert.deepEqual([code, err], [0, '']);
  const lines = out.split('\n');
  assert.ok(lines.every((line) => line.length <= 110), out);
  for (const [name, { commercial, licence }] of Object.entries(models)) {
    const line = lines.find((one) => one.slice(3).startsWith(`${name} `));
    assert.match(line, new RegExp(`${commercial} +${licence.replace(' AND ', ' \\+ ')} .* en +${models[name].hub ? 'no' : 'embedded'}$`));
    assert.equal(line.startsWith('*'), models[name].recommended !== undefined);
  }
  const one = await run('laion-b32');
  assert.match(one.out, /^laion-b32 [^]*recommended [^]*commercial +yes: MIT[^]*https:\/\/huggingface.co\/laion[^]*node catalog\/cli\.js model get laion-b32\n$/);
  assert.equal((await run('OpenAI/CLIP-ViT-base-patch32')).out, (await run('clip-b32')).out, 'by hub id, in any case');
  const all = (await run('--json')).lines()[0];
  assert.deepEqual(all.map(({ name }) => name), Object.keys(models));
  assert.equal(all.find(({ name }) => name === 'clip-b16').path, null);
  assert.ok(existsSync(all.find(({ name }) => name === embedded).path));
  assert.ok(all.every(({ megabytes: { q8 } }) => q8.image > 0 && q8.text > 0));
});

test('the embedded model can be had in a folder of one\'s own, as a page needs it', async (t) => {
  const out = join(folder(t), 'model');
  const got = await kin(['model', 'get', embedded, '-o', out]);
  assert.equal(got.code, 0, got.err);
  assert.match((await kin(['verify', out])).out, /\S/);
  const { files } = JSON.parse(readFileSync(join(out, 'manifest.json')));
  for (const name of ['LICENSE-Apache-2.0.txt', 'README.md', 'background.safetensors', 'image.safetensors'])
    assert.ok(files.some((file) => file.name === name), name);
  for (const { name } of files)
    assert.ok(readFileSync(join(out, name)).equals(readFileSync(new URL(`../../models/${models[embedded].folder}${name}`, import.meta.url))), name);
  assert.equal((await kin(['model', 'get', embedded])).code, 0);
});

test('wrong use of kin model is exit 2 with one sentence', async (t) => {
  const cases = [[[], /'list' or 'get'/], [['fetch', 'x'], /'list' or 'get'/], [['get'], /one name/], [['get', 'a', 'b'], /one name/],
    [['get', 'unheard'], /no model named 'unheard' \(known: .*laion-b32/], [['get', 'some/model'], /'node catalog\/cli\.js convert some\/model -o/],
    [['list', 'a', 'b'], /one name/], [['get', embedded, '--dtype', 'f32'], /is embedded in q8 alone/], [['list', '--model', './x'], /as its argument/],
    [['get', 'clip-b32', '--dtype', 'q4'], /--dtype/]];
  for (const [args, sentence] of cases) {
    const { code, out, err } = await kin(['model', ...args], { env: { KIN_CACHE: folder(t), HF_ENDPOINT: 'http://127.0.0.1:9' } });
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, oneSentence);
    assert.match(err, sentence);
  }
});

// Word pairs enough for CLIP's 49,408 entries, no two of the same spelling.
function manyMerges(n) {
  const units = byteUnits();
  const bare = units.slice(0, 256);
  return Array.from({ length: n }, (_, i) => [bare[i >> 8], bare[i & 255]]);
}

test('model get: TinyCLIP in its true shape, with a connection that breaks half way', async (t) => {
  const entry = models['tinyclip-8m'];
  const { architecture: { image, text }, dim, hub: id } = entry;
  const made = folder(t);
  tinyModel(join(made, 'hf'), 3, { dim, image, text, merges: manyMerges(text.vocabulary - 514) });
  const files = filesOf(join(made, 'hf'));
  const size = files['model.safetensors'].length;
  assert.ok(size > 90e6);
  const hub = await startHub(t, { [id]: { main: files } });
  let broken = 0;
  hub.faults = (name, request, response, bytes) => {
    if (name !== 'model.safetensors' || broken++) return false;
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 40e6), () => response.destroy());
    return true;
  };
  const { run, cache, ...me } = user(t, hub);
  const missing = await run(['embed', '--text', 'x', '--model', 'tinyclip-8m']);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^kin: the model 'tinyclip-8m' is not on this machine yet: 'node catalog\/cli\.js model get tinyclip-8m' fetches it \(93.8 MB to fetch, MIT\)\n$/);
  const got = await run(['model', 'get', 'tinyclip-8m']);
  assert.equal(got.code, 0, got.err);
  assert.match(got.err, /^wkcn\/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M: 9\d\.\d MB to fetch; licence: MIT \(https:[^\n]+\)\ncommercial use: yes: MIT[^\n]+\n/);
  assert.match(got.err, /models.tinyclip-8m: q8, \d+ files, 2\d\.\d\d MB; use it with --model tinyclip-8m\n$/);
  const large = hub.asked.filter((line) => /^GET \/blobs/.test(line));
  assert.equal(large.length, 2, large.join('\n'));
  const [, from] = / bytes=(\d+)-$/.exec(large[1]);
  assert.ok(Number(from) > 0 && Number(from) <= 40e6, `went on at ${from}`);
  assert.deepEqual(downloads({ cache }), []);
  const path = join(cache, 'models', 'tinyclip-8m');
  const verified = await run(['verify', path]);
  assert.deepEqual([verified.code, verified.err], [0, '']);
  const manifest = JSON.parse(readFileSync(join(path, 'manifest.json')));
  assert.deepEqual([manifest.licence, manifest.languages, manifest.source.hub], ['MIT', ['en'], id]);
  assert.match(manifest.source.revision, /^[0-9a-f]{40}$/);
  for (const tower of ['image', 'text']) {
    const bytes = manifest.files.filter(({ name }) => name.startsWith(`${tower}.`) || name.startsWith(`${tower}-`))
      .reduce((sum, file) => sum + file.bytes, 0);
    assert.ok(Math.abs(bytes / 1e6 - entry.megabytes.q8[tower]) < 0.1, `${tower}: ${bytes}`);
  }
  const before = hub.asked.length;
  const embeddedText = await run(['embed', '--text', 'x', '--model', 'tinyclip-8m']);
  assert.equal(embeddedText.lines()[0].embedding.length, 512, embeddedText.err);
  const again = await run(['model', 'get', 'tinyclip-8m']);
  assert.equal(again.code, 0);
  assert.match(again.err, /is already here/);
  const copied = await run(['model', 'get', 'tinyclip-8m', '-o', me.out]);
  assert.equal(copied.code, 0, copied.err);
  assert.deepEqual(readdirSync(me.out).sort(), readdirSync(path).sort());
  assert.ok(readdirSync(path).every((name) => readFileSync(join(me.out, name)).equals(readFileSync(join(path, name)))));
  assert.equal(hub.asked.length, before, 'nothing is asked of the hub for a model that is here');
  assert.equal((await run(['model', 'list', 'tinyclip-8m', '--json'])).lines()[0].path, path);
  const weights = readFileSync(join(path, 'image.safetensors'));
  weights[weights.length - 1] ^= 1;
  writeFileSync(join(path, 'image.safetensors'), weights);
  const mended = await run(['model', 'get', 'tinyclip-8m'], { env: { HF_ENDPOINT: 'http://127.0.0.1:1', KIN_CACHE: cache } });
  assert.match(mended.err, /is damaged \(image\.safetensors has other bytes than manifest\.json says\), so that it is fetched again\n.*cannot be reached/);
});

test('convert <hub id> gives what converting the folder gives', async (t) => {
  const hub = await hubOf(t, { ...tiny.files, 'flax_model.msgpack': Buffer.from('x'), 'README.md': Buffer.from('x') });
  const { run, out, ...me } = user(t, hub);
  const { code, err, lines } = await run(['convert', 'someone/small', '-o', out, '--json']);
  assert.equal(code, 0, err);
  assert.match(err, /^someone\/small: 0\.\d MB to fetch; licence: mit\n(fetching [^\n]*\n)*$/);
  assert.deepEqual(weights(filesOf(out)), weights(tiny.converted));
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json')));
  assert.deepEqual(lines()[0].ids, JSON.parse(tiny.converted['manifest.json']).ids);
  assert.deepEqual([manifest.licence, manifest.source.hub], ['mit', 'someone/small']);
  assert.ok(!hub.asked.some((line) => /msgpack|README/.test(line)), 'only what is needed is fetched');
  assert.deepEqual(downloads(me), []);
  const silent = await startHub(t, { 'someone/small': { main: tiny.files } }, { licence: null });
  const nameless = await user(t, silent).run(['convert', 'someone/small', '-o', join(me.root, 'two')]);
  assert.match(nameless.err, /licence: not stated by its card, ask its makers/);
});

test('weights in shards, and an index that names what is not there', async (t) => {
  const { 'model.safetensors': whole, ...rest } = tiny.files;
  const header = readHeader(whole);
  const start = 8 + Number(whole.readBigUInt64LE());
  const tensors = Object.entries(header.tensors).map(([name, { dtype, shape, data_offsets: [from, to] }]) =>
    ({ name, dtype, shape, bytes: whole.subarray(start + from, start + to) }));
  const half = (part) => Buffer.concat(tensorFiles('model', part, { format: 'pt' })[0].bytes);
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const weightMap = Object.fromEntries(tensors.map(({ name }, i) => [name, names[i < 30 ? 0 : 1]]));
  const index = (map) => Buffer.from(JSON.stringify({ metadata: {}, weight_map: map }));
  const files = { ...rest, [names[0]]: half(tensors.slice(0, 30)), [names[1]]: half(tensors.slice(30)),
    'model.safetensors.index.json': index(weightMap) };
  const me = user(t, await hubOf(t, files));
  const { code, err } = await me.run(['convert', 'someone/small', '-o', me.out]);
  assert.equal(code, 0, err);
  assert.deepEqual(weights(filesOf(me.out)), weights(tiny.converted));
  for (const map of [{}, { a: '../../etc/passwd' }, { a: 'model-00003-of-00003.safetensors' }]) {
    const he = user(t, await hubOf(t, { ...files, 'model.safetensors.index.json': index(map) }));
    const bad = await he.run(['convert', 'someone/small', '-o', he.out]);
    assert.equal(bad.code, 1);
    assert.match(bad.err, /^kin: 'someone\/small' has an index that does not name its shards[^\n]+\n$/);
  }
});

test('stopped or broken for good: what has arrived is kept, nothing else has changed, and it goes on', async (t) => {
  const hub = await hubOf(t, tiny.files);
  const me = user(t, hub);
  const half = Math.floor(tiny.files['model.safetensors'].length / 2);
  let hanging;
  hub.faults = (name, request, response, bytes) => {
    if (name !== 'model.safetensors') return false;
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? 'bytes=0-')[1]);
    response.writeHead(from ? 206 : 200, { 'content-length': bytes.length - from,
      ...(from && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }) });
    if (from) response.flushHeaders();
    else response.write(bytes.subarray(0, half));
    hanging?.(response);
    return true;
  };
  const arrived = () => {
    const [name] = downloads(me);
    const part = name && join(me.cache, 'downloads', name, 'model.safetensors.part');
    return part && existsSync(part) ? statSync(part).size : 0;
  };
  const stopped = await me.run(['convert', 'someone/small', '-o', me.out], { async onStart(child) {
    for (let i = 0; i < 600 && arrived() < half; i++) await new Promise((resolve) => { setTimeout(resolve, 50); });
    child.kill('SIGINT');
  } });
  assert.equal(stopped.code, 1);
  assert.match(stopped.err, /kin: stopped; nothing that was there before has changed\n$/);
  assert.equal(arrived(), half);
  hanging = (response) => response.destroy();
  const broken = await me.run(['convert', 'someone/small', '-o', me.out]);
  assert.equal(broken.code, 1);
  assert.match(broken.err, new RegExp(`\\nkin: [^\\n]+; the ${half} bytes that have arrived are kept, run the command again to go on\\n$`));
  assert.ok(!existsSync(me.out));
  hub.faults = () => false;
  hub.asked.length = 0;
  const done = await me.run(['convert', 'someone/small', '-o', me.out]);
  assert.equal(done.code, 0, done.err);
  assert.deepEqual(hub.asked.filter((line) => /^GET \/blobs/.test(line)).map((line) => / bytes=(\d+)-$/.exec(line)[1]), [String(half)]);
  assert.ok(!hub.asked.some((line) => /^GET .*config.json/.test(line)), 'whole files are not fetched again');
  assert.deepEqual(weights(filesOf(me.out)), weights(tiny.converted));
});

test('servers that answer otherwise: no ranges, busy for a moment', async (t) => {
  const hub = await hubOf(t, tiny.files);
  const me = user(t, hub);
  let times = 0;
  hub.faults = (name, request, response, bytes) => {
    if (name === 'vocab.json' && request.method === 'GET' && times < 1) {
      times++;
      response.writeHead(503).end();
      return true;
    }
    if (name !== 'model.safetensors') return false;
    response.writeHead(200, { 'content-length': bytes.length }); // whatever the range was
    if (times++ < 2) response.write(bytes.subarray(0, 1000), () => response.destroy());
    else response.end(bytes);
    return true;
  };
  const { code, err } = await me.run(['convert', 'someone/small', '-o', me.out]);
  assert.equal(code, 0, err);
  assert.deepEqual(weights(filesOf(me.out)), weights(tiny.converted));
});

test('a fetch of more than a second shows how far it is, its rate and the time left', async (t) => {
  const hub = await hubOf(t, tiny.files);
  const me = user(t, hub);
  let told = ''; // pieces come slowly until the line has, however long that takes
  hub.faults = (name, request, response, bytes) => {
    if (name !== 'model.safetensors') return false;
    response.writeHead(200, { 'content-length': bytes.length });
    const step = Math.ceil(bytes.length / 200);
    const next = (at) => (at < bytes.length && !told.includes(' left\n')
      ? response.write(bytes.subarray(at, at + step), () => setTimeout(next, 100, at + step)) : response.end(bytes.subarray(at)));
    next(0);
    return true;
  };
  const { code, err } = await me.run(['convert', 'someone/small', '-o', me.out],
    { onStart: (child) => child.stderr.on('data', (data) => { told += data; }) });
  assert.equal(code, 0, err);
  assert.match(err, /\nfetching someone\/small: 0\.\d of 0\.\d MB, \d+\.\d MB\/s, \d+ s left\n/);
});

test('what cannot be trusted is refused with one sentence, and nothing is written', async (t) => {
  const other = Buffer.from(tiny.files['model.safetensors']);
  other[other.length - 3] ^= 1;
  const page = '<!DOCTYPE html><title>Sign in</title>';
  const reply = (status, headers, body) => (_, request, response) => {
    response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
    return true;
  };
  const large = 'model.safetensors';
  const cases = {
    'other bytes': [large, reply(200, { 'content-length': other.length }, other), /with other bytes than 127.0.0.1:\d+ states, and was deleted/],
    'more bytes': [large, reply(200, {}, Buffer.concat([other, other])), /sends more of model.safetensors than the \d+ bytes/],
    'a page, called one': [large, reply(200, { 'content-type': 'text/html' }, page), /a web page came in place of model.safetensors/],
    'a page, called a file': [large, reply(200, {}, page.padEnd(other.length)), /a web page came in place of model.safetensors/],
    'a page for a description': ['api', reply(200, { 'content-type': 'text/html' }, page), /a web page came in place of the description/],
    'a page for a small file': ['config.json', reply(200, { 'content-type': 'text/html', etag: '"x"' }, page), /a web page came in place of config.json/],
    'no JSON': ['api', reply(200, {}, 'fine'), /did not send JSON/],
    'a description of nothing': ['api', reply(200, {}, '{"sha":"main"}'), /did not say which files/],
    'no hash': [`large ${large}`, reply(200, { etag: 'W/"1-2"', 'content-length': 100 }, 'x'), /states no size and hash for model.safetensors/],
    'a file that is gone': [large, reply(404, {}, ''), /has no model.safetensors/],
    'another part': [large, reply(206, { 'content-range': 'bytes 5-9/100' }, 'abcde'), /sent another part/],
    'away from https': ['api', reply(302, { location: 'ftp://example.org/x' }, ''), /sends us on to ftp:\/\/example.org, which is not safe/],
  };
  const hub = await hubOf(t, tiny.files);
  for (const [what, [file, fault, sentence]] of Object.entries(cases)) {
    hub.faults = (name, ...rest) => name === file && fault(name, ...rest);
    const me = user(t, hub);
    const { code, err, out } = await me.run(['convert', 'someone/small', '-o', me.out, '--quiet']);
    assert.deepEqual([code, out], [1, ''], `${what}: ${err}`);
    assert.match(err, oneSentence, what);
    assert.match(err, sentence, what);
    assert.ok(!existsSync(me.out), what);
  }
});

test('what is not there: the network, the model, a part of it', async (t) => {
  const port = createServer().listen(0, '127.0.0.1');
  await once(port, 'listening');
  const url = `http://127.0.0.1:${port.address().port}`;
  port.close();
  const alone = user(t, { url });
  for (const args of [['model', 'get', 'laion-b32'], ['convert', 'someone/small', '-o', alone.out]]) {
    const { code, err } = await alone.run(args);
    assert.equal(code, 1);
    assert.match(err, new RegExp(`^kin: 127.0.0.1:\\d+ cannot be reached \\(ECONNREFUSED\\); the embedded model ${embedded} works without a network\n$`));
  }
  const hub = await hubOf(t, tiny.files);
  const me = user(t, hub);
  writeFileSync(join(me.root, 'file'), '');
  const cases = [[['convert', 'no/such', '-o', me.out], /does not hand out 'no\/such' without a login, or has no such model/],
    [['convert', 'someone/small', '-o', join(me.root, 'file', 'b')], /file is a file/], [['convert', 'none', '-o', me.out], /there is no model folder none/],
    [['convert', embedded, '-o', me.out], new RegExp(`'${embedded}' is converted already`)]];
  for (const [args, sentence] of cases) {
    const { code, err } = await me.run(args);
    assert.equal(code, 1, err);
    assert.match(err, oneSentence);
    assert.match(err, sentence);
  }
  assert.match((await kin(['model', 'get', 'laion-b32'], { env: { HF_ENDPOINT: 'hub', KIN_CACHE: me.cache } })).err, /^kin: HF_ENDPOINT must be an address/);
  for (const [gone, sentence] of [['config.json', /no config.json/], ['preprocessor_config.json', /no preprocessor_config.json or processor_config.json/],
    ['vocab.json', /no tokenizer.json/]]) {
    const { [gone]: _, ...rest } = tiny.files;
    const he = user(t, await hubOf(t, rest));
    const { code, err } = await he.run(['convert', 'someone/small', '-o', he.out]);
    assert.equal(code, 1);
    assert.match(err, sentence);
  }
});

test('what is wrong with the small files is said before the weights are fetched', async (t) => {
  for (const [name, content, sentence] of [['config.json', '{"model_type":"siglip"}', /"siglip"/], ['merges.txt', 'no such\n', /Merge 1/]]) {
    const hub = await hubOf(t, { ...tiny.files, [name]: Buffer.from(content) });
    const me = user(t, hub);
    const { code, err } = await me.run(['convert', 'someone/small', '-o', me.out]);
    assert.equal(code, 1);
    assert.match(err, sentence);
    assert.ok(!hub.asked.some((line) => /^GET \/blobs/.test(line)), hub.asked.join('\n'));
  }
});

test('weights as a pickle only: the bot\'s proposal is taken, nobody else\'s', async (t) => {
  const { 'model.safetensors': file, ...rest } = tiny.files;
  const old = { ...rest, 'pytorch_model.bin': Buffer.from('not read') };
  const proposal = (num, name, more) => ({ num, title: 'Adding `safetensors` variant of this model', status: 'open',
    isPullRequest: true, author: { name }, ...more });
  const start = (list) => startHub(t, { 'someone/small': { main: old, 'refs/pr/7': { ...rest, 'model.safetensors': file } } },
    { proposals: { 'someone/small': list } });
  const me = user(t, await start([proposal(6, 'stranger'), proposal(7, 'SFconvertbot')]));
  const { code, err } = await me.run(['convert', 'someone/small', '-o', me.out]);
  assert.equal(code, 0, err);
  assert.deepEqual(weights(filesOf(me.out)), weights(tiny.converted));
  for (const list of [[], [proposal(7, 'stranger')], [proposal(7, 'SFconvertbot', { status: 'closed' })]]) {
    const he = user(t, await start(list));
    const bad = await he.run(['convert', 'someone/small', '-o', he.out]);
    assert.equal(bad.code, 1);
    assert.match(bad.err, /^kin: 'someone\/small' has its weights as pytorch_model.bin only [^\n]+\n$/);
  }
});

test('the revision that the index names holds the weights; another architecture is refused', async (t) => {
  const { 'model.safetensors': file, ...rest } = tiny.files;
  const { hub: id, weights: revision } = models['clip-b32'];
  const hub = await startHub(t, { [id]: { main: rest, [revision]: { 'model.safetensors': file } } });
  const me = user(t, hub);
  const { code, err } = await me.run(['model', 'get', 'clip-b32']);
  assert.equal(code, 1);
  assert.match(err, /\nkin: the weights of 'openai\/clip-vit-base-patch32' have not the shapes that models\/index.json lists [^\n]+\n$/);
  assert.match(err, /commercial use: ask: /);
  assert.ok(hub.asked.some((line) => /^GET \/blobs/.test(line)), 'they were fetched from the named revision');
  assert.ok(!existsSync(join(me.cache, 'models', 'clip-b32')));
});

test('kin build says so when the embedded model is used, and only then', async (t) => {
  const root = folder(t);
  writeFileSync(join(root, 'a.png'), drawing(1));
  writeFileSync(join(root, 'products.csv'), 'id,image\np1,a.png\n');
  const build = (...more) => kin(['build', join(root, 'products.csv'), '-o', join(root, 'shop.kin'), ...more]);
  const best = Object.keys(models).find((name) => models[name].recommended);
  const said = await build();
  assert.equal(said.code, 0, said.err);
  assert.match(said.err, new RegExp(`using the embedded model, [^\n]+ 'node catalog/cli\\.js model get ${best}' fetches a larger one`));
  const named = await build('--model', embedded);
  assert.match(named.err, /using the embedded model/);
  const other = await build('--model', join(tiny.root, 'out'));
  assert.equal(other.code, 0, other.err);
  assert.doesNotMatch(other.err, /embedded model/);
});

test('the demo takes a model by name or a converted folder, and says what it does not know', (t) => {
  const root = folder(t);
  for (const [model, sentence] of [['nosuch', /^there is no model named 'nosuch' \(known: .*tinyclip-8m.*\)\n$/],
    [`${root}/`, /^[^\n]+ is no converted model: [^\n]+convert[^\n]+\n$/]]) {
    const { status, stderr } = spawnSync(process.execPath, ['tools/build-demo.js', model],
      { cwd: fileURLToPath(new URL('../../', import.meta.url)), encoding: 'utf8' });
    assert.equal(status, 1, model);
    assert.match(stderr, sentence);
  }
});

test('where fetched models are kept', () => {
  assert.equal(cacheFolder({ KIN_CACHE: '/k' }, 'linux'), '/k');
  assert.equal(cacheFolder({ XDG_CACHE_HOME: '/c' }, 'linux'), join('/c', 'kin'));
  assert.match(cacheFolder({}, 'linux'), /\.cache.kin$/);
  assert.match(cacheFolder({}, 'darwin'), /Library.Caches.kin$/);
  assert.equal(cacheFolder({ LOCALAPPDATA: '/l' }, 'win32'), join('/l', 'kin'));
});

test('a model of open_clip is fetched as well, with the vocabulary of CLIP where it has none', async (t) => {
  const own = filesOf(fileURLToPath(new URL('../golden/open_clip/vit-gelu', import.meta.url)));
  const { 'expected.safetensors': _, 'open_clip_config.json': config, 'open_clip_model.safetensors': small } = own;
  const words = { 'vocab.json': Buffer.from(vocabulary['vocab.json']), 'merges.txt': Buffer.from(vocabulary['merges.txt']) };
  const merges = manyMerges(49408 - 514).map((pair) => pair.join(' '));
  const tokens = [...byteUnits(), ...merges.map((merge) => merge.replace(' ', '')), '<|startoftext|>', '<|endoftext|>'];
  const clips = { 'vocab.json': Buffer.from(JSON.stringify(Object.fromEntries(tokens.map((token, i) => [token, i])))),
    'merges.txt': Buffer.from(merges.join('\n')) };
  const json = JSON.parse(config);
  delete json.model_cfg.text_cfg.vocab_size; // 49,408
  const length = Number(small.readBigUInt64LE(0));
  const header = JSON.parse(small.toString('utf8', 8, 8 + length));
  delete header['token_embedding.weight'];
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const parts = names.map((name) => small.subarray(...header[name].data_offsets.map((at) => 8 + length + at)));
  let end = 0;
  const about = Object.fromEntries(names.map((name, i) => [name, { ...header[name], data_offsets: [end, end += parts[i].length] }]));
  about['token_embedding.weight'] = { dtype: 'F32', shape: [49408, 32], data_offsets: [end, end + 49408 * 32 * 4] };
  const head = Buffer.from(JSON.stringify(about));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(head.length));
  const large = Buffer.concat([size, head, ...parts, Buffer.alloc(49408 * 32 * 4)]);
  const timms = Buffer.from('{"architecture":"vit_base_patch32_clip_224"}'), foreign = Buffer.from('weights of a network alone');
  const hub = await startHub(t, {
    'someone/own': { main: { 'open_clip_config.json': config, 'open_clip_model.safetensors': small, ...words } },
    'timm/network': { main: { 'config.json': timms, 'model.safetensors': foreign, 'open_clip_config.json': config, 'open_clip_model.safetensors': small, ...words } },
    'timm/both': { main: { 'config.json': timms, 'preprocessor_config.json': Buffer.from('{}'), 'model.safetensors': foreign, 'open_clip_config.json': config,
      'open_clip_model.safetensors': small, ...words } },
    'someone/bare': { main: { 'open_clip_config.json': Buffer.from(JSON.stringify(json)), 'open_clip_model.safetensors': large } },
    'someone/wordless': { main: { 'open_clip_config.json': config, 'open_clip_model.safetensors': small } },
    'openai/clip-vit-base-patch32': { main: clips },
  });
  const { out, run } = user(t, hub);
  for (const id of ['someone/own', 'someone/bare', 'timm/network', 'timm/both']) {
    const [, name] = id.split('/');
    const { code, err } = await run(['convert', id, '-o', join(out, name)]);
    assert.equal(code, 0, err);
    assert.deepEqual(readdirSync(join(out, name)).filter((file) => /config|vocab|merges/.test(file)),
      ['merges.txt', 'open_clip_config.json', 'vocab.json']);
  }
  const { code, err } = await run(['convert', 'someone/wordless', '-o', join(out, 'wordless')]);
  assert.equal(code, 1);
  assert.match(err, /tokenizer\.json/);
});
