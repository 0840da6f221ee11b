// The model and the catalogue that elements search with, opened once for all of a page that name the same. Who holds one
// lets go of it; when nobody holds it, its workers end.
import { load, openCatalog } from '../index.js';

const engines = new Map(); // name -> { holders, heard: Set of functions, leaving: an AbortController, opened }

// loadOptions hold functions: they are the same only where it is the same object.
const numbers = new WeakMap();
let count = 0;
function numberOf(options) {
  if (!numbers.has(options)) numbers.set(options, Object.keys(options).length ? ++count : 0);
  return numbers.get(options);
}

// Files' progress -> the share of all bytes that are there, 0 to 1, null while no length is known; and whether nothing comes.
function share(heard) {
  const files = new Map();
  return ({ status, file, loaded, total }) => {
    files.set(file, { loaded, total });
    const all = [...files.values()].filter((one) => one.total > 0), sum = (key) => all.reduce((n, one) => n + one[key], 0);
    for (const tell of heard) tell(all.length ? Math.min(1, sum('loaded') / sum('total')) : null, status === 'stalled');
  };
}

async function open({ catalog, model, locale, worker, options }, heard, signal) {
  const hear = share(heard);
  const onProgress = (progress) => {
    hear(progress);
    options.onProgress?.(progress);
  };
  const { fields, ...loading } = options;
  const clip = await load({ ...loading, worker: worker ?? options.worker, model: model && new URL(model, document.baseURI).href, signal, onProgress });
  let file;
  try {
    const { resolve, fetch, stall } = options; // its worker is the clip's
    const cache = /^(persistent|session|memory)$/.test(options.cache) ? undefined : options.cache; // stores are of models
    file = openCatalog(new URL(catalog, document.baseURI).href,
      { clip, locale: locale ?? undefined, fields, resolve, fetch, cache, stall, signal, onProgress });
    await Promise.all([file, clip.preload('image', { signal })]);
    return { clip, catalog: await file };
  } catch (error) {
    clip.close().catch(() => {});
    file?.then((one) => one.close()).catch(() => {});
    throw error;
  }
}
async function close(opened) {
  const { clip, catalog } = await opened;
  await Promise.all([clip.close(), catalog.close()]);
}

// asked: { catalog, model: addresses, locale: a market's or null, worker: an address or null, options: more for load() }. heard(share, silent) is called while files arrive.
// -> { opened: a promise of { clip, catalog }, let: function }
export function hold(asked, heard) {
  const name = JSON.stringify([asked.catalog, asked.model, asked.locale, asked.worker, numberOf(asked.options)]);
  let engine = engines.get(name);
  if (!engine) {
    const listening = new Set(), leaving = new AbortController();
    engine = { holders: 0, heard: listening, leaving, opened: open(asked, listening, leaving.signal) };
    engines.set(name, engine);
    engine.opened.catch(() => { if (engines.get(name) === engine) engines.delete(name); }); // the next try begins anew
  }
  engine.holders++;
  engine.heard.add(heard);
  let held = true;
  return { opened: engine.opened, let() {
    if (!held) return;
    held = false;
    engine.heard.delete(heard);
    if (--engine.holders) return;
    if (engines.get(name) === engine) engines.delete(name);
    engine.leaving.abort(); // of what is still on its way
    close(engine.opened).catch(() => {}); // it had failed
  } };
}
