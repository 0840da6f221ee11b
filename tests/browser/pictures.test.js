// Pictures as pages have them: shown by elements, in a cache, packed by another host. Each is read or refused with the way round.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';
import { load } from '../../web/index.node.js';
import { embedded } from '../models.js';
import { find, listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-site-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync(embedded, join(site, 'model'), { recursive: true });
cpSync('labels/moderation.safetensors', join(site, 'moderation.safetensors'));
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');

const side = 40;
const drawing = (seed) => {
  const picture = new PNG({ width: side, height: side });
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = i % 4 === 3 ? 255 : i * i * seed >> 4 & 255;
  return PNG.sync.write(picture);
};
const encoded = drawing(7);
writeFileSync(join(site, 'a.png'), encoded);
writeFileSync(join(site, 'b.png'), drawing(11));
writeFileSync(join(site, 'a.svg'), '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><path d="M0 0h9v9z"/></svg>');

// Another origin: `answer(response, bytes, request)`, or the bytes as they are, with leave to read for requests that say where they come from.
const otherHost = (answer) => listen((request, response, path) => {
  if (request.headers.origin) response.setHeader('access-control-allow-origin', '*');
  const found = find(response, site, path);
  if (!found) return;
  response.setHeader('cross-origin-resource-policy', 'cross-origin');
  const bytes = readFileSync(found.file);
  (answer ?? ((response, bytes) => response.end(bytes)))(response, bytes, request, path);
});

let browser, server, wanted, wantedB;
before(async () => {
  const clip = await load({ model: embedded });
  const pixels = async (name) => String((await clip.preprocess(join(site, name))).data);
  wanted = await pixels('a.png');
  wantedB = await pixels('b.png');
  await clip.close();
  browser = await launch();
  server = await listen((request, response, path) => send(response, site, path === '/' ? 'index.html' : path)); // without a policy
});
after(async () => {
  await browser.close();
  server.stop();
  rmSync(site, { recursive: true });
});

// Runs `work(clip, data, tell)` in the page, where tell(source) says what came of one: its pixels, or code and sentence.
async function inPage(page, work, data, options = {}) {
  return page.evaluate(async ({ work, data, options }) => {
    const { load } = await import('/kin/index.js');
    const clip = await load({ model: '/model/', ...options });
    const tell = (source) => clip.preprocess(source).then(({ data }) => String(data), ({ code, message }) => `${code}: ${message}`);
    try {
      return await (0, eval)(`(${work})`)(clip, data, tell);
    } finally {
      await clip.close();
    }
  }, { work: String(work), data, options });
}

test('a picture that the page shows from another host is read, though it lies in the cache without leave', async () => {
  const other = await otherHost((response, bytes) => response.setHeader('cache-control', 'max-age=3600').end(bytes));
  const page = await open(browser, server.url);
  for (const worker of [undefined, false]) {
    const got = await inPage(page, async (clip, url, tell) => {
      const img = document.body.appendChild(new Image());
      img.src = url;
      await img.decode();
      return [await tell(img), await tell(img), await fetch(url).then(({ ok }) => ok)];
    }, `${other.url}/a.png?${worker}`, { worker });
    assert.deepEqual(got, [wanted, wanted, true], 'and the cache holds it with leave from then on');
  }
  other.stop();
  await page.context().close();
});

test('a host that gives no leave is told, with the cure', async () => {
  const other = await otherHost((response, bytes) => {
    response.removeHeader('access-control-allow-origin');
    response.end(bytes);
  });
  const page = await open(browser, server.url);
  const got = await inPage(page, async (clip, url, tell) => {
    const img = document.body.appendChild(new Image());
    img.src = url;
    await img.decode();
    const canvas = document.createElement('canvas');
    canvas.getContext('2d').drawImage(img, 0, 0);
    const offscreen = new OffscreenCanvas(9, 9);
    offscreen.getContext('2d').drawImage(img, 0, 0);
    return [await tell(img), await tell(canvas), await tell(offscreen), await tell(await createImageBitmap(img))];
  }, `${other.url}/a.png`);
  assert.match(got[0], /^cors: .*Access-Control-Allow-Origin/);
  for (const one of got.slice(1)) assert.match(one, /^cors: The (HTMLCanvasElement|OffscreenCanvas|ImageBitmap) .*another host.*crossOrigin/);
  other.stop();
  await page.context().close();
});

test('packed by another host: progress within 100 %, nothing taken for cut off that is whole', async () => {
  const zip = (change = (bytes) => bytes, options) => (response, bytes, request, path) => {
    if (!/safetensors|png/.test(path)) return response.end(bytes);
    const packed = gzipSync(change(bytes), options);
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
  };
  const page = await open(browser, server.url);
  const ask = async (answer) => {
    const other = await otherHost(answer);
    const got = await page.evaluate(async (host) => {
      const { load } = await import('/kin/index.js');
      const seen = [];
      const clip = await load({ model: `${host}/model/`, onProgress: (one) => seen.push(one) });
      const told = (call) => call.then((data) => String(data), ({ code }) => code);
      const vector = await told(clip.embedText('a boot'));
      const picture = await told(clip.preprocess(`${host}/a.png`).then(({ data }) => data));
      await clip.close();
      return { vector, picture, most: Math.max(...seen.map(({ progress }) => progress)),
        over: seen.filter(({ loaded, total }) => total && loaded > total).length, done: seen.filter(({ status }) => status === 'done').length };
    }, other.url);
    other.stop();
    return got;
  };
  const plain = await ask();
  assert.equal(plain.picture, wanted);
  for (const options of [{ level: 9 }, { level: 0 }]) // shorter; longer than what is in it
    assert.deepEqual(await ask(zip(undefined, options)), plain);
  // without manifest.json, which says the length too
  const bare = (answer) => (response, bytes, request, path) => (path.endsWith('manifest.json') ? response.writeHead(404).end() : answer(response, bytes, request, path));
  const { vector, most, over } = await ask(bare(zip(undefined, { level: 9 })));
  assert.deepEqual([vector, most, over], [plain.vector, 100, 0]);
  const cut = await ask(bare(zip((bytes) => bytes.subarray(0, -50), { level: 9 })));
  assert.deepEqual([cut.vector, cut.picture], ['not-a-model', 'truncated-image']);
  await page.context().close();
});

test('elements that show a picture: what they show, or are about to show', async () => {
  const page = await open(browser, server.url);
  const got = await inPage(page, async (clip, _, tell) => {
    const make = (html) => {
      const holder = document.body.appendChild(document.createElement('div'));
      holder.innerHTML = html;
      return holder.firstElementChild;
    };
    const loaded = (img) => img.decode().then(() => img);
    const picture = make('<picture><source srcset="/b.png" type="image/png"><img src="/a.png"></picture>');
    await loaded(picture.querySelector('img'));
    const changed = await loaded(make('<img src="/a.png">'));
    changed.src = '/b.png';
    const results = { 'not loaded yet': await tell(make('<img src="/a.png">')), changed: await tell(changed),
      lazy: await tell(make('<img loading="lazy" style="margin-top: 90000px" src="/a.png">')),
      srcset: await tell(await loaded(make('<img srcset="/b.png 1x">'))), picture: await tell(picture),
      'img of a picture': await tell(picture.querySelector('img')), broken: await tell(make('<img src="/none.png">')),
      'without address': await tell(new Image()), 'picture without img': await tell(document.createElement('picture')),
      'svg img': await tell(await loaded(make('<img src="/a.svg">'))), 'svg address': await tell('/a.svg'),
      'svg blob': await tell(new Blob(['<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'], { type: 'image/svg+xml' })),
      'svg element': await tell(document.createElementNS('http://www.w3.org/2000/svg', 'svg')) };
    const blob = await (await fetch('/a.png')).blob();
    const address = URL.createObjectURL(blob);
    const shown = await loaded(make(`<img src="${address}">`));
    results['blob img'] = await tell(shown);
    URL.revokeObjectURL(address);
    while (await fetch(address).then(() => true, () => false)); // the browser has heard of it
    results['given back'] = await tell(shown);
    return results;
  });
  const svg = /^unsupported-image: This is an SVG drawing.*canvas/;
  const expected = { 'not loaded yet': wanted, changed: wantedB, lazy: wanted, srcset: wantedB, picture: wantedB, 'img of a picture': wantedB,
    broken: /^http: /, 'without address': /^bad-argument: .*no address yet.*load event/, 'picture without img': /^bad-argument: A picture is/,
    'svg img': svg, 'svg address': svg, 'svg blob': svg, 'svg element': /^bad-argument: This SVGSVGElement .*canvas/,
    'blob img': wanted, 'given back': /^cors: .*blob:.*revokeObjectURL.*hand in the Blob/ };
  assert.deepEqual(Object.keys(got).sort(), Object.keys(expected).sort());
  for (const [name, result] of Object.entries(got))
    if (typeof expected[name] === 'string') assert.equal(result, expected[name], name);
    else assert.match(result, expected[name], name);
  await page.context().close();
});

test('what a page draws: canvases, videos, frames of them, as they are at that moment', async () => {
  const page = await open(browser, server.url);
  for (const worker of [undefined, false]) {
    const got = await inPage(page, async (clip, side, tell) => {
      const img = new Image();
      img.src = '/a.png';
      await img.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: side, height: side });
      const context = canvas.getContext('2d');
      context.drawImage(img, 0, 0);
      const results = {};
      const now = tell(canvas);
      context.fillRect(0, 0, side, side); // after the call
      results.canvas = await now;
      context.drawImage(img, 0, 0);
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      results.frame = await tell(frame);
      frame.close();
      results['closed frame'] = await tell(frame);
      const bitmap = await createImageBitmap(img);
      results.bitmap = await tell(bitmap);
      bitmap.close();
      results['closed bitmap'] = await tell(bitmap);
      const away = new OffscreenCanvas(side, side);
      away.getContext('2d');
      results['empty canvas'] = await tell(document.body.appendChild(Object.assign(document.createElement('canvas'), { width: 0 })));
      const gone = new OffscreenCanvas(side, side);
      structuredClone(gone, { transfer: [gone] });
      results['canvas given away'] = await tell(gone);
      const video = document.createElement('video');
      results['empty video'] = await tell(video);
      video.muted = true;
      const stream = canvas.captureStream();
      video.srcObject = stream;
      results['video without a frame'] = await tell(video);
      const ready = new Promise((resolve) => { video.onloadeddata = resolve; });
      video.play();
      const timer = setInterval(() => context.drawImage(img, 0, 0), 20); // a stream sends what is drawn
      await ready;
      clearInterval(timer);
      video.pause();
      const copy = new OffscreenCanvas(video.videoWidth, video.videoHeight);
      const [own, drawn] = [tell(video), copy.getContext('2d').drawImage(video, 0, 0)];
      results.video = await own === await tell(copy) && drawn === undefined && video.videoWidth;
      return results;
    }, side, { worker });
    assert.deepEqual(got, { canvas: wanted, frame: wanted, bitmap: wanted, video: side, ...Object.fromEntries(['VideoFrame', 'ImageBitmap', 'OffscreenCanvas',
      'HTMLCanvasElement'].map((kind, i) => [['closed frame', 'closed bitmap', 'canvas given away', 'empty canvas'][i],
      `bad-argument: The ${kind} is empty, closed or was given to a worker.`])),
    ...Object.fromEntries(['empty video', 'video without a frame'].map((name) => [name, 'bad-argument: The video has no picture yet: wait for its loadeddata event.'])) });
  }
  await page.context().close();
});

