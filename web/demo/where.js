// Where the visitor is: the address says it (address.js), every act changes the address, and whoever listens by onMove
// shows what it says. So Reload, Back and Forward need no code of their own.
import { read, write } from './address.js';

export let state = read(location.hash);
let moved = () => {};
let left = Promise.resolve(); // a way back in the history that is not at its end yet

export const inOwn = () => state.in === 'own';
export const lookedFor = (wanted) => write({ ...wanted, product: '' });
export const noQuery = { sample: '', photo: '', box: '', q: '', like: '', product: '' };

// listener({ product: another one is open or none, query: something is to be searched, to: see go })
export function onMove(listener) {
  moved = listener;
}
function follow({ anew = false, to = false } = {}) {
  const before = state;
  state = read(location.hash);
  return moved({ product: state.product !== before.product, query: anew || lookedFor(state) !== lookedFor(before), to });
}
window.addEventListener('popstate', () => follow());

// Searches what `state` with `change` says. to: the page goes to the results; replace: no new entry in the history.
export async function go(change, { replace = false, to = false } = {}) {
  await left;
  history[replace ? 'replaceState' : 'pushState'](null, '', write({ ...state, ...change }));
  return follow({ anew: true, to });
}

// Products lie above the hits: entries with a depth, which are all gone when the last one is closed.
export async function openProduct(id) {
  await left;
  history.pushState({ ...history.state, depth: (history.state?.depth ?? 0) + 1 }, '', write({ ...state, product: id }));
  follow();
}
export function leaveProduct() {
  const depth = history.state?.depth;
  if (!state.product) return; // by the address already
  if (!depth) { // the page was opened with it
    history.replaceState(history.state, '', write({ ...state, product: '' }));
    follow();
    return;
  }
  left = Promise.race([new Promise((resolve) => { window.addEventListener('popstate', resolve, { once: true }); }),
    new Promise((resolve) => { setTimeout(resolve, 1000); })]);
  history.go(-depth);
}
