// The worker thread of Node, which can open all. Told to stop, it listens no more: with nothing left to do the thread ends.
import { parentPort, workerData } from 'node:worker_threads';
import { startThread } from '../shared/link.node.js';
import * as finding from './finding.js';
import * as kinds from './kinds.js';
import * as platform from './platform.node.js';
import { serve } from './serve.js';

const startHelper = (handlers) => startThread(workerData.file, handlers);
const receive = serve((message, transfer) => parentPort.postMessage(message, transfer ?? []),
  { ...platform, startHelper }, { ...kinds, ...finding });
parentPort.on('message', (message) => {
  receive(message);
  if (message.stop) parentPort.close();
});
parentPort.postMessage({ hello: 'kin-clip' });
