// The folder `<catalogue>.part` beside a catalogue that is being built: locked for one build, kept where a build stops, so that the
// next one goes on, removed when the catalogue is there.
//   lock      what builders of this catalogue lock
//   journal   the rows that are made (journal.js)
//   products  the products that are done, in order, until the file is written; begun anew by each build
//   failures  what failed, for the report; the same
//   state     what the next build asks (journal.js), until it is moved to `<catalogue>.state`
//   previous  the state of an earlier build that was fetched
import { lstat, mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '#web/shared/files.node.js';
import { plain } from './files.js';
import { Locked, lockFile } from './lock.js';

const names = ['journal', 'products', 'failures', 'state', 'previous'];
export const stateOf = (output) => `${output}.state`;

export class Workplace {
  #release;

  constructor(output, folder, release) {
    Object.assign(this, { output, folder });
    this.#release = release;
  }

  static async open(output) {
    const folder = `${output}.part`;
    for (;;) {
      try {
        await mkdir(folder).catch((error) => { if (error.code !== 'EEXIST') throw error; });
        if (!(await lstat(folder)).isDirectory())
          throw new Error(`${folder} is there already and is no folder, which a build needs: move it away`);
        return new Workplace(output, folder, await lockFile(join(folder, 'lock')));
      } catch (error) {
        await rmdir(folder).catch(() => {}); // empty: of nobody, or of one who makes it again
        if (error instanceof Locked)
          throw new Error(`${output} is locked: another build is writing it; wait for its end, or name another file with -o`);
        if (error.code !== 'ENOENT') throw plain(error, folder); // removed by another build between two steps
        await lstat(dirname(folder));
      }
    }
  }

  path(name) {
    return join(this.folder, name);
  }

  // The state takes the place of the last one.
  async keepState() {
    await rename(this.path('state'), stateOf(this.output));
    await syncFolder(dirname(stateOf(this.output)));
  }

  // Removes the folder, or what is in it alone where that is to stay.
  async remove() {
    for (const name of [...names, 'lock']) await rm(this.path(name), { force: true });
    await rmdir(this.folder).catch(() => {}); // another build has begun, or somebody put something there
  }

  async release() {
    await this.#release();
  }
}
