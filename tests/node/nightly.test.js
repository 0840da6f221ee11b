// The workflow of examples/nightly/, its commands run as a runner does, on a shop with a host of its own: four nights. `make test` has 30
// products of four pictures, `make test-faults` 20,000 (KIN_NIGHTLY).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { cli, folder, png, tinyModel } from './cli-support.js';
import { certificate } from './tls.js';

const workflow = parse(readFileSync(new URL('../../examples/nightly/catalogue.yml', import.meta.url), 'utf8'));
const { steps, env } = workflow.jobs.build;
const count = Number(process.env.KIN_NIGHTLY) || 30;
const pictureOf = (n) => png(16, 16, (x, y) => [n & 255, (n >> 8) & 255, ((n >> 16) << 5) | (x ^ y)]); // no two alike

// Its steps in their order, but `npm ci`, on a machine that has what the cache kept (`kept/`) and no more. -> { code, err } of the one that
// fails, or of the last
async function night(root, variables) {
  const values = Object.fromEntries(Object.entries(env).map(([name, text]) => [name, text.replace(/\$\{\{ vars\.(\w+) \}\}/g, (_, variable) => variables[variable])]));
  let failed = null;
  for (const { run, uses = '', if: when, with: { path = '' } = {} } of steps) {
    if (run === 'npm ci' || failed && when !== 'always()') continue;
    const paths = path.split('\n').filter(Boolean), [, way] = /^actions\/cache\/(restore|save)@/.exec(uses) ?? [];
    for (const name of way ? paths : []) {
      const [from, to] = way === 'save' ? [join(root, name), join(root, 'kept', name)] : [join(root, 'kept', name), join(root, name)];
      rmSync(to, { recursive: true, force: true });
      if (existsSync(from)) cpSync(from, to, { recursive: true });
    }
    if (!run) continue;
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', run], { cwd: root,
      env: { ...process.env, ...values, ...variables.env, GITHUB_STEP_SUMMARY: join(root, 'summary.md') } });
    let err = '';
    child.stdout.resume();
    child.stderr.on('data', (part) => { err += part; });
    const [code] = await once(child, 'close');
    if (code !== 0) failed = { code, err };
  }
  return failed ?? { code: 0, err: '' };
}

test('the nightly workflow: the first night, the next, and one on which the host of the pictures is down', async (t) => {
  assert.deepEqual(steps.filter(({ uses }) => uses).map(({ uses }) => uses.split('@')[0]).sort(), ['actions/cache/restore', 'actions/cache/save',
    'actions/checkout', 'actions/setup-node', 'actions/upload-artifact']);
  const root = folder(t);
  tinyModel(join(root, 'model'));
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.bin', 'kin-clip'), `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`, { mode: 0o755 });
  writeFileSync(join(root, 'package.json'), '{}');

  const shop = { pictures: new Map(), feed: '', down: false, sent: 0, asked: 0 };
  const own = certificate(root);
  const server = createServer(own, (request, response) => {
    if (request.url === '/feed.csv') return response.end(shop.feed);
    const picture = shop.pictures.get(request.url);
    shop.asked++;
    if (shop.down) return response.writeHead(503, { 'retry-after': '0' }).end();
    if (!picture) return response.writeHead(404).end();
    const etag = `"${picture}"`;
    if (request.headers['if-none-match'] === etag) return response.writeHead(304).end();
    shop.sent++;
    return response.writeHead(200, { etag }).end(pictureOf(picture));
  }).listen(0, 'localhost');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections() ?? server.close());
  const host = `localhost:${server.address().port}`;
  const write = (products) => {
    const rows = Array.from({ length: products }, (_, i) => `p${i},Thing ${i},/p/${i},${[0, 1, 2, 3].map((k) => `https://${host}/${i}-${k}.png`).join('|')},${i}.50,shoes`);
    shop.feed = ['id,title,url,image,price,category', ...rows].join('\n');
  };
  for (let i = 0; i < count; i++) for (let k = 0; k < 4; k++) shop.pictures.set(`/${i}-${k}.png`, 4 * i + k + 1);
  shop.pictures.delete('/7-2.png'); // one fails
  write(count);
  const variables = { FEED: `https://${host}/feed.csv`, IMAGE_HOST: host, env: { ...own.env, CURL_CA_BUNDLE: own.env.NODE_EXTRA_CA_CERTS } };
  const counts = () => JSON.parse(readFileSync(join(root, 'report.json'), 'utf8')).counts;
  const published = () => [join(root, 'catalogue', 'shop.kin'), join(root, 'public', 'shop', 'current.json')].map((path) => readFileSync(path));
  const generation = () => JSON.parse(readFileSync(join(root, 'public', 'shop', 'current.json'), 'utf8')).generation;

  const first = await night(root, variables);
  assert.equal(first.code, 0, first.err);
  assert.deepEqual([counts().products, counts().embedded, counts().failedPictures], [count, 4 * count - 1, 1]);
  assert.match(readFileSync(join(root, 'summary.md'), 'utf8'), /## Catalogue built[^]*7-2\.png: the host answered 404/);

  [shop.sent, shop.asked] = [0, 0];
  write(count - 1);
  shop.pictures.set('/3-0.png', 5 * count);
  const second = await night(root, variables);
  assert.equal(second.code, 0, second.err);
  assert.deepEqual([counts().products, counts().embedded, counts().notModified, shop.sent, shop.asked], [count - 1, 1, 4 * count - 6, 1, 4 * count - 4]);
  const kept = published();
  assert.equal(generation(), 2);
  assert.ok(!readdirSync(join(root, 'public'), { recursive: true }).some((name) => /state|part|journal/.test(name)), 'nothing private');

  shop.down = true;
  const third = await night(root, variables);
  assert.equal(third.code, 1);
  assert.match(third.err, /more than --max-failed 1% allows: the catalogue that was there stays/);
  assert.deepEqual(published(), kept);
  assert.match(readFileSync(join(root, 'summary.md'), 'utf8'), /## Catalogue not built/);
  shop.down = false;
  const fourth = await night(root, variables);
  assert.equal(fourth.code, 0, fourth.err);
  assert.deepEqual([published(), counts().embedded], [kept, 0]);
});
