"""Catalogues (docs/format.md): searched, and written."""
from __future__ import annotations

import ctypes
import json
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from ctypes import c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from ._library import ErrorPlace, KinError, lib, out_of_memory, unit, utf8

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
        self._catalog: int | None = None
        try:
            data = np.fromfile(path, dtype=np.uint8)
        except OSError as error:
            raise KinError('unreadable', f'{os.fspath(path)} cannot be read ({error.strerror}).') from error
        room = np.empty(len(data) // 8 + 1, np.uint64)  # begins at a multiple of 8, which the engine counts on
        room.view(np.uint8)[:len(data)] = data
        self._data = room  # borrowed by the catalogue
        place = ErrorPlace()
        self._catalog = lib.kin_catalog_open(_pointer(room), len(data), place.at)
        if not self._catalog:
            raise place.error()
        self.info: CatalogInfo = json.loads(lib.kin_catalog_info(self._catalog))
        self._offsets = {name: self._tensor(f'{name}_offsets', np.uint64) for name in ('id', 'item')}
        self._texts = {'id': self._tensor('ids', np.uint8), 'item': self._tensor('items', np.uint8)}
        self._product_of = self._tensor('row_item', np.uint32)

    def close(self) -> None:
        """Gives the memory back; later calls raise."""
        catalog, self._catalog = self._catalog, None
        lib.kin_catalog_close(catalog)

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, '_catalog', None) and lib is not None:
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
        return [self._text('id', i).decode() for i in range(len(self))]

    def item(self, product: int) -> dict[str, Any]:
        """What the catalogue says of product number `product`, 0 to len − 1."""
        if not 0 <= product < len(self):
            raise KinError('bad-argument', f'There is no product {product} of {len(self)}.')
        item: dict[str, Any] = json.loads(self._text('item', product))
        return item

    def vector(self, row: int) -> NDArray[np.float32]:
        """The unit vector of picture row `row`, float32 [dim]."""
        if not 0 <= row < self.info['pictures']:
            raise KinError('bad-argument', f"There is no picture {row} of {self.info['pictures']}.")
        out = np.empty(self.dim, np.float32)
        lib.kin_catalog_vector(self._open(), row, _pointer(out))
        return out

    def search(self, vector: Any, k: int = 24, *, min_score: float = -2, exact: bool = False) -> list[Hit]:
        """The k products nearest to a vector, best first; of equal ones the earlier.

        vector: [dim] numbers, such as a row of Model.embed_images; it is taken at unit length.
        min_score: a cosine that each hit reaches.
        exact: score every row also where a large catalogue (over 200,000 rows) would first ask its sign bits.
        """
        query = unit(vector, self.dim, 'The vector')
        if k < 1:
            raise KinError('bad-argument', f'k is at least 1, not {k}.')
        cap = min(int(k), max(1, len(self)))
        rows, scores = np.empty(cap, np.uint32), np.empty(cap, np.float32)
        total = c_uint32()
        n = lib.kin_catalog_search(self._open(), _pointer(query), None, None, min_score, 0, int(exact), _pointer(rows), _pointer(scores),
                                   cap, ctypes.byref(total))
        confidence = np.empty(cap, np.float32)
        lib.kin_catalog_confidence(self._open(), None, _pointer(rows), _pointer(scores), n, _pointer(confidence))
        return [self._hit(int(rows[i]), float(scores[i]), float(confidence[i])) for i in range(n)]

    def _hit(self, row: int, score: float, confidence: float) -> Hit:
        product = int(self._product_of[row])
        return Hit(self._text('id', product).decode(), score, None if np.isnan(confidence) else confidence, row, self.item(product))

    def _open(self) -> int:
        if self._catalog is None:
            raise KinError('closed', 'The catalogue is closed: open it again.')
        return self._catalog

    def _tensor(self, name: str, dtype: Any) -> NDArray[Any]:
        size = c_size_t()
        at = lib.kin_catalog_tensor(self._open(), name.encode(), ctypes.byref(size))
        begin = at - self._data.ctypes.data if at else 0
        return self._data.view(np.uint8)[begin:begin + size.value].view(dtype)

    def _text(self, name: str, i: int) -> bytes:
        begin, end = (int(offset) for offset in self._offsets[name][i:i + 2])
        return self._texts[name][begin:end].tobytes()


