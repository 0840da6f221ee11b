// The projects: what each installs, its own files, how it is built and served. The tools as they come, without a
// configuration, unless a project says so.
import { script } from './shop.js';

const html = (src) => `<!doctype html><title>shop</title><link rel="icon" href="data:,"><script type="module" src="${src}"></script>\n`;
const onVite = { 'index.html': html('/main.js'), 'main.js': script() };
const vite = (version) => [
  { name: `Vite ${version}, development`, folder: `vite-${parseInt(version)}`, packages: { vite: version }, files: onVite, shop: 'public',
    fresh: ['node_modules/.vite'], serve: (port) => ['vite', '--host', '127.0.0.1', '--port', port, '--strictPort'] },
  { name: `Vite ${version}, build`, folder: `vite-${parseInt(version)}`, packages: { vite: version }, files: onVite, shop: 'public',
    fresh: ['dist'], build: ['vite', 'build'], site: 'dist' },
];

// For tools that leave the worker where it is: the line that their first error names.
const copied = { kin: 'dist/kin', lacking: /^KinError no-worker: .*\/worker\/worker\.js: the server answered 404\. Copy the folder node_modules\/kin-clip\/web to \/kin of the site and say worker: '(\/kin\/worker\/worker\.js)'\.$/ };
const bare = { 'dist/index.html': html('/main.js'), 'main.js': script(), 'copied.js': script({ options: "{ worker: '/kin/worker/worker.js' }" }),
  'dist/copied.html': html('/copied.js') };

const next = { packages: { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' }, folder: 'next', shop: 'public', limit: 400, files: {
  'app/layout.jsx': 'export default function Layout({ children }) { return <html lang="en"><body>{children}</body></html>; }\n',
  'app/page.jsx': "import Finder from './finder';\nexport default function Page() { return <main><h1>Shop</h1><Finder /></main>; }\n",
  'app/finder.jsx': "'use client';\nimport { useEffect } from 'react';\n" + script().replace('globalThis.done =',
    'export default function Finder() {\n  useEffect(() => { globalThis.done ??=').replace(/;\n$/, '; }, []);\n  return null;\n}\n'),
}, env: { NEXT_TELEMETRY_DISABLED: '1' } };

export const projects = [
  ...vite('5.4.21'), ...vite('6.4.6'), ...vite('7.3.8'), ...vite('8.4.0'),
  { name: 'webpack 5.113.0', folder: 'webpack', packages: { webpack: '5.113.0', 'webpack-cli': '7.3.1' }, shop: 'dist',
    files: { 'dist/index.html': html('/main.js'), 'main.js': script() }, build: ['webpack', '--mode', 'production', '--entry', './main.js', '-o', 'dist'], site: 'dist' },
  { name: 'Rollup 4.68.8, worker copied', folder: 'rollup', packages: { rollup: '4.68.8', '@rollup/plugin-node-resolve': '16.0.3' }, shop: 'dist',
    files: bare, build: ['rollup', 'main.js', 'copied.js', '-d', 'dist', '-f', 'es', '-p', 'node-resolve={browser:true}'], site: 'dist', ...copied },
  { name: 'esbuild 0.28.2, worker copied', folder: 'esbuild', packages: { esbuild: '0.28.2' }, shop: 'dist',
    files: bare, build: ['esbuild', 'main.js', 'copied.js', '--bundle', '--format=esm', '--splitting', '--outdir=dist'], site: 'dist', ...copied },
  // Parcel takes the nearest folder with a lock file for the project, and its settings from there.
  ...[false, true].map((exports) => ({ name: `Parcel 2.16.4${exports ? ', packageExports' : ''}`, folder: `parcel${exports ? '-exports' : ''}`,
    packages: { parcel: '2.16.4' }, manifest: exports ? { '@parcel/resolver-default': { packageExports: true } } : {}, shop: 'dist',
    files: { 'index.html': html('./main.js'), 'main.js': script(), 'pnpm-lock.yaml': '' }, fresh: ['.parcel-cache'], build: ['parcel', 'build', 'index.html', '--no-autoinstall'], site: 'dist' })),
  { name: 'Next 16.4.6, build and start', ...next, fresh: ['.next'], build: ['next', 'build'], serve: (port) => ['next', 'start', '-H', '127.0.0.1', '-p', port] },
  { name: 'Next 16.4.6, development', ...next, fresh: ['.next'], serve: (port) => ['next', 'dev', '-H', '127.0.0.1', '-p', port] },
  { name: 'plain HTML at a subpath', folder: 'plain', packages: {}, shop: 'site/shop/static', site: 'site', path: '/shop/', kin: 'site/shop/kin',
    files: { 'site/shop/index.html': html('./main.js'), 'site/shop/main.js': script({ base: './static/', from: './kin/index.js' }) } },
];
