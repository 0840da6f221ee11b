// Eyes for a language model: a picture's patches through a projector as LLaVA has it,
//
//   patches [N, C] = hiddenStates(picture, { layer: -2 }) without the class token's row
//   tokens  [N, D] = linear_2(gelu(linear_1(patches)))         D: the width of the language model
//
// which stand among the language model's own token embeddings where the picture is meant.
//
//   node examples/llava-projector.js <model folder> <picture> <projector.safetensors> <out.npy>
//
// The projector's file has linear_1.weight [H, C], linear_1.bias [H], linear_2.weight [D, H] and linear_2.bias [D] in F32, under
// any prefix (transformers': multi_modal_projector.).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { load } from 'kin-clip';

// -> { name without its prefix: { shape, values } }
function readTensors(path) {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length));
  return Object.fromEntries(Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, about]) => {
    if (about.dtype !== 'F32') throw new Error(`${path}: ${name} is ${about.dtype}; save the projector in float32`);
    const [begin, end] = about.data_offsets;
    const bytes = Uint8Array.prototype.slice.call(file, 8 + length + begin, 8 + length + end); // aligned
    return [name.split('.').slice(-2).join('.'), { shape: about.shape, values: new Float32Array(bytes.buffer) }];
  }));
}

// x [rows, inputs] -> [rows, outputs]
function linear(x, weight, bias) {
  const [outputs, inputs] = weight.shape;
  const y = new Float32Array(x.length / inputs * outputs);
  for (let row = 0; row * inputs < x.length; row++)
    for (let o = 0; o < outputs; o++) {
      let sum = bias.values[o];
      for (let i = 0; i < inputs; i++) sum += x[row * inputs + i] * weight.values[o * inputs + i];
      y[row * outputs + o] = sum;
    }
  return y;
}

// The error function to 1.2e-7 (Abramowitz and Stegun, 7.1.26).
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}
const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));

// -> { data, dims: [patches, the language model's width] }
export async function project(clip, picture, path) {
  const { data, dims: [, channels] } = await clip.hiddenStates(picture, { layer: -2 });
  const parts = readTensors(path), [, inputs] = parts['linear_1.weight'].shape;
  if (inputs !== channels) throw new Error(`${path} takes patches of ${inputs} numbers, and this model gives ${channels}: take the projector that was trained with it`);
  const patches = data.subarray(channels); // the class token comes first
  const middle = linear(patches, parts['linear_1.weight'], parts['linear_1.bias']).map(gelu);
  const out = linear(middle, parts['linear_2.weight'], parts['linear_2.bias']);
  return { data: out, dims: [patches.length / channels, parts['linear_2.bias'].values.length] };
}

// NumPy's form of float32 [rows, columns].
function npy({ data, dims }) {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims.join(', ')}), }`.padEnd(117) + '\n';
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(head), Buffer.from(data.buffer)]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, picture, projector, out] = process.argv.slice(2);
  if (!out) throw new Error('node examples/llava-projector.js <model folder> <picture> <projector.safetensors> <out.npy>');
  const clip = await load({ model, dtype: process.env.DTYPE ?? 'q8' });
  const tokens = await project(clip, picture, projector);
  await clip.close();
  writeFileSync(out, npy(tokens));
  console.log(`${tokens.dims[0]} tokens of ${tokens.dims[1]} numbers`);
}
