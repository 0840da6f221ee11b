// How the worker starts, and what is said where it can't: every way that a host, a policy or a file stands against it.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { embedded } from '../models.js';
import { listen, send } from '../server.js';
import { launch, open } from './shop.js';

const site = mkdtempSync(join(tmpdir(), 'kin-worker-'));
cpSync('web', join(site, 'kin'), { recursive: true, filter: (path) => !/demo|\.node\.js$/.test(path) });
cpSync(embedded, join(site, 'model'), { recursive: true });
writeFileSync(join(site, 'index.html'), '<!doctype html><title>x</title><link rel="icon" href="data:,">');
for (const [name, text] of Object.entries({ 'own.js': "import './other.js'; import './kin/worker/worker.js';", 'empty.js': '', 'other.js': 'postMessage("hi");',
  'throws.js': 'throw new Error("no luck");', 'lacks.js': "import './none.js';" })) writeFileSync(join(site, name), text);

const pageOf = '/index.html';
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const shared = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };

// The site with `headers(path)`, its files lying at where(path).
const hosts = [];
async function host(headers = () => ({}), where = (path) => path) {
  const one = await listen((request, response, path) => {
    for (const [name, value] of Object.entries(headers(path))) response.setHeader(name, value);
    if (path === '/html.js') return response.setHeader('content-type', 'text/html').end('<!doctype html>');
    if (path === '/plain.js') return response.setHeader('content-type', 'text/plain').end('1');
    if (path === '/leads.js') return response.writeHead(302, { location: `${other.url}/own.js` }).end();
    return send(response, site, where(path));
  });
  hosts.push(one);
  return one;
}

let browser, server, other;
before(async () => {
  browser = await launch();
  server = await host();
  other = await host(() => shared);
});
after(async () => {
  await browser.close();
  for (const one of hosts) one.stop();
  rmSync(site, { recursive: true });
});

// Loads in the page and embeds. `trusted`: the address by a policy of that name.
const attempt = (frame, { from = '', trusted, ...options } = {}) => frame.evaluate(async ({ from, trusted, options }) => {
  const { load } = await import(`${from}/kin/index.js`);
  if (trusted) options.worker = trustedTypes.createPolicy(trusted, { createScriptURL: (url) => url }).createScriptURL(options.worker);
  try {
    const clip = await load({ model: `${from}/model/`, ...options });
    const { length } = await clip.embedText('a boot');
    const { threads, threadsReason } = clip.info;
    await clip.close();
    return `${length} numbers, ${threads} threads: ${threadsReason}`;
  } catch (error) {
    return `${error.name} ${error.code}: ${error.message}`;
  }
}, { from, trusted, options });

const refused = (url, why) => `KinError no-worker: Kin's worker could not be started from ${url}: ${why}`;

test('a worker of an address: what came in its place, and the cure', async () => {
  const page = await open(browser, server.url + pageOf);
  const check = 'Check the address; the whole folder node_modules/kin-clip/web belongs beside it.';
  for (const [path, why] of [
    ['/none.js', `the server answered 404. ${check}`],
    ['/html.js', `a web page came in its place. ${check}`],
    ['/plain.js', 'it came as text/plain. Serve .js files as text/javascript.'],
    ['/throws.js', `it failed: Uncaught Error: no luck. ${check}`],
    ['/lacks.js', `it or a file that it imports could not be read. ${check}`],
    ['/leads.js', `it leads on to ${other.url}/own.js. Give that address.`]])
    assert.equal(await attempt(page, { worker: path }), refused(server.url + path, why));
  assert.match(await attempt(page, { worker: './own.js' }), /^256 numbers/);
  assert.equal(await attempt(page, { worker: 'http://[' }), "KinError bad-argument: worker: 'http://[' is not an address.");
  await page.context().close();
});

for (const file of ['/empty.js', '/other.js'])
  test(`a worker that never says hello: ${file}`, async () => {
    const page = await open(browser, server.url + pageOf);
    await page.clock.install();
    const answer = attempt(page, { worker: file });
    while (!page.workers().length) await page.waitForEvent('worker');
    await page.clock.fastForward(29_000);
    assert.equal(await Promise.race([answer, page.evaluate(() => 'waiting')]), 'waiting');
    await page.clock.fastForward(2000);
    assert.equal(await answer, refused(server.url + file, 'it did not say hello within 30 seconds. Let the file import "kin-clip/worker".'));
    while (page.workers().length) await page.evaluate(() => new Promise(requestAnimationFrame)); // it has been ended
    await page.context().close();
  });

test('the package\'s own worker is not there: the line that mends it', async () => {
  const bare = await host((path) => ({ 'x-path': path }));
  const page = await open(browser, bare.url + pageOf);
  await page.route('**/kin/worker/embed.js', (route) => route.fulfill({ status: 404 }));
  assert.equal(await attempt(page), refused(`${bare.url}/kin/worker/embed.js`, "the server answered 404. Copy the folder " +
    "node_modules/kin-clip/web to /kin of the site and say worker: '/kin/worker/worker.js'."));
  await page.context().close();
});

// As Vite 5 to 7 serve it in development: the scripts in one folder, what they name by address in the package.
for (const whole of [true, false])
  test(`scripts apart from what they name by address are ${whole ? 'brought together' : 'told of'}`, async () => {
    const shop = await host(undefined, (path) => (whole && path.startsWith('/a/node_modules/kin-clip/web/') ? path.replace('/a/node_modules/kin-clip/web/', '/kin/')
      : /wasm|worker\/worker/.test(path) ? '/none' : path.replace(/^\/a\/node_modules\/.vite\/(?=kin|model)/, '/')));
    const page = await open(browser, shop.url + pageOf);
    const from = `${shop.url}/a/node_modules/.vite`;
    if (whole) for (const worker of [undefined, false]) assert.match(await attempt(page, { from, worker }), /^256 numbers/);
    else assert.equal(await attempt(page, { from }), refused(`${shop.url}/a/node_modules/kin-clip/web/worker/embed.js`,
      "the server answered 404. Say optimizeDeps: { exclude: ['kin-clip'] } in vite.config.js."));
    await page.context().close();
  });

