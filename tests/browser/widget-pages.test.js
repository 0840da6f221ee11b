// <kin-search> when things go wrong, and on pages of all kinds: several elements, languages, themes, adapters.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { open, serve } from './shop.js';
import { axe, usual, pages, pageOf, plainPage, site, browser, server, catalog, sample, noPicture, nothing, strawberry, visit, end, state,
  settled, part, upload, answered, titles, told, dropped } from './widget-support.js';

// ---- when things go wrong ---------------------------------------------------------------------------------------------
test('a catalogue or a model that is not there is said, with a way on; another try works when it is there', async () => {
  for (const [attributes, missing, code] of [['catalog="/none/" model="/model/"', /catalog='\/none\/'/, /http|not-a-catalog/],
    ['catalog="/catalog.safetensors" model="/none/"', /model='\/none\/'/, /http|not-a-model/], ['model="/model/"', /Say where the catalogue is/, /bad-argument/],
    ['catalog="/catalog.safetensors"', /model/, /no-model/]]) {
    const page = await visit(pageOf(`<kin-search ${attributes} fallback-url="/search?a=1"></kin-search>`));
    await upload(page, strawberry);
    assert.equal(await state(page), 'error');
    assert.match(await part(page, '.notice[role=alert]').textContent(), /does not work here right now|could not be loaded/);
    const [{ code: told_ }] = await told(page, 'kin-error');
    assert.match(told_, code);
    assert.deepEqual(Object.keys((await told(page, 'kin-error'))[0]), ['code']);
    assert.equal(await part(page, '.notice a').getAttribute('href'), `${server.url}/search?a=1`);
    assert.ok(page.noise.some((line) => line.startsWith('warning: kin-search: ') && missing.test(line)), 'who builds the page is told: ' + page.noise.join());
    await page.evaluate(() => Object.assign(document.querySelector('kin-search'), { catalog: '/catalog.safetensors', model: '/model/' }));
    await page.waitForFunction(() => document.querySelector('kin-search').state === 'results');
    await end(page, [/^warning: kin-search/, /404/]);
  }
  const page = await visit();
  await page.route('**/model/**', (route) => route.abort());
  await upload(page, strawberry);
  assert.equal(await state(page), 'error');
  await page.unroute('**/model/**');
  await answered(page, () => part(page, '.notice button').click());
  assert.equal(await state(page), 'results');
  await end(page, [/^warning: kin-search/, /net::ERR_FAILED/]);
});

