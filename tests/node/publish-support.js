// Catalogues of products that a test makes up, and a publish in this process.
import { writeFileSync } from 'node:fs';
import { run } from '../../catalog/commands/publish.js';
import { openEngine } from '../../web/worker/engine.js';
import { module } from '../../web/worker/platform.node.js';

export const dim = 32;

// Rows of kinds, so that some are near each other; the same for the same seed.
export function rowOf(seed) {
  let state = seed * 7919 + 1;
  const next = () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
  const row = new Int8Array(dim);
  for (let i = 0; i < dim; i++) row[i] = Math.round(90 * Math.sin((seed % 11 + 1) * (i + 1)) + 30 * next());
  row[seed % dim] = 127;
  return row;
}

// { id, item, rows: [Int8Array] } of n products; every seventh has two pictures.
export const products = (n, from = 0) => Array.from({ length: n }, (_, k) => {
  const i = from + k, rows = i % 7 ? [rowOf(i)] : [rowOf(i), rowOf(i + 5000)];
  return { id: `sku-${i}`, rows, item: { title: `Thing ${i}`, url: `/p/${i}`, price: 10 + i % 50, colour: ['red', 'blue', 'green'][i % 3], sale: i % 4 === 0,
    tags: i % 2 ? ['new', 'wool'] : ['old'], image: rows.map((_, p) => `img/${i}-${p}.jpg`) } };
});

// The file of them, by the engine's own writer.
export async function writeCatalogue(path, list, metadata = {}) {
  const engine = await openEngine(await module('find', {}));
  const check = (status) => {
    const name = engine.facts.statuses[status];
    if (name !== 'ok' && name !== 'more') engine.throwError();
    return name === 'more';
  };
  const text = JSON.stringify({ 'kin.preprocess': '{}', 'kin.fit': 'crop', 'kin.image_id': 'a'.repeat(64), 'kin.text_id': '', 'kin.decoders': 'own', 'kin.model': '', ...metadata });
  const writer = engine.with([text], (at, n) => engine.pointer('kin_writer_begin', dim, at, n, engine.error));
  for (const { id, item, rows } of list) {
    const joined = new Int8Array(rows.length * dim);
    rows.forEach((row, p) => joined.set(row, p * dim));
    const json = JSON.stringify({ id, ...item });
    engine.with([id, json, joined], (idAt, idN, itemAt, itemN, rowsAt) =>
      check(engine.call('kin_writer_add', writer, idAt, idN, itemAt, itemN, rowsAt, rows.length, engine.error)));
  }
  check(engine.call('kin_writer_null', writer, 0, 0, engine.error));
  while (check(engine.call('kin_writer_end', writer, engine.error)));
  const bytes = new Uint8Array(engine.pointer('kin_writer_bytes', writer)), piece = 2 ** 20, out = engine.allocate(piece);
  for (let at = 0; at < bytes.length;) {
    const taken = engine.call('kin_writer_take', writer, out, piece);
    bytes.set(engine.view(out, taken), at);
    at += taken;
  }
  writeFileSync(path, bytes);
  return path;
}

// -> { code, said: notes, result: what --json prints }; rejects as the command does.
export async function publish(catalogue, folder, values = {}) {
  const said = [];
  let result = null;
  const io = { note: (text) => { said.push(text); }, line: async (value) => { result = value; }, signal: new AbortController().signal, progress: () => () => {} };
  const code = await run({ values: { output: folder, json: true, ...values }, positionals: catalogue === null ? [] : [catalogue] }, io);
  return { code, said, result };
}

// What tests/golden/published was made of, generation by generation: a price that changes, then a product gone, one new.
export function goldenProducts() {
  const lists = [products(60), products(60), products(60)];
  lists[1][3].item.price = lists[2][3].item.price = 1234;
  lists[2].splice(9, 1);
  lists[2].push(...products(1, 700));
  return lists;
}