for (const isolate of [false, true])
  test(`scripts of another host: a blob where it was asked for${isolate ? ', with threads' : ''}`, async () => {
    const shop = await host(() => (isolate ? isolated : {}));
    const page = await open(browser, shop.url + pageOf);
    const address = `${other.url}/kin/worker/worker.js`;
    const why = "a page starts workers of its own host alone. Say worker: 'blob', or give the address of a file of yours " +
      `with the line import "${address}";`;
    assert.equal(await attempt(page, { from: other.url }), refused(`${other.url}/kin/worker/embed.js`, why));
    assert.equal(await attempt(page, { from: other.url, worker: address }), refused(address, why));
    assert.match(await attempt(page, { from: other.url, worker: 'blob', threads: 2 }), isolate ? /^256 numbers, 2 threads/ : /^256 numbers, 1 /);
    assert.match(await attempt(page, { from: other.url, worker: false }), /^256 numbers/);
    assert.deepEqual(page.noise, []);
    await page.context().close();
  });

test('a policy that forbids the worker, and the directive for it', async () => {
  const policies = [["worker-src 'none'", {}, '/kin/worker/embed.js', () => "Add worker-src 'self' to it."],
    ["worker-src 'self'", { worker: 'blob' }, '/kin/worker/embed.js', (url) => `Add worker-src blob: ${url} to it.`],
    [`script-src 'self' 'wasm-unsafe-eval'; worker-src blob: 'self'`, { worker: 'blob' }, null],
    [`script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'`, {}, null]];
  for (const [policy, options, path, cure] of policies) {
    const shop = await host(() => ({ 'content-security-policy': policy }));
    const page = await open(browser, shop.url + pageOf);
    const got = await attempt(page, options);
    if (path) assert.equal(got, refused(shop.url + path, `the page's Content-Security-Policy forbids it. ${cure(shop.url)}`));
    else assert.match(got, /^256 numbers/);
    await page.context().close();
  }
});

test('a sandboxed frame without a host of its own', async () => {
  const shop = await host(() => shared);
  const page = await open(browser, shop.url + pageOf);
  await page.evaluate(() => {
    const frame = Object.assign(document.createElement('iframe'), { src: '/index.html?frame' });
    frame.sandbox = 'allow-scripts';
    document.body.append(frame);
  });
  await page.waitForFunction(() => frames.length);
  const frame = page.frames()[1];
  await frame.waitForURL(/frame/);
  assert.equal(await attempt(frame, { from: shop.url }), refused(`${shop.url}/kin/worker/embed.js`, 'this frame is sandboxed and has no host ' +
    "of its own. Say worker: 'blob', or add allow-same-origin to the frame's sandbox."));
  assert.match(await attempt(frame, { from: shop.url, worker: 'blob' }), /^256 numbers/);
  assert.match(await attempt(frame, { from: shop.url, worker: false }), /^256 numbers/);
  await page.context().close();
});

test('an isolated page whose worker file says nothing of it', async () => {
  const shop = await host((path) => (path === pageOf ? isolated : {}));
  const page = await open(browser, shop.url + pageOf);
  assert.equal(await attempt(page), refused(`${shop.url}/kin/worker/embed.js`, 'this page is cross-origin isolated. Send ' +
    'Cross-Origin-Embedder-Policy: require-corp with it too.'));
  await page.context().close();
});

// The policy counts in the worker too, which starts helpers. A name may be used once unless 'allow-duplicates' is said.
for (const [names, own, threads] of [['', true, 2], ['; trusted-types kin-clip', true, 2], ['; trusted-types page', false, 1]])
  test(`Trusted Types${names}: ${own ? "Kin's own worker starts" : 'the name to add'}, and an address that is vouched for`, async () => {
    const shop = await host(() => ({ ...isolated, 'content-security-policy': `require-trusted-types-for 'script'${names}` }));
    const address = `${shop.url}/kin/worker/worker.js`;
    const page = await open(browser, shop.url + pageOf);
    assert.equal(await attempt(page, { worker: '/kin/worker/worker.js' }), refused(address, "this page requires Trusted Types. Say worker: " +
      `trustedTypes.createPolicy('kin-clip', { createScriptURL: (url) => url }).createScriptURL('${address}').`));
    assert.match(await attempt(page, { worker: address, trusted: own ? 'kin-clip' : 'page', threads: 2 }), new RegExp(`^256 numbers, ${threads} threads`));
    assert.match(await attempt(page, { worker: false }), /^256 numbers/);
    await page.context().close();
    const other = await open(browser, shop.url + pageOf);
    for (const worker of [undefined, 'blob']) {
      const got = await attempt(other, { worker, threads: 2 });
      if (own) assert.match(got, /^256 numbers, 2 threads/);
      else assert.equal(got, refused(address.replace('worker.js', 'embed.js'), 'this page requires Trusted Types. Add kin-clip to the names in its trusted-types.'));
    }
    if (own) assert.deepEqual(await other.evaluate(() => window.violations), []);
    await other.context().close();
  });

test('without another worker there is none: the page\'s own is as it was', async () => {
  const page = await open(browser, server.url + pageOf);
  const same = await page.evaluate(async () => {
    const { Worker } = globalThis;
    const { load } = await import('/kin/index.js');
    await (await load({ model: '/model/' })).close();
    return Worker === globalThis.Worker;
  });
  assert.ok(same);
  await page.context().close();
});
