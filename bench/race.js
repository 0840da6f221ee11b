// Times contenders side by side: in every round each has one turn, in an order drawn anew.
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[sorted.length - 1 >> 1] + sorted[sorted.length >> 1]) / 2;
};

function shuffle(list) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export const summary = (times) => ({ median: median(times), best: Math.min(...times), runs: times.length });

// contenders: [{ label, time({ budget, least, warm }) -> ms[] }] -> Map label -> { median, best, runs }
export async function race(contenders, { rounds, budget = 400, least = 3 }) {
  const times = new Map(contenders.map(({ label }) => [label, []]));
  for (let round = 0; round < rounds; round++)
    for (const { label, time } of shuffle(contenders)) {
      times.get(label).push(...await time({ budget, least, warm: round ? 50 : 400 }));
      await pause(100); // until the thread pools of the last one have gone to sleep
    }
  return new Map([...times].map(([label, all]) => [label, summary(all)]));
}
