// Sentences about what does not exist or is none, and what was probably meant: loaded when one is needed. Functions that
// `meant` names take the sentence so far.

// What comparable systems, or slips, call it.
const elsewhere = `limit topk k n size|offset skip|filter where|minScore threshold|box crop bbox|image img photo picture file url
text query q|vector embedding|like ids|width w|height h|x left|y top|model files repo|dtype quantized|variant device|item metadata
fields columns|to path output|le lte max|ge gte min|eq equals|has contains`.split(/[|\n]/).map((line) => line.split(' '));
const bare = (name) => name.slice(0, 40).toLowerCase().replace(/[\s$_-]/g, '');

// Letters to change, add or leave out between two words.
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const letter of a) {
    const before = row;
    row = [before[0] + 1];
    for (let j = 0; j < b.length; j++)
      row.push(Math.min(before[j] + (letter === b[j] ? 0 : 1), before[j + 1] + 1, row[j] + 1));
  }
  return row.at(-1);
}

// How a sentence about a wrong `name` ends: with the one of `names` that was meant, or all of them.
export function instead(name, names) {
  let [best, least] = ['', 1];
  for (const words of [...names.map((one) => [one]), ...elsewhere.filter(([one]) => names.includes(one))])
    for (const word of words) {
      const share = 2.5 * distance(bare(name), bare(word)) / word.length;
      if (share < least) [best, least] = [words[0], share];
    }
  return best ? `: did you mean '${best}'?` : names.length ? `; it is one of ${names.join(', ')}.` : ': there are none.';
}

// What the browser says no more of.
export const notFetched = (sentence, url) => `${sentence}: ${url.startsWith('blob:')
  ? "that address was given back (URL.revokeObjectURL) or is another page's, or the page's Content-Security-Policy forbids it (connect-src blob:): hand in the Blob or File itself."
  : 'the host cannot be reached or does not let this page read it (Access-Control-Allow-Origin), or the page\'s Content-Security-Policy forbids it.'}`;

// A file of Kin, or one that a model lists, that the server does not have.
export const noEngine = (sentence, url) => `${sentence} for ${url.slice(0, 200)}. Copy the folder node_modules/kin-clip/web/wasm there, or ` +
  "say where it is: resolve: (name, url) => (/^kin-.*\\.wasm$/.test(name) ? '/wasm/' + name : url).";
export const notServed = (sentence, name) => `${sentence}, which it lists: copy it there. Where the host takes no such files, name it ${name}.wasm ` +
  "and say resolve: (name, url) => url.replace(/\\.(?:safetensors|txt)$/, '$&.wasm').";

export const noName = (sentence, name, names) => sentence + instead(name, names);
