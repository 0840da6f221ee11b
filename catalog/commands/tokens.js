// kin tokens: the ids of a text.
import { withModel } from '../lib/engine.js';
import { kin } from '../lib/name.js';
import { commonUsage, UsageError } from '../lib/options.js';
import { readTexts } from '../lib/terminal.js';

export const usage = `Usage: ${kin} tokens "text" | -

Prints the token ids as a JSON array, start and end tokens included. With - each line of standard
input is a JSON string and each line of output its ids.
${commonUsage}`;

export const options = {};

export async function run({ positionals, modelOptions }, io) {
  if (positionals.length !== 1)
    throw new UsageError('tokens takes one text in quotes, or - for standard input');
  const texts = positionals[0] === '-' ? await readTexts() : positionals;
  await withModel(modelOptions, io, async (clip) => {
    const progress = io.progress('tokens', texts.length);
    for (const [i, text] of texts.entries()) {
      await io.line(Array.from(await clip.tokenize(text)));
      progress(i + 1);
    }
  });
  return 0;
}
