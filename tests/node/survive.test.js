// Builds by several processes, one after the other, beside each other, over and over: the same bytes, nothing twice, nothing lost.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { frame, readFrames } from '../../catalog/lib/frames.js';
import { Journal } from '../../catalog/lib/journal.js';
import { lockFile } from '../../catalog/lib/lock.js';
import { Offsets } from '../../catalog/lib/offsets.js';
import { build, filesOf, makeShop } from './builds.js';
import { cli, drawing, folder, kin } from './cli-support.js';

const images = fileURLToPath(new URL('../golden/images/', import.meta.url));
const many = process.env.KIN_FAULTS === 'all';

test('1, 2 and 5 processes give the same bytes, of JPEG, PNG and WebP, with bad pictures among them', async (t) => {
  const root = folder(t);
  const { model } = makeShop(root, 40, new Set([0, 17, 39]));
  for (const name of ['jpeg-420.jpg', 'exif-6-II.jpg', 'format.webp', 'format.gif', 'bad-filter.png', 'cut-in-scan.jpg', 'png-16.png', 'png-gray-16-0.png'])
    if (existsSync(images + name)) copyFileSync(images + name, join(root, 'img', name));
  const files = [];
  for (const n of [1, 2, 5]) {
    const out = join(root, `out${n}`);
    mkdirSync(out);
    const { code, report, err } = await build(join(root, 'img'), join(out, 'shop.kin'), model, ['--workers', String(n)]);
    assert.equal(code, 3, err);
    assert.equal(report.workers, n);
    files.push({ files: filesOf(out), failures: report.failures, embedded: report.counts.embedded });
  }
  assert.deepEqual(files[1], files[0]);
  assert.deepEqual(files[2], files[0]);
  assert.deepEqual(files[0].failures.filter(({ id }) => !/^\d+\.png$/.test(id)).map(({ id, code }) => `${id} ${code}`).sort(),
    ['bad-filter.png bad-image', 'cut-in-scan.jpg truncated-image', 'format.gif unsupported-image']);
});

test('a picture that takes too long, or ends its process, costs itself alone', { skip: process.platform === 'win32' }, async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 12);
  const spoil = (i, word) => writeFileSync(join(root, 'img', `${i}.png`), Buffer.concat([drawing(i, 16), Buffer.from(word)]));
  const plain = join(root, 'plain.kin');
  [[2, 'HANG'], [5, 'CRASH'], [8, 'ONCE']].forEach(([i, word]) => spoil(i, word));
  const fine = await build(products, plain, model);
  assert.equal(fine.code, 0, fine.err); // the words are behind the pictures' ends
  const out = join(root, 'out.kin');
  const env = { KIN_NATIVE: fileURLToPath(new URL('../faults/embedder.js', import.meta.url)), KIN_ONCE: join(root, 'once') };
  const { code, report, err } = await build(products, out, model, ['--picture-timeout', '2', '--workers', '2'], { env });
  assert.equal(code, 3, err);
  assert.equal(report.engine, 'native');
  assert.deepEqual(report.failures.map(({ id, picture, code, message }) => [id, picture, code, message]), [
    ['p2', 'img/2.png', 'timeout', 'img/2.png: it took longer than 2 seconds (--picture-timeout allows more)'],
    ['p5', 'img/5.png', 'crashed', 'img/5.png: the process that embedded it ended, twice: ended with 7']]);
  assert.equal(report.counts.products, 10);
  // Run again by the engine that behaves, it embeds these two.
  const again = await build(products, out, model, ['--previous', out]);
  assert.deepEqual([again.code, again.report.counts.embedded, again.report.counts.reusedOfPrevious], [0, 2, 10], again.err);
  assert.deepEqual(readFileSync(out), readFileSync(plain));
});

