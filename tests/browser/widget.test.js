// <kin-search> as a shop has it, in a real Chromium: the files of the package as they lie, the demo's catalogue, and on every
// page the strictest policy that it promises to keep.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { usual, pages, pageOf, plainPage, evil, server, clip, catalog, near, sample, nothing, strawberry, visit, end, state,
  settled, part, upload, answered, titles, told, dropped } from './widget-support.js';

// ---- what it costs ---------------------------------------------------------------------------------------------------
for (const width of [1280, 320])
  test(`until a shopper acts: one script of 6 KB packed, nothing else asked for, nothing moved, at ${width} px`, async () => {
    const asked = [];
    const page = await visit(plainPage, { width, prepare: async (page) => {
      page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await page.route('**/element.js', async (route) => { // the page has been seen before the script is there
        await new Promise((go) => { setTimeout(go, 400); });
        await route.continue();
      });
    } });
    await page.hover('kin-search');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.localName), 'kin-search', 'the button has the focus');
    await page.waitForTimeout(500);
    assert.deepEqual(asked.filter((path) => path !== '/favicon.svg').sort(), ['/kin/element/element.js', plainPage, `${plainPage}.css`].sort());
    const body = Buffer.from(await (await fetch(`${server.url}/kin/element/element.js`)).arrayBuffer());
    assert.ok(gzipSync(body, { level: 6 }).length <= 6 * 1024, `${gzipSync(body, { level: 6 }).length} bytes`);
    assert.deepEqual(await page.evaluate(() => window.shifts), []);
    assert.ok(await part(page, '.primary').isVisible());
    assert.deepEqual(page.workers(), []);
    await end(page);
  });

// ---- ways in -----------------------------------------------------------------------------------------------------------
test('a file: the products that the library finds, told without photo, vector or text', async () => {
  const page = await visit();
  const { hits, verdict } = await catalog.search({ image: strawberry.buffer }, { limit: 12 });
  const urls = [];
  page.on('request', (request) => urls.push(request.url()));
  await upload(page, strawberry);
  assert.deepEqual(await titles(page), hits.map(({ item }) => item.title));
  const all = await page.evaluate(() => window.told);
  assert.deepEqual(all.map(({ name, composed }) => [name, composed]), [['kin-results', true]]);
  const [{ detail }] = all;
  assert.deepEqual(Object.keys(detail).sort(), ['hits', 'ms', 'queryId', 'total', 'verdict']);
  assert.deepEqual(detail.hits, hits.map(({ id, position, confidence }) => ({ id, position, confidence })));
  assert.ok(detail.verdict === verdict && Number.isInteger(detail.ms) && detail.ms > 0 && /^[\d-]+$/.test(detail.queryId) && detail.total === 1855);
  assert.ok(urls.length && !urls.some((url) => /secret|blob:|data:/.test(url.replace(/^blob:.*/, ''))), 'nothing of the file is in an address');
  assert.ok((await part(page, '.privacy').textContent()).includes('stays on this device'));
  assert.match(await part(page, '.told').textContent(), /^12 products shown$/);

  await part(page, '.card').nth(2).click();
  const [chosen] = await told(page, 'kin-select');
  assert.deepEqual(chosen, { queryId: detail.queryId, ...detail.hits[2] });
  assert.equal(await page.evaluate(() => window.left), 'went', 'the link is the page\'s');
  await page.evaluate(() => document.addEventListener('kin-select', (event) => event.preventDefault()));
  await part(page, '.card').nth(1).click();
  assert.equal(await page.evaluate(() => window.left), true, 'a page with a router keeps the link');

  const more = await answered(page, () => part(page, '.more').click());
  assert.deepEqual(more.hits.map(({ position }) => position), Array.from({ length: 12 }, (_, i) => 12 + i));
  assert.ok((await titles(page)).length === 24 && await part(page, '.told').textContent() === '24 products shown');
  await part(page, '.card').nth(3).click();
  await part(page, '.card').nth(13).click();
  const ids = (await told(page, 'kin-select')).slice(-2).map(({ queryId }) => queryId);
  assert.deepEqual(ids, [detail.queryId, more.queryId], 'each hit is of the search that found it');
  await end(page);
});

