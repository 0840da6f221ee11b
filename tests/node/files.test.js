// Replacing a file: by the library and by the command in one way, two at once, killed, and with traps laid.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeFilesSafely, writeFileSafely, writeFolderSafely } from '../../catalog/lib/files.js';
import { load } from '../../web/index.node.js';
import { folder, kin, tinyModel } from './cli-support.js';

// A builder of `count` products around one vector each.
async function builder(clip, count, seed) {
  const made = await clip.createCatalog();
  for (let i = 0; i < count; i++) {
    const vector = Float32Array.from({ length: clip.info.dim }, (_, k) => Math.sin(seed + i * 31 + k));
    await made.add({ id: `${seed}-${i}`, vectors: [vector], item: { title: 'x'.repeat(500) } });
  }
  return made;
}

test('two saves to one path in one process: both resolve, and the file is one of the two whole', async (t) => {
  const root = folder(t);
  const clip = await load({ model: tinyModel(join(root, 'model')) });
  t.after(() => clip.close());
  const [one, two] = [await builder(clip, 1500, 1), await builder(clip, 400, 2)];
  const whole = [Buffer.from(await one.save()), Buffer.from(await two.save())];
  const out = join(root, 'out', 'shop.kin');
  mkdirSync(join(root, 'out'));
  for (let round = 0; round < 20; round++) {
    await Promise.all([one.save({ to: out }), two.save({ to: out })]);
    const found = readFileSync(out);
    assert.ok(whole.some((bytes) => bytes.equals(found)), `round ${round}: ${found.length} bytes of neither`);
  }
  assert.deepEqual(readdirSync(join(root, 'out')), ['shop.kin']);
});

test('a link laid where a temporary file used to be is not followed', async (t) => {
  const root = folder(t);
  const clip = await load({ model: tinyModel(join(root, 'model')) });
  t.after(() => clip.close());
  const out = join(root, 'shop.kin');
  const victim = join(root, 'victim');
  writeFileSync(victim, 'mine');
  for (const name of [`${out}.${process.pid}.part`, join(root, `.shop.kin.kin-${process.pid}`)]) symlinkSync(victim, name);
  await (await builder(clip, 3, 1)).save({ to: out });
  assert.equal(readFileSync(victim, 'utf8'), 'mine');
  assert.ok(lstatSync(out).isFile());
});

