// The demo shop in a real Chromium: starts `kin serve` on it, opens pages, notes everything that went wrong.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

export async function serve(folder, ...flags) {
  const child = spawn(process.execPath, ['catalog/cli.js', 'serve', folder, '--port', '0', ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = createInterface({ input: child.stdout });
  const errors = createInterface({ input: child.stderr });
  const url = await new Promise((resolve, reject) => {
    for (const from of [lines, errors]) from.on('line', (line) => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (found) resolve(found[0]);
    });
    child.on('exit', (code) => reject(new Error(`kin serve ended with ${code}`)));
  });
  return { url: `${url}/`, async stop() {
    child.kill();
    await once(child, 'exit');
  } };
}

export const launch = (...more) => chromium.launch({
  executablePath: process.env.CHROME || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', ...more],
});

// A page that must stay silent: console messages, errors, failed requests, dialogs and policy violations
// are collected in page.noise, requests with a body or to another host in page.sent.
export async function open(browser, url, { width = 1280, height = 900, bypassCSP = false, go = true, touch = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, bypassCSP, hasTouch: touch, isMobile: touch });
  const page = await context.newPage();
  page.noise = [];
  page.sent = [];
  page.on('console', (message) => page.noise.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => page.noise.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { page.noise.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('response', (response) => { if (response.status() >= 400) page.noise.push(`${response.status()} ${response.url()}`); });
  page.on('request', (request) => {
    if (request.postDataBuffer() || !request.url().startsWith(new URL(url).origin) && !/^(data|blob):/.test(request.url()))
      page.sent.push(`${request.method()} ${request.url()}`);
  });
  await page.addInitScript(() => {
    window.violations = [];
    window.shifts = []; // what moved without the visitor's doing
    new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((shift) => !shift.hadRecentInput)
      .map((shift) => `${shift.value}: ${shift.sources.map(({ node }) => node?.id || node?.nodeName)}`)))
      .observe({ type: 'layout-shift', buffered: true });
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  if (go) await page.goto(url);
  return page;
}

// Waits until the search after `act` has been answered.
export async function answered(page, act) {
  await page.evaluate(() => { document.getElementById('status').textContent = 'waiting'; });
  await act();
  await page.waitForFunction(() => !document.getElementById('results').hasAttribute('aria-busy') &&
    document.getElementById('status').textContent !== 'waiting', null, { timeout: 30000 });
  return page.$$eval('#results [data-hit-id]', (cards) => cards.map((card) => ({ id: card.dataset.hitId,
    score: Number(card.dataset.score), title: card.querySelector('.title').textContent })));
}

// The way in of the shop's <kin-search>.
export const photoInput = '#finder .primary input';

// The first photo is in the element: all that the page does by itself is done.
export const ready = (page) => page.waitForFunction(() => document.getElementById('finder').state === 'shown', null, { timeout: 30000 });

// A first search is answered, by the model: the sample that is shown already.
export const loaded = (page) => answered(page, () => page.click('.sample >> nth=0'));
