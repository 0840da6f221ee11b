// CSV and JSON in pieces: the records of csv-parse and of Python's csv where the text is sound, one line lost where
// it is not, wherever the pieces end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { readCsv } from '../../catalog/lib/csv.js';
import { readJsonLines, readJsonList } from '../../catalog/lib/json.js';

async function* cut(text, length) {
  for (let at = 0; at < text.length || at === 0; at += length) yield text.slice(at, at + length);
}

async function collect(records) {
  const all = [];
  for await (const record of records) all.push(record);
  return all;
}

// [line, cells or the error's sentence], the same for all sizes of pieces.
async function read(text) {
  const results = [];
  for (const length of [1, 2, 3, 7, Math.max(1, text.length)])
    results.push((await collect(readCsv(cut(text, length))))
      .map(({ line, cells, error }) => [line, error?.message ?? cells]));
  for (const result of results) assert.deepEqual(result, results[0], JSON.stringify(text));
  return results[0];
}

let state = 7;
const random = (n) => {
  state = Math.imul(state, 1664525) + 1013904223 >>> 0;
  return Math.floor(state / 2 ** 32 * n);
};

// A sound file: 3 columns, any cell in quotes or not, any line end.
function soundFile() {
  const [mark, end] = [',;\t'[random(3)], ['\n', '\r\n', '\r'][random(3)]];
  const inside = ['a', 'ü', '27', '""', ' ', mark, end, '\u{1F600}', "'", '|'];
  const bare = ['a', 'ü', '5"', ' b', '"c"', "'"]; // the first is no quote and no blank
  const pick = (from, n) => Array.from({ length: random(n) }, () => from[random(from.length)]).join('');
  const cell = () => (random(2) ? `"x${pick(inside, 5)}"` : `y${pick(bare, 4)}`);
  const rows = Array.from({ length: 1 + random(5) }, () => [cell(), cell(), cell()].join(mark));
  return { mark, text: ['one', 'two', 'three'].join(mark) + end + rows.join(end) + (random(2) ? end : '') };
}

test('sound files: the cells that csv-parse reads', async () => {
  for (let i = 0; i < 500; i++) {
    const { mark, text } = soundFile();
    const wanted = parse(text, { delimiter: mark, relax_quotes: true, record_delimiter: ['\r\n', '\n', '\r'] });
    assert.deepEqual((await read(text)).map(([, cells]) => cells), wanted, JSON.stringify(text));
  }
});

test("sound files: the cells that Python's csv reads", async () => {
  const files = Array.from({ length: 500 }, soundFile);
  const script = 'import csv, io, json, sys\n' +
    'read = lambda f: list(csv.reader(io.StringIO(f["text"], newline=""), delimiter=f["mark"]))\n' +
    'print(json.dumps([read(f) for f in json.load(sys.stdin)]))';
  const python = spawnSync('python3', ['-c', script], { input: JSON.stringify(files), encoding: 'utf8' });
  assert.ifError(python.error); // python3 comes with Emscripten, which `make setup` installs
  assert.equal(python.status, 0, python.stderr);
  for (const [i, wanted] of JSON.parse(python.stdout).entries())
    assert.deepEqual((await read(files[i].text)).map(([, cells]) => cells), wanted, JSON.stringify(files[i].text));
});

const unclosed = 'the quote before its cell 2 is never closed';
const after = 'its cell 2 goes on after the closing quote: inside quotes a quote is written twice';

test('a bad quote costs its line, and no other', async () => {
  const tooMany = "it has 3 cells, the first line names 2 columns: one with ',' in it goes into quotes";
  const cases = [
    ['id,title\n1,Monitor 27" IPS\n2,B', [[2, ['1', 'Monitor 27" IPS']], [3, ['2', 'B']]]],
    ['id,title\n1,27"\n2,5\' x 3"', [[2, ['1', '27"']], [3, ['2', '5\' x 3"']]]],
    ['id,title\n1,"The "Big" one"\n2,B', [[2, after], [3, ['2', 'B']]]],
    ['id,title\n1,"open\n2,B\n3,C', [[2, unclosed], [3, ['2', 'B']], [4, ['3', 'C']]]],
    ['id,title\n1,"open\n2,"B"\n3,""\n', [[2, after], [3, ['2', 'B']], [4, ['3', '']]]],
    ['id,title\n1,"open\n2,B\n3,"C"', [[2, after], [3, ['2', 'B']], [4, ['3', 'C']]]],
    ['id,title\n1,"open\n"2,",B\n3,C', [[2, after], [3, ['2,', 'B']], [4, ['3', 'C']]]],
    // It closes by chance, with too many cells: the lines in between are read all the same.
    ['id,title\n1,"open\n2,B\n3,24",x\n4,D', [[2, tooMany], [3, ['2', 'B']],
      [4, tooMany], [5, ['4', 'D']]]],
    ['id,title\r\n1,"two\r\nlines"\r\n2,B', [[2, ['1', 'two\r\nlines']], [4, ['2', 'B']]]],
  ];
  for (const [text, wanted] of cases) assert.deepEqual((await read(text)).slice(1), wanted, text);
  const many = `id,title\n${'1,"open\n2,B\n'.repeat(20000)}`; // no line is looked at again and again
  const records = await collect(readCsv([many]));
  assert.deepEqual([records.length, records.filter(({ error }) => error).length], [40001, 20000]);
});

