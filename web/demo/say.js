// What the page says: a bar while something is loaded or built, the status, errors with a way on.
export const $ = (id) => document.getElementById(id);

export const say = (text) => { $('status').textContent = text; };

// The focus goes on to the heading of the hits.
export function hide(node) {
  const held = node.contains(document.activeElement);
  node.hidden = true;
  if (held) $('results-title')?.focus({ preventScroll: true });
}

let busy = null; // { text } of the work whose bar is shown: late messages of a finished download are passed over
const files = new Map(); // that come meanwhile: name -> { loaded, total }
export function bar(text, fraction) {
  if (!busy) return;
  $('loading-text').textContent = text;
  $('progress').value = Math.round(fraction * 100);
}
export async function withBar(text, work, stop = null) {
  const mine = (busy = { text });
  files.clear();
  bar(text, 0);
  $('loading').hidden = false;
  $('stop').onclick = stop;
  $('stop').hidden = !stop;
  try {
    return await work();
  } finally {
    if (busy === mine) {
      busy = null;
      hide($('loading'));
    }
  }
}
const mega = (bytes) => (bytes / 1e6).toFixed(1);
// load()'s onProgress. Files of a few kilobytes would only make the bar jump.
export function download({ status, file, loaded, total }) {
  if (busy && status === 'stalled') {
    $('loading-text').textContent = `${busy.text}: nothing comes at the moment, still waiting`;
    return;
  }
  if (!busy || Math.max(loaded, total) <= 1e5) return;
  files.set(file, { loaded, total });
  const all = [...files.values()], sum = (key) => all.reduce((bytes, one) => bytes + one[key], 0);
  const known = all.every((one) => one.total), here = sum('loaded'), whole = sum('total');
  bar(known ? `${busy.text}: ${mega(here)} of ${mega(whole)} MB` : `${busy.text}: ${mega(here)} MB`, known ? here / whole : 0);
}

// Errors that another try may mend; the rest lie with the picture.
const passing = ['cors', 'http', 'out-of-memory', 'crashed', 'failed', 'not-a-model', 'not-a-catalog'];

export function showError(error, again = null) {
  const offline = ['cors', 'http'].includes(error.code) && !navigator.onLine;
  $('error-text').textContent = offline ? 'You are offline, and a file is needed that is not here yet.' : error.message;
  $('again').hidden = !again || !passing.includes(error.code ?? 'failed');
  $('again').onclick = again;
  $('error').hidden = false;
}
export const clearError = () => hide($('error'));
