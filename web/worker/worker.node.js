// The worker thread of Node. Told to stop, it listens no more: with nothing left to do the thread ends.
import { parentPort } from 'node:worker_threads';
import * as platform from './platform.node.js';
import { serve } from './serve.js';

const receive = serve((message, transfer) => parentPort.postMessage(message, transfer ?? []), platform);
parentPort.on('message', (message) => {
  receive(message);
  if (message.stop) parentPort.close();
});
