// A module worker of a page. Its helper threads are further starts of the very file that runs, whether that
// is one of Kin's, a bundler's or the caller's own.
import { link } from '../shared/link.js';
import * as platform from './platform.js';
import { serve } from './serve.js';

// Some bundlers make a classic worker of a module; in a module importScripts throws.
function ownType() {
  try {
    globalThis.importScripts();
    return 'classic';
  } catch {
    return 'module';
  }
}

// Where Trusted Types are required, an address has to be vouched for; this file runs already.
let address = globalThis.location.href;
function mayStart() {
  try {
    if (typeof address === 'string')
      address = globalThis.trustedTypes?.createPolicy('kin-clip', { createScriptURL: (url) => url }).createScriptURL(address) ?? address;
    return true;
  } catch {
    return false;
  }
}

const startHelper = (handlers) => link(new Worker(address, { type: ownType() }), handlers);
const features = () => {
  const found = platform.features();
  return { ...found, workers: found.workers && (!found.isolated || mayStart()) };
};

// `kinds`: what it can open.
export function begin(kinds) {
  const receive = serve((message, transfer) => globalThis.postMessage(message, transfer ?? []), { ...platform, features, startHelper }, kinds);
  globalThis.onmessage = ({ data }) => receive(data);
  globalThis.postMessage({ hello: 'kin-clip' });
}
