// The module worker of a page.
import * as platform from './platform.js';
import { serve } from './serve.js';

const receive = serve((message, transfer) => globalThis.postMessage(message, transfer ?? []), platform);
globalThis.onmessage = ({ data }) => receive(data);
