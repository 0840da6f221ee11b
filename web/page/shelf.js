// A model's files as a page brings them to its worker where load() was given a store: from there, else from their host; none
// before its length and SHA-256 are those that the manifest says. What breaks off or falls silent is gone on with, what came
// wrong is asked for once more past the caches. Nothing is put into the store before a tower is used, which is when its weights
// are asked for; in Node, and where no store can be had, all else is the same.
import { asKinError, checkAbort, fail } from '../shared/errors.js';
import { collect, openUrl, peek, watch } from '../shared/source.js';
import { addressOf, hashOf, isFile, openStore, pieceSize } from './store.js';

const tries = 4; // times that a file is asked for
const soon = 5000; // ms without a byte after which what the last visit kept is taken
const pause = 100; // ms before the second time, twice as long before each further one
const smallLimit = 2 ** 20; // of a manifest, and of the engine
const heldLimit = 64 * 2 ** 20; // of a file that is held whole until its hash is known; kin convert writes 20 MiB at most
const isGone = (status) => [401, 403, 404, 410].includes(status);
const isError = (status) => status >= 400;
const beside = { image: /^(pre)?processor_config\.json$/,
  text: /^(tokenizer|vocab|tokenizer_config|special_tokens_map|added_tokens)\.json$|^merges\.txt$/ }; // what a tower needs too

const textOf = (bytes) => new TextDecoder().decode(bytes);
const fits = async (all, sha256) => !globalThis.crypto?.subtle || await hashOf(all) === sha256;

// What the worker is answered: a body, a status that says that there is none, or a page, for which it takes what begins so.
const answer = (body, total) => new Response(body, { headers: total ? { 'content-length': total } : {} });
const refused = (status) => new Response(null, { status });
const aPage = () => answer('<');

// The files of a manifest that have a length and a hash; null where it is no model's.
function filesOf(text) {
  try {
    const { kind, files } = JSON.parse(text);
    return kind === 'model' ? files.filter(isFile) : null;
  } catch {
    return null;
  }
}

