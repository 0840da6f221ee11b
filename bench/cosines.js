// What 8 bits cost: cosines of q8 embeddings to f32 ones, mean and worst.
//
//   node bench/cosines.js                                the golden towers of tests/, drawn pictures, texts of their words
//   node bench/cosines.js FOLDER PICTURES [COUNT = 400]  a model folder; pictures spread evenly over a folder or a .tar
//
// A converted folder has no floats: f32 then runs on its 8-bit weights taken as floats, and what is measured is what
// rounding the activations costs.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture, golden, models } from '../tests/node/towers.js';
import { load } from '../web/index.node.js';

const numbers = { I8: Int8Array, F16: Uint16Array, F32: Float32Array };
const adjectives = ['red', 'blue', 'small', 'wooden', 'old', 'shiny'];
const nouns = ['dog', 'shoe', 'chair', 'lamp', 'apple', 'watch', 'bag', 'coat', 'bottle', 'guitar', 'lion', 'ship'];

// The files of a model folder that `load` asks for, by name.
const filesOf = (folder) => Object.fromEntries(readdirSync(folder).filter((name) => /\.(json|txt|safetensors)$/.test(name))
  .map((name) => [name, readFileSync(join(folder, name))]));

function tensorsOf(file) {
  const data = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...header } = JSON.parse(file.toString('utf8', 8, data));
  return { metadata, tensors: Object.entries(header).map(([name, { dtype, shape, data_offsets: [begin, end] }]) =>
    ({ name, dtype, shape, values: new numbers[dtype](new Uint8Array(file.subarray(data + begin, data + end)).buffer) })) };
}

// A converted folder's files with its weights as floats.
function floats(files) {
  const all = Object.keys(files).filter((name) => name.endsWith('.safetensors')).flatMap((name) => tensorsOf(files[name]).tensors);
  const scales = new Map(all.filter(({ name }) => name.endsWith('_scale') && name !== 'logit_scale').map(({ name, values }) => [name, values]));
  const header = {}, parts = [];
  let end = 0;
  for (const { name, dtype, shape, values } of all) {
    if (scales.has(name) || header[name]) continue; // logit_scale stands in both towers' files
    const scale = scales.get(`${name}_scale`), width = values.length / shape[0];
    const out = dtype === 'I8' ? Float32Array.from(values, (q, i) => q * scale[Math.floor(i / width)]) : values;
    header[name] = { dtype: dtype === 'I8' ? 'F32' : dtype, shape, data_offsets: [end, end += out.byteLength] };
    parts.push(Buffer.from(out.buffer));
  }
  const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const rest = Object.entries(files).filter(([name]) => !name.endsWith('.safetensors') && name !== 'manifest.json');
  return { ...Object.fromEntries(rest), 'model.safetensors': Buffer.concat([length, text, ...parts]) };
}

// Pictures' files, out of a folder or a .tar.
function picturesIn(path) {
  const isPicture = (name) => /\.(jpe?g|png)$/i.test(name);
  if (statSync(path).isDirectory()) return readdirSync(path).filter(isPicture).sort().map((name) => readFileSync(join(path, name)));
  const tar = readFileSync(path), found = [];
  for (let at = 0; at + 512 <= tar.length && tar[at];) {
    const field = (from, to) => tar.toString('utf8', at + from, at + to).split('\0')[0];
    const size = parseInt(field(124, 136), 8);
    if (isPicture(field(0, 100))) found.push(tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

// Patches of colour with noise, from a fixed generator.
function drawn(size, seed) {
  let state = seed;
  const random = (n) => (state = Math.imul(state, 1664525) + 1013904223 >>> 0, Math.floor(state / 2 ** 32 * n));
  const colours = Array.from({ length: 12 }, () => random(224)), data = new Uint8Array(size * size * 3), half = Math.ceil(size / 2);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3), patch = Math.floor(pixel % size / half) + 2 * Math.floor(pixel / size / half);
    data[i] = colours[3 * patch + i % 3] + random(32);
  }
  return { data, width: size, height: size };
}

async function compare(name, q8Files, f32Files, pictures, texts) {
  const folders = [q8Files, f32Files].map((files) => {
    const folder = mkdtempSync(join(tmpdir(), 'kin-cosines-'));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    return folder;
  });
  const [q8, f32] = [await load({ model: folders[0] }), await load({ model: folders[1], dtype: 'f32' })];
  const lists = { pictures: [], texts: [] };
  const add = (list, a, b) => list.push(a.reduce((sum, v, i) => sum + v * b[i], 0));
  for (const picture of pictures) add(lists.pictures, await q8.embedImage(picture), await f32.embedImage(picture));
  for (const text of texts) add(lists.texts, await q8.embedText(text), await f32.embedText(text));
  console.log(`| ${name} | ${Object.values(lists).flatMap((list) => [list.length, (list.reduce((a, b) => a + b) / list.length).toFixed(6),
    Math.min(...list).toFixed(5)]).join(' | ')} |`);
  await q8.close();
  await f32.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
}

const [folder, pictures, count = '400'] = process.argv.slice(2);
if (folder && !(existsSync(folder) && pictures && existsSync(pictures))) {
  console.error('node bench/cosines.js [FOLDER PICTURES [COUNT]]: FOLDER is a model folder, PICTURES a folder of pictures or a .tar of them.');
  process.exit(2);
}
console.log('| model | pictures | mean | worst | texts | mean | worst |\n|---|---|---|---|---|---|---|');
if (folder) {
  const files = filesOf(folder), all = picturesIn(pictures), n = Math.min(Number(count), all.length);
  const converted = Object.entries(files).some(([name, file]) => name.endsWith('.safetensors') && tensorsOf(file).metadata?.['kin.weights']);
  await compare(folder, files, converted ? floats(files) : files, Array.from({ length: n }, (_, i) => all[Math.floor(i * all.length / n)]),
    adjectives.flatMap((adjective) => nouns.flatMap((noun) => [`a ${adjective} ${noun}`, `a photo of a ${adjective} ${noun} on a table by the window`])));
} else {
  for (const name of models) {
    const { size, texts, files } = fixture(name), words = [...new Set(texts.join(' ').split(' '))];
    const all = { ...filesOf(join(golden, name)), ...files };
    delete all['expected.safetensors'];
    await compare(name, all, all, Array.from({ length: 200 }, (_, i) => drawn(size, i)),
      Array.from({ length: 200 }, (_, i) => Array.from({ length: 1 + i % 8 }, (_, j) => words[(i * 7 + j * (i + 3)) % words.length]).join(' ')));
  }
}
