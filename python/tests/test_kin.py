"""The Python module beside the command, which runs the WebAssembly engine: the same bits, hits, bytes and errors."""
import copy
import ctypes
import ctypes.util
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import numpy as np

import kin
from kin import _library as library, catalog as catalog_module, model as model_module, spark

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / 'tests' / 'golden' / 'images'
VIT = ROOT / 'tests' / 'models' / 'kin-small'
EVERYDAY = ROOT / 'models' / 'kin-everyday'
PICTURES = ['jpeg-420.jpg', 'jpeg-gray.jpg', 'jpeg-422-width-17.jpg', 'png-colour-2-8-0.png', 'png-gray-16-1.png', 'exif-6-II.jpg']
BROKEN = ['cut-in-scan.jpg', 'format.gif', 'flipped-bit.png', 'bomb-5000.png', 'apple.png']
TEXTS = ['a red shoe', '', 'Größe 42', '靴']


def command(*args):
    """The command's output."""
    done = subprocess.run(['node', ROOT / 'catalog' / 'cli.js', *args], capture_output=True, cwd=ROOT, check=False)
    if done.returncode not in (0, 3):
        raise AssertionError(f'{args[0]} ended with {done.returncode}: {done.stderr.decode()}')
    return done.stdout.decode()


def run_all(threads, meanwhile=lambda: None):
    running = list(threads)
    for thread in running:
        thread.start()
    meanwhile()
    for thread in running:
        thread.join()


def by_command(model, *args):
    return [json.loads(line) for line in command('embed', *args, '--model', model, '--quiet').splitlines()]


class Library(unittest.TestCase):
    def test_what_is_not_the_library_is_an_import_error(self):
        for path in ('/nowhere.so', __file__, ctypes.util.find_library('m') or 'libm.so.6'):
            done = subprocess.run([sys.executable, '-c', 'import kin'], env={**os.environ, 'KIN_LIBRARY': path, 'PYTHONPATH': os.pathsep.join(sys.path)},
                                  capture_output=True, text=True, check=False)
            self.assertRegex(done.stderr.splitlines()[-1], r'^ImportError: libkin\.so cannot be loaded from .*: install the package')


