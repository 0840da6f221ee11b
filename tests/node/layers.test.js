// The law of layers. In src/: a file includes nothing of a higher level, and no two files include each
// other, however far round; no Emscripten, no printing, no leaving; and every public function is
// exported to WebAssembly. In web/: the page knows the worker, both know shared/, and nothing looks back. In
// catalog/: the entry knows the commands, they know lib/, and nothing looks back.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const files = readdirSync(new URL('src/', root)).filter((name) => /\.[ch]$/.test(name)).sort();
const levels = new Map();
for (const name of files) {
  const level = /\[level (\d)\]/.exec(read(`src/${name}`));
  if (level) levels.set(name, Number(level[1]));
}

// kin.h is the public face of several files: it is an own header of those that define what it
// declares.
const declared = [...new Set([...withoutComments(read('src/kin.h')).matchAll(/\b(kin_[a-z0-9_]+)\s*\(/g)]
  .map((match) => match[1]))].sort();
const definesPublic = (name) => declared.some((fn) => new RegExp(`^[a-z][^;{}()=]*\\b${fn}\\([^;{}]*\\)\\s*\\{`, 'm')
  .test(read(`src/${name}`)));

// A .c file belongs to the header whose name begins its own: kernels_simd.c to kernels.h.
function ownHeader(name) {
  return files.filter((header) => header.endsWith('.h'))
    .filter((header) => name === header.replace(/h$/, 'c') || name.startsWith(header.replace(/\.h$/, '_')))
    .sort((a, b) => b.length - a.length)[0];
}

function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"/g,
    (part) => (part.startsWith('"') ? part : ' '));
}

// Everything that `start` leads to; `links`: name -> the names it leads to itself.
function reached(start, links) {
  const found = new Set();
  const open = [...links.get(start)];
  while (open.length) {
    const name = open.pop();
    if (found.has(name)) continue;
    found.add(name);
    open.push(...(links.get(name) ?? []));
  }
  return found;
}

test('every header names its level', () => {
  const headers = files.filter((name) => name.endsWith('.h'));
  assert.ok(headers.length >= 10, 'src/ holds the headers');
  assert.deepEqual(headers.filter((name) => !levels.has(name)), []);
});

