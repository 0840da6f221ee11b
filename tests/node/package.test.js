// What is shipped: sizes, the list of files, their bytes, types, imports of the WebAssembly modules, no dependency, no side effect.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync, transformSync } from 'esbuild';
import { embedded, embeddedName } from '../models.js';
import { folder } from './cli-support.js';
import './relaxed.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root));
const manifest = JSON.parse(read('package.json'));
const variants = ['simd', 'simd-threads', 'relaxed', 'relaxed-threads'];
const listed = read('tools/packed.txt').toString().trim().split('\n');

const npm = (cwd, ...args) => spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32',
  env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|MAKE|MFLAGS)/.test(name))) });

// The package as a person gets it: packed once, and unpacked. -> { tarball, at, size, files: [{ path, size, mode }] }
let pack = null;
after(() => pack && rmSync(dirname(pack.tarball), { recursive: true }));
function packed() {
  if (pack) return pack;
  const out = mkdtempSync(join(tmpdir(), 'kin-packed-'));
  const { status, stdout, stderr } = npm(fileURLToPath(root), 'pack', '--json', '--pack-destination', out);
  assert.equal(status, 0, stderr);
  const [{ filename, size, files }] = JSON.parse(stdout);
  execFileSync('tar', ['-xzf', filename], { cwd: out });
  pack = { tarball: join(out, filename), at: join(out, 'package'), size, files };
  return pack;
}

