// Starts the worker of a page, and alone knows where it lies. Bundlers follow that address as they follow an
// import, and some for ever if it leads back here: nothing that the worker imports may import this.
import { fail, onFirstUse } from '../shared/errors.js';
import { greet } from './hello.js';
import { link } from '../shared/link.js';
import { base } from './pack.js';
import { place } from '../shared/place.js';
import * as kinds from '../worker/kinds.js';
import * as platform from '../worker/platform.js';
import { serveHere } from '../worker/serve.js';

// By this expression bundlers find the worker's file, and put an address of theirs into it. They know it only whole, so
// its address is read by running it with another Worker, which starts nothing; nobody else runs meanwhile.
const make = () => new Worker(new URL('../worker/embed.js', import.meta.url), { type: 'module' });
function ownFile(make) {
  const { Worker } = globalThis;
  try {
    globalThis.Worker = function read(url, options) {
      return { url, options };
    };
    return make();
  } finally {
    globalThis.Worker = Worker;
  }
}

// Where addresses have to be vouched for (Trusted Types), what is one already stays as it is.
function moved(url) {
  const address = String(url);
  const better = place(address);
  return better === address ? url : better;
}

// A worker that imports the file: for hosts from which a page starts none. Helper threads start it again, so it stays. A
// frame without a host of its own cannot read its own blobs as modules.
const blobs = new Map();
function blobOf(address, { type }) {
  if (blobs.has(address)) return blobs.get(address);
  const text = type === 'module' ? `import ${JSON.stringify(address)};` : `importScripts(${JSON.stringify(address)});`;
  const blob = globalThis.origin === 'null' ? `data:text/javascript,${encodeURIComponent(text)}`
    : URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  blobs.set(address, blob);
  return blob;
}

// Kin's own file is vouched for where Trusted Types are required. A page whose `trusted-types` lacks the name is told of it.
let policy;
function vouched(url) {
  try {
    policy ??= globalThis.trustedTypes?.createPolicy('kin-clip', { createScriptURL: (address) => address });
  } catch {}
  return policy?.createScriptURL(url) ?? url;
}

function fileOf(kind, make) {
  if (kind && kind !== true && kind !== 'blob') return { url: kind, options: { type: 'module' } };
  const { url, options } = ownFile(make);
  return { url: moved(url), options, own: true };
}

// Policies that stopped a worker: what was blocked, as the events say it.
const stopped = new Set();
function note({ effectiveDirective, blockedURI }) {
  if (effectiveDirective === 'worker-src') stopped.add(blockedURI);
}

async function explain(error, file) {
  const why = await onFirstUse(import('./why.js'));
  return why.explain(error, file);
}

// `kind`: the address of another worker file; 'blob': the own file, by a blob; false: no worker, the same on this
// thread. `handlers`: { message, died }. `other`: { make, kinds } of another worker than the usual one (find.js).
export function startWorker(kind, handlers, other = { make, kinds }) {
  if (kind === false) return serveHere({ ...platform, startHelper: (own) => startWorker(true, own) }, other.kinds, handlers);
  if (typeof Worker !== 'function') fail('unsupported', 'Nothing here can start a worker: say worker: false.');
  const { url, options, own } = fileOf(kind, other.make);
  const blob = kind === 'blob';
  let address = String(url);
  try {
    address = new URL(address, base()).href;
  } catch {
    fail('bad-argument', `worker: '${address}' is not an address.`);
  }
  globalThis.addEventListener('securitypolicyviolation', note); // the same function counts once
  return greet((heard) => link(new Worker(own ? vouched(blob ? blobOf(address, options) : url) : url, options), heard), handlers,
    (error) => explain(error, { address, own, blob, stopped }));
}
