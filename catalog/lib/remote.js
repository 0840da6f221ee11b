// A picture by https from an allowed host; every hop of a redirect must be that too. What may pass (429, 503 and
// their like, a connection that breaks, silence) is tried again, after as long as the host asks for, and its other
// pictures wait as well. Where a host has failed to the last, each further picture gets one try until one comes.
// A host is asked for a few pictures at a time, and where a picture is known already, only whether it has changed.
//
// By node:https, not fetch: that unpacks what an answer says is packed, and Node 20's never ends where it is not.
import { once, setMaxListeners } from 'node:events';
import { open } from 'node:fs/promises';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Gate } from './gate.js';
import { UsageError } from './options.js';
import { bad, maxBytes, PictureError } from './refusal.js';

const silence = 30_000; // ms without a byte
const longest = 120_000; // ms that one try may take, and that a host may ask us to wait
const tries = 4, hops = 5;
const usualAtATime = 4;
const largestFile = 4 * 2 ** 30; // of those that the user names
const redirects = new Set([301, 302, 303, 307, 308]);
// The last five are Cloudflare's, of the host behind it.
const passing = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]);
const broken = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH',
  'ENETDOWN', 'EPROTO']);
const headers = { accept: 'image/jpeg,image/png,image/webp,*/*;q=0.1', 'accept-encoding': 'identity', 'user-agent': 'kin-clip' };
const unpackers = { gzip: gunzipSync, 'x-gzip': gunzipSync, deflate: inflateSync, br: brotliDecompressSync };

const tooLarge = (shown) => bad('too-large', `${shown}: more than ${maxBytes / 2 ** 20} MiB`);

// For who asks again: { error, wait } where `wait` ms are what the host asked for, undefined if it said nothing.
class Passing {
  constructor(error, wait) {
    Object.assign(this, { error, wait });
  }
}

function addressOf(text, base, shown) {
  try {
    return new URL(text, base);
  } catch {
    throw bad('unreadable', base ? `${shown}: the host sends us on to '${text}', which is no address`
      : `${shown}: this is no address of a picture`);
  }
}

// Headers come as Latin-1. Hosts put UTF-8 into them, as browsers read it.
function headerText(value) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}

// "120", or a date. Anything else says nothing, and so does a date that has passed: clocks differ.
function waitOf(value = '') {
  if (/^\d+(?:\.\d+)?$/.test(value)) return Number(value) * 1000;
  const ms = /^[a-z]{3}/i.test(value) ? Date.parse(value) - Date.now() : NaN;
  return ms > 0 ? ms : undefined;
}

// Some hosts say packed of what is not.
function unpacked(bytes, encoding, shown) {
  const unpack = unpackers[encoding?.trim().toLowerCase()];
  try {
    return unpack ? unpack(bytes, { maxOutputLength: maxBytes }) : bytes;
  } catch (error) {
    if (error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(shown);
    return bytes;
  }
}

// The body of an answer, whole: what `ask` reads of a picture. `alive()` with each piece.
async function readPicture(response, shown, alive) {
  const { etag, 'last-modified': modified, 'content-length': length, 'content-encoding': encoding } = response.headers;
  if (Number(length) > maxBytes) throw tooLarge(shown);
  const parts = [];
  let n = 0;
  for await (const part of response) {
    alive();
    n += part.length;
    if (n > maxBytes) throw tooLarge(shown);
    parts.push(part);
  }
  if (!n) throw bad('unreadable', `${shown}: the host sent nothing (it answered ${response.statusCode})`);
  return { bytes: new Uint8Array(unpacked(Buffer.concat(parts), encoding, shown)), etag, modified };
}

// What makes a request conditional: only where the answer that is known came from this very address.
const conditions = (url, known) => (known?.url !== url.href ? {} : {
  ...(known.etag && { 'if-none-match': known.etag }), ...(known.modified && { 'if-modified-since': known.modified }) });

// One request: what `read` makes of the answer, with its `url`; or { unchanged: true }, or the URL of the next hop. `within`: ms
// that all of it may take.
async function ask(url, shown, { known, read, within, signal }) {
  signal.throwIfAborted();
  const own = new AbortController();
  const asking = conditions(url, known);
  let timer, response, late;
  const giveUp = (what) => {
    late = what;
    own.abort();
  };
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, silence, `no answer within ${silence / 1000} seconds`);
  };
  const whole = within && setTimeout(giveUp, within, `not all of it within ${within / 1000} seconds`);
  const stop = () => own.abort();
  setMaxListeners(0, signal); // one for each picture under way
  signal.addEventListener('abort', stop, { once: true }); // AbortSignal.any() keeps something of each request for ever
  alive();
  try {
    response = await new Promise((resolve, reject) => {
      request(url, { headers: { ...headers, ...asking }, signal: own.signal }, resolve).on('error', reject).end();
    });
    alive();
    const { statusCode: status, headers: { location } } = response;
    if (redirects.has(status) && location) return addressOf(headerText(location), url, shown);
    if (status === 304 && Object.keys(asking).length) {
      await once(response.resume(), 'end', { signal: own.signal }); // then the connection can serve the next
      return { unchanged: true };
    }
    if (status >= 200 && status < 300) return { ...await read(response, shown, alive), url: url.href };
    const answered = Object.assign(bad('unreadable', `${shown}: the host answered ${status}`), { status });
    throw passing.has(status) ? new Passing(answered, waitOf(response.headers['retry-after'])) : answered;
  } catch (error) {
    signal.throwIfAborted();
    if (own.signal.aborted) throw new Passing(bad('unreadable', `${shown}: ${late}`));
    if (broken.has(error.code)) throw new Passing(bad('unreadable', `${shown}: the connection broke (${error.code})`));
    if (error instanceof Passing || error instanceof PictureError || error.fatal) throw error;
    throw bad('unreadable', `${shown}: ${error.message}`);
  } finally {
    clearTimeout(timer);
    clearTimeout(whole);
    signal.removeEventListener('abort', stop);
    response?.destroy();
  }
}

