// A catalogue file (docs/format.md) of one picture a product, ids '0', '1', …: `add` vector by vector, then
// `done`. Quicker than the builder, which copies every vector through a worker.
export function catalogFile(rows, dim) {
  const encoder = new TextEncoder();
  const names = Array.from({ length: rows }, (_, i) => String(i));
  const items = names.map((id) => `{"id":"${id}"}\n`);
  const sizes = { item_offsets: ['U64', [rows + 1]], id_offsets: ['U64', [rows + 1]], scale: ['F32', [rows]], row_item: ['U32', [rows]],
    id_order: ['U32', [rows]], row_picture: ['U16', [rows]], vectors: ['I8', [rows, dim]], ids: ['U8', [names.join('').length]],
    items: ['U8', [items.join('').length]] };
  const width = { U64: 8, F32: 4, U32: 4, U16: 2, I8: 1, U8: 1 };
  const header = { __metadata__: { 'kin.format': '1', 'kin.kind': 'catalog', 'kin.numerics': '1' } };
  let end = 0;
  for (const [name, [dtype, shape]] of Object.entries(sizes)) {
    const begin = end;
    end += shape.reduce((a, b) => a * b) * width[dtype];
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  let head = JSON.stringify(header);
  head += ' '.repeat(-head.length & 7);
  const bytes = new Uint8Array(8 + head.length + end);
  const at = (name, Type) => new Type(bytes.buffer, 8 + head.length + header[name].data_offsets[0], header[name].shape.reduce((a, b) => a * b));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(encoder.encode(head), 8);
  for (const [name, texts] of [['id', names], ['item', items]]) {
    at(`${name}s`, Uint8Array).set(encoder.encode(texts.join('')));
    const offsets = at(`${name}_offsets`, BigUint64Array);
    texts.forEach((text, i) => { offsets[i + 1] = offsets[i] + BigInt(text.length); });
  }
  at('row_item', Uint32Array).forEach((_, i, all) => { all[i] = i; });
  at('id_order', Uint32Array).set(Uint32Array.from(names.keys()).sort((a, b) => (names[a] < names[b] ? -1 : 1)));
  const [vectors, scale] = [at('vectors', Int8Array), at('scale', Float32Array)];
  let n = 0;
  return {
    vectors, scale,
    add(vector) {
      let top = 0, sum = 0;
      for (let i = 0; i < dim; i++) top = Math.max(top, Math.abs(vector[i]));
      for (let i = 0; i < dim; i++) {
        const value = vectors[n * dim + i] = Math.round(vector[i] * 127 / top);
        sum += value * value;
      }
      scale[n++] = 1 / Math.sqrt(sum);
    },
    done: () => bytes,
  };
}
