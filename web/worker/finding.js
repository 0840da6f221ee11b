// What the worker of find.js can open, by the call that opens it: what needs no model.
export { EngineCore as openEngine } from './engine-core.js';
export { FolderCore as openFolder } from './folder-core.js';
export { LabelsCore as openLabels } from './labels-core.js';
