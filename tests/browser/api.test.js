// The package in a real page: every kind of picture, workers, other hosts, servers that misbehave.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';
import { load } from '../../web/index.node.js';
import { launch, open, serve } from './shop.js';

// A site of the package, the embedded model and an empty page.
const site = mkdtempSync(join(tmpdir(), 'kin-site-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync('models/kin-small', join(site, 'model'), { recursive: true });
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');

const side = 40;
const picture = new PNG({ width: side, height: side });
for (let i = 0; i < picture.data.length; i++) picture.data[i] = i % 4 === 3 ? 255 : i * i * 7 >> 4 & 255;
const encoded = PNG.sync.write(picture);
writeFileSync(join(site, 'a.png'), encoded);

// Another origin with the package's files: `cors` says whether pages may read them. `asked`: the paths so far.
async function otherHost(cors) {
  const asked = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    asked.push(path);
    if (cors) response.setHeader('access-control-allow-origin', '*');
    response.setHeader('cross-origin-resource-policy', 'cross-origin');
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'application/octet-stream');
    try {
      response.end(readFileSync(join(site, path)));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop: () => server.closeAllConnections() ?? server.close() };
}

let browser, server, wanted;
before(async () => {
  const clip = await load({ model: 'models/kin-small' });
  wanted = Array.from((await clip.preprocess(new Uint8Array(encoded))).data);
  await clip.close();
  browser = await launch();
  server = await serve(site);
});
after(async () => {
  await browser.close();
  await server.stop();
  rmSync(site, { recursive: true });
});

test('the same pixels from every kind of source, with and without a worker', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  const got = await page.evaluate(async ({ bytes, raw, side }) => {
    const { load } = await import('/kin/index.js');
    const blob = new Blob([Uint8Array.from(bytes)], { type: 'image/png' });
    const img = new Image();
    img.src = '/a.png';
    await img.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: side, height: side });
    canvas.getContext('2d').drawImage(img, 0, 0);
    const offscreen = new OffscreenCanvas(side, side);
    offscreen.getContext('2d').drawImage(img, 0, 0);
    const rgba = Uint8ClampedArray.from(raw);
    const sources = { blob, file: new File([blob], 'a.png'), buffer: await blob.arrayBuffer(),
      bytes: Uint8Array.from(bytes), string: '/a.png', url: new URL('/a.png', location), img, canvas, offscreen,
      bitmap: await createImageBitmap(img), imageData: new ImageData(rgba, side, side),
      raw: { data: rgba, width: side, height: side } };
    const frame = document.body.appendChild(document.createElement('iframe')); // with classes of its own
    const theirs = frame.contentWindow;
    const theirCanvas = Object.assign(theirs.document.createElement('canvas'), { width: side, height: side });
    theirCanvas.getContext('2d').drawImage(img, 0, 0);
    Object.assign(sources, { 'file of a frame': new theirs.File([blob], 'a.png'), 'canvas of a frame': theirCanvas,
      'bytes of a frame': theirs.Uint8Array.from(bytes).buffer, 'url of a frame': new theirs.URL('/a.png', location),
      'raw of a frame': { data: theirs.Uint8Array.from(raw), width: side, height: side } });
    const results = {};
    for (const worker of [undefined, false]) {
      const clip = await load({ model: '/model/', worker });
      for (const [name, source] of Object.entries(sources))
        results[`${name} ${worker}`] = await clip.preprocess(source)
          .then(({ data }) => `${clip.info.decoder} ${Array.from(data)}`, (error) => `${error.code} ${error.message}`);
      await clip.close();
    }
    return results;
  }, { bytes: Array.from(encoded), raw: Array.from(picture.data), side });
  for (const [name, result] of Object.entries(got)) {
    const decoder = /^(canvas|offscreen|bitmap|imageData|raw) /.test(name) ? 'raw' : 'own';
    assert.equal(result, `${decoder} ${wanted}`, name);
  }
  assert.equal(Object.keys(got).length, 34);
  await page.context().close();
});

test('a lossless WebP with alpha gives the same pixels here as in the command', async (t) => {
  const page = await open(browser, server.url);
  const { file, data } = await page.evaluate(async ({ raw, side }) => {
    const { load } = await import('/kin/index.js');
    const canvas = new OffscreenCanvas(side, side);
    const rgba = Uint8ClampedArray.from(raw, (value, i) => (i % 4 === 3 ? (i * 5 >> 6) & 255 : value));
    canvas.getContext('2d').putImageData(new ImageData(rgba, side, side), 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 1 }); // 1: lossless
    const clip = await load({ model: '/model/' });
    const { data } = await clip.preprocess(blob);
    if (blob.type !== 'image/webp' || clip.info.decoder !== 'browser') throw new Error(`${blob.type} by ${clip.info.decoder}`);
    await clip.close();
    return { file: Array.from(new Uint8Array(await blob.arrayBuffer())), data: Array.from(data) };
  }, { raw: Array.from(picture.data), side });
  const folder = mkdtempSync(join(tmpdir(), 'kin-webp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const bytes = Uint8Array.from(file);
  assert.ok(Buffer.from(bytes).includes('VP8L'));
  writeFileSync(join(folder, 'a.webp'), bytes);
  execFileSync(process.execPath, ['catalog/cli.js', 'preprocess', join(folder, 'a.webp'), '-o', join(folder, 'a.npy')]);
  const npy = readFileSync(join(folder, 'a.npy'));
  assert.deepEqual([...npy.subarray(npy.length - data.length)], data);
  await page.context().close();
});

test('what the page\'s policy forbids is told', async () => {
  const page = await open(browser, server.url);
  const message = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const error = await clip.embedImage(URL.createObjectURL(new Blob(['x']))).catch((error) => error);
    await clip.close();
    return `${error.code}: ${error.message}`;
  });
  assert.match(message, /^cors: .*Content-Security-Policy/);
  await page.context().close();
});

