// `--max-failed 1%`, `--max-shrink 10%`: how much may be lost, as a number or a share.
import { UsageError } from './options.js';

export function readLimit(text, name) {
  if (text === undefined) return null;
  const [, number, share] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  if (number === undefined || !share && number.includes('.') || share && Number(number) > 100)
    throw new UsageError(`${name} must be a number such as 20 or a share such as 1%, not '${text}'`);
  return { text, most: (all) => (share ? all * number / 100 : Number(number)) };
}
