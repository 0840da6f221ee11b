// What the photos of the judged sets show, for the categories of labels/moderation.yaml: by the sets' own labels. A `?`
// stands before what a photo may show too, for all that its label says: it is not counted either way.
const shown = {
  caltech101: { revolver: ['weapons'], cannon: ['?weapons'], 'dollar bill': ['?document'], 'buddha statue': ['?person'] },
  trashnet: { paper: ['document'], cardboard: ['?document'], rubbish: ['?document'], glass: ['?alcohol'], plastic: ['?medicine'],
    metal: ['?alcohol'] },
};

// Rows of embedSet -> pictures for measureLabels: thresholds are chosen on what was trained on, and judged on the rest.
export const asPictures = (sets) => Object.entries(sets).flatMap(([set, rows]) => rows.map(({ label, split, vector }) => ({ vector,
  labels: set === 'clothing' ? ['?person'] : shown[set]?.[label] ?? [], split: split === 'train' ? 'choose' : 'judge' })));

// A background of photos that were trained on, in turn of each kind, without the kinds that are judged.
export function asBackground(sets, wanted = 320) {
  const kinds = new Map();
  for (const [set, rows] of Object.entries(sets))
    for (const row of rows)
      if (row.split === 'train' && row.label !== 'revolver') {
        const kind = `${set} ${row.label}`;
        if (!kinds.has(kind)) kinds.set(kind, []);
        kinds.get(kind).push(row.vector);
      }
  const found = [];
  for (let i = 0; found.length < wanted; i++)
    for (const rows of kinds.values()) if (rows[i] && found.length < wanted) found.push(rows[i]);
  return found;
}

export const setNames = ['caltech101', 'clothing', 'grocery', 'trashnet'];
