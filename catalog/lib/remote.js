// A picture by https from an allowed host; every hop of a redirect must be that too. What may pass (429, 503 and
// their like, a connection that breaks, silence) is tried again, after as long as the host asks for, and its other
// pictures wait as well. Where a host has failed to the last, each further picture gets one try until one comes.
// A host is asked for a few pictures at a time, and where a picture is known already, only whether it has changed.
//
// By node:https, not fetch: that unpacks what an answer says is packed, and Node 20's never ends where it is not.
import { once, setMaxListeners } from 'node:events';
import { createWriteStream } from 'node:fs';
import { request } from 'node:https';
import { pipeline } from 'node:stream/promises';
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
const passing = new Set([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]); // the last five: Cloudflare's, of the host behind it
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

async function readBody(response, shown, alive) {
  if (Number(response.headers['content-length']) > maxBytes) throw tooLarge(shown);
  const parts = [];
  let n = 0;
  for await (const part of response) {
    alive();
    n += part.length;
    if (n > maxBytes) throw tooLarge(shown);
    parts.push(part);
  }
  if (!n) throw bad('unreadable', `${shown}: the host sent nothing (it answered ${response.statusCode})`);
  return new Uint8Array(unpacked(Buffer.concat(parts), response.headers['content-encoding'], shown));
}

// What makes a request conditional: only where the answer that is known came from this very address.
const conditions = (url, known) => (known?.url !== url.href ? {} : {
  ...(known.etag && { 'if-none-match': known.etag }), ...(known.modified && { 'if-modified-since': known.modified }) });

// One request: { bytes, url, etag, modified } or { unchanged: true }, or the URL of the next hop.
async function ask(url, shown, known, signal) {
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
  const whole = setTimeout(giveUp, longest, `not all of it within ${longest / 1000} seconds`);
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
    if (status >= 200 && status < 300) {
      const { etag, 'last-modified': modified } = response.headers;
      return { bytes: await readBody(response, shown, alive), url: url.href, etag, modified };
    }
    const answered = bad('unreadable', `${shown}: the host answered ${status}`);
    throw passing.has(status) ? new Passing(answered, waitOf(response.headers['retry-after'])) : answered;
  } catch (error) {
    signal.throwIfAborted();
    if (own.signal.aborted) throw new Passing(bad('unreadable', `${shown}: ${late}`));
    if (broken.has(error.code)) throw new Passing(bad('unreadable', `${shown}: the connection broke (${error.code})`));
    if (error instanceof Passing || error instanceof PictureError) throw error;
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
export const allowedHosts = (names = [], atATime = usualAtATime) =>
  new Map(names.map((name) => [hostOf(name), { until: 0, failed: false, gate: new Gate(atATime) }]));

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
async function askOften(url, shown, known, host, signal) {
  for (let tried = 1; ; tried++) {
    try {
      const answer = await host.gate.pass(async () => {
        while (host.until > Date.now()) await sleep(host.until - Date.now(), undefined, { signal });
        return ask(url, shown, known, signal);
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

// -> { bytes, url, etag, modified }, or { unchanged: true } where `known`, what an earlier answer gave, holds still.
export async function readRemote(ref, hosts, signal, known) {
  let url = addressOf(ref.startsWith('//') ? `https:${ref}` : ref, undefined, ref);
  for (let hop = 0; hop < hops; hop++) {
    const sent = hop ? `the host sends us on to ${url.protocol}//${url.host}: ` : '';
    if (url.protocol !== 'https:') throw bad('refused', `${ref}: ${sent}only https is fetched`);
    if (!hosts.has(url.host)) throw bad('refused', `${ref}: ${sent}add --allow-host ${url.host} to fetch from there`);
    const answer = await askOften(url, ref, known, hosts.get(url.host), signal);
    if (!(answer instanceof URL)) return answer;
    url = answer;
  }
  throw bad('unreadable', `${ref}: too many redirects`);
}

async function* limited(parts, address) {
  let n = 0;
  for await (const part of parts) {
    n += part.length;
    if (n > largestFile) throw new Error(`${address} is larger than ${largestFile / 2 ** 30} GiB`);
    yield part;
  }
}

// A file from an https address that the user typed, to `path`. False where the host has none.
export async function fetchFile(address, path, signal) {
  let url = addressOf(address, undefined, address);
  for (let hop = 0; hop < hops; hop++) {
    if (url.protocol !== 'https:') throw new Error(`${address}: only https is fetched`);
    const response = await new Promise((resolve, reject) => {
      const asking = request(url, { headers: { ...headers, accept: '*/*' }, signal, timeout: silence }, resolve);
      asking.on('error', reject).on('timeout', () => asking.destroy(new Error(`no answer within ${silence / 1000} seconds`))).end();
    }).catch((error) => {
      signal.throwIfAborted();
      throw new Error(`${address} cannot be fetched: ${error.message}`);
    });
    const { statusCode: status, headers: { location } } = response;
    if (status === 200) {
      await pipeline(response, (parts) => limited(parts, address), createWriteStream(path, { mode: 0o600 }));
      return true;
    }
    response.destroy();
    if (status === 404 || status === 403 || status === 410) return false;
    if (!redirects.has(status) || !location) throw new Error(`${address} cannot be fetched: the host answered ${status}`);
    url = addressOf(headerText(location), url, address);
  }
  throw new Error(`${address} cannot be fetched: too many redirects`);
}