test('an engine of other numerics or another model is not used', { skip: process.platform === 'win32' }, async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 2);
  const strange = join(root, 'strange');
  writeFileSync(strange, `#!${process.execPath}\nconst json = Buffer.from(JSON.stringify({ numerics: 1, dim: 16, ids: { image: 'x' } }));
    const head = Buffer.alloc(9); head.writeUInt32LE(json.length + 5); head[8] = 130;
    process.stdout.write(head); process.stdout.write(json); process.stdin.resume();`, { mode: 0o755 });
  const { code, err, report } = await build(products, join(root, 'a.kin'), model, [], { env: { KIN_NATIVE: strange } });
  assert.equal(code, 0, err);
  assert.match(err, /strange is not used: it embeds by another model or numerics/);
  assert.equal(report.engine, 'wasm');
  for (const named of [join(root, 'nowhere'), root]) {
    const other = await build(products, join(root, 'b.kin'), model, [], { env: { KIN_NATIVE: named } });
    assert.deepEqual([other.code, other.report.engine], [0, 'wasm'], other.err);
    assert.ok(other.err.includes(`${named} is not used: `), other.err);
  }
});

test('the second of two builds leaves at once; the lock goes with who holds it', async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 30);
  const out = join(root, 'shop.kin');
  const args = ['build', products, '-o', out, '--model', model, '--workers', '1'];
  const whole = await kin(['build', products, '-o', join(root, 'b.kin'), '--model', model]);
  assert.equal(whole.code, 0, whole.err);
  for (let i = 0; i < (many ? 100 : 3); i++) {
    rmSync(out, { force: true });
    const both = await Promise.all([kin(args), kin(args)]);
    const codes = both.map(({ code }) => code).sort();
    assert.ok(codes[0] === 0 && [0, 1].includes(codes[1]), both.map(({ err }) => err).join());
    const refused = both.find(({ code }) => code === 1);
    if (refused) assert.match(refused.err, /^kin: .*shop\.kin is locked: another build is writing it; wait for its end, or name another file with -o\n$/);
    assert.deepEqual(readFileSync(out), readFileSync(join(root, 'b.kin')));
    assert.ok(!existsSync(`${out}.part`));
  }
  // The holder is killed while it has the lock: the next one gets it.
  let holder;
  do { // one that is done before it is stopped holds nothing: once more
    rmSync(out, { force: true });
    holder = spawn(process.execPath, [cli, ...args]);
    holder.stderr.resume();
    while (!existsSync(join(`${out}.part`, 'journal')) && holder.exitCode === null) await new Promise((resolve) => { setTimeout(resolve, 5); });
    holder.kill('SIGSTOP');
  } while (existsSync(out));
  const second = await kin(args);
  assert.equal(second.code, 1);
  assert.match(second.err, /is locked/);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const third = await kin(args);
  assert.equal(third.code, 0, third.err);
  assert.deepEqual(readFileSync(out), readFileSync(join(root, 'b.kin')));
});

test('a lock is of the file that has the name, not of one that was removed', async (t) => {
  const path = join(folder(t), 'lock');
  const release = await lockFile(path);
  await assert.rejects(lockFile(path), { name: 'Error', message: '' });
  unlinkSync(path);
  const other = await lockFile(path);
  await release();
  await assert.rejects(lockFile(path));
  await other();
  await (await lockFile(path))();
});

