// The models with trained weights that tests run on: the embedded one, wherever models/index.json has it, and a ViT's.
import { fileURLToPath } from 'node:url';
import { modelFolder, readIndex } from '../catalog/lib/models.js';

const { default: name, models } = readIndex();
export const embeddedName = name;
export const embedded = modelFolder(name, models[name]);
export const vit = fileURLToPath(new URL('models/kin-small/', import.meta.url));
