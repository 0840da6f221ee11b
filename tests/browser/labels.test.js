// Labels in a real page on the embedded model: "none of these", and a label pack that asks for no text tower.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';
import { openTyped } from '../../catalog/lib/pictures.js';
import { kin } from '../node/cli-support.js';
import { launch, open, serve } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-labels-'));
const render = (code) => `node_modules/@lobehub/fluent-emoji-3d/assets/${code}.webp`;
let browser, server;
before(async () => {
  cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
  cpSync('models/kin-everyday', join(site, 'model'), { recursive: true });
  writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
  for (const code of ['1f415', '1f3b8', '1f489']) {
    const { data, width, height } = await openTyped(render(code));
    writeFileSync(join(site, `${code}.png`), PNG.sync.write(Object.assign(new PNG({ width, height }), { data: Buffer.from(data) })));
  }
  const { code, err } = await kin(['labels', 'build', 'labels/moderation.yaml', '-o', join(site, 'moderation.safetensors'), '--model', './models/kin-everyday',
    '--measured', 'labels/moderation.measured.json']);
  assert.equal(code, 0, err);
  browser = await launch();
  server = await serve(site);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(site, { recursive: true });
});

test('an upload is looked at without the text tower, and words name it or say none of these', async () => {
  const page = await open(browser, server.url, { bypassCSP: true });
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const found = await page.evaluate(async () => {
    const { load, openLabels } = await import('/kin/index.js');
    const clip = await load({ model: '/model/' });
    window.clip = clip;
    const pack = await openLabels('/moderation.safetensors', { clip });
    const syringe = await (await fetch('/1f489.png')).blob();
    return pack.classify(new File([syringe], 'upload.png'), { multiLabel: true, none: true });
  });
  assert.deepEqual(asked.filter((path) => /text\.safetensors|vocab|merges|tokenizer/.test(path)), []);
  assert.ok(asked.includes('/model/image.safetensors') && asked.includes('/kin/page/labels.js'));
  assert.equal(found.length, 7);
  const [first] = found.filter(({ evidence }) => evidence);
  assert.deepEqual([first.label, first.evidence.phrase], ['medicine', 'syringe']);
  const named = await page.evaluate(async () => {
    const first = async (address) => (await window.clip.classify(address, ['dog', 'cat', 'an astronaut riding a horse in space'], { none: true }))[0].label;
    const names = [await first('/1f415.png'), await first('/1f3b8.png')];
    await window.clip.close();
    return names;
  });
  assert.deepEqual(named, ['dog', 'none of these']);
  assert.ok(asked.includes('/model/text.safetensors'));
  const noise = page.noise.filter((one) => !/^404 .*\/model\/config\.json$/.test(one)); // asked for beside the manifest: an open_clip folder
  assert.deepEqual([noise, page.sent], [[], []]);
});
