// kin-clip in a browser. Importing it does nothing but define these.
import { openCatalog as open } from './page/catalog.js';
import { load as loadOn } from './page/clip.js';
import { guarded } from './page/outward.js';
import { onFirstUse } from './shared/errors.js';
import { keepAddress, packFile, packModel } from './page/pack.js';
import { startWorker } from './page/start.js';

const host = { keepAddress, packFile, packModel, startWorker };

export { KinError } from './shared/errors.js';
export const load = (options) => guarded(() => loadOn(host, options));
export const openCatalog = (source, options) => guarded(() => open(host, source, options));
export const trainAdapter = (examples, options) => guarded(async () =>
  (await onFirstUse(import('./page/adapter.js'))).trainAdapter(host, examples, options));
export const openLabels = (source, options) => guarded(async () =>
  (await onFirstUse(import('./page/labels.js'))).openLabels(host, source, options));