test('a page that forbids WebAssembly, and a wasm file that is cut or none, are told', async () => {
  let wasm; // (response, bytes) => …
  let policy = '';
  const files = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title>');
    if (policy) response.setHeader('content-security-policy', policy);
    if (!existsSync(join(site, path))) return response.writeHead(404).end(); // the browser wants an icon
    const bytes = readFileSync(join(site, path));
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : path.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream');
    return path.endsWith('.wasm') ? wasm(response, bytes) : response.end(bytes);
  }).listen(0, '127.0.0.1');
  await once(files, 'listening');
  const told = async () => {
    const page = await open(browser, `http://127.0.0.1:${files.address().port}`);
    const message = await page.evaluate(() => import('/kin/index.js').then(({ load }) => load({ model: '/model/', threads: 1 }))
      .then(() => 'loaded', (error) => `${error.code}: ${error.message}`));
    await page.context().close();
    return message;
  };
  const whole = (response, bytes) => response.end(bytes);
  wasm = whole;
  assert.equal(await told(), 'loaded');
  policy = "default-src 'self'";
  assert.match(await told(), /^unsupported: .*Content-Security-Policy.*'wasm-unsafe-eval'/);
  policy = '';
  wasm = (response) => response.end('<!doctype html>');
  assert.match(await told(), /^http: .*something else/);
  wasm = (response, bytes) => response.end(bytes.subarray(0, 1000));
  assert.match(await told(), /^http: .*something else/);
  wasm = (response, bytes) => {
    response.setHeader('content-length', bytes.length);
    response.write(bytes.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 100));
  };
  assert.match(await told(), /^http: .*whole/);
  files.closeAllConnections();
  files.close();
});

test('an address that is none is an error of its own', async () => {
  const page = await open(browser, server.url);
  const codes = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const codes = [];
    for (const source of ['http://', '/none.png', ''])
      codes.push(await clip.embedImage(source).then(() => 'embedded', (error) => error.code));
    await clip.close();
    return codes;
  });
  assert.deepEqual(codes, ['cors', 'http', 'unsupported-image']); // the last is the page itself
  await page.context().close();
});

test('a worker that is not there or ends at once is an error', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  const codes = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const throws = URL.createObjectURL(new Blob(['throw new Error("no")'], { type: 'text/javascript' }));
    const codes = [];
    for (const worker of ['/kin/none.js', throws])
      codes.push(await load({ model: '/model/', worker }).then(() => 'loaded', (error) => [error.name, error.code].join()));
    return codes;
  });
  assert.deepEqual(codes, ['KinError,crashed', 'KinError,crashed']);
  await page.context().close();
});

test('a model on another host: read where that host allows it, else a cors error', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  for (const [cors, expected] of [[true, '256'], [false, 'cors']]) {
    const other = await otherHost(cors);
    const got = await page.evaluate(async (model) => {
      const { load } = await import('/kin/index.js');
      try {
        const clip = await load({ model, worker: false });
        const { length } = await clip.embedText('a boot');
        await clip.close();
        return String(length);
      } catch (error) {
        return error.code;
      }
    }, `${other.url}/model/`);
    assert.equal(got, expected);
    other.stop();
  }
  await page.context().close();
});

for (const isolate of [false, true])
  test(`the package itself on another host${isolate ? ', with threads' : ''}`, async () => {
    const shop = await serve(site, ...(isolate ? ['--isolate'] : []));
    const other = await otherHost(true);
    const page = await open(browser, shop.url, { bypassCSP: true });
    const got = await page.evaluate(async (host) => {
      const { load } = await import(`${host}/kin/index.js`);
      const own = URL.createObjectURL(new Blob([`fetch('${host}/index.html');
        import '${host}/kin/worker/worker.js';`], { type: 'text/javascript' }));
      const clip = await load({ model: '/model/', worker: own, threads: 2 });
      const vectors = [];
      for (let i = 0; i < 20; i++) vectors.push(String(await clip.embedText('a boot')));
      const { threads } = clip.info;
      await clip.close();
      return { threads, different: new Set(vectors).size, length: vectors[0].split(',').length };
    }, other.url);
    assert.deepEqual(got, { threads: isolate ? 2 : 1, different: 1, length: 256 });
    assert.equal(other.asked.filter((path) => path === '/index.html').length, got.threads, 'helpers are starts of the same file');
    assert.deepEqual(page.noise, []);
    await page.context().close();
    other.stop();
    await shop.stop();
  });
