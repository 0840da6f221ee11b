// <kin-search> once a shopper acts: a photo and its crop in, hits out, the latest query wins. What is shown is one state,
// `now`, which view.js renders.
import { hold } from './engine.js';
import { localeOf, wordsOf } from './texts.js';
import { makeView } from './view.js';

const noOptions = {};
const isWhole = ({ x, y, width, height }) => [x, y, width - 1, height - 1].every((off) => Math.abs(off) < 0.01);

// 'group, price:10|25|50' -> [{ field, steps }]; steps: null where the catalogue's values are taken.
const filtersOf = (text) => (text ?? '').split(',').map((part) => part.trim()).filter(Boolean).map((part) => {
  const [field, steps] = part.split(':');
  return { field: field.trim(), steps: steps ? steps.split('|').map(Number).filter(Number.isFinite) : null };
});
const quoted = (value) => (typeof value === 'string' ? `"${value.replace(/["\\]/g, '\\$&')}"` : String(value));

export async function act(element, parts) {
  let words = await wordsOf(element.language);
  let engine = null; // what hold() gave
  let opened = false;
  let searching = new AbortController();
  let source = null, box = null;
  let values = null; // of each field to filter by, from the catalogue
  let types = {};
  let chosen = {}; // field -> value
  let now = { kind: 'loading', hits: [], filters: [] };
  let result = null; // the last search's
  const asked = new WeakMap(); // hit -> the id of the search that found it

  const texts = () => element.texts(words);
  const how = () => ({ words: texts(), language: localeOf(texts().lang), currency: element.currency,
    fields: (element.fields ?? 'price').split(',').map((field) => field.trim()).filter(Boolean), own: !element.find });
  const limit = () => Math.min(200, Math.max(1, Math.floor(Number(element.limit)) || 12));
  const set = (change, anew) => {
    now = { ...now, ...change, filters: filtersNow() };
    element.state = now.kind === 'hits' ? 'results' : now.kind;
    view.render(now, how(), anew);
  };
  const filters = () => filtersOf(element.filters).filter(({ field }) => Object.hasOwn(types, field)); // a market may lack one
  const filtersNow = () => (values && !element.find ? filters().filter(({ field, steps }) => steps || values[field]?.length)
    .map(({ field, steps }) => ({ field, steps, values: values[field], chosen: chosen[field] ?? null })) : []);

  // The fixed filter of the page's, and what the shopper chose.
  function filterNow() {
    const parts = filters().filter(({ field }) => chosen[field] !== undefined && chosen[field] !== null).map(({ field, steps }) =>
      `${quoted(field)} ${steps ? '<=' : types[field] === 'list' ? 'has' : '='} ${quoted(chosen[field])}`);
    return [...element.filter ? [`(${element.filter})`] : [], ...parts].join(' and ') || undefined;
  }

  async function open() {
    if (!engine) {
      const { catalog, model, locale, worker } = element;
      if (!catalog) throw Object.assign(new Error('Say where the catalogue is, as <kin-search catalog="/catalog/" model="/model/">.'), { code: 'bad-argument' });
      const held = hold({ catalog, model, locale, worker, options: element.loadOptions ?? noOptions }, (share, silent) => {
        if (now.kind === 'loading' && source) set({ share, silent });
      });
      engine = held;
      held.opened.then(() => {
        if (engine !== held) return;
        opened = true;
        if (now.kind === 'loading' && source) set({ kind: 'searching' });
      }, () => { if (engine === held) letGo(); });
    }
    if (!opened && now.kind === 'searching') set({ kind: 'loading', share: null, silent: false }); // the page's `find` has asked for it
    return engine.opened;
  }
  function letGo() {
    engine?.let();
    engine = null;
    opened = false;
  }

  const shownOf = (hits) => hits.map(({ id, position, confidence }) => ({ id, position, confidence }));
  function tell({ queryId, verdict, total }, hits, ms) {
    element.tell('kin-results', { queryId, verdict, total, hits: shownOf(hits), ms: Math.round(ms) });
  }

  const queryNow = () => ({ image: source, ...box && !isWhole(box) && { box, fit: 'pad' } });
  // The page's own search, by `find`: what comes out is for the page to show.
  async function hand(signal) {
    set({ kind: 'searching', hits: [], truncated: false });
    const began = performance.now();
    const got = await element.find(queryNow(), { signal });
    if (signal.aborted) return;
    const none = got?.verdict === 'none';
    set({ kind: none ? 'none' : 'hits' });
    if (got?.hits) tell(got, none ? [] : got.hits, performance.now() - began);
  }

  // on: the hits after those that are shown.
  async function look(on = false) {
    searching.abort();
    const { signal } = (searching = new AbortController());
    const over = new Promise((resolve) => { signal.addEventListener('abort', resolve); });
    try {
      await Promise.race([element.find ? hand(signal) : search(on, signal), over]); // a page's own may never answer
    } catch (error) {
      if (signal.aborted) return;
      set({ kind: 'error', code: error?.code, hits: [] });
      element.failed(error);
    }
  }
  async function search(on, signal) {
    set(opened ? { kind: 'searching' } : { kind: 'loading', share: null, silent: false, hits: [] });
    const began = performance.now(), { catalog } = await open();
    if (signal.aborted) return;
    if (!values && element.filters) {
      types = catalog.fields; // of a file: reads every item
      for (const { field } of filtersOf(element.filters))
        if (!Object.hasOwn(types, field)) console.warn(`<kin-search>: the catalogue has no field '${field}' to filter by; it has ${Object.keys(types).join(', ')}.`);
    }
    const wanted = filters().filter(({ steps }) => !steps).map(({ field }) => field);
    const facets = !values && wanted.length ? wanted : undefined; // a first search has no filter of the shopper's
    const got = await catalog.search(queryNow(), { limit: limit(), offset: on ? now.hits.length : 0, filter: filterNow(), facets, signal });
    if (signal.aborted) return;
    if (!values) {
      values = Object.fromEntries(Object.entries(got.facets ?? {}).map(([field, all]) => [field, all.map(({ value }) => value)
        .sort((a, b) => String(a).localeCompare(String(b), how().language, { numeric: true }))]));
    }
    const before = on ? now.hits : [], none = got.verdict === 'none' && !on && got.hits.length > 0;
    result = { ...got, ms: performance.now() - began };
    for (const hit of got.hits) asked.set(hit, got.queryId);
    set({ kind: none ? 'none' : 'hits', verdict: got.verdict, hits: [...before, ...got.hits], truncated: got.truncated });
    tell(got, none ? [] : got.hits, result.ms);
    if (on) view.focusHit(before.length);
  }

  const view = makeView(element, parts, texts, {
    crop(to) {
      box = to;
      look();
    },
    filter(field, value) {
      chosen = field === null ? {} : { ...chosen, [field]: value };
      look();
    },
    more: () => look(true),
    again: () => look(),
    nearest() {
      set({ kind: 'hits' });
      tell(result, now.hits, result.ms);
      view.focusHit(0);
    },
    remove() {
      reset();
      element.focus({ preventScroll: true }); // its button is gone
      element.tell('kin-remove', {});
    },
    chosen: (hit) => element.tell('kin-select', { queryId: asked.get(hit), ...shownOf([hit])[0] }),
  });

  function reset() {
    searching.abort();
    source = box = result = null;
    chosen = {};
    now = { kind: 'loading', hits: [], filters: [] };
    if (element.state !== 'start') view.fold();
    element.state = 'start';
  }

  return {
    // What fails here fails again when it is needed, and is said then.
    async preload() {
      await open().catch(() => {});
    },
    async search(given, part = null) {
      source = given;
      box = part;
      view.show(given, part);
      now = { ...now, hits: [] };
      await look();
    },
    open,
    show(given, part = null) {
      const same = given === source;
      [source, box] = [given, part];
      if (same) view.crop(part);
      else view.show(given, part);
      if (same && element.find) return; // the page may be answering it
      searching.abort();
      set({ kind: 'shown', hits: [] });
    },
    reset,
    // The element has left the page: its workers end, and what was found stays for when it comes back.
    pause() {
      searching.abort();
      if (['loading', 'searching'].includes(element.state)) reset();
      letGo();
    },
    async changed(name) {
      if (name === 'lang' || name === 'strings') {
        words = await wordsOf(element.language);
        if (source) set({}, true);
      } else if (['catalog', 'model', 'locale', 'worker'].includes(name)) {
        letGo();
        values = null;
        if (source && now.kind !== 'shown') await look();
      } else if (source) {
        if (name === 'filters' || name === 'filter') values = null;
        set({}, true);
        if (['limit', 'filter', 'filters'].includes(name) && now.kind !== 'shown') await look();
      }
    },
  };
}
