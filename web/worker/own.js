// kin-clip/worker: what a worker file of the caller's own imports. It is all of Kin's workers.
import { begin } from './begin.js';
import * as finding from './finding.js';
import * as kinds from './kinds.js';

begin({ ...kinds, ...finding });
