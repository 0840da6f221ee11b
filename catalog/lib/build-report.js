// What a build says of itself when it is over: a JSON file for programs, a Markdown one for people (a CI job's summary), and the
// line of --json. What failed comes out of a file (failures.js), piece by piece.
import { writeFileSafely } from './files.js';

const shownFailures = 20;

async function* listed(failures) {
  let between = '';
  for await (const one of failures.all()) {
    yield between + one;
    between = ',\n    ';
  }
}

// { …facts, "failures": […] } in parts.
async function* reportParts(facts, failures) {
  yield `${JSON.stringify(facts, null, 2).slice(0, -2)},\n  "failures": [\n    `;
  yield* listed(failures);
  yield '\n  ]\n}\n';
}

// --json: `failed` among the others, in one line.
export async function* lineParts(facts, failures) {
  yield `${JSON.stringify(facts).slice(0, -1)},"failed":[`;
  for await (const part of listed(failures)) yield part.replace('\n    ', '');
  yield ']}\n';
}

const cell = (text) => String(text).replace(/[\\|`*_<>[\]\r\n]/g, (sign) => (/[\r\n]/.test(sign) ? ' ' : `\\${sign}`));
const table = (rows) => ['| | |', '|---|--:|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');

async function summaryOf({ done, error, output, counts, bytes, seconds: took, notes }, failures) {
  const lines = [`## ${done ? 'Catalogue built' : 'Catalogue not built'}: \`${output.replaceAll('`', '')}\``, ''];
  if (error) lines.push(`**${cell(error)}**`, '');
  lines.push(table([['products', counts.products], ['pictures', counts.pictures], ['embedded', counts.embedded],
    ['reused', counts.reused], ['fetched or read', `${(bytes.read / 1e6).toFixed(1)} MB`],
    ['catalogue', `${(bytes.catalogue / 1e6).toFixed(2)} MB`], ['failed rows', counts.failedRows],
    ['failed pictures', counts.failedPictures], ['time', `${took.total} s`]]), '');
  if (notes.length) lines.push(...notes.map((note) => `- ${cell(note)}`), '');
  let n = 0;
  for await (const one of failures.all()) {
    if (!n++) lines.push('| row | id | what failed |', '|--:|---|---|');
    if (n > shownFailures) break;
    const { row, id, message } = JSON.parse(one);
    lines.push(`| ${row} | ${cell(id ?? '')} | ${cell(message)} |`);
  }
  if (failures.count > shownFailures) lines.push('', `and ${failures.count - shownFailures} more`);
  return lines.join('\n') + '\n';
}

export async function writeReports({ report, summary }, facts, failures) {
  if (report) await writeFileSafely(report, reportParts(facts, failures));
  if (summary) await writeFileSafely(summary, await summaryOf(facts, failures));
}
