// What the page says: a bar while something is loaded or built, the status, errors with a way on.
export const $ = (id) => document.getElementById(id);

export const say = (text) => { $('status').textContent = text; };

let busy = null; // the work whose bar is shown: late messages of a finished download are passed over
export function bar(text, fraction) {
  if (!busy) return;
  $('loading-text').textContent = text;
  $('progress').value = Math.round(fraction * 100);
}
export async function withBar(text, work, stop = null) {
  const mine = (busy = {});
  bar(text, 0);
  $('loading').hidden = false;
  $('stop').onclick = stop;
  $('stop').hidden = !stop;
  try {
    return await work();
  } finally {
    if (busy === mine) {
      busy = null;
      $('loading').hidden = true;
    }
  }
}
const mega = (bytes) => (bytes / 1e6).toFixed(1);
// Files of a few kilobytes would only make the bar jump.
export const download = (what) => ({ loaded, total }) => Math.max(loaded, total) > 1e5 && bar(
  total ? `${what}: ${mega(loaded)} of ${mega(total)} MB` : `${what}: ${mega(loaded)} MB`, total ? loaded / total : 0);

// Errors that another try may mend; the rest lie with the picture.
const passing = ['cors', 'http', 'out-of-memory', 'crashed', 'failed', 'not-a-model', 'not-a-catalog'];

export function showError(error, again = null) {
  const offline = ['cors', 'http'].includes(error.code) && !navigator.onLine;
  $('error-text').textContent = offline ? 'You are offline, and a file is needed that is not here yet.' : error.message;
  $('again').hidden = !again || !passing.includes(error.code ?? 'failed');
  $('again').onclick = again;
  $('error').hidden = false;
}
export const clearError = () => { $('error').hidden = true; };