for (const variant of variants) {
  // A convolutional family beside the ViT, with depthwise loops of its own, took it from 250 KB.
  test(`kin-${variant}.wasm is at most 280 KB`, () => {
    const bytes = read(`web/wasm/kin-${variant}.wasm`);
    assert.ok(bytes.length <= 280_000, `${bytes.length} bytes`);
    assert.ok(WebAssembly.validate(bytes));
  });

  test(`kin-${variant}.wasm imports only what the glue gives`, () => {
    const module = new WebAssembly.Module(read(`web/wasm/kin-${variant}.wasm`));
    const imports = WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`);
    const allowed = ['env.emscripten_notify_memory_growth'];
    if (variant.endsWith('threads')) allowed.push('env.memory');
    assert.deepEqual(imports.filter((name) => !allowed.includes(name)), []);
  });

  test(`kin-${variant}.wasm exports the engine`, () => {
    const module = new WebAssembly.Module(read(`web/wasm/kin-${variant}.wasm`));
    const names = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
    const wanted = read('wasm/exports.txt').toString().trim().split('\n');
    if (variant.endsWith('threads')) wanted.push('__stack_pointer');
    assert.deepEqual(wanted.filter((name) => !names.has(name)), []);
  });
}

test('the threads build takes a shared memory from the glue, smaller than its own limit', async () => {
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 4096, shared: true });
  const { instance } = await WebAssembly.instantiate(read('web/wasm/kin-simd-threads.wasm'),
    { env: { memory, emscripten_notify_memory_growth() {} } });
  assert.equal(typeof instance.exports.__stack_pointer.value, 'number');
  instance.exports._initialize?.();
  const at = instance.exports.kin_malloc(1 << 20);
  assert.ok(at > 0);
  const view = new Uint8Array(memory.buffer, at, 1 << 20).fill(7);
  // A helper thread makes a second instance on the same memory: it must find things as they are.
  await WebAssembly.instantiate(read('web/wasm/kin-simd-threads.wasm'),
    { env: { memory, emscripten_notify_memory_growth() {} } });
  assert.ok(view.every((byte) => byte === 7));
  const next = instance.exports.kin_malloc(1 << 20);
  assert.ok(next >= at + (1 << 20) || next + (1 << 20) <= at, 'the allocator still knows the first block');
  instance.exports.kin_free(at);
});

for (const variant of variants) {
  test(`kin-${variant}.wasm: memory that is not there is an answer, not an end`, async () => {
    const shared = variant.endsWith('threads');
    const memory = shared ? new WebAssembly.Memory({ initial: 256, maximum: 512, shared }) : undefined;
    const { instance } = await WebAssembly.instantiate(read(`web/wasm/kin-${variant}.wasm`),
      { env: { memory, emscripten_notify_memory_growth() {} } });
    instance.exports._initialize?.();
    assert.equal(instance.exports.kin_malloc(0xffff0000), 0);
    assert.notEqual(instance.exports.kin_malloc(1000), 0);
  });
}

// The files that a page fetches by importing web/index.js, workers included; with `onUse`, those too
// that are imported on first use (the filter language, the builder of catalogues).
function closure(start, onUse) {
  const seen = new Set();
  const open = [start];
  while (open.length) {
    const path = open.pop();
    if (seen.has(path)) continue;
    seen.add(path);
    const text = read(path).toString();
    const links = [...text.matchAll(/\b(?:from|import)\s*['"](\.[^'"]+)['"]/g),
      ...text.matchAll(/new URL\(\s*['"]([^'"]+\.js)['"]\s*,\s*import\.meta\.url/g),
      ...(onUse ? text.matchAll(/\bimport\(\s*['"](\.[^'"]+)['"]/g) : [])];
    for (const [, link] of links) open.push(new URL(link, new URL(path, 'file:///')).pathname.slice(1));
  }
  return [...seen].sort();
}

test('the page\'s own JavaScript: 60 KB minified at first, 40 KB on first use, 11 KB for a store, 25 KB for folders and their worker', () => {
  const first = closure('web/index.js', false);
  const all = closure('web/index.js', true);
  assert.ok(first.includes('web/worker/embed.js') && first.length < all.length, 'the closure has been followed');
  assert.deepEqual(all.filter((path) => !path.startsWith('web/')), []);
  // File by file, as a page without a bundler loads them.
  const size = (path) => transformSync(read(path).toString(), { minify: true, format: 'esm' }).code.length;
  const sum = (paths) => paths.reduce((total, path) => total + size(path), 0);
  const store = ['web/page/shelf.js', 'web/page/store.js']; // where load() is given one, or `cache` is asked
  const folder = ['page/find', 'page/folder', 'worker/find', 'worker/finding', 'worker/folder-core', 'worker/columns', 'worker/engine-core', 'worker/labels-core']
    .map((name) => `web/${name}.js`); // what needs no model is in a worker of its own
  const later = all.filter((path) => !first.includes(path) && !store.includes(path) && !folder.includes(path));
  assert.ok(folder.every((path) => all.includes(path) && !first.includes(path)) && sum(folder) <= 25 * 1024, `${sum(folder)} bytes for folders`);
  assert.ok(store.every((path) => all.includes(path) && !first.includes(path)) && sum(store) <= 11 * 1024, `${sum(store)} bytes for a store`);
  assert.ok(sum(first) <= 60 * 1024, `${sum(first)} bytes at first`);
  assert.ok(later.length && sum(later) <= 40 * 1024, `${sum(later)} bytes on first use`);
  const text = all.map((path) => read(path).toString()).join('\n');
  assert.doesNotMatch(text, /\b(?:eval|Function)\s*\(|innerHTML|document\.write/);
});

test('kin-search: one script of 6 KB packed at first, as it lies in the package; 50 KB minified when a shopper acts', () => {
  assert.deepEqual(closure('web/element/element.js', false), ['web/element/element.js'], 'one request');
  assert.ok(gzipSync(read('web/element/element.js'), { level: 9 }).length <= 6 * 1024, `${gzipSync(read('web/element/element.js'), { level: 9 }).length} bytes packed`);
  const library = closure('web/index.js', true);
  const later = closure('web/element/element.js', true).filter((path) => !library.includes(path));
  assert.ok(later.includes('web/element/act.js') && later.includes('web/element/words/fr.js'), 'the closure has been followed');
  const bytes = later.reduce((sum, path) => sum + transformSync(read(path).toString(), { minify: true, format: 'esm' }).code.length, 0);
  assert.ok(bytes <= 50_000, `${bytes} bytes`);
  for (const path of [...later, 'web/element/analytics.js']) assert.doesNotMatch(read(path).toString(), /\b(?:eval|Function)\s*\(|innerHTML|insertAdjacentHTML|document\.write/, path);
});

test('importing the element in Node does nothing', () => {
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', `
    const before = new Set(Reflect.ownKeys(globalThis));
    const { KinSearch } = await import('kin-clip/element');
    const { toDataLayer } = await import('kin-clip/element/analytics');
    console.log(typeof KinSearch, typeof toDataLayer, Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).length);`],
  { cwd: fileURLToPath(root), encoding: 'utf8' });
  assert.equal(printed, 'function function 0\n');
});

// Parcel alone reads `alias` of a package. Of modules that two workers share its packager registers none that another bundle
// asks for (isAssetReferenced looks into no worker), and either worker ends with "Cannot find module".
test('Parcel is told of one worker for all that a page starts', () => {
  const started = closure('web/index.js', true).flatMap((path) => [...read(path).toString().matchAll(/new Worker\(new URL\('\.\.([^']+)'/g)])
    .map(([, name]) => [`./web${name}`, './web/worker/worker.js']);
  assert.ok(started.length >= 2, 'the workers have been found');
  assert.deepEqual(manifest.alias, Object.fromEntries(started.sort()));
});

test('importing the package in Node has no side effect', () => {
  const probe = `
    const before = new Set(Reflect.ownKeys(globalThis));
    const kin = await import('kin-clip');
    const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key));
    const { KinError, load, openCatalog } = kin;
    console.log(JSON.stringify({ added, handles: process.getActiveResourcesInfo()
      .filter((name) => !/^(?:PipeWrap|TTYWrap|FSReqPromise|CloseReq)$/.test(name)),
      types: [typeof load, typeof openCatalog, typeof KinError], default: 'default' in kin }));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', probe],
    { cwd: fileURLToPath(root), encoding: 'utf8' });
  assert.deepEqual(JSON.parse(printed),
    { added: [], handles: [], types: ['function', 'function', 'function'], default: false });
});