// A process that is killed in the middle of writing `out`, and the number it had.
async function killedAt(write, out) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    import { createRequire, syncBuiltinESMExports } from 'node:module';
    const fs = createRequire(import.meta.url)('node:fs/promises');
    fs.rename = () => new Promise(() => { console.log('there'); setInterval(() => {}, 1000); });
    syncBuiltinESMExports();
    const files = await import(${JSON.stringify(new URL('../../catalog/lib/files.js', import.meta.url).href)});
    await ${write};`], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, OUT: out } });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  return child.pid;
}

test('what a killed process left beside a file is removed by the next write, and nothing else', async (t) => {
  const root = folder(t);
  const out = join(root, 'shop.kin');
  writeFileSync(out, 'old');
  const pid = await killedAt("files.writeFileSafely(process.env.OUT, 'half')", out);
  const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  const name = (base, where, who) => `.${base}.kin-${where}-${who}-0123456789abcdef`;
  assert.equal(readdirSync(root).filter((one) => one.includes(`-${pid}-`)).length, 1, 'it left something');
  assert.equal(readFileSync(out, 'utf8'), 'old');
  const stay = [name('shop.kin', host, process.ppid), name('shop.kin', '00000000', pid), name('other.kin', host, pid),
    '.shop.kin.kin-notes', '.shop.kin', 'shop.kin.part'];
  const old = [name('shop.kin', '11111111', pid), name('shop.kin', host, process.ppid).replace('0123', '4567')];
  for (const one of [...stay, ...old]) writeFileSync(join(root, one), 'x');
  for (const one of old) utimesSync(join(root, one), 1e9, 1e9);
  await writeFileSafely(out, 'new');
  assert.equal(readFileSync(out, 'utf8'), 'new');
  assert.deepEqual(readdirSync(root).sort(), [...stay, 'shop.kin'].sort());
});

test('the same of a folder, once the new one is in its place', async (t) => {
  const root = folder(t);
  const out = join(root, 'model');
  const pid = await killedAt("files.writeFolderSafely(process.env.OUT, 'model', [{ name: 'a', bytes: 'half' }], {})", out);
  assert.equal(readdirSync(root).filter((one) => one.includes(`-${pid}-`)).length, 1, 'it left something');
  await writeFolderSafely(out, 'model', [{ name: 'a', bytes: 'whole' }], {});
  assert.deepEqual(readdirSync(root), ['model']);
  assert.equal(readFileSync(join(out, 'a'), 'utf8'), 'whole');
});

test('a write that fails leaves nothing behind and says why', async (t) => {
  const root = folder(t);
  mkdirSync(join(root, 'here'));
  await assert.rejects(writeFileSafely(join(root, 'here'), 'x'), /here: it is a folder/);
  await assert.rejects(writeFileSafely(join(root, 'no', 'a.kin'), 'x'), /a\.kin: its folder does not exist/);
  assert.deepEqual(readdirSync(root), ['here']);
  assert.ok(!existsSync(join(root, 'no')));
});

test('files that belong together change together: one that fails leaves all', async (t) => {
  const root = folder(t), path = (name) => join(root, name);
  writeFileSync(path('a'), 'old a');
  writeFileSync(path('b'), 'old b');
  const breaks = async function* breaks() {
    yield Buffer.from('new b');
    throw new Error('it stops here');
  };
  await assert.rejects(writeFilesSafely([{ path: path('a'), bytes: 'new a' }, { path: path('b'), bytes: breaks() }]), /it stops here/);
  assert.deepEqual(readdirSync(root).map((name) => readFileSync(path(name), 'utf8')), ['old a', 'old b']);
  await writeFilesSafely([{ path: path('a'), bytes: 'new a' }, { path: path('b'), bytes: 'new b' }]);
  assert.deepEqual(readdirSync(root).map((name) => readFileSync(path(name), 'utf8')), ['new a', 'new b']);
});

test('a link, a device and a pipe stay what they are', { skip: process.platform === 'win32' && 'links and pipes of POSIX' }, async (t) => {
  const root = folder(t), path = (name) => join(root, name);
  mkdirSync(path('far'));
  writeFileSync(path('far/real'), 'old');
  symlinkSync('far/real', path('link'));
  await writeFileSafely(path('link'), 'new');
  assert.ok(lstatSync(path('link')).isSymbolicLink());
  assert.equal(readFileSync(path('far/real'), 'utf8'), 'new');
  for (const [device, wanted] of [['/dev/null', null], ['/dev/full', /cannot write .*: the disk is full/]]) { // by a link: what it leads to is the machine's
    if (!existsSync(device)) continue;
    symlinkSync(device, path('device'));
    if (wanted) await assert.rejects(writeFileSafely(path('device'), 'new'), wanted);
    else await writeFileSafely(path('device'), 'new');
    assert.ok(lstatSync(path('device')).isSymbolicLink());
    unlinkSync(path('device'));
  }
  const clip = await load({ model: tinyModel(path('model')) });
  t.after(() => clip.close());
  await (await builder(clip, 3, 1)).save({ to: path('link') });
  assert.ok(lstatSync(path('link')).isSymbolicLink() && readFileSync(path('far/real')).length > 1000);
  if (existsSync('/proc/self/fd/1')) { // what a shell sends to a file is not replaced: what else it wrote there stays
    const write = `import { writeFileSafely } from ${JSON.stringify(new URL('../../catalog/lib/files.js', import.meta.url).href)}; await writeFileSafely('/dev/stdout', 'it ');`;
    execFileSync('sh', ['-c', '(printf "before "; "$0" --input-type=module -e "$1"; printf after) > "$2"', process.execPath, write, path('out')]);
    assert.equal(readFileSync(path('out'), 'utf8'), 'before it after');
  }
  execFileSync('mkfifo', [path('pipe')]);
  const reader = spawn('cat', [path('pipe')]);
  let heard = '';
  reader.stdout.on('data', (data) => { heard += data; });
  await Promise.all([writeFileSafely(path('pipe'), ['through ', 'it']), once(reader, 'close')]);
  assert.equal(heard, 'through it');
  assert.ok(lstatSync(path('pipe')).isFIFO());
});

test('no command writes over a file that it reads, and where it cannot write it says so before it reads', async (t) => {
  const root = folder(t), path = (name) => join(root, name);
  for (const name of ['shop.kin', 'products.csv', 'labels.yaml', 'measured.json', 'photo.png']) writeFileSync(path(name), `the ${name}`);
  symlinkSync('products.csv', path('link.csv'));
  for (const [args, over] of [
    [['related', 'shop.kin'], 'shop.kin'], [['related', 'shop.kin'], 'none/../shop.kin'], [['report', 'shop.kin', '--queries', 'products.csv'], 'products.csv'],
    [['report', 'products.csv', '--against', 'shop.kin'], 'shop.kin'], [['alt', 'products.csv'], 'products.csv'],
    [['alt', 'link.csv', '--catalog', 'shop.kin'], 'products.csv'], [['alt', 'products.csv'], 'link.csv'],
    [['embed', 'photo.png', '--format', 'npy'], 'photo.png'], [['preprocess', 'photo.png'], 'photo.png'],
    [['labels', 'build', 'labels.yaml', '--measured', 'measured.json'], 'measured.json'], [['labels', 'apply', 'shop.kin', 'products.csv'], 'products.csv'],
    [['labels', 'measure', 'shop.kin', 'products.csv'], 'shop.kin'], [['labels', 'background', 'products.csv'], 'products.csv'],
    [['build', 'products.csv', '-o', 'new.kin', '--report'], 'products.csv'],
  ]) {
    const { code, err } = await kin([...args, ...args.at(-1) === '--report' ? [over] : ['-o', over]], { cwd: root });
    assert.equal(code, 1, err);
    assert.match(err, /cannot write .*the command reads it/, args.join(' '));
  }
  assert.match((await kin(['import', 'x.npy', '--ids', 'x.txt', '-o', 'none/../products.csv'], { cwd: root })).err, /is there already and is not a catalogue/);
  for (const command of ['related', 'report', 'alt', 'preprocess', 'adapt'])
    assert.match((await kin([command, 'products.csv', '-o', 'nowhere/x'], { cwd: root })).err, /cannot write nowhere\/x: its folder does not exist/);
  for (const name of ['shop.kin', 'products.csv', 'labels.yaml', 'measured.json', 'photo.png'])
    assert.equal(readFileSync(path(name), 'utf8'), `the ${name}`);
});
