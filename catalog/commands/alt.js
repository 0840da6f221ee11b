// kin alt: a draft of alternative text for each product, for people to review.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pixel, withModel } from '../lib/engine.js';
import { writeFileSafely } from '../lib/files.js';
import { kin } from '../lib/name.js';
import { commonUsage, UsageError } from '../lib/options.js';
import { checkFile } from '../lib/output.js';
import { isOfAll, listedPictures, naming } from '../lib/pictures.js';
import { readMap, readProducts } from '../lib/products.js';
import { allowedHosts } from '../lib/remote.js';
import { openStored, openStoredLabels } from '../lib/stored.js';

export const usage = `Usage: ${kin} alt <products.csv | folder> [-o drafts.csv] [--pack F] [--catalog F]
       [--map image=Name] [--allow-host H]

A line a product: its id, its first picture and its title as they are, alt: a draft of alternative
text such as "a red shoe on a white background", empty where nothing is sure, and
alt_confidence: how sure its least sure part is. Drafts are for people to review.

-o, --output <f>      a file (default: standard output)
--pack <f>            a phrase pack in English (default: the package's, for the embedded model)
--catalog <f>         a catalogue of the same model whose titles help to tell close objects apart
--map image=Name      the column of images, ids, titles
--allow-host <h>      read pictures from this https host
--json                JSON lines, with each part's confidence
${commonUsage}`;

export const options = {
  output: { type: 'string', short: 'o' }, pack: { type: 'string' }, catalog: { type: 'string' }, map: { type: 'string', multiple: true },
  'allow-host': { type: 'string', multiple: true },
};

// The package's own, beside models/.
function shipped(embedded) {
  const path = join(dirname(createRequire(import.meta.url).resolve('#models/index.json')), '..', 'labels', 'alt.safetensors');
  if (!embedded) throw new UsageError(`the phrase pack of the package is for the embedded model: '${kin} labels build labels/alt.yaml -o alt.safetensors ` +
    "--model …' makes one for another, --pack takes it");
  if (!existsSync(path)) throw new Error(`there is no ${path}: 'make labels/alt.safetensors' builds it in a checkout, or name a pack with --pack`);
  return path;
}

const cell = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1) throw new UsageError(`'alt' takes one products file or folder; see '${kin} alt --help'`);
  const [path] = positionals;
  const map = readMap(values.map);
  const packPath = values.pack ?? shipped(modelOptions.embedded);
  if (values.output) await checkFile(values.output, [path, packPath, values.catalog]);
  const { signal } = io;
  const lines = [];
  const put = async (line) => (values.output ? lines.push(line) : io.line(line));
  let failed = 0;
  const said = ({ id, title = '', images: [image = ''] = [] }, { text = '', parts = [] }, error) => {
    const least = parts.length ? Math.min(...parts.map(({ confidence }) => confidence)) : null;
    if (values.json) return { id, image, title, alt: text, alt_confidence: least, parts, ...error && { error: { code: error.code, message: error.message } } };
    return [id ?? '', image, title, text, least === null ? '' : least.toFixed(3)].map(cell).join(',');
  };
  await withModel(modelOptions, io, async (clip) => {
    const pack = await openStoredLabels(packPath, { clip, signal });
    const catalog = values.catalog === undefined ? undefined : await openStored(values.catalog, { signal });
    try {
      await clip.describe(pixel(), { pack, catalog, signal });
      // A row that cannot be read keeps its place, so that lines are those of the file.
      const unread = [];
      const fail = async (row, error) => {
        failed++;
        io.note(`row ${row.row}${row.id === null ? '' : ` (${row.id})`}: ${error.message}`);
        await put(said({ ...row, title: row.item.title }, {}, error));
      };
      const listed = await readProducts(path, { map, fields: [], signal }, (row) => unread.push(row));
      unread.sort((a, b) => a.row - b.row); // rows of no product come last
      const until = async (row) => {
        while (unread.length && unread[0].row < row) {
          const [first] = unread.splice(0, 1);
          await fail(first, first.error);
        }
      };
      const firsts = { ...listed, async* rows() {
        for await (const row of listed.rows()) yield { ...row, images: row.images.slice(0, 1) };
      } };
      const hosts = allowedHosts(values['allow-host']);
      if (!values.json) await put('id,image,title,alt,alt_confidence');
      const progress = io.progress('products', listed.count - unread.length);
      let n = 0;
      for await (const { row, path: shown, load } of listedPictures(firsts, { root: listed.paths.root, hosts, signal })) {
        signal.throwIfAborted();
        progress(++n);
        await until(row.row);
        if (row.error) {
          await fail(row, row.error);
          continue;
        }
        let draft;
        try {
          const { source } = await load();
          draft = await clip.describe(source, { pack, catalog, signal }).catch(naming(shown));
        } catch (error) {
          if (signal.aborted || isOfAll(error)) throw error;
          await fail(row, error);
          continue;
        }
        await put(said({ ...row, title: row.item.title }, draft));
      }
      await until(Infinity);
    } finally {
      await catalog?.close();
    }
  });
  if (values.output)
    await writeFileSafely(values.output, Buffer.from(lines.map((line) => (values.json ? JSON.stringify(line) : line) + '\n').join('')));
  return failed ? 3 : 0;
}
