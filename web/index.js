// kin-clip in a browser. Importing it does nothing but define these.
import { openCatalog as open } from './page/catalog.js';
import { load as loadOn } from './page/clip.js';
import { guarded } from './page/outward.js';
import { onFirstUse } from './shared/errors.js';
import { isFolder, packFile, packModel } from './page/pack.js';
import { startWorker } from './page/start.js';

const host = { finder: () => import('./page/find.js'), isFolder, packFile, packModel, startWorker };

export { KinError } from './shared/errors.js';
export const load = (options) => guarded(() => loadOn(host, options));
export const openCatalog = (source, options) => guarded(() => open(host, source, options));
const onUse = (part, name, ...first) => (...given) => guarded(async () => (await onFirstUse(part()))[name](...first, ...given));
export const trainAdapter = onUse(() => import('./page/adapter.js'), 'trainAdapter', host);
export const openLabels = onUse(() => import('./page/labels.js'), 'openLabels', host);

const store = () => import('./page/store.js');
export const cache = { list: onUse(store, 'list'), size: onUse(store, 'size'), delete: onUse(store, 'remove') };
