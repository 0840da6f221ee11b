// kin related: each product's nearest other products, for pages that have no model.
import { kin } from '../lib/name.js';
import { commonUsage, oneArgument, UsageError, wholeNumber } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { writeRelated } from '../lib/related.js';
import { counted, size } from '../lib/terminal.js';

export const usage = `Usage: ${kin} related <catalogue | folder> -o <related.json | related.jsonl> [--limit 12] [--filter "stock = true"]

Writes { "id": [{ "id", "score", "title", "url", "image" }, ...] } with the products most like each one, best first, or with
.jsonl a line a product, { "id", "related": [...] }. No model is needed. Paths of pictures count from the catalogue's folder.

  --limit N        how many for each product (default 12)
  --filter F       which products may be named; every product of the catalogue gets a list
${commonUsage}`;

export const options = { output: { type: 'string', short: 'o' }, limit: { type: 'string' }, filter: { type: 'string' } };

export async function run({ values, positionals }, io) {
  const catalogue = oneArgument(positionals, 'related takes one catalogue');
  if (!values.output) throw new UsageError('related needs -o related.json');
  const limit = wholeNumber(values.limit ?? '12', '--limit', 1);
  await checkFile(values.output, [catalogue]);
  const { products, bytes } = await writeRelated(catalogue, values.output, { limit, filter: values.filter }, io);
  if (values.json) await io.line({ products, limit, bytes, output: values.output });
  else io.note(`${values.output}: up to ${limit} for each of ${counted(products, 'product')}, ${size(bytes)}`);
  return 0;
}