// `mode`: 'persistent', 'session' or 'memory'; `io`: { fetch, resolve, stall, … }; `version`: of this package, for the engine's
// file. -> { io, onProgress } for the client in place of the caller's: the worker then asks for every file here.
export async function openShelf(mode, { io, onProgress }, version) {
  const store = await openStore(mode);
  const names = new Map(); // address -> the file's name
  const told = new Map(); // name -> whether all of it has come; onProgress hears of these from here, not from the worker
  const engines = new Map(); // key -> { name, bytes }, until keep()
  const waiting = new Map(); // SHA-256 -> bytes, until keep()
  let manifest = null; // { url, address, files, text }: the same as long as the clip lives
  let begun = false;
  let keeping = null;

  return { io: { ...io, resolve, fetch: bring, sizes, stall: Infinity, // it is this side that waits
    kept: () => ({ store: store.kind, storeReason: store.reason }) },
  onProgress: onProgress && ((one) => told.has(one.file) || onProgress(one)) };

  /* ---- what the worker asks for ---- */

  async function resolve(name, url, options) {
    const address = String(await io.resolve?.(name, url, options) ?? url);
    names.set(address, name);
    return address;
  }

  // As the global fetch; what it rejects with is a KinError or an AbortError.
  async function bring(url, { signal }) {
    const name = names.get(url) ?? 'The file'; // such as a picture
    if (name === 'manifest.json') return bringManifest(name, url, signal);
    if (/^kin-[\w-]+\.wasm$/.test(name)) return bringEngine(name, url, signal);
    const about = manifest?.files.find((file) => file.name === name);
    const kept = /\.safetensors$/.test(name) && keep(); // a tower is used
    const got = await (about?.bytes <= heldLimit ? bringFile : passOn)(name, url, signal, about);
    await kept;
    return got;
  }

  // `how`: in place of what `io` says. -> { status, file }, no file where `gone` says so of the status.
  async function open(name, url, signal, { gone = isGone, silent = onProgress, ...how }) {
    let status;
    const { fetch, stall } = io;
    const file = await openUrl(url, name, { fetch, stall, ...how }, { signal, onProgress: silent }, (one) => gone(status = one));
    return { status, file };
  }

  function patience(last) {
    return last ? Math.min(soon, io.stall) : io.stall;
  }

  async function passOn(name, url, signal) {
    const { file, status } = await open(name, url, signal, { gone: isError });
    if (!file) return refused(status);
    const rest = file.chunks[Symbol.asyncIterator]();
    return answer(new ReadableStream({
      async pull(controller) {
        const { done, value } = await rest.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => rest.return(),
    }, { highWaterMark: 0 }), file.total);
  }

  async function bringFile(name, url, signal, about) {
    const got = await download(name, url, signal, about);
    if (got.status) return got;
    if (store.place && !begun) waiting.set(about.sha256, got);
    return answer(got, about.bytes);
  }

  // The engine's own file: noted, to be kept later; or, where it does not come, as it was kept.
  async function bringEngine(name, url, signal) {
    const key = `${name} of kin-clip ${version}`;
    const stall = patience(await store.record(key));
    let got;
    for (const cache of [undefined, 'reload']) { // a page, or a part of it, may lie in the browser's cache
      try {
        const { file, status } = await open(name, url, signal, { cache, stall, gone: isError });
        const bytes = file && await collect(file.chunks, smallLimit, name);
        if (bytes && WebAssembly.validate(bytes)) {
          if (begun) await keepEngine(key, name, bytes); // a tower that load() was asked for came first
          else if (store.place) engines.set(key, { name, bytes });
          return answer(bytes);
        }
        got = () => (file ? answer(bytes) : refused(status)); // the worker says what is wrong with it
      } catch (error) {
        checkAbort(signal);
        got = () => { throw error; };
        if (error.code === 'stalled') break;
      }
    }
    const kept = await keptEngine(key);
    return kept ? answer(kept) : got();
  }

  async function keptEngine(key) {
    const [about] = (await store.record(key))?.files ?? [];
    const all = about?.bytes <= smallLimit && new Uint8Array(about.bytes);
    return all && await store.read(about.sha256, all) === all.length && await fits(all, about.sha256) ? all : null;
  }

  /* ---- keeping ---- */

  // From now on files are kept. Ends when those of before are.
  function keep() {
    begun = true;
    return keeping ??= keepAll();
  }

  async function keepAll() {
    if (manifest && store.place) { // without hashes nothing is
      store.begin();
      await store.note(manifest.address, manifest.files, manifest.text);
      for (const [sha256, bytes] of waiting) await putPieces(0, sha256, bytes, bytes.length);
      for (const [key, { name, bytes }] of engines) await keepEngine(key, name, bytes);
    }
    waiting.clear();
    engines.clear();
  }

  async function keepEngine(key, name, bytes) {
    if (!manifest || !store.place || await keptEngine(key)) return;
    const sha256 = await hashOf(bytes);
    await store.note(key, [{ name, bytes: bytes.length, sha256 }]);
    await putPieces(0, sha256, bytes, bytes.length);
  }

  // Puts the pieces of a file from the i-th on that have come -> the first that has not. The last piece waits for the rest to
  // be known as right: what lies whole in the store was whole.
  async function putPieces(i, sha256, all, have) {
    for (; begun && (have === all.length ? i * pieceSize < have : (i + 1) * pieceSize <= have); i++) await store.put(sha256, i, all);
    return i;
  }

  /* ---- the manifest: what the host has now; if it says nothing, what it had ---- */

  async function bringManifest(name, url, signal) {
    const address = addressOf(url);
    const last = (manifest ?? await store.record(address))?.text;
    const got = await fetchManifest(name, url, signal, patience(last)).catch((error) => {
      checkAbort(signal);
      if (last) return aPage();
      throw error;
    });
    if (got.status && !(got.ok && last)) return got;
    const text = got.status ? last : textOf(got);
    checkSame(text);
    const files = filesOf(text);
    if (files) manifest ??= { url, address, files, text };
    return answer(text);
  }

  // -> bytes, or what the worker is answered. Asked for again it comes past the caches, as it does after a page.
  async function fetchManifest(name, url, signal, stall) {
    for (const cache of [manifest ? 'reload' : undefined, 'reload']) {
      const { file, status } = await open(name, url, signal, { cache, stall });
      if (!file) return refused(status);
      const { page, chunks } = await peek(file);
      if (!page) return collect(watch({ ...file, chunks }, name, { signal }), smallLimit, name);
    }
    return aPage();
  }

  function checkSame(text) {
    if (manifest && manifest.text !== text)
      fail('not-a-model', `The model in ${manifest.address} was changed after it was loaded: load it again.`);
  }

  // What a file that is not as the manifest says may come of.
  async function checkFolder(signal) {
    const now = await fetchManifest('manifest.json', manifest.url, signal, io.stall).catch(aPage);
    checkAbort(signal);
    if (!now.status) checkSame(textOf(now));
  }

  /* ---- a file of known length and hash -> its bytes, or what the worker is answered ---- */

  async function download(name, url, signal, { bytes, sha256 }) {
    const all = new Uint8Array(bytes);
    let have = await store.read(sha256, all);
    let put = have / pieceSize; // pieces that are in the store
    let progress = 0;
    const once = told.get(name); // it comes again, for another worker
    told.set(name, once);
    const tell = (status, more) => {
      progress = Math.max(progress, bytes ? 100 * have / bytes : 100);
      if (status === 'done') told.set(name, true);
      if (!once) onProgress?.({ status, file: name, loaded: have, total: bytes, progress, ...more });
    };
    const restart = async () => {
      have = put = 0;
      await store.drop(sha256, bytes);
    };
    const damaged = async () => {
      await checkFolder(signal);
      fail('not-a-model', `${name} has other bytes than manifest.json says: load it again, or convert the model again.`);
    };
    if (have === bytes) {
      if (await fits(all, sha256)) {
        tell('done', { stored: true });
        return all;
      }
      await restart(); // damaged
    }
    let cache, trouble;
    for (let left = tries - 1; ; left--) {
      const from = have;
      let wrong = null; // what it is instead
      try {
        const range = from && { fetch: (to, how) => (io.fetch ?? fetch)(to, { ...how, headers: { range: `bytes=${from}-` } }) };
        const { file, status } = await open(name, url, signal, { cache, silent: () => tell('stalled'), ...range });
        if (!file) {
          await checkFolder(signal);
          return refused(status);
        }
        if (from && status !== 206) await restart(); // it sends all of it
        const { page, chunks } = have ? file : await peek(file);
        if (page) wrong = 'page';
        else for await (const chunk of chunks) {
          checkAbort(signal);
          if (have + chunk.length > bytes) {
            wrong = 'bytes';
            break;
          }
          all.set(chunk, have);
          have += chunk.length;
          tell('progress');
          if (have < bytes) put = await putPieces(put, sha256, all, have);
        }
        if (!wrong) {
          if (have < bytes) await damaged(); // or it ended early
          if (await fits(all, sha256)) {
            await putPieces(put, sha256, all, bytes);
            tell('done');
            return all;
          }
          wrong = 'bytes';
        }
      } catch (error) {
        checkAbort(signal);
        trouble = asKinError(error);
      }
      if (wrong) {
        await restart();
        if (cache) return wrong === 'page' ? aPage() : damaged();
        cache = 'reload';
        continue;
      }
      if (!left || !from && !have) throw trouble; // nothing comes at all
      if (have === from) {
        if (trouble.code === 'stalled') throw trouble;
        have = put = 0; // it does not go on from there
      }
      await new Promise((resolve) => { setTimeout(resolve, pause * 2 ** (tries - left)); });
    }
  }

  /* ---- what is to come ---- */

  // Of a tower: { bytes, stored, files: [{ file, bytes, stored }] }; null where no manifest says.
  async function sizes(tower) {
    if (!manifest) return null;
    const some = (pattern) => manifest.files.filter(({ name }) => pattern.test(name));
    const own = some(new RegExp(`^${tower}[.-].*safetensors`));
    const chosen = [...own.length ? own : some(/^(open_clip_)?model[.-].*safetensors/), ...some(beside[tower])];
    const stored = await store.has(chosen);
    const files = chosen.map(({ name, bytes }, i) => ({ file: name, bytes, stored: stored[i] }));
    const sum = (key) => files.reduce((all, one) => all + one[key], 0);
    return { bytes: sum('bytes'), stored: sum('stored'), files };
  }
}
