// A build that is killed anywhere goes on when it is run again, and gives the bytes that it would have given; one whose disk fails
// leaves the catalogue that was there. The faults are real ones, of tests/faults/faults.c, between the command and the system.
// `make test-faults` tries every call and 200 moments, KIN_FAULTS=8 eight of each kind, `make test` one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build, filesOf, makeShop } from './builds.js';

const all = process.env.KIN_FAULTS === 'all';
const sample = Number(process.env.KIN_FAULTS) || 1;
const linux = { skip: process.platform !== 'linux' && 'the faults are made for Linux' };
const count = 150;
const bad = new Set([3, 77, 149]);
const root = mkdtempSync(join(tmpdir(), 'kin-faults-'));
const out = join(root, 'out');
const shared = {};

const run = (more = [], options) => build(shared.products, join(out, 'shop.kin'), shared.model, more, options);
const workers = (n) => ['--workers', String(n)];
const preload = (kind, at, sticky) => ({ env: { LD_PRELOAD: shared.library, KIN_FAULT_UNDER: out, KIN_FAULT_KIND: kind, KIN_FAULT_AT: String(at),
  ...(sticky && { KIN_FAULT_STICKY: '1' }), KIN_FAULT_COUNT: join(root, 'calls') } });
const startFrom = (folder) => {
  rmSync(out, { recursive: true, force: true });
  if (folder) cpSync(folder, out, { recursive: true });
  else mkdirSync(out);
};
// Of `most` things some that lie evenly, or all.
const some = (most) => (all ? Array.from({ length: most }, (_, i) => i + 1)
  : Array.from({ length: sample }, (_, i) => 1 + Math.floor((i + Math.random()) * most / sample)));

before(async () => {
  if (linux.skip) return;
  shared.library = join(root, 'faults.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shared.library, fileURLToPath(new URL('../faults/faults.c', import.meta.url)), '-ldl', '-pthread']);
  Object.assign(shared, makeShop(root, count, bad));
  startFrom();
  const began = performance.now();
  const whole = await run(workers(1), preload('none', 0));
  shared.ms = performance.now() - began;
  assert.equal(whole.code, 3, whole.err);
  shared.calls = Math.max(...readFileSync(join(root, 'calls'), 'utf8').trim().split('\n').map(Number));
  assert.ok(shared.calls > 30, `${shared.calls} calls`);
  shared.whole = filesOf(out);
  assert.deepEqual(Object.keys(shared.whole), ['shop.kin', 'shop.kin.state']);
  // Another catalogue that is there already, and what its build left.
  cpSync(out, join(root, 'old'), { recursive: true });
  startFrom();
  const old = await run(['--fit', 'pad']);
  assert.equal(old.code, 3, old.err);
  cpSync(out, join(root, 'before'), { recursive: true });
  shared.before = filesOf(out);
  assert.notDeepEqual(shared.before['shop.kin'], shared.whole['shop.kin']);
});
after(() => rmSync(root, { recursive: true }));

async function goesOn(n, what) {
  const { code, err, report } = await run(workers(n));
  assert.equal(code, 3, `${what}: ${err}`);
  assert.deepEqual(filesOf(out), shared.whole, what);
  assert.equal(report.counts.failedPictures, bad.size, what);
  assert.equal(report.counts.embedded + report.counts.reused, count - bad.size, what);
  return report.counts.reused;
}

test('killed at any call on the disk, in the midst of a write, or by a power cut: the next build gives the same bytes', linux, async () => {
  let reused = 0;
  for (const kind of ['kill', 'half', 'power'])
    for (const at of some(shared.calls)) {
      startFrom(join(root, 'before'));
      const { signal, code, err } = await run(workers(1 + at % 2), preload(kind, at));
      if (signal === null) assert.equal(code, 3, err); // there were fewer calls this time
      else assert.equal(signal, 'SIGKILL');
      const there = readFileSync(join(out, 'shop.kin'));
      assert.ok([shared.before, shared.whole].some((files) => files['shop.kin'].equals(there)), `${kind} at ${at}: neither the old nor the new`);
      reused += await goesOn(2 - at % 2, `${kind} at ${at}`);
    }
  if (all) assert.ok(reused > count, `${reused} reused`);
});

test('killed at any moment', linux, async () => {
  for (let i = 0; i < (all ? 200 : sample + 1); i++) {
    startFrom(join(root, 'before'));
    const moment = shared.ms * 1.1 * Math.random();
    await run(workers(1 + i % 2), { onStart: (child) => setTimeout(() => child.kill('SIGKILL'), moment) });
    await goesOn(2 - i % 2, `after ${moment} ms`);
  }
});

test('killed again and again it comes to its end, with what it had', linux, async () => {
  startFrom();
  let reused = 0;
  for (const at of [20, 24, 28]) {
    await run(workers(1), preload('kill', at));
    assert.ok(existsSync(join(out, 'shop.kin.part', 'journal')));
  }
  reused += await goesOn(2, 'at last');
  assert.ok(reused > 0, 'nothing was kept');
});

test('a disk that fails, once or from then on, leaves the old catalogue or the whole new one', linux, async () => {
  for (const [kind, sticky] of ['ENOSPC', 'EIO', 'EINTR', 'short'].flatMap((kind) => [[kind, false], [kind, true]]))
    for (const at of kind === 'EINTR' && sticky ? [] : some(shared.calls)) { // who is interrupted for ever tries for ever
      const what = `${kind}${sticky ? ' from' : ' at'} ${at}`;
      startFrom(join(root, 'before'));
      const { code, err, signal } = await run(workers(1), preload(kind, at, sticky));
      assert.equal(signal, null, what);
      assert.ok([1, 3].includes(code), `${what}: ${code} ${err}`);
      if (code === 1) assert.match(err, /kin: .+\n$/, what);
      assert.doesNotMatch(err, /at .*\.js:\d+/, what);
      const there = readFileSync(join(out, 'shop.kin'));
      const whole = shared.whole['shop.kin'].equals(there);
      assert.ok(code === 3 ? whole : whole || shared.before['shop.kin'].equals(there), what);
      assert.deepEqual(Object.keys(filesOfShown()), ['shop.kin', 'shop.kin.part', 'shop.kin.state'].filter((name) => existsSync(join(out, name))), what);
      if (kind === 'short') assert.equal(code, 3, what);
      if (at % 4 === 0) await goesOn(1, `after ${what}`);
    }
});

// What lies in the folder, without hidden files.
function filesOfShown() {
  return Object.fromEntries(execFileSync('ls', [out], { encoding: 'utf8' }).trim().split('\n').filter((name) => !name.endsWith('.report')).sort().map((name) => [name, true]));
}