class Embedding(unittest.TestCase):
    def test_pictures_have_the_bits_and_errors_of_webassembly(self):
        names = [*PICTURES, *BROKEN]
        for model in (VIT, EVERYDAY):
            wanted = by_command(model, *(IMAGES / name for name in names))
            with kin.Model(model) as mine:
                got = mine.embed_images([IMAGES / name for name in names], errors='return')
                again = mine.embed_images([(IMAGES / name).read_bytes() for name in PICTURES])
            for name, one, want in zip(names, got, wanted):
                if 'error' in want:
                    self.assertIsInstance(one, kin.KinError, name)
                    self.assertEqual(one.code, want['error']['code'], name)
                else:
                    np.testing.assert_array_equal(one, np.array(want['embedding'], np.float32), name)
            self.assertEqual((again.dtype, again.shape), (np.float32, (len(PICTURES), len(got[0]))))
            np.testing.assert_array_equal(again, np.stack(got[:len(PICTURES)]))

    def test_texts_and_threads(self):
        wanted = by_command(VIT, *[part for text in TEXTS for part in ('--text', text)])
        for threads in (1, 3):
            with kin.Model(VIT, threads=threads) as model:
                got = model.embed_texts(TEXTS)
                np.testing.assert_array_equal(got, np.array([want['embedding'] for want in wanted], np.float32))
                np.testing.assert_array_equal(model.embed_texts(['\ud800 x']), model.embed_texts(['\ufffd x']))
                self.assertEqual(model.embed_texts([]).shape, (0, model.dim))

    def test_pixels(self):
        pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 4), np.uint8)
        with kin.Model(VIT) as model:
            opaque = pixels.copy()
            opaque[..., 3] = 255
            np.testing.assert_array_equal(*model.embed_images([opaque, pixels[..., :3]]))
            crop, pad = (model.embed_images([pixels], fit=fit)[0] for fit in ('crop', 'pad'))
            self.assertFalse(np.array_equal(crop, pad))
            np.testing.assert_array_equal(model.embed_images([pixels[::-1, ::-1]])[0], model.embed_images([pixels[::-1, ::-1].copy()])[0])
            for wrong in (pixels.astype(np.float32), pixels[..., 0], pixels[:0], pixels[..., :2]):
                [error] = model.embed_images([wrong], errors='return')
                self.assertEqual(error.code, 'bad-argument')

    def test_a_thread_that_rounds_otherwise(self):
        libm, upward = ctypes.CDLL('libm.so.6' if os.uname().sysname == 'Linux' else None), {'x86_64': 0x800}.get(os.uname().machine, 0x400000)
        with kin.Model(VIT) as model:
            wanted = model.embed_images([IMAGES / 'png-colour-2-8-0.png'])
            before = libm.fegetround()
            try:
                self.assertEqual(libm.fesetround(upward), 0)
                got = model.embed_images([IMAGES / 'png-colour-2-8-0.png'])
                self.assertEqual(libm.fegetround(), upward)
            finally:
                libm.fesetround(before)
        np.testing.assert_array_equal(got, wanted)

    def test_many_threads_of_the_caller(self):
        with kin.Model(VIT) as model:
            wanted = model.embed_images([IMAGES / name for name in PICTURES])
            got = [None] * len(PICTURES)

            def work(i):
                got[i] = model.embed_images([IMAGES / PICTURES[i]])[0]
            run_all(threading.Thread(target=work, args=(i,)) for i in range(len(PICTURES)))
        np.testing.assert_array_equal(np.stack(got), wanted)

    def test_what_it_is_and_what_is_refused(self):
        with kin.Model(EVERYDAY) as model:
            manifest = json.loads((EVERYDAY / 'manifest.json').read_text())
            self.assertEqual(model.info['ids'], {'image': '', 'text': ''})
            self.assertEqual({tower: model.identify(tower) for tower in ('image', 'text')}, manifest['ids'])
            self.assertEqual((model.info['numerics'], model.info['dtype']), (manifest['numerics'], 'q8'))
            self.assertIn(model.info['kernels'], kin.kernels())
        for code, call in [('closed', lambda: model.embed_texts(['x'])), ('bad-argument', lambda: kin.Model(VIT, dtype='int4')),
                           ('bad-argument', lambda: kin.Model(VIT, threads=17)),
                           ('bad-argument', lambda: kin.Model(VIT, threads=1.5)), ('bad-argument', lambda: kin.Model(None)), ('unreadable', lambda: kin.Model('')),
                           ('unreadable', lambda: kin.Model(f'{VIT}\0x')), ('not-a-model', lambda: kin.Model(IMAGES)),
                           ('unsupported', lambda: kin.Model(VIT, dtype='f32').embed_texts(['x']))]:
            with self.assertRaises(kin.KinError) as caught:
                call()
            self.assertEqual(caught.exception.code, code)
        with kin.Model(VIT) as model:
            for code, call in [('unreadable', lambda: model.embed_images(['/nowhere.jpg'])), ('bad-argument', lambda: model.embed_images('a.jpg')),
                               ('bad-argument', lambda: model.embed_images([1])),
                               ('bad-argument', lambda: model.embed_images(None)), ('bad-argument', lambda: model.embed_texts(5)),
                               ('bad-argument', lambda: model.embed_images(np.zeros((9, 9, 3), np.uint8), errors='return')), ('truncated-image', lambda: model.embed_images([b'\xff\xd8\xff'])),
                               ('bad-argument', lambda: model.embed_images([], fit='fill')), ('bad-argument', lambda: model.embed_texts([b'x']))]:
                with self.assertRaises(kin.KinError) as caught:
                    call()
                self.assertEqual(caught.exception.code, code)
                self.assertEqual(pickle.loads(pickle.dumps(caught.exception)).code, code)

    def test_an_interrupted_text_is_not_the_next_ones_vector(self):
        with kin.Model(VIT) as model:
            [dog] = model.embed_texts(['a dog'])
            given = b'a red shoe'  # Ctrl-C between two functions of the engine leaves this
            self.assertEqual(library.lib.kin_tokenize(model._ctx, given, len(given)), library.OK)
            self.assertEqual(library.lib.kin_text_add(model._ctx), library.OK)
            np.testing.assert_array_equal(model.embed_texts(['a dog'])[0], dog)

    def test_what_is_open_stays_in_its_process(self):
        with kin.Model(VIT) as model:
            wanted = model.embed_texts(['a dog'])
            for send in (copy.deepcopy, pickle.dumps):
                for one in (model, kin.CatalogWriter(4, {})):
                    with self.assertRaises(TypeError):
                        send(one)
            del one
            twin = copy.copy(model)
        np.testing.assert_array_equal(twin.embed_texts(['a dog']), wanted)

    def test_a_model_that_is_closed_by_who_gives_the_pictures(self):
        model = kin.Model(VIT)

        def pictures():
            yield IMAGES / PICTURES[0]
            model.close()
            yield IMAGES / PICTURES[1]
        with self.assertRaises(kin.KinError) as caught:
            model.embed_images(pictures())
        self.assertEqual(caught.exception.code, 'closed')

    def test_a_path_is_that_of_a_regular_file(self):
        with tempfile.TemporaryDirectory() as folder, kin.Model(VIT) as model:
            os.mkfifo(Path(folder) / 'pipe')
            os.mkfifo(Path(folder) / 'config.json')
            with self.assertRaises(kin.KinError) as caught:
                kin.Model(folder)
            self.assertEqual(caught.exception.code, 'not-a-model')
            for path in ('/dev/zero', Path(folder) / 'pipe', folder, 'a\0b', '', 'half \ud800'):
                for call in (lambda: model.embed_images([path]), lambda: kin.Catalog(path)):
                    with self.subTest(path), self.assertRaises(kin.KinError) as caught:
                        call()
                    self.assertEqual(caught.exception.code, 'unreadable')
                    str(caught.exception).encode()  # can be logged

    @unittest.skipUnless(hasattr(os, 'fork'), 'no fork here')
    def test_a_fork(self):
        for threads, good in ((1, True), (2, False)):
            model = kin.Model(VIT, threads=threads)
            wanted = model.embed_texts(['a red shoe'])
            child = os.fork()
            if child == 0:
                try:
                    same = np.array_equal(model.embed_texts(['a red shoe']), wanted)
                except kin.KinError as error:
                    same = error.code == 'bad-argument' and 'forked' in str(error) and None
                os._exit({True: 0, None: 1, False: 2}[same])
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0 if good else 1)
            model.close()

    @unittest.skipUnless(hasattr(os, 'fork'), 'no fork here')
    def test_a_fork_while_another_thread_embeds(self):
        model, held, forked = kin.Model(VIT), threading.Event(), threading.Event()

        def pictures():
            yield IMAGES / PICTURES[0]
            held.set()
            forked.wait()
        thread = threading.Thread(target=lambda: model.embed_images(pictures()))
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # ends a child that waits for ever
            try:
                model.embed_texts(['a red shoe'])
            except kin.KinError as error:
                os._exit(0 if 'forked' in str(error) else 1)
            os._exit(2)
        status = os.waitpid(child, 0)[1]
        forked.set()
        thread.join()
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertEqual(model.embed_texts(['a red shoe']).shape, (1, model.dim))



