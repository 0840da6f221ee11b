// What an earlier build knew (`--previous`): the state that it left beside its catalogue. Of a catalogue on a host or in a folder
// that was published the state lies beside the one that is built now, else where the host has it.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Journal } from './journal.js';
import { fetchFile } from './remote.js';
import { stateOf } from './workplace.js';

const anew = 'every picture is read and embedded anew';
const isUrl = (text) => /^[a-z][a-z0-9+.-]+:\/\//i.test(text);
const isFile = (path) => stat(path).then((found) => found.isFile(), () => false);

const addressOf = (previous) => `${previous.replace(/\/+$/, '')}.state`;

// The path of its state, null if there is none.
async function findState(previous, work, io) {
  const own = stateOf(work.output);
  if (!isUrl(previous)) {
    const found = await stat(previous).catch(() => null);
    if (!found && resolve(previous) !== resolve(work.output)) throw new Error(`--previous: there is no ${previous}`);
    const beside = stateOf(previous);
    return !found?.isDirectory() && await isFile(beside) ? beside : await isFile(own) ? own : null;
  }
  if (await isFile(own)) return own;
  return await fetchFile(addressOf(previous), work.path('previous'), io.signal) ? work.path('previous') : null;
}

// -> Journal, or null where nothing of it can be used, which is said.
export async function openPrevious(previous, { work, about, io }) {
  const path = await findState(previous, work, io);
  if (path === null) {
    const missing = stateOf(isUrl(previous) ? work.output : previous);
    io.note(`--previous: there is no ${missing} of ${previous}: ${anew}`);
    return null;
  }
  const found = await Journal.read(path, about);
  const shown = path === work.path('previous') ? addressOf(previous) : path;
  if (!found) io.note(`--previous: ${shown} is of another model, --fit or --decode, or damaged: ${anew}`);
  else if (!found.whole) io.note(`--previous: ${shown} is damaged: what is whole of it is used`);
  return found;
}
