// kin-clip in Node: as in a browser, with paths too. exportTower, promptsOf, quantise, writeCatalog, openPack and listProducts are for the command.
import { fileOf, openCatalog as open } from './page/catalog.js';
import { clientOf, load as loadOn } from './page/clip.js';
import { isFolder, packFile, packModel, writeFile } from './page/files.node.js';
import { guarded } from './page/outward.js';
import { onFirstUse } from './shared/errors.js';
import { startWorker } from './page/start.node.js';

const host = { finder: async () => ({ startFinder: startWorker }), isFolder, packFile, packModel, startWorker, writeFile };

export { KinError } from './shared/errors.js';
export const load = (options) => guarded(() => loadOn(host, options));
export const openCatalog = (source, options) => guarded(() => open(host, source, options));
const onUse = (part, name, ...first) => (...given) => guarded(async () => (await onFirstUse(part()))[name](...first, ...given));
export const trainAdapter = onUse(() => import('./page/adapter.js'), 'trainAdapter', host);
export const openLabels = onUse(() => import('./page/labels.js'), 'openLabels', host);

const store = () => import('./page/store.js');
export const cache = { list: onUse(store, 'list'), size: onUse(store, 'size'), delete: onUse(store, 'remove') };
export const openPack = async (path, options) => (await import('./page/labels.js')).readFile(host, path, options);
export const exportTower = (clip, tower, { signal } = {}) => clientOf(clip).call('exportTower', [tower], signal);

// Vectors of texts and the model's scale, for packs of labels.
export const promptsOf = (clip, texts, signal) => clientOf(clip).call('prompts', [texts], signal);

// The int8 rows of vectors, one after the other, as a catalogue holds them.
export const quantise = (clip, vectors, signal) => clientOf(clip).call('quantise', [vectors], signal);

// A catalogue's file of products that are made elsewhere: builder.js says what it takes.
export const writeCatalog = async (clip, ...given) => (await import('./page/builder.js')).writeProducts(clip, clientOf(clip), ...given);

// Every product of an open catalogue as it lies in the file: [{ id, item: the bytes of its JSON }].
export function listProducts(catalog) {
  const { ids, idOffsets, items, itemOffsets } = fileOf(catalog), decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const part = (offsets, bytes, i) => bytes.subarray(Number(offsets[i]), Number(offsets[i + 1]));
  return Array.from({ length: catalog.info.products }, (_, i) =>
    ({ id: decoder.decode(part(idOffsets, ids, i)), item: part(itemOffsets, items, i) }));
}
