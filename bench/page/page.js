// The page of one contender: opens its engine, answers the reference's inputs, times it.
// Every engine file exports open(options, reference) -> { run(input) -> Float32Array, prepare(one) }.

let engine, inputs, reference;

const cosine = (a, b) => {
  let dot = 0, aa = 0, bb = 0;
  for (let i = 0; i < b.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return a.length === b.length ? dot / Math.sqrt(aa * bb) : NaN;
};

async function fetchInputs({ model, tower }) {
  const folder = `/build/bench/models/${model}`;
  reference = { tower, ...await (await fetch(`${folder}/reference.json`)).json() };
  const { size } = reference;
  const pixels = new Uint8Array(await (await fetch(`${folder}/pixels.bin`)).arrayBuffer());
  inputs = tower === 'image' ? reference.image.map((_, i) => pixels.slice(i * size * size * 3, (i + 1) * size * size * 3))
    : reference.texts.map((text, i) => ({ text, ids: reference.ids[i] }));
  return folder;
}

async function openEngine({ name, ...options }, folder) {
  const { open: openIt } = await import(`./${name}.js`);
  engine = await openIt({ ...options, folder }, reference);
  inputs = inputs.map((input) => engine.prepare(input));
}

async function open(options) {
  await openEngine(options, await fetchInputs(options));
}

// Milliseconds from the engine's import to its first answer.
async function first(options) {
  const folder = await fetchInputs(options);
  const start = performance.now();
  await openEngine(options, folder);
  await engine.run(inputs[0]);
  return performance.now() - start;
}

// The worst cosine to PyTorch over the reference's inputs.
async function check(tower) {
  let worst = 1;
  for (const [i, input] of inputs.entries()) worst = Math.min(worst, cosine(await engine.run(input), reference[tower][i]));
  return worst;
}

// Milliseconds of single runs, at least `least` of them, until `budget` milliseconds have passed. Texts: of
// the first alone, a label of 7 tokens, which others pad to the context.
async function time({ budget, least, warm = 0 }) {
  for (const end = performance.now() + warm; performance.now() < end;) await engine.run(inputs[0]);
  const times = [];
  for (const end = performance.now() + budget; times.length < least || performance.now() < end;) {
    const input = inputs[reference.tower === 'text' ? 0 : times.length % inputs.length];
    const start = performance.now();
    await engine.run(input);
    times.push(performance.now() - start);
  }
  return times;
}

// Milliseconds for the reference's labels, `size` of them in one call, padded to `tokens`, or to the longest
// of a call.
async function texts({ size, tokens, name, budget }) {
  const { labels, labelIds } = reference;
  const end = labelIds[0].at(-1);
  const padded = labelIds.map((ids, at) => {
    const first = at - at % size;
    const length = tokens || Math.max(...labelIds.slice(first, first + size).map((other) => other.length));
    return Array.from({ length }, (_, i) => ids[i] ?? end);
  });
  const all = name === 'kin' ? labels : padded;
  const times = [];
  const least = () => (times[0] > 2000 ? 1 : 2);
  for (const until = performance.now() + budget; times.length < least() || performance.now() < until;) {
    const start = performance.now();
    for (let i = 0; i < all.length; i += size) await engine.batch(all.slice(i, i + size));
    times.push(performance.now() - start);
  }
  return times;
}

window.bench = { open, check, time, first, texts };
