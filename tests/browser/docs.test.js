// The documentation's page, under the strictest policy of docs/hosting.md: every example runs as it is shown and answers
// sensibly, links lead somewhere, and it works by keyboard, on a phone, in the dark.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { colour, readMarkdown } from '../../tools/markdown.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const site = 'build/site';
const [, policy] = /^Enough[^\n]*\n+```\n(.*)\n```$/m.exec(readFileSync('docs/hosting.md', 'utf8'));
const recipes = readFileSync('docs/recipes.md', 'utf8');
const blocks = (kind) => Object.fromEntries([...recipes.matchAll(new RegExp(`^<!-- (${kind})(?:: (\\w+))? -->\\n\`\`\`(?:js)?\\n([^]*?)\\n\`\`\`$`, 'gm'))]
  .map(([, name, own = name, code]) => [own, code]));
const live = blocks('live');
const photo = (hex) => ({ name: `${hex}.png`, mimeType: 'image/png', buffer: readFileSync(`${site}/samples/${hex}.png`) });

// Pages of the tests' own, and scripts: path -> text.
const made = new Map();
let browser, server, isolated = false;
before(async () => {
  browser = await launch();
  server = await listen((request, response, path) => {
    response.setHeader('content-security-policy', policy);
    if (isolated) for (const line of blocks('header').header.split('\n')) response.setHeader(...line.split(': '));
    if (!made.has(path)) return send(response, site, path === '/' ? 'index.html' : path);
    return response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html').end(made.get(path));
  });
});
after(async () => {
  await browser?.close();
  server?.stop();
});

