// What C knows (kin_facts) against what the types, the documents and the JavaScript that has no engine say of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { dtype, fit, tower } from '../../web/page/arguments.js';
import { maxPixels } from '../../web/shared/headers.js';
import { openEngine } from '../../web/worker/engine.js';
import { module } from '../../web/worker/platform.node.js';
import { maxThreads } from '../../web/worker/variant.js';
import { embedded } from '../models.js';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const types = read('web/index.d.ts');
const documents = Object.fromEntries(['README.md', 'SECURITY.md', 'docs/api.md', 'docs/format.md', 'docs/numerics.md', 'docs/cli.md']
  .map((path) => [path, read(path)]));
let facts;

before(async () => {
  const engine = await openEngine(await module('simd', {}));
  const size = engine.call('kin_facts', 0, 0);
  const at = engine.allocate(size);
  assert.equal(engine.call('kin_facts', at, size), size);
  facts = JSON.parse(engine.text(at));
  engine.view(at, size).fill(7);
  assert.equal(engine.call('kin_facts', at, size - 1), size, 'too little room: the size, and nothing is written');
  assert.ok(engine.bytes(at, size).every((byte) => byte === 7));
});

// 'a' | 'b' of a declaration.
const union = (text) => [...text.matchAll(/'([^']+)'/g)].map(([, name]) => name);

test('every status is a code in the types and in the documents, and no other comes from C', () => {
  const declared = union(/export type KinErrorCode =([^;]+);/.exec(types)[1]);
  const told = [...documents['docs/api.md'].matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code);
  const described = [...types.slice(types.indexOf("What a KinError's"), types.indexOf('export type KinErrorCode'))
    .matchAll(/`([a-z-]+)`(?=[^—\n]*—)/g)].map(([, code]) => code);
  assert.deepEqual(facts.statuses.slice(0, 2), ['ok', 'more']);
  for (const status of facts.statuses.slice(2)) assert.ok(declared.includes(status), `${status} is no KinErrorCode`);
  for (const code of declared) {
    assert.ok(told.includes(code), `docs/api.md lacks ${code}`);
    assert.ok(described.includes(code), `index.d.ts does not say what ${code} is`);
  }
});

test('towers, dtypes and fits are those of the types', () => {
  assert.deepEqual(union(/dtype\?: ([^;]+);/.exec(types)[1]).sort(), Object.keys(facts.dtypes).sort());
  assert.deepEqual(union(/fit\?: ([^;]+);/.exec(types)[1]).sort(), Object.keys(facts.fits).sort());
  assert.deepEqual(union(/preload\(tower: ([^,]+),/.exec(types)[1]).sort(), Object.keys(facts.towers).sort());
  for (const [reader, known] of [[dtype, facts.dtypes], [fit, facts.fits], [tower, facts.towers]]) { // what calls take
    for (const name of Object.keys(known)) assert.equal(reader(name, 'it'), name);
    assert.throws(() => reader('', 'it'), ({ message }) => union(message).filter(Boolean).sort().join() === Object.keys(known).sort().join());
  }
});

test('the number of Numerics is that of its definition and of the embedded model', () => {
  assert.match(documents['docs/numerics.md'], new RegExp(`^# Numerics ${facts.numerics}$`, 'm'));
  assert.equal(JSON.parse(readFileSync(join(embedded, 'manifest.json'))).numerics, facts.numerics);
});

test('kernel tables: the plain one is last, and only relaxed ones race', async () => {
  assert.equal(facts.kernels.at(-1).name, 'plain C');
  assert.ok(facts.kernels.every(({ race }) => !race), 'the build without relaxed SIMD has nothing to time');
  assert.deepEqual(facts.families, ['clip', 'efficientnet']);
});

test('the choice of a build, made before there is an engine, knows how many threads that takes', () => {
  assert.equal(maxThreads, facts.limits.threads);
});

// A number as documents write it: 25,000,000.
const written = (n) => n.toLocaleString('en');

test('limits in the documents are those of C', () => {
  const { limits } = facts;
  assert.equal(maxPixels, limits.pixels); // the command reads headers without an engine
  const says = (path, text) => assert.ok(documents[path].includes(text), `${path} does not say "${text}"`);
  const mega = (pixels) => (pixels - 1e6) / 1e6; // a camera's 24 megapixels may be a little more
  says('SECURITY.md', `JPEG ≤ ${written(limits.jpegPixels)} pixels, other pictures ≤ ${written(limits.pixels)}`);
  says('SECURITY.md', `${written(limits.side)} a side`);
  says('SECURITY.md', `≤ ${limits.jpegScans} JPEG scans`);
  says('SECURITY.md', `nesting ≤ ${limits.jsonDepth}`);
  says('SECURITY.md', `text ≤ ${limits.textBytes / 2 ** 20} MiB`);
  says('SECURITY.md', `at most ${written(limits.vocabulary)} tokens`);
  says('SECURITY.md', `≤ ${limits.pictureBytes / 2 ** 20} MiB`);
  says('SECURITY.md', `≤ ${limits.catalogBytes / 2 ** 30} GiB`);
  says('docs/api.md', `At most ${mega(limits.jpegPixels)} megapixels for JPEG, ${mega(limits.pixels)} for PNG and raw pixels`);
  says('docs/api.md', `${limits.pictureBytes / 2 ** 20} MiB`);
  says('docs/api.md', `texts at most ${limits.textBytes / 2 ** 20} MiB`);
  says('docs/api.md', `up to ${written(limits.exactRows)} of them`);
  says('docs/api.md', `at least ${limits.exactDim} numbers`);
  says('docs/api.md', `at most ${limits.threads}`);
  says('docs/api.md', `Orders the ${limits.diverse} best`);
  says('docs/api.md', `(of ${limits.nullProducts} products or more)`);
  says('docs/api.md', `\`'match'\` from ${facts.verdicts.match}, \`'weak'\` from ${facts.verdicts.weak}`);
  says('docs/format.md', `Written for ${limits.nullProducts} products or more`);
  says('docs/format.md', `beyond ${written(limits.headerBytes)}`.replace('beyond', 'above'));
  says('docs/format.md', `nested more than ${limits.jsonDepth} deep`);
  says('docs/format.md', `E 1 … ${limits.catalogDim}`);
  says('README.md', `JPEGs above ${mega(limits.jpegPixels)} megapixels and other pictures above ${mega(limits.pixels)}`);
});