test('a camera where there is one', async () => {
  const page = await visit();
  assert.equal(await part(page, '.camera input').getAttribute('capture'), 'environment');
  assert.equal(await part(page, '.camera input').getAttribute('accept'), 'image/*');
  await part(page, '.camera input').setInputFiles(strawberry);
  await settled(page);
  assert.equal((await titles(page)).length, 12);
  await end(page);
});

test('dropped, pasted: on the element, or anywhere but in the page\'s own fields', async () => {
  const path = pageOf(`<input id="field" aria-label="Search"><kin-search id="one" ${usual}></kin-search><kin-search id="two" ${usual} limit="3"></kin-search>`);
  const page = await visit(path);
  await dropped(page, 'kin-search', strawberry, ['dragenter', 'dragover']);
  assert.ok(await part(page, '.over').first().isVisible(), 'it says that it would take the file');
  await dropped(page, 'kin-search', strawberry, ['drop']);
  await settled(page);
  assert.deepEqual([await state(page), await state(page, 1)], ['results', 'start']);
  const first = await titles(page);
  assert.equal(await part(page, '.over').count(), 0);
  const [untouched] = await dropped(page, '#field', sample('1f697'), ['paste']);
  assert.equal(untouched, true, 'what is pasted into a field is the field\'s');
  await upload(page, sample('1f460'), 1);
  assert.equal((await titles(page, 1)).length, 3);
  const detail = await answered(page, () => dropped(page, 'body', strawberry, ['paste']));
  assert.equal(detail.hits.length, 3, 'the one that was used last');
  assert.deepEqual(await titles(page), first);
  await page.evaluate(() => { // a dialog that is closed again
    const dialog = document.body.appendChild(document.createElement('dialog'));
    dialog.append(document.getElementById('two'));
  });
  await dropped(page, 'body', sample('1f697'), ['paste']);
  await page.waitForFunction((first) => ![undefined, first].includes(document.getElementById('one').shadowRoot.querySelector('.title')?.textContent), first[0]);
  await end(page);
});

test('from the keyboard alone: choosing, cropping, filtering, following', async () => {
  let choosing = null;
  const page = await visit(plainPage, { prepare: (page) => page.on('filechooser', (chooser) => { choosing = chooser.setFiles(sample('1f697')); }) });
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  for (let i = 0; !choosing && i < 100; i++) await page.waitForTimeout(50);
  await choosing;
  await settled(page);
  const at = () => page.evaluate(() => document.querySelector('kin-search').shadowRoot.activeElement?.className);
  assert.match(await at() ?? '', /^$/, 'the focus stays on the input');
  assert.equal(await page.evaluate(() => document.activeElement.localName), 'kin-search');
  await page.keyboard.press('Shift+Tab');
  assert.equal(await at(), 'box');
  const detail = await answered(page, () => page.keyboard.press('-'));
  assert.ok(detail.hits.length === 12);
  await page.keyboard.press('Shift+ArrowLeft');
  const { hits } = await answered(page, async () => {});
  const box = await page.evaluate(() => Object.fromEntries(['x', 'y', 'width', 'height'].map((side) =>
    [side, Number(document.querySelector('kin-search').shadowRoot.querySelector('.frame').style.getPropertyValue(`--${side}`))])));
  assert.ok(box.width < 0.9 && box.height < 0.9);
  const wanted = await catalog.search({ image: sample('1f697').buffer, box, fit: 'pad' }, { limit: 12 });
  assert.deepEqual(hits.map(({ id }) => id), wanted.hits.map(({ id }) => id), 'the crop is what is searched by');
  const seen = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab');
    seen.push(await at());
  }
  assert.deepEqual(seen, ['', 'adjust', 'remove', 'filter', 'filter', 'card', 'card', 'card']);
  await page.keyboard.press('Enter');
  assert.equal((await told(page, 'kin-select')).length, 1);
  await part(page, '.remove').focus();
  await page.keyboard.press('Enter');
  assert.equal(await state(page), 'start');
  assert.ok(await part(page, '.primary input').evaluate((input) => input.getRootNode().activeElement === input), 'and the focus is on the button');
  assert.equal(await part(page, '.primary').textContent(), 'Search by photo');
  await end(page);
});

