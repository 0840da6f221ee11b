// Products of several rows, by a feed's rules (feeds.js): records -> products, each with all its rows' records:
//   { row, records, error }
// Rows that follow their product are read with it. Those that lie elsewhere are read before all others, and kept, cut
// down to the columns that matter. Drafts are left out, with all their rows.
// A record is { row, get(column), error }; one with an error is a product of its own, and parts none.

const maxRows = 65535; // of one product
const maxKept = 2 ** 26; // characters of rows that lie elsewhere

const textOf = (value) => (value === undefined || value === null ? '' : String(value).trim());

export class Variants {
  drafts = 0; // products left out by the latest reading
  #choice;
  #kept = new Map(); // parent -> its rows, each as the JSON of [row, value of each column that matters]

  constructor(choice) {
    this.#choice = choice;
  }

  #isDraft(record) {
    return this.#choice.shown.some(([column, values]) => {
      const value = textOf(record.get(column)).toLowerCase();
      return value && !values.includes(value);
    });
  }

  #keysOf(record) {
    return this.#choice.child.keys.map(([prefix, column]) => [prefix, textOf(record.get(column))])
      .filter(([, value]) => value).map(([prefix, value]) => prefix + value);
  }

  // The product that the record is a further row of, or ''.
  #parentOf(record, product) {
    const { when: [column, kind], of, repeats } = this.#choice.child;
    const parent = textOf(record.get(of));
    return kind.test(textOf(record.get(column))) || repeats && product?.keys.includes(parent) ? parent : '';
  }

  // Reads all records once, before any products are: which rows lie elsewhere? Without this, none do.
  async keep(records, name) {
    const { child, columns } = this.#choice;
    if (!child) return;
    let product = null;
    let size = 0;
    for await (const record of records) {
      if (record.error) continue;
      const parent = this.#parentOf(record, product);
      if (!parent) product = { keys: this.#keysOf(record) };
      else if (!product?.keys.includes(parent)) {
        const kept = JSON.stringify([record.row, ...columns.map((column) => record.get(column))]);
        if ((size += kept.length + parent.length) > maxKept)
          throw new Error(`${name}: too many rows lie apart from their products: sort it so that the rows of a product ` +
            `follow each other ('${child.of}' says which product a row is of)`);
        if (!this.#kept.has(parent)) this.#kept.set(Buffer.from(parent).toString(), []); // a copy: not a part of a long text
        this.#kept.get(parent).push(kept);
      }
    }
  }

  #read(kept) {
    const [row, ...values] = JSON.parse(kept);
    return { row, error: null, get: (column) => values[this.#choice.columns.indexOf(column)] ?? undefined };
  }

  // The record's product, once all its rows are there; null: a draft.
  #finish({ records: [first, ...rest], keys }, taken) {
    for (const key of keys.filter((one) => this.#kept.has(one) && !taken.has(one))) {
      taken.add(key);
      rest.push(...this.#kept.get(key).slice(0, maxRows).map((kept) => this.#read(kept)));
    }
    if (this.#isDraft(first)) {
      this.drafts++;
      return null;
    }
    const error = rest.length >= maxRows ? new Error(`it has more than ${maxRows} rows`) : null;
    const records = [first, ...rest.sort((a, b) => a.row - b.row).filter((record) => !this.#isDraft(record))];
    return { row: first.row, error, records };
  }

  async* products(records) {
    this.drafts = 0;
    const taken = new Set();
    let product = null;
    for await (const record of records) {
      if (record.error) {
        yield { row: record.row, records: [record], error: record.error };
        continue;
      }
      const parent = this.#choice.child ? this.#parentOf(record, product) : '';
      if (parent) {
        if (product?.keys.includes(parent) && product.records.length <= maxRows) product.records.push(record);
        continue;
      }
      const done = product && this.#finish(product, taken);
      product = { records: [record], keys: this.#choice.child ? this.#keysOf(record) : [] };
      if (done) yield done;
    }
    const done = product && this.#finish(product, taken);
    if (done) yield done;
    for (const [parent, rows] of this.#kept) {
      if (taken.has(parent)) continue;
      const error = new Error(`it belongs to '${parent}', of which there is no first row`);
      for (const record of rows.map((kept) => this.#read(kept))) yield { row: record.row, records: [record], error };
    }
  }
}
