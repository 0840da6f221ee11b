"""Catalogues (docs/format.md): searched, and written."""
from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes import c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from ._library import FACTS, ErrorPlace, KinError, Owned, floats, lib, path_of, reading, unit, utf8, whole

Metadata = Mapping[str, str]


class Hit(NamedTuple):
    """A product of a catalogue. score: cosine, −1 to 1; confidence: 0 to 1, how surely it is more than chance, None where
    the catalogue has no statistics; row: of its best picture; item: what the catalogue says of it, as its JSON."""
    id: str
    score: float
    confidence: float | None
    row: int
    item: dict[str, Any]


class CatalogInfo(TypedDict):
    products: int
    pictures: int
    dim: int
    metadata: dict[str, str]
    tensors: dict[str, str]


def _pointer(array: NDArray[Any]) -> c_void_p:
    return array.ctypes.data_as(c_void_p)


class Catalog:
    """A catalogue file of `npx kin-clip build`, read whole.

    Raises KinError: 'not-a-catalog' (damaged, or another file), 'unsupported' (of a later release), 'unreadable'.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with reading(path, 'A catalogue') as (file, size):
            room = np.empty(size // 8 + 1, np.uint64)  # begins at a multiple of 8, which the engine counts on
            data = room.view(np.uint8)[:size]
            read = file.readinto(data)  # type: ignore[attr-defined]
        place = ErrorPlace()
        at = lib.kin_catalog_open(_pointer(room), read, place.at)
        if not at:
            error = place.error()
            raise KinError(error.code, f'{os.fspath(path)}: {error}')
        catalog = Owned(at, lib.kin_catalog_close, room)  # borrowed
        self.info: CatalogInfo = json.loads(lib.kin_catalog_info(catalog))

        def tensor(name: str, dtype: Any) -> NDArray[Any]:
            n = c_size_t()
            begin = (lib.kin_catalog_tensor(catalog, name.encode(), ctypes.byref(n)) or room.ctypes.data) - room.ctypes.data
            return data[begin:begin + n.value].view(dtype)
        self._opened: _Opened | None = _Opened(catalog, {'id': tensor('ids', np.uint8), 'item': tensor('items', np.uint8)},
                                               {name: tensor(f'{name}_offsets', np.uint64) for name in ('id', 'item')}, tensor('row_item', np.uint32))

    def close(self) -> None:
        """Gives the memory back; later calls raise."""
        self._opened = None

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Products."""
        return self.info['products']

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return self.info['dim']

    def ids(self) -> list[str]:
        """The products' ids, in their order."""
        opened = self._open()
        return [opened.text('id', i).decode() for i in range(len(self))]

    def item(self, product: int) -> dict[str, Any]:
        """What the catalogue says of product number `product`, 0 to len − 1."""
        return _item(self._open(), whole(product, 0, len(self) - 1, 'product'))

    def vector(self, row: int) -> NDArray[np.float32]:
        """The unit vector of picture row `row`, float32 [dim]."""
        number, out = whole(row, 0, self.info['pictures'] - 1, 'row'), np.empty(self.dim, np.float32)
        lib.kin_catalog_vector(self._open().catalog, number, _pointer(out))
        return out

    def search(self, vector: Any, k: int = 24, *, min_score: float = -2, exact: bool = False) -> list[Hit]:
        """The k products nearest to a vector, best first; of equal ones the earlier.

        vector: [dim] numbers, such as a row of Model.embed_images; it is taken at unit length.
        min_score: a cosine that each hit reaches.
        exact: score every row also where a large catalogue (over 200,000 rows) would first ask its sign bits.
        """
        opened, query = self._open(), unit(vector, self.dim, 'The vector')
        cap = min(whole(k, 1, sys.maxsize, 'k'), max(1, len(self)))
        least = floats(min_score, 'min_score')
        if least.shape or np.isnan(least):
            raise KinError('bad-argument', f'min_score is a number, not {min_score!r}.')
        rows, scores = np.empty(cap, np.uint32), np.empty(cap, np.float32)
        total = c_uint32()
        n = lib.kin_catalog_search(opened.catalog, _pointer(query), None, None, float(least), 0, bool(exact), _pointer(rows), _pointer(scores),
                                   cap, ctypes.byref(total))
        confidence = np.empty(cap, np.float32)
        lib.kin_catalog_confidence(opened.catalog, None, _pointer(rows), _pointer(scores), n, _pointer(confidence))
        return [_hit(opened, int(rows[i]), float(scores[i]), float(confidence[i])) for i in range(n)]

    def _open(self) -> _Opened:
        if self._opened is None:
            raise KinError('closed', 'The catalogue is closed: open it again.')
        return self._opened


