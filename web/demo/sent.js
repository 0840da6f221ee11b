// Counts what is sent, in the page and in Kin's worker (worker.js imports this file first): every way a
// script here can send something is wrapped before any other code runs, so "0 bytes sent" is measured.
// Counted are bodies and the queries of addresses, and how many files were fetched. A worker reports to
// its page over a channel that both name after the number in the worker's address; where there are no such
// channels, half of it would go unseen, and nothing is claimed.
const inPage = typeof document === 'object';
const key = inPage ? `?page=${Math.random()}` : self.location.search;
const channel = openChannel();
const counted = { bytes: 0, files: 0 };
let told = () => {};

function openChannel() {
  try {
    return new BroadcastChannel(`sent${key}`);
  } catch { // old browsers have none, some settings forbid it
    return null;
  }
}
function add(bytes, files) {
  if (!inPage) return channel?.postMessage([bytes, files]);
  counted.bytes += bytes;
  counted.files += files;
  return told(counted);
}
const addBody = (body) => body && new Response(body).blob().then(({ size }) => add(size, 0), () => add(1, 0));
const addAddress = (address) => add(new URL(address, self.location.href).search.length, 0);

const { fetch: plainFetch } = self;
self.fetch = (input, init) => {
  const request = new Request(input, init);
  addAddress(request.url);
  if (request.body) addBody(request.clone().body);
  return plainFetch(request);
};
const { open, send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.open = function opened(method, address, ...rest) {
  addAddress(address);
  return open.call(this, method, address, ...rest);
};
XMLHttpRequest.prototype.send = function sent(body) {
  addBody(body);
  return send.call(this, body);
};
const { send: sendMessage } = WebSocket.prototype;
WebSocket.prototype.send = function sent(message) {
  addBody(message);
  return sendMessage.call(this, message);
};
if (inPage) {
  const { sendBeacon } = Navigator.prototype;
  Navigator.prototype.sendBeacon = function sent(address, body) {
    addAddress(address);
    addBody(body);
    return sendBeacon.call(this, address, body);
  };
  if (channel) channel.onmessage = ({ data: [bytes, files] }) => add(bytes, files);
}
new PerformanceObserver((list) => {
  const files = list.getEntries().filter(({ name }) => name.startsWith('http')).length;
  if (files) add(0, files);
}).observe({ type: 'resource' });

// The address of Kin's worker, for load({ worker }).
export const workerUrl = new URL(`./worker.js${key}`, import.meta.url);
// From now on `tell({ bytes, files })` is called with what was sent and fetched since this call.
export function countFromNow(tell) {
  if (!channel) return;
  counted.bytes = counted.files = 0;
  told = tell;
  tell(counted);
}
