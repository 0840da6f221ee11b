// Parquet files made by hand, so that each of their claims can be a lie: one row group of one column of text, `id`.
const varint = (n) => {
  const bytes = [];
  for (let left = BigInt(n); ; left >>= 7n) {
    if (left < 128n) return [...bytes, Number(left)];
    bytes.push(Number(left & 127n) | 128);
  }
};
const zigzag = (n) => varint(BigInt(n) >= 0n ? BigInt(n) * 2n : BigInt(n) * -2n - 1n);

// Thrift's compact protocol, of what Parquet needs: { field: ['i32' | 'i64' | 'text' | 'list' | 'struct', value] }.
const types = { i32: 5, i64: 6, text: 8, list: 9, struct: 12 };
function put([type, value]) {
  if (type === 'text') return [...varint(Buffer.byteLength(value)), ...Buffer.from(value)];
  if (type === 'struct') return struct(value);
  if (type === 'list') return [value.length << 4 | types[value[0][0]], ...value.flatMap(put)];
  return zigzag(value);
}
function struct(fields) {
  let last = 0;
  const bytes = Object.entries(fields).flatMap(([id, field]) => {
    const head = (id - last) << 4 | types[field[0]];
    last = Number(id);
    return [head, ...put(field)];
  });
  return [...bytes, 0];
}

// claims: { rows, values, pageBytes, unpackedBytes, offset, chunkBytes, codec, levels }; without, the file is sound.
export function parquet(ids, claims = {}) {
  const { rows = ids.length, values = ids.length, codec = 0, levels = [] } = claims;
  const data = Buffer.concat([Buffer.from(levels), ...ids.map((id) => Buffer.concat([Buffer.from(Uint32Array.of(Buffer.byteLength(id)).buffer),
    Buffer.from(id)]))]);
  const optional = levels.length ? 1 : 0;
  const page = Buffer.concat([Buffer.from(struct({ 1: ['i32', 0], 2: ['i32', claims.unpackedBytes ?? data.length],
    3: ['i32', claims.pageBytes ?? data.length], 5: ['struct', { 1: ['i32', values], 2: ['i32', 0], 3: ['i32', 3], 4: ['i32', 3] }] })), data]);
  const chunk = { 1: ['i32', 6], 2: ['list', [['i32', 0]]], 3: ['list', [['text', 'id']]], 4: ['i32', codec], 5: ['i64', values],
    6: ['i64', claims.chunkBytes ?? page.length], 7: ['i64', claims.chunkBytes ?? page.length], 9: ['i64', claims.offset ?? 4] };
  const footer = Buffer.from(struct({ 1: ['i32', 1],
    2: ['list', [['struct', { 4: ['text', 'schema'], 5: ['i32', 1] }], ['struct', { 1: ['i32', 6], 3: ['i32', optional], 4: ['text', 'id'], 6: ['i32', 0] }]]],
    3: ['i64', rows], 4: ['list', [['struct', { 1: ['list', [['struct', { 2: ['i64', 4], 3: ['struct', chunk] }]]], 2: ['i64', page.length],
      3: ['i64', rows] }]]] }));
  return Buffer.concat([Buffer.from('PAR1'), page, footer, Buffer.from(Uint32Array.of(claims.footerBytes ?? footer.length).buffer),
    Buffer.from(claims.magic ?? 'PAR1')]);
}

// Levels that say of the next n values that they are there: a run of n ones.
export function run(n) {
  const bytes = [...varint(n * 2), 1];
  return [bytes.length, 0, 0, 0, ...bytes];
}
