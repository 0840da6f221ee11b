// Parquet, row group by row group, by hyparquet-writer: no more than one group is held.
//   columns: [{ name, kind, size }]; kind: text, int, float, double, boolean, bytes (`size` of them), floats, texts (lists)
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

const groupValues = 2 ** 18; // numbers of vectors in one group

const kinds = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, int: { type: 'INT32' }, float: { type: 'FLOAT' },
  double: { type: 'DOUBLE' }, boolean: { type: 'BOOLEAN' }, bytes: { type: 'FIXED_LEN_BYTE_ARRAY' },
};
const elements = { floats: kinds.float, texts: kinds.text };

function schemaOf({ name, kind, size, optional }) {
  const repetition = optional ? 'OPTIONAL' : 'REQUIRED';
  if (!elements[kind]) return [{ name, repetition_type: repetition, ...kinds[kind], ...size && { type_length: size } }];
  return [{ name, repetition_type: repetition, num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...elements[kind] }];
}

// rows: an iterable of arrays with a value for each column (null where it is optional) -> the file's bytes, part by part.
export async function* parquetParts(columns, rows, metadata, rowsInGroup) {
  const writer = new ByteWriter();
  const schema = [{ name: 'root', num_children: columns.length }, ...columns.flatMap(schemaOf)];
  const kvMetadata = Object.entries(metadata).map(([key, value]) => ({ key, value }));
  const file = new ParquetWriter({ writer, schema, kvMetadata, createdBy: 'kin-clip' });
  const written = () => {
    const bytes = writer.getBytes().slice();
    writer.index = 0; // its offset goes on
    return bytes;
  };
  let group = columns.map(() => []);
  const write = () => {
    // Vectors are noise to a compressor and all different to a dictionary: as they are.
    const columnData = columns.map(({ name, kind }, k) => ({ name, data: group[k],
      ...['floats', 'bytes'].includes(kind) && { codec: 'UNCOMPRESSED', encoding: 'PLAIN', statistics: false } }));
    file.write({ columnData, rowGroupSize: group[0].length });
    group = columns.map(() => []);
    return written();
  };
  for await (const row of rows) {
    row.forEach((value, k) => group[k].push(value));
    if (group[0].length === rowsInGroup) yield write();
  }
  if (group[0].length) yield write();
  file.finish();
  yield written();
}

export const rowsInGroup = (dim) => Math.max(1, Math.floor(groupValues / dim));
