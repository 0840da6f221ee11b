// A catalogue built again from pictures on a host: what has not changed is not sent again, a few at a time are asked for, and a build
// that was stopped does not ask again. A real server by TLS, real builds.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from './builds.js';
import { drawing, folder, tinyModel } from './cli-support.js';
import { certificate } from './tls.js';

const base = mkdtempSync(join(tmpdir(), 'kin-refresh-'));
const model = tinyModel(join(base, 'model'));
let own;
before(() => { own = certificate(base); });
after(() => rmSync(base, { recursive: true }));

const monday = 'Mon, 02 Nov 2026 08:00:00 GMT';

// A host of pictures: files[path] = { body, etag, modified, to, status, breaks: how often it breaks off half way at first }. log: [{ path, status, conditional }] of what it answered.
async function hostOf(t, files, { delay = 0 } = {}) {
  const host = { files, log: [], busy: 0, most: 0, connections: 0 };
  const server = createServer(own, async (request, response) => {
    const file = files[request.url];
    const { 'if-none-match': match, 'if-modified-since': since } = request.headers;
    host.most = Math.max(host.most, ++host.busy);
    await sleep(delay);
    host.busy--;
    const answer = (status, headers = {}, body = '') => {
      host.log.push({ path: request.url, status, conditional: match !== undefined || since !== undefined });
      response.writeHead(status, Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))).end(body);
    };
    if (!file) return answer(404);
    if (file.to) return answer(302, { location: file.to });
    if (file.breaks-- > 0) {
      response.writeHead(200, { 'content-length': file.body.length });
      return response.write(file.body.subarray(0, file.body.length / 2), () => response.socket.destroy());
    }
    if (file.status) return answer(file.status, { 'retry-after': file.after });
    if (file.etag ? match === file.etag : file.modified && since === file.modified) return answer(304);
    return answer(200, { etag: file.etag, 'last-modified': file.modified }, file.body);
  }).on('secureConnection', () => { host.connections++; }).listen(0, 'localhost');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections() ?? server.close());
  host.at = (path) => `https://localhost:${server.address().port}${path}`;
  host.name = `localhost:${server.address().port}`;
  return host;
}

function list(root, host, paths) {
  const file = join(root, 'p.jsonl');
  writeFileSync(file, paths.map((path) => JSON.stringify({ id: path, image: host.at(path) })).join('\n'));
  return file;
}

test('what a host says is unchanged is not sent again; what it does not say is not embedded again', async (t) => {
  const root = folder(t);
  const files = {};
  for (let i = 0; i < 6; i++) files[`/tag${i}.png`] = { body: drawing(i), etag: `"${i}"` };
  for (let i = 0; i < 3; i++) files[`/date${i}.png`] = { body: drawing(10 + i), modified: monday };
  for (let i = 0; i < 3; i++) files[`/bare${i}.png`] = { body: drawing(20 + i) };
  files['/old.png'] = { to: '/tag0.png' };
  files['/other.png'] = { to: '/bare0.png' };
  const host = await hostOf(t, files);
  const out = join(root, 'shop.kin');
  const again = (target, ...more) => build(list(root, host, Object.keys(files)), target, model, ['--allow-host', host.name, ...more], { env: own.env });
  assert.equal((await again(out)).code, 0);
  assert.ok(host.log.every(({ conditional }) => !conditional));
  const first = readFileSync(out);

  [host.log.length, host.connections] = [0, 0];
  const same = await again(out, '--previous', out);
  assert.deepEqual([same.code, same.report.counts.embedded, same.report.counts.notModified], [0, 0, 10], same.err);
  assert.ok(host.connections < host.log.length, 'each by a connection of its own');
  assert.equal(host.log.filter(({ status }) => status === 304).length, 10); // six, three, and the one behind a redirect
  assert.deepEqual(host.log.filter(({ status }) => status === 200).map(({ path }) => path).sort(),
    ['/bare0.png', '/bare0.png', '/bare1.png', '/bare2.png']);
  assert.ok(host.log.filter(({ status }) => status === 302).every(({ conditional }) => !conditional), 'the redirect has no state of its own');
  assert.deepEqual(readFileSync(out), first);

  host.log.length = 0;
  files['/tag1.png'] = { body: drawing(100), etag: '"new"' };
  files['/date1.png'] = { body: drawing(101), modified: 'Tue, 03 Nov 2026 08:00:00 GMT' };
  files['/old.png'] = { to: '/tag2.png' }; // another picture, whose tag it must not be taken for
  files['/bare2.png'] = { body: drawing(102) };
  files['/tag5.png'] = { status: 404 };
  const next = await again(out, '--previous', out);
  assert.deepEqual([next.code, next.report.counts.embedded, next.report.failures.map(({ id }) => id)], [3, 3, ['/tag5.png']], next.err);
  const full = join(root, 'full.kin');
  assert.equal((await again(full)).code, 3);
  assert.deepEqual(readFileSync(out), readFileSync(full));
});