test('a worker file of one\'s own keeps what it imports, and what is not used leaves nothing', () => {
  const bundle = (contents) => buildSync({ stdin: { contents, resolveDir: fileURLToPath(root) }, bundle: true,
    format: 'esm', write: false, logLevel: 'error' }).outputFiles[0].text;
  assert.match(bundle("import 'kin-clip/worker';"), /onmessage/);
  assert.equal(bundle("import 'kin-clip';"), '');
  assert.ok(existsSync(new URL(manifest.main, root)), 'tools that do not read `exports` find the entry');
  assert.equal(manifest.main, manifest.exports['.'].default);
});

test('the browser entry too can be imported where there is no browser, nor half of what one has', () => {
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', `
    for (const name of ['TextEncoder', 'TextDecoder', 'Worker', 'Blob', 'fetch', 'SharedArrayBuffer']) delete globalThis[name];
    const { load } = await import('./web/index.js');
    await load({ model: 'http://localhost/' }).catch(({ code, message }) => console.log(code, message));`],
  { cwd: fileURLToPath(root), encoding: 'utf8' });
  assert.equal(printed, 'unsupported Nothing here can start a worker: say worker: false.\n');
});

// A page's use of the package under its own name, as TypeScript's strictest sees it.
const usage = `
import { cache, load, openCatalog, openLabels, trainAdapter, KinError, type Catalog, type Clip, type Hit } from 'kin-clip';
export async function similar(file: File): Promise<Hit[]> {
  const clip = await load({ model: '/model/', onProgress: (p) => console.log(p.status, p.file) });
  const catalog = await openCatalog('/catalog.safetensors', { clip });
  try {
    const r = await catalog.search({ image: file, box: { x: 0, y: 0, width: 1, height: 0.5 } },
      { limit: 12, filter: 'price < 50', signal: new AbortController().signal });
    const vector: Float32Array = await clip.embedText('a red shoe');
    await catalog.search({ mix: [{ vector, weight: 1 }, { id: r.hits[0]?.id ?? '', weight: -0.5 }] });
    return r.hits;
  } catch (error) {
    if (error instanceof KinError && error.code === 'too-large') return [];
    throw error;
  } finally {
    await clip.close();
    catalog.close();
  }
}
`;

// Installed as npm would.
function compile(text, lib, ...flags) {
  const folder = new URL('build/types/', root);
  const installed = new URL('node_modules/kin-clip/', folder);
  for (const path of ['package.json', ...listed.filter((name) => name.endsWith('.d.ts'))]) {
    mkdirSync(dirname(fileURLToPath(new URL(path, installed))), { recursive: true });
    copyFileSync(join(packed().at, path), new URL(path, installed));
  }
  writeFileSync(new URL('usage.mts', folder), text);
  return spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '--strict', '--target', 'es2022',
    '--lib', lib, ...flags, fileURLToPath(new URL('usage.mts', folder))], { cwd: fileURLToPath(root), encoding: 'utf8' });
}

// Libraries of TypeScript before and after Symbol.asyncDispose, and its ways of finding modules.
for (const [lib, ...flags] of [
  ['es2022,dom', '--module', 'nodenext'], ['es2022,dom', '--module', 'esnext', '--moduleResolution', 'bundler'],
  ['es2020,dom', '--module', 'node16'], ['es2022,dom', '--module', 'esnext', '--moduleResolution', 'node10'],
  ['es2022,dom,esnext.disposable', '--module', 'nodenext'], ['esnext,dom', '--module', 'preserve']])
  test(`the types hold for a page that uses the package: ${[lib, ...flags].join(' ')}`, () => {
    const { status, stdout } = compile(`${usage}${flags.includes('node10') ? '' : `
import { load as other } from 'kin-clip/kin.min.js';
import 'kin-clip/worker';
const same: typeof load = other;
export { same };`}
declare global { var TrustedScriptURL: { prototype: { readonly trusted: true } } }
export async function more(clip: Clip, catalog: Catalog, address: { readonly trusted: true }): Promise<void> {
  const kept = await load({ worker: address, cache: 'session' });
  const bytes: number | undefined = (await kept.sizes('image'))?.files[0]?.bytes;
  const stored: number = bytes ?? (await cache.list())[0]?.stored ?? await cache.size();
  if (stored) await cache.delete('/model/');
  await load({ cache: 'no-store' });
  // @ts-expect-error
  await openCatalog('/catalog.safetensors', { cache: 'persistent' });
  ${lib.includes('esnext') ? 'await using closing = clip;' : ''}
  // What Kin gives goes into a Blob, a file or a request, and what it takes may be read-only.
  const builder = await clip.createCatalog({ fields: ['price'] as const });
  const vector = await clip.embedImage(new Blob([(await clip.preprocess('/a.jpg')).data]));
  await new FileSystemWritableFileStream().write(await builder.save());
  await fetch('/save', { method: 'POST', body: vector });
  await load({ model: '/model/', decoders: async (bytes) => { await createImageBitmap(new Blob([bytes])); return null; } });
  const ids: readonly string[] = ['a1', 'a2'], numbers: readonly number[] = [1, 2];
  catalog.get(ids);
  await catalog.search({ like: ids }, { facets: ids, filter: { price: numbers } });
  await catalog.search({ mix: [{ vector: numbers }, { text: 'green' }] as const });
  await clip.classify('/a.jpg', ids, { templates: ['a {}'] as const });
  // As the documents say it, without a cast.
  const folder = await openCatalog('/shop/', { clip, fields: async (ids, { signal }) => (await fetch('/stock?ids=' + ids, { signal })).json() });
  await folder.items(ids, { signal: new AbortController().signal });
  const pack = await openLabels('/alt.safetensors', { clip });
  await clip.describe('/a.jpg', { pack, catalog: Math.random() < 0.5 ? folder : catalog });
  for (const { evidence } of await pack.classify('/a.jpg', { multiLabel: true })) console.log(evidence.phrase);
  for (const { evidence } of await pack.classify('/a.jpg', { none: true })) console.log(evidence?.phrase);
  const { bytes: adapter } = await trainAdapter({ left: [numbers], kinds: ids });
  await openCatalog('/catalog.safetensors', { clip, adapter });
  await catalog.search({ text: 'a boot' }, { filter: { and: ['price < 50', { colour: 'red' }], not: 'sale' } });
  // @ts-expect-error
  await load({ worker: { trusted: false } });
  // @ts-expect-error
  await catalog.search({ text: 'a boot' }, { limit: 'twelve' });
}`, lib, ...flags);
    assert.equal(status, 0, stdout);
  });

for (const flags of [['--module', 'nodenext'], ['--module', 'esnext', '--moduleResolution', 'bundler']])
  test(`the element's types hold: ${flags.join(' ')}`, () => {
    const { status, stdout } = compile(`
import { KinSearch, type KinSearchResults } from 'kin-clip/element';
import { toDataLayer, toInsights } from 'kin-clip/element/analytics';
const element = document.createElement('kin-search');
const same: KinSearch = element;
element.strings = { lang: 'pt', choose: 'Procurar', shown: { one: '{n}', other: '{n}' }, fieldNames: { group: 'Grupo' } };
element.renderHit = ({ item, confidence }, { title, text }) => (confidence ?? 0) > 0.5 ? document.createElement('b') : title + text('price') + item.id;
element.loadOptions = { decode: 'fast', threads: 1, cache: 'persistent', onProgress: ({ loaded }) => console.log(loaded) };
element.find = async (query, { signal }) => (await element.open())?.catalog.search(query, { limit: 24, signal });
const catalog = (await element.open())?.catalog; // of a published folder it has no get()
if (catalog && 'get' in catalog) catalog.get('a1');
// @ts-expect-error
catalog?.get('a1');
await element.show('/photo.jpg', { x: 0, y: 0, width: 0.5, height: 1 });
element.focus({ crop: true, preventScroll: true });
document.addEventListener('kin-remove', () => element.reset());
element.addEventListener('kin-select', (event) => { const at: number = event.detail.position; event.preventDefault(); console.log(at); });
document.addEventListener('kin-results', ({ detail }) => { const all: KinSearchResults = detail; console.log(all.hits.length, element.clientWidth); });
element.addEventListener('click', ({ clientX }) => console.log(clientX));
export const end: () => void = toDataLayer(document, { list: 'Photos' });
toInsights(same, { aa: (...args: unknown[]) => console.log(args), index: 'products' });
await element.search(new Blob([]), { x: 0, y: 0, width: 0.5, height: 1 });
// @ts-expect-error
element.state = 'start';
// @ts-expect-error
element.loadOptions = { model: '/model/' };
`, 'es2022,dom', ...flags);
    assert.equal(status, 0, stdout);
  });

