// Starts a page's worker for what needs no model.
import { startWorker } from './start.js';
import * as kinds from '../worker/finding.js';

// As the usual one's (start.js).
const make = () => new Worker(new URL('../worker/find.js', import.meta.url), { type: 'module' });
export const startFinder = (kind, handlers) => startWorker(kind, handlers, { make, kinds });