class _Opened(NamedTuple):
    """What a catalogue has in memory; a call keeps it, whoever closes the catalogue meanwhile."""
    catalog: Owned
    texts: dict[str, NDArray[np.uint8]]
    offsets: dict[str, NDArray[np.uint64]]
    product_of: NDArray[np.uint32]

    def text(self, name: str, i: int) -> bytes:
        begin, end = (int(offset) for offset in self.offsets[name][i:i + 2])
        return self.texts[name][begin:end].tobytes()


def _item(opened: _Opened, product: int) -> dict[str, Any]:
    item: dict[str, Any] = json.loads(opened.text('item', product))
    return item


def _hit(opened: _Opened, row: int, score: float, confidence: float) -> Hit:
    product = int(opened.product_of[row])
    return Hit(opened.text('id', product).decode(), score, None if np.isnan(confidence) else confidence, row, _item(opened, product))


class CatalogWriter:
    """Writes a catalogue, as `npx kin-clip build` does: the same calls give the same bytes.

        writer = CatalogWriter(model.dim, {'kin.image_id': model.identify('image'), 'kin.fit': 'crop', …})
        writer.add('sku-1', {'title': 'Red shoe'}, model.embed_images(['1.jpg', '2.jpg']))
        writer.write('catalog.safetensors')

    metadata: names of docs/format.md with their texts, without those that the writer adds itself.
    Raises KinError: 'bad-argument', 'too-large' (a file over 2 GiB), 'out-of-memory'.
    """

    def __init__(self, dim: int, metadata: Metadata) -> None:
        self._dim, self._error, self._lock = whole(dim, 1, FACTS['limits']['catalogDim'], 'dim'), ErrorPlace(), threading.Lock()
        words = utf8(_json(metadata, {}, 'The metadata'), 'The metadata')
        at = lib.kin_writer_begin(self._dim, words, len(words), self._error.at)
        if not at:
            raise self._error.error()
        self._writer: Owned | None = Owned(at, lib.kin_writer_close)

    def add(self, id: str, item: Mapping[str, Any] | str, vectors: Any) -> None:
        """One product. item: a JSON object, or its text on one line, with the id, taken over as it is. vectors: [pictures, dim], or [dim]
        of one picture."""
        name = utf8(id, 'An id').decode()
        words = item if isinstance(item, str) else _json(item, {'id': name}, f'The item of {id!r}')
        rows = [quantise(vector, self._dim) for vector in _matrix(vectors, self._dim, f'The vectors of {id!r}')]
        self.add_rows(id, words, np.stack(rows) if rows else np.empty((0, self._dim), np.int8))

    def add_rows(self, id: str, item: str, rows: NDArray[np.int8]) -> None:
        """The same of rows that `quantise` made: int8 [pictures, dim]."""
        name, words, tight = utf8(id, 'An id'), utf8(item, 'An item'), np.ascontiguousarray(rows)
        if tight.dtype != np.int8 or tight.ndim != 2 or tight.shape[1] != self._dim:
            raise KinError('bad-argument', f'Rows are int8 [pictures, {self._dim}], not {tight.dtype} {list(tight.shape)}.')
        _check_id(name, words)
        with self._lock:
            self._error.check(lib.kin_writer_add(self._open(), name, len(name), words, len(words), _pointer(tight), len(tight), self._error.at))

    def null(self, phrases: Any) -> None:
        """Asks for statistics of what scores by chance, from which confidences come. phrases: [0 to 256, dim], vectors of
        the null phrases (none: of pictures alone). Once, after the last product; needs 16 products."""
        vectors = np.ascontiguousarray(_matrix(phrases, self._dim, 'The phrases'))
        with self._lock:
            self._error.check(lib.kin_writer_null(self._open(), _pointer(vectors), len(vectors), self._error.at))

    def parts(self) -> Iterator[bytes]:
        """Ends the writer; the file's bytes, first to last. Once."""
        self._end()
        yield from self._take()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Ends the writer, and writes the file: beside `path` first, so that what is there stays until all is written. Raises OSError; where
        the folder is missing or the disk is too small the writer keeps everything, and may write elsewhere."""
        def fill(file: Any) -> None:
            _reserve(file, self._end())
            for part in self._take():
                file.write(part)
        write_safely(path, fill)

    def _end(self) -> int:
        """How many bytes the file has."""
        with self._lock:
            while not (n := int(lib.kin_writer_bytes(self._open()))):
                self._error.check(lib.kin_writer_end(self._open(), self._error.at))
        return n

    def _take(self) -> Iterator[bytes]:
        """Takes the bytes away from the writer, which is over then, however far this comes."""
        with self._lock:
            writer, self._writer = self._open(), None
        room = (ctypes.c_uint8 * (1 << 20))()
        while n := lib.kin_writer_take(writer, room, len(room)):
            yield bytes(memoryview(room)[:n])

    def _open(self) -> Owned:
        if self._writer is None:
            raise KinError('closed', 'The writer has given its catalogue away: begin another.')
        return self._writer


def _json(given: Any, more: dict[str, str], what: str) -> str:
    """An object as JSON, with what is more."""
    if not isinstance(given, Mapping):
        raise KinError('bad-argument', f'{what} is a dict, not {type(given).__name__}.')
    try:
        return json.dumps({**given, **more}, ensure_ascii=False, separators=(',', ':'), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise KinError('bad-argument', f'{what} cannot be written as JSON ({error}).') from None


def _check_id(name: bytes, item: bytes) -> None:
    """An item that says another id than its product's makes a catalogue that `kin-clip verify` calls damaged."""
    try:
        said = json.loads(item)
    except (ValueError, RecursionError):
        return  # the engine says what is wrong with it
    if isinstance(said, dict) and (not isinstance(said.get('id'), str) or utf8(said['id'], 'An id') != name):
        raise KinError('bad-argument', f"The item of {name.decode()!r} says the id {said.get('id')!r}.")


