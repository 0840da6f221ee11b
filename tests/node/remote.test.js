// Pictures from hosts, as hosts are: busy, breaking off, sending people on in their own letters, saying packed of
// what is not. A real server, a real build.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { drawing, kin, tinyModel } from './cli-support.js';
import { certificate } from './tls.js';

const root = mkdtempSync(join(tmpdir(), 'kin-remote-'));
const model = tinyModel(join(root, 'model'));
let own;
before(() => { own = certificate(root); });
after(() => rmSync(root, { recursive: true }));

const picture = drawing(7);
const send = (status, headers = {}, body = '') => (response) => response.writeHead(status, headers).end(body);
const fine = send(200, {}, picture);
const latin1 = (text) => Buffer.from(text).toString('latin1');

// `answers`: path -> what it answers the first time, the second …; the last from then on. -> { host, asked, build }
async function hostWith(t, answers) {
  const asked = {};
  const server = createServer(own, (request, response) => {
    const path = decodeURI(request.url);
    asked[path] = (asked[path] ?? 0) + 1;
    const all = [answers[path] ?? send(404)].flat();
    all[Math.min(asked[path], all.length) - 1](response);
  }).listen(0, 'localhost');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections() ?? server.close());
  const host = `localhost:${server.address().port}`;
  return { host, asked, async build(images) {
    const products = join(root, 'p.jsonl');
    writeFileSync(products, images.map((image) => JSON.stringify({ id: image, image })).join('\n'));
    const built = await kin(['build', products, '-o', join(root, 'out.kin'), '--json', '--allow-host', host, '--model', model],
      { env: own.env });
    const failed = built.lines()[0]?.failed ?? [];
    return { ...built, failed: Object.fromEntries(failed.map(({ id, code, message }) => [id, `${code} ${message}`])) };
  } };
}

const hangUp = (response) => response.socket.destroy();
const breakOff = (response) => {
  response.writeHead(200, { 'content-length': picture.length });
  response.write(picture.subarray(0, 50), () => response.socket.destroy());
};

test('what passes is tried again, and after as long as the host says', async (t) => {
  const answers = { '/busy.png': [send(429, { 'retry-after': '1' }), fine], '/down.png': [send(503), fine],
    '/dated.png': [send(429, { 'retry-after': new Date(Date.now() + 1000).toUTCString() }), fine], '/521.png': [send(521), fine],
    '/reset.png': [hangUp, fine], '/half.png': [breakOff, fine] };
  const { host, asked, build } = await hostWith(t, answers);
  const built = await build(Object.keys(answers).map((path) => `https://${host}${path}`));
  assert.equal(built.code, 0, built.err);
  assert.deepEqual(asked, Object.fromEntries(Object.keys(answers).map((path) => [path, 2])));
});

test('a wait that is none of a host is our own, and no picture is asked for again at once', async (t) => {
  const given = { '/past.png': 'Mon, 01 Jan 2024 00:00:00 GMT', '/half.png': '1.5', '/minus.png': '-5' };
  const at = {};
  const { host, build } = await hostWith(t, Object.fromEntries(Object.entries(given).map(([path, after]) => [path, (response) => {
    (at[path] ??= []).push(performance.now());
    return (at[path].length === 1 ? send(429, { 'retry-after': after }) : fine)(response);
  }])));
  for (const path of Object.keys(given)) { // one by one: they wait for each other
    const { code, err } = await build([`https://${host}${path}`]);
    assert.equal(code, 0, err);
    assert.ok(at[path][1] - at[path][0] > 900, `${path}: ${at[path]}`);
  }
});