test('--previous: what has not changed is not embedded again, and the bytes are those of a full build', async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 60, new Set([9]));
  const out = join(root, 'shop.kin');
  const [first, anew] = [await build(products, out, model), await build(products, out, model)];
  assert.deepEqual([first.code, anew.code, anew.report.counts.embedded], [3, 3, 59]);
  const said = `all pictures are embedded anew: --previous ${out} would take what has not changed`;
  assert.ok(!first.err.includes(said) && anew.err.includes(said), anew.err);
  const unchanged = await build(products, out, model, ['--previous', out]);
  assert.deepEqual([unchanged.report.counts.embedded, unchanged.report.counts.reusedOfPrevious], [0, 59], unchanged.err);
  // One picture is another, one is new, one product is gone, one has another price, two change places.
  writeFileSync(join(root, 'img', '4.png'), drawing(400, 16));
  writeFileSync(join(root, 'img', 'new.png'), drawing(500, 16));
  const lines = readFileSync(products, 'utf8').split('\n');
  lines.splice(8, 1);
  lines[20] = lines[20].replace('.50', '.75');
  [lines[30], lines[31]] = [lines[31], lines[30]];
  lines.push('new,New,1,img/new.png');
  writeFileSync(products, lines.join('\n'));
  const next = await build(products, out, model, ['--previous', out, '--fields', 'price']);
  assert.deepEqual([next.code, next.report.counts.embedded, next.report.counts.reusedOfPrevious], [3, 2, 57], next.err);
  const full = join(root, 'full.kin');
  assert.equal((await build(products, full, model, ['--fields', 'price'])).code, 3);
  assert.deepEqual(readFileSync(out), readFileSync(full));
  assert.deepEqual(readFileSync(`${out}.state`), readFileSync(`${full}.state`));
  // Of a folder that was published from it, the state is that of the catalogue.
  mkdirSync(join(root, 'published'));
  const folderOf = await build(products, out, model, ['--previous', join(root, 'published'), '--fields', 'price']);
  assert.deepEqual([folderOf.code, folderOf.report.counts.embedded], [3, 0], folderOf.err);
  // Not of this model, or cut, or gone: said once, and built all the same.
  const pad = await build(products, out, model, ['--previous', full, '--fit', 'pad']);
  assert.match(pad.err, /--previous: .*full\.kin\.state is of another model, --fit or --decode, or damaged/);
  assert.equal(pad.report.counts.embedded, 59);
  truncateSync(`${full}.state`, 1500);
  const cut = await build(products, out, model, ['--previous', full, '--fields', 'price']);
  assert.match(cut.err, /--previous: .*full\.kin\.state is damaged: what is whole of it is used/);
  assert.ok(cut.report.counts.embedded > 0 && cut.report.counts.reusedOfPrevious > 0);
  assert.deepEqual(readFileSync(out), readFileSync(full));
  rmSync(`${full}.state`);
  rmSync(`${out}.state`);
  const gone = await build(products, out, model, ['--previous', full, '--fields', 'price']);
  assert.equal(gone.err.match(/--previous/g).length, 1, gone.err);
  assert.deepEqual([gone.code, gone.report.counts.embedded], [3, 59]);
  assert.match((await build(products, out, model, ['--previous', join(root, 'none.kin')])).err, /--previous: there is no .*none\.kin/);
});

test('--version-column: pictures of the same version are not even read', async (t) => {
  const root = folder(t);
  const { model } = makeShop(root, 6);
  const products = join(root, 'v.jsonl');
  const write = (version) => writeFileSync(products, [...Array(6).keys()].map((i) =>
    JSON.stringify({ id: `p${i}`, image: `img/${i}.png`, updated: version(i) })).join('\n'));
  const out = join(root, 'shop.kin');
  const again = (...more) => build(products, out, model, ['--previous', out, '--version-column', 'updated', ...more]);
  write((i) => (i === 5 ? '' : 'monday'));
  assert.equal((await build(products, out, model, ['--version-column', 'updated'])).code, 0);
  const bytes = readFileSync(out);
  assert.ok(!bytes.includes('monday') && readFileSync(`${out}.state`).includes('monday'));
  for (const i of [0, 1, 2, 3]) unlinkSync(join(root, 'img', `${i}.png`));
  const same = await again();
  assert.deepEqual([same.code, same.report.counts.notAsked, same.report.counts.embedded], [0, 5, 0], same.err);
  assert.deepEqual(readFileSync(out), bytes);
  write((i) => (i === 2 ? 'tuesday' : 'monday'));
  const other = await again();
  assert.deepEqual([other.code, other.report.failures.map(({ id }) => id)], [3, ['p2']]); // it is read, and is not there
  assert.match((await again('--version-column', 'none')).err, /no column 'none' for --version-column/);
});

