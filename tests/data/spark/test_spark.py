"""kin.spark on a local cluster of real workers: tasks that die and are run again, bad pictures, and the merge beside a build
of one machine, byte for byte."""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from pyspark import cloudpickle
from pyspark.sql import SparkSession

import kin
from kin import journal, spark

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / 'tests' / 'golden' / 'images'
VIT = ROOT / 'tests' / 'models' / 'kin-small'
GOOD = sorted(path.name for path in [*IMAGES.glob('jpeg-*.jpg'), *IMAGES.glob('png-colour-*.png'), *IMAGES.glob('exif-*.jpg')])
BAD = ['cut-in-scan.jpg', 'bad-deflate.png']


def build(products, output, *more):
    """The command's report."""
    report = output.with_suffix('.json')
    done = subprocess.run(['node', ROOT / 'catalog' / 'cli.js', 'build', products, '-o', output, '--model', VIT, '--report', report, '--quiet',
                           *more], capture_output=True, check=False)
    if done.returncode not in (0, 3):
        raise AssertionError(f'build ended with {done.returncode}: {done.stderr.decode()}')
    return json.loads(report.read_text())


cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this file


class DyingReader:
    """Reads pictures; the first time that it is asked for one of some it ends the worker's process in the middle of its task."""

    def __init__(self, root, marks, deadly):
        self.root, self.marks, self.deadly = root, marks, deadly

    def __call__(self, ref):
        if ref in self.deadly:
            try:
                os.close(os.open(os.path.join(self.marks, ref), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os._exit(9)
        with open(os.path.join(self.root, ref), 'rb') as file:
            return file.read()


def start():
    """A cluster of two workers where this machine can hold one, else two threads, told apart in what is printed."""
    os.environ['PYSPARK_PYTHON'] = sys.executable
    os.environ['SPARK_LOCAL_IP'] = '127.0.0.1'
    for master in os.environ.get('SPARK_MASTER', 'local-cluster[2,1,1024] local[2,4]').split():
        try:
            session = (SparkSession.builder.master(master).appName('kin').config('spark.ui.enabled', 'false')
                       .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1')
                       .config('spark.executor.memory', '768m').config('spark.sql.files.maxPartitionBytes', '4096')
                       .config('spark.sql.files.openCostInBytes', '4096').getOrCreate())
            session.range(4, numPartitions=2).mapInPandas(lambda batches: batches, 'id long').count()
        except Exception as error:  # whatever a cluster cannot start by
            print(f'{master} cannot be started: {error}', file=sys.stderr)
            continue
        print(f'Spark {session.version}, {master}', file=sys.stderr)
        return session
    raise AssertionError('Spark cannot be started.')


class Job(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = start()
        cls.session.sparkContext.setLogLevel('OFF')
        cls.place = tempfile.TemporaryDirectory()
        folder = Path(cls.place.name)
        shop = folder / 'shop'
        shop.mkdir()
        for name in [*GOOD, *BAD]:
            (shop / name).write_bytes((IMAGES / name).read_bytes())
        drawn = random.Random(1)
        rows = [{'id': f'p{i:03}', 'title': f'Größe {i}', 'price': i / 4, 'image': drawn.sample(GOOD, drawn.randint(1, 3))} for i in range(120)]
        for i, name in enumerate(BAD):
            rows[7 + i]['image'] = [rows[7 + i]['image'][0], name]
        rows[50]['image'] = ['nowhere.jpg']
        (shop / 'products.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
        for part in range(4):  # a data set of files, as Spark writes them
            table = pyarrow.Table.from_pylist([{**row, 'image': json.dumps(row['image']) if part % 2 else row['image']} for row in rows[part * 30:part * 30 + 30]])
            pyarrow.parquet.write_table(table, folder / f'products-{"text" if part % 2 else "list"}-{part}.parquet')
        cls.folder, cls.shop = folder, shop
        cls.pictures = sum(len(row['image']) for row in rows)

    @classmethod
    def tearDownClass(cls):
        cls.session.stop()
        cls.place.cleanup()

    def products(self):
        read = self.session.read.parquet
        lists, texts = (read(*map(str, sorted(self.folder.glob(f'products-{kind}-*.parquet')))) for kind in ('list', 'text'))
        from pyspark.sql import functions
        return lists.select('id', functions.to_json('image').alias('image')).union(texts.select('id', 'image'))

    def test_the_merge_is_what_one_machine_builds(self):
        alone = self.folder / 'alone.safetensors'
        wanted = build(self.shop / 'products.jsonl', alone)
        parts = spark.embed(self.products(), VIT, self.folder / 'parts', root=self.shop)
        self.assertGreaterEqual(len(parts), 4)
        self.assertEqual(sum(part.pictures for part in parts), self.pictures)
        self.assertEqual(sum(part.failed for part in parts), 3)
        target = self.folder / 'merged.safetensors'
        rows = spark.merge(self.folder / 'parts', target)
        self.assertEqual(rows, wanted['counts']['embedded'])
        with self.assertRaises(kin.KinError) as caught:
            spark.merge(self.folder / 'parts', target)
        self.assertEqual(caught.exception.code, 'bad-argument')
        got = build(self.shop / 'products.jsonl', target)
        self.assertEqual(got['counts']['embedded'], 0, 'nothing is embedded twice')
        self.assertEqual(got['counts']['failedPictures'], 3)
        self.assertEqual(target.read_bytes(), alone.read_bytes())
        self.assertEqual(len(kin.Catalog(target)), 119)

    def test_tasks_that_die_leave_the_same_bytes(self):
        whole = spark.embed(self.products(), VIT, self.folder / 'whole', root=self.shop)
        marks = self.folder / 'marks'
        marks.mkdir()
        # Of two partitions one picture each, deep in it.
        deadly = [json.loads(line)['image'][0] for line in (self.shop / 'products.jsonl').read_text().splitlines()][20:115:47]
        got = spark.embed(self.products(), VIT, self.folder / 'again', read=DyingReader(str(self.shop), str(marks), deadly))
        self.assertEqual(sorted(path.name for path in marks.iterdir()), sorted(set(deadly)), 'the processes have ended')
        self.assertEqual([part[:4] for part in got], [part[:4] for part in whole])
        for part in whole:
            self.assertEqual((self.folder / 'again' / part.name).read_bytes(), (self.folder / 'whole' / part.name).read_bytes())
        self.assertEqual(sorted(path.name for path in (self.folder / 'again').glob('*.rows')), [part.name for part in whole])

    def test_what_cannot_be_merged(self):
        with self.assertRaises(kin.KinError):
            spark.merge(self.folder / 'nowhere', self.folder / 'x')
        parts = self.folder / 'wrong'
        parts.mkdir()
        with kin.Model(VIT) as model:
            facts = journal.about(model, 'crop')
            row = journal.row(bytes(32), 'own', np.ones(model.dim, np.int8))
        for second, code in [(journal.head({**facts, 'fit': 'pad'}) + row, 'model-mismatch'), (journal.head(facts) + row[:-1], 'unreadable'),
                             (row, 'model-mismatch'), (journal.head(facts) + b'\0' * 8, 'unreadable')]:
            (parts / 'part-00000.rows').write_bytes(journal.head(facts) + row)
            (parts / 'part-00001.rows').write_bytes(second)
            with self.assertRaises(kin.KinError) as caught:
                spark.merge(parts, self.folder / 'wrong.safetensors')
            self.assertEqual(caught.exception.code, code)
            self.assertFalse((self.folder / 'wrong.safetensors.part' / 'journal').exists())

    def test_pictures_outside_their_folder(self):
        frame = self.session.createDataFrame([('a', '../products-list-0.parquet'), ('b', '/etc/passwd'), ('c', None)], 'id string, image string')
        parts = spark.embed(frame, VIT, self.folder / 'outside', root=self.shop)
        self.assertEqual((sum(part.pictures for part in parts), sum(part.failed for part in parts)), (2, 2))
        self.assertIn('lies outside', ' '.join(part.error for part in parts))

    def test_what_is_refused_before_a_job(self):
        frame = self.session.createDataFrame([('a', GOOD[0], 1)], 'id string, image string, n int')
        for more, code in [({'fit': 'full'}, 'bad-argument'), ({'batch': 0}, 'bad-argument'), ({'image': 'n'}, 'bad-argument'), ({'image': 'none'}, 'bad-argument'),
                           ({'root': self.folder / 'none'}, 'unreadable'), ({'root': None}, 'bad-argument'), ({'model': self.folder}, 'not-a-model')]:
            given = {'model': VIT, 'root': self.shop, **more}
            with self.subTest(more), self.assertRaises(kin.KinError) as caught:
                spark.embed(frame, folder=self.folder / 'refused', **given)
            self.assertEqual(caught.exception.code, code)

    def test_cells_are_read_as_the_command_reads_them(self):
        cells = [[GOOD[0], None, f' {GOOD[1]} ', ''], None, ['half \ud800']]
        frame = self.session.createDataFrame([(json.dumps(cell) if i == 2 else None, cell if i < 2 else None) for i, cell in enumerate(cells)],
                                             'text string, list array<string>')
        before = self.session.conf.get('spark.sql.execution.arrow.maxRecordsPerBatch')
        here = os.getcwd()
        try:
            os.chdir(self.folder)
            for column, wanted in (('of.list', (2, 2, 0)), ('text', (1, 0, 1))):
                parts = spark.embed(frame.selectExpr('text', 'struct(list) AS of'), os.path.relpath(VIT), f'cells-{column}', root='shop', image=column)
                self.assertEqual(tuple(sum(part[i] for part in parts) for i in (1, 2, 3)), wanted)
        finally:
            os.chdir(here)
        self.assertEqual(self.session.conf.get('spark.sql.execution.arrow.maxRecordsPerBatch'), before)
        self.assertIn('half \\ud800', ''.join(part.error for part in parts))


if __name__ == '__main__':
    unittest.main()
