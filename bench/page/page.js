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

async function open({ name, model, tower, ...options }) {
  const folder = `/build/bench/models/${model}`;
  reference = await (await fetch(`${folder}/reference.json`)).json();
  const { open: openEngine } = await import(`./${name}.js`);
  engine = await openEngine({ ...options, tower, folder }, reference);
  const { size } = reference;
  if (tower === 'image') {
    const pixels = new Uint8Array(await (await fetch(`${folder}/pixels.bin`)).arrayBuffer());
    inputs = reference.image.map((_, i) => pixels.slice(i * size * size * 3, (i + 1) * size * size * 3));
  } else {
    inputs = reference.texts.map((text, i) => ({ text, ids: reference.ids[i] }));
  }
  inputs = inputs.map((input) => engine.prepare(input));
  return engine.info ?? null;
}

// The worst cosine to PyTorch over the reference's inputs.
async function check(tower) {
  let worst = 1;
  for (const [i, input] of inputs.entries()) worst = Math.min(worst, cosine(await engine.run(input), reference[tower][i]));
  return worst;
}

// Milliseconds of single runs, at least `least` of them, until `budget` milliseconds have passed.
async function time({ budget, least, warm = 0 }) {
  for (const end = performance.now() + warm; performance.now() < end;) await engine.run(inputs[0]);
  const times = [];
  for (const end = performance.now() + budget; times.length < least || performance.now() < end;) {
    const input = inputs[times.length % inputs.length];
    const start = performance.now();
    await engine.run(input);
    times.push(performance.now() - start);
  }
  return times;
}

window.bench = { open, check, time };