test('every call takes canvases as they are at that moment: several, and beside what is loaded on first use', async () => {
  const page = await open(browser, server.url);
  const got = await inPage(page, async (clip, side) => {
    const { openCatalog, openLabels } = await import('/kin/index.js');
    const canvases = Array.from({ length: 3 }, () => Object.assign(document.createElement('canvas'), { width: side, height: side }));
    const paint = (...colours) => canvases.forEach((canvas, i) => {
      const context = canvas.getContext('2d');
      [context.fillStyle] = [colours[i] ?? colours[0], context.clearRect(0, 0, side, side)];
      context.fillRect(5, 5, 20, 30);
    });
    // What a call gives of canvases that stay, and of canvases that are painted over right after it.
    const both = async (call) => {
      paint('red', 'lime', 'yellow');
      const stay = await call();
      const later = call();
      paint('blue');
      return [stay, await later].map((result) => JSON.stringify(result));
    };
    const [one] = canvases;
    const file = async () => {
      const builder = await clip.createCatalog({ fields: ['n'] });
      await Promise.all(canvases.map((images, i) => builder.add({ id: `p${i}`, images, item: { n: i } })));
      return builder.save();
    };
    paint('red', 'lime', 'blue');
    const catalog = await openCatalog(await file(), { clip });
    const found = ({ hits, facets }) => [hits.map(({ id, score }) => [id, score]), facets];
    const pack = await openLabels('/moderation.safetensors', { clip });
    const builder = await clip.createCatalog();
    const vector = await clip.embedImage('/a.png');
    const results = {
      classify: await both(() => clip.classify(one, ['red', 'blue'])),
      pack: await both(() => pack.classify(one)),
      filter: await both(() => catalog.search({ image: one }, { filter: 'n < 3', facets: 'n' }).then(found)),
      mix: await both(() => catalog.search({ mix: canvases.map((image) => ({ image })) }).then(found)),
      add: await both(async () => {
        await builder.add({ id: 'a', images: canvases });
        const bytes = await builder.save();
        builder.remove('a');
        return Array.from(bytes);
      }),
      label: await both(async () => {
        await pack.add({ label: 'mine', images: canvases });
        const scores = await pack.classify(vector);
        pack.remove('mine');
        return scores;
      }),
    };
    await catalog.close();
    return results;
  }, side);
  for (const [call, [stay, later]] of Object.entries(got)) assert.equal(later, stay, call);
  await page.context().close();
});

