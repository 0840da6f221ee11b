// A small CSV with columns of certain names, held whole: pictures with what they show, pairs, phrases. It is read as products
// files are (csv.js), so what a spreadsheet saves is taken, and a line that cannot be read is an error of its own.
import { readCsv } from './csv.js';
import { openText } from './text.js';

// `columns` have to be there, `others` may be; upper and lower case count alike. `each`: what a line holds, for the sentence.
// -> [{ line, record: { column: its cell, '' where there is none }, error }], of which a line has one, the other is null
export async function readTable(path, columns, each, others = []) {
  const file = await openText(path);
  try {
    const rows = [];
    let places = null; // of the columns among the cells
    for await (const { line, cells, error } of readCsv(file.pieces())) {
      if (!places) places = placesOf(cells, columns, others, path, each);
      else rows.push({ line, error, record: error ? null : Object.fromEntries(places.map(([name, at]) => [name, cells[at] ?? ''])) });
    }
    if (!rows.length) throw new Error(`${path} has no line with ${each}: it ${needs(columns)}, and ${each} in each line`);
    return rows;
  } finally {
    await file.close();
  }
}

const needs = (columns) => `needs the column${columns.length > 1 ? 's' : ''} ${columns.join(' and ')}`;

function placesOf(cells, columns, others, path, each) {
  const names = cells.map((cell) => cell.toLowerCase());
  const lacking = columns.filter((name) => !names.includes(name));
  if (lacking.length)
    throw new Error(`${path} ${needs(columns)}, and ${each} in each line: its first line names ` +
      (names.some(Boolean) ? cells.slice(0, 8).map((cell) => `'${cell.slice(0, 40)}'`).join(', ') : 'none'));
  const wanted = [...columns, ...others].filter((name) => names.includes(name));
  const twice = wanted.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) throw new Error(`${path} names the column '${twice}' twice`);
  return wanted.map((name) => [name, names.indexOf(name)]);
}
