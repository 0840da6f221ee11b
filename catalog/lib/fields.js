// Published columns: which names look private, and one type for each column.

// A catalogue is a static file that anyone can download. Names are taken apart at case changes
// and punctuation, so that `unitCost`, `UNIT_COST` and `cost-eur` are all seen, `costume` is not.
const privateWords = new Set(`cost costs ek einkaufspreis purchase wholesale margin margins markup
  profit supplier suppliers vendor lieferant email emails mail phone telephone mobile stock
  inventory quantity qty bestand onhand reserved reorder warehouse customer customers secret
  password token internal private`.split(/\s+/));

export function looksPrivate(column) {
  const words = column.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
    .split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  return words.some((word) => privateWords.has(word)) || /e-?mail|on.?hand/i.test(column);
}

// Longer ones lose digits as a number: they are article numbers, not amounts.
const plainDecimal = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;
const isNumber = (cell) => plainDecimal.test(cell) && cell.replace(/[-.]/g, '').length <= 15;

function stringList(cell) {
  if (!cell.trimStart().startsWith('[')) return null;
  try {
    const list = JSON.parse(cell);
    return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : null;
  } catch {
    return null;
  }
}

const cellTypes = [
  ['number', isNumber, Number],
  ['boolean', (cell) => cell === 'true' || cell === 'false', (cell) => cell === 'true'],
  ['list', (cell) => stringList(cell) !== null, stringList],
  ['string', () => true, (cell) => cell],
];

const jsonType = (value) => (Array.isArray(value) ? 'list' : typeof value);

// Gives every value of a column the same type, in place; a value that no type fits is its row's
// error. Returns { field: type }. Rows that failed already have no say.
export function typeFields(rows, published, cells) {
  const types = {};
  for (const field of published) {
    const holders = rows.filter((row) => !row.error && Object.hasOwn(row.item, field));
    if (cells) {
      const [type, , convert] = cellTypes.find(([, fits]) =>
        holders.every((row) => fits(row.item[field])));
      for (const row of holders) row.item[field] = convert(row.item[field]);
      types[field] = holders.length ? type : 'string';
      continue;
    }
    const valid = holders.filter((row) => {
      const value = row.item[field];
      const good = Array.isArray(value) ? value.every((one) => typeof one === 'string')
        : typeof value !== 'object';
      if (!good)
        row.error = new Error(`its ${field} is neither a string, number, boolean nor a list of ` +
          'strings');
      return good;
    });
    const kinds = new Set(valid.map((row) => jsonType(row.item[field])));
    types[field] = kinds.size === 1 ? [...kinds][0] : kinds.has('list') ? 'list' : 'string';
    for (const row of valid) {
      const value = row.item[field];
      if (types[field] === 'list') row.item[field] = Array.isArray(value) ? value : [String(value)];
      else if (types[field] === 'string') row.item[field] = String(value);
    }
  }
  return types;
}
