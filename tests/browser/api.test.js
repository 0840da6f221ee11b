// The package in a real page: every kind of picture, workers, other hosts, servers that misbehave.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';
import { load } from '../../web/index.node.js';
import { embedded, vit } from '../models.js';
import { find, listen, send } from '../server.js';
import { launch, open, serve } from './shop.js';

// A site of the package, the embedded model and an empty page.
const site = mkdtempSync(join(tmpdir(), 'kin-site-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync(embedded, join(site, 'model'), { recursive: true });
cpSync(vit, join(site, 'vit'), { recursive: true });
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');

const side = 40;
const picture = new PNG({ width: side, height: side });
for (let i = 0; i < picture.data.length; i++) picture.data[i] = i % 4 === 3 ? 255 : i * i * 7 >> 4 & 255;
const encoded = PNG.sync.write(picture);
writeFileSync(join(site, 'a.png'), encoded);

// Another origin with the package's files: `cors` says whether pages may read them.
const otherHost = (cors) => listen((request, response, path) => {
  if (cors) response.setHeader('access-control-allow-origin', '*');
  response.setHeader('cross-origin-resource-policy', 'cross-origin');
  send(response, site, path);
});

let browser, server, wanted;
before(async () => {
  const clip = await load({ model: embedded });
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

test('hidden states in a page are those in Node, and a convolutional tower has its last map alone', async () => {
  const models = { vit, net: embedded };
  const layers = [0, -2, 'last'];
  const asked = async (load, from, bytes) => {
    const results = {};
    for (const [name, model] of Object.entries(from)) {
      const clip = await load({ model });
      for (const [part, source] of [['image', Uint8Array.from(bytes)], ['text', { text: 'a red shoe' }]])
        for (const layer of layers)
          results[`${name} ${part} ${layer}`] = await clip.hiddenStates(source, { layer })
            .then(({ data, dims }) => [dims.join('x'), ...data.subarray(-8)].join(' '), (error) => error.code);
      await clip.close();
    }
    return results;
  };
  const inNode = await asked(load, models, encoded);
  assert.equal(inNode['net image last'].split(' ')[0].split('x')[1], '1280');
  assert.deepEqual([inNode['net image 0'], inNode['net image -2']], ['unsupported', 'unsupported']);
  assert.equal(Object.values(inNode).filter((one) => one === 'unsupported').length, 2);
  const page = await open(browser, server.url, { bypassCSP: true });
  const got = await page.evaluate(`(async () => {
    const { load } = await import('/kin/index.js');
    const layers = ${JSON.stringify(layers)};
    return (${asked})(load, { vit: '/vit/', net: '/model/' }, ${JSON.stringify([...encoded])});
  })()`);
  assert.deepEqual(got, inNode);
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

test('trained weights of a ViT embed to the bits that Node gives', async () => {
  const clip = await load({ model: vit });
  const expected = [await clip.embedImage(new Uint8Array(encoded)), await clip.embedText('a red fruit')].map(String);
  await clip.close();
  const page = await open(browser, server.url);
  for (const variant of ['simd', 'relaxed']) {
    const got = await page.evaluate(async (variant) => {
      const { load } = await import('/kin/index.js');
      const clip = await load({ model: '/vit/', variant });
      const found = [await clip.embedImage('/a.png'), await clip.embedText('a red fruit')].map(String);
      await clip.close();
      return found;
    }, variant);
    assert.deepEqual(got, expected, variant);
  }
  assert.deepEqual([page.noise, page.sent], [[], []]);
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

// WebP: Chromium itself does not turn by EXIF, Pillow does.
test('EXIF orientation of a WebP counts here as in the command', async (t) => {
  const page = await open(browser, server.url);
  const [width, height] = [40, 24];
  const { files, prepared, plain } = await page.evaluate(async ({ width, height }) => {
    const { load } = await import('/kin/index.js');
    const canvas = new OffscreenCanvas(width, height);
    const pixels = Uint8ClampedArray.from({ length: width * height * 4 },
      (_, i) => (i % 4 === 3 ? 255 : [(i >> 2) % width * 6, (i >> 2) / width * 10, i >> 4][i % 4]));
    canvas.getContext('2d').putImageData(new ImageData(pixels, width, height), 0, 0);
    const webp = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/webp', quality: 1 })).arrayBuffer());
    const lossless = webp.subarray(String.fromCharCode(...webp).indexOf('VP8L')); // without the profile before it
    const chunk = (name, body) => [...new TextEncoder().encode(name), ...new Uint8Array(Uint32Array.of(body.length).buffer), ...body,
      ...(body.length & 1 ? [0] : [])];
    const turned = (orientation) => {
      const exif = [73, 73, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0];
      return chunk('RIFF', [...new TextEncoder().encode('WEBP'),
        ...chunk('VP8X', [8, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0]), ...lossless, ...chunk('EXIF', exif)]);
    };
    const clip = await load({ model: '/model/' });
    const files = [1, 2, 3, 4, 5, 6, 7, 8].map(turned), prepared = [];
    for (const file of files) prepared.push([...(await clip.preprocess(Uint8Array.from(file))).data].join());
    const plain = [...(await clip.preprocess(webp)).data].join();
    if (clip.info.decoder !== 'browser') throw new Error(clip.info.decoder);
    await clip.close();
    return { files, prepared, plain };
  }, { width, height });
  assert.equal(prepared[0], plain);
  assert.equal(new Set(prepared).size, 8);
  const folder = mkdtempSync(join(tmpdir(), 'kin-webp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [i, file] of files.entries()) {
    const path = join(folder, `${i + 1}`);
    writeFileSync(`${path}.webp`, Uint8Array.from(file));
    execFileSync(process.execPath, ['catalog/cli.js', 'preprocess', `${path}.webp`, '-o', `${path}.npy`]);
    const npy = readFileSync(`${path}.npy`);
    assert.equal([...npy.subarray(npy.length - plain.split(',').length)].join(), prepared[i], `orientation ${i + 1}`);
  }
  await page.context().close();
});

test('a picture whose header says that it is too large never reaches the browser\'s decoder', async () => {
  const page = await open(browser, server.url);
  const webp = Buffer.from('RIFF\x1a\x00\x00\x00WEBPVP8 \x0e\x00\x00\x00\x30\x01\x00\x9d\x01\x2a\xff\x3f\xff\x3f\x00\x00\x00\x00', 'latin1');
  const small = Buffer.from(webp);
  small.set([0x88, 0x13, 0x88, 0x13], 26); // 5000 x 5000 in 34 bytes
  const gif = Buffer.from('GIF89a\xff\xff\xff\xff\x00\x00\x00;', 'latin1');
  const frame = Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x00;', 'latin1');
  const bmp = Buffer.alloc(60);
  bmp.write('BM');
  bmp.set([40, 0, 0, 0, 0x40, 0x9c, 0, 0, 0xc0, 0x63, 0xff, 0xff], 14); // 40000 x -40000
  const avif = Buffer.from('\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif\x00\x00\x00\x14ispe\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\xff\xff', 'latin1');
  const found = await page.evaluate(async (files) => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/', worker: false });
    await clip.embedImage(new Blob([Uint8Array.from(files[0])])).catch(() => {}); // the canvas has been tried
    let asked = 0;
    const real = createImageBitmap;
    globalThis.createImageBitmap = (...given) => { asked++; return real(...given); };
    const codes = [];
    for (const file of files) codes.push(await clip.embedImage(Uint8Array.from(file)).then(() => 'read', ({ code }) => code));
    await clip.close();
    return { codes, asked };
  }, [webp, small, gif, frame, bmp, avif].map((file) => [...file]));
  assert.deepEqual(found, { codes: ['too-large', 'truncated-image', 'too-large', 'too-large', 'too-large', 'too-large'], asked: 0 });
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
  const files = await listen((request, response, path) => {
    if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title>');
    if (policy) response.setHeader('content-security-policy', policy);
    if (!path.endsWith('.wasm')) return send(response, site, path);
    return wasm(response, readFileSync(find(response, site, path).file));
  });
  const told = async (stall) => {
    const page = await open(browser, files.url);
    const message = await page.evaluate((stall) => import('/kin/index.js').then(({ load }) => load({ model: '/model/', threads: 1, stall }))
      .then(() => 'loaded', (error) => `${error.code}: ${error.message}`), stall);
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
  wasm = (response, bytes) => response.setHeader('content-length', bytes.length).write(bytes.subarray(0, 50_000));
  assert.match(await told(1000), /^stalled: kin-.*\.wasm: nothing came for 1 s/);
  files.stop();
});

test('a save to a file of the page that is given up leaves the old bytes, and the file free', async () => {
  const page = await open(browser, server.url);
  const got = await page.evaluate(async () => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const builder = await clip.createCatalog();
    await builder.add({ id: 'a', images: '/a.png' });
    const handle = await (await navigator.storage.getDirectory()).getFileHandle('catalog', { create: true });
    const old = await handle.createWritable();
    await old.write('old');
    await old.close();
    const text = async () => (await handle.getFile()).text();
    const controller = new AbortController();
    const createWritable = async () => {
      const stream = await handle.createWritable();
      controller.abort();
      return stream;
    };
    const codes = [await builder.save({ to: { createWritable }, signal: controller.signal }).catch(({ name }) => name), await text()];
    const bytes = await builder.save({ to: handle });
    codes.push((await handle.getFile()).size === bytes.length);
    await clip.close();
    return codes;
  });
  assert.deepEqual(got, ['AbortError', 'old', true]);
  await page.context().close();
});

test('an address that is none is an error of its own', async () => {
  const page = await open(browser, server.url);
  const codes = await page.evaluate(async () => {
    const { load, openCatalog } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const codes = [];
    for (const source of ['http://', '/none.png', ''])
      codes.push(await clip.embedImage(source).then(() => 'embedded', (error) => error.code));
    const builder = await clip.createCatalog();
    const odd = 'http://[';
    for (const call of [() => load({ model: odd }), () => load({ model: { 'config.json': odd } }), () => openCatalog(odd), () => load({ model: {} }),
      () => builder.add({ id: 'a', images: odd })])
      codes.push(await call().then(() => 'taken', (error) => error.code));
    await clip.close();
    return codes;
  });
  // '' would be the page itself
  assert.deepEqual(codes, ['cors', 'http', 'bad-argument', 'bad-argument', 'bad-argument', 'bad-argument', 'bad-argument', 'bad-argument']);
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
  assert.deepEqual(codes, ['KinError,no-worker', 'KinError,no-worker']);
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
      globalThis.clip = clip;
      const { threads } = clip.info;
      return { threads, different: new Set(vectors).size, length: vectors[0].split(',').length };
    }, other.url);
    assert.deepEqual(got, { threads: isolate ? 2 : 1, different: 1, length: 256 });
    const starts = () => other.asked.filter((path) => path === '/index.html').length;
    while (starts() < got.threads) await page.waitForTimeout(50); // helpers come in their own time
    await page.evaluate(() => globalThis.clip.close());
    assert.equal(starts(), got.threads, 'helpers are starts of the same file');
    assert.deepEqual(page.noise, []);
    await page.context().close();
    other.stop();
    await shop.stop();
  });

// A page at /shop/, its catalogue at /shop/static/, pictures below that one.
test('pictures are found from the catalogue, not from the page, whatever their files are called', async (t) => {
  const names = ['a.png', 'shoe #1.png', '100% wool.png', 'what?.png', '50%20off.png', 'größe & "x".png', 'foto: 1.png', 'deep #/of ?/b.png'];
  const at = join(site, 'shop/static');
  mkdirSync(join(at, 'deep #/of ?'), { recursive: true });
  t.after(() => rmSync(join(site, 'shop'), { recursive: true }));
  for (const name of names) writeFileSync(join(at, name), encoded);
  writeFileSync(join(site, 'shop/index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
  execFileSync(process.execPath, ['catalog/cli.js', 'build', at, '-o', join(at, 'c.kin'), '--quiet']);
  const page = await open(browser, `${server.url}shop/`);
  const found = await page.evaluate(async () => {
    const { load, openCatalog } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const vector = await clip.embedText('x');
    const shows = (url) => new Promise((resolve) => {
      const img = new Image();
      img.onload = () => resolve(img.naturalWidth);
      img.onerror = () => resolve(0);
      img.src = url;
    });
    const sources = { address: 'static/c.kin', url: new URL('static/c.kin', location), file: new File([await (await fetch('static/c.kin')).blob()], 'c.kin') };
    const hits = {};
    for (const [how, source] of Object.entries(sources)) {
      const catalog = await openCatalog(source, { clip });
      hits[how] = [];
      for (const { id, image } of (await catalog.search({ vector })).hits) hits[how].push([id, image.url, await shows(how === 'file' ? `static/${image.url}` : image.url)]);
      await catalog.close();
    }
    // What a page builds keeps addresses as addresses.
    const builder = await clip.createCatalog();
    const given = ['static/a.png', '/shop/static/a.png?x=1#y', 'static/shoe%20%231.png', new URL('static/50%2520off.png', location), new URL('static/a.png', location).href];
    for (const [i, images] of given.entries()) await builder.add({ id: String(i), images });
    await builder.add({ id: 'blob', images: await (await fetch('static/a.png')).blob() });
    const own = await openCatalog(await builder.save(), { clip });
    const built = [];
    for (const { id, item, image } of (await own.search({ vector })).hits) built.push([id, item.image ?? null, image.url, image.url && await shows(image.url)]);
    await own.close();
    await clip.close();
    return { hits, built: built.sort() };
  });
  for (const [how, hits] of Object.entries(found.hits)) {
    assert.deepEqual(hits.map(([id]) => id).sort(), [...names].sort(), how);
    for (const [id, url, width] of hits) assert.equal(width, side, `${how}: ${id} at ${url}`);
  }
  assert.equal(found.hits.address.find(([id]) => id === 'shoe #1.png')[1], `${server.url}shop/static/shoe%20%231.png`);
  assert.equal(found.hits.file.find(([id]) => id === 'foto: 1.png')[1], './foto%3A%201.png');
  assert.deepEqual(found.built.map(([, image]) => image),
    ['/shop/static/a.png', '/shop/static/a.png?x=1#y', '/shop/static/shoe%20%231.png', '/shop/static/50%2520off.png', '/shop/static/a.png', null]);
  for (const [id, , url, width] of found.built) assert.equal(width, id === 'blob' ? null : side, `${id} at ${url}`);
  assert.deepEqual(page.noise, []);
  await page.context().close();
});

// Addresses that run in a page, however they are spelled: no search gives them as a picture's.
test('a picture has no address that runs', async () => {
  const page = await open(browser, server.url);
  const bad = ['javascript:alert(1)', 'java\tscript:alert(1)', ' \u0001javascript:alert(1)', 'java\nscript:alert(1)', 'JavaScript:x', '\ud800'];
  const found = await page.evaluate(async (bad) => {
    const { load, openCatalog } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const vector = await clip.embedText('x');
    const builder = await clip.createCatalog();
    for (const [i, image] of bad.entries()) await builder.add({ id: String(i), vectors: [vector], item: { image } });
    const catalog = await openCatalog(await builder.save(), { clip });
    const { hits } = await catalog.search({ vector });
    await catalog.close();
    await clip.close();
    return hits.map(({ image: { url } }) => url);
  }, bad);
  assert.deepEqual(found, bad.map(() => null));
  await page.context().close();
});

test('in a page: what is alike is a match, what is not is nothing similar; facets and diversity', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  const got = await page.evaluate(async () => {
    const { load, openCatalog } = await import('/kin/index.js');
    // Things of one colour on white, all nearly alike; asked for one more of them, and for noise.
    const raw = (colour) => ({ width: 64, height: 64, data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => {
      const [x, y] = [(i / 3 | 0) % 64, i / 192 | 0];
      return colour ? (Math.hypot(x - 32, y - 32) < 20 ? colour[i % 3] : 255) : i * i * 7919 >> 5 & 255;
    }) });
    const clip = await load({ model: '/model/' });
    const builder = await clip.createCatalog({ fields: ['shade'] });
    for (let i = 0; i < 24; i++)
      await builder.add({ id: `ball ${i}`, images: raw([200 + 2 * i, 20 + i, 30]), item: { shade: i < 12 ? 'dark' : 'light' } });
    const catalog = await openCatalog(await builder.save(), { clip });
    const own = await catalog.search({ image: raw([221, 30, 30]) }, { facets: 'shade', diversity: 0.3, limit: 24 });
    const noise = await catalog.search({ image: raw(null) });
    const none = await catalog.search({ image: raw(null) }, { minConfidence: 0.5 });
    const result = { own: [own.verdict, own.hits[0].confidence, own.facets, new Set(own.hits.map(({ id }) => id)).size],
      noise: [noise.verdict, noise.hits[0].confidence], none: [none.verdict, none.total, none.hits.length] };
    await Promise.all([clip.close(), catalog.close()]);
    return result;
  });
  assert.equal(got.own[0], 'match', JSON.stringify(got));
  assert.deepEqual(got.own[2], { shade: [{ value: 'dark', count: 12 }, { value: 'light', count: 12 }] });
  assert.equal(got.own[3], 24);
  assert.equal(got.noise[0], 'none', JSON.stringify(got));
  assert.ok(got.own[1] >= 0.95 && got.noise[1] < 0.5);
  assert.deepEqual(got.none, ['none', 0, 0]);
  await page.close();
});
