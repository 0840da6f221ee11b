// trainAdapter: what its caller gives, and the training, step by step in an engine of its own (src/train.h says what it does).
import { id, listOf, numbers, read, reader, runOptions, shape, text } from './arguments.js';
import { usualStall } from './client.js';
import { withEngine } from './engine.js';
import { fail } from '../shared/errors.js';

const pieceBytes = 2 ** 20;
const rounds = 80; // at most
const mostHalves = 2 * 4096; // of a vector's numbers; longer ones the engine refuses

const upTo = (most, least = 1) => reader((value) => Number.isInteger(value) && value >= least && value <= most,
  `a whole number from ${least} to ${most}`);
const examples = shape({ left: listOf(numbers), right: listOf(numbers), kinds: listOf(id) }, ['left']);
const training = shape({ rank: upTo(64), seed: upTo(2 ** 32 - 1, 0), at: upTo(100),
  holdOut: reader((value) => value >= 0.01 && value <= 0.5, 'a share from 0.01 to 0.5'), imageId: text, ...runOptions });

// Equal values once, and for each the place of its own: keyOf makes a text of one.
function distinct(list, keyOf) {
  const places = new Map(), values = [];
  const at = Uint32Array.from(list, (value) => {
    const key = keyOf(value);
    if (!places.has(key)) {
      places.set(key, values.length);
      values.push(value);
    }
    return places.get(key);
  });
  return { values, at };
}

function readExamples({ left, right, kinds }) {
  if (!right === !kinds) fail('bad-argument', 'The examples have left and right, or left and kinds.');
  if ((right ?? kinds).length !== left.length)
    fail('bad-argument', `There are ${left.length} vectors at the left, and ${(right ?? kinds).length} ${right ? 'at the right' : 'kinds'}: one for each.`);
  const dim = left[0]?.length ?? 0;
  if ([...left, ...right ?? []].some((vector) => vector.length !== dim))
    fail('bad-argument', `The examples' vectors are not all of ${dim} numbers, as the first is.`);
  const { values, at } = right ? distinct(right, (vector) => String.fromCharCode(...new Uint16Array(vector.buffer).subarray(0, mostHalves)))
    : distinct(kinds, String);
  return { dim, left, targets: at, right: right ? values : [] };
}

// The vectors of one side in pieces: what one message brings to the worker.
function* pieces(trainer, which, vectors, dim, targets) {
  const most = Math.max(1, Math.floor(pieceBytes / 4 / dim));
  for (let from = 0; from < vectors.length; from += most) {
    const some = vectors.slice(from, from + most);
    const rows = new Float32Array(some.length * dim);
    some.forEach((vector, i) => rows.set(vector, i * dim));
    yield [['status', 'kin_trainer_add', trainer, which, rows, targets ? targets.slice(from, from + most) : 0, some.length]];
  }
}

// -> { before, after, error, bytes, … }; bytes: null where it does not help
export async function trainAdapter(host, given, options) {
  const { rank = 16, seed = 1, holdOut = 0.2, at: asked, imageId = '', signal, onProgress, worker, fetch, resolve, cache,
    stall = usualStall } = read(training, options, 'trainAdapter()');
  const { dim, left, right, targets } = readExamples(read(examples, given, 'trainAdapter()'));
  const at = asked ?? (right.length ? 1 : 10);
  const model = new TextEncoder().encode(imageId);
  return withEngine(host, { worker, io: { fetch, resolve, cache, stall } }, signal, async ({ run, status, pointer, number, take }) => {
    const trainer = await pointer('kin_trainer_begin', dim, rank, left.length, right.length, at, holdOut, seed);
    for (const piece of pieces(trainer, 0, left, dim, targets)) await run(piece);
    for (const piece of pieces(trainer, 1, right, dim)) await run(piece);
    const figure = (which) => number('kin_trainer_figure', trainer, which);
    for (let told = 0; await status('kin_trainer_step', trainer);) {
      const round = await number('kin_trainer_rounds', trainer);
      if (round === told) continue;
      told = round;
      onProgress?.({ status: 'training', round, rounds, progress: Math.min(100, 100 * round / rounds), began: await figure(0), best: await figure(1) });
    }
    const helps = await number('kin_trainer_helps', trainer);
    const file = (room) => [trainer, model, model.length, ...room];
    const size = helps && await number('kin_trainer_file', ...file([0, 0]));
    if (helps && !size) fail('out-of-memory', 'The engine has no memory for the adapter: close other tabs.');
    return { before: await figure(2), after: await figure(3), error: await figure(4), at, rounds: await number('kin_trainer_rounds', trainer),
      bytes: helps ? await take('kin_trainer_file', ...file([]), size) : null };
  });
}
