// kin serve as a real process: types, lengths, ranges, headers, and no way out of the folder.
import assert from 'node:assert/strict';
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
