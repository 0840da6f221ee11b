// The worker thread of Node.
import { parentPort } from 'node:worker_threads';
import * as platform from './platform.node.js';
import { serve } from './serve.js';

const receive = serve((message, transfer) => parentPort.postMessage(message, transfer ?? []), platform);
parentPort.on('message', receive);