test('the crop: dragged by a corner, and by buttons without dragging', async () => {
  const page = await visit();
  await upload(page, sample('1f697'));
  const frame = await part(page, '.frame').boundingBox();
  await page.mouse.move(frame.x + 2, frame.y + 2);
  await page.mouse.down();
  await page.mouse.move(frame.x + frame.width / 2, frame.y + frame.height / 3, { steps: 4 });
  const first = await answered(page, () => page.mouse.up());
  const side = (name) => part(page, '.frame').evaluate((node, name) => Number(node.style.getPropertyValue(`--${name}`)), name);
  assert.ok(Math.abs(await side('x') - 0.5) < 0.03 && Math.abs(await side('y') - 1 / 3) < 0.03);
  assert.ok(await part(page, '.tools').isHidden());
  await part(page, '.adjust').click();
  const second = await answered(page, () => part(page, '.tools button').nth(4).click());
  assert.notEqual(first.queryId, second.queryId);
  await answered(page, () => part(page, '.tools button').last().click());
  assert.deepEqual([await side('x'), await side('width')], [0, 1]);
  await end(page);
});

// ---- what comes out -----------------------------------------------------------------------------------------------------
test('filters: the catalogue\'s values, steps of a number, and a way back where nothing is left', async () => {
  const page = await visit(pageOf(`<kin-search ${usual} filter="price > 3"></kin-search>`));
  await upload(page, strawberry);
  const group = part(page, '.filter').nth(0), price = part(page, '.filter').nth(1);
  const options = await group.locator('option').allTextContents();
  assert.equal(options[0], 'Group: all');
  assert.ok(options.includes('Food & drink') && options.length > 6, String(options));
  assert.deepEqual(await price.locator('option').allTextContents(), ['Price: all', 'Price: up to €10.00', 'Price: up to €25.00', 'Price: up to €50.00']);
  const itemsOf = ({ hits }) => hits.map(({ id }) => catalog.get(id));
  assert.ok(itemsOf((await told(page, 'kin-results'))[0]).every((item) => item.price > 3));
  const food = await answered(page, () => group.selectOption({ label: 'Food & drink' }));
  assert.ok(itemsOf(food).every((item) => item.group === 'Food & drink' && item.price > 3));
  const cheap = await answered(page, () => price.selectOption({ label: 'Price: up to €10.00' }));
  assert.ok(itemsOf(cheap).every((item) => item.group === 'Food & drink' && item.price <= 10 && item.price > 3));
  assert.deepEqual(await group.locator('option').allTextContents(), options, 'the choices stay');
  await answered(page, () => page.evaluate(() => document.querySelector('kin-search').setAttribute('filter', 'price > 30')));
  assert.equal(await part(page, '.summary[role=status] .heading').textContent(), 'Nothing passes this filter.');
  const back = await answered(page, () => part(page, '.notice button').click());
  assert.ok(back.hits.length === 12 && itemsOf(back).every((item) => item.price > 30));
  assert.equal(await group.inputValue(), '');
  await end(page);
});

test('nothing similar among what passes a filter: the nearest of it, or without the filter, are a press away', async () => {
  const page = await visit();
  await upload(page, strawberry);
  const groups = await part(page, '.filter').nth(0).locator('option').evaluateAll((all) => all.slice(1).map(({ text }) => text));
  let other = null;
  for (const group of groups) if ((await catalog.search({ image: strawberry.buffer }, { filter: { group } })).verdict === 'none') other ??= group;
  await answered(page, () => part(page, '.filter').nth(0).selectOption({ label: other }));
  assert.equal(await part(page, '.summary').textContent(), 'Nothing similar here', 'no other crop is advised');
  assert.deepEqual(await part(page, '.notice button').allTextContents(), ['Show the nearest anyway', 'Clear the filter']);
  const { hits } = await answered(page, () => part(page, '.notice button').nth(1).click());
  assert.deepEqual(hits.map(({ id }) => id), near.slice(0, 12).map(({ id }) => id));
  await end(page);
});

