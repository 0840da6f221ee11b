// Starts the worker thread of Node, as start.js does that of a page.
import { startThread } from '../shared/link.node.js';
import * as platform from '../worker/platform.node.js';
import { serveHere } from '../worker/serve.js';

export function startWorker(kind, handlers) {
  if (kind === false) return serveHere({ ...platform, startHelper: (own) => startWorker(true, own) }, handlers);
  return startThread(kind && kind !== true ? kind : new URL('../worker/worker.node.js', import.meta.url), handlers);
}
