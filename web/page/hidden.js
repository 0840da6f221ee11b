// clip.hiddenStates: what its caller asks for, and the call. The rows come from the worker.
import { box, fit, flag, read, shape, shown, signal, text } from './arguments.js';
import { fail } from '../shared/errors.js';

const layer = (value, name) => (value === 'last' || (Number.isInteger(value) && Math.abs(value) < 1000) ? value
  : fail('bad-argument', `${name} is 'last' or a whole number such as -2, not ${shown(value)}.`));
const asking = shape({ layer, norm: flag, box, fit, signal });
const oneText = shape({ text }, ['text']);
const words = (given) => (Object.hasOwn(given, 'text') ? oneText(given, 'hiddenStates()').text : null);

// `given`: a packed picture, or an object with a `text`, which no picture has.
export async function hiddenStates(client, given, options) {
  const { signal, layer = 'last', norm = false, ...picture } = read(asking, options, 'hiddenStates()');
  if (norm && layer === 'last')
    fail('bad-argument', "norm goes with the number of a layer: 'last' is last_hidden_state as the model gives it.");
  const input = read(words, given, 'The text');
  const [part] = Object.keys(picture);
  if (input !== null && part) fail('bad-argument', `${part} is of pictures, and a text was given.`);
  const [tower, what] = input === null ? ['image', given] : ['text', input];
  return client.call('hiddenStates', [what, tower, { layer, norm, ...picture }], signal);
}
