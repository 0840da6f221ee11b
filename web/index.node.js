// kin-clip in Node: as in a browser, with paths too. exportTower is for `kin convert`.
import { openCatalog as open } from './page/catalog.js';
import { load as loadOn } from './page/clip.js';
import * as platform from './worker/platform.node.js';

export { exportTower } from './page/clip.js';
export { KinError } from './shared/errors.js';
export const load = (options) => loadOn(platform, options);
export const openCatalog = (source, options) => open(platform, source, options);
