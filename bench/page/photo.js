// One contender of the job `photo`.
let engine, blob;

// -> the cosine of the photo's embedding to the reference's.
export async function open({ name, ...options }, reference) {
  const { open: openIt } = await import(`./${name}.js`);
  engine = await openIt(options);
  blob = await (await fetch('/build/bench/models/photo.jpg')).blob();
  const vector = await engine.embed(blob);
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  return dot(vector, reference) / Math.sqrt(dot(vector, vector) * dot(reference, reference));
}

async function time(what, { budget, least, warm }) {
  const times = [];
  for (const end = performance.now() + warm; performance.now() < end;) await engine[what](blob);
  for (const end = performance.now() + budget; times.length < least || performance.now() < end;) {
    const start = performance.now();
    await engine[what](blob);
    times.push(performance.now() - start);
  }
  return times;
}

window.photo = { time };
