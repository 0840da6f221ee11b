// Files of a model on the Hugging Face hub, or on a server that answers as it does (HF_ENDPOINT).
//
//   GET  /api/models/<id>/revision/<revision>   { sha, siblings: [{ rfilename }], cardData: { license } }
//   HEAD /<id>/resolve/<commit>/<file>          size and hash: X-Linked-Size, X-Linked-ETag (SHA-256) of
//                                               a large file, else Content-Length, ETag (git's SHA-1)
//   GET  the same, with Range                   by way of a redirect for a large file
//
// A file is written as <file>.part, goes on where it stopped, is hashed when whole and only then gets
// its name. What the server sends is not trusted: no file without a hash, no page in place of a file, no
// step from https to http, nothing longer than stated. No login is sent: private models are not for us.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIndex } from './models.js';

export const hubId = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;
const plainFile = /^[A-Za-z0-9_][\w.-]*$/; // ours lie in the first folder
const silence = 30_000; // ms without a byte
const retries = 3; // one after the other without a byte of progress
const maxJson = 16 * 2 ** 20;

// code 'offline': nothing answers; 'passing': may work in a moment; 'missing'; 'refused'.
export class HubError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }
}

export const endpoint = () => (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
const host = () => {
  try {
    return new URL(endpoint()).host;
  } catch {
    throw new HubError('refused',
      `HF_ENDPOINT must be an address such as https://huggingface.co, not '${endpoint()}'`);
  }
};

// A signal that ends with the caller's, or after 30 s without alive().
function watchdog(signal) {
  const own = new AbortController();
  const quiet = () => own.abort(new HubError('passing', `no byte for ${silence / 1000} seconds`));
  let timer = setTimeout(quiet, silence);
  return {
    signal: AbortSignal.any([signal, own.signal]),
    alive() {
      clearTimeout(timer);
      timer = setTimeout(quiet, silence);
    },
    stop: () => clearTimeout(timer),
  };
}

const redirects = new Set([301, 302, 303, 307, 308]);

// Follows redirects; with `near`, only those that stay on the same host, so that a HEAD's answer is the
// hub's own. `seen` are the headers of every answer on the way.
async function request(url, { method = 'GET', headers = {}, near = false, dog }) {
  const seen = [];
  for (let hop = 0; hop < 10; hop++) {
    let response;
    try {
      response = await fetch(url, { method, redirect: 'manual', signal: dog.signal,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'kin-clip', ...headers } });
    } catch (error) {
      if (dog.signal.aborted) throw dog.signal.reason;
      const why = error.cause?.code ?? error.cause?.message ?? error.message;
      throw new HubError('offline', `${new URL(url).host} cannot be reached (${why}); the embedded model ${readIndex().default} ` +
        'works without a network', { cause: error });
    }
    dog.alive();
    seen.push(response.headers);
    const location = response.headers.get('location');
    if (!redirects.has(response.status) || !location) return { response, seen, url };
    const next = new URL(location, url);
    if (near && next.host !== new URL(url).host) return { response, seen, url };
    if (next.protocol !== 'https:' && !(next.protocol === 'http:' && new URL(url).protocol === 'http:'))
      throw new HubError('refused',
        `${new URL(url).host} sends us on to ${next.protocol}//${next.host}, which is not safe`);
    await response.body?.cancel();
    url = next.href;
  }
  throw new HubError('refused', `${host()} redirects in a circle`);
}

function refuseStatus(response, what) {
  const { status } = response;
  if (status === 401 || status === 403)
    throw new HubError('refused', `${host()} does not hand out ${what} without a login, or has no such model: ` +
      'check the name, or download it with your account and convert the folder');
  if (status === 404 || status === 410) throw new HubError('missing', `${host()} has no ${what}`);
  if (status === 429 || status >= 500)
    throw new HubError('passing', `${host()} answered ${status} for ${what}: it is busy, try again later`);
  if (status !== 200 && status !== 206) throw new HubError('refused', `${host()} answered ${status} for ${what}`);
}

