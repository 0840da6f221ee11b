"""Embedding as a job on Apache Spark, and the merge of its parts into what one machine would have built.

    from kin import spark
    parts = spark.embed(session.read.parquet('/shared/shop/products.parquet'), '/models/vit-b32', '/shared/parts', root='/shared/shop')
    spark.merge('/shared/parts', 'catalog.safetensors')
    $ npx kin-clip build /shared/shop/products.parquet -o catalog.safetensors --model /models/vit-b32

Each partition writes one file of rows, under a name of its own number, beside first and then renamed: a task that Spark runs
again, or twice at a time, leaves the same bytes. The merge puts all rows where a build that was stopped keeps its own; the
command goes on from there, embeds nothing that is known, and writes the bytes that it writes without Spark. A picture that
failed in the job is tried by the command once more, which reports it.

The model's folder and `folder` lie at the same paths on every machine (a shared file system); so do the pictures, unless
`read` fetches them. Needs pyspark, pandas and pyarrow, and this package on every machine.
"""
from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import journal
from ._library import FACTS, KinError, chosen, whole
from .catalog import quantise, write_safely
from .model import Model, read_picture

if TYPE_CHECKING:
    import pandas
    from pyspark.sql import DataFrame

Read = Callable[[str], bytes]
Fit = Literal['crop', 'pad']


class Part(NamedTuple):
    """What one partition gave. rows: distinct pictures embedded; failed: those that were not, by their first error."""
    name: str
    pictures: int
    rows: int
    failed: int
    error: str


def embed(products: DataFrame, model: str | os.PathLike[str], folder: str | os.PathLike[str], *, image: str = 'image',
          root: str | os.PathLike[str] | None = None, read: Read | None = None, fit: Fit = 'crop', batch: int = 64) -> list[Part]:
    """Embeds the pictures of `products` on the cluster, a thread a task, and waits for it.

    products: a DataFrame whose column `image` holds a picture's path or address, or a JSON array or an array of them.
    model: a model's folder. folder: where the parts go; it is made, and parts of an earlier job are written over.
    root: the folder that paths count from and stay inside. read: gives a picture's bytes by its path or address instead.
    fit: as Model.embed_images takes it. batch: products a time.

    Returns a Part for each partition. Raises KinError, before the job starts where it can; a picture that fails is counted and fails nothing.
    """
    if (root is None) == (read is None):
        raise KinError('bad-argument', 'embed needs root, the folder of the pictures, or read, which fetches one: one of the two.')
    column = _column(products, image)
    chosen(fit, FACTS['fits'], 'fit')
    if root is not None and not os.path.isdir(root):
        raise KinError('unreadable', f'root is the folder of the pictures, and {os.fspath(root)} is no folder.')
    Model(model).close()
    reader = read or _Inside(os.fspath(root) if root is not None else '')
    os.makedirs(folder, exist_ok=True)
    for stale in [*Path(folder).glob('part-*.rows'), *Path(folder).glob('.part-*.rows.kin-*')]:
        stale.unlink(missing_ok=True)
    work = _Work(os.path.abspath(model), os.path.abspath(folder), reader, fit, int(time.time() * 1000))  # tasks run in other folders
    done = column.mapInPandas(work, 'name string, pictures long, rows long, failed long, error string')
    conf, name = products.sparkSession.conf, 'spark.sql.execution.arrow.maxRecordsPerBatch'
    before = conf.get(name)
    conf.set(name, str(whole(batch, 1, 2 ** 31 - 1, 'batch')))
    try:
        parts = sorted(Part(*row) for row in done.collect())
    finally:
        conf.set(name, before)
    _check_whole(Path(folder), [part.name for part in parts])
    return parts


def merge(folder: str | os.PathLike[str], catalogue: str | os.PathLike[str]) -> int:
    """Gathers the rows of all parts, each once, into `<catalogue>.part/journal`, from which `npx kin-clip build -o <catalogue>`
    goes on. Returns how many. Raises KinError 'model-mismatch' where parts are of different models, 'bad-argument' where a
    build of that catalogue was stopped before, 'unreadable' where a part is damaged."""
    paths = sorted(Path(folder).glob('part-*.rows'))
    if not paths:
        raise KinError('unreadable', f'There are no parts in {os.fspath(folder)}: run embed first.')
    target = Path(f'{os.fspath(catalogue)}.part')
    if (target / 'journal').exists():
        raise KinError('bad-argument', f'{target} holds what a build has: finish or remove it first.')
    target.mkdir(exist_ok=True)
    count = 0

    def fill(file: Any) -> None:
        nonlocal count
        first, there = b'', set()
        for path in paths:
            for i, payload in enumerate(journal.records(path)):
                if i == 0:
                    if payload[0] != journal.HEAD or (first and payload != first):
                        raise KinError('model-mismatch', f'{path} is of another model, fit or release than the parts before it.')
                    if not first:
                        file.write(journal.record(payload))
                    first = payload
                elif payload[0] == journal.ROW:
                    digest = payload[1:33]
                    if digest not in there:
                        file.write(journal.record(payload))
                    there.add(digest)
                else:
                    file.write(journal.record(payload))
        count = len(there)
    write_safely(target / 'journal', fill, 0o600)  # it holds addresses; a build keeps its own so
    return count


