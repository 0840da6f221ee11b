// The module worker of a page. Its helper threads are further starts of the very file that runs, whether that
// is this one, a bundler's or the caller's own.
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

const startHelper = (handlers) => link(new Worker(globalThis.location.href, { type: ownType() }), handlers);
const receive = serve((message, transfer) => globalThis.postMessage(message, transfer ?? []),
  { ...platform, startHelper });
globalThis.onmessage = ({ data }) => receive(data);
