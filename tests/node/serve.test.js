// kin serve as a real process: types, lengths, ranges, headers, and no way out of the folder.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, kin } from './cli-support.js';

function site(context) {
  const outer = folder(context);
  const root = join(outer, 'site');
  mkdirSync(join(root, 'shop'), { recursive: true });
  writeFileSync(join(outer, 'secret.txt'), 'secret');
  writeFileSync(join(root, 'index.html'), '<!doctype html>home');
  writeFileSync(join(root, 'shop', 'index.html'), '<!doctype html>shop');
  for (const name of ['a.wasm', 'a.js', 'a.json', 'a.safetensors', 'a.css', 'a b.png', 'a#%.png', 'a.bin'])
    writeFileSync(join(root, name), '0123456789');
  writeFileSync(join(root, 'empty.txt'), '');
  symlinkSync(join(outer, 'secret.txt'), join(root, 'link.txt'));
  mkdirSync(join(outer, 'kept'));
  symlinkSync(join(outer, 'kept'), join(root, 'away'));
  mkdirSync(join(root, '.git'));
  writeFileSync(join(root, '.git', 'config'), 'secret');
  writeFileSync(join(root, '.env'), 'secret');
  writeFileSync(join(root, 'shop', '.hidden.html'), 'secret');
  writeFileSync(join(root, 'shop.kin.state'), 'secret');
  mkdirSync(join(root, 'shop.kin.part'));
  writeFileSync(join(root, 'shop.kin.part', 'journal'), 'secret');
  symlinkSync(join(root, '.git'), join(root, 'plain'));
  return root;
}

// Serves while `work(base)` runs; resolves to the process's end.
async function serving(args, work) {
  let base;
  const ended = kin(['serve', '--port', '0', '--json', ...args], {
    async onStart(child) {
      const [data] = await once(child.stdout, 'data');
      base = JSON.parse(data).url;
      await work(base).finally(() => child.kill('SIGINT'));
    },
  });
  return ended;
}