test('a file that was changed or deleted since it was chosen is told so, whatever it was for', async () => {
  const page = await open(browser, server.url);
  const chosen = join(site, 'chosen');
  await page.setContent('<input type="file">');
  for (const spoil of [rmSync, (path) => writeFileSync(path, 'another file')])
    for (const worker of [undefined, false]) {
      writeFileSync(chosen, encoded);
      await page.setInputFiles('input', chosen);
      spoil(chosen);
      const got = await inPage(page, async (clip) => {
        const { openCatalog, openLabels } = await import('/kin/index.js');
        const [file] = document.querySelector('input').files;
        const told = (call) => call.then(() => 'read', ({ code, message }) => `${code}: ${message}`);
        const [inList] = await clip.embedImage([file]);
        const builder = await clip.createCatalog();
        return { one: await told(clip.embedImage(file)), list: `${inList.code}: ${inList.message}`, added: await told(builder.add({ id: 'a', images: file })),
          catalogue: await told(openCatalog(file)), pack: await told(openLabels(file)), after: (await clip.embedImage('/a.png')).length };
      }, null, { worker });
      const sentence = (name) => `unreadable: ${name}: its file was changed, moved or deleted; choose it again.`;
      assert.deepEqual(got, { ...Object.fromEntries(['one', 'list', 'added'].map((name) => [name, sentence('The picture')])),
        catalogue: sentence('The catalogue'), pack: sentence('The label pack'), after: 256 });
    }
  await page.context().close();
});

