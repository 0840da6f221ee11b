// kin-clip in a browser. Importing it does nothing but define these.
import { openCatalog as open } from './page/catalog.js';
import { load as loadOn } from './page/clip.js';
import * as platform from './worker/platform.js';

export { KinError } from './shared/errors.js';
export const load = (options) => loadOn(platform, options);
export const openCatalog = (source, options) => open(platform, source, options);
