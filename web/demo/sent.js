// Counts what this page sends: every way a script of a page can send a body is wrapped before anything
// else runs, so "0 bytes sent" is measured, not claimed. (The content security policy keeps workers
// to this site as well.)
let bytes = 0;
const size = (body) => (body === null || body === undefined ? 0
  : typeof body === 'string' ? new TextEncoder().encode(body).length
    : body.byteLength ?? body.size ?? 1);

const { fetch: plainFetch, XMLHttpRequest: Request } = window;
window.fetch = (input, init) => {
  bytes += size(init?.body) + (input instanceof window.Request && input.body ? 1 : 0);
  return plainFetch(input, init);
};
const { send } = Request.prototype;
Request.prototype.send = function counted(body) {
  bytes += size(body);
  return send.call(this, body);
};
const beacon = navigator.sendBeacon?.bind(navigator);
if (beacon) navigator.sendBeacon = (url, body) => { bytes += size(body); return beacon(url, body); };

export const bytesSent = () => bytes;
