// An order of products in which near ones lie together, so that what a query needs lies in few shards: a node is split
// in two halves along the line between two of its middles, until a part fits a shard. Halves begin at whole shards. The
// same products give the same order on every machine: no chance, and doubles in a fixed order.
//
//   points  Int8Array [M, dim], scale Float32Array [M]: 1 / length of a point; rows Uint16Array [M]: rows of a product
//
// Memory: 20 bytes a product beside these.

const sampleMost = 256; // points of a node that its two middles are of
const rounds = 4;
const steps = 2 ** 21 - 1; // of a projection: with a place below 2^32 a key is a whole number that a double holds

function dot(points, at, direction) {
  let sum = 0;
  for (let i = 0; i < direction.length; i++) sum += points[at + i] * direction[i];
  return sum;
}

// The difference of a node's two middles, by 2-means over points at equal steps. The first two are far from each other.
function directionOf({ points, scale, dim }, node, direction) {
  const step = Math.ceil(node.length / sampleMost);
  const sample = [];
  for (let i = 0; i < node.length; i += step) sample.push(node[i]);
  const unit = (product, out) => {
    for (let i = 0; i < dim; i++) out[i] = points[product * dim + i] * scale[product];
  };
  const farthest = (from) => {
    unit(from, direction);
    let [worst, least] = [from, Infinity];
    for (const product of sample) {
      const value = dot(points, product * dim, direction) * scale[product];
      if (value < least) [worst, least] = [product, value];
    }
    return worst;
  };
  const middles = [new Float64Array(dim), new Float64Array(dim)];
  const a = farthest(sample[0]), b = farthest(a);
  unit(a, middles[0]);
  unit(b, middles[1]);
  for (let round = 0; ; round++) {
    for (let i = 0; i < dim; i++) direction[i] = middles[0][i] - middles[1][i];
    if (round === rounds) return;
    // Halves of equal size, as the node's will be.
    const values = sample.map((product) => dot(points, product * dim, direction) * scale[product]);
    const middle = Float64Array.from(values).sort()[sample.length >> 1];
    const n = [0, 0];
    middles[0].fill(0);
    middles[1].fill(0);
    sample.forEach((product, k) => {
      const side = values[k] >= middle ? 0 : 1, sum = middles[side];
      n[side]++;
      for (let i = 0; i < dim; i++) sum[i] += points[product * dim + i] * scale[product];
    });
    if (!n[1]) return; // all alike
    for (let i = 0; i < dim; i++) {
      middles[0][i] /= n[0];
      middles[1][i] /= n[1];
    }
  }
}

// -> Uint32Array [M] of products. `told` hears how much is done, as if of so many products, and is waited for: so others get
// their turn, and it may end the work.
export async function clusterOrder({ points, scale, dim, rows }, rowsPerShard, told = () => {}) {
  const order = Uint32Array.from(rows, (_, product) => product);
  const direction = new Float64Array(dim);
  const keys = new Float64Array(order.length), before = new Uint32Array(order.length);
  const levels = Math.max(1, Math.ceil(Math.log2(rows.reduce((sum, n) => sum + n, 0) / rowsPerShard)));
  let halved = 0; // products, each as often as its node was
  await told(0);
  const open = [{ from: 0, to: order.length, row: 0 }];
  while (open.length) {
    const { from, to, row } = open.pop();
    const node = order.subarray(from, to);
    let all = 0;
    for (const product of node) all += rows[product];
    if (all <= rowsPerShard || node.length < 2) continue;
    await told(Math.min(order.length, Math.round((halved += node.length) / levels)));
    directionOf({ points, scale, dim }, node, direction);
    const values = keys.subarray(0, node.length);
    let [least, most] = [Infinity, -Infinity];
    for (let i = 0; i < node.length; i++) {
      const value = dot(points, node[i] * dim, direction) * scale[node[i]];
      values[i] = value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    const width = most > least ? steps / (most - least) : 0;
    for (let i = 0; i < node.length; i++) values[i] = Math.floor((values[i] - least) * width) * 2 ** 32 + i;
    values.sort();
    before.set(node);
    const wanted = Math.round((row + all / 2) / rowsPerShard) * rowsPerShard - row;
    let [sum, middle] = [0, 0];
    for (let i = 0; i < node.length; i++) {
      node[i] = before[values[i] % 2 ** 32];
      if (sum < wanted && i < node.length - 1) {
        sum += rows[node[i]];
        middle = i + 1;
      }
    }
    open.push({ from: from + middle, to, row: row + sum }, { from, to: from + middle, row });
  }
  return order;
}
