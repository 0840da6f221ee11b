// Figures on pictures that were kept out of training: make judge DATA=../shared/data [MODEL=models/…] [ONLY=confidence].
//
// Every other file of this folder is a subject: it exports `name`, a heading, and
// async run({ data, model }) -> { lines: [{ what, value, floor }] }: `value` and `floor` numbers (a floor is the least), or
// texts ('≥ 85 %', '≤ 30'; a value that is a text is not compared). What lib/ holds is shared. The lines are printed and
// written into docs/figures.md between the subject's markers. Exit code 1: a value is below its floor.
import { readdir, readFile, writeFile } from 'node:fs/promises';

const report = 'docs/figures.md';

const shown = (value) => (typeof value === 'number' ? String(Math.round(value * 10) / 10) : value ?? '');

// Whether a value keeps its floor; null where that cannot be told.
function keeps({ value, floor }) {
  const [, sign, bound] = typeof floor === 'number' ? [0, '≥', floor] : /^([≥≤])\s*([\d.]+)/.exec(floor ?? '') ?? [];
  if (typeof value !== 'number' || bound === undefined) return null;
  return sign === '≥' ? value >= bound : value <= bound;
}

async function write(subject, name, lines, model) {
  const [begin, end] = [`<!-- ${subject} -->`, `<!-- end of ${subject} -->`];
  const text = await readFile(report, 'utf8').catch(() => '# Figures\n');
  const table = [`## ${name}`, '', `Model: ${model}.`, '', '| what | measured | floor |', '|---|---:|---:|',
    ...lines.map((line) => `| ${line.what} | ${shown(line.value)}${keeps(line) === false ? ' **(short)**' : ''} | ` +
      `${typeof line.floor === 'number' ? `≥ ${line.floor}` : line.floor ?? ''} |`)].join('\n');
  const part = `${begin}\n${table}\n${end}`;
  const at = text.indexOf(begin);
  await writeFile(report, at < 0 ? `${text.trimEnd()}\n\n${part}\n`
    : text.slice(0, at) + part + text.slice(text.indexOf(end, at) + end.length));
}

const [data = '../shared/data', model = 'models/kin-everyday', ...only] = process.argv.slice(2);
const subjects = (await readdir(new URL('.', import.meta.url))).filter((file) => file.endsWith('.js') && file !== 'judge.js')
  .map((file) => file.slice(0, -3)).filter((subject) => !only.length || only.includes(subject)).sort();
for (const subject of subjects) {
  const { name, run } = await import(`./${subject}.js`);
  const { lines } = await run({ data, model });
  console.log(name);
  for (const line of lines) {
    const kept = keeps(line);
    console.log(`  ${shown(line.value).padStart(8)}  ${line.what}${line.floor === undefined ? '' : ` (floor ${line.floor})`}` +
      `${kept === false ? '  SHORT' : ''}`);
    if (kept === false) process.exitCode = 1;
  }
  await write(subject, name, lines, model);
}
