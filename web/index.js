// kin-clip in a browser. Importing it does nothing but define these.
import { openCatalog as open } from './page/catalog.js';
import { load as loadOn } from './page/clip.js';
import { packFile, packModel } from './page/pack.js';
import { startWorker } from './page/start.js';

const host = { packFile, packModel, startWorker };

export { KinError } from './shared/errors.js';
export const load = (options) => loadOn(host, options);
export const openCatalog = (source, options) => open(host, source, options);
