"""Rows of pictures in the form that `npx kin-clip build` keeps of a build that was stopped (catalog/lib/journal.js):

    record = u32 n | u32 CRC-32 of the payload | payload of n bytes, little-endian; a payload begins with its type
      1 head  JSON of what all rows depend on
      2 row   SHA-256 of the picture's bytes | u8 n | the decoder's name, n bytes | i8 row[dim]
      3 seen  JSON: what an address gave
"""
from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ._library import KinError, utf8
from .model import Model

HEAD, ROW, SEEN = 1, 2, 3
_MOST = 64 << 20  # bytes of a record


def about(model: Model, fit: str) -> dict[str, Any]:
    """What all rows of a journal depend on, in its head's order."""
    info = model.info
    return {'format': 1, 'image_id': model.identify('image'), 'numerics': info['numerics'], 'fit': fit, 'decode': 'exact', 'dim': info['dim']}


def _json(value: object) -> bytes:
    return utf8(json.dumps(value, ensure_ascii=False, separators=(',', ':')), 'JSON')


def record(payload: bytes) -> bytes:
    return struct.pack('<II', len(payload), zlib.crc32(payload)) + payload


def head(facts: dict[str, Any]) -> bytes:
    return record(bytes([HEAD]) + _json(facts))


def row(digest: bytes, decoder: str, values: NDArray[np.int8]) -> bytes:
    name = decoder.encode('latin-1')
    return record(bytes([ROW]) + digest + bytes([len(name)]) + name + values.tobytes())


def seen(ref: str, digest: bytes, at: int) -> bytes:
    """at: milliseconds since 1970."""
    return record(bytes([SEEN]) + _json({'ref': ref, 'hash': digest.hex(), 'version': None, 'url': None, 'etag': None, 'modified': None, 'at': at}))


def records(path: str | PathLike[str]) -> Iterator[bytes]:
    """The payloads of a file, each whole: KinError 'unreadable' otherwise."""
    with open(path, 'rb') as file:
        while start := file.read(8):
            yield _payload(file, start, path)


def _payload(file: BinaryIO, start: bytes, path: object) -> bytes:
    n, crc = struct.unpack('<II', start) if len(start) == 8 else (0, 0)
    payload = file.read(n) if 0 < n <= _MOST else b''
    if len(payload) != n or not n or zlib.crc32(payload) != crc:
        raise KinError('unreadable', f'{path} is damaged: run the job again, it writes its parts anew.')
    return payload
