// The vectors of a catalogue file as f32, and a plain loop over them.

async function open(url) {
  const bytes = await (await fetch(url)).arrayBuffer();
  const header = Number(new DataView(bytes).getBigUint64(0, true));
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, header)));
  const at = (Type, name) => new Type(bytes, 8 + header + about[name].data_offsets[0], about[name].shape.reduce((a, b) => a * b));
  return { vectors: at(Int8Array, 'vectors'), scale: at(Float32Array, 'scale'), dim: about.vectors.shape[1] };
}

// -> { rows: f32 [n, dim], unit vectors; vectors: i8 [n, dim]; dim }
export async function readCatalog(url) {
  const { vectors, scale, dim } = await open(url);
  const rows = new Float32Array(vectors.length);
  for (let r = 0, at = 0; r < scale.length; r++) for (let i = 0; i < dim; i++, at++) rows[at] = vectors[at] * scale[r];
  return { rows, vectors, dim };
}

// The numbers of the k rows with the largest dot product, best first.
export function best(rows, dim, query, k) {
  const top = [];
  for (let i = 0, at = 0; at < rows.length; i++) {
    let dot = 0;
    for (let j = 0; j < dim; j++) dot += rows[at++] * query[j];
    if (top.length < k || dot > top[k - 1][0]) {
      top.push([dot, i]);
      top.sort((a, b) => b[0] - a[0]);
      top.length = Math.min(top.length, k);
    }
  }
  return top.map(([, i]) => i);
}