test('a connection that has fallen silent is said while the element waits', async () => {
  const page = await visit();
  let come;
  const held = new Promise((resolve) => { come = resolve; });
  await page.route('**/image.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await part(page, '.primary input').setInputFiles(strawberry);
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.told')?.textContent === 'Nothing comes at the moment, still waiting …', null, { timeout: 30000 });
  come();
  await settled(page);
  assert.equal(await state(page), 'results');
  await end(page);
});

test('a file that is no picture is said, and another one works', async () => {
  const page = await visit();
  await upload(page, noPicture);
  assert.equal(await state(page), 'error');
  assert.match(await part(page, '[role=alert]').textContent(), /cannot be opened here. JPEG and PNG/);
  assert.equal(await part(page, '.notice button').count(), 0, 'trying again would not help');
  await upload(page, { ...strawberry, buffer: strawberry.buffer.subarray(0, 900) });
  assert.match(await part(page, '[role=alert]').textContent(), /could not be read/);
  await upload(page, strawberry);
  assert.ok(await state(page) === 'results' && await part(page, '.notice').isHidden());
  await end(page);
});

test('a file that is gone when it is read is said, and another one works', async () => {
  const page = await visit();
  const gone = join(site, 'gone.png');
  writeFileSync(gone, strawberry.buffer);
  let come;
  const held = new Promise((resolve) => { come = resolve; }); // the picture is read when the model is there
  await page.route('**/image.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest('**/image.safetensors');
  await page.locator('kin-search input[type=file]').first().setInputFiles(gone);
  await asked;
  rmSync(gone);
  come();
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'error');
  assert.match(await part(page, '[role=alert]').textContent(), /could not be read/);
  assert.equal(await part(page, '.notice button').count(), 0, 'trying again would not help');
  await upload(page, strawberry);
  assert.equal(await state(page), 'results');
  await end(page, [/^warning: kin-search: The picture: its file was changed, moved or deleted/]);
});

test('its own files do not come: said in the first view', async () => {
  const page = await visit(plainPage, { prepare: (page) => page.route('**/act.js', (route) => route.abort()) });
  await part(page, '.primary input').setInputFiles(strawberry);
  await page.waitForFunction(() => window.told.length);
  assert.match(await part(page, '[role=status]').textContent(), /could not be loaded/);
  assert.deepEqual(await told(page, 'kin-error'), [{ code: 'failed' }]);
  await end(page, [/^warning: kin-search/, /net::ERR_FAILED/]);
});

test('where it cannot run it hides, or leaves the place to the page\'s own way', async () => {
  const without = (page) => page.addInitScript('WebAssembly.validate = () => false');
  const height = (page) => page.locator('kin-search').evaluate((element) => element.getBoundingClientRect().height);
  let page = await visit(plainPage, { prepare: without });
  assert.deepEqual([await state(page), await height(page), await told(page, 'kin-unavailable')], ['unavailable', 0, [{}]]);
  await page.evaluate((file) => document.querySelector('kin-search').search(new Blob([file])), 'x');
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').open()), null);
  await page.evaluate(() => document.querySelector('kin-search').reset());
  await dropped(page, 'body', strawberry, ['paste']);
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual}><a slot="fallback" href="/words">Search in words</a></kin-search>`), { prepare: without });
  assert.ok(await page.getByRole('link', { name: 'Search in words' }).isVisible());
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual} fallback-url="/words"></kin-search>`, { lang: 'de' }), { prepare: without });
  assert.equal(await page.getByRole('link', { name: 'Anders suchen' }).getAttribute('href'), `${server.url}/words`);
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual} fallback-url="javascript:alert(1)"></kin-search>`), { prepare: without });
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').shadowRoot.querySelectorAll('[href]').length), 0);
  await end(page);
  page = await visit(pageOf(`<kin-search ${usual}><a slot="fallback" href="/words">Search in words</a></kin-search>`));
  assert.ok(await page.getByRole('link', { name: 'Search in words' }).isHidden(), 'where it runs the page\'s own way is not needed');
  await end(page);
});

test('search() settles and rejects with nothing, whatever a page gives it; a box in pixels is told of, not searched as all of the photo', async () => {
  const page = await visit(pageOf(`<kin-search ${usual} fallback-url="http://["></kin-search>`));
  const got = await page.evaluate(async () => {
    const element = document.querySelector('kin-search'), photo = '/samples/1f353.png', outcomes = [];
    const told = async (work) => outcomes.push(await work().then(() => [element.state, element.error?.code ?? null], String));
    for (const [source, box] of [[undefined], [5], [new Response('')], [photo, { x: 0, y: 0, width: 200, height: 100 }], [photo, { x: 0.5, y: 0, width: 1, height: 1 }],
      [photo, { x: 'a' }], [photo, 5], ['/none.png']]) {
      element.error = null;
      await told(() => element.search(source, box));
    }
    element.find = () => new Promise(() => {});
    await told(() => {
      const searched = element.search(photo);
      setTimeout(() => element.reset());
      return Promise.race([searched, new Promise((_, reject) => { setTimeout(reject, 10_000, 'it still waits'); })]);
    });
    return outcomes;
  });
  const wrong = ['error', 'bad-argument'];
  assert.deepEqual(got.slice(0, -2), [wrong, wrong, wrong, wrong, ['results', null], wrong, wrong]);
  assert.deepEqual(got.slice(-2), [['error', 'http'], ['start', 'http']]);
  assert.equal(await page.evaluate(async () => {
    const element = document.querySelector('kin-search');
    element.find = null;
    await element.search('/none.png');
    return element.shadowRoot.querySelector('.fallback').href;
  }), '', 'an address that is none is no link');
  await end(page, [/^warning: kin-search/, /404/]);
});

// The news of a worker's end comes when it comes.
async function running(page, n) {
  for (let i = 0; i < 100 && page.workers().length !== n; i++) await page.waitForTimeout(50);
  assert.equal(page.workers().length, n);
}

test('what could not be loaded, or is still on its way when the element leaves the page, keeps no worker', async () => {
  const page = await visit(), weights = '**/model/image.safetensors';
  let asked;
  const coming = new Promise((resolve) => { asked = resolve; });
  await page.route(weights, (route) => route.abort());
  await upload(page, strawberry);
  assert.equal(await state(page), 'error');
  await running(page, 0);
  await page.unroute(weights);
  await page.route(weights, () => asked()); // and never answered
  await part(page, '.notice button').click();
  await coming;
  await page.evaluate(() => {
    window.kept = document.querySelector('kin-search');
    window.kept.remove();
  });
  await running(page, 0);
  await page.unroute(weights);
  await page.evaluate(() => document.querySelector('main').append(window.kept));
  await upload(page, strawberry);
  assert.equal(await state(page), 'results');
  assert.equal((await told(page, 'kin-error')).length, 1, 'leaving is no error');
  await end(page, [/^warning: kin-search/, /net::ERR_FAILED/]);
});

// ---- pages of all kinds --------------------------------------------------------------------------------------------------
test('several elements share what they load; what leaves the page ends its workers, and works again when it comes back', async () => {
  const page = await visit(pageOf(`<div id="a"><kin-search ${usual}></kin-search></div><div id="b"><kin-search ${usual}></kin-search></div>`));
  await upload(page, strawberry);
  await upload(page, sample('1f460'), 1);
  const workers = (n) => running(page, n);
  await workers(2);
  const first = await titles(page);
  assert.notDeepEqual(first, await titles(page, 1));
  await page.evaluate(() => { document.getElementById('b').append(document.querySelector('#a kin-search')); }); // moved, not removed
  assert.deepEqual(await titles(page, 1), first);
  await workers(2);
  await page.evaluate(() => { window.kept = document.querySelectorAll('kin-search')[1]; document.querySelectorAll('kin-search')[0].remove(); });
  await workers(2);
  await page.evaluate(() => window.kept.remove());
  await workers(0);
  await page.evaluate(() => document.getElementById('a').append(window.kept));
  assert.deepEqual(await titles(page), first, 'what was found is still there');
  await upload(page, sample('1f697'));
  assert.notDeepEqual(await titles(page), first);
  await workers(2);
  await page.evaluate(() => { // taken out while it searches
    window.kept.search('/samples/1f353.png');
    window.kept.remove();
  });
  await workers(0);
  assert.equal(await page.evaluate(() => window.kept.state), 'start');
  await end(page);
});

test('what is set before the element is defined counts, and texts are the page\'s to change', async () => {
  const path = pageOf(`<kin-search catalog="/catalog.safetensors" model="/model/" strings='{"choose":"Snap it","match":"Look-alikes"}'></kin-search>`);
  const page = await visit(path, { prepare: (page) => page.addInitScript(() => {
    addEventListener('DOMContentLoaded', () => Object.assign(document.querySelector('kin-search'), { limit: 2, renderHit: ({ id }) => `card ${id}`, strings: { weak: 'Maybe' } }));
    new MutationObserver(() => { // as soon as the parser has made it
      const element = document.querySelector('kin-search');
      if (element && !customElements.get('kin-search')) element.currency = 'USD';
    }).observe(document, { childList: true, subtree: true });
  }) });
  assert.equal(await part(page, '.primary').textContent(), 'Snap it');
  await upload(page, strawberry);
  assert.equal(await page.locator('kin-search > [slot]').count(), 2);
  assert.match(await page.locator('kin-search > [slot]').first().textContent(), /^card /);
  assert.equal(await page.getAttribute('kin-search', 'currency'), 'USD');
  const verdict = (await told(page, 'kin-results'))[0].verdict;
  assert.equal(await part(page, '.heading').textContent(), verdict === 'weak' ? 'Maybe' : 'Look-alikes');
  await page.evaluate(() => document.querySelector('kin-search').setAttribute('strings', 'no JSON'));
  assert.ok(page.noise.some((line) => /no JSON/.test(line)));
  await end(page, [/no JSON/]);
});

test('five languages, all words of all of them, and from right to left', async () => {
  const words = Object.fromEntries(await Promise.all(['en', 'de', 'nl', 'fr', 'es'].map(async (name) => [name, (await import(`../../web/element/words/${name}.js`)).words])));
  const marks = (text) => (JSON.stringify(text).match(/\{\w+\}/g) ?? []).sort().join();
  for (const [name, all] of Object.entries(words)) {
    assert.deepEqual(Object.keys(all), Object.keys(words.en), name);
    for (const [key, text] of Object.entries(all)) assert.equal(marks(text), marks(words.en[key]), `${name}: ${key}`);
  }
  const seen = new Set();
  for (const [lang, choose] of Object.entries({ 'en-GB': 'Search by photo', 'de-AT': 'Mit Foto suchen', nl: 'Zoeken met een foto', fr: 'Rechercher par photo', es: 'Buscar por foto', pl: 'Search by photo' })) {
    const page = await visit(pageOf(`<kin-search ${usual}></kin-search>`, { lang }), { width: 360 });
    assert.equal((await part(page, '.primary').textContent()).trim(), choose);
    assert.equal(await part(page, '.root').getAttribute('lang'), lang === 'pl' ? 'en' : lang);
    await upload(page, strawberry);
    const text = await part(page, '.root').evaluate((root) => root.innerText);
    assert.doesNotMatch(text, /undefined|null|\{\w+\}/);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 360), lang);
    seen.add(await part(page, '.heading').textContent());
    await end(page);
  }
  assert.equal(seen.size, 5);
  const page = await visit(pageOf(`<kin-search ${usual}></kin-search>`, { lang: 'ar', dir: 'rtl' }));
  await page.evaluate(() => { document.querySelector('kin-search').strings = { lang: 'ar', choose: 'ابحث بصورة', another: 'صورة أخرى' }; });
  await upload(page, strawberry);
  const left = async (name) => (await part(page, name).first().boundingBox()).x;
  assert.ok(await left('.frame') > await left('.results'), 'the photo is on the right');
  assert.equal((await part(page, '.primary').textContent()).trim(), 'صورة أخرى');
  mkdirSync('build/screenshots', { recursive: true });
  await page.screenshot({ path: 'build/screenshots/widget-test-rtl.png' });
  // Words of a language that is read from the left, and titles: each from its own first letter to its end, on the page's side.
  const ends = (name) => part(page, name).first().evaluate((node) => {
    const text = document.createTreeWalker(node, NodeFilter.SHOW_TEXT).nextNode(), range = document.createRange();
    const [first, last] = [0, text.length - 1].map((i) => (range.setStart(text, i), range.setEnd(text, i + 1), range.getBoundingClientRect()));
    return { first: first.left, last: last.left, aligned: Math.abs(last.right - node.getBoundingClientRect().right) < 40 };
  });
  await page.evaluate(() => { document.querySelector('kin-search').strings = { privacy: 'It stays here.', shown: '{n} shown!', very: 'Very (near)' }; });
  for (const name of ['.privacy', '.told', '.title']) {
    if (name === '.title') await part(page, name).first().evaluate((title) => { title.textContent = 'Boot (red)'; });
    const { first, last, aligned } = await ends(name);
    assert.ok(first < last && aligned, `${name}: ${first}, ${last}`);
  }
  await page.evaluate(() => { document.querySelector('kin-search').lang = 'fr'; document.querySelector('kin-search').strings = {}; });
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.more').textContent === 'Afficher plus');
  await end(page);
});

const themes = { plain: '', shop: `body { background: #fbf7f2 } kin-search { --kin-ink: #2e2320; --kin-quiet: #6b5a52; --kin-surface: #fffdfa; --kin-accent: #8a3b2a; --kin-on-accent: #fff; --kin-radius: 2px }`,
  night: `:root { color-scheme: dark } body { background: #111; color: #eee }` };