class Catalogues(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        folder = Path(cls.place.name)
        pictures = [*PICTURES, *sorted(path.name for path in IMAGES.glob('jpeg-names-*.jpg'))[:12]]
        for n, names in ((5, PICTURES[:5]), (18, pictures)):
            rows = [{'id': f'p{i}', 'title': f'Größe "{i}"', 'image': [name, pictures[0]]} for i, name in enumerate(names)]
            shop = folder / f'shop-{n}'
            shop.mkdir()
            for name in {*names, pictures[0]}:
                (shop / name).write_bytes((IMAGES / name).read_bytes())
            (shop / 'products.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
            command('build', shop / 'products.jsonl', '-o', folder / f'{n}.safetensors', '--model', VIT, '--quiet')

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def path(self, name):
        return Path(self.place.name) / name

    def test_search_finds_what_the_command_finds(self):
        wanted = json.loads(command('search', self.path('18.safetensors'), IMAGES / 'png-colour-2-8-0.png', '--model', VIT, '--json', '--limit', '7'))
        with kin.Model(VIT) as model, kin.Catalog(self.path('18.safetensors')) as catalog:
            hits = catalog.search(model.embed_images([IMAGES / 'png-colour-2-8-0.png'])[0], k=7)
            self.assertEqual((len(catalog), catalog.dim, len(catalog.ids())), (18, model.dim, 18))
            self.assertEqual([hit.id for hit in hits], [hit['id'] for hit in wanted['hits']])
            np.testing.assert_allclose([hit.score for hit in hits], [hit['score'] for hit in wanted['hits']], rtol=0, atol=0)
            np.testing.assert_allclose([hit.confidence for hit in hits], [hit['confidence'] for hit in wanted['hits']], rtol=1e-6)
            self.assertEqual(hits[0].item['title'], f'Größe "{hits[0].id[1:]}"')
            self.assertEqual(hits[0].id, 'p3')
            self.assertAlmostEqual(float(catalog.vector(hits[0].row) @ model.embed_images([IMAGES / 'png-colour-2-8-0.png'])[0]), hits[0].score, 3)
            for wrong in (np.zeros(model.dim), np.ones(3), [np.nan] * model.dim, ['1'] * model.dim, None, [10 ** 400] * model.dim):
                with self.assertRaises(kin.KinError):
                    catalog.search(wrong)
            for wrong in ({'k': 1.5}, {'k': 0}, {'k': '3'}, {'min_score': None}, {'min_score': float('nan')}):
                with self.assertRaises(kin.KinError):
                    catalog.search(np.ones(model.dim), **wrong)

    def test_written_bytes_are_those_of_the_command(self):
        with kin.Catalog(self.path('5.safetensors')) as catalog, kin.Model(VIT) as model:
            own = {'kin.format', 'kin.kind', 'kin.numerics', 'kin.crc32', 'kin.null', 'kin.needs'}
            writer = kin.CatalogWriter(model.dim, {name: text for name, text in catalog.info['metadata'].items() if name not in own})
            for i, id in enumerate(catalog.ids()):
                item = catalog.item(i)
                vectors = model.embed_images([IMAGES / name for name in item['image']])
                writer.add(id, catalog._open().text('item', i).decode().rstrip('\n'), vectors)
        with self.assertRaises(kin.KinError) as caught:
            writer.add('p0', {}, vectors)
        self.assertEqual(caught.exception.code, 'bad-argument')
        writer.write(self.path('own.safetensors'))
        self.assertEqual(self.path('own.safetensors').read_bytes(), self.path('5.safetensors').read_bytes())
        self.assertEqual([path.name for path in self.path('').glob('.*')], [])

    def test_what_a_writer_refuses(self):
        def refused(call, part):
            with self.assertRaises(kin.KinError) as caught:
                call()
            self.assertEqual(caught.exception.code, 'bad-argument')
            self.assertIn(part, str(caught.exception))
        writer = kin.CatalogWriter(4, {'kin.fit': 'half \ud800'})
        for shape in ((2, 2), (2, 8), (8,), (1, 2, 4)):  # as many numbers as whole vectors have
            refused(lambda: writer.add('a', {}, np.ones(shape)), f'shape {list(shape)}, not [pictures, 4]')
            refused(lambda: writer.null(np.ones(shape)), f'shape {list(shape)}')
        for rows in (np.array([[200, 0, 0, 1]]), np.array([[0.5, 0, 0, 1]]), np.ones((1, 8), np.int8)):
            refused(lambda: writer.add_rows('a', '{"id":"a"}', rows), 'Rows are int8 [pictures, 4]')
        refused(lambda: writer.add(5, {}, [1, 0, 0, 0]), 'An id is a str, not int')
        for item, part in (({'a': float('nan')}, 'cannot be written as JSON'), ({'a': np.int64(1)}, 'cannot be written as JSON'), ([], 'is a dict, not list'),
                           ('{"id":"b"}', "says the id 'b'"), ('{}', 'says the id None'), ('[]', 'not a JSON object')):
            refused(lambda: writer.add('a', item, [1, 0, 0, 0]), part)
        for vectors in ('abc', [['1', '0', '0', '0']], [[1, 0, 0, 0], [1]], {}, [1j, 0, 0, 0]):
            refused(lambda: writer.add('a', {}, vectors), 'no numbers')
        refused(lambda: kin.CatalogWriter(2 ** 32 + 4, {}), 'dim is a whole number from 1 to 4096')
        refused(lambda: kin.CatalogWriter(4, None), 'The metadata is a dict')
        refused(lambda: writer.add('a', {}, []), '0 pictures')
        writer.add('one', {}, [1, 0, 0, 0])
        writer.add('half \udc00', {'title': 'half \ud800'}, [[0, 1, 0, 0], [0, 0, 1, 0]])
        real, link = self.path('real.safetensors'), self.path('link.safetensors')
        real.write_bytes(b'old')
        link.symlink_to(real.name)
        writer.write(link)
        self.assertTrue(link.is_symlink())
        with kin.Catalog(real) as catalog:
            self.assertEqual((catalog.ids(), catalog.info['pictures'], catalog.item(1)['title']), (['one', 'half \ufffd'], 3, 'half \ufffd'))
        os.mkfifo(self.path('pipe'))
        reader = subprocess.Popen(['cat', self.path('pipe')], stdout=subprocess.PIPE)
        catalog_module.write_safely(self.path('pipe'), lambda file: file.write(b'through it'))
        self.assertEqual(reader.communicate()[0], b'through it')
        self.assertTrue(self.path('pipe').is_fifo())

    def test_a_disk_that_is_too_small_loses_nothing(self):
        writer, target = kin.CatalogWriter(64, {}), self.path('full.safetensors')
        for i in range(400):
            writer.add(f'p{i}', {'id': 'another', 'title': 'x' * 100}, np.eye(64)[i % 64])
        ended = subprocess.Popen(['true'])
        ended.wait()
        left = self.path(f'.{target.name}.kin-{catalog_module._HOST}-{ended.pid}-{0:016x}')  # a killed process' own
        left.write_bytes(b'x')
        target.write_bytes(b'old')
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limits[1]))
        try:
            with self.assertRaises(OSError) as caught:
                writer.write(target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        self.assertEqual((caught.exception.filename, target.read_bytes()), (os.fspath(target), b'old'))
        for path in (self.path('nowhere') / 'x', self.path('')):
            with self.assertRaises(OSError) as caught:
                writer.write(path)
            self.assertEqual(caught.exception.filename, os.fspath(path))
        writer.write(target)
        with kin.Catalog(target) as catalog:
            self.assertEqual((len(catalog), catalog.item(7)['id']), (400, 'p7'))
        self.assertEqual([path.name for path in self.path('').glob('.*')], [])
        with self.assertRaises(kin.KinError) as caught:
            writer.write(target)
        self.assertEqual(caught.exception.code, 'closed')

    def test_threads_of_one_writer_and_of_one_catalogue(self):
        writer = kin.CatalogWriter(64, {})

        def add(k):
            for i in range(1500):
                writer.add(f'{k}-{i}', {'title': 'x' * 50}, np.roll(np.arange(64), i))
        run_all(threading.Thread(target=add, args=(k,)) for k in range(4))
        path = self.path('threads.safetensors')
        writer.write(path)
        self.assertIn('good', command('verify', path))
        for _ in range(20):
            catalog = kin.Catalog(path)
            found = []

            def search():
                try:
                    while True:
                        found.append(len(catalog.search(np.ones(64))))
                except kin.KinError as error:
                    found.append(error.code)
            run_all((threading.Thread(target=search) for _ in range(3)), catalog.close)
            self.assertEqual(found.count('closed'), 3)
            for call in (catalog.ids, lambda: catalog.item(0), lambda: catalog.vector(0)):
                with self.assertRaises(kin.KinError):
                    call()

    def test_standard_output_that_is_a_file_is_gone_on_with(self):
        write = "from kin.catalog import write_safely; print('first '); write_safely({!r}, lambda file: file.write(b'it ')); print('last')"
        for place in ('/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', '/dev/../dev/stdout'):
            with self.subTest(place), open(self.path('log'), 'wb') as log:
                log.write(b'before ')
                log.flush()
                self.path('same').unlink(missing_ok=True)
                os.link(self.path('log'), self.path('same'))  # the same file still, not one in its place
                subprocess.run([sys.executable, '-c', write.format(place)], stdout=log, check=True)
                self.assertEqual(self.path('same').read_bytes(), b'before first \nit last\n')

    def test_a_picture_that_fails_fails_no_job(self):
        good = (IMAGES / PICTURES[0]).read_bytes()

        class Store(Exception):
            """As clients of stores have them: no OSError."""

        def read(ref):
            if ref == 'good':
                return good
            if ref == 'none':
                return None
            raise Store('gone') if ref == 'store' else KeyError(ref)
        self.path('parts').mkdir()
        for reader, refs, first in ((read, ['none', 'good', 'store', 'x', 'good'], 'none: read gave NoneType'),
                                    (spark._Inside(os.fspath(IMAGES)), ['nul \0', PICTURES[0], 'half \ud800', '.', '../' + PICTURES[0]], 'nul')):
            counts = {'pictures': 0, 'rows': 0, 'failed': 0, 'error': ''}
            with open(self.path('part'), 'wb') as file:
                spark._Work(os.fspath(VIT), self.place.name, reader, 'crop', 0)._fill(file, [{'image': [json.dumps(refs), None, '']}], counts)
            self.assertEqual((counts['pictures'], counts['rows'], counts['failed']), (5, 1, 3 if reader is read else 4))
            self.assertIn(first, counts['error'])
            self.path('part').rename(self.path('parts') / 'part-00000.rows')
            self.assertEqual(spark.merge(self.path('parts'), self.path(f'merged-{first[:3]}')), 1)
            self.assertEqual((self.path(f'merged-{first[:3]}.part') / 'journal').stat().st_mode & 0o777, 0o600)

    def test_damaged_files(self):
        whole = bytearray(self.path('5.safetensors').read_bytes())
        for damaged in (b'', whole[:100], whole[:-1], whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:], b'x' * 1000):
            self.path('damaged').write_bytes(damaged)
            with self.assertRaises(kin.KinError) as caught:
                kin.Catalog(self.path('damaged'))
            self.assertEqual(caught.exception.code, 'not-a-catalog')
            self.assertTrue(str(caught.exception).startswith(f"{self.path('damaged')}: "))
        with self.assertRaises(kin.KinError) as caught:
            kin.Catalog(self.path('nowhere'))
        self.assertEqual(caught.exception.code, 'unreadable')


if __name__ == '__main__':
    unittest.main()
