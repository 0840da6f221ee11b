// At most so many at a time; who waits goes in the order of coming.
export class Gate {
  #free;
  #waiting = [];

  constructor(most) {
    this.#free = most;
  }

  async pass(work) {
    if (this.#free > 0) this.#free--;
    else await new Promise((resolve) => { this.#waiting.push(resolve); });
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