for (const [name, style] of Object.entries(themes))
  test(`axe finds nothing in any state, at any width, theme ${name}`, async () => {
    const path = pageOf(`<kin-search ${usual} fallback-url="/words"></kin-search>`, { style });
    const page = await visit(path, { bypassCSP: true });
    await page.evaluate(axe);
    const check = async (what) => {
      await page.mouse.move(0, 0);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map((v) => `${what}: ${v.id} ${v.nodes[0].html} ${v.nodes[0].failureSummary}`), []);
      for (const width of [1280, 320]) {
        await page.setViewportSize({ width, height: 800 });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} at ${width} px`);
      }
      await page.setViewportSize({ width: 1280, height: 900 });
    };
    await check('start');
    await dropped(page, 'kin-search', strawberry, ['dragenter']);
    await check('over');
    let pass = null;
    const held = new Promise((go) => { pass = go; });
    await page.route('**/catalog.safetensors', async (route) => {
      await held;
      await route.continue();
    });
    await page.evaluate(() => { document.querySelector('kin-search').model += '?again'; }); // an engine of its own
    await page.evaluate(() => { document.querySelector('kin-search').model = '/model/'; });
    await part(page, '.primary input').setInputFiles(strawberry);
    await page.waitForFunction(() => document.querySelector('kin-search').state !== 'start');
    if (await state(page) === 'loading') await check('loading');
    pass();
    await settled(page);
    await check('results');
    await part(page, '.adjust').click();
    await part(page, '.box').focus();
    await check('crop');
    await upload(page, nothing);
    assert.equal(await state(page), 'none');
    await check('none');
    await upload(page, noPicture);
    await check('no picture');
    await page.evaluate(() => { document.querySelector('kin-search').catalog = '/none/'; });
    await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.notice a'));
    await check('error');
    await page.context().close();
  });

test('the language is the nearest, through shadow roots', async () => {
  const page = await visit(plainPage);
  const said = await page.evaluate(() => {
    const outer = document.body.appendChild(document.createElement('div')), inner = document.createElement('div'), finder = document.createElement('kin-search');
    outer.lang = 'nl';
    outer.attachShadow({ mode: 'open' }).append(inner);
    inner.attachShadow({ mode: 'open' }).append(finder);
    return finder.shadowRoot.querySelector('.primary').textContent;
  });
  assert.equal(said, 'Zoeken met een foto');
  await end(page);
});

test('themes are custom properties and parts', async () => {
  const style = 'kin-search { --kin-accent: rgb(10, 20, 30); --kin-on-accent: rgb(250, 250, 1); --kin-radius: 3px } kin-search::part(privacy) { text-transform: uppercase } kin-search::part(card) { border-width: 4px }';
  const page = await visit(pageOf(`<kin-search ${usual}></kin-search>`, { style }));
  const css = (name, property) => part(page, name).first().evaluate((node, property) => getComputedStyle(node)[property], property);
  assert.deepEqual([await css('.primary', 'backgroundColor'), await css('.primary', 'color'), await css('.privacy', 'textTransform')], ['rgb(10, 20, 30)', 'rgb(250, 250, 1)', 'uppercase']);
  await upload(page, strawberry);
  assert.deepEqual([await css('.card', 'borderTopWidth'), await css('.card', 'borderTopLeftRadius')], ['4px', '3px']);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  assert.equal(await css('.card', 'transitionDuration'), '0s');
  await end(page);
});

test('adapters: GA4\'s dataLayer and Algolia Insights hear ids and positions', async () => {
  const page = await visit();
  await page.evaluate(async () => {
    const { toDataLayer, toInsights } = await import('/kin/element/analytics.js');
    window.calls = [];
    window.ends = [toDataLayer(document, { list: 'Photos' }), toInsights(document.querySelector('kin-search'), { aa: (...args) => window.calls.push(args), index: 'products' }),
      toInsights(document, { aa: () => { throw new Error('blocked'); }, index: 'x' })];
  });
  await page.evaluate(() => { document.querySelector('kin-search').limit = 25; });
  await upload(page, strawberry);
  await part(page, '.card').nth(1).click();
  const [detail] = await told(page, 'kin-results');
  const ids = detail.hits.map(({ id }) => id);
  assert.deepEqual(await page.evaluate(() => window.dataLayer), [{ ecommerce: null },
    { event: 'view_item_list', ecommerce: { item_list_id: 'kin-search', item_list_name: 'Photos', items: ids.map((id, index) => ({ item_id: id, index })) },
      kin_query_id: detail.queryId, kin_verdict: detail.verdict, kin_ms: detail.ms }, { ecommerce: null },
    { event: 'select_item', ecommerce: { item_list_id: 'kin-search', item_list_name: 'Photos', items: [{ item_id: ids[1], index: 1 }] },
      kin_query_id: detail.queryId, kin_confidence: detail.hits[1].confidence }]);
  assert.deepEqual(await page.evaluate(() => window.calls), [['viewedObjectIDs', { index: 'products', eventName: 'Photo results viewed', objectIDs: ids.slice(0, 20) }],
    ['viewedObjectIDs', { index: 'products', eventName: 'Photo results viewed', objectIDs: ids.slice(20) }],
    ['clickedObjectIDs', { index: 'products', eventName: 'Photo result clicked', objectIDs: [ids[1]] }]]);
  await page.evaluate(() => window.ends.forEach((end) => end()));
  await part(page, '.card').nth(2).click();
  assert.equal(await page.evaluate(() => window.calls.length), 3);
  await end(page, [/analytics: blocked/]);
});

test('the demo\'s page of it: ten lines that a stranger could paste', async () => {
  const shop = await serve('build/site');
  const page = await open(browser, `${shop.url}widget.html`, { bypassCSP: true });
  await page.click('.sample >> nth=0');
  await settled(page);
  assert.ok((await titles(page)).includes('Strawberry'));
  const example = readFileSync('examples/widget-vanilla.html', 'utf8').trim();
  assert.equal(await page.textContent('pre'), example);
  assert.ok(example.split('\n').length <= 10);
  for (const theme of ['boutique', 'night', 'plain']) await page.selectOption('#theme', theme);
  await page.selectOption('#language', 'ar');
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.more').textContent === 'عرض المزيد');
  assert.equal((await part(page, '.primary').textContent()).trim(), 'صورة أخرى');
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  assert.deepEqual(violations.map((v) => `${v.id} ${v.nodes[0].html}`), []);
  await end(page);
  await shop.stop();
});