test('--max-failed and --max-shrink keep the catalogue that is there, and the next build goes on', async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 50);
  const out = join(root, 'shop.kin');
  assert.equal((await build(products, out, model)).code, 0);
  const before = readFileSync(out);
  for (const i of [10, 20, 30]) writeFileSync(join(root, 'img', `${i}.png`), 'no picture');
  for (let i = 0; i < 50; i++) if (i % 10) writeFileSync(join(root, 'img', `${i}.png`), drawing(i + 100, 16));
  for (const limit of ['2', '5%']) {
    const { code, err, report } = await build(products, out, model, ['--max-failed', limit]);
    assert.equal(code, 1);
    assert.match(err, new RegExp(`kin: 3 rows or pictures failed, more than --max-failed ${limit} allows: the catalogue that was there stays`));
    assert.deepEqual(readFileSync(out), before);
    assert.equal(report.done, false);
    assert.deepEqual(report.failures.map(({ id, message }) => [id, message.split(':')[0]]),
      [10, 20, 30].map((i) => [`p${i}`, `img/${i}.png`])); // of the same bytes, each by its own name
  }
  const lines = readFileSync(products, 'utf8').split('\n');
  writeFileSync(products, lines.slice(0, 41).join('\n'));
  const shrunk = await build(products, out, model, ['--max-shrink', '20%']);
  assert.deepEqual([shrunk.code, readFileSync(out).equals(before)], [1, true]);
  assert.match(shrunk.err, /37 products in place of 50, a loss of more than --max-shrink 20% allows/);
  const allowed = await build(products, out, model, ['--max-shrink', '13', '--max-failed', '8%']);
  assert.equal(allowed.code, 3, allowed.err);
  assert.equal(allowed.report.counts.embedded, 0, 'the builds before have left what they made');
  assert.ok(!existsSync(`${out}.part`));
  assert.match((await build(products, out, model, ['--summary', join(root, 'none', 's.md')])).err, /cannot write .*s\.md: its folder does not exist/);
  for (const wrong of ['x', '1.5', '101%', '-1'])
    assert.equal((await kin(['build', products, '-o', out, '--model', model, `--max-failed=${wrong}`])).code, 2, wrong);
});

test('--report and --summary tell what was done; --json the same', async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 8, new Set([1]));
  writeFileSync(products, `${readFileSync(products, 'utf8')}\n"p|9",<b>,on request,img/none.png\n,no id,1,img/1.png`);
  const [out, summary] = [join(root, 'shop.kin'), join(root, 'summary.md')];
  const { code, report, lines } = await build(products, out, model, ['--summary', summary, '--json', '--fields', 'price']);
  assert.equal(code, 3);
  const [line] = lines();
  assert.deepEqual(line.failed, report.failures);
  assert.deepEqual(report.failures.map(({ row, id, code }) => [row, id, code]), [[11, null, 'bad-row'], [3, 'p1', 'truncated-image'], [10, 'p|9', 'unreadable']]);
  assert.deepEqual({ ...report.counts }, { rows: 10, products: 7, pictures: 7, embedded: 7, reused: 0, reusedOfPrevious: 0, notAsked: 0,
    notModified: 0, failedRows: 3, failedPictures: 2 });
  assert.equal(report.bytes.catalogue, readFileSync(out).length);
  assert.equal(report.bytes.state, readFileSync(`${out}.state`).length);
  assert.deepEqual(report.fields, { price: 'string' });
  const odd = `'price' is text, for which < and > are errors: row 10 has "on request", most others are numbers (mend it, or say --text price)`;
  assert.deepEqual(report.notes, ['fields: price (text)', odd]);
  const text = readFileSync(summary, 'utf8');
  assert.match(text, /^## Catalogue built: `.*shop\.kin`\n/);
  assert.match(text, /\| products \| 7 \|/);
  assert.match(text, /^- 'price' is text, for which \\< and \\> are errors: row 10 has "on request"/m);
  assert.match(text, /\| 10 \| p\\\|9 \| img\/none\.png: there is no such file \|/);
  const failed = await build(products, out, model, ['--summary', summary, '--max-failed', '0']);
  assert.equal(failed.code, 1);
  assert.match(readFileSync(summary, 'utf8'), /^## Catalogue not built: .*\n\n\*\*1 row or pictures failed, more than --max-failed 0 allows/);
});

