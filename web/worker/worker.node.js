// The worker thread of Node. Told to stop, it listens no more: with nothing left to do the thread ends.
import { parentPort, workerData } from 'node:worker_threads';
import { startThread } from '../shared/link.node.js';
import * as platform from './platform.node.js';
import { serve } from './serve.js';

const startHelper = (handlers) => startThread(workerData.file, handlers);
const receive = serve((message, transfer) => parentPort.postMessage(message, transfer ?? []),
  { ...platform, startHelper });
parentPort.on('message', (message) => {
  receive(message);
  if (message.stop) parentPort.close();
});
parentPort.postMessage({ hello: 'kin-clip' });
