// What the usual worker can open, by the call that opens it; another, started when it is needed, can open the rest (finding.js).
export { CatalogCore as openCatalog } from './catalog-core.js';
export { Core as open } from './core.js';
