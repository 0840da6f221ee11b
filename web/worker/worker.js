// kin-clip/worker, for who gives a worker's address: all that embed.js and find.js do.
import { begin } from './begin.js';
import * as finding from './finding.js';
import * as kinds from './kinds.js';

begin({ ...kinds, ...finding });
