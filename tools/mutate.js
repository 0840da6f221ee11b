// Deletes one check after the other from C files and says which of them no test misses.
//
//   node tools/mutate.js src/image.c [src/json.c … name …]      make mutants FILE=src/image.c
//
// A check is an `if` that returns, and each part of it joined by ||; or a TRY. In a copy of the tree
// (build/mutants) all are built in with a switch each: what a check asks is still worked out, but never holds for
// the one that MUTANT_WITHOUT numbers. First every sanitized C test, each target's stored fuzz inputs and the
// shortages of memory run whole and tell which checks held in them; then each check is deleted in those alone, the
// quickest first. What passes everything is a survivor: it wants a test, or a reason in tests/c/mutants.txt. Names
// given limit the work to functions of such names. Of build/stb/stb_image.h only what our patch adds is tried.
// Exits 1 where a survivor has no reason.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const copy = join(root, 'build/mutants');
const files = process.argv.slice(2).filter((name) => name.includes('/'));
const functions = process.argv.slice(2).filter((name) => !name.includes('/'));
if (!files.length) {
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

function checksOf(file, text) {
  const code = bare(text), found = [];
  const within = (at) => [...code.slice(0, at).matchAll(/^[A-Za-z_][^;{}()=]*?\b(\w+)\s*\(/gm)].at(-1)?.[1] ?? '';
  const squeeze = (from, to) => text.slice(from, to).replace(/\s+/g, ' ').trim();
  const add = (at, from, to, shown, call = false) => found.push({ from, to, call, line: text.slice(0, at).split('\n').length,
    name: `${file} ${within(at)}: ${shown}` });
  for (const { 0: head, index } of code.matchAll(/\bif\s*\(|\bTRY\s*\(/g)) {
    const open = index + head.length - 1, end = closed(code, open);
    if (head.startsWith('TRY')) {
      add(index, open + 1, end - 1, squeeze(index, end), true);
      continue;
    }
    if (!/\breturn\b/.test(code.slice(end, statementEnd(code, end)))) continue;
    const parts = operands(code, open + 1, end - 1);
    for (const [from, to] of parts)
      add(index, from, to, `if (${squeeze(open + 1, end - 1)})${parts.length > 1 ? ` [${squeeze(from, to)}]` : ''}`);
  }
  const patched = file.endsWith('stb_image.h') && new Set(readFileSync(join(root, 'tools/stb_image.patch'), 'utf8').split('\n')
    .filter((line) => line.startsWith('+')).map((line) => line.slice(1).trim()));
  return found.filter(({ name, line }) =>
    (!functions.length || functions.some((part) => name.split(/[ :]/)[1].includes(part))) &&
    (!patched || patched.has(text.split('\n')[line - 1].trim())));
}

/* ---- the switches ---- */

// What a check asked, but never for the deleted one; the first time that another holds is written down.
const helper = (n) => `#ifndef MUTANTS
#define MUTANTS
#include <stdio.h>
#include <stdlib.h>
static int mutant_kept(int n, int held)
{
    static int without = -2;
    static unsigned char seen[${n}];
    if (!held)
        return 0;
    if (without == -2)
        without = getenv("MUTANT_WITHOUT") ? atoi(getenv("MUTANT_WITHOUT")) : -1;
    if (n == without)
        return 0;
    FILE *log = !seen[n] && getenv("MUTANT_LOG") ? fopen(getenv("MUTANT_LOG"), "a") : NULL;
    seen[n] = 1;
    if (log)
        fprintf(log, "%d\\n", n), fclose(log);
    return held;
}
#endif
`;

// From the last to the first, so that places stay.
const switched = (text, checks, total) => helper(total) + [...checks].sort((a, b) => b.from - a.from).reduce((put, { from, to, n, call }) =>
  `${put.slice(0, from)}mutant_kept(${n}, ${call ? put.slice(from, to) : `(${put.slice(from, to)}) ? 1 : 0`})${put.slice(to)}`, text);

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
for (const name of ['Makefile', 'Makefile.local', 'src', 'tests/c', 'tests/shortage', 'tests/fuzz', 'tests/golden', 'tools', 'wasm', 'tests/models/kin-small',
  'build/stb/stb_image.h'])
  bring(name);
const run = ([program, ...args], env = {}, seconds = 3600) => {
  const start = performance.now();
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { cwd: copy, timeout: Math.ceil(seconds) * 1000,
    env: { ...process.env, ...env }, killSignal: 'SIGKILL', encoding: 'utf8', maxBuffer: 2 ** 26 });
  return { passed: status === 0, stdout, stderr, why: signal ?? error?.code, seconds: (performance.now() - start) / 1000 };
};
const fuzzed = readdirSync(join(root, 'tests/fuzz/corpus'));
const units = [
  ...[...readFileSync(join(root, 'build/tests/list.h'), 'utf8').matchAll(/TEST\((\w+)\)/g)]
    .map(([, name]) => ({ name, command: ['build/asan/tests/run', name] })),
  ...fuzzed.map((name) => ({ name: `fuzz input of ${name}`, command: [`build/fuzz/replay-${name}`,
    ...readdirSync(join(copy, 'tests/fuzz/corpus', name)).map((input) => `tests/fuzz/corpus/${name}/${input}`)] })),
  { name: 'a shortage of memory', command: ['build/asan/tests/run-shortage'] },
];

const reasons = new Map();
const known = join(root, 'tests/c/mutants.txt');
for (const entry of existsSync(known) ? readFileSync(known, 'utf8').split('\n\n') : []) {
  const [name, ...lines] = entry.trim().split('\n');
  if (lines.length) reasons.set(name, lines.map((line) => line.trim()).join(' '));
}

const sources = files.map((file) => ({ file, path: join(copy, file), text: readFileSync(join(root, file), 'utf8') }));
const checks = sources.flatMap(({ file, text }) => checksOf(file, text).map((check) => ({ ...check, file })));
checks.forEach((check, n) => Object.assign(check, { n, by: '' }));
for (const { file, path, text } of sources) {
  writeFileSync(path, switched(text, checks.filter((check) => check.file === file), checks.length));
  for (const name of readdirSync(join(copy, 'src')).map((name) => join(copy, 'src', name)))
    if (readFileSync(name, 'utf8').includes(`<${basename(file)}>`))
      utimesSync(name, new Date(), new Date()); // make does not follow <…>
}
const built = run(['make', '-s', '-j2', '-o', 'build/stb/stb_image.h', ...new Set(units.map(({ command }) => command[0]))]);
if (!built.passed) {
  console.error(built.stderr);
  process.exit(1);
}
const log = join(copy, 'build/mutants.log');
for (const unit of units) {
  writeFileSync(log, '');
  const { passed, seconds } = run(unit.command, { MUTANT_LOG: log });
  if (!passed) {
    console.error(`The tests must pass before anything is deleted: ${unit.name} does not.`);
    process.exit(1);
  }
  Object.assign(unit, { seconds, held: new Set(readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => parseInt(line, 10))) });
}
units.sort((a, b) => a.seconds - b.seconds);
for (const { n, line, name } of checks) {
  // One that runs much longer than before has been noticed, too.
  const by = units.find(({ command, held, seconds }) =>
    held.has(n) && !run(command, { MUTANT_WITHOUT: String(n) }, 20 + 5 * seconds).passed)?.name ?? '';
  checks[n].by = by;
  console.log(`${n + 1}/${checks.length} ${line}: ${name}\n      ${by || 'SURVIVES'}`);
}

let open = 0;
for (const { file } of sources) {
  const all = checks.filter((check) => check.file === file), survivors = all.filter(({ by }) => !by);
  const left = survivors.filter(({ name }) => !reasons.has(name));
  console.log(`\n${file}: ${all.length} checks: ${all.length - survivors.length} missed when deleted, ` +
    `${survivors.length - left.length} not, for a reason given, ${left.length} not${left.length ? ':' : ''}`);
  for (const { line, name } of left) console.log(`${line}: ${name}`);
  open += left.length;
}
process.exitCode = open ? 1 : 0;