test('what holds a picture and is none is refused with the way to it', async () => {
  const page = await open(browser, server.url);
  const got = await inPage(page, async (clip, _, tell) => {
    const input = Object.assign(document.createElement('input'), { type: 'file' });
    const data = new DataTransfer();
    data.items.add(new File([await (await fetch('/a.png')).blob()], 'a.png'));
    input.files = data.files;
    const root = await navigator.storage.getDirectory();
    const answer = () => fetch('/a.png');
    const results = {};
    for (const [name, source] of Object.entries({ files: input.files, input, data, list: [...input.files], promise: answer(),
      response: await answer(), stream: (await answer()).body, handle: await root.getFileHandle('a', { create: true }), div: document.createElement('div'),
      number: 7, nothing: null, 'one of the files': input.files[0] }))
      results[name] = await tell(source);
    results.all = (await clip.embedImage([...input.files])).length;
    return results;
  });
  assert.equal(got['one of the files'], wanted);
  assert.equal(got.all, 1);
  const hints = { files: /FileList.*files\[0\].*\[\.\.\.files\]/, input: /files\[0\]/, data: /files\[0\]/, list: /embedImage/, promise: /await it/,
    response: /response\.blob/, stream: /blob/, handle: /getFile/, div: /A picture is a URL/, number: /A picture is/, nothing: /A picture is/ };
  for (const [name, hint] of Object.entries(hints)) {
    assert.match(got[name], /^bad-argument: /, name);
    assert.match(got[name], hint, name);
  }
  await page.context().close();
});
