#!/usr/bin/env node
// kin: the command line. This file knows the commands' names, reads their options, turns errors
// into one sentence and an exit code, and nothing else. A command is one file of commands/ that exports
//   usage     its help text
//   options   what node:util parseArgs needs beyond the options every command takes
//   run(args, io) -> exit code; args = { values, positionals, modelOptions }, io from lib/terminal.js
//   needsModel(values), where it can do without: modelOptions is null then
// and is imported only when asked for, so `kin serve` never loads an engine.
// Exit: 0 done, 1 failed, 2 wrong use, 3 finished with some rows failed.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kin } from './lib/name.js';
import { nearest } from './lib/nearest.js';
import { commonOptions, readCommon, refuseDash, UsageError } from './lib/options.js';
import { openTerminal } from './lib/terminal.js';

const commands = {
  build: ['products in, catalogue out', () => import('./commands/build.js')],
  import: ['a catalogue of vectors that were made elsewhere', () => import('./commands/import.js')],
  publish: ['a catalogue as a folder for the web, later changes as deltas', () => import('./commands/publish.js')],
  search: ['find products by a picture, a text or other products', () => import('./commands/search.js')],
  embed: ['embeddings of pictures or texts', () => import('./commands/embed.js')],
  classify: ['which of some labels fits a picture best', () => import('./commands/classify.js')],
  labels: ['label packs: build one, hold products against one, measure it', () => import('./commands/labels.js')],
  adapt: ['train an adapter on pairs or kinds of your own', () => import('./commands/adapt.js')],
  alt: ['drafts of alternative text for products, to be reviewed', () => import('./commands/alt.js')],
  tokens: ['token ids of a text', () => import('./commands/tokens.js')],
  preprocess: ['the pixels the model sees, as .npy', () => import('./commands/preprocess.js')],
  model: ['list the models that are known by name, or get one', () => import('./commands/model.js')],
  convert: ['a Hugging Face CLIP folder or hub id in, a small model folder out',
    () => import('./commands/convert.js')],
  inspect: ['what a catalogue or a model holds; --public: what a stranger can read',
    () => import('./commands/inspect.js')],
  verify: ['check every byte of a catalogue or a model', () => import('./commands/verify.js')],
  related: ['each product\'s nearest others as JSON, for templates', () => import('./commands/related.js')],
  report: ['proof on your own products: one HTML page', () => import('./commands/report.js')],
  export: ['a catalogue for other engines: Parquet, npy, JSON Lines, PostgreSQL, Qdrant, Milvus', () => import('./commands/export.js')],
  serve: ['serve a folder on this machine', () => import('./commands/serve.js')],
  bench: ['milliseconds a picture and a text on this machine', () => import('./commands/bench.js')],
};
// What a command starts of this one, as processes of their own.
const hidden = { 'embed-worker': () => import('./commands/embed-worker.js') };
const later = ['doctor'];

const help = () => `Usage: ${kin} <command> [options]

${Object.entries(commands).map(([name, [what]]) => `  ${name.padEnd(11)} ${what}`).join('\n')}

Every command: --model <folder, URL or name> --threads <n> --variant <name> --json --quiet --help
Alone: --version
Exit code: 0 done, 1 failed, 2 wrong use, 3 finished with some rows failed.
'${kin} <command> --help' tells more.
`;

// package.json lies one above this file, and one above its bundle.
const version = () => JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

// parseArgs' own messages are for programmers: say what was wrong and where to look.
function usageSentence(error, command, options) {
  const option = /'(-[^' ]*)/.exec(error.message)?.[1];
  const see = `see '${kin} ${command} --help'`;
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const near = nearest(option.replace(/^-+/, ''), Object.keys(options));
    return `'${kin} ${command}' has no option ${option}${near ? `: did you mean --${near}?` : `; ${see}`}`;
  }
  if (error.code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE')
    return /does not take an argument/.test(error.message)
      ? `${option} takes no value; ${see}`
      : `${option} needs a value (write ${option}=VALUE if it begins with '-'); ${see}`;
  return `${error.message}; ${see}`;
}

// '--layer -2' as '--layer=-2': parseArgs takes what begins with '-' for an option.
const withNegatives = (args) => args.flatMap((arg, i) => {
  if (i && /^-\d/.test(arg) && /^--[a-z]+$/.test(args[i - 1])) return [];
  return /^--[a-z]+$/.test(arg) && /^-\d/.test(args[i + 1]) ? [`${arg}=${args[i + 1]}`] : [arg];
});

async function main(argv, io) {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    io.out(help());
    return name === undefined ? 2 : 0;
  }
  if (['version', '--version', '-v', '-V'].includes(name)) {
    io.out(`kin-clip ${version()}\n`);
    return 0;
  }
  if (later.includes(name)) throw new UsageError(`'${kin} ${name}' comes in a later release`);
  const find = Object.hasOwn(hidden, name) ? hidden[name] : Object.hasOwn(commands, name) ? commands[name][1] : null;
  if (!find) {
    const near = nearest(name, Object.keys(commands));
    throw new UsageError(`there is no command '${name}'${near ? `: did you mean ${near}?` : `; '${kin} help' lists them`}`);
  }
  const command = await find();
  const options = { ...commonOptions, ...command.options };
  let parsed;
  try {
    parsed = parseArgs({ args: withNegatives(rest), allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(usageSentence(error, name, options));
  }
  if (parsed.values.help) {
    io.out(command.usage);
    return 0;
  }
  io.quiet = parsed.values.quiet === true;
  refuseDash(parsed.values);
  const modelOptions = command.needsModel?.(parsed.values) === false ? null : readCommon(parsed.values);
  return command.run({ ...parsed, modelOptions }, io);
}

const io = openTerminal();
io.program = fileURLToPath(import.meta.url);
try {
  process.exitCode = await main(process.argv.slice(2), io);
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  io.fail(io.signal.aborted ? 'stopped; nothing that was there before has changed' : error);
} finally {
  await io.close();
}
