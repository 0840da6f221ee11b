// CSV text in pieces -> records { line, cells, error }, the first of which names the columns. Read as Python's
// csv reads it: a quote inside a cell without quotes is a character, cells in quotes may hold delimiters, line
// ends and doubled quotes. Beyond that, as spreadsheets leave it: `sep=;` in front, blanks around cells, rows
// and cells at the end that are empty.
// A record that cannot be read is an error of its line alone: the next one begins on the line after it. This,
// and the line numbers, is what no library at hand does: they stop, or swallow what follows. Only the text of one
// piece and one record is held.
import { counted } from './terminal.js';

const maxRecord = 2 ** 24;
const lineEnd = /\r\n?|\n/g;
const isBlank = (mark) => mark === ' ' || mark === '\t' || mark === '\u00a0';

// The line end at or after `at` -> [where it begins, where it is over]; null: more text is needed.
function findLineEnd(text, at, last) {
  lineEnd.lastIndex = at;
  const found = lineEnd.exec(text);
  if (found && (last || lineEnd.lastIndex < text.length || found[0] !== '\r')) return [found.index, lineEnd.lastIndex];
  return last ? [text.length, text.length] : null;
}

function countLineEnds(text, from, to) {
  let n = 0;
  lineEnd.lastIndex = from;
  while (lineEnd.exec(text) && lineEnd.lastIndex <= to) n++;
  return n;
}

// The record at `at` of `text`, with quotes in it -> { cells, end } or { wrong }; null: more text is needed.
function readQuoted(text, at, delimiter, last) {
  const skipBlanks = (i) => {
    while (isBlank(text[i]) && text[i] !== delimiter) i++;
    return i;
  };
  const over = (i) => i >= text.length || text[i] === '\n' || text[i] === '\r';
  const cells = [];
  for (let i = at;;) {
    i = skipBlanks(i);
    let cell = '';
    if (text[i] === '"') {
      for (let from = i + 1;;) {
        const quote = text.indexOf('"', from);
        if (quote < 0 && (last || text.length - at > maxRecord))
          return { wrong: `the quote before its cell ${cells.length + 1} is never closed` };
        if (quote < 0 || quote + 1 === text.length && !last) return null;
        cell += text.slice(from, quote);
        from = i = quote + 1;
        if (text[i] !== '"') break;
        cell += '"';
        from++;
      }
      i = skipBlanks(i);
      if (!over(i) && text[i] !== delimiter)
        return { wrong: `its cell ${cells.length + 1} goes on after the closing quote: ` +
          'inside quotes a quote is written twice' };
    } else {
      const start = i;
      while (!over(i) && text[i] !== delimiter) i++;
      cell = text.slice(start, i).trim();
    }
    cells.push(cell);
    if (over(i)) {
      const end = findLineEnd(text, i, last);
      return end && { cells, end: end[1] };
    }
    i++;
  }
}

// The delimiter: as the caller says, else named by a line `sep=;`, else what stands most often in the first line that
// is not blank. -> { delimiter, skip: what the line of `sep=` takes }
function findDelimiter(text, separator) {
  const named = /^"?sep=([^\r\n])"?(?:\r\n?|\n)/i.exec(text);
  if (separator || named) return { delimiter: separator ?? named[1], skip: named?.[0].length ?? 0 };
  const line = /\S[^\r\n]*/.exec(text)?.[0].replace(/"(?:[^"]|"")*"/g, '') ?? '';
  const count = (mark) => line.split(mark).length;
  return { delimiter: [',', ';', '\t', '|'].reduce((a, b) => (count(b) > count(a) ? b : a)), skip: 0 };
}

export async function* readCsv(pieces, separator) {
  let text = '';
  let at = 0;
  let line = 1;
  let quote = -1; // the next one at or after `at`, once it is looked for
  let delimiter = null;
  let columns = null;

  function next(last) {
    const first = findLineEnd(text, at, last);
    if (!first && text.length - at <= maxRecord) return null;
    if (first && quote < at) quote = (text.indexOf('"', at) + 1 || Infinity) - 1;
    const record = !first ? null : quote >= first[0]
      ? { cells: text.slice(at, first[0]).split(delimiter).map((cell) => cell.trim()), end: first[1] }
      : readQuoted(text, at, delimiter, last);
    if (!record && text.length - at > 2 * maxRecord)
      throw new Error(`line ${line} has more than ${maxRecord / 2 ** 20} million characters`);
    return record && check(record, first[1]);
  }

  // One that is wrong ends with its first line: by a quote left open it may have swallowed good ones.
  function check({ cells = [], wrong, end }, afterLine) {
    const filled = cells.findLastIndex((cell) => cell.trim()) + 1;
    const blank = !wrong && !filled;
    if (!columns && filled) columns = { least: filled, most: cells.length };
    if (!wrong && filled && (cells.length < columns.least || filled > columns.most))
      wrong = `it has ${counted(cells.length, 'cell')}, the first line names ${counted(columns.least, 'column')}` +
        (cells.length < columns.least ? '' : `: one with ${delimiter === '\t' ? 'a tab' : `'${delimiter}'`} in it goes into quotes`);
    return { cells, blank, error: wrong ? new Error(wrong) : null, end: wrong ? afterLine : end };
  }

  function* take(last) {
    if (delimiter === null) {
      const filled = text.search(/\S/); // -1: only blank lines yet
      if (!last && text.length < maxRecord && (filled < 0 || !findLineEnd(text, filled, false))) return;
      const found = findDelimiter(text, separator);
      [delimiter, at, line] = [found.delimiter, found.skip, found.skip ? 2 : 1];
    }
    while (at < text.length) {
      const record = next(last);
      if (!record) return;
      const { cells, blank, error, end } = record;
      if (!blank) yield { line, cells, error };
      line += countLineEnds(text, at, end);
      at = end;
    }
  }

  const more = (piece) => {
    [text, at, quote] = [text.slice(at) + piece, 0, -1];
  };
  for await (const piece of pieces) {
    more(piece);
    for (const record of take(false)) yield record;
  }
  for (const record of take(true)) yield record;
}