test('a file includes nothing of a higher level', () => {
  const wrong = [];
  for (const name of files) {
    const own = name.endsWith('.c') ? ownHeader(name) : undefined;
    const level = levels.get(name) ?? levels.get(own);
    assert.notEqual(level, undefined, `src/${name}: no header of its own and no [level n]`);
    for (const [, included] of read(`src/${name}`).matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
      if (included === own || included === 'stb_image.h') continue;
      if (included === 'kin.h' && name.endsWith('.c') && definesPublic(name)) continue;
      if (!files.includes(included)) wrong.push(`${name}: "${included}" is not in src/`);
      else if (levels.get(included) > level) {
        wrong.push(`${name} [level ${level}] includes ${included} [level ${levels.get(included)}]`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('no header includes itself, however far round', () => {
  const includes = new Map(files.filter((name) => name.endsWith('.h')).map((name) => [name,
    [...read(`src/${name}`).matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map((m) => m[1])]));
  for (const start of includes.keys())
    assert.ok(!reached(start, includes).has(start), `src/${start} includes itself`);
});

test('src/ knows no Emscripten, prints nothing and never leaves', () => {
  const forbidden = /emscripten|\b(?:f|v|vf)?printf\s*\(|\bputs\s*\(|\b(?:exit|abort)\s*\(|\bassert\s*\(|\bfopen\s*\(/i;
  const wrong = [];
  for (const name of files) {
    withoutComments(read(`src/${name}`)).split('\n').forEach((line) => {
      if (forbidden.test(line)) wrong.push(`${name}: ${line.trim()}`);
    });
  }
  assert.deepEqual(wrong, []);
});

test('wasm/exports.txt and wasm/find.txt list exactly the functions of src/kin.h, each in order', () => {
  const lists = ['exports', 'find'].map((name) => read(`wasm/${name}.txt`).trim().split('\n'));
  for (const list of lists) assert.deepEqual(list, [...list].sort());
  assert.deepEqual([...new Set(lists.flat())].sort(), declared);
});

// web/'s modules -> those each leads to: by an import, now or later, or by an address, as of a worker. Bundlers
// follow both alike, and some hang where that leads back.
const web = new Map(['', 'element/', 'element/words/', 'page/', 'worker/', 'shared/'].flatMap((room) => readdirSync(new URL(`web/${room}`, root))
  .filter((name) => /(?<!\.min)\.js$/.test(name)).map((name) => `web/${room}${name}`)).map((path) => [path, [
  /\b(?:from|import)\s*\(?\s*'([\w./:-]+)'/g, /new URL\(\s*'([^']+\.js)',\s*import\.meta\.url/g]
  .flatMap((link) => [...read(path).matchAll(link)])
  .map(([, name]) => (name.startsWith('.') ? new URL(name, `file:///${path}`).pathname.slice(1) : name))]));

test('web/: the entries lead to every module, and no module to itself', () => {
  const used = new Set(['web/index.js', 'web/index.node.js', 'web/worker/worker.js', 'web/element/element.js', 'web/element/analytics.js'].flatMap((entry) => [entry, ...reached(entry, web)]));
  assert.deepEqual([...web.keys()].filter((path) => !used.has(path)), []);
  for (const start of web.keys())
    assert.ok(!reached(start, web).has(start), `${start} leads to itself`);
});

test('web/: shared/ leads to shared/, worker/ to both, the element to the library\'s entry; what a page loads to nothing of Node', () => {
  const allowed = { element: /^web\/(?:index\.js$|shared\/|element\/)/, shared: /^web\/shared\//, worker: /^web\/(?:shared|worker)\//, page: /^web\/(?:shared|worker|page)\// };
  const wrong = [];
  for (const [path, names] of web)
    for (const name of names) {
      const forNode = path.endsWith('.node.js');
      const good = web.has(name) ? (allowed[path.split('/')[1]]?.test(name) ?? true) && (forNode || !name.endsWith('.node.js'))
        : forNode && name.startsWith('node:');
      if (!good) wrong.push(`${path} leads to ${name}`);
    }
  assert.deepEqual(wrong, []);
});

// catalog/'s modules -> what each imports, now or later, or starts: files of catalog/ by path, else the name as it stands.
const modules = new Map(readdirSync(new URL('catalog/', root), { recursive: true })
  .map((path) => `catalog/${path.replaceAll('\\', '/')}`).filter((path) => path.endsWith('.js')).sort()
  .map((path) => [path, [...read(path).matchAll(/\b(?:from|import|new URL)\s*\(?\s*'([^'\s]+(?<!\.wasm))'/g)]
    .map(([, name]) => (name.startsWith('.') ? new URL(name, `file:///${path}`).pathname.slice(1) : name))]));

test('catalog/: cli.js leads to every module, and no module to itself', () => {
  const used = reached('catalog/cli.js', modules);
  assert.deepEqual([...modules.keys()].filter((path) => !used.has(path)), ['catalog/cli.js']);
  for (const start of modules.keys())
    assert.ok(!reached(start, modules).has(start), `${start} imports itself`);
});

test('catalog/: cli.js imports commands and lib/, a command lib/, lib/ itself; of web/ lib/engine.js the library, else shared/', () => {
  const allowed = { cli: /^catalog\/(?:commands|lib)\//, commands: /^catalog\/lib\//, lib: /^catalog\/lib\// };
  const wrong = [];
  for (const [path, names] of modules) {
    const [, room] = path.split(/[/.]/);
    for (const name of names) {
      const good = name.startsWith('#web/') ? path === 'catalog/lib/engine.js' || name.startsWith('#web/shared/')
        : modules.has(name) ? allowed[room].test(name)
          : !/^(?:catalog|web|src|models|tools|tests)\/|^kin-clip/.test(name);
      if (!good) wrong.push(`${path} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});
