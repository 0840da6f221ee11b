// Chromium for the bench, and contenders that live in pages of it.
import { chromium } from 'playwright-core';

export const launch = ({ args = [] } = {}) => chromium.launch({
  executablePath: process.env.CHROME || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--enable-precise-memory-info', ...args],
});

export async function blank(browser, url) {
  const page = await (await browser.newContext()).newPage();
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