class _Inside:
    """Reads a path of a picture, which stays inside a folder."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)

    def __call__(self, ref: str) -> bytes:
        path = os.path.realpath(os.path.join(self.root, ref))
        if os.path.commonpath([self.root, path]) != self.root:
            raise KinError('unreadable', f'{ref} lies outside {self.root}.')
        return read_picture(path)


_models: dict[str, Model] = {}  # of this worker's process, which Spark uses for task after task


def _model(folder: str) -> Model:
    if folder not in _models:
        _models[folder] = Model(folder)
    return _models[folder]


def refs_of(value: Any) -> list[str]:
    """The pictures that a cell names, as the command reads them."""
    if value is None:
        return []
    listed: Any = [value]
    if not isinstance(value, str):
        listed = value
    elif value.lstrip().startswith('['):
        try:
            listed = json.loads(value)
        except (ValueError, RecursionError):
            pass  # a file may be called so
    return [ref.strip() for ref in listed if isinstance(ref, str) and ref.strip()]


class _Work:
    """What a task runs over its partition."""

    def __init__(self, model: str, folder: str, read: Read, fit: Fit, started: int) -> None:
        self.model, self.folder, self.read, self.fit, self.started = model, folder, read, fit, started

    def __call__(self, batches: Iterator[pandas.DataFrame]) -> Iterator[pandas.DataFrame]:
        import pandas
        from pyspark import TaskContext
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        name = f'part-{number:05d}.rows'
        counts = {'pictures': 0, 'rows': 0, 'failed': 0, 'error': ''}
        write_safely(Path(self.folder) / name, lambda file: self._fill(file, batches, counts))
        yield pandas.DataFrame([{'name': name, **counts}])

    def _fill(self, file: Any, batches: Iterator[pandas.DataFrame], counts: dict[str, Any]) -> None:
        model = _model(self.model)
        file.write(journal.head(journal.about(model, self.fit)))
        there: set[bytes] = set()
        for batch in batches:
            for cell in batch['image']:
                for ref in refs_of(cell):
                    counts['pictures'] += 1
                    try:
                        for made in self._rows(model, ref, there):
                            file.write(made)
                    except KinError as error:
                        counts['failed'] += 1
                        counts['error'] = counts['error'] or str(KinError(error.code, f'{ref}: {error}'))
        counts['rows'] = len(there)

    def _bytes(self, ref: str) -> bytes:
        """Whatever keeps `read` from giving a picture is this picture's failure: clients of stores have errors of their own."""
        try:
            given = self.read(ref)
        except Exception as error:
            raise KinError('unreadable', str(error) or type(error).__name__) from error
        if not isinstance(given, bytes):
            raise KinError('unreadable', f'read gave {type(given).__name__} in place of bytes.')
        return given

    def _rows(self, model: Model, ref: str, there: set[bytes]) -> Iterator[bytes]:
        given = self._bytes(ref)
        digest = hashlib.sha256(given).digest()
        if digest not in there:
            [vector] = model.embed_images([given], fit=self.fit)
            yield journal.row(digest, 'own', quantise(vector, model.dim))
            there.add(digest)
        if ref.startswith(('https://', 'http://')):
            yield journal.seen(ref, digest, self.started)


def _column(products: DataFrame, image: str) -> DataFrame:
    """That column alone, which may be a field of one, as `image`."""
    from pyspark.errors import AnalysisException
    wrong = f'{image!r} is no column of texts, or of arrays of them, among {dict(products.dtypes)}: name the one of the pictures in image=.'
    try:
        column = products.select(products[image].alias('image'))
        if column.dtypes[0][1] in ('string', 'array<string>'):
            return column
    except AnalysisException as error:
        raise KinError('bad-argument', wrong) from error
    raise KinError('bad-argument', wrong)


def _check_whole(folder: Path, names: list[str]) -> None:
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise KinError('unreadable', f'{missing[0]} was written on another machine and is not in {folder}: name a folder that all machines share.')
