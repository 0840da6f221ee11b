// Readers who set their browser to text of twice the size get it on every page of the demo, with nothing cut off, laid over another
// thing or beside the screen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, ready, serve } from './shop.js';

let browser, server;
before(async () => {
  browser = await launch('--blink-settings=defaultFontSize=32');
  server = await serve('build/site');
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const width of [1280, 375])
  test(`twice the text at ${width} pixels`, async () => {
    for (const path of ['', 'gallery.html', 'docs.html', 'widget.html']) {
      const page = await open(browser, server.url + path, { width });
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).fontSize), '32px', path);
      if (!path) {
        await ready(page);
        const found = await page.evaluate(() => {
          const root = document.getElementById('finder').shadowRoot;
          const boxes = [...root.querySelectorAll('.stage, .primary, .adjust, bdi'), document.getElementById('how'), document.getElementById('text'), document.querySelector('.try'), document.getElementById('found')]
            .map((node) => ({ name: node.className || node.id || node.localName, cut: node.scrollWidth > node.clientWidth + 1 && node.localName === 'button', ...node.getBoundingClientRect().toJSON() }));
          const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
          return [...boxes.filter(({ cut }) => cut).map(({ name }) => name), ...boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => over(a, b)).map((b) => `${a.name} and ${b.name}`))];
        });
        assert.deepEqual(found, [], 'none is cut, none lies over another');
        const [stage, frame] = await Promise.all(['.stage', '.frame'].map((part) => page.locator(`#finder ${part}`).boundingBox()));
        assert.ok(frame.y > stage.y - 1 && frame.y + frame.height < stage.y + stage.height + 1, 'the photo is whole');
      }
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path}: ${await page.evaluate(() => document.documentElement.scrollWidth)} pixels`);
      await page.context().close();
    }
  });
