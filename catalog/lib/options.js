// Options that every command takes, and the error for a wrong use of any (exit 2).
import { existsSync } from 'node:fs';
import { isBox } from '#web/shared/box.js';
import { knownModels, modelFolder, readIndex, shortly } from './models.js';
import { kin } from './name.js';

export class UsageError extends Error {}

export const commonOptions = {
  model: { type: 'string' },
  dtype: { type: 'string' },
  decode: { type: 'string' },
  threads: { type: 'string' },
  variant: { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
};

export const commonUsage = `
  --model <m>      a model: a folder or URL if it has / \\ or . in it, else a name of
                   '${kin} model list' (default: the embedded ${readIndex().default})
  --dtype <d>      q8 (default) or f32, for a model folder that is not converted
  --decode <d>     exact (default) or fast, which reads large JPEGs at a reduced size
  --threads <n>    threads for the engine (default: chosen by the engine)
  --variant <v>    simd, simd-threads, relaxed or relaxed-threads (default: the best that runs)
  --json           print JSON
  --quiet, -q      no progress and no notes
`;

// The one argument of a command. Others are named: a blank after a comma and a forgotten -o make some.
export function oneArgument(positionals, sentence) {
  if (positionals.length === 1) return positionals[0];
  throw new UsageError(positionals.length ? `${sentence}, not ${positionals.map((one) => `'${one}'`).join(' and ')}` : sentence);
}

// Of what a command writes: to others `-` is standard output, here it would be a file of that name.
export function refuseDash(values) {
  const [option] = ['output', 'report', 'summary'].filter((name) => values[name] === '-');
  if (option === 'output')
    throw new UsageError("-o takes the name of a file or folder, not '-': 'alt', 'embed' and 'labels apply' print what they make where " +
      'it is left out (./- is a file called so)');
  if (option) throw new UsageError(`--${option} takes the name of a file, not '-' (./- is a file called so)`);
}

// Names parted by commas; one with a comma in it stands in quotes.
export const namesOf = (lists = []) => lists.flatMap((list) => [...list.matchAll(/\s*"((?:[^"]|"")+)"\s*(?:,|$)|([^,]*)(?:,|$)/g)])
  .map(([, quoted, bare = '']) => quoted?.replaceAll('""', '"') ?? bare.trim()).filter(Boolean);

const variants = ['simd', 'simd-threads', 'relaxed', 'relaxed-threads'];

// Number('') is 0.
export const asNumber = (text) => (text.trim() ? Number(text) : NaN);

export function wholeNumber(text, name, least = 0) {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least || !Number.isSafeInteger(number))
    throw new UsageError(`${name} must be a whole number of at least ${least}, not '${text}'`);
  return number;
}

export function oneOf(text, name, choices) {
  if (!choices.includes(text))
    throw new UsageError(`${name} must be ${choices.join(' or ')}, not '${text}'`);
  return text;
}

// A model as typed -> { path, embedded }. Paths and URLs are told from names by / \ or a dot.
export function findModel(text, dtype) {
  if (text !== undefined && /[/\\.]/.test(text)) return { path: text, embedded: false };
  const index = readIndex();
  const name = text ?? index.default;
  if (!Object.hasOwn(index.models, name))
    throw new UsageError(`there is no model named '${name}'${knownModels(name)}; write ./${name} for a folder of that name`);
  const entry = index.models[name];
  const path = modelFolder(name, entry, dtype);
  if (entry.hub && !existsSync(path))
    throw new Error(`the model '${name}'${dtype === 'f32' ? ' in f32' : ''} is not on this machine yet: '${kin} model get ` +
      `${name}${dtype === 'f32' ? ' --dtype f32' : ''}' fetches it (${shortly(entry)})`);
  return { path, embedded: entry.folder !== undefined };
}

// The part of load()'s options that the command line sets.
export function readCommon(values) {
  const { path, embedded } = findModel(values.model, values.dtype);
  const options = { model: path, embedded };
  if (values.threads !== undefined) options.threads = wholeNumber(values.threads, '--threads', 1);
  if (values.variant !== undefined) options.variant = oneOf(values.variant, '--variant', variants);
  if (values.dtype !== undefined) options.dtype = oneOf(values.dtype, '--dtype', ['q8', 'f32']);
  if (values.decode !== undefined) options.decode = oneOf(values.decode, '--decode', ['exact', 'fast']);
  if (options.threads > 1 && options.variant && !options.variant.endsWith('-threads'))
    throw new UsageError(`--variant ${options.variant} has one thread: leave out --threads ` +
      `${options.threads}, or take --variant ${options.variant}-threads`);
  return options;
}

// `x,y,width,height` as fractions of the picture.
export function readBox(text) {
  if (text === undefined) return undefined;
  const [x, y, width, height, ...more] = text.split(',').map(asNumber);
  if (more.length || !isBox({ x, y, width, height }))
    throw new UsageError(`--box must be x,y,width,height as fractions of the picture, ` +
      `such as 0.1,0.2,0.5,0.5, not '${text}'`);
  return { x, y, width, height };
}

// Options for pictures where there is none would be passed over in silence.
export function noPictureOptions(none, { box, fit }) {
  if (none && (box ?? fit) !== undefined) throw new UsageError('--box and --fit go with a picture');
}
