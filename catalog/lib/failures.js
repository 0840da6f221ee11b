// What failed in a build, one after the other, in a file: there may be millions.
import { Records } from './records.js';

export class Failures {
  #records;
  count = 0;

  static async open(path) {
    const failures = new Failures();
    failures.#records = await Records.open(path, 'new');
    return failures;
  }

  async add(failure) {
    this.count++;
    await this.#records.add(Buffer.from(JSON.stringify(failure)));
  }

  // The JSON of each.
  async* all() {
    await this.#records.flush();
    for await (const { payload } of this.#records.scan()) yield payload.toString();
  }

  async close() {
    await this.#records.close();
  }
}
