"""libkin.so by ctypes: its functions' types, and its statuses as KinError. src/kin.h says what each does."""
from __future__ import annotations

import ctypes
import json
import math
import os
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int8, c_size_t, c_uint8, c_uint32, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class KinError(Exception):
    """What Kin refuses. `code` is one of docs/api.md, such as 'not-a-model' or 'truncated-image'; the text says how to mend it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[KinError], tuple[str, str]]:
        return KinError, (self.code, str(self))


def _open() -> ctypes.CDLL:
    path = os.environ.get('KIN_LIBRARY') or str(Path(__file__).with_name('libkin.so'))
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f'libkin.so cannot be loaded from {path} ({error}): install the package with pip install ./python, '
                          'or name a library that make native built in KIN_LIBRARY.') from None


_TYPES: dict[str, tuple[Any, list[Any]]] = {
    'kin_facts': (c_size_t, [c_void_p, c_size_t]),
    'kin_open': (c_void_p, []),
    'kin_close': (None, [c_void_p]),
    'kin_error_text': (c_char_p, [c_void_p]),
    'kin_kernels_exact': (c_int, [c_int]),
    'kin_kernels_name': (c_char_p, [c_int]),
    'kin_free': (None, [c_void_p]),
    'kin_identify': (c_int, [c_void_p, c_int]),
    'kin_info': (c_char_p, [c_void_p]),
    'kin_image_decode': (c_int, [c_void_p, c_char_p, c_size_t]),
    'kin_image_raw': (c_int, [c_void_p, c_void_p, c_int, c_int, c_int, c_void_p, c_size_t]),
    'kin_image_prepare': (c_int, [c_void_p, c_double, c_double, c_double, c_double, c_int]),
    'kin_image_begin': (c_int, [c_void_p]),
    'kin_tokenize': (c_int, [c_void_p, c_char_p, c_size_t]),
    'kin_text_add': (c_int, [c_void_p]),
    'kin_text_begin': (c_int, [c_void_p]),
    'kin_step': (c_int, [c_void_p]),
    'kin_embedding': (POINTER(c_float), [c_void_p]),
    'kin_rows': (c_int, [c_void_p]),
    'kin_columns': (c_int, [c_void_p]),
    'kin_use_pool': (None, [c_void_p, c_void_p]),
    'kin_model_open': (c_int, [c_void_p, c_char_p, c_void_p]),
    'kin_model_load': (c_int, [c_void_p, c_char_p, c_int, c_int, c_void_p]),
    'kin_team_open': (c_void_p, [c_int]),
    'kin_team_pool': (c_void_p, [c_void_p]),
    'kin_team_close': (None, [c_void_p]),
    'kin_catalog_open': (c_void_p, [c_void_p, c_size_t, c_void_p]),
    'kin_catalog_close': (None, [c_void_p]),
    'kin_catalog_info': (c_char_p, [c_void_p]),
    'kin_catalog_tensor': (c_void_p, [c_void_p, c_char_p, POINTER(c_size_t)]),
    'kin_catalog_search': (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_float, c_float, c_int, c_void_p, c_void_p, c_int,
                                   POINTER(c_uint32)]),
    'kin_catalog_confidence': (None, [c_void_p, c_void_p, c_void_p, c_void_p, c_int, c_void_p]),
    'kin_catalog_vector': (None, [c_void_p, c_uint32, c_void_p]),
    'kin_quantise_vector': (c_int, [c_void_p, c_int, POINTER(c_int8), POINTER(c_float), c_void_p]),
    'kin_writer_begin': (c_void_p, [c_int, c_char_p, c_size_t, c_void_p]),
    'kin_writer_add': (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, c_uint32, c_void_p]),
    'kin_writer_null': (c_int, [c_void_p, c_void_p, c_int, c_void_p]),
    'kin_writer_end': (c_int, [c_void_p, c_void_p]),
    'kin_writer_bytes': (c_size_t, [c_void_p]),
    'kin_writer_take': (c_size_t, [c_void_p, POINTER(c_uint8), c_size_t]),
    'kin_writer_close': (None, [c_void_p]),
    'kin_error_new': (c_void_p, []),
    'kin_error_struct_text': (c_char_p, [c_void_p]),
    'kin_error_struct_status': (c_int, [c_void_p]),
}

lib = _open()
for _name, (_result, _arguments) in _TYPES.items():
    _function = getattr(lib, _name)
    _function.restype = _result
    _function.argtypes = _arguments


def _read_facts() -> dict[str, Any]:
    n = lib.kin_facts(None, 0)
    room = ctypes.create_string_buffer(n)
    lib.kin_facts(room, n)
    facts: dict[str, Any] = json.loads(room.value)
    return facts


FACTS = _read_facts()
OK, MORE = (FACTS['statuses'].index(name) for name in ('ok', 'more'))


def text(value: bytes) -> str:
    return value.decode('utf-8', 'replace')


def utf8(value: Any, what: str) -> bytes:
    """A text for the engine. Half of a surrogate pair is U+FFFD, as in JavaScript."""
    if not isinstance(value, str):
        raise KinError('bad-argument', f'{what} is a str, not {type(value).__name__}.')
    return value.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace').encode()


def out_of_memory(what: str) -> KinError:
    return KinError('out-of-memory', f'Not enough memory for {what}.')


class ErrorPlace:
    """A kin_error, for the functions that fill one."""

    def __init__(self) -> None:
        self.at: int | None = lib.kin_error_new()
        if not self.at:
            raise out_of_memory('an error')

    def error(self) -> KinError:
        return KinError(FACTS['statuses'][lib.kin_error_struct_status(self.at)], text(lib.kin_error_struct_text(self.at)))

    def check(self, status: int) -> bool:
        """True where there is more to do."""
        if status not in (OK, MORE):
            raise self.error()
        return bool(status == MORE)

    def __del__(self) -> None:
        if getattr(self, 'at', None) and lib is not None:
            lib.kin_free(self.at)


def unit(vector: Any, dim: int, what: str) -> NDArray[np.float32]:
    """A query as a page makes it: scaled to unit length in double, twice, and rounded once. KinError for another shape,
    and for what is zero or not finite."""
    values = np.ascontiguousarray(vector, dtype=np.float32)
    if values.shape != (dim,):
        raise KinError('bad-argument', f'{what} has the shape {values.shape}, not ({dim},).')

    def scaled(given: NDArray[np.float64]) -> NDArray[np.float64]:
        length = math.sqrt(np.add.accumulate(given * given)[-1])
        if not math.isfinite(length) or length == 0:
            raise KinError('bad-argument', f'{what} is zero or not finite.')
        return given / length
    return scaled(scaled(values.astype(np.float64))).astype(np.float32)


def kernels() -> list[str]:
    """Names of the integer kernels that run on this machine, the one that is taken first."""
    names, i = [], 0
    while (exact := lib.kin_kernels_exact(i)) >= 0:
        if exact:
            names.append(text(lib.kin_kernels_name(i)))
        i += 1
    return names
