// kin-clip/worker, for who gives a worker's address: all that embed.js and find.js do. By `alias` of package.json Parcel takes
// it for both: what two workers have in common it moves into a bundle of which neither can import anything.
import { begin } from './begin.js';
import * as finding from './finding.js';
import * as kinds from './kinds.js';

begin({ ...kinds, ...finding });
