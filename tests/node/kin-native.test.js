// kin-native against the engine in WebAssembly: the same bits and the same errors, by its own protocol.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { load } from '../../web/index.node.js';
import { embedded, vit } from '../models.js';
import { frame, pixelsFrame, program, run, types } from './frames.js';
import { fixture, golden } from './towers.js';

const images = fileURLToPath(new URL('../golden/images/', import.meta.url));
const texts = ['a red shoe', '', 'Größe 42, naïve café', '靴', '<|endoftext|> x', 'word '.repeat(200)];
const raw = [[3, 90, 40], [4, 31, 77]].map(([channels, width, height]) => ({ width, height,
  data: Uint8Array.from({ length: width * height * channels }, (_, i) => i * 2654435761 >>> 13) }));
let folder;

before(() => {
  assert.ok(existsSync(program), `${program} is not built: make kin-native`);
  folder = mkdtempSync(join(tmpdir(), 'kin-frames-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const bits = (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
const told = ({ code, message }) => ({ code, message });

// What the WebAssembly engine says to the same questions, in order: vectors, or { code, message }.
async function expected(model, options, pictures, fits) {
  const clip = await load({ model, threads: 1, ...options });
  const ask = (work) => work.then((vector) => bits(vector), told);
  const answers = [];
  for (const fit of fits) for (const source of [...pictures, ...raw]) answers.push(await ask(clip.embedImage(source, { fit })));
  for (const text of texts) answers.push(await ask(clip.embedText(text)));
  const ids = { image: await clip.identify('image'), text: null };
  const { dim, numerics } = clip.info;
  await clip.close();
  return { answers, hello: { numerics, dim, ids, decoder: 'own' } };
}

function questions(pictures, fits) {
  const list = [];
  for (const fit of fits) {
    const number = ['crop', 'pad'].indexOf(fit);
    for (const picture of pictures) list.push(frame(list.length + 1, types.picture, number, picture));
    for (const picture of raw) list.push(pixelsFrame(list.length + 1, number, picture));
  }
  for (const text of texts) list.push(frame(list.length + 1, types.text, Buffer.from(text)));
  return list;
}

function same(got, { answers, hello }, what) {
  assert.equal(got.complaint, '', what);
  assert.equal(got.code, 0, what);
  const [{ id, type, kernels, ...said }, ...rest] = got.answers;
  assert.deepEqual([id, type, said], [0, types.ready, hello], what);
  assert.equal(rest.length, answers.length, what);
  rest.forEach((answer, i) => {
    assert.equal(answer.id, i + 1, what);
    assert.deepEqual(answer.vector ? bits(answer.vector) : told(answer), answers[i], `${what}: question ${i + 1}`);
  });
  return kernels;
}

// Every kind of file that the decoder is tested on, whole, cut and hostile; without those beyond any picture's size.
const files = readdirSync(images).filter((name) => !['pixels.bin', 'index.txt'].includes(name) && statSync(join(images, name)).size < 300_000)
  .map((name) => readFileSync(join(images, name)));

test('each picture and text has the bits and errors of WebAssembly, with every kernel table that runs here', async () => {
  const fits = ['crop'];
  const wanted = await expected(vit, { dtype: 'q8' }, files, fits);
  assert.ok(wanted.answers.filter((answer) => answer.code).length > 20, 'some are refused');
  assert.ok(wanted.answers.filter((answer) => !answer.code).length > 100, 'most are embedded');
  const { text } = await run(['kernels'], [], { plain: true });
  const exact = text.split('\n').filter((line) => line.endsWith('\texact here')).map((line) => line.split('\t')[0]);
  assert.equal(exact.at(-1), 'plain C');
  for (const kernels of exact) {
    const some = kernels === 'plain C' ? files.slice(0, 12) : files;
    const got = await run(['embed', '--model', vit, '--kernels', kernels], questions(some, fits));
    const cut = { ...wanted, answers: some === files ? wanted.answers : [...wanted.answers.slice(0, 12), ...wanted.answers.slice(files.length)] };
    assert.equal(same(got, cut, kernels), kernels);
  }
  const usual = await run(['embed', '--model', vit]);
  assert.equal(usual.answers[0].kernels, exact[0], 'the first of the list is taken');
});

test('the embedded model, padded and cropped, with two threads', async () => {
  const some = files.filter((_, i) => i % 12 === 0);
  const fits = ['crop', 'pad'];
  const wanted = await expected(embedded, { dtype: 'q8' }, some, fits);
  same(await run(['embed', '--model', embedded, '--threads', '2'], questions(some, fits)), wanted, 'two threads');
});

test('weights in floats, kept so and rounded', async () => {
  const model = join(folder, 'floats');
  cpSync(join(golden, 'tanh-f32'), model, { recursive: true });
  for (const [file, text] of Object.entries(fixture('tanh-f32').files)) writeFileSync(join(model, file), text);
  for (const dtype of ['f32', 'q8']) {
    const wanted = await expected(model, { dtype }, files.slice(0, 8), ['crop']);
    same(await run(['embed', '--model', model, '--dtype', dtype], questions(files.slice(0, 8), ['crop'])), wanted, dtype);
  }
  const { code, complaint } = await run(['embed', '--model', vit, '--dtype', 'f32']);
  assert.equal(code, 1);
  assert.match(complaint, /^kin-native: .*q8/, 'a converted folder holds no floats');
});

test('questions that are none are answered, and the next one too', async () => {
  const good = readFileSync(join(images, 'jpeg-420.jpg'));
  const { answers, code } = await run(['embed', '--model', vit], [frame(1, 9), frame(2, types.picture), frame(3, types.picture, 2, good),
    frame(4, types.pixels, 0, Buffer.alloc(5)), pixelsFrame(5, 0, { width: 2 ** 31, height: 2 ** 31, data: Buffer.alloc(3) }),
    frame(6, types.picture, 0, Buffer.alloc(64 * 2 ** 20 + 1)), frame(7, types.text, Buffer.of(0xff, 0xfe)), frame(8, types.picture, 0, good)]);
  assert.deepEqual(answers.slice(1, 7).map((answer) => answer.code),
    [...Array(5).fill('bad-argument'), 'too-large']);
  assert.match(answers[6].message, /larger than 64 MiB/);
  assert.equal(answers[8].id, 8);
  assert.ok(answers[8].vector);
  assert.equal(code, 0);
});

test('input that is cut or no frames ends it with a sentence', async () => {
  for (const [input, sentence] of [[Buffer.from('GET / HTTP/1.1\r\n\r\n'), /holds no frames/], [Buffer.of(9, 0), /holds no frames/],
    [frame(1, types.text, Buffer.alloc(100)).subarray(0, 50), /ended within a frame/]]) {
    const { code, complaint } = await run(['embed', '--model', vit], [input]);
    assert.equal(code, 1);
    assert.match(complaint, sentence);
  }
});

test('wrong options, and folders that are no models', async () => {
  for (const [args, sentence] of [[[], /a command is missing/], [['embed'], /needs --model/], [['embed', '--modle', 'x'], /no option --modle/],
    [['embed', '--model'], /value is missing/], [['embed', '--model', ''], /needs --model/], [['kernels', 'x'], /kernels takes nothing, not x/], [['embed', '--model', vit, '--threads', '17'], /1 to 16, not 17/],
    [['embed', '--model', vit, '--dtype', 'int4'], /q8 or f32, not int4/]]) {
    const { code, complaint } = await run(args, [], { plain: true });
    assert.equal(code, 2, args.join(' '));
    assert.match(complaint, sentence);
    assert.match(complaint, /Usage: kin-native embed/);
  }
  const refused = async (model, ...more) => (await run(['embed', '--model', model, ...more])).complaint;
  assert.match(await refused(join(folder, 'nowhere')), /has no config\.json or open_clip_config\.json: is it the folder of a CLIP model\?/);
  assert.match(await refused(vit, '--kernels', 'fast'), /no kernels 'fast'/);
  const timm = join(folder, 'timm');
  mkdirSync(timm);
  cpSync(fileURLToPath(new URL('../golden/open_clip/vit-gelu/open_clip_config.json', import.meta.url)), join(timm, 'open_clip_config.json'));
  writeFileSync(join(timm, 'config.json'), '{"architecture":"vit_base_patch32_clip_224"}');
  assert.match(await refused(timm), /has no image\.safetensors or open_clip_model\.safetensors/);
  const here = (name, text) => writeFileSync(join(folder, name), text);
  here('config.json', readFileSync(join(vit, 'config.json')));
  assert.match(await refused(folder), /has no preprocessor_config\.json/);
  here('processor_config.json', '{}');
  here('preprocessor_config.json', readFileSync(join(vit, 'preprocessor_config.json')));
  assert.match(await refused(folder), /has no image\.safetensors or model\.safetensors/);
  here('processor_config.json', '{"attributes":["image_processor","tokenizer"]}');
  assert.match(await refused(folder), /has no image\.safetensors or model\.safetensors/);
  here('processor_config.json', '{"image_processor": {"size":7,"crop_size":7}}');
  assert.match(await refused(folder), /preprocessor_config\.json makes pictures of 7x7/);
  here('processor_config.json', '{}');
  assert.match(await refused(folder), /has no image\.safetensors or model\.safetensors/);
  here('pytorch_model.bin', 'x');
  assert.match(await refused(folder), /holds its weights as pytorch_model\.bin only/);
  for (const index of ['{}', '{"weight_map":{}}', '{"weight_map":{"a":"../x"}}', '{"weight_map":{"a":', '[', '{"weight_map":{"a":1}}']) {
    here('image.safetensors.index.json', index);
    assert.match(await refused(folder), /does not say which files hold the weights/, index);
  }
  here('image.safetensors.index.json', '{"metadata":{"n":[1,{"}":"\\""}]},"weight_map":{"b":"image-2.safetensors","a":"image-1.safetensors"}}');
  assert.match(await refused(folder), /has no image-1\.safetensors/);
  const whole = readFileSync(join(vit, 'image.safetensors'));
  here('image-1.safetensors', whole.subarray(0, whole.length / 2));
  assert.match(await refused(folder), /kin-native: image-1\.safetensors: .*(cut|ends|ended|short|truncated|bytes)/);
  for (const [name, make] of [['image-1.safetensors', 'mkfifo'], ['preprocessor_config.json', 'mkfifo'], ['config.json', 'mkdir']]) { // nobody writes into it
    rmSync(join(folder, name));
    execFileSync(make, [join(folder, name)]);
    assert.match(await refused(folder), new RegExp(`kin-native: ${name.replaceAll('.', '\\.')} of .* cannot be read \\(it is not a regular file\\)`));
  }
  rmSync(join(folder, 'config.json'), { recursive: true });
  here('config.json', '[]');
  assert.match(await refused(folder), /kin-native: config\.json: .* not a JSON object/);
});