test('bad pictures at random places: none of the others is shifted, all are reported', async (t) => {
  const [count, wrong] = many ? [10_000, 500] : [400, 20];
  const root = folder(t);
  const bad = new Set();
  while (bad.size < wrong) bad.add(Math.floor(Math.random() * count));
  const { products, model } = makeShop(root, count, bad);
  const out = join(root, 'shop.kin');
  const { code, report, err } = await build(products, out, model);
  assert.equal(code, 3, err.slice(-500));
  assert.deepEqual(report.failures.map(({ id }) => id), [...bad].sort((a, b) => a - b).map((i) => `p${i}`));
  // Each good row is that of its picture embedded alone.
  const { load, openCatalog, quantise } = await import('../../web/index.node.js');
  const { readVectors } = await import('../../catalog/lib/product-rows.js');
  const { products: stored } = await readVectors(out, { signal: new AbortController().signal });
  const clip = await load({ model });
  t.after(() => clip.close());
  const good = [...Array(count).keys()].filter((i) => !bad.has(i));
  assert.deepEqual(stored.map(({ id, item }) => [id, item.image]), good.map((i) => [`p${i}`, `img/${i}.png`]));
  for (const [at, i] of good.entries()) {
    const row = await quantise(clip, [await clip.embedImage(new Uint8Array(readFileSync(join(root, 'img', `${i}.png`))))]);
    const scale = 1 / Math.hypot(...row);
    const [vector] = stored[at].vectors;
    for (let k = 0; k < row.length; k++) assert.ok(Math.abs(vector[k] - row[k] * scale) < 1e-6, `p${i}`);
  }
  await (await openCatalog(out)).close();
});

test('a journal: what is torn, doubled, foreign or of another kind', async (t) => {
  const root = folder(t);
  const path = join(root, 'journal');
  const about = { image_id: 'a', numerics: 2, fit: 'crop', decode: 'exact', dim: 4 };
  const hash = (i) => createHash('sha256').update(String(i)).digest();
  const row = (i) => Int8Array.of(1, i & 127, i >> 7, -i & 127);
  const write = async (n) => {
    const journal = await Journal.open(path, about);
    for (let i = 0; i < n; i++) await journal.addRow(hash(i), i % 2 ? 'own' : 'libwebp', row(i));
    await journal.addSeen('https://a/1', { hash: hash(1), version: 'x' });
    await journal.close();
  };
  await write(200);
  const whole = readFileSync(path);
  const rows = async () => {
    const journal = await Journal.open(path, about);
    let n = 0;
    for (let i = 0; i < 200; i++) {
      const found = await journal.row(hash(i));
      if (!found) continue;
      assert.deepEqual(found, { row: row(i), decoder: i % 2 ? 'own' : 'libwebp' });
      n++;
    }
    const seen = await journal.seen('https://a/1');
    await journal.close();
    return { n, seen };
  };
  assert.deepEqual(await rows(), { n: 200, seen: { ref: 'https://a/1', hash: hash(1), version: 'x' } });
  await write(200); // nothing doubled but what was seen
  assert.ok(readFileSync(path).length < whole.length + 300);
  let last = 201;
  for (const cut of [whole.length - 1, whole.length - 200, 5000, 300, 100, 7, 0]) {
    writeFileSync(path, whole.subarray(0, cut));
    const { n } = await rows();
    assert.ok(n < last || n === 200 || n === 0, `${n} of ${cut} bytes`);
    last = n;
    assert.ok(readFileSync(path).length <= Math.max(cut, 200), 'the torn end is cut');
  }
  for (let at = 150; at < whole.length; at += 97) { // a byte that is another is never taken for a row
    const other = Buffer.from(whole);
    other[at] ^= 0x55;
    writeFileSync(path, other);
    await rows();
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(5000)])); // zeros, as some disks leave after a power cut
  assert.equal((await rows()).n, 200);
  assert.equal(readFileSync(path).length, whole.length);
  assert.equal(await Journal.read(path, { ...about, fit: 'pad' }), null);
  const other = await Journal.open(path, { ...about, numerics: 3 });
  assert.equal(await other.row(hash(1)), null);
  await other.close();
  assert.ok(readFileSync(path).length < 200);
});

