// Why a worker could not be started, in one sentence with the line that mends it. Browsers tell a script next to
// nothing of that, so the file is looked at once more. Loaded when one could not.
import { patience } from './hello.js';
import { KinError } from '../shared/errors.js';

const beThere = (own, address) => (!own ? 'Check the address; the whole folder node_modules/kin-clip/web belongs beside it.'
  : address.includes('/node_modules/') ? "Say optimizeDeps: { exclude: ['kin-clip'] } in vite.config.js."
    : "Copy the folder node_modules/kin-clip/web to /kin of the site and say worker: '/kin/worker/worker.js'.");

// A file of a page's own has to be able to do all (embed.js, find.js are parts of it).
const whole = (address) => address.replace(/\/(?:embed|find)\.js(?=$|[?#])/, '/worker.js');

// What fetching it shows -> [cause, cure]; null: nothing.
async function lookAt(address, cure) {
  let response;
  try {
    response = await fetch(address, { signal: globalThis.AbortSignal?.timeout?.(5000) });
    response.body?.cancel();
  } catch {
    return ['it cannot be reached, or its host does not let this page read it', `Send Access-Control-Allow-Origin with it. ${cure}`];
  }
  const { status, ok, url, headers } = response;
  const type = headers.get('content-type') ?? 'no type';
  if (!ok) return [`the server answered ${status}`, cure];
  if (/html/.test(type)) return ['a web page came in its place', cure];
  if (!/(?:java|ecma)script/.test(type)) return [`it came as ${type}`, 'Serve .js files as text/javascript.'];
  if (new URL(url).origin !== new URL(address).origin) return [`it leads on to ${url}`, 'Give that address.'];
  if (globalThis.crossOriginIsolated && !headers.has('cross-origin-embedder-policy'))
    return ['this page is cross-origin isolated', 'Send Cross-Origin-Embedder-Policy: require-corp with it too.'];
  return null;
}

// `error`: what was thrown, or the event; null: it kept silent. `stopped`: addresses and schemes that policies stopped.
async function findOut(error, { address, own, blob, stopped }) {
  const { origin, protocol } = new URL(address);
  const cure = beThere(own, address);
  if (error?.name === 'TypeError' && globalThis.trustedTypes)
    return ['this page requires Trusted Types', own ? 'Add kin-clip to the names in its trusted-types.' : `Say worker: trustedTypes.createPolicy('kin-clip', { createScriptURL: (url) => url }).createScriptURL('${address}').`];
  if (!blob && globalThis.origin === 'null' && protocol !== 'blob:' && protocol !== 'data:')
    return ['this frame is sandboxed and has no host of its own', "Say worker: 'blob', or add allow-same-origin to the frame's sandbox."];
  if (!blob && error?.name === 'SecurityError' && origin !== globalThis.origin)
    return ['a page starts workers of its own host alone', `Say worker: 'blob', or give the address of a file of yours with the line import "${whole(address)}";`];
  const through = blob && `${globalThis.origin === 'null' ? 'data' : 'blob'}: ${origin}`;
  if (stopped.has(blob ? through.split(':')[0] : address))
    return ["the page's Content-Security-Policy forbids it", `Add worker-src ${through || "'self'"} to it.`];
  if (!error)
    return [`it did not say hello within ${patience} seconds`, own ? 'Call again.' : 'Let the file import "kin-clip/worker".'];
  if (error.message) return [`it failed: ${error.message}`, cure];
  return await lookAt(address, cure) || ['it or a file that it imports could not be read',
    blob ? `The page's Content-Security-Policy has to allow worker-src ${through}, and that host to send Access-Control-Allow-Origin.` : cure];
}

export async function explain(error, file) {
  const [cause, cure] = await findOut(error, file);
  return new KinError('no-worker', `Kin's worker could not be started from ${file.address.slice(0, 200)}: ${cause}. ${cure}`, { cause: error });
}
