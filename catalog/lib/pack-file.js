// Writes a label pack's file, of which web/shared/labels.js reads what lies in it (docs/format.md).
// A pack -> { metadata, tensors: [{ name, dtype, shape, bytes }] } of the file. A phrase pack's hundreds of phrases are bytes.
export function writePack({ dim, scale, imageId, textId, languages, kinds = null, labels, phrases, negatives, background, pictures, ...pack }) {
  const bytesOf = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const floats = (rows) => bytesOf(Float32Array.from(rows.flatMap((row) => [...row])));
  const small = (rows) => bytesOf(Int8Array.from(rows.flatMap((row) => {
    const most = row.reduce((all, value) => Math.max(all, Math.abs(value)), 0);
    return Array.from(row, (value) => Math.round(value * 127 / most));
  })));
  const statistics = pack.null.map(({ mean, deviation }) => [mean, deviation]);
  const [dtype, rows] = kinds ? ['I8', small] : ['F32', floats];
  const text = new TextEncoder().encode(JSON.stringify({ scale, languages, ...kinds && { kinds }, labels }));
  return { metadata: { 'kin.format': '1', 'kin.kind': 'labels', 'kin.image_id': imageId, 'kin.text_id': textId }, tensors: [
    { name: 'null', dtype: 'F32', shape: [statistics.length, 2], bytes: floats(statistics) },
    { name: 'phrases', dtype, shape: [phrases.length, dim], bytes: rows(phrases) },
    { name: 'negatives', dtype, shape: [negatives.length, dim], bytes: rows(negatives) },
    { name: 'background', dtype: 'I8', shape: [background.length, dim], bytes: small(background) },
    { name: 'pictures', dtype: 'I8', shape: [pictures.length, dim], bytes: small(pictures) },
    { name: 'labels', dtype: 'U8', shape: [text.length], bytes: text },
  ] };
}