test('what had the focus and goes away leaves it near: on the first new hit, or the heading', async () => {
  const page = await visit(pageOf(`<kin-search ${usual} limit="3"><template><a data-kin-href="url"><b data-kin-text="title"></b></a></template></kin-search>`));
  const at = () => page.evaluate(() => {
    const { activeElement: one } = document, within = one.shadowRoot?.activeElement;
    return within ? within.className : one.parentElement.slot;
  });
  const press = async (button) => {
    await button.focus();
    return answered(page, () => page.keyboard.press('Enter'));
  };
  await upload(page, strawberry);
  await press(part(page, '.more'));
  assert.equal(await at(), 'kin-3', 'a card of the page\'s own');
  await page.evaluate(() => { document.querySelector('template').remove(); });
  await answered(page, () => page.evaluate(() => document.querySelector('kin-search').setAttribute('filter', 'price > 30')));
  await part(page, '.filter').nth(1).focus();
  await answered(page, () => part(page, '.filter').nth(1).selectOption({ label: 'Price: up to €10.00' }));
  assert.equal(await at(), 'filter', 'what stays keeps it');
  await press(part(page, '.notice button'));
  assert.equal(await at(), 'heading', 'the filter is cleared');
  await upload(page, nothing);
  assert.equal(await state(page), 'none');
  await press(part(page, '.notice button'));
  assert.equal(await at(), 'card', 'the nearest are shown');
  const find = (made) => page.evaluate((made) => { document.querySelector('kin-search').find = made ? () => new Promise(() => {}) : () => Promise.reject(new Error('no')); }, made);
  await find(false);
  await upload(page, strawberry);
  await find(true);
  await part(page, '.notice button').focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'searching');
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').shadowRoot.activeElement?.type), 'file', 'the way in, where the hits are the page\'s');
  await end(page, [/^warning: kin-search: no/]);
});

for (const address of ['/published/', '/published/current.json'])
  test(`a published folder by ${address}: the file's hits, filters and pages, from the keyboard too`, async () => {
    const page = await visit(pageOf(`<kin-search ${usual.replace('/catalog.safetensors', address)}></kin-search>`));
    await upload(page, strawberry);
    const wanted = (filter, offset = 0) => catalog.search({ image: strawberry.buffer }, { limit: 12, offset, filter });
    const { hits } = await wanted();
    assert.deepEqual(await titles(page), hits.map(({ item }) => item.title));
    assert.deepEqual((await told(page, 'kin-results'))[0].hits, hits.map(({ id, position, confidence }) => ({ id, position, confidence })));
    assert.ok((await part(page, '.card img').first().getAttribute('src')).endsWith(`/images/${hits[0].id}.webp`), 'pictures lie where they lay');
    const group = part(page, '.filter').nth(0);
    assert.ok((await group.locator('option').allTextContents()).includes('Food & drink'));
    await group.focus();
    const other = await answered(page, () => page.keyboard.press('ArrowDown'));
    assert.deepEqual(other.hits.map(({ id }) => id), (await wanted({ group: await group.locator('option:checked').textContent() })).hits.map(({ id }) => id));
    const all = await answered(page, () => page.keyboard.press('ArrowUp'));
    assert.deepEqual(all.hits.map(({ id }) => id), hits.map(({ id }) => id));
    await part(page, '.more').focus();
    const more = await answered(page, () => page.keyboard.press('Enter'));
    assert.deepEqual(more.hits.map(({ id }) => id), (await wanted('', 12)).hits.map(({ id }) => id));
    await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.activeElement?.className === 'card');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => window.told.at(-1).name === 'kin-select');
    assert.equal((await told(page, 'kin-select'))[0].id, more.hits[0].id);
    await end(page);
  });

