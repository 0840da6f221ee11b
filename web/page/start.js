// Starts the worker of a page, and alone knows where it lies. Bundlers follow that address as they follow an
// import, and some for ever if it leads back here: nothing that the worker imports may import this.
import { fail } from '../shared/errors.js';
import { link } from '../shared/link.js';
import * as platform from '../worker/platform.js';
import { serveHere } from '../worker/serve.js';

// `kind`: the URL of another worker file; false: no worker, the same on this thread. `handlers`: { message, died }.
export function startWorker(kind, handlers) {
  if (kind === false) return serveHere({ ...platform, startHelper: (own) => startWorker(true, own) }, handlers);
  if (typeof Worker !== 'function') fail('unsupported', 'Nothing here can start a worker: say worker: false.');
  return link(kind && kind !== true ? new Worker(kind, { type: 'module' })
    : new Worker(new URL('../worker/worker.js', import.meta.url), { type: 'module' }), handlers);
}