test('but not for ever, nor what will not change', async (t) => {
  const many = Array.from({ length: 30 }, (_, i) => `/down${i}.png`);
  const { host, asked, build } = await hostWith(t, { '/fine.png': fine, '/later.png': send(429, { 'retry-after': '3600' }),
    ...Object.fromEntries(many.map((path) => [path, send(503, { 'retry-after': '0' })])) });
  const at = (path) => `https://${host}${path}`;
  const { code, failed } = await build(['/fine.png', '/later.png', '/none.png', ...many].map(at));
  assert.equal(code, 3);
  assert.equal(failed[at('/later.png')],
    `unreadable ${at('/later.png')}: the host answered 429 and asks us to come again in 60 minutes`);
  assert.equal(failed[at('/none.png')], `unreadable ${at('/none.png')}: the host answered 404`);
  assert.deepEqual([asked['/later.png'], asked['/none.png']], [1, 1]);
  assert.match(failed[at('/down0.png')], /^unreadable .*: the host answered 503, 4 times: build again later$/);
  assert.match(failed[at('/down29.png')], /^unreadable .*: the host answered 503: build again later$/);
  assert.equal(asked['/down29.png'], 1); // the host has failed to the last by then
});

test('an answer that says packed is read whether it is or not', async (t) => {
  const packed = (encoding, body) => send(200, { 'content-encoding': encoding, 'content-length': body.length }, body);
  const { host, build } = await hostWith(t, { '/plain.png': packed('gzip', picture), '/gzip.png': packed('gzip', gzipSync(picture)),
    '/br.png': packed('br', brotliCompressSync(picture)), '/plain-br.png': packed('br', picture), '/odd.png': packed('aws-chunked', picture),
    '/bomb.png': packed('gzip', gzipSync(Buffer.alloc(65 * 2 ** 20))) });
  const at = (path) => `https://${host}${path}`;
  const { code, failed } = await build(['/plain.png', '/gzip.png', '/br.png', '/plain-br.png', '/odd.png', '/bomb.png'].map(at));
  assert.deepEqual([code, failed], [3, { [at('/bomb.png')]: `too-large ${at('/bomb.png')}: more than 64 MiB` }]);
});

test('redirects in raw UTF-8 or Latin-1 are followed; to no address they are an error', async (t) => {
  const to = (location) => send(302, { location });
  const { host, build } = await hostWith(t, { '/utf8.png': to(latin1('/größe é.png')), '/latin1.png': to('/gr\xf6\xdfe \xe9.png'),
    '/größe é.png': fine, '/nowhere.png': to('https://'), '/round.png': to('/round.png'),
    '/http.png': to('http://localhost/x.png'), '/away.png': to('https://away.example/x.png') });
  const at = (path) => `https://${host}${path}`;
  const { code, failed } = await build(['/utf8.png', '/latin1.png', '/nowhere.png', '/round.png', '/http.png', '/away.png'].map(at));
  assert.equal(code, 3);
  assert.deepEqual(failed, {
    [at('/http.png')]: `refused ${at('/http.png')}: the host sends us on to http://localhost: only https is fetched`,
    [at('/away.png')]: `refused ${at('/away.png')}: the host sends us on to https://away.example: add --allow-host away.example to fetch from there`,
    [at('/nowhere.png')]: `unreadable ${at('/nowhere.png')}: the host sends us on to 'https://', which is no address`,
    [at('/round.png')]: `unreadable ${at('/round.png')}: too many redirects` });
});

test('nothing sent, no address, an address without its scheme', async (t) => {
  const { host, build } = await hostWith(t, { '/fine.png': fine, '/204.png': send(204), '/empty.png': send(200) });
  const at = (path) => `https://${host}${path}`;
  const { code, failed } = await build([`//${host}/fine.png`, at('/204.png'), at('/empty.png'), 'https://', 'https://:1/x.png',
    '//elsewhere.example/x.png', 'http://localhost/x.png', `https://me:secret@${host}/fine.png`]);
  assert.equal(code, 3);
  assert.deepEqual(failed, {
    [at('/204.png')]: `unreadable ${at('/204.png')}: the host sent nothing (it answered 204)`,
    [at('/empty.png')]: `unreadable ${at('/empty.png')}: the host sent nothing (it answered 200)`,
    'https://': 'unreadable https://: this is no address of a picture',
    'https://:1/x.png': 'unreadable https://:1/x.png: this is no address of a picture',
    '//elsewhere.example/x.png': 'refused //elsewhere.example/x.png: add --allow-host elsewhere.example to fetch from there',
    [`https://me:secret@${host}/fine.png`]: `refused ${at('/fine.png')}: its address holds a name or password, which would be published`,
    'http://localhost/x.png': 'refused http://localhost/x.png: only https is fetched' });
});
