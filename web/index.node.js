// kin-clip in Node: as in a browser, with paths too. exportTower is for `kin convert`.
import { openCatalog as open } from './catalog.js';
import { load as loadOn } from './clip.js';
import * as platform from './platform.node.js';

export { exportTower } from './clip.js';
export { KinError } from './errors.js';
export const load = (options) => loadOn(platform, options);
export const openCatalog = (source, options) => open(platform, source, options);
