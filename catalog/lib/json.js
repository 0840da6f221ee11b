// JSON in pieces of text -> { row, value, error }: JSON Lines, a record a line, or one list, a record an element.
// Only the text of one piece and one record is held.

const maxRecord = 2 ** 24;
const mark = /["\\[\]{},]/g;

function parse(row, text, what) {
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { row, value, error: null };
    return { row, value: null, error: new Error(`the ${what} is not a JSON object`) };
  } catch {
    return { row, value: null, error: new Error(`the ${what} is not JSON`) };
  }
}

export async function* readJsonLines(pieces) {
  let row = 0;
  let rest = '';
  const more = (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    if (rest.length > maxRecord) throw new Error(`line ${row + lines.length + 1} has more than 16 million characters`);
    return lines;
  };
  const one = (line) => (row++, line.trim() ? parse(row, line, 'line') : null);
  for await (const piece of pieces)
    for (const line of more(piece)) {
      const record = one(line);
      if (record) yield record;
    }
  const record = one(rest);
  if (record) yield record;
}

// The elements of the list that the text is, by counting its brackets outside of strings.
export async function* readJsonList(pieces, name) {
  const wrong = (why) => new Error(`${name} is not JSON: ${why}`);
  let text = '';
  let start = 0; // of the element
  let row = 0;
  let depth = 0; // 1 inside the list
  let quoted = false;
  let escaped = false; // the text ended with a backslash
  let over = false;

  // One mark of the text -> an element that it ends, if it does.
  function pass(sign, at) {
    if (quoted) {
      quoted = sign !== '"';
      if (sign === '\\') {
        escaped = at + 1 === text.length;
        mark.lastIndex++;
      }
    } else if (sign === '"') quoted = true;
    else if (sign === '[' || sign === '{') {
      if (++depth === 1) start = at + 1;
    } else if (depth > 1) depth -= sign === ',' ? 0 : 1;
    else if (sign === '}') throw wrong(`a } too many after element ${row}`);
    else return endElement(sign, at);
    return null;
  }

  function endElement(sign, at) {
    const element = text.slice(start, at).trim();
    [start, over] = [at + 1, sign === ']'];
    if (element) return parse(++row, element, 'element');
    if (sign === ',' || row) throw wrong(`nothing stands before the ${sign} after element ${row}`);
    return null;
  }

  for await (const piece of pieces) {
    mark.lastIndex = text.length - start + (escaped ? 1 : 0);
    [text, start, escaped] = [text.slice(start) + piece, 0, false];
    if (text.length > maxRecord + piece.length) throw wrong(`element ${row + 1} has more than 16 million characters`);
    for (let found; !over && (found = mark.exec(text));) {
      const record = pass(found[0], found.index);
      if (record) yield record;
    }
    if (over && text.slice(start).trim()) throw wrong('something follows its list');
  }
  if (!over) throw wrong(`the list does not end after element ${row}`);
}
