// Kin's worker, its requests counted like the page's.
import './sent.js';
import './kin/worker.js';