// `fetch` tidies paths up before it sends them; this sends what it is given.
function raw(base, path, { method = 'GET', headers } = {}) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const sent = request({ hostname, port, path, method, headers }, async (response) => {
      let body = '';
      for await (const part of response) body += part;
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('types, lengths, headers, ranges', async (t) => {
  const failures = [];
  const check = (work) => { try { work(); } catch (error) { failures.push(error); } };
  const end = await serving([site(t)], async (base) => {
    const types = { '/': 'text/html; charset=utf-8', '/shop/': 'text/html; charset=utf-8',
      '/a.wasm': 'application/wasm', '/a.js': 'text/javascript; charset=utf-8',
      '/a.json': 'application/json; charset=utf-8', '/a.safetensors': 'application/octet-stream',
      '/a.css': 'text/css; charset=utf-8', '/a%20b.png': 'image/png', '/a%23%25.png': 'image/png',
      '/a.bin': 'application/octet-stream', '/a.js?v=1': 'text/javascript; charset=utf-8' };
    for (const [path, type] of Object.entries(types)) {
      const got = await raw(base, path);
      check(() => assert.equal(got.status, 200, path));
      check(() => assert.equal(got.headers['content-type'], type));
      check(() => assert.equal(Number(got.headers['content-length']), got.body.length, path));
      check(() => assert.match(got.headers['content-security-policy'],
        /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'/));
      check(() => assert.equal(got.headers['x-content-type-options'], 'nosniff'));
      check(() => assert.equal(got.headers['cross-origin-opener-policy'], undefined));
    }
    const ranges = { 'bytes=2-4': [206, '234', 'bytes 2-4/10'], 'bytes=7-': [206, '789', 'bytes 7-9/10'],
      'bytes=-2': [206, '89', 'bytes 8-9/10'], 'bytes=5-99': [206, '56789', 'bytes 5-9/10'],
      'bytes=0-0': [206, '0', 'bytes 0-0/10'], 'bytes=-99': [206, '0123456789', 'bytes 0-9/10'],
      'bytes=-0': [416, 'no such range\n', 'bytes */10'], 'bytes=0-1,3-4': [200, '0123456789', undefined],
      'bytes=10-': [416, 'no such range\n', 'bytes */10'], 'bytes=4-2': [416, 'no such range\n', 'bytes */10'],
      'bytes=-': [200, '0123456789', undefined], 'lines=1-2': [200, '0123456789', undefined] };
    for (const [range, expected] of Object.entries(ranges)) {
      const got = await raw(base, '/a.bin', { headers: { range } });
      check(() => assert.deepEqual([got.status, got.body, got.headers['content-range']], expected, range));
    }
    const whole = await raw(base, '/a.bin');
    const again = await raw(base, '/a.bin', { headers: { 'if-none-match': whole.headers.etag } });
    check(() => assert.deepEqual([again.status, again.body], [304, '']));
    for (const [etag, expected] of [[whole.headers.etag, [206, '234']], ['"older"', [200, '0123456789']]]) {
      const got = await raw(base, '/a.bin', { headers: { range: 'bytes=2-4', 'if-range': etag } });
      check(() => assert.deepEqual([got.status, got.body], expected, `if-range ${etag}`));
    }
    const head = await raw(base, '/a.bin', { method: 'HEAD' });
    check(() => assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', '']));
    const empty = await raw(base, '/empty.txt');
    check(() => assert.deepEqual([empty.status, empty.headers['content-length']], [200, '0']));
    const post = await raw(base, '/a.bin', { method: 'POST' });
    check(() => assert.equal(post.status, 405));
    const slash = await raw(base, '/shop');
    check(() => assert.deepEqual([slash.status, slash.headers.location], [301, '/shop/']));
    const away = await raw(base, '//shop');
    check(() => assert.deepEqual([away.status, away.headers.location], [301, '/shop/']));
  });
  assert.deepEqual(failures, []);
  assert.equal(end.code, 0);
});

test('no path leads out of the folder', async (t) => {
  const got = [];
  await serving([site(t)], async (base) => {
    for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/link.txt',
      '/shop/../../secret.txt', '/..%5csecret.txt', '/%00', '/%ff', '/a.js/', '/nothing',
      '/....//secret.txt', '//../secret.txt'])
      got.push([path, (await raw(base, path)).status]);
  });
  assert.equal(got.length, 12);
  for (const [path, status] of got) assert.equal(status, 404, path);
});

test('what lies outside or is hidden answers like what is not there', async (t) => {
  const root = site(t);
  const got = [];
  await serving([root], async (base) => {
    const nothing = await raw(base, '/nothing');
    for (const path of ['/away', '/away/', '/../kept', '/..', '/%2e%2e', '/../..', '/.', '/.git', '/.git/', '/.git/config', '/%2egit/config',
      '/.env', '/shop/.hidden.html', '/shop.kin.state', '/shop.kin.part/journal', '/plain', '/plain/', '/plain/config', '//.git/config', '/shop/../.env'])
      got.push([path, (await raw(base, path)).status, (await raw(base, path)).body === nothing.body]);
  });
  assert.equal(got.length, 20);
  for (const [path, status, same] of got) assert.deepEqual([status, same], [404, true], path);
});

test('a folder whose own path is hidden is served', async (t) => {
  const root = join(folder(t), '.cache', 'site');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'index.html'), 'home');
  let got;
  await serving([root], async (base) => { got = await raw(base, '/'); });
  assert.deepEqual([got.status, got.body], [200, 'home']);
});

test('only this machine\'s own names are answered', async (t) => {
  const got = [];
  await serving([site(t)], async (base) => {
    const { port } = new URL(base);
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `LocalHost:${port}`])
      got.push([host, 200, await raw(base, '/', { headers: { host } })]);
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', `localhost:${Number(port) + 1}`, `127.0.0.2:${port}`,
      `localhost.evil.example:${port}`, `localhost:${port}@evil.example`, `0x7f.1:${port}`, `[::ffff:127.0.0.1]:${port}`])
      got.push([host, 403, await raw(base, '/', { headers: { host } })]);
  });
  assert.equal(got.length, 13);
  for (const [host, status, answer] of got) {
    assert.equal(answer.status, status, host);
    if (status === 403) assert.match(answer.body, /^open it as http:\/\/127\.0\.0\.1:\d+\/\n$/);
  }
});

// What the policy must allow of a page's inline scripts and styles: SHA-256 as a browser computes it.
const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

test('inline scripts and styles of a page are allowed by their hashes, and nothing else', async (t) => {
  const root = site(t);
  const parts = ['one()', '\n  two("é");\n', 'p { color: red }'];
  writeFileSync(join(root, 'page.html'), `<!doctype html><STYLE media="all">${parts[2]}</STYLE><script src="a.js"></script>` +
    `<script type="module">${parts[0]}</script><p onclick="three()"><script>${parts[1].replaceAll('\n', '\r\n')}</script >`);
  const policies = [];
  await serving([root], async (base) => {
    for (const path of ['/page.html', '/', '/a.js']) policies.push((await raw(base, path)).headers['content-security-policy']);
  });
  const [page, plain, script] = policies;
  assert.equal(plain, script);
  assert.doesNotMatch(plain, /sha256|unsafe-inline/);
  assert.equal(page, plain.replace("'wasm-unsafe-eval'", `'wasm-unsafe-eval' ${hash(parts[0])} ${hash(parts[1])}`)
    .replace("style-src 'self'", `style-src 'self' ${hash(parts[2])}`));
});

test('--isolate sends the isolation headers', async (t) => {
  let headers;
  await serving([site(t), '--isolate'], async (base) => { ({ headers } = await raw(base, '/')); });
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(headers['cross-origin-embedder-policy'], 'require-corp');
});

test('a taken port and a missing folder are one sentence', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { port } = other.address();
  const taken = await kin(['serve', site(t), '--port', String(port)]);
  assert.deepEqual([taken.code, taken.out, taken.err],
    [1, '', `kin: port ${port} is taken: choose another with --port\n`]);
  const missing = await kin(['serve', join(folder(t), 'no')]);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^kin: there is no folder .*\n$/);
  assert.equal((await kin(['serve', '--port', 'x'])).code, 2);
});
