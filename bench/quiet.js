// A page of a Chromium of its own whose memory is to be measured: driven through a pipe by Chromium's own protocol, with nothing
// turned on. Playwright has the network log on, which keeps what a page fetched in the page's process, up to 100 MB.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// -> { evaluate(fn, argument), renderers(): their process numbers, close() }
export async function quietPage(url) {
  const profile = mkdtempSync(join(tmpdir(), 'kin-bench-'));
  const child = spawn(process.env.CHROME || '/usr/bin/chromium', ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--remote-debugging-pipe', `--user-data-dir=${profile}`], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const [, , , to, from] = child.stdio;
  const waiting = new Map();
  let [last, text] = [0, ''];
  from.setEncoding('utf8').on('data', (part) => {
    const messages = (text + part).split('\0');
    text = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      if (error) waiting.get(id)?.reject(new Error(error.message));
      else waiting.get(id)?.resolve(result);
      waiting.delete(id);
    }
  });
  child.on('exit', () => { for (const { reject } of waiting.values()) reject(new Error('Chromium ended.')); });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
  });
  const { targetId } = await send('Target.createTarget', { url });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const evaluate = async (fn, argument) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', { expression: `(${fn})(${JSON.stringify(argument)})`, awaitPromise: true, returnByValue: true }, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  while (!await evaluate((wanted) => location.href === wanted && document.readyState === 'complete', url).catch(() => false)) await new Promise((resolve) => { setTimeout(resolve, 50); });
  return { evaluate, renderers: async () => (await send('SystemInfo.getProcessInfo')).processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id),
    async close() {
      const ended = once(child, 'exit');
      send('Browser.close').catch(() => {}); // it may end before it answers
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    } };
}
