// The examples of <kin-search> as projects: examples/widget-*, each used in the browser as a shopper would. What the page has
// to show are Node's hits.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const filesOf = (name) => Object.fromEntries(readdirSync(`examples/${name}`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  .map(({ parentPath, name: file }) => join(parentPath, file)).map((path) => [path.split(/[/\\]/).slice(2).join('/'), readFileSync(path, 'utf8')]));

// Uploads the photo, chooses the first hit, and leaves in the page what it shows.
async function use(page, project, shop) {
  const first = project.framework ? 'Find it by photo' : 'Search by photo';
  await page.waitForFunction((text) => document.querySelector('kin-search')?.shadowRoot?.querySelector('.primary').textContent === text, first, { timeout: 20_000 });
  await page.locator('kin-search .primary input').setInputFiles(join(shop, 'photo.png'));
  await page.waitForFunction(() => ['results', 'none', 'error'].includes(document.querySelector('kin-search').state), null, { timeout: 30_000 });
  const titles = await page.locator('kin-search .card .title').allTextContents();
  if (project.framework) {
    await page.locator('kin-search .card').first().click();
    await page.getByText('Chosen: ').waitFor({ timeout: 5000 });
  }
  const errors = page.noise.filter((line) => line.startsWith('error') && !line.includes('404')); // no favicon
  await page.evaluate((done) => { globalThis.done = done; }, errors.length ? errors.join() : JSON.stringify({
    byPhoto: titles.slice(0, 3), byText: [], chosen: project.framework ? (await page.getByText('Chosen: ').textContent()).slice(8) : 'strawberry' }));
}
// Node's answer, as the page shows it.
const expect = ({ byPhoto }) => JSON.stringify({ byPhoto: byPhoto.map((hit) => hit.replace(/ [\d.]+$/, '')), byText: [], chosen: 'strawberry' });

const react = { react: '19.3.1', 'react-dom': '19.3.1' };
const common = { use, expect, framework: true, shop: 'public' };
const next = { ...common, packages: { next: '16.4.6', ...react }, folder: 'widget-next', limit: 400, files: filesOf('widget-next'), fresh: ['.next'], env: { NEXT_TELEMETRY_DISABLED: '1' } };
export const widgets = [
  { ...common, framework: false, name: 'widget, plain HTML', folder: 'widget-vanilla', packages: {}, shop: 'site', site: 'site', kin: 'site/kin',
    files: { 'site/index.html': readFileSync('examples/widget-vanilla.html', 'utf8') }, fresh: ['site'] },
  { ...common, name: 'widget, React 19.3.1 with Vite 8.4.0', folder: 'widget-react', packages: { ...react, vite: '8.4.0', '@vitejs/plugin-react': '6.3.0' },
    files: filesOf('widget-react'), fresh: ['dist'], build: ['vite', 'build'], site: 'dist' },
  { ...common, name: 'widget, Vue 3.5.45 with Vite 8.4.0', folder: 'widget-vue', packages: { vue: '3.5.45', vite: '8.4.0', '@vitejs/plugin-vue': '6.0.11' },
    files: filesOf('widget-vue'), fresh: ['dist'], build: ['vite', 'build'], site: 'dist' },
  { ...next, name: 'widget, Next 16.4.6, build and start', build: ['next', 'build'], serve: (port) => ['next', 'start', '-H', '127.0.0.1', '-p', port] },
  { ...next, name: 'widget, Next 16.4.6, development', serve: (port) => ['next', 'dev', '-H', '127.0.0.1', '-p', port] },
];
