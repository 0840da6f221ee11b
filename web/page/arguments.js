// What callers give, read once: checked, and copied to plain data, since a worker cannot be sent the Proxies that
// reactive frameworks wrap things in. A reader is (value, name) -> the copy, or throws `bad-argument`.
import { isBox } from '../shared/box.js';
import { fail, KinError, meant, reasonOf } from '../shared/errors.js';
import { is } from '../shared/source.js';

// A value in a sentence.
export const shown = (value) => (typeof value === 'string' ? `'${value.slice(0, 60)}'` : Array.isArray(value) ? 'a list'
  : value && /^[ofs]/.test(typeof value) ? `a value of type ${typeof value}` : String(value));

export const wrong = (sentence, cause) => fail('bad-argument', sentence, cause);
const refuse = (value, name, wanted) => wrong(`${name} is ${wanted}, not ${shown(value)}.`);
export const reader = (fits, wanted) => (value, name) => (fits(value) ? value : refuse(value, name, wanted));
const typed = (type, wanted) => reader((value) => typeof value === type, wanted);
const oneOf = (...choices) => reader((value) => choices.includes(value), choices.map(shown).join(' or '));

export const anything = (value) => value;
export const text = typed('string', 'a text');
export const words = reader((value) => typeof value === 'string' && /\S/.test(value), 'a text that is not empty');
export const flag = typed('boolean', 'true or false');
export const call = typed('function', 'a function');
export const number = reader(Number.isFinite, 'a finite number');
export const fraction = reader((value) => value >= 0 && value <= 1, 'a number from 0 to 1');
export const whole = (least) => reader((value) => Number.isSafeInteger(value) && value >= least,
  `a whole number of at least ${least}`);
export const signal = reader((value) => value.aborted !== undefined && value.addEventListener, 'an AbortSignal');
export const tower = oneOf('image', 'text');
export const dtype = oneOf('q8', 'f32');
export const decode = oneOf('exact', 'fast');
export const fit = oneOf('crop', 'pad');
export const variant = oneOf('simd', 'simd-threads', 'relaxed', 'relaxed-threads');
// Of fetch, which takes 'only-if-cached' for none of Kin's requests.
const modes = ['default', 'no-store', 'reload', 'no-cache', 'force-cache'];
export const storeOrMode = oneOf('persistent', 'session', 'memory', ...modes);
const stall = reader((value) => typeof value === 'number' && value > 0, 'a number of milliseconds above 0, or Infinity');
const worker = reader((value) => ['string', 'boolean'].includes(typeof value) || is(value, 'URL', 'TrustedScriptURL'),
  'an address, true or false');

// Shops number their products.
export const id = (value, name) => text(Number.isFinite(value) ? String(value) : value, name);

export const listOf = (read) => (value, name) => (Array.isArray(value) ? Array.from(value, (one) => read(one, name))
  : refuse(value, name, 'a list'));
export const oneOrMore = (read) => (value, name) => (Array.isArray(value) ? listOf(read)(value, name) : [read(value, name)]);

// A typed array, or a list.
export const numbers = (value, name) => {
  const listed = Array.isArray(value) || ArrayBuffer.isView(value);
  const list = Float32Array.from(listed ? value : [NaN], (one) => (typeof one === 'number' ? one : NaN));
  const at = list.findIndex((one) => !Number.isFinite(one));
  return at < 0 ? list : listed ? refuse(value[at], `${name} at place ${at}`, 'a finite number') : refuse(value, name, 'a list of finite numbers');
};

export const object = reader((value) => value && typeof value === 'object' && !Array.isArray(value), 'an object');

// Whatever reading does, since getters and Proxies are code of the caller's, it ends in a KinError.
export function read(reader, value, name) {
  try {
    return reader(value, name);
  } catch (error) {
    if (error instanceof KinError) throw error;
    return wrong(`${name} cannot be read: ${reasonOf(error)}.`, error);
  }
}

export const isList = (value) => read(Array.isArray, value, 'What was given');

// { name: reader } -> a reader of objects that have these names and no other; what is null is not given. `needed`: names
// that have to be there; without it the object need not be there either.
export const shape = (known, needed) => (given, name) => {
  const found = {}, names = Object.keys(known);
  if (!needed && (given ?? null) === null) return found;
  if (typeof given !== 'object' || !given || Array.isArray(given) || 'aborted' in given) // f(x, signal) for f(x, { signal })
    wrong(`${name} takes { ${names.join(', ')} }, not ${shown(given)}.`);
  for (const one of Object.keys(given))
    if (!names.includes(one)) throw meant(`${name} has no '${one}'`, 'noName', one, names);
  for (const one of names) {
    const value = given[one] ?? null;
    if (value !== null) found[one] = known[one](value, one);
    else if (needed?.includes(one)) wrong(`${name} needs ${one}.`);
  }
  return found;
};

/* ---- what several calls take ---- */

const sides = shape({ x: number, y: number, width: number, height: number }, ['x', 'y', 'width', 'height']);

export function box(value, name) {
  const found = sides(value, name);
  return isBox(found) ? found : wrong(`${name} is a part of the picture in fractions of it, such as ` +
    `{ x: 0.1, y: 0.2, width: 0.5, height: 0.5 }, not ${JSON.stringify(found)}: divide pixels by its width and height.`);
}

export const pictureOptions = { box, fit, signal };
export const runOptions = { worker, resolve: call, fetch: call, cache: oneOf(...modes), stall, signal, onProgress: call };
