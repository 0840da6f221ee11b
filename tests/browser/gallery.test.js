// The gallery on the embedded model: each panel answers sensibly, by mouse and by keyboard, at 320 pixels, without a sound;
// and the code that it shows does what it says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { examples, figure } from '../../tools/gallery-page.js';
import { launch, open, serve } from './shop.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser, server;
before(async () => {
  browser = await launch();
  server = await serve('build/site');
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function start(options = {}) {
  const page = await open(browser, `${server.url}gallery.html`, options);
  await page.emulateMedia({ reducedMotion: 'reduce' }); // what fades or scrolls would have to be waited for
  return page;
}
async function end(page) {
  assert.deepEqual(page.noise, []);
  assert.deepEqual(page.sent, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}
// The panel's answer after `act`: its sentence and what stands below it.
async function answered(page, id, act) {
  await page.evaluate((id) => {
    const root = document.getElementById(id);
    root.querySelector('.answer').replaceChildren();
    root.querySelector('.said').textContent = '';
  }, id);
  await act(page.locator(`#${id}`));
  await page.waitForFunction((id) => document.querySelector(`#${id} .answer > *`) && !document.querySelector(`#${id} .answer[aria-busy]`), id, { timeout: 60000 });
  return page.evaluate((id) => ({ said: document.querySelector(`#${id} .said`).textContent,
    bars: [...document.querySelectorAll(`#${id} .bars > li`)].map((li) => [li.querySelector('.label').textContent, li.querySelector('.value').textContent, li.textContent]),
    hits: [...document.querySelectorAll(`#${id} .hits > li`)].map((li) => [li.dataset.hitId, li.textContent]),
    notes: [...document.querySelectorAll(`#${id} .note`)].map((note) => note.textContent) }), id);
}
const sample = (name) => (panel) => panel.locator(`.sample[data-name="${name}"]`).click();
const share = (text) => (text.startsWith('<') ? 0 : Number(text.split(' ')[0]) / 100);

test('the page loads no model before something is asked, and the shop leads to it and back', async () => {
  const page = await open(browser, server.url, { go: false });
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${server.url}gallery.html`);
  await page.waitForLoadState('networkidle');
  assert.deepEqual(asked.filter((path) => /safetensors|wasm|model/.test(path)), []);
  await page.getByRole('link', { name: 'Shop', exact: true }).click();
  await page.waitForSelector('#results [data-hit-id]');
  await page.getByRole('link', { name: 'What else it can do' }).click();
  await page.waitForSelector('#labels');
  await page.context().close(); // the shop was still loading: what it asked for was broken off
});

test('labels: typed words name a picture, and "none of these" is an answer', async () => {
  const page = await start();
  for (const name of ['Strawberry', 'Dog', 'Cat']) {
    const { said, bars } = await answered(page, 'labels', sample(name));
    assert.equal(bars[0][0], `a ${name.toLowerCase()}`, said);
    assert.ok(said.startsWith(bars[0][0]) && share(bars[0][1]) > 0.5, said);
    assert.equal(bars.length, 6);
  }
  assert.match((await answered(page, 'labels', sample('Guitar'))).said, /^None of these/);
  const asked = await answered(page, 'labels', async (panel) => {
    await panel.locator('[name=words]').fill('a violin, a guitar, a guitar, ,a car');
    await page.keyboard.press('Enter');
  });
  assert.equal(asked.bars[0][0], 'a guitar');
  assert.equal(asked.bars.length, 4, 'a label counts once');
  const single = await answered(page, 'labels', (panel) => panel.getByRole('switch', { name: 'None of these' }).click());
  assert.deepEqual([single.bars.length, await page.locator('#labels [name=none]').getAttribute('aria-checked')], [3, 'false']);
  await answered(page, 'labels', (panel) => panel.locator('.choose input').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no picture') }));
  assert.match(await page.textContent('#labels .said'), /picture/);
  await end(page);
});

test('packs: an upload is sorted without the tower for words, and hearts are learnt from five pictures', async () => {
  const page = await start();
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  for (const [name, label] of [['Bicycle', 'vehicle'], ['Dress', 'clothes'], ['guitar', 'music']])
    assert.match((await answered(page, 'packs', sample(name))).said, new RegExp(`^${label}: `));
  assert.doesNotMatch((await answered(page, 'packs', sample('Orange heart'))).said, /^heart/);
  await page.click('#packs [name=teach]');
  await page.waitForFunction(() => document.querySelector('#packs .bars .label')?.textContent === 'heart', null, { timeout: 60000 });
  const { said, notes } = await answered(page, 'packs', sample('Purple heart'));
  assert.match(said, /^heart: /);
  assert.match(notes.join(), /made of 5 pictures; made without itself, it finds [45] of them\. Of 320 background pictures it is now the nearest of \d+\./);
  assert.match((await answered(page, 'packs', sample('Bicycle'))).said, /^vehicle/, 'others keep their label');
  assert.deepEqual(asked.filter((path) => /text\.safetensors|vocab|merges/.test(path)), []);
  await page.locator('#packs [name=examples]').setInputFiles([0, 1].map((i) => ({ name: `${i}.png`, mimeType: 'image/png', buffer: readFileSync('build/site/samples/1f353.png') })));
  await page.waitForFunction(() => /3 to 10 pictures/.test(document.querySelector('#packs .said').textContent));
  await end(page);
});

test('moderation: a score has its reason, a threshold only where it was measured', async () => {
  const page = await start();
  const syringe = await answered(page, 'moderation', sample('Syringe'));
  assert.match(syringe.said, /^Look at it: medicine \d+ %/);
  assert.match(syringe.bars[0][2], /Like “syringe”, could be “[^”]+”/);
  assert.equal(syringe.bars.length, 6);
  assert.deepEqual(syringe.bars.filter(([, , text]) => /Threshold 0\.\d\d: measured/.test(text)).map(([label]) => label), ['weapons']);
  assert.match((await answered(page, 'moderation', sample('Man'))).said, /person/);
  assert.match((await answered(page, 'moderation', sample('Page facing up'))).said, /document/);
  assert.equal((await answered(page, 'moderation', sample('Hamburger'))).said, 'Nothing here to look at.');
  await end(page);
});

test('alt: what is sure is said, what is not is left out', async () => {
  const page = await start();
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const dress = await answered(page, 'alt', sample('Dress'));
  assert.equal(dress.said, '“a blue dress on a white background”');
  assert.deepEqual(dress.bars.map(([label, , text]) => [label, /object|colour|what it lies on/.exec(text)?.[0]]),
    [['dress', 'object'], ['blue', 'colour'], ['on a white background', 'what it lies on']]);
  assert.match((await answered(page, 'alt', sample('Camera'))).said, /camera/);
  await answered(page, 'alt', (panel) => panel.locator('.choose input').setInputFiles('build/site/samples/1f353.png'));
  assert.doesNotMatch(await page.textContent('#alt .said'), /dress|strawberry/, 'a small thing before a busy ground is not named');
  assert.deepEqual(asked.filter((path) => /text\.safetensors|vocab|merges/.test(path)), []);
  await end(page);
});

test('adapter: it learns the groups in the page, and hits change', async () => {
  const page = await start();
  const found = await answered(page, 'adapter', (panel) => panel.getByRole('button', { name: 'Learn it now' }).click());
  const [before, after] = found.said.match(/[\d.]+(?= %)/g).map(Number);
  assert.ok(after > before + 3, found.said);
  assert.match(found.notes[0], /^of the 10 products nearest to one that was kept out are of its group\. Learnt in [\d.]+ s; the adapter has 33 KB\.$/);
  assert.equal(found.hits.length, 10);
  const groups = (hits) => hits.filter(([, text]) => text.endsWith('Food & drink')).length;
  assert.ok(groups(found.hits.slice(5)) >= groups(found.hits.slice(0, 5)), JSON.stringify(found.hits));
  const again = await answered(page, 'adapter', sample('Dog'));
  assert.equal(again.said, found.said, 'it learns once');
  assert.notDeepEqual(again.hits, found.hits);
  await end(page);
});

test('blend: words move the hits, and each hit says what every part gave', async () => {
  const page = await start();
  const plain = await answered(page, 'blend', sample('Red heart'));
  assert.equal(plain.hits.length, 12);
  assert.ok(plain.hits.every(([id]) => id !== '2764'), 'a product is not like itself');
  assert.ok(plain.hits.every(([, text]) => /picture 0\.\d\d$/.test(text)));
  const green = await answered(page, 'blend', (panel) => panel.locator('[data-blend=green]').click());
  const place = (hits) => hits.findIndex(([id]) => id === '1f49a');
  assert.ok(place(green.hits) >= 0 && place(green.hits) < (place(plain.hits) + 13) % 13, `${place(plain.hits)} ${place(green.hits)}`);
  assert.match(green.hits[0][1], /picture 0\.\d\dgreen −?0\.\d\d$/);
  const less = await answered(page, 'blend', (panel) => panel.locator('[data-blend=less]').click());
  assert.notDeepEqual(less.hits.map(([id]) => id), plain.hits.map(([id]) => id));
  const moved = await answered(page, 'blend', async (panel) => {
    await panel.locator('#blend-less-weight').focus();
    await page.keyboard.press('End');
  });
  assert.match(moved.hits[0][1], /a red thing −?0\.\d\d/);
  assert.equal(await page.textContent('#blend-less-weight + output'), '2');
  const group = await answered(page, 'blend', (panel) => panel.locator('#blend-group').selectOption('Food & drink'));
  assert.equal(group.hits.length, 12);
  assert.match(await page.locator('#blend-group option').nth(1).textContent(), /^[\w& ]+ \(\d+\)$/);
  await end(page);
});

test('scores: a grocery has strawberries and says that it has no guitar', async () => {
  const page = await start();
  const berry = await answered(page, 'scores', sample('strawberry'));
  assert.equal(berry.said, 'It has that.');
  assert.ok(berry.hits.slice(0, 3).some(([id]) => id === '1f353'));
  for (const name of ['guitar', 'camera']) assert.equal((await answered(page, 'scores', sample(name))).said, 'Nothing similar in this shop.');
  const words = await answered(page, 'scores', async (panel) => {
    await panel.locator('[name=words]').fill('coffee');
    await page.keyboard.press('Enter');
  });
  assert.equal(words.said, 'It has that.');
  assert.equal((await answered(page, 'scores', (panel) => panel.getByRole('button', { name: 'a guitar' }).click())).said, 'Nothing similar in this shop.');
  await end(page);
});

test('states: a map of a picture, whose middle differs from its edge, and rows of a text', async () => {
  const page = await start();
  const { said } = await answered(page, 'states', sample('strawberry'));
  assert.equal(said, '49 rows of 1280 numbers: a map of 7 × 7');
  const pixels = await page.$eval('#states .map', (canvas) => [...canvas.getContext('2d').getImageData(0, 0, 7, 7).data]);
  const [corner, other, middle] = [0, 6, 24].map((i) => pixels.slice(4 * i, 4 * i + 4));
  const far = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));
  assert.ok(far(corner, middle) > 2 * far(corner, other), String([corner, other, middle]));
  const text = await answered(page, 'states', async (panel) => {
    await panel.locator('[name=words]').fill('a red shoe');
    await page.keyboard.press('Enter');
  });
  assert.match(text.said, /^\d+ rows of \d+ numbers, 5 of them the text's tokens$/);
  assert.equal(await page.locator('#states .tokens li').count(), 5);
  const first = await page.locator('#states .tokens li').first().evaluate((li) => li.style.getPropertyValue('--colour'));
  await answered(page, 'states', (panel) => panel.locator('#states-layer').selectOption('0'));
  assert.notEqual(await page.locator('#states .tokens li').first().evaluate((li) => li.style.getPropertyValue('--colour')), first);
  await end(page);
});

test('every panel shows its measured figure, of docs/figures.md, and code to copy', async () => {
  const page = await start();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const panels = await page.$$eval('.use', (all) => all.map((use) => [use.id, use.querySelector('.figure b').textContent, use.querySelector('pre').textContent]));
  const code = examples(readFileSync('docs/api.md', 'utf8'));
  assert.deepEqual(panels.map(([id]) => id).sort(), Object.keys(code).sort());
  for (const [id, value, shown] of panels) {
    assert.match(value, /^≥? ?\d/, id);
    assert.equal(shown, code[id]);
  }
  const figures = readFileSync('docs/figures.md', 'utf8');
  assert.equal(panels[0][1], `${figure(figures, 'labels', 'none of these, at 5 % false alarms')}\u00a0%`);
  await page.locator('#labels .copy').click();
  await page.waitForFunction(() => document.querySelector('#labels .copy').textContent === 'Copied');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code.labels);
  await end(page);
});

test('a figure that is missing, or told twice, ends the build', () => {
  const text = '<!-- a -->\n| what | measured | floor |\n|---|---:|---:|\n| one thing (%) | 9.5 **(short)** | ≥ 10 |\n| one other | 3 | |\n| none | | |\n<!-- end of a -->';
  assert.equal(figure(text, 'a', 'one thing'), '9.5');
  assert.equal(figure(text, 'a', 'one thing +1'), '3');
  for (const [part, what] of [['b', 'one thing'], ['a', 'two'], ['a', 'one'], ['a', 'none'], ['a', 'one other +5']])
    assert.throws(() => figure(text, part, what), /docs\/figures\.md/);
});

// What each example says of a picture.
const said = {
  labels: ['1f353', /^a strawberry: \d+ %$/],
  packs: ['1f9e1', /^heart: \d+ %$/],
  moderation: ['1f489', /medicine [01]\.\d\d: like a syringe, or a \w+/],
  alt: ['1f457', /^a blue dress on a white background: object [01]\.\d\d, colour 0\.\d\d, setting [01]\.\d\d$/],
  adapter: ['1f353', /^0\.\d\d, now 0\.\d\d: (?:[^,]+, ){7}[^,]+$/],
  blend: ['2764', /heart \(green: 0\.\d\d\), /],
  scores: ['1f9f8', /^Nothing similar here\.$/],
  states: ['1f353', /^\d+ × \d+ numbers of the text, 49 × 1280 of the picture$/],
};

for (const [name, [hex, wanted]] of Object.entries(said))
  test(`the code beside '${name}' runs as it stands`, async () => {
    const page = await open(browser, `${server.url}gallery.html`, { bypassCSP: true });
    const code = examples(readFileSync('docs/api.md', 'utf8'))[name].replaceAll("'kin-clip'", `'${server.url}kin/index.js'`);
    await page.evaluate(({ hex, code }) => {
      const photo = Object.assign(document.createElement('img'), { id: 'photo', src: `images/${hex}.webp`, alt: '' });
      const answer = Object.assign(document.createElement('p'), { id: 'answer' });
      const pictures = document.createElement('div');
      pictures.id = 'examples';
      pictures.append(...document.querySelector('#packs .examples').cloneNode(true).children);
      document.body.replaceChildren(photo, answer, pictures);
      const script = Object.assign(document.createElement('script'), { type: 'module', textContent: code });
      document.body.append(script);
    }, { hex, code });
    await page.waitForFunction(() => document.getElementById('answer').textContent, null, { timeout: 60000 });
    assert.match(await page.textContent('#answer'), wanted);
    await end(page);
  });

test('from the keyboard: every control can be reached and used', async () => {
  const page = await start();
  const seen = new Set();
  await page.focus('.skip');
  for (let i = 0; i < 200; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const { activeElement: now } = document;
      if (now === document.body) return null;
      const box = now.getBoundingClientRect();
      return { panel: now.closest('.use')?.id ?? '', what: now.id || now.name || now.className || now.textContent, inSight: box.bottom > 0 && box.top < innerHeight };
    });
    if (!at) break;
    assert.ok(at.inSight, JSON.stringify(at));
    seen.add(`${at.panel} ${at.what.split(' ')[0]}`);
  }
  for (const one of ['labels sample', 'labels labels-words', 'labels none', 'packs teach', 'moderation sample', 'alt sample', 'adapter learn', 'blend blend-diversity', 'blend blend-group', 'scores scores-words', 'states states-layer', 'states copy'])
    assert.ok(seen.has(one), `${one} is not among ${[...seen].join(', ')}`);
  const { said } = await answered(page, 'moderation', async (panel) => {
    await panel.locator('.sample').last().focus();
    await page.keyboard.press('Space');
  });
  assert.equal(said, 'Nothing here to look at.');
  await page.locator('.jump a').nth(4).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => Math.abs(document.getElementById('blend').getBoundingClientRect().top - 88) < 12);
  await end(page);
});

// Every panel with an answer.
async function askAll(page) {
  for (const id of ['labels', 'packs', 'moderation', 'alt', 'blend', 'scores', 'states', 'adapter']) await answered(page, id, (panel) => panel.locator('.sample').first().click());
  await answered(page, 'blend', (panel) => panel.locator('[data-blend=green]').click());
}

test('axe finds nothing, before and after the answers, light and dark', async () => {
  const page = await start({ bypassCSP: true });
  await page.evaluate(axe);
  const check = async (state) => {
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    assert.deepEqual(violations.map((v) => `${state}: ${v.id} ${v.nodes[0].html}`), []);
  };
  await check('first');
  await askAll(page);
  await check('answered');
  await page.emulateMedia({ colorScheme: 'dark' });
  await check('dark');
  await answered(page, 'states', (panel) => panel.locator('.words button').click());
  await page.setViewportSize({ width: 320, height: 640 });
  await check('narrow, dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await check('narrow');
  await end(page);
});

test('320 pixels are wide enough, with answers too, and nothing moves by itself', async () => {
  const page = await start({ width: 320, height: 640 });
  const narrow = (when) => page.evaluate(() => [...document.querySelectorAll('button, .button, .jump a, .said, .bars li, .hits li')]
    .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)
    .concat(document.documentElement.scrollWidth > 320 ? [`the page: ${document.documentElement.scrollWidth}`] : []))
    .then((wide) => assert.deepEqual(wide, [], when));
  await narrow('first');
  await askAll(page);
  await narrow('answered');
  await answered(page, 'labels', async (panel) => {
    await panel.locator('[name=words]').fill('x'.repeat(200));
    await page.keyboard.press('Enter');
  });
  await answered(page, 'states', (panel) => panel.locator('.words button').click());
  await narrow('long words');
  await end(page);
});
