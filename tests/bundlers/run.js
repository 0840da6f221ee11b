// `make test-bundlers`: the packed package in small projects of the usual tools, each opened in a real Chromium, and in the
// runtimes. A line each, and a table; the answers have to be Node's, to the bit. `node tests/bundlers/run.js vite pnpm` takes
// those with both words in their names.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from '../browser/shop.js';
import { home } from './managers.js';
import { check, named } from './project.js';
import { notTried, projects } from './projects.js';
import { answer, makeShop } from './shop.js';
import { widgets } from './widget.js';

const limit = 400; // seconds for a project that names none, its installation too

async function late(signal) {
  await once(signal, 'abort');
  throw new Error('not done in time');
}

const shop = join(home, 'shop');
mkdirSync(home, { recursive: true });
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|MAKE|MFLAGS|INIT_CWD)/.test(name)));
const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', home], { env }));
makeShop(shop);
const wanted = await answer(shop);
const { byPhoto, byText, published } = JSON.parse(wanted);
console.log(`photo: ${byPhoto.join(', ')}\ntext: ${byText.join(', ')}\npublished: ${published.join(', ')}`);
if (![byPhoto, byText, published].every(([first]) => first.startsWith('A strawberry '))) throw new Error('these hits make no sense');

const kit = { browser: await launch(), tarball: named(join(home, filename)), wanted, shop };
const table = [];
let ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => { // nor leave servers behind
  ending.abort();
  process.exit(1);
});
for (const project of [...projects, ...widgets]) {
  const name = `${project.name}${project.by ? `, ${project.by}` : ''}`;
  if (!process.argv.slice(2).every((word) => name.toLowerCase().includes(word.toLowerCase()))) continue;
  ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), (project.limit ?? limit) * 1000);
  const began = Date.now();
  const error = await Promise.race([check(project, kit, ending.signal), late(ending.signal)]).then(() => null, (reason) => reason);
  clearTimeout(timer);
  ending.abort();
  const seconds = Math.round((Date.now() - began) / 1000);
  table.push([project.name, project.by ?? 'npm', error ? 'FAILED' : 'passes', project.needs ?? 'nothing']);
  console.log(error ? `FAILED  ${name} (${seconds} s): ${error.message}. Log: ${join(project.at, 'log.txt')}` : `ok      ${name} (${seconds} s)`);
}
await kit.browser.close();

if (!process.argv[2]) table.push(...notTried.map(([tool, why]) => [tool, '', 'not tried', why]));
table.unshift(['tool', 'installed by', 'result', 'what has to be said']);
const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
const line = (row) => `| ${row.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`;
console.log(`\n${line(table[0])}\n|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n${table.slice(1).map(line).join('\n')}\n`);
const count = (result) => table.filter((row) => row[2] === result).length;
console.log(`${count('passes')} passed, ${count('FAILED')} failed`);
process.exit(count('FAILED') || !count('passes') ? 1 : 0);
