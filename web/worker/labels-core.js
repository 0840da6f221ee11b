// A label pack, all of which the caller's side keeps.
import { CatalogCore, openBytes } from './catalog-core.js';
import { openFinder } from './engine.js';

export class LabelsCore extends CatalogCore {
  async open(signal, onProgress) {
    const engine = await openFinder(this.platform, this.io, signal);
    const bytes = await this.bytes('a-pack', 'The label pack', engine.facts.limits.packBytes, { signal, onProgress });
    const { about, tensor, names } = openBytes(engine, bytes, 'pack');
    return { ...about, tensors: Object.fromEntries(names.map((name) => [name, tensor(name)])) };
  }
}