class CatalogWriter:
    """Writes a catalogue, as `npx kin-clip build` does: the same calls give the same bytes.

        writer = CatalogWriter(model.dim, {'kin.image_id': model.identify('image'), 'kin.fit': 'crop', …})
        writer.add('sku-1', {'title': 'Red shoe'}, model.embed_images(['1.jpg', '2.jpg']))
        writer.write('catalog.safetensors')

    metadata: names of docs/format.md with their texts, without those that the writer adds itself.
    Raises KinError: 'bad-argument', 'too-large' (a file over 2 GiB), 'out-of-memory'.
    """

    def __init__(self, dim: int, metadata: Metadata) -> None:
        self._writer: int | None = None
        self._dim, self._error = dim, ErrorPlace()
        given = json.dumps(dict(metadata), ensure_ascii=False, separators=(',', ':'))
        words = utf8(given, 'The metadata')
        self._writer = lib.kin_writer_begin(dim, words, len(words), self._error.at)
        if not self._writer:
            raise self._error.error()

    def __del__(self) -> None:
        if getattr(self, '_writer', None) and lib is not None:
            lib.kin_writer_close(self._writer)

    def add(self, id: str, item: Mapping[str, Any] | str, vectors: Any) -> None:
        """One product. item: a JSON object, or its text on one line, taken over as it is. vectors: [pictures, dim], or [dim]
        of one picture."""
        words = item if isinstance(item, str) else json.dumps({**item, 'id': id}, ensure_ascii=False, separators=(',', ':'), allow_nan=False)
        rows = [quantise(vector, self._dim) for vector in _matrix(vectors, self._dim, f'The vectors of {id!r}')]
        self.add_rows(id, words, np.stack(rows) if rows else np.empty((0, self._dim), np.int8))

    def add_rows(self, id: str, item: str, rows: NDArray[np.int8]) -> None:
        """The same of rows that `quantise` made: int8 [pictures, dim]."""
        name, words, tight = utf8(id, 'An id'), utf8(item, 'An item'), np.ascontiguousarray(rows)
        if tight.dtype != np.int8 or tight.ndim != 2 or tight.shape[1] != self._dim:
            raise KinError('bad-argument', f'Rows are int8 [pictures, {self._dim}], not {tight.dtype} {list(tight.shape)}.')
        self._error.check(lib.kin_writer_add(self._open(), name, len(name), words, len(words), _pointer(tight), len(tight), self._error.at))

    def null(self, phrases: Any) -> None:
        """Asks for statistics of what scores by chance, from which confidences come. phrases: [0 to 256, dim], vectors of
        the null phrases (none: of pictures alone). Once, after the last product; needs 16 products."""
        vectors = np.ascontiguousarray(_matrix(phrases, self._dim, 'The phrases'))
        self._error.check(lib.kin_writer_null(self._open(), _pointer(vectors), len(vectors), self._error.at))

    def parts(self) -> Iterator[bytes]:
        """Ends the writer; the file's bytes, first to last."""
        while self._error.check(lib.kin_writer_end(self._open(), self._error.at)):
            pass
        room = (ctypes.c_uint8 * (1 << 20))()
        while n := lib.kin_writer_take(self._open(), room, len(room)):
            yield bytes(memoryview(room)[:n])
        writer, self._writer = self._writer, None
        lib.kin_writer_close(writer)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Ends the writer, and writes the file: beside `path` first, so that what is there stays until all is written."""
        write_safely(path, lambda file: [file.write(part) for part in self.parts()])

    def _open(self) -> int:
        if self._writer is None:
            raise KinError('closed', 'The catalogue has been written: begin another.')
        return self._writer


def _matrix(vectors: Any, dim: int, what: str) -> NDArray[np.float32]:
    """[n, dim] of a matrix, of one vector, or of nothing; other shapes would be taken apart at the wrong places."""
    values = np.asarray(vectors, np.float32)
    rows = values[None] if values.ndim == 1 and values.size else values.reshape(0, dim) if not values.size else values
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise KinError('bad-argument', f'{what} have the shape {list(values.shape)}, not [pictures, {dim}].')
    return rows


def quantise(vector: Any, dim: int) -> NDArray[np.int8]:
    """A vector's row in a catalogue, int8 [dim]."""
    values = np.ascontiguousarray(vector, np.float32)
    if values.shape != (dim,):
        raise KinError('bad-argument', f'A vector has the shape {values.shape}, not ({dim},).')
    row, scale, error = np.empty(dim, np.int8), ctypes.c_float(), ErrorPlace()
    error.check(lib.kin_quantise_vector(_pointer(values), dim, row.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)), ctypes.byref(scale), error.at))
    return row


def _open_number(path: str | os.PathLike[str]) -> int | None:
    """`/dev/stdout` and its like name what this process has open: a file there is gone on with where it stands."""
    text = os.path.abspath(path)
    named = re.fullmatch(r'/(?:dev|proc/self)/fd/([0-9]+)', text)
    return int(named[1]) if named else {'/dev/stdout': 1, '/dev/stderr': 2}.get(text)


def write_safely(path: str | os.PathLike[str], fill: Callable[[Any], object], mode: int = 0o666) -> None:
    """A file that is there whole or not at all: written beside, synced, renamed. A link stays, and what it leads to is written;
    a device or a pipe takes the bytes as they come. mode: who may read a new one."""
    target, number = Path(os.path.realpath(path)), _open_number(path)
    if number is not None and target.is_file():
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()  # what was printed before comes before
        with os.fdopen(os.dup(number), 'wb') as file:
            fill(file)
        return
    if target.exists() and not target.is_file() and not target.is_dir():
        with open(target, 'wb') as file:
            fill(file)
        return
    beside = target.with_name(f'.{target.name}.{uuid.uuid4().hex}.new')
    try:
        with open(beside, 'xb', opener=lambda name, flags: os.open(name, flags, mode)) as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
