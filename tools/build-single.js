// Builds web/kin.min.js: all that a page loads of Kin in one file, for a plain <script type="module"> and hosts that take
// no folders; only wasm/ lies beside it. Run by `make dist`.
//
// The file is the worker too: a page starts it by its own address with #kin-worker behind, at which it becomes one. So it
// may have any name, and a query behind it.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = `export * from './web/index.js';
if (import.meta.url.endsWith('#kin-worker')) import('./web/worker/worker.js');
`;

// Where the sources name a file by its address, what lies there beside the one file. Each has to be found.
const moves = { 'web/page/start.js': [["'../worker/embed.js'", "'#kin-worker'"]], 'web/page/find.js': [["'../worker/find.js'", "'#kin-worker'"]],
  'web/worker/platform.js': ["'../wasm/kin-simd.wasm'", "'../wasm/kin-simd-threads.wasm'", "'../wasm/kin-relaxed.wasm'", "'../wasm/kin-relaxed-threads.wasm'", "'../wasm/kin-find.wasm'"]
    .map((name) => [name, name.replace('..', '.')]) };
const addresses = { name: 'addresses', setup: ({ onLoad }) => onLoad({ filter: /\bweb[/\\].*\.js$/ }, ({ path }) => {
  let contents = readFileSync(path, 'utf8');
  for (const [from, to] of moves[path.slice(root.length + 1).replaceAll('\\', '/')] ?? []) {
    if (!contents.includes(`new URL(${from}`)) throw new Error(`${path} names ${from} no more`);
    contents = contents.replace(`new URL(${from}`, `new URL(${to}`);
  }
  if (/new URL\('\.\.\//.test(contents)) throw new Error(`${path} names a file that web/kin.min.js would not find`);
  return { contents };
}) };

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
await build({ stdin: { contents: entry, resolveDir: root }, outfile: join(root, 'web/kin.min.js'), bundle: true, format: 'esm', minify: true,
  target: 'es2022', legalComments: 'none', banner: { js: `/*! kin-clip ${version}, MIT. Beside it: wasm/ */` }, plugins: [addresses], logLevel: 'warning' });
