// What callers hold in place of an object of ours: its methods, bound to it, and its getters. So they can be taken out
// of it, and called through the Proxy of a reactive framework (those of Vue leave alone what cannot be extended), and
// what they throw is what callers are promised. What can be closed can stand in `await using`.
import { asKinError, KinError } from '../shared/errors.js';

const rethrow = (error) => {
  throw asKinError(error);
};

// An error as callers see it, with its cause; without the end of its sentence (errors.js: meant), should that file not come.
export async function told(error) {
  const [end, ...args] = error instanceof KinError && error.how || [];
  const sentence = end && await import('./names.js').then((names) => names[end](error.message, ...args), () => `${error.message}.`);
  return sentence ? new KinError(error.code, sentence, error) : asKinError(error);
}

const rethrowLater = async (error) => {
  throw await told(error);
};

// -> what `work` gives, now or later.
export function guarded(work) {
  try {
    const result = work();
    return result instanceof Promise ? result.catch(rethrowLater) : result;
  } catch (error) {
    return rethrow(error);
  }
}

const dispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

export function outward(object) {
  const made = {};
  const type = Object.getPrototypeOf(object);
  const { constructor, ...all } = Object.getOwnPropertyDescriptors(type === Object.prototype ? object : type);
  for (const name of Reflect.ownKeys(all))
    Object.defineProperty(made, name, all[name].get ? { get: () => guarded(() => object[name]), configurable: true }
      : { value: (...args) => guarded(() => object[name](...args)), configurable: true, writable: true });
  if (made.close) made[dispose] = made.close;
  return Object.preventExtensions(made);
}
