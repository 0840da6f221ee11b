// Starts the worker thread of Node, as start.js does that of a page.
import { greet, patience } from './hello.js';
import { KinError } from '../shared/errors.js';
import { startThread } from '../shared/link.node.js';
import * as finding from '../worker/finding.js';
import * as kinds from '../worker/kinds.js';
import * as platform from '../worker/platform.node.js';
import { serveHere } from '../worker/serve.js';

export function startWorker(kind, handlers) {
  if (kind === false)
    return serveHere({ ...platform, startHelper: (own) => startWorker(true, own) }, { ...kinds, ...finding }, handlers);
  const file = kind && kind !== true && kind !== 'blob' ? kind : new URL('../worker/worker.node.js', import.meta.url);
  const why = (error) => error?.message ?? `it did not say hello within ${patience} seconds`;
  return greet((heard) => startThread(file, heard), handlers, async (error) => new KinError('no-worker', `Kin's worker could not be ` +
    `started from ${String(file).slice(0, 200)}: ${why(error)}. Leave out worker, or give the absolute path of a file that ` +
    'imports "kin-clip/worker".', { cause: error }));
}
