// kin-clip in a browser. Importing it does nothing but define these.
import { openCatalog as open } from './catalog.js';
import { load as loadOn } from './clip.js';
import * as platform from './platform.js';

export { KinError } from './errors.js';
export const load = (options) => loadOn(platform, options);
export const openCatalog = (source, options) => open(platform, source, options);