// `--allow-host` and `--per-host` -> Map of allowed host -> { until, failed, gate }: when it may be asked again; whether it
// failed to the last; how many at a time.
export const allowedHosts = (names = [], atATime = usualAtATime) => new Map(names.map((name) => [hostOf(name), newHost(atATime)]));
const newHost = (atATime) => ({ until: 0, failed: false, gate: new Gate(atATime) });

// A host as URLs have it, of what was typed: the address of one will do, without a path.
function hostOf(typed) {
  const address = /^https:\/\//i.test(typed) ? typed : `https://${typed}`;
  const url = URL.canParse(address) && new URL(address);
  if (!url || url.href !== `https://${url.host}/` || url.host.includes('*'))
    throw new UsageError('--allow-host takes a host that pictures are fetched from by https, such as cdn.shop.example, ' +
      `not '${typed}'`);
  return url.host;
}

// The same with patience.
async function askOften(url, shown, host, asking) {
  const { signal } = asking;
  for (let tried = 1; ; tried++) {
    try {
      const answer = await host.gate.pass(async () => {
        while (host.until > Date.now()) await sleep(host.until - Date.now(), undefined, { signal });
        return ask(url, shown, asking);
      });
      host.failed = false;
      return answer;
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      const wait = error.wait ?? 1000 * 2 ** (tried - 1);
      if (wait > longest)
        throw bad('unreadable', `${error.error.message} and asks us to come again in ${Math.ceil(wait / 60_000)} minutes`);
      if (tried === tries || host.failed) {
        host.failed = true;
        throw bad('unreadable', `${error.error.message}${tried > 1 ? `, ${tried} times` : ''}: build again later`);
      }
      host.until = Math.max(host.until, Date.now() + wait);
    }
  }
}

// Along redirects; `entryOf(url, sent)` gives the host's entry, or refuses it.
async function follow(ref, entryOf, asking) {
  let url = addressOf(ref.startsWith('//') ? `https:${ref}` : ref, undefined, ref);
  for (let hop = 0; hop < hops; hop++) {
    const sent = hop ? `the host sends us on to ${url.protocol}//${url.host}: ` : '';
    if (url.protocol !== 'https:') throw bad('refused', `${ref}: ${sent}only https is fetched`);
    const answer = await askOften(url, ref, entryOf(url, sent), asking);
    if (!(answer instanceof URL)) return answer;
    url = answer;
  }
  throw bad('unreadable', `${ref}: too many redirects`);
}

// -> { bytes, url, etag, modified }, or { unchanged: true } where `known`, what an earlier answer gave, holds still.
export function readRemote(ref, hosts, signal, known) {
  const allowed = (url, sent) => {
    if (!sent && (url.username || url.password)) // the catalogue has addresses as they are given
      throw bad('refused', `https://${url.host}${url.pathname}: its address holds a name or password, which would be published`);
    if (!hosts.has(url.host)) throw bad('refused', `${ref}: ${sent}add --allow-host ${url.host} to fetch from there`);
    return hosts.get(url.host);
  };
  return follow(ref, allowed, { known, read: readPicture, within: longest, signal });
}

// A body to a file. What the disk refuses is no fault of the host's.
async function readToFile(response, shown, alive, path) {
  const ours = (work) => work.catch((error) => { throw Object.assign(error, { fatal: true }); });
  const handle = await ours(open(path, 'w', 0o600));
  try {
    let n = 0;
    for await (const part of response) {
      alive();
      n += part.length;
      if (n > largestFile) throw bad('too-large', `${shown}: more than ${largestFile / 2 ** 30} GiB`);
      await ours(handle.writeFile(part));
    }
  } finally {
    await ours(handle.close());
  }
}

// A file from an https address that the user typed, to `path`. False where the host has none.
export async function fetchFile(address, path, signal) {
  const read = (response, shown, alive) => readToFile(response, shown, alive, path);
  const hosts = new Map();
  const any = ({ host }) => hosts.get(host) ?? hosts.set(host, newHost(1)).get(host);
  try {
    await follow(address, any, { read, signal });
    return true;
  } catch (error) {
    if ([403, 404, 410].includes(error.status)) return false;
    throw error;
  }
}