const sentPage = (what) => new HubError('refused', `a web page came in place of ${what}: a proxy or a sign-in page ` +
  `stands between, or ${endpoint()} is no model hub`);

// Gives up what has not been read of an answer; one that was read to its end does not mind.
const leave = (response) => response?.body?.cancel().catch(() => {});

async function readJson(path, what, signal) {
  const dog = watchdog(signal);
  let response;
  try {
    ({ response } = await request(endpoint() + path, { dog }));
    refuseStatus(response, what);
    const parts = [];
    let n = 0;
    for await (const part of response.body) {
      dog.alive();
      if ((n += part.length) > maxJson) throw new HubError('refused', `${host()} sends too much about ${what}`);
      parts.push(part);
    }
    const text = Buffer.concat(parts).toString('utf8');
    if (/^\s*</.test(text)) throw sentPage(`the description of ${what}`);
    try {
      return JSON.parse(text);
    } catch {
      throw new HubError('refused', `${host()} did not send JSON about ${what}`);
    }
  } catch (error) {
    if (signal.aborted || error instanceof HubError) throw error;
    throw dog.signal.aborted ? dog.signal.reason
      : new HubError('passing', `${host()}: the connection broke`, { cause: error });
  } finally {
    dog.stop();
    leave(response);
  }
}

// What the hub says of a model: { id, commit, files, licence }; licence as its card has it, or null.
export async function describeModel(id, revision, signal) {
  host();
  const what = revision === 'main' ? `'${id}'` : `'${id}' at ${revision}`;
  const about = await readJson(`/api/models/${id}/revision/${encodeURIComponent(revision)}`, what, signal);
  if (!/^[0-9a-f]{40}$/.test(about?.sha) || !Array.isArray(about.siblings))
    throw new HubError('refused', `${host()} did not say which files ${what} has`);
  const files = about.siblings.map((file) => file?.rfilename).filter((name) => plainFile.test(name));
  const { license } = about.cardData ?? {};
  return { id, commit: about.sha, files, licence: typeof license === 'string' ? license : null };
}

// The hub's own bot proposes safetensors for models that have pytorch_model.bin alone; others' proposals
// are not taken. The revision, or null.
export async function findConversion(id, signal) {
  const query = 'type=pull_request&status=open&author=SFconvertbot&p=0';
  const { discussions } = await readJson(`/api/models/${id}/discussions?${query}`, `the proposals for '${id}'`, signal)
    .catch((error) => {
      if (error.code === 'missing' || error.code === 'refused') return {}; // closed for this model
      throw error;
    });
  const found = Array.isArray(discussions) && discussions.find((one) => one?.isPullRequest === true && one.status === 'open' &&
    one.title === 'Adding `safetensors` variant of this model' && one.author?.name?.toLowerCase() === 'sfconvertbot');
  return found && Number.isInteger(found.num) ? `refs/pr/${found.num}` : null;
}

// A file's { url, name, size, hash } before any of it is fetched.
export async function describeFile({ id, commit }, name, signal) {
  const dog = watchdog(signal);
  const url = `${endpoint()}/${id}/resolve/${commit}/${name}`;
  try {
    const { response, seen } = await request(url, { method: 'HEAD', near: true, dog });
    if (!redirects.has(response.status)) refuseStatus(response, `${name} of '${id}'`);
    if (/text\/html/.test(response.headers.get('content-type')) && response.status === 200) throw sentPage(name);
    const header = (key) => seen.map((headers) => headers.get(key)).find((value) => value !== null);
    const own = response.status === 200 ? response.headers.get('content-length') : NaN;
    const size = Number(header('x-linked-size') ?? own);
    const hash = (header('x-linked-etag') ?? response.headers.get('etag') ?? '').replace(/^W\/|"/g, '').toLowerCase();
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) || !Number.isSafeInteger(size) || size <= 0)
      throw new HubError('refused', `${host()} states no size and hash for ${name}, so it could not be checked: ` +
        'download the model by other means and convert the folder');
    return { url, name, size, hash };
  } finally {
    dog.stop();
  }
}

