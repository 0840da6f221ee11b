// The shell recipes of docs/recipes.md, as they stand; those for a page run in tests/browser/docs.test.js.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cli, drawing, folder } from './cli-support.js';

const text = readFileSync(new URL('../../docs/recipes.md', import.meta.url), 'utf8');
const shell = Object.fromEntries([...text.matchAll(/^<!-- run: (\w+) -->\n```sh\n([^]*?)^```$/gm)].map(([, name, lines]) => [name, lines]));
const skip = process.platform === 'win32' && 'a POSIX shell';

// A shop of drawings of six kinds, with `npx kin-clip` as this checkout's command.
function shop(context, count = 150) {
  const at = folder(context);
  mkdirSync(join(at, 'bin'));
  mkdirSync(join(at, 'pictures'));
  writeFileSync(join(at, 'bin/npx'), `#!/bin/sh\n[ "$1" = kin-clip ] || exit 9\nshift\nexec '${process.execPath}' '${cli}' "$@"\n`);
  chmodSync(join(at, 'bin/npx'), 0o755);
  const rows = ['id,title,url,image,price,colour,kind'];
  for (let i = 0; i < count; i++) {
    writeFileSync(join(at, `pictures/${i}.png`), drawing(i + 1));
    rows.push(`p${i},Product ${i},/p/${i},pictures/${i}.png,${i}.50,blue,kind ${i % 6}`);
  }
  writeFileSync(join(at, 'products.csv'), rows.join('\n') + '\n');
  writeFileSync(join(at, 'photo.jpg'), drawing(8));
  const run = (lines) => spawnSync('sh', ['-c', lines], { cwd: at, encoding: 'utf8', env: { ...process.env, PATH: `${join(at, 'bin')}${delimiter}${process.env.PATH}` } });
  return { at, rows, run, done(lines) {
    const { status, stdout, stderr } = run(lines);
    assert.equal(status, 0, `${lines}\n${stdout}${stderr}`);
    return stdout;
  } };
}

test('all shell recipes have a test', () => {
  assert.deepEqual(Object.keys(shell).sort(), ['adapter', 'feed', 'refresh']);
  assert.deepEqual([...text.matchAll(/^```sh$/gm)].length, 3, 'each is marked');
});

test('refresh: the catalogue of a file with a row that cannot be read is there, that of no file is an error', { skip }, (t) => {
  const { at, rows, run, done } = shop(t, 10);
  const file = join(at, 'products.csv');
  writeFileSync(file, [...rows.slice(0, 9), 'bad,No picture,/bad,pictures/none.png,1,red,kind 0'].join('\n'));
  done(shell.refresh);
  const inspect = () => JSON.parse(done('npx kin-clip inspect catalog.safetensors --json'));
  assert.equal(inspect().products, 8);
  writeFileSync(file, rows.slice(0, 11).join('\n'));
  done(shell.refresh);
  assert.equal(inspect().products, 10, 'replaced');
  writeFileSync(file, 'nothing,of,use\n1,2,3\n');
  assert.notEqual(run(shell.refresh).status, 0);
  assert.equal(inspect().products, 10, 'the old one stays');
});

test('feed: a draft for each product, and those that are sure are shown', { skip }, (t) => {
  const { at, done } = shop(t, 17);
  done(shell.refresh);
  const shown = done(shell.feed).trim().split('\n');
  const drafts = readFileSync(join(at, 'drafts.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(drafts.length, 17);
  const sure = drafts.filter(({ alt_confidence: confidence }) => confidence >= 0.8);
  assert.ok(sure.length && sure.length < drafts.length, 'some are, some are not');
  assert.deepEqual(shown, sure.map(({ id, alt }) => `${id}: ${alt}`));
});

test('adapter: learnt from a field of the catalogue, and a search by it', { skip }, (t) => {
  const { at, done } = shop(t);
  done('npx kin-clip build products.csv -o catalog.safetensors --fields kind -q');
  const said = done(shell.adapter);
  const [, before, after] = /^held-out examples of the same kind among the nearest 10: ([\d.]+) % before, ([\d.]+) % after$/m.exec(said) ?? [];
  assert.ok(Number(after) > Number(before), said);
  assert.ok(readFileSync(join(at, 'adapter.safetensors')).length > 30_000);
  assert.match(said, /^1\.0000 +p7 +Product 7$/m);
});