test('--per-host: so many at a time, four by default', async (t) => {
  const root = folder(t);
  const files = Object.fromEntries([...Array(24).keys()].map((i) => [`/${i}.png`, { body: drawing(i) }]));
  for (const [more, most] of [[['--per-host', '1'], 1], [['--per-host', '2'], 2], [[], 4]]) {
    const host = await hostOf(t, files, { delay: 30 });
    const built = await build(list(root, host, Object.keys(files)), join(root, 'x.kin'), model, ['--allow-host', host.name, ...more], { env: own.env });
    assert.equal(built.code, 0, built.err);
    assert.equal(host.most, most);
  }
});

test('a build that was stopped does not ask again for what it has', async (t) => {
  const root = folder(t);
  const files = Object.fromEntries([...Array(90).keys()].map((i) => [`/${i}.png`, { body: drawing(i), etag: `"${i}"` }]));
  const host = await hostOf(t, files, { delay: 20 });
  const products = list(root, host, Object.keys(files));
  const out = join(root, 'shop.kin');
  const args = ['--allow-host', host.name];
  const stopped = await build(products, out, model, args, { env: own.env, onStart: async (child) => {
    while (host.log.length < 80) await sleep(5);
    child.kill('SIGKILL');
  } });
  assert.equal(stopped.signal, 'SIGKILL');
  while (host.busy) await sleep(5); // answers to the one that is gone
  const before = host.log.length;
  host.log.length = 0;
  const { code, err, report } = await build(products, out, model, args, { env: own.env });
  assert.equal(code, 0, err);
  assert.ok(report.counts.notAsked >= 20, `${report.counts.notAsked} were kept of ${before}`);
  assert.equal(host.log.length, 90 - report.counts.notAsked);
  const full = join(root, 'full.kin');
  assert.equal((await build(products, full, model, args, { env: own.env })).code, 0);
  assert.deepEqual(readFileSync(out), readFileSync(full));
});

test('--previous of an address: the state lies here, or where the host has it', async (t) => {
  const root = folder(t);
  const files = Object.fromEntries([...Array(5).keys()].map((i) => [`/${i}.png`, { body: drawing(i), etag: `"${i}"` }]));
  const host = await hostOf(t, files);
  const products = list(root, host, Object.keys(files));
  const args = ['--allow-host', host.name, '--previous', host.at('/shop.kin')];
  const [out, other] = [join(root, 'shop.kin'), join(root, 'other.kin')];
  const none = await build(products, out, model, args, { env: own.env });
  assert.equal(none.code, 0);
  assert.match(none.err, /--previous: there is no .* of https:.*shop\.kin: every picture is read and embedded anew/);
  files['/shop.kin.state'] = { body: readFileSync(`${out}.state`) };
  for (const target of [out, other]) {
    const again = await build(products, target, model, args, { env: own.env });
    assert.deepEqual([again.code, again.report.counts.embedded, again.report.counts.notModified], [0, 0, 5], again.err);
  }
  assert.deepEqual(readFileSync(other), readFileSync(out));

  const third = join(root, 'third.kin');
  files['/shop.kin.state'].breaks = 1;
  const again = await build(products, third, model, args, { env: own.env });
  assert.deepEqual([again.code, again.report.counts.embedded], [0, 0], again.err);
  files['/shop.kin.state'] = { status: 503, after: '3600' };
  const refused = await build(products, join(root, 'fourth.kin'), model, args, { env: own.env });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^kin: https:.*shop\.kin\.state: the host answered 503 and asks us to come again in 60 minutes$/m);
  files['/shop.kin.state'] = { body: '<!doctype html>' };
  const page = await build(products, join(root, 'fifth.kin'), model, args, { env: own.env });
  assert.match(page.err, /^--previous: https:.*shop\.kin\.state is of another model, --fit or --decode, or damaged/m);
});

test('a host that says unchanged without being asked has sent nothing', async (t) => {
  const root = folder(t);
  const host = await hostOf(t, { '/a.png': { status: 304 }, '/b.png': { body: drawing(1) } });
  const { code, report } = await build(list(root, host, ['/a.png', '/b.png']), join(root, 'x.kin'), model, ['--allow-host', host.name], { env: own.env });
  assert.equal(code, 3);
  assert.deepEqual(report.failures.map(({ message }) => message), [`${host.at('/a.png')}: the host answered 304`]);
});

test('a build that fails does not wait for hosts that are to be asked again later', async (t) => {
  const root = folder(t);
  const files = { '/bad.png': { status: 404 } };
  for (let i = 0; i < 6; i++) files[`/busy${i}.png`] = { status: 503, after: '100' };
  const host = await hostOf(t, files);
  const { code, err } = await build(list(root, host, Object.keys(files)), join(root, 'x.kin'), model, ['--allow-host', host.name, '--max-failed', '0'], { env: own.env });
  assert.equal(code, 1);
  assert.match(err, /kin: 1 row or pictures failed/);
  assert.ok(host.log.length <= 7, 'it came again');
});