// SHA-256, or for small files git's: SHA-1 over `blob <size>\0` and the bytes.
async function hashOf(path, { size, hash }, signal) {
  const digest = createHash(hash.length === 64 ? 'sha256' : 'sha1');
  if (hash.length === 40) digest.update(`blob ${size}\0`);
  for await (const part of createReadStream(path, { highWaterMark: 2 ** 20, signal })) digest.update(part);
  return digest.digest('hex');
}

const sizeOf = (path) => stat(path).then((info) => info.size, () => 0);

// Appends to `part` what is missing of it. Resolves when all is there.
async function append(file, part, have, { signal, onBytes }) {
  const dog = watchdog(signal);
  let handle = null;
  let response;
  try {
    const headers = have ? { range: `bytes=${have}-` } : {};
    const answer = await request(file.url, { headers, dog });
    response = answer.response;
    const from = new URL(answer.url).host;
    if (response.status === 416) { // not the file that the part began
      await rm(part, { force: true });
      throw new HubError('passing', `${from} does not have the rest of ${file.name}`);
    }
    refuseStatus(response, file.name);
    const starts = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
    const at = response.status === 206 && Number(starts) === have ? have : 0;
    if (response.status === 206 && Number(starts) !== have)
      throw new HubError('refused', `${from} sent another part of ${file.name} than was asked for`);
    if (/text\/html/.test(response.headers.get('content-type'))) throw sentPage(file.name);
    handle = await open(part, at ? 'r+' : 'w');
    let n = at;
    onBytes(n);
    for await (const chunk of response.body) {
      dog.alive();
      if (n === 0 && chunk[0] === 60) throw sentPage(file.name); // '<'
      if (n + chunk.length > file.size) {
        await handle.truncate(0);
        throw new HubError('refused', `${from} sends more of ${file.name} than the ${file.size} bytes it stated`);
      }
      await handle.write(chunk, 0, chunk.length, n);
      n += chunk.length;
      onBytes(n);
    }
    if (n < file.size) throw new HubError('passing', `${file.name} broke off after ${n} of ${file.size} bytes`);
    await handle.sync();
  } catch (error) {
    if (signal.aborted || error instanceof HubError) throw error;
    if (dog.signal.aborted) throw dog.signal.reason;
    if (error.code === 'ENOSPC') throw new Error(`the disk is full: ${part} needs ${file.size} bytes`);
    if (!(error instanceof TypeError)) throw error; // ours: fetch's own are TypeErrors
    throw new HubError('passing', `the connection broke in the middle of ${file.name}`, { cause: error });
  } finally {
    dog.stop();
    leave(response);
    await handle?.close();
  }
}

// Fetches a described file into `folder` and resolves to its path. onBytes(bytes there). Where the
// connection breaks it goes on a few times by itself; what has arrived stays for the next call.
export async function fetchFile(file, folder, { signal, onBytes = () => {} }) {
  const path = join(folder, file.name);
  const part = `${path}.part`;
  await mkdir(folder, { recursive: true });
  if (await sizeOf(path) === file.size && await hashOf(path, file, signal) === file.hash) {
    onBytes(file.size);
    return path;
  }
  for (let failed = 0; ;) {
    const have = await sizeOf(part);
    if (have === file.size) break;
    if (have > file.size) await rm(part);
    try {
      await append(file, part, have > file.size ? 0 : have, { signal, onBytes });
    } catch (error) {
      if (!['passing', 'offline'].includes(error.code) || signal.aborted) throw error;
      const now = await sizeOf(part);
      failed = now > have ? 0 : failed + 1;
      if (failed > retries)
        throw new HubError(error.code, `${error.message}; ${now ? `the ${now} bytes that have arrived are kept, ` : ''}` +
          'run the command again to go on', { cause: error });
      await sleep(500 * 2 ** failed, undefined, { signal });
    }
  }
  if (await hashOf(part, file, signal) !== file.hash) {
    await rm(part);
    throw new HubError('refused', `${file.name} has arrived with other bytes than ${host()} states, and was deleted: ` +
      'run the command again');
  }
  await rename(part, path);
  return path;
}
