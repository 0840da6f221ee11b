// Filters over a published folder in a page: the time that the worker's code takes for a mask of all products, by the folder's own
// columns, and what searches with the filters find.
import { openCatalog } from '/build/site/kin/index.js';
import { readFilter } from '/web/page/filter.js';
import { countOf, fieldsOf, matching, readColumn } from '/web/worker/columns.js';

const arrays = { F64: Float64Array, U32: Uint32Array, U8: Uint8Array };

// A safetensors file -> copy(name) as readColumn has it.
async function tensorsOf(address) {
  const bytes = await (await fetch(address)).arrayBuffer();
  const data = 8 + Number(new DataView(bytes).getBigUint64(0, true));
  const { __metadata__: _, ...tensors } = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, data - 8)));
  return (name) => (tensors[name] ? new arrays[tensors[name].dtype](bytes.slice(...tensors[name].data_offsets.map((at) => data + at))) : []);
}

// -> [{ first, best, half: ms of a mask, passed: how many products, answers: [{ ids, total }] }] by filter
export async function run({ folder, filters, queries, runs }) {
  const read = async (name) => (await fetch(`${folder}/${name}`)).json();
  const { products, markets } = await read(`base-${(await read('current.json')).base}.json`);
  const known = markets[''].columns, types = Object.fromEntries(Object.entries(known).map(([field, { type }]) => [field, type]));
  const catalog = await openCatalog(new URL(`${folder}/`, location).href);
  const found = [];
  for (const filter of filters) {
    const tree = readFilter(filter, types), columns = new Map();
    for (const field of fieldsOf(tree)) columns.set(field, readColumn(types[field], products, await tensorsOf(`${folder}/column-${known[field].file}.safetensors`), () => { throw new Error(field); }));
    const times = [];
    let passed = 0;
    for (let i = 0; i < runs; i++) {
      const start = performance.now();
      passed = countOf(matching(tree, columns, products));
      times.push(performance.now() - start);
    }
    const answers = [];
    for (const vector of queries) {
      const { hits, total } = await catalog.search({ vector }, { filter, limit: 10 });
      answers.push({ ids: hits.map(({ id }) => id), total });
    }
    const first = times[0];
    times.sort((a, b) => a - b);
    found.push({ first, best: times[0], half: times[times.length >> 1], passed, answers });
  }
  await catalog.close();
  return found;
}