test('frames come out as they went in, however the stream cuts them; what is none is refused', async () => {
  const sent = [frame(1, 1, Buffer.from('a'), Buffer.alloc(5000, 7)), frame(2 ** 32 - 1, 255), frame(3, 130, Buffer.from('{}'))];
  const bytes = Buffer.concat(sent.flat());
  const read = async (all, n) => {
    const parts = [];
    for (let i = 0; i < all.length; i += n) parts.push(all.subarray(i, i + n));
    const found = [];
    for await (const { id, type, payload } of readFrames(parts)) found.push([id, type, payload.toString('hex')]);
    return found;
  };
  const wanted = [[1, 1, Buffer.concat([Buffer.from('a'), Buffer.alloc(5000, 7)]).toString('hex')], [2 ** 32 - 1, 255, ''], [3, 130, '7b7d']];
  for (const n of [1, 3, 4, 9, 100, 6000]) assert.deepEqual(await read(bytes, n), wanted, `${n} bytes at a time`);
  await assert.rejects(read(bytes.subarray(0, -1), 50), /ended within a frame/);
  await assert.rejects(read(Buffer.from('ffffffff00', 'hex'), 5), /a frame of 4294967295 bytes/);
  await assert.rejects(read(Buffer.from('0400000000', 'hex'), 5), /a frame of 4 bytes/);
});

test('places by hash: as a Map has them', () => {
  const offsets = new Offsets();
  const map = new Map();
  for (let i = 0; i < 20_000; i++) {
    const key = createHash('sha256').update(String(i % 15_000)).digest();
    offsets.set(key, i);
    map.set(i % 15_000, i);
  }
  assert.equal(offsets.size, map.size);
  for (const [i, at] of map) assert.equal(offsets.get(createHash('sha256').update(String(i)).digest()), at);
  assert.equal(offsets.get(Buffer.alloc(8)), undefined);
});

test('Ctrl-C: the build leaves soon, its processes with it, and goes on later', async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 300);
  const out = join(root, 'shop.kin');
  const journal = join(`${out}.part`, 'journal');
  const stopped = await build(products, out, model, ['--workers', '2'], { async onStart(child) {
    while (!existsSync(journal) || readFileSync(journal).length < 4000) await new Promise((resolve) => { setTimeout(resolve, 5); });
    child.kill('SIGINT');
  } });
  assert.deepEqual([stopped.code, stopped.report], [1, null]);
  assert.match(stopped.err, /^\d+ pictures made: the same command goes on from there\nkin: stopped; nothing that was there before has changed\n$/);
  assert.ok(!existsSync(out) && existsSync(journal));
  const again = await build(products, out, model);
  assert.equal(again.code, 0, again.err);
  assert.ok(again.report.counts.reused >= 60, `${again.report.counts.reused}`);
  assert.match(again.err, /^going on: \d+ pictures of a build that was stopped$/m);
});

test('a build in a folder with strange things in its place says so', async (t) => {
  const root = folder(t);
  const { products, model } = makeShop(root, 2);
  const out = join(root, 'shop.kin');
  writeFileSync(`${out}.part`, 'mine');
  const file = await build(products, out, model);
  assert.deepEqual([file.code, readFileSync(`${out}.part`, 'utf8')], [1, 'mine']);
  assert.match(file.err, /shop\.kin\.part is there already and is no folder/);
  rmSync(`${out}.part`);
  mkdirSync(`${out}.part`);
  writeFileSync(join(`${out}.part`, 'mine'), 'mine');
  writeFileSync(join(`${out}.part`, 'journal'), 'nonsense');
  const strange = await build(products, out, model);
  assert.equal(strange.code, 0, strange.err);
  assert.deepEqual(readdirSync(`${out}.part`), ['mine']);
});
