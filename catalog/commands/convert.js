// kin convert: a CLIP folder of Hugging Face's or open_clip's, or a model of the hub, in; a folder for the web out.
import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { convertFolder } from '../lib/conversion.js';
import { checkReplaceable } from '../lib/files.js';
import { fetchAndConvert } from '../lib/get.js';
import { hubId } from '../lib/hub.js';
import { findEntry } from '../lib/models.js';
import { kin } from '../lib/name.js';
import { commonUsage, UsageError } from '../lib/options.js';

export const usage = `Usage: ${kin} convert <folder | hub id | name> -o <model-folder> [--dtype q8|f32]

The folder is Hugging Face's or open_clip's. Writes the two towers apart, in files of at most
20 MiB, with the configuration, the vocabulary and a manifest. The same input gives the same bytes. A hub id (owner/model) or a name of
'${kin} model list' is fetched first, says its licence and size, and goes on where it was stopped;
HF_ENDPOINT names another hub than https://huggingface.co.
${commonUsage}`;

export const options = { output: { type: 'string', short: 'o' } };

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1) throw new UsageError('convert takes one model folder, hub id or name');
  if (!values.output) throw new UsageError('convert needs -o MODEL-FOLDER');
  if (values.model !== undefined)
    throw new UsageError('convert takes the model as its argument, not as --model');
  const [from] = positionals;
  const dtype = modelOptions.dtype ?? 'q8';
  const info = await stat(from).catch(() => null);
  if (info && !info.isDirectory()) throw new Error(`${from} is a file: name the folder that holds config.json or open_clip_config.json`);
  const [name, entry] = (info ? undefined : findEntry(from)) ?? [];
  const hub = info ? null : entry?.hub ?? (hubId.test(from) ? from : null);
  if (!info && !hub)
    throw new Error(entry ? `'${name}' is converted already, and embedded` : `there is no model folder ${from}`);
  if (info && resolve(values.output) === await realpath(from))
    throw new UsageError('-o is the folder to convert: name another');
  await checkReplaceable(values.output, 'model');
  const work = { dtype, modelOptions, io };
  const done = info ? await convertFolder(from, values.output, work)
    : await fetchAndConvert(hub, values.output, { ...work, entry, say: (text) => io.note(text) });
  if (values.json) await io.line({ output: values.output, dtype, ...done });
  else io.note(`${values.output}: ${dtype}, ${done.files.length} files, ${(done.bytes / 1e6).toFixed(2)} MB`);
  return 0;
}
