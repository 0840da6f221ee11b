// The models that models/index.json names, and where each lies on this machine: the embedded one in
// the package, the others, once fetched, in the user's cache folder.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { exists } from './files.js';
import { nearest } from './nearest.js';

const index = createRequire(import.meta.url).resolve('#models/index.json'); // by package.json

// { default, models: { name: entry } }; models/README.md says what an entry holds.
export function readIndex() {
  return JSON.parse(readFileSync(index, 'utf8'));
}

// What is fetched lies under this folder: KIN_CACHE, else where the system wants caches.
export function cacheFolder(env = process.env, platform = process.platform) {
  if (env.KIN_CACHE) return env.KIN_CACHE;
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'kin');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'kin');
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kin');
}

// The folder of a named model in a dtype, whether or not it is there yet.
export function modelFolder(name, entry, dtype = 'q8') {
  if (entry.folder) return resolve(dirname(index), entry.folder);
  return join(cacheFolder(), 'models', dtype === 'f32' ? `${name}-f32` : name);
}

// [name, entry] of the model with this name or hub id (any case, as the hub has it); else undefined.
export function findEntry(text) {
  const { models } = readIndex();
  if (Object.hasOwn(models, text)) return [text, models[text]];
  return Object.entries(models).find(([, entry]) => entry.hub?.toLowerCase() === text.toLowerCase());
}

// How a sentence about a name that no model has goes on: " (known: a, b; did you mean b?)"
export function knownModels(name) {
  const names = Object.keys(readIndex().models);
  const near = nearest(name, names);
  return ` (known: ${names.join(', ')}${near ? `; did you mean ${near}?` : ''})`;
}

// Megabytes: { f32 (to fetch; null: nothing is), q8: { image, text } }. The embedded model's are those of its files.
export function megabytesOf(name, entry) {
  if (entry.megabytes) return entry.megabytes;
  const { files } = JSON.parse(readFileSync(join(modelFolder(name, entry), 'manifest.json'), 'utf8'));
  const sum = (tower) => files.filter((file) => file.name.startsWith(`${tower}.`) || file.name.startsWith(`${tower}-`))
    .reduce((n, file) => n + file.bytes, 0);
  return { f32: null, q8: { image: Math.round(sum('image') / 1e5) / 10, text: Math.round(sum('text') / 1e5) / 10 } };
}

// The name of the one for real shops.
export const recommended = () => Object.entries(readIndex().models).find(([, entry]) => entry.recommended)[0];

// "605.2 MB to fetch, MIT".
export const shortly = (entry) => `${entry.megabytes.f32} MB to fetch, ${entry.licence}`;

// A model folder's manifest, null where there is none.
export function manifestOf(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  } catch {
    return null;
  }
}

async function hashFile(path) {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(part);
  return hash.digest('hex');
}

// What of a converted model's folder is not as its manifest says, a sentence a file.
export async function fileFaults(folder, manifest) {
  if (!Array.isArray(manifest?.files)) return ['manifest.json cannot be read'];
  const faults = [];
  for (const file of manifest.files) {
    const { name, bytes, sha256 } = file ?? {};
    if (typeof name !== 'string' || basename(name) !== name) {
      faults.push(`manifest.json names '${name}', which is no file of this folder`);
      continue;
    }
    const info = await exists(join(folder, name));
    if (!info?.isFile()) faults.push(`${name} is missing`);
    else if (info.size !== bytes) faults.push(`${name} has ${info.size} bytes instead of ${bytes}`);
    else if (await hashFile(join(folder, name)) !== sha256) faults.push(`${name} has other bytes than manifest.json says`);
  }
  return faults;
}