test('the package depends on nothing and runs nothing when installed', () => {
  for (const key of ['dependencies', 'optionalDependencies', 'peerDependencies']) {
    assert.equal(manifest[key], undefined, key);
  }
  assert.deepEqual(Object.keys(manifest.scripts), ['prepack'], 'npm runs nothing when it installs');
  assert.deepEqual(manifest.sideEffects, ['./web/element/element.js', './web/worker/worker.js', './web/worker/worker.node.js', './web/worker/embed.js', './web/worker/find.js'], 'importing the rest does nothing');
  assert.equal(manifest.type, 'module');
  for (const version of Object.values(manifest.devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.doesNotMatch(read('package-lock.json').toString(), /"resolved"/);
});

test('the packed files are those of tools/packed.txt', () => {
  const paths = packed().files.map(({ path }) => path);
  assert.deepEqual(paths.sort(), listed, 'a file more or less? If it should be so, mend tools/packed.txt, one path a line, sorted');
  assert.ok(listed.every((path) => read(path).equals(readFileSync(join(packed().at, path)))));
  assert.deepEqual(listed.filter((path) => !/^(?:web|dist|models|labels|examples|docs|bench\/RESULTS)\b|^[A-Z]+(?:\.md)?$|^package\.json$/.test(path)), []);
});

// `target`: of `exports`, as a string or by conditions -> its files, with `*` for any name.
const targets = (target) => (typeof target === 'string' ? [target] : Object.values(target).flatMap(targets));

test('the package holds what its manifest names, and every file of a kind has an address', () => {
  const has = (path) => listed.includes(path.replace(/^\.\//, ''));
  const named = [...Object.values(manifest.exports).flatMap(targets), manifest.types, manifest.main, ...Object.values(manifest.bin)];
  assert.deepEqual(named.filter((path) => !path.includes('*') && !has(path)), []);
  for (const [name, target] of Object.entries(manifest.exports)) {
    if (typeof target !== 'string') assert.equal(Object.keys(target)[0], 'types', `${name}: TypeScript reads the first that fits`);
    else if (!name.endsWith('.json')) assert.match(name, /\/\*$/, 'scripts have types');
  }
  const model = relative(fileURLToPath(root), embedded).replaceAll('\\', '/');
  const assets = { wasm: variants.map((variant) => `web/wasm/kin-${variant}.wasm`), labels: ['labels/moderation.safetensors'],
    model: ['manifest.json', 'README.md', ...JSON.parse(readFileSync(join(embedded, 'manifest.json'))).files.map(({ name }) => name)].map((name) => `${model}/${name}`) };
  for (const [name, paths] of Object.entries(assets))
    for (const path of paths) {
      assert.ok(has(path), path);
      assert.equal(manifest.exports[`./${name}/*`], `./${dirname(path)}/*`);
    }
});

test('without the embedded model it has at most 2 MB, and kin.min.js 128 KB', (t) => {
  const at = join(folder(t), 'package');
  for (const path of listed.filter((name) => !name.startsWith('models/kin-everyday/'))) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    copyFileSync(new URL(path, root), join(at, path));
  }
  const [{ size, files }] = JSON.parse(npm(at, 'pack', '--dry-run', '--json', '--ignore-scripts').stdout);
  assert.ok(files.length > 80 && packed().size > size + 4_000_000, 'the model has been left out');
  assert.ok(size <= 2_000_000, `${size} bytes`);
  assert.ok(packed().size <= 10_000_000, `${packed().size} bytes with it`);
  const single = read('web/kin.min.js');
  assert.ok(single.length <= 128 * 1024, `${single.length} bytes`);
  assert.doesNotMatch(single.toString(), /\b(?:eval|Function)\s*\(|innerHTML|document\.write|\bfrom\s*["'][./]/);
});

// A tree that can be packed: what is packed, of modes as they come, what npm runs first, and a make that has nothing to do.
function tree(path) {
  for (const [i, name] of [...listed, 'tools/packed.txt', 'tools/prepack.js'].reverse().entries()) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    copyFileSync(new URL(name, root), join(path, name));
    chmodSync(join(path, name), [0o600, 0o775, 0o644][i % 3]);
  }
  writeFileSync(join(path, 'Makefile'), 'wasm dist labels/moderation.safetensors:\n.PHONY: wasm dist labels/moderation.safetensors\n');
  return path;
}

test('packed anywhere it has the same bytes, whatever the times and the modes of the files', (t) => {
  const path = tree(folder(t));
  const { status, stderr } = npm(path, 'pack');
  assert.equal(status, 0, stderr);
  const [made] = readdirSync(path).filter((name) => name.endsWith('.tgz'));
  assert.ok(readFileSync(join(path, made)).equals(readFileSync(packed().tarball)));
});

test('publint and arethetypeswrong find nothing', () => {
  for (const [tool, ...args] of [['publint', 'run', packed().tarball, '--strict'],
    ['@arethetypeswrong/cli', packed().tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-color']]) {
    const folder = new URL(`node_modules/${tool}/`, root);
    const bin = Object.values(JSON.parse(readFileSync(new URL('package.json', folder))).bin)[0];
    const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL(bin, folder)), ...args], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /All good!|node16 \(from ESM\)/);
  }
});

// A heading's anchor, as hosts of Markdown make it.
const anchor = (heading) => heading.trim().toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

test('every link of a packed document leads to something packed', () => {
  const documents = listed.filter((path) => path.endsWith('.md'));
  assert.ok(documents.includes('README.md') && documents.includes('docs/api.md'));
  const paths = new Set(listed);
  const broken = [];
  for (const path of documents) {
    for (const [, picture, link] of read(path).toString().matchAll(/(!\[[^\]]*)?\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      if (picture && link.startsWith('docs/gallery/')) { // pictures for who reads it in the repository
        const { size } = statSync(new URL(link, root), { throwIfNoEntry: false }) ?? {};
        if (!(size <= 60_000)) broken.push(`${path}: ${link} of ${size} bytes`);
        continue;
      }
      const [file, part] = link.split('#');
      const target = file ? new URL(file, `file:///${path}`).pathname.slice(1) : path;
      const folder = [...paths].some((one) => one.startsWith(`${target.replace(/\/$/, '')}/`));
      const headings = part ? [...read(target).toString().matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading)) : [];
      if (!paths.has(target) && !folder || part && !headings.includes(part)) broken.push(`${path}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('a package without its engine, or without any file of the list, is refused in one sentence', (t) => {
  for (const [why, spoil] of [
    [/it would be without its engine and its command[^\n]+`make setup`[^\n]+\./, (path) => rmSync(join(path, 'Makefile'))],
    [/of the files in tools\/packed\.txt these are not there: dist\/cli\.js, web\/kin\.min\.js\./,
      (path) => ['dist/cli.js', 'web/kin.min.js'].forEach((name) => rmSync(join(path, name)))]]) {
    const path = tree(folder(t));
    spoil(path);
    const { status, stderr } = npm(path, 'pack');
    assert.notEqual(status, 0);
    assert.match(stderr, new RegExp(`^kin-clip is not packed: ${why.source}$`, 'm'));
    assert.deepEqual(readdirSync(path).filter((name) => name.endsWith('.tgz')), []);
  }
});

test('the bundled command runs by itself, from any folder', () => {
  assert.ok(existsSync(new URL('dist/cli.js', root)), 'make dist');
  const run = (...args) => execFileSync(process.execPath, [fileURLToPath(new URL('dist/cli.js', root)), ...args],
    { cwd: tmpdir(), encoding: 'utf8' });
  assert.match(run('--help'), /^Usage: npx kin-clip <command>/);
  assert.equal(run('--version'), `kin-clip ${manifest.version}\n`);
  assert.match(run('model', 'list'), new RegExp(`${embeddedName} .* embedded\\n`));
  assert.match(run('tokens', 'a dog', '--variant', 'relaxed'), /^\[\d+(?:,\d+)+\]\n$/);
  const text = read('dist/cli.js').toString() + read('dist/parquet-reader.js').toString();
  const names = [...text.matchAll(/(?:^|[;}])import\b[^;"]*"([^"]+)"/gm), ...text.matchAll(/\bimport\("(.+?)"\)/g)]
    .map(([, name]) => name);
  assert.ok(names.includes('node:fs') && names.includes('#web/index.node.js'), 'the imports have been found');
  assert.deepEqual(names.filter((name) => !isBuiltin(name) && !name.startsWith('#web/')), [], 'its libraries are in it');
});