test('a market of a published folder: its titles, prices and products, and the catalogue\'s own again', async () => {
  const page = await visit(pageOf(`<kin-search ${usual.replace('/catalog.safetensors', '/published/')} locale="de"></kin-search>`));
  await upload(page, strawberry);
  assert.deepEqual(await titles(page), near.slice(1, 13).map(({ id }) => `Ding ${id}`), 'what it does not sell is not there');
  assert.equal(await part(page, '.card .price').first().textContent(), `€${(near[1].price + 100).toFixed(2)}`);
  const offered = async () => (await part(page, '.filter option:first-child').allTextContents()).map((text) => text.split(':')[0]);
  assert.deepEqual(await offered(), ['Price'], 'a field that a market lacks is not offered');
  assert.match(page.noise.join(), /no field 'group' to filter by; it has price/, 'who builds the page is told');
  await answered(page, () => page.evaluate(() => { document.querySelector('kin-search').locale = null; }));
  assert.deepEqual(await offered(), ['Group', 'Price']);
  assert.deepEqual(await titles(page), near.slice(0, 12).map(({ title }) => title));
  await answered(page, () => page.evaluate(() => {
    const finder = document.querySelector('kin-search');
    finder.loadOptions = { fields: async (ids) => (window.ids = ids).map((id) => ({ id, price: 7 })) };
    finder.locale = 'de';
  }));
  assert.equal(await part(page, '.card .price').first().textContent(), '€7.00', 'the shop\'s own API says the price');
  assert.deepEqual(await page.evaluate(() => window.ids), near.slice(1, 13).map(({ id }) => id));
  await page.evaluate(() => document.querySelector('kin-search').setAttribute('locale', 'xx'));
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'error');
  assert.match(page.noise.join(), /no market 'xx': it has de/, 'who builds the page is told');
  await end(page, [/no market 'xx'/, /no field 'group'/]);
});

// Grey noise is like nothing in the shop.
test('nothing similar is said, and what is nearest is a press away', async () => {
  const page = await visit();
  assert.equal((await catalog.search({ image: nothing.buffer })).verdict, 'none', 'the picture is what this test is about');
  await upload(page, nothing);
  assert.equal(await state(page), 'none');
  assert.match(await part(page, '[role=status].summary').textContent(), /^Nothing similar here.*another photo/, 'and announced');
  assert.equal(await part(page, '.card').count(), 0);
  const [{ verdict, hits }] = await told(page, 'kin-results');
  assert.deepEqual([verdict, hits], ['none', []], 'what is not shown is not told as shown');
  const shown = await answered(page, () => part(page, '.notice button').click());
  assert.ok(shown.hits.length === 12 && await part(page, '.card').count() === 12);
  assert.equal(await part(page, '.heading').textContent(), 'The nearest there are');
  await end(page);
});

test('cards of the page\'s own: a template, renderHit, in its own document and styles', async () => {
  const path = pageOf(`<kin-search ${usual} limit="4"><template><a class="mine" data-kin-href="url"><img data-kin-src="image" alt=""><b data-kin-text="title"></b>
    <i data-kin-text="price"></i><u data-kin-text="nowhere"></u></a></template></kin-search>`, { style: '.mine { color: rgb(1, 2, 3) }' });
  const page = await visit(path);
  await upload(page, strawberry);
  const { hits } = await catalog.search({ image: strawberry.buffer }, { limit: 4 });
  const cards = page.locator('kin-search > [slot] > .mine');
  assert.deepEqual(await cards.locator('b').allTextContents(), hits.map(({ item }) => item.title));
  assert.equal(await cards.first().locator('i').textContent(), `€${hits[0].item.price.toFixed(2)}`);
  assert.ok(await cards.first().locator('u').isHidden());
  assert.equal(await cards.first().getAttribute('href'), `${server.url}${path}${hits[0].item.url}`);
  assert.ok((await cards.first().locator('img').getAttribute('src')).endsWith(`/images/${hits[0].id}.webp`));
  assert.equal(await cards.first().evaluate((card) => getComputedStyle(card).color), 'rgb(1, 2, 3)');
  assert.ok(await cards.first().isVisible());
  await cards.nth(1).locator('b').click();
  assert.equal((await told(page, 'kin-select'))[0].id, hits[1].id);

  await page.evaluate(() => {
    document.querySelector('kin-search').renderHit = ({ id, item }, { title, src, href, match, text }) => {
      if (document.title === 'broken') throw new Error('no card');
      const card = document.createElement('button');
      card.className = 'theirs';
      card.dataset.kinChoose = '';
      card.textContent = [id, item.title === title, Boolean(src && href), match, text('price')].join('|');
      return card;
    };
  });
  await upload(page, strawberry);
  const own = page.locator('kin-search > [slot] > .theirs');
  assert.match((await own.allTextContents())[0], new RegExp(`^${hits[0].id}\\|true\\|true\\|.*\\|€\\d`));
  assert.equal(await cards.count(), 0, 'the earlier ones are gone');
  await own.nth(2).click();
  assert.equal((await told(page, 'kin-select'))[1].id, hits[2].id);
  await page.evaluate(() => { document.title = 'broken'; });
  await upload(page, strawberry);
  assert.deepEqual(await titles(page), hits.map(({ item }) => item.title), 'where the page\'s own fail there are the element\'s');
  assert.ok((await told(page, 'kin-error')).every(({ code }) => code === 'failed'));
  await page.evaluate(() => document.querySelector('kin-search').reset());
  assert.equal(await page.locator('kin-search > [slot]').count(), 0);
  await end(page, [/no card/]);
});

