// Where things lie in a file, by their hash: 16 bytes of memory for each, at most 32, so that an index of millions stays
// small. It knows 64 bits of a hash; who looks a thing up there sees whether it is the right one.
export class Offsets {
  #count = 0;
  #table;

  constructor() {
    this.#table = this.#make(1024);
  }

  #make(room) {
    return { room, keys: new Uint32Array(2 * room), at: new Float64Array(room).fill(-1) };
  }

  // The slot of these 64 bits, or the free one where they belong.
  #slot({ room, keys, at }, a, b) {
    let i = a & (room - 1);
    while (at[i] >= 0 && (keys[2 * i] !== a || keys[2 * i + 1] !== b)) i = (i + 1) & (room - 1);
    return i;
  }

  #put(table, a, b, at) {
    const i = this.#slot(table, a, b);
    const isNew = table.at[i] < 0;
    table.keys.set([a, b], 2 * i);
    table.at[i] = at;
    return isNew;
  }

  get size() {
    return this.#count;
  }

  set(hash, at) {
    if (this.#put(this.#table, hash.readUInt32LE(0), hash.readUInt32LE(4), at)) this.#count++;
    const { room, keys, at: places } = this.#table;
    if (this.#count <= room * 0.75) return;
    const larger = this.#make(2 * room);
    for (let i = 0; i < room; i++) if (places[i] >= 0) this.#put(larger, keys[2 * i], keys[2 * i + 1], places[i]);
    this.#table = larger;
  }

  get(hash) {
    const at = this.#table.at[this.#slot(this.#table, hash.readUInt32LE(0), hash.readUInt32LE(4))];
    return at < 0 ? undefined : at;
  }
}
