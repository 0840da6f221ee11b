// kin classify: which of some labels fits a picture best.
import { withModel } from '../lib/engine.js';
import { kin } from '../lib/name.js';
import { commonUsage, UsageError } from '../lib/options.js';
import { naming, openTyped } from '../lib/pictures.js';

export const usage = `Usage: ${kin} classify <picture> --labels a,b,c [--template "a photo of a {}"]

Scores add up to 1. --template may be given several times; {} stands for the label.
${commonUsage}`;

export const options = {
  labels: { type: 'string' }, template: { type: 'string', multiple: true },
};

export async function run({ values, positionals, modelOptions }, io) {
  if (positionals.length !== 1)
    throw new UsageError('classify takes one picture, and the labels as --labels shoe,hat');
  const labels = (values.labels ?? '').split(',').map((label) => label.trim()).filter(Boolean);
  if (!labels.length) throw new UsageError('classify needs --labels, such as --labels shoe,hat');
  const templates = values.template;
  const lacking = templates?.find((template) => !template.includes('{}'));
  if (lacking !== undefined)
    throw new UsageError(`--template needs {} where the label goes, not '${lacking}'`);
  const source = await openTyped(positionals[0]);
  const result = await withModel(modelOptions, io, (clip) =>
    clip.classify(source, labels, { ...(templates && { templates }), signal: io.signal }).catch(naming(positionals[0])));
  if (values.json) await io.line(result);
  else for (const { label, score } of result) await io.line(`${score.toFixed(4)}  ${label}`);
  return 0;
}