test('results of the page\'s own: `find` has the query, the element the photo, its crop, and what there is to wait for', async () => {
  let pass = null;
  const held = new Promise((go) => { pass = go; });
  const page = await visit(plainPage, { prepare: (page) => page.route('**/catalog.safetensors', async (route) => {
    await held;
    await route.continue();
  }) });
  await page.evaluate(() => {
    const finder = document.querySelector('kin-search');
    Object.assign(window, { asked: [], heard: 0, broken: false });
    finder.loadOptions = { onProgress: () => { window.heard++; } };
    finder.find = async (query, { signal }) => {
      window.asked.push({ query, signal });
      if (window.broken) throw new Error('no list');
      const { catalog } = await finder.open();
      const answer = await catalog.search(query, { limit: 5, signal });
      window.shown = answer.hits.map(({ id }) => id);
      return answer;
    };
  });
  const visible = (name) => part(page, name).isVisible();
  await part(page, '.primary input').setInputFiles(strawberry);
  await page.waitForFunction(() => document.querySelector('kin-search').state === 'loading');
  assert.deepEqual([await visible('.progress'), await visible('.results'), await visible('.frame')], [true, false, true]);
  pass();
  await settled(page);
  const ids = async (query) => (await catalog.search(query, { limit: 5 })).hits.map(({ id }) => id);
  assert.deepEqual([await state(page), await page.evaluate(() => window.shown)], ['results', await ids({ image: strawberry.buffer })]);
  assert.deepEqual([await visible('.found'), await part(page, '.card').count(), await page.evaluate(() => window.heard > 0)], [false, 0, true]);
  assert.deepEqual((await told(page, 'kin-results')).map(({ hits }) => hits.map(({ id }) => id)), [await page.evaluate(() => window.shown)]);
  assert.deepEqual(await page.evaluate(() => Object.keys(window.asked[0].query)), ['image'], 'all of the photo: no box');

  await part(page, '.box').focus();
  await answered(page, () => page.keyboard.press('-'));
  const { box, fit, name } = await page.evaluate(() => ({ ...window.asked[1].query, name: window.asked[1].query.image.name }));
  assert.ok(name === strawberry.name && box.width < 0.9);
  assert.deepEqual(await page.evaluate(() => window.shown), await ids({ image: strawberry.buffer, box, fit }));
  await page.evaluate(() => { // the latest one wins
    const finder = document.querySelector('kin-search');
    return Promise.all([finder.search('/samples/1f697.png'), finder.search('/samples/1f460.png')]);
  });
  assert.deepEqual(await page.evaluate(() => window.asked.slice(-2).map(({ signal }) => signal.aborted)), [true, false]);
  assert.deepEqual(await page.evaluate(() => window.shown), await ids({ image: readFileSync('build/site/samples/1f460.png') }));

  await upload(page, nothing);
  assert.equal(await state(page), 'none');
  assert.deepEqual([await part(page, '.heading').textContent(), await visible('.heading'), await visible('.notice')], ['Nothing similar here', true, false]);
  await page.evaluate(() => { window.broken = true; });
  await upload(page, strawberry);
  assert.deepEqual([await state(page), await visible('.notice'), (await told(page, 'kin-error')).length], ['error', true, 1]);
  await page.evaluate(() => { window.broken = false; });
  await answered(page, () => part(page, '.notice button').click());
  assert.deepEqual([await state(page), await visible('.found')], ['results', false]);
  await answered(page, () => page.evaluate(() => { document.querySelector('kin-search').filter = 'price > 30'; }));
  await part(page, '.remove').click();
  assert.deepEqual([await state(page), (await page.evaluate(() => window.told)).at(-1)], ['start', { name: 'kin-remove', detail: {}, composed: true }]);
  await end(page, [/no list/]);
});

