// Alternative text in a real page on the embedded model: drafts by the shipped phrase pack, without the text tower.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';
import { openTyped } from '../../catalog/lib/pictures.js';
import { load, openLabels } from '../../web/index.node.js';
import { kin } from '../node/cli-support.js';
import { launch, open, serve } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-alt-'));
const pictures = new Map();
let browser, server;
before(async () => {
  cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
  cpSync('models/kin-everyday', join(site, 'model'), { recursive: true });
  writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,"><img id="photo" src="/1f457.png">');
  for (const code of ['1f457', '1f34c']) {
    const { data, width, height } = await openTyped(`node_modules/@lobehub/fluent-emoji-3d/assets/${code}.webp`);
    pictures.set(code, PNG.sync.write(Object.assign(new PNG({ width, height }), { data: Buffer.from(data) })));
    writeFileSync(join(site, `${code}.png`), pictures.get(code));
  }
  const { code, err } = await kin(['labels', 'build', 'labels/alt.yaml', '-o', join(site, 'alt.safetensors'), '--model', './models/kin-everyday',
    '--measured', 'labels/alt.measured.json']);
  assert.equal(code, 0, err);
  browser = await launch();
  server = await serve(site);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(site, { recursive: true });
});

test('a picture of the page gets its alternative text, the same as in Node, without the text tower', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const found = await page.evaluate(async () => {
    const { load, openLabels } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    const pack = await openLabels('/alt.safetensors');
    const photo = document.querySelector('#photo');
    const dress = await clip.describe(photo, { pack });
    photo.alt = dress.text;
    const upload = new File([await (await fetch('/1f34c.png')).blob()], 'upload.png');
    const banana = await clip.describe(upload, { pack });
    Object.assign(window, { clip, pack });
    return { dress, alt: photo.getAttribute('alt'), banana };
  });
  assert.equal(found.alt, 'a blue dress on a white background');
  assert.equal(found.banana.text, 'a yellow banana on a white background');
  assert.deepEqual(found.dress.parts.map(({ kind, label }) => [kind, label]), [['object', 'dress'], ['colour', 'blue'], ['setting', 'on a white background']]);
  assert.deepEqual(asked.filter((path) => /text\.safetensors|vocab|merges|tokenizer/.test(path)), []);
  assert.ok(asked.includes('/model/image.safetensors') && asked.includes('/kin/page/describe.js'));
  const refused = await page.evaluate(async () => {
    const { openCatalog } = await import('/kin/index.js');
    const { clip, pack } = window;
    const builder = await clip.createCatalog({ fields: ['language'] });
    await builder.add({ id: 'a', images: '/1f34c.png', item: { title: 'Bananen', language: 'de' } });
    const catalog = await openCatalog(await builder.save(), { clip });
    const said = await clip.describe('/1f34c.png', { pack, catalog }).catch(({ code, message }) => ({ code, message }));
    await catalog.close();
    await clip.close();
    return said;
  });
  assert.equal(refused.code, 'unsupported');
  assert.match(refused.message, /titles are in 'de'/);
  const clip = await load({ model: 'models/kin-everyday' });
  const pack = await openLabels(join(site, 'alt.safetensors'));
  assert.deepEqual(found.dress, await clip.describe(pictures.get('1f457'), { pack }));
  await clip.close();
  const noise = page.noise.filter((one) => !/^404 .*\/model\/config\.json$/.test(one)); // asked for beside the manifest: an open_clip folder
  assert.deepEqual([noise, page.sent], [[], []]);
});
