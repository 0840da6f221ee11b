// What sentences tell a person to type exists: npm's `kin` is somebody else's, so it is `npx kin-clip`, or the script
// itself in a checkout.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kin } from './cli-support.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const commands = readdirSync(new URL('catalog/commands/', root)).map((name) => name.replace('.js', ''));
const bare = new RegExp(`(?<![\\w./-])kin (?:${commands.join('|')}|help|export|labels|alt|adapt|publish|report|doctor|--[a-z]+)\\b`);
const list = (folder, ending) => readdirSync(new URL(folder, root), { recursive: true })
  .map((name) => folder + name.replaceAll('\\', '/')).filter((name) => ending.test(name));

test('no sentence of the programs names a command that nobody can type', () => {
  const wrong = [];
  const sources = [...list('catalog/', /\.js$/), ...list('web/', /(?<!\.min)\.(?:js|ts|html)$/), ...list('src/', /\.[ch]$/), ...list('tools/', /\.(?:js|sh)$/)];
  assert.ok(commands.length >= 12 && sources.length > 50);
  for (const path of sources) { // comments speak to us, not to the person
    const text = read(path).replace(/\/\*[^]*?\*\/|(?<!:)\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ''));
    text.split('\n').forEach((line, i) => {
      if (bare.test(line) && !/new Error\(`kin .* ended with/.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`);
    });
  }
  assert.deepEqual(wrong, []);
});

test('no document does', () => {
  const wrong = [];
  const documents = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...list('docs/', /\.md$/), ...list('models/', /\.md$/)];
  for (const path of documents)
    read(path).split('\n').forEach((line, i) => { if (bare.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`); });
  assert.deepEqual(wrong, []);
});

test('help names what was typed, from wherever it was', async () => {
  for (const [folder, script] of [['', 'catalog/cli.js'], ['docs/', '../catalog/cli.js'], ['catalog/', 'cli.js']]) {
    const cwd = fileURLToPath(new URL(folder, root));
    for (const args of [['help'], ...commands.map((name) => [name, '--help'])]) {
      const { code, out } = await kin(args, { cwd });
      assert.equal(code, 0);
      assert.ok(out.startsWith(`Usage: node ${script} ${args.length > 1 ? args[0] : '<'}`), out.slice(0, 80));
      assert.doesNotMatch(out, bare);
      if (!folder) continue;
      break; // one is enough of the others
    }
  }
  assert.match((await kin(['unheard'])).err, /'node catalog\/cli\.js help' lists them\n$/);
  assert.match((await kin(['build', '--unheard'])).err, /'node catalog\/cli\.js build' has no option '?--unheard'?; see 'node catalog\/cli\.js build --help'\n$/);
});

test('--version prints the package\'s', async () => {
  const { version } = JSON.parse(read('package.json'));
  for (const flag of ['--version', '-v', 'version']) assert.deepEqual(await kin([flag]).then(({ code, out }) => [code, out]), [0, `kin-clip ${version}\n`]);
  assert.match(read('web/page/clip.js'), new RegExp(`export const version = '${version}'`));
});