test('a page puts a photo there, has what it searches with, says something in the first view, and may take what is dropped', async () => {
  const page = await visit(pageOf(`<kin-search ${usual}><p id="mine">A strawberry, say</p></kin-search>`));
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  assert.ok(await page.isVisible('#mine'));
  const at = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };
  const show = (source, box = null) => page.evaluate(([source, box]) => document.querySelector('kin-search').show(source, box), [source, box]);
  await show('/samples/1f353.png', at);
  assert.equal(await state(page), 'shown');
  const side = (name) => part(page, '.frame').evaluate((frame, name) => Number(frame.style.getPropertyValue(`--${name}`)), name);
  assert.deepEqual([await side('x'), await side('width')], [0.25, 0.5]);
  await page.waitForFunction(() => document.querySelector('kin-search').shadowRoot.querySelector('.preview').naturalWidth);
  assert.deepEqual([await page.isVisible('#mine'), await part(page, '.found').isVisible(), await told(page, 'kin-results')], [false, false, []]);
  assert.ok(asked.includes('/kin/element/view.js'));
  assert.deepEqual(asked.filter((path) => /^\/model\/|\.safetensors$|\.wasm$/.test(path)), []);
  await page.evaluate(() => document.querySelector('kin-search').focus({ crop: true }));
  const { hits } = await answered(page, () => page.keyboard.press('ArrowLeft'));
  const box = { ...at, x: await side('x') };
  assert.ok(box.x < at.x);
  assert.deepEqual(hits.map(({ id }) => id), (await catalog.search({ image: readFileSync('build/site/samples/1f353.png'), box, fit: 'pad' }, { limit: 12 })).hits.map(({ id }) => id));
  await show('/samples/1f353.png', at);
  assert.deepEqual([await state(page), await part(page, '.card').count(), await side('x')], ['shown', 0, 0.25], 'hits of another crop are not left');

  const words = await page.evaluate(async () => {
    const { clip, catalog } = await document.querySelector('kin-search').open();
    await clip.preload('text');
    return (await catalog.search({ text: 'strawberry' }, { limit: 3 })).hits.map(({ id }) => id);
  });
  assert.deepEqual(words, (await catalog.search({ text: 'strawberry' }, { limit: 3 })).hits.map(({ id }) => id));
  assert.equal(await page.evaluate(async () => {
    const finder = document.querySelector('kin-search');
    finder.catalog = '/none/';
    return finder.open().catch(({ name, code }) => `${name} ${code}`);
  }), 'KinError http');

  await page.evaluate(() => document.addEventListener('drop', (event) => event.preventDefault(), { capture: true, once: true }));
  await dropped(page, 'kin-search', strawberry);
  await page.waitForTimeout(100);
  assert.deepEqual([await state(page), await part(page, '.over').count()], ['shown', 0]);
  await end(page, [/404/]);
});

test('names and addresses of a catalogue are data', async () => {
  const path = pageOf('<kin-search catalog="/hostile.safetensors" model="/model/" fields="price, title"></kin-search>');
  const page = await visit(path);
  await upload(page, strawberry);
  assert.deepEqual((await titles(page)).sort(), [evil, 'C', 'b'].sort());
  const links = await part(page, '.card').evaluateAll((all) => all.map((card) => [card.localName, card.href, card.querySelector('img').getAttribute('src')]));
  assert.deepEqual(links.filter(([kind]) => kind === 'a').map(([, href]) => href), ['https://shop.example/c?a=1&b=%222%22']);
  assert.deepEqual(links.map(([, , src]) => src).filter(Boolean), [`${server.url}/images/1f353.webp`]);
  assert.equal(await page.evaluate(() => document.querySelector('kin-search').shadowRoot.querySelectorAll('script, [onerror]').length), 0);
  await end(page);
});
