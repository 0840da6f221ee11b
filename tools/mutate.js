// Deletes one check after the other from a C file and says which of them no test misses.
//
//   node tools/mutate.js src/image.c [name …]      make mutants FILE=src/image.c
//
// A check is an `if` that returns, and each part of it joined by ||; or a TRY. Each is made never to hold, in a
// copy of the tree (build/mutants), and the sanitized C tests and the stored fuzz inputs are run: those tests
// first whose names hold the file's name, then all. What passes everything is a survivor: it wants a test, or a
// reason in tests/c/mutants.txt. Names given limit the work to functions of such names. Of
// build/stb/stb_image.h only what our patch adds is tried. Exits 1 where a survivor has no reason.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const copy = join(root, 'build/mutants');
const seconds = 120; // a mutant that runs longer has been noticed
const [file, ...functions] = process.argv.slice(2);
if (!file) {
  console.error('make mutants FILE=src/image.c');
  process.exit(2);
}

/* ---- what can be deleted ---- */

// Comments, strings and directives as blanks, so that brackets and names can be counted.
const blank = (text) => text.replace(/[^\n]/g, ' ');
const bare = (text) => text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'/g, blank)
  .replace(/^[ \t]*#(?:\\\n|[^\n])*/gm, blank);

// The index after the bracket that closes the one at `at`.
function closed(code, at) {
  const ends = { '(': ')', '{': '}', '[': ']' };
  let depth = 0;
  do {
    if (code[at] in ends) depth++;
    else if (Object.values(ends).includes(code[at])) depth--;
    at++;
  } while (depth && at < code.length);
  return at;
}

// The parts of code[from, to) joined by || outside of brackets.
function operands(code, from, to) {
  const parts = [];
  let begin = from;
  for (let at = from; at < to; at++) {
    if ('({['.includes(code[at])) at = closed(code, at) - 1;
    else if (code.startsWith('||', at)) {
      parts.push([begin, at]);
      begin = at += 2;
    }
  }
  return [...parts, [begin, to]];
}

// The end of the statement that begins at or after `at`: a semicolon or a block.
function statementEnd(code, at) {
  while (at < code.length && code[at] !== ';') {
    if (code[at] === '{') return closed(code, at);
    at = '(['.includes(code[at]) ? closed(code, at) : at + 1;
  }
  return at;
}

function checksOf(text) {
  const code = bare(text), found = [];
  const within = (at) => [...code.slice(0, at).matchAll(/^[A-Za-z_][^;{}()=]*?\b(\w+)\s*\(/gm)].at(-1)?.[1] ?? '';
  const squeeze = (from, to) => text.slice(from, to).replace(/\s+/g, ' ').trim();
  const add = (at, from, to, shown, put) => found.push({ from, to, put, line: text.slice(0, at).split('\n').length,
    name: `${file} ${within(at)}: ${shown}` });
  for (const { 0: head, index } of code.matchAll(/\bif\s*\(|\bTRY\s*\(/g)) {
    const open = index + head.length - 1, end = closed(code, open);
    if (head.startsWith('TRY')) {
      add(index, index, end, squeeze(index, end), `(void)${text.slice(open, end)}`);
      continue;
    }
    if (!/\breturn\b/.test(code.slice(end, statementEnd(code, end)))) continue;
    const parts = operands(code, open + 1, end - 1);
    for (const [from, to] of parts)
      add(index, from, to, `if (${squeeze(open + 1, end - 1)})${parts.length > 1 ? ` [${squeeze(from, to)}]` : ''}`,
        `(0 && (${text.slice(from, to)}))`);
  }
  return found.filter(({ name }) => !functions.length || functions.some((part) => name.split(/[ :]/)[1].includes(part)));
}

/* ---- the copy, and what runs in it ---- */

// Only what differs is written, so that make finds what a broken-off run left.
function bring(name) {
  const from = join(root, name), to = join(copy, name);
  if (existsSync(from) && statSync(from).isDirectory()) {
    mkdirSync(to, { recursive: true });
    for (const entry of new Set([...readdirSync(from), ...readdirSync(to)])) bring(join(name, entry));
  } else if (!existsSync(from)) rmSync(to, { recursive: true, force: true });
  else if (!existsSync(to) || !readFileSync(from).equals(readFileSync(to))) {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
}
for (const name of ['Makefile', 'Makefile.local', 'src', 'tests/c', 'tests/fuzz', 'tests/golden', 'tools', 'wasm', 'models/kin-small',
  'build/stb/stb_image.h'])
  bring(name);
const targets = readdirSync(join(root, 'tests/fuzz/corpus'));

const run = (program, args) => {
  const { status, signal, stdout, error } = spawnSync(program, args,
    { cwd: copy, timeout: seconds * 1000, killSignal: 'SIGKILL', encoding: 'utf8', maxBuffer: 2 ** 26 });
  return { passed: status === 0, stdout, why: signal ?? error?.code };
};
const make = (...names) => run('make', ['-s', '-j2', '-o', 'build/stb/stb_image.h', ...names]);
const target = 'build/asan/tests/run';

// The first thing that fails, '' if nothing does.
function noticedBy(first) {
  if (!make(target).passed) return 'the compiler';
  for (const filter of first ? [[first], []] : [[]]) {
    const { passed, stdout, why } = run(target, filter);
    if (!passed) return /^FAIL (\w+)/m.exec(stdout)?.[1] ?? why ?? 'a crash';
  }
  for (const name of targets) {
    const inputs = readdirSync(join(copy, 'tests/fuzz/corpus', name)).map((input) => `tests/fuzz/corpus/${name}/${input}`);
    if (!make(`build/fuzz/replay-${name}`).passed || !run(`build/fuzz/replay-${name}`, inputs).passed)
      return `fuzz input of ${name}`;
  }
  return '';
}

const reasons = new Map();
const known = join(root, 'tests/c/mutants.txt');
for (const entry of existsSync(known) ? readFileSync(known, 'utf8').split('\n\n') : []) {
  const [name, ...lines] = entry.trim().split('\n');
  if (lines.length) reasons.set(name, lines.map((line) => line.trim()).join(' '));
}

const path = join(copy, file);
const text = readFileSync(path, 'utf8');
const patched = new Set(readFileSync(join(root, 'tools/stb_image.patch'), 'utf8').split('\n')
  .filter((line) => line.startsWith('+')).map((line) => line.slice(1).trim()));
const checks = checksOf(text).filter(({ line }) => !file.endsWith('stb_image.h') || patched.has(text.split('\n')[line - 1].trim()));
const users = readdirSync(join(copy, 'src')).map((name) => join(copy, 'src', name))
  .filter((name) => readFileSync(name, 'utf8').includes(`<${basename(file)}>`));
const stem = /^[a-z]+/.exec(basename(file))[0];
const tests = readFileSync(join(root, 'build/tests/list.h'), 'utf8');
const first = tests.includes(`_${stem}`) ? stem : '';

const put = (content) => {
  writeFileSync(path, content);
  for (const name of users) utimesSync(name, new Date(), new Date()); // make does not follow <…>
};
const before = (put(text), noticedBy(''));
if (before) {
  console.error(`The tests must pass before anything is deleted: ${before} does not.`);
  process.exit(1);
}
const survivors = [];
checks.forEach(({ from, to, put: instead, line, name }, i) => {
  put(text.slice(0, from) + instead + text.slice(to));
  const by = noticedBy(first);
  if (!by) survivors.push({ line, name });
  console.log(`${i + 1}/${checks.length} ${line}: ${name.split(': ').slice(1).join(': ')}\n      ${by || 'SURVIVES'}`);
});
put(text);

const open = survivors.filter(({ name }) => !reasons.has(name));
console.log(`\n${checks.length} checks: ${checks.length - survivors.length} missed when deleted, ` +
  `${survivors.length - open.length} not, for a reason given, ${open.length} not${open.length ? ':' : ''}`);
for (const { line, name } of open) console.log(`${line}: ${name}`);
process.exitCode = open.length ? 1 : 0;
