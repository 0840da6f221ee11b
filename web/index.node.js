// kin-clip in Node: as in a browser, with paths too. exportTower, promptsOf, openPack and listProducts are for the command.
import { openCatalog as open } from './page/catalog.js';
import { load as loadOn } from './page/clip.js';
import { keepAddress, packFile, packModel, writeFile } from './page/files.node.js';
import { guarded } from './page/outward.js';
import { onFirstUse } from './shared/errors.js';
import { startWorker } from './page/start.node.js';

const host = { keepAddress, packFile, packModel, startWorker, writeFile };

export { listProducts } from './page/catalog.js';
export { exportTower, promptsOf } from './page/clip.js';
export { KinError } from './shared/errors.js';
export const load = (options) => guarded(() => loadOn(host, options));
export const openCatalog = (source, options) => guarded(() => open(host, source, options));
export const trainAdapter = (examples, options) => guarded(async () =>
  (await onFirstUse(import('./page/adapter.js'))).trainAdapter(host, examples, options));
export const openLabels = (source, options) => guarded(async () =>
  (await onFirstUse(import('./page/labels.js'))).openLabels(host, source, options));
export const openPack = async (path, options) => (await import('./page/labels.js')).readFile(host, path, options);