def _matrix(vectors: Any, dim: int, what: str) -> NDArray[np.float32]:
    """[n, dim] of a matrix, of one vector, or of nothing; other shapes would be taken apart at the wrong places."""
    values = floats(vectors, what)
    rows = values[None] if values.ndim == 1 and values.size else values.reshape(0, dim) if not values.size else values
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise KinError('bad-argument', f'{what} have the shape {list(values.shape)}, not [pictures, {dim}].')
    return rows


def quantise(vector: Any, dim: int) -> NDArray[np.int8]:
    """A vector's row in a catalogue, int8 [dim]."""
    values = floats(vector, 'A vector')
    if values.shape != (dim,):
        raise KinError('bad-argument', f'A vector has the shape {list(values.shape)}, not [{dim}].')
    row, scale, error = np.empty(dim, np.int8), ctypes.c_float(), ErrorPlace()
    error.check(lib.kin_quantise_vector(_pointer(values), dim, row.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)), ctypes.byref(scale), error.at))
    return row


def _open_number(path: str) -> int | None:
    """`/dev/stdout` and its like name what this process has open: a file there is gone on with where it stands."""
    text = os.path.abspath(path)
    named = re.fullmatch(r'/(?:dev|proc/self)/fd/([0-9]+)', text)
    return int(named[1]) if named else {'/dev/stdout': 1, '/dev/stderr': 2}.get(text)


def _reserve(file: Any, n: int) -> None:
    """Room for n bytes more, so that a disk that is too small says so before they are there; where a file system can tell."""
    try:
        os.posix_fallocate(file.fileno(), 0, n)
    except AttributeError:
        pass  # macOS
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _remove_left(target: Path) -> None:
    """Removes what processes of this machine that were killed left beside a file, as the command does, which gives the same names."""
    own = re.compile(rf'\.{re.escape(target.name)}\.kin-{_HOST}-(\d+)-[0-9a-f]{{16}}')
    for name in os.listdir(target.parent):
        if found := own.fullmatch(name):
            try:
                os.kill(int(found[1]), 0)
            except ProcessLookupError:
                (target.parent / name).unlink(missing_ok=True)
            except OSError:
                pass  # another user's


def write_safely(path: str | os.PathLike[str], fill: Callable[[Any], object], mode: int = 0o666) -> None:
    """A file that is there whole or not at all: written beside, synced, renamed. A link stays, and what it leads to is written;
    a device or a pipe takes the bytes as they come. mode: who may read a new one. OSError names `path`."""
    name = path_of(path, 'A file')
    target, number = Path(os.path.realpath(name)), _open_number(name)
    if number is not None and target.is_file():
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()  # what was printed before comes before
        with os.fdopen(os.dup(number), 'wb') as file:
            fill(file)
        return
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if target.exists() and not target.is_file():
        with open(target, 'wb') as file:
            fill(file)
        return
    beside = target.with_name(f'.{target.name}.kin-{_HOST}-{os.getpid()}-{secrets.token_hex(8)}')
    try:
        _remove_left(target)
        with open(beside, 'xb', opener=lambda name, flags: os.open(name, flags, mode)) as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError) and error.strerror:
            raise OSError(error.errno, error.strerror, name) from error
        raise