async function start(options = {}, path = '/docs.html') {
  const page = await open(browser, `${server.url}${path}`, { ...options, go: false });
  await page.emulateMedia({ reducedMotion: 'reduce' });
  page.asked = [];
  page.on('request', (request) => page.asked.push(new URL(request.url()).pathname));
  await page.goto(`${server.url}${path}`);
  return page;
}
async function end(page) {
  assert.deepEqual(page.noise, []);
  assert.deepEqual(page.sent, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}
// What the example says after `act`: its sentence, what it shows, what it returned.
async function answered(page, name, act = (root) => root.getByRole('button', { name: 'Run', exact: true }).click()) {
  const root = page.locator(`#live-${name}`);
  await page.evaluate((name) => document.querySelector(`#live-${name} .answer`).replaceChildren(), name);
  await act(root);
  await page.waitForFunction((name) => document.querySelector(`#live-${name} .answer > *`) && !document.querySelector(`#live-${name} .answer[aria-busy]`), name, { timeout: 60000 });
  return page.evaluate((name) => {
    const texts = (what) => [...document.querySelectorAll(`#live-${name} ${what}`)].map((one) => one.textContent);
    return { said: texts('.said')[0], titles: texts('.hits .title'), labels: texts('.bars .label'), values: texts('.bars .value'), notes: texts('.note'),
      ms: texts('.ms')[0], raw: texts('.raw code')[0] ?? '' };
  }, name);
}

// What each of them is to answer to the first of its samples.
const wanted = {
  similar: ({ said, titles, raw }) => {
    assert.match(said, /^8 hits: the first is a match$/);
    assert.deepEqual(titles.slice(0, 2), ['Camera', 'Camera with flash']);
    assert.match(raw, /"verdict": "match"/);
  },
  embed: ({ said, raw }) => {
    assert.equal(said, '256 numbers of unit length');
    assert.match(raw, /^"Float32Array\(256\) -?0\.\d{4}, /);
  },
  words: ({ titles }) => assert.ok(['Red apple', 'Tomato', 'Watermelon'].every((one) => titles.includes(one)), titles.join()),
  labels: ({ said, labels }) => {
    assert.match(said, /^a strawberry: (?:[89]\d|100) %$/);
    assert.deepEqual([...labels].sort(), ['a cat', 'a dog', 'a shoe', 'a strawberry', 'none of these']);
  },
  filter: ({ titles, notes }) => {
    assert.equal(titles[0], 'Strawberry');
    const prices = notes.filter((note) => note.startsWith('€')).map((note) => Number(note.slice(1)));
    assert.ok(prices.length === 8 && prices.every((price) => price < 80), notes.join());
  },
  blend: ({ titles, raw }) => {
    assert.ok(titles.includes('Red heart') && titles.includes('Green heart'), titles.join());
    assert.match(raw, /"contributions": \[\n\s+-?[\d.]+,\n\s+-?[\d.]+\n/);
  },
  alt: ({ said, labels }) => {
    assert.equal(said, '“a blue dress on a white background”');
    assert.deepEqual(labels, ['dress', 'blue', 'on a white background']);
  },
  own: ({ said, titles, notes }) => {
    assert.equal(said, '6 hits');
    assert.equal(titles[0], 'strawberry');
    assert.equal(notes[0], '1.000');
  },
};

test('nothing is fetched before Run: no model, no engine, no library, no example', async () => {
  const page = await start();
  await page.waitForLoadState('networkidle');
  for (const name of ['similar', 'filter', 'own']) await page.locator(`#live-${name} .sample`).nth(1).click(); // choosing asks nothing
  await page.fill('#words-words', 'a boat');
  assert.match(await page.textContent('#live-similar .said'), /^Chosen: .*\. Press Run\.$/);
  await page.waitForTimeout(300);
  assert.deepEqual(page.asked.filter((path) => /safetensors|wasm|model|\/kin\/|live-/.test(path)), []);
  await end(page);
});

test('every example runs what it shows, to the letter, and answers', async () => {
  assert.deepEqual(Object.keys(live).sort(), Object.keys(wanted).sort());
  const page = await start();
  for (const [name, check] of Object.entries(wanted)) {
    const shown = await page.evaluate((name) => document.querySelector(`#live-${name} .code code`).textContent, name);
    assert.equal(shown, live[name], 'as in docs/recipes.md');
    assert.ok(shown.split('\n').length <= 15, name);
    const module = page.waitForResponse((response) => new URL(response.url()).pathname === `/live-${name}.js`);
    const first = await answered(page, name);
    assert.equal(await (await module).text(), shown);
    check(first);
    assert.match(first.ms, /^\d+ ms, loading the model included$/);
    assert.match((await answered(page, name)).ms, /^\d+ ms$/, 'the model stays');
  }
  for (let i = 0; i < 100 && page.workers().length > 2; i++) await page.waitForTimeout(100); // the news of an end comes when it comes
  const workers = page.workers().length;
  assert.ok(workers <= 2, `${workers} workers: the examples before have let go of theirs`);
  await end(page);
});

test('what runs is the file: another file, another answer', async () => {
  const page = await start();
  await page.route('**/live-labels.js', (route) => route.fulfill({ contentType: 'text/javascript', body: "export const open = () => ({}); export const run = (_, { words }) => [{ label: words, score: 0.5 }];" }));
  assert.equal((await answered(page, 'labels')).said, 'a dog, a cat, a strawberry, a shoe: 50 %');
  await end(page);
});

test('words, labels, filters and pictures of the reader', async () => {
  const page = await start();
  await page.fill('#words-words', 'a guitar');
  assert.equal((await answered(page, 'words', (root) => root.locator('input').press('Enter'))).titles[0], 'Guitar');
  await page.fill('#words-labels', 'a hat, a violin, a guitar');
  assert.match((await answered(page, 'labels', async (root) => {
    await root.locator('.sample').last().click();
    await root.locator('.primary').click();
  })).said, /^a guitar: \d+ %$/);
  await page.fill('#words-filter', 'prize < 50');
  const failed = await answered(page, 'filter');
  assert.match(failed.said, /prize.*price/, 'the sentence names the fields there are');
  await page.fill('#words-filter', 'price < 60');
  await page.locator('#live-filter').getByRole('button', { name: 'Try again' }).click();
  await page.waitForSelector('#live-filter .ms');
  const few = await answered(page, 'filter');
  assert.ok(few.titles.length && few.notes.filter((note) => note.startsWith('€')).every((note) => Number(note.slice(1)) < 60), few.said);
  const nothing = await answered(page, 'filter', async (root) => {
    await root.locator('.sample').nth(2).click();
    await root.locator('.primary').click();
  });
  assert.equal(nothing.said, 'No hits: nothing is similar');
  assert.match(nothing.raw, /"verdict": "none"/);

  await page.locator('#live-similar input[type=file]').setInputFiles(photo('1f3b8'));
  assert.match(await page.textContent('#live-similar .said'), /^Your picture: 1f3b8\.png\. Press Run\.$/);
  assert.ok((await answered(page, 'similar')).titles.length === 8);
  await page.locator('#live-similar input[type=file]').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  assert.match((await answered(page, 'similar')).said, /picture/);
  await page.locator('#live-own [multiple]').setInputFiles(['1f353', '1f460', '1f4f7'].map(photo));
  assert.match(await page.textContent('#live-own .said'), /^3 pictures to search in\. Press Run\.$/);
  await page.locator('#live-own input:not([multiple])').setInputFiles(photo('1f460'));
  const { said, titles } = await answered(page, 'own');
  assert.equal(said, '3 hits');
  assert.equal(titles[0], '1f460.png');
  await page.waitForFunction(() => [...document.querySelectorAll('#live-own .hits img')].every((image) => image.naturalWidth > 0));
  await end(page);
});

test('what is loaded is said in megabytes', async () => {
  const page = await start();
  await page.evaluate(() => {
    window.heard = [];
    new MutationObserver(() => window.heard.push(document.getElementById('loading-text').textContent)).observe(document.getElementById('loading-text'), { childList: true });
  });
  await answered(page, 'embed');
  const heard = await page.evaluate(() => window.heard);
  assert.ok(heard.every((text) => /^Loading(?:: [\d.]+ (?:of [\d.]+ )?MB)?$/.test(text)) && heard.some((text) => /of/.test(text)), heard.join());
  await end(page);
});

test('loading can be stopped, and begun again', async () => {
  const page = await start();
  let hold;
  await page.route('**/model/image.safetensors', async (route) => {
    await new Promise((resolve) => { hold = resolve; });
    await route.continue().catch(() => {});
  });
  await page.click('#live-embed .primary');
  await page.waitForSelector('#loading:not([hidden])');
  while (!hold) await page.waitForTimeout(50);
  await page.click('#stop');
  await page.waitForFunction(() => document.querySelector('#live-embed .said').textContent === 'Stopped.' && document.getElementById('loading').hidden);
  hold();
  await page.unroute('**/model/image.safetensors');
  await page.waitForFunction(() => !document.querySelector('#live-embed [aria-busy]'));
  wanted.embed(await answered(page, 'embed'));
  page.noise.length = 0; // a request that was broken off
  await end(page);
});

const pages = ['docs.html', ...readdirSync(`${site}/docs`).map((name) => `docs/${name}`)];

test('every link and anchor of every page leads somewhere, and every id is there once', () => {
  assert.ok(pages.length > 12);
  const read = (path) => readFileSync(`${site}/${path}`, 'utf8').replace(/<pre[^]*?<\/pre>/g, '');
  const ids = new Map();
  const idsOf = (path) => ids.get(path) ?? ids.set(path, [...read(path).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)).get(path);
  const broken = [];
  let count = 0;
  for (const path of pages) {
    const own = idsOf(path);
    assert.equal(new Set(own).size, own.length, `${path}: ${own.filter((id, i) => own.indexOf(id) !== i)}`);
    for (const [, href] of read(path).matchAll(/ (?:href|src)="([^"]*)"/g)) {
      count++;
      if (/^https:\/\//.test(href)) continue;
      const { protocol, pathname, hash } = new URL(href.replaceAll('&#38;', '&'), `http://x/${path}`);
      const to = decodeURIComponent(pathname).slice(1) || 'index.html';
      if (protocol !== 'http:' || !existsSync(`${site}/${to}`) || hash && !idsOf(to).includes(decodeURIComponent(hash.slice(1)))) broken.push(`${path}: ${href}`);
    }
    for (const [, id] of read(path).matchAll(/ (?:aria-labelledby|aria-describedby|aria-controls|for)="([^"]+)"/g)) assert.ok(own.includes(id), `${path}: ${id}`);
  }
  assert.deepEqual(broken, []);
  assert.ok(count > 800);
  for (const other of ['index.html', 'gallery.html', 'widget.html']) assert.match(readFileSync(`${site}/${other}`, 'utf8'), /href="docs\.html/, other);
});

test('the sections that there have to be, in one page below 300 KB', () => {
  const html = readFileSync(`${site}/docs.html`, 'utf8');
  assert.deepEqual([...html.matchAll(/<h2 id="([\w-]+)"/g)].map(([, id]) => id), ['quick-start', 'recipes', 'api', 'element', 'command', 'hosting', 'models', 'numbers']);
  assert.ok(html.length < 300_000, `${html.length} bytes`);
  for (const path of ['docs/api.md', 'docs/hosting.md', 'docs/models.md', 'docs/figures.md', 'docs/widget.md', 'docs/cli.md', 'docs/recipes.md'])
    for (const [, text] of readFileSync(path, 'utf8').matchAll(/^```js\n([^]*?)\n```$/gm))
      assert.ok(html.includes(colour(text, 'js')), `${path}: ${text}`);
  for (const [tag] of html.matchAll(/<[a-z][^>]*>/g)) assert.doesNotMatch(tag, /<script(?! type="module" src="docs\.js")|<style|\s(?:on\w+|style)=|="javascript:/);
});

test('HTML in a document is left out, code stays code, and a link is what it says', () => {
  const { title, parts: [first, second] } = readMarkdown('# A `<b>`\n\n<script>alert(1)</script>\n\n<img src=x onerror=alert(2)> and <b onclick="x()">bold</b> `<i>`\n\n## Part & "part"\n\n' +
    '[a](docs/x.md "t\\"x") ![p](y)\n\n```html\n<script>"</code>"</script>\n```\n\n| a | `<b>` |\n|---|--:|\n| <u>1</u> | 2 |\n',
  { link: (href) => `to:${href}`, marked: () => null });
  assert.equal(title, 'A <code>&lt;b&gt;</code>');
  assert.doesNotMatch(first.html(), /<script|<img|<b|onclick|onerror/);
  assert.match(first.html(), /and bold <code>&lt;i&gt;<\/code>/);
  assert.equal(second.slug, 'part--part');
  assert.match(second.html(), /<a href="to:docs\/x\.md"/);
  assert.doesNotMatch(second.html(), /<script|<\/code>"|<u>/);
  assert.match(second.html(), /data-head="&lt;b&gt;"/);
});

// All of the page is looked at once, on a phone; its colours, which take long, in the sections with the examples and
// two more, in light and in dark.
test('axe finds nothing, with the answers, light and dark, on desk and phone', async () => {
  const check = async (page, state, options) => {
    const { violations } = await page.evaluate((options) => window.axe.run(document, { resultTypes: ['violations'], ...options }), options);
    assert.deepEqual(violations.map((v) => `${state}: ${v.id} ${v.nodes.slice(0, 3).map(({ html }) => html)}`), []);
  };
  const all = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
  const page = await start({ bypassCSP: true });
  await page.evaluate(axe);
  for (const name of Object.keys(wanted)) await answered(page, name);
  await page.locator('.raw summary').first().click();
  await page.setViewportSize({ width: 320, height: 640 });
  await page.click('.unfold');
  await check(page, 'narrow', { ...all, rules: { 'color-contrast': { enabled: false } } });
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.evaluate(() => { for (const id of ['api', 'element', 'command', 'numbers']) document.getElementById(id).closest('section').remove(); });
  await check(page, 'answered', all);
  await page.emulateMedia({ colorScheme: 'dark' });
  await check(page, 'dark', { runOnly: ['color-contrast'] });
  for (const path of ['docs/format.html', 'docs/examples-widget-next.html']) {
    await page.goto(`${server.url}/${path}`);
    await page.evaluate(axe);
    await check(page, path, all);
  }
  await end(page);
});

test('from the keyboard: contents, code, samples, words, Run; on a phone the contents open and close', async () => {
  const page = await start();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'docs-text'); // where the skip link leads
  await page.focus('.contents a[href="#hosting"]');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => Math.abs(document.getElementById('hosting').getBoundingClientRect().top - 92) < 40);
  await page.waitForFunction(() => document.querySelector('.contents [aria-current]')?.hash === '#hosting');
  assert.ok(await page.locator('.contents a[href="#hosting-threads"]').isVisible(), 'the parts of the section are shown');
  await page.focus('#live-labels .sample >> nth=1');
  await page.keyboard.press('Space');
  await page.focus('#words-labels');
  assert.match((await answered(page, 'labels', () => page.keyboard.press('Enter'))).said, /^a dog: /);
  await page.focus('#live-labels .raw summary');
  await page.keyboard.press('Enter');
  assert.match(await page.textContent('#live-labels .raw code'), /"label": "a dog"/);
  const seen = new Set();
  await page.focus('#live-similar .copy');
  for (let i = 0; i < 12; i++) {
    await page.waitForFunction(() => { // scrolled into sight
      const box = document.activeElement.getBoundingClientRect();
      return box.bottom > 0 && box.top < innerHeight;
    });
    const what = await page.evaluate(() => document.activeElement.className || document.activeElement.type || document.activeElement.tagName);
    seen.add(what.split(' ')[0]);
    await page.keyboard.press('Tab');
  }
  for (const one of ['copy', 'sample', 'file', 'primary']) assert.ok(seen.has(one), `${one} is not among ${[...seen]}`);

  await page.setViewportSize({ width: 375, height: 700 });
  await page.focus('.unfold');
  await page.keyboard.press('Enter');
  const button = page.locator('.unfold'), link = page.locator('.contents a[href="#models"]');
  assert.equal(await button.getAttribute('aria-expanded'), 'true');
  await page.keyboard.press('Escape');
  assert.deepEqual([await button.getAttribute('aria-expanded'), await link.isVisible(), await page.evaluate(() => document.activeElement.className)], ['false', false, 'unfold']);
  await page.keyboard.press('Enter');
  await link.focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => Math.abs(document.getElementById('models').getBoundingClientRect().top - 64) < 40);
  assert.equal(await link.isVisible(), false, 'closed behind the reader');
  assert.equal(await button.textContent(), 'Models');
  await end(page);
});

test('320 pixels are wide enough for every page, answers and tables included', async () => {
  const page = await start({ width: 320, height: 640, touch: true });
  const narrow = async (when) => assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('button, .button, .said, .bars li, .hits li, td, th, p, h1, h2, h3, h4, h5, .contents a')]
    .filter((one) => one.getBoundingClientRect().width && !one.closest('pre, thead') && (one.getBoundingClientRect().right > innerWidth + 1 || one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline'))
    .map((one) => `${one.tagName} ${one.textContent.slice(0, 60)}`)
    .concat(document.documentElement.scrollWidth > 320 ? [`the page: ${document.documentElement.scrollWidth}`] : [])), [], when);
  await narrow('first');
  assert.deepEqual(await page.$$eval(':not(pre) > code', (all) => all.map((one) => one.textContent).filter((text) => text !== text.trim())), [], 'a code within a code ends the outer');
  const head = await page.evaluate(() => { // a cell says its column
    const cell = [...document.querySelectorAll('td[data-head]')].find((one) => one.dataset.head === 'ImageNet, zero-shot');
    return getComputedStyle(cell, '::before').content;
  });
  assert.match(head, /ImageNet, zero-shot/);
  for (const name of Object.keys(wanted)) await answered(page, name);
  await page.click('.unfold');
  await narrow('answered');
  for (const path of pages.slice(1)) {
    await page.goto(`${server.url}/${path}`);
    await narrow(path);
  }
  await end(page);
});

// A page of a recipe: its elements, and its code as the page's script.
function recipePage(name, code, body) {
  made.set(`/${name}.js`, code);
  made.set(`/${name}.html`, `<!doctype html><html lang="en"><meta charset="utf-8"><title>${name}</title><link rel="icon" href="favicon.svg"><script type="module" src="/${name}.js"></script>${body}`);
  return `/${name}.html`;
}
const code = { ...blocks('run'), ...blocks('page') };

test('the recipes for a page that do not run on it', () => assert.deepEqual(Object.keys(code).sort(), ['moderation', 'page', 'store', 'threads']));

test('recipe: a page around a module', async () => {
  made.set('/recipe.js', live.similar);
  const page = await start({}, recipePage('page', code.page, '<input type="file" id="photo"><p id="note"></p>'));
  await page.waitForFunction(() => document.getElementById('photo').onchange);
  await page.setInputFiles('#photo', photo('1f4f7'));
  await page.waitForFunction(() => /,/.test(document.getElementById('note').textContent), null, { timeout: 60000 });
  assert.match(await page.textContent('#note'), /Camera/);
  await page.setInputFiles('#photo', { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await page.waitForFunction(() => /picture/.test(document.getElementById('note').textContent));
  await end(page);
});

test('recipe: an upload that is doubtful is held back, another is sent', async () => {
  const page = await start({}, recipePage('moderation', code.moderation, '<form id="form" action="/sent.html"><input type="file" name="photo"></form><p id="note"></p>'));
  made.set('/sent.html', '<!doctype html><title>Sent</title><link rel="icon" href="favicon.svg">');
  await page.waitForFunction(() => document.getElementById('form').onsubmit, null, { timeout: 60000 });
  const weapon = await page.evaluate(async () => { // the first product that counts as one
    const { load, openLabels } = await import('/kin/index.js');
    const clip = await load({ model: './model/' }), pack = await openLabels('./moderation.safetensors', { clip });
    for (const id of ['1f52b', '1f5e1', '2694', '1f3f9', '1f4a3', '1f531', '1f52a']) {
      const found = await pack.classify(`./images/${id}.webp`, { multiLabel: true });
      if (found.some(({ score, threshold }) => score >= threshold)) return id;
    }
    return null;
  });
  assert.ok(weapon);
  const png = await page.evaluate(async (id) => {
    const image = await createImageBitmap(await (await fetch(`./images/${id}.webp`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext('2d');
    context.fillStyle = 'white';
    context.fillRect(0, 0, image.width, image.height);
    context.drawImage(image, 0, 0);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }, weapon);
  await page.setInputFiles('[name=photo]', { name: 'w.png', mimeType: 'image/png', buffer: Buffer.from(png) });
  await page.evaluate(() => document.getElementById('form').requestSubmit());
  await page.waitForFunction(() => document.getElementById('note').textContent);
  assert.match(await page.textContent('#note'), /^Is this a photo of weapons\? It looks like a \w/);
  assert.match(page.url(), /moderation\.html$/);
  await page.setInputFiles('[name=photo]', photo('1f354'));
  await page.evaluate(() => document.getElementById('form').requestSubmit());
  await page.waitForURL(/sent\.html/);
  await end(page);
});

test('recipe: a button says what the model costs, and a pointer that comes near fetches and keeps it', async () => {
  const page = await start({}, recipePage('store', code.store, '<button id="button"></button>'));
  const said = () => page.waitForFunction(() => document.getElementById('button')?.onpointerenter, null, { timeout: 60000 }).then(() => page.textContent('#button'));
  assert.match(await said(), /^Search by photo \(4\.\d MB, once\)$/);
  assert.deepEqual(page.asked.filter((path) => /safetensors/.test(path)), []);
  await page.hover('#button');
  const kept = () => page.evaluate(async () => (await (await import('/kin/index.js')).cache.list()).some(({ file, bytes, stored }) => file === 'image.safetensors' && stored === bytes));
  for (const until = Date.now() + 60_000; !await kept();) assert.ok(Date.now() < until);
  await page.reload();
  assert.equal(await said(), 'Search by photo');
  await end(page);
});

test('recipe: one header, and there are threads', async () => {
  const path = recipePage('threads', code.threads, '<p id="note"></p>');
  const said = async () => {
    const page = await start({}, path);
    await page.waitForFunction(() => document.getElementById('note').textContent, null, { timeout: 60000 });
    const text = await page.textContent('#note');
    await end(page);
    return text;
  };
  assert.match(await said(), /^Threads: 1\. /);
  isolated = true;
  try {
    assert.match(await said(), /^Threads: 2\. /);
  } finally {
    isolated = false;
  }
});
