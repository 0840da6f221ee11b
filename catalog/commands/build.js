// kin build: products in, catalogue out. A row that fails is reported and left out; nothing else
// moves because of it. What can be wrong is looked for before the first picture: embedding takes hours. What is done by then
// lies in a folder beside the catalogue (lib/workplace.js), from which a build that was stopped goes on.
import { Build } from '../lib/building.js';
import { describe, dryRun } from '../lib/dry-run.js';
import { readForm } from '../lib/feeds.js';
import { readLimit } from '../lib/limits.js';
import { kin } from '../lib/name.js';
import { asNumber, commonUsage, namesOf, oneArgument, oneOf, UsageError, wholeNumber } from '../lib/options.js';
import { checkFile, checkOutput } from '../lib/output.js';
import { readMap } from '../lib/products.js';
import { writeRelated } from '../lib/related.js';
import { allowedHosts } from '../lib/remote.js';
import { Workplace } from '../lib/workplace.js';

export const usage = `Usage: ${kin} build <products.csv | .tsv | .jsonl | .json | .xml | .parquet | folder> -o <catalogue>
       [--fields a,b] [--text a,b] [--map title=Name] [--from F] [--separator S] [--allow-host H] [--fit crop|pad]
       [--previous <catalogue>] [--workers N] [--max-failed 1%] [--max-shrink 10%] [--report F]
       ${kin} build <products> --dry-run [--json]: what would become of it, nothing is written

Columns: id, title, url, image; several pictures as a JSON array, in CSV also separated by | or commas.
Exports of Shopify and WooCommerce (CSV) and feeds for Google Merchant (TSV, RSS or Atom) are known
by their columns; drafts are left out.
Paths count from the products file's folder and stay inside it. A folder: every picture is a
product, its path the id. Exit code 3: written, but some rows failed. A build that was stopped goes on
where it was when the same command is run again; what it has is in <catalogue>.part until then.

  --fields a,b     columns to publish beside id, title, url and image: anyone can read them.
                   * takes all but those that look private (cost, supplier, e-mail, stock ...); a name
                   with a comma stands in double quotes
  --text a,b       of these, columns to keep as text where all cells are numbers, or true and false
  --map title=Name the column of id, title, url or image where it has another name; of images several
                   (image=A,image=B)
  --from F         plain, shopify, woocommerce or google: read the columns as this, whatever they look like
  --separator S    what parts the cells of CSV: , ; | or tab (default: found)
  --dry-run        print which column becomes what, three products, and all counts; needs no model
  --allow-host H   fetch pictures by https from this host; may be given several times
  --per-host N     so many pictures of a host at a time (default 4)
  --fit crop|pad   centre crop (default), or padded with white to a square
  --previous C     an earlier catalogue: pictures that its build knew, by <catalogue>.state, and that have
                   not changed are neither fetched nor embedded again
  --version-column NAME  a column whose value changes with a product's pictures: those are not even asked for
  --workers N      processes that embed (default: by cores), with --threads threads each (default 1)
  --picture-timeout S  seconds that one picture may take to be embedded (default 10)
  --max-failed L   fail, and leave the catalogue that is there, where more rows and pictures fail: 20 or 1%
  --max-shrink L   the same where it would lose more products than that: 500 or 10%
  --related N      also write each product's N nearest others to <catalogue>.related.json, as '${kin} related' does
  --report F       what was done and what failed, as JSON; --summary F: the same as Markdown
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, fields: { type: 'string', multiple: true },
  text: { type: 'string', multiple: true },
  map: { type: 'string', multiple: true }, 'allow-host': { type: 'string', multiple: true },
  fit: { type: 'string' }, 'per-host': { type: 'string' }, previous: { type: 'string' }, 'version-column': { type: 'string' },
  from: { type: 'string' }, separator: { type: 'string' }, 'dry-run': { type: 'boolean' },
  workers: { type: 'string' }, 'picture-timeout': { type: 'string' }, 'max-failed': { type: 'string' },
  'max-shrink': { type: 'string' }, report: { type: 'string' }, summary: { type: 'string' }, related: { type: 'string' },
};

export const needsModel = (values) => !values['dry-run'];

// Of what is made of the products, how it is done.
function readOptions(values) {
  const timeout = asNumber(values['picture-timeout'] ?? '10');
  if (!(timeout > 0 && timeout <= 86_400))
    throw new UsageError(`--picture-timeout must be a number of seconds up to a day, not '${values['picture-timeout']}'`);
  const whole = (name) => (values[name] === undefined ? undefined : wholeNumber(values[name], `--${name}`, 1));
  return { output: values.output, fit: oneOf(values.fit ?? 'crop', '--fit', ['crop', 'pad']), typedModel: values.model ?? '',
    hosts: allowedHosts(values['allow-host'], whole('per-host')), previous: values.previous, workers: whole('workers'), timeout,
    maxFailed: readLimit(values['max-failed'], '--max-failed'), maxShrink: readLimit(values['max-shrink'], '--max-shrink'),
    report: values.report, summary: values.summary, json: values.json === true };
}

export async function run({ values, positionals, modelOptions }, io) {
  const input = oneArgument(positionals, 'build takes one products file or folder');
  if (!values.output && !values['dry-run']) throw new UsageError('build needs -o CATALOGUE');
  const reading = { map: readMap(values.map), fields: namesOf(values.fields), text: namesOf(values.text), ...readForm(values),
    version: values['version-column'], signal: io.signal,
    progress: (bytes) => io.progress('reading', bytes, { unit: 1e6, name: 'MB' }) };
  if (values['dry-run']) {
    const found = await dryRun(input, reading);
    for (const line of values.json ? [found] : describe(found)) await io.line(line);
    return found.rows_failed ? 3 : 0;
  }
  const options = readOptions(values), related = values.related === undefined ? 0 : wholeNumber(values.related, '--related', 1);
  await checkOutput(options.output);
  for (const path of [options.report, options.summary]) if (path !== undefined) await checkFile(path, [input, options.output, options.previous]);
  const work = await Workplace.open(options.output);
  try {
    const code = await new Build({ input, reading, modelOptions, options, work, io }).run();
    if (related) await writeRelated(values.output, `${values.output}.related.json`, { limit: related }, io);
    return code;
  } finally {
    await work.release();
  }
}
