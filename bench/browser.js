// Chromium for the bench, and contenders that live in pages of it.
import { chromium } from 'playwright-core';

const how = ({ args = [] } = {}) => ({
  executablePath: process.env.CHROME || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--enable-precise-memory-info', ...args],
});

export const launch = (options) => chromium.launch(how(options));

// A browser with a profile of its own in `folder`, as a shopper's: its caches last from page to page. -> its context
export const profile = (folder) => chromium.launchPersistentContext(folder, how());

export const blank = async (browser, url) => open(await browser.newContext(), url);

export async function open(context, url) {
  const page = await context.newPage();
  page.setDefaultTimeout(0);
  page.noise = [];
  page.on('pageerror', (error) => page.noise.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error') page.noise.push(message.text()); });
  await page.goto(`${url}/bench/page/page.html`);
  return page;
}

// options: { name: an engine file of bench/page, label, model, tower, ... } -> a contender for race.js
export async function contender(browser, url, { label, ...options }) {
  const page = await blank(browser, url);
  const call = (name, argument) => page.evaluate(([name, argument]) => window.bench[name](argument), [name, argument])
    .catch((error) => { throw new Error(`${label}: ${error.message.split('\n')[0]} ${page.noise.join(' ')}`); });
  const info = await call('open', options);
  return { label, info, page, options, check: () => call('check', options.tower), time: (how) => call('time', how),
    call, close: () => page.context().close() };
}