test('as spreadsheets leave it: sep=, blanks, empty rows and cells, old line ends', async () => {
  const cases = [
    ['sep=;\r\nid;a,b\r\n1;x', [[2, ['id', 'a,b']], [3, ['1', 'x']]]],
    ['"sep=|"\nid|b\n1|x', [[2, ['id', 'b']], [3, ['1', 'x']]]],
    ['id|a,b|c\n1|x|y|', [[1, ['id', 'a,b', 'c']], [2, ['1', 'x', 'y', '']]]],
    ['SEP=\t\nid\tb\n1\tx', [[2, ['id', 'b']], [3, ['1', 'x']]]],
    ['id, a , "b, c" \n 1 ,\tx y\u00a0, " kept "', [[1, ['id', 'a', 'b, c']], [2, ['1', 'x y', ' kept ']]]],
    ['\n,,\n\nid,a,\n\n1,x\n,,,\n2,y,\n3,z,,\n""," "\n,\n\n', [[4, ['id', 'a', '']],
      [6, ['1', 'x']], [8, ['2', 'y', '']],
      [9, ['3', 'z', '', '']]]],
    ['id,a\n1,x,,y\n2', [[1, ['id', 'a']], [2, "it has 4 cells, the first line names 2 columns: one with ',' in it goes into quotes"],
      [3, 'it has 1 cell, the first line names 2 columns']]],
    ['id\ta\r1\t\r2\tx', [[1, ['id', 'a']], [2, ['1', '']], [3, ['2', 'x']]]],
    ['', []], ['\n\n', []], ['id', [[1, ['id']]]],
  ];
  for (const [text, wanted] of cases) assert.deepEqual(await read(text), wanted, text);
});

test('a line without end is refused before it fills the memory', async () => {
  const endless = async function* () {
    for (;;) yield 'x'.repeat(2 ** 22);
  };
  await assert.rejects(collect(readCsv(endless())), /line 1 has more than 16 million characters/);
  const quoted = async function* () {
    yield 'id,a\n1,"';
    yield* endless();
  };
  await assert.rejects(collect(readCsv(quoted())), /line 2 has more than 16 million characters/);
  await assert.rejects(collect(readJsonLines(endless())), /line 1 has more than 16 million characters/);
  const list = async function* () {
    yield '[{"a":"';
    yield* endless();
  };
  await assert.rejects(collect(readJsonList(list(), 'x.json')), /element 1 has more than 16 million characters/);
});

test('a JSON list, wherever its pieces end', async () => {
  const values = [{ a: 'x', b: [1, { c: ']' }] }, { a: '\\"},[' }, { a: 'ü\\' }, {}];
  const spaced = ` [ ${values.map((one) => JSON.stringify(one)).join(' , ')} ] \n`;
  for (const text of [JSON.stringify(values), JSON.stringify(values, null, 2), spaced])
    for (const length of [1, 2, 3, 5, 1000])
      assert.deepEqual((await collect(readJsonList(cut(text, length), 'x.json'))).map(({ value }) => value), values);
  const records = await collect(readJsonList(cut('[{"a":1}, 3, {"a":}, {"b":2}]', 4), 'x.json'));
  assert.deepEqual(records.map(({ row, value, error }) => [row, value ?? error.message]), [[1, { a: 1 }],
    [2, 'the element is not a JSON object'], [3, 'the element is not JSON'], [4, { b: 2 }]]);
  for (const [text, why] of [['[{"a":1}', /does not end after element/],
    ['[{"a":1},]', /nothing stands before the \] after element 1/],
    ['[,{"a":1}]', /nothing stands before the ,/], ['[{"a":1}] x', /something follows/],
    ['[{"a":1}}]', /a } too many/]])
    for (const length of [1, 3, 100])
      await assert.rejects(collect(readJsonList(cut(text, length), 'x.json')), { message: why }, text);
});
