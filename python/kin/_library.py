"""libkin.so by ctypes: its functions' types, and its statuses as KinError. src/kin.h says what each does."""
from __future__ import annotations

import ctypes
import json
import math
import operator
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int8, c_size_t, c_uint8, c_uint32, c_void_p
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray


class KinError(Exception):
    """What Kin refuses. `code` is one of docs/api.md, such as 'not-a-model' or 'truncated-image'; the text says how to mend it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message.encode('utf-8', 'backslashreplace').decode())  # names of files need not be Unicode, logs are
        self.code = code

    def __reduce__(self) -> tuple[type[KinError], tuple[str, str]]:
        return KinError, (self.code, str(self))


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

def _open() -> ctypes.CDLL:
    path = os.environ.get('KIN_LIBRARY') or str(Path(__file__).with_name('libkin.so'))
    try:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in _TYPES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:  # not a library; another one, or of another release
        raise ImportError(f'libkin.so cannot be loaded from {path} ({error}): install the package with pip install ./python, '
                          'or name a library that make native built in KIN_LIBRARY.') from None
    return library


lib = _open()


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


class Owned:
    """A pointer of the engine's, for its functions to take; given back when nobody holds it any more, so that a call in another
    thread keeps it. kept: what has to be there as long. In a forked process it is not given back: helper threads, which that
    waits for, stayed behind."""

    def __init__(self, at: int, give_back: Callable[[int], object], *kept: object) -> None:
        self._as_parameter_, self._give_back, self._kept, self._process = at, give_back, kept, os.getpid()

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        if self._process == getpid():
            self._give_back(self._as_parameter_)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("What kin has open is this process' own and cannot be copied or sent to another: open it there.")


class ErrorPlace:
    """A kin_error, for the functions that fill one."""

    def __init__(self) -> None:
        at = lib.kin_error_new()
        if not at:
            raise out_of_memory('an error')
        self.at = Owned(at, lib.kin_free)

    def error(self) -> KinError:
        return KinError(FACTS['statuses'][lib.kin_error_struct_status(self.at)], text(lib.kin_error_struct_text(self.at)))

    def check(self, status: int) -> bool:
        """True where there is more to do."""
        if status not in (OK, MORE):
            raise self.error()
        return bool(status == MORE)


# --- what callers give -------------------------------------------------------------------------------

def path_of(path: Any, what: str) -> str:
    """KinError 'unreadable' for what no file is called."""
    try:
        name = os.fsdecode(path)
        possible = name and b'\0' not in os.fsencode(name)
    except TypeError:
        raise KinError('bad-argument', f'{what} is a path, not {type(path).__name__}.') from None
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise KinError('unreadable', f'{what} is a path, not {name!r}: no file can be called so.')
    return name


@contextmanager
def reading(path: Any, what: str) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file and its size: a pipe or a device would hold us, or fill the memory, for ever. KinError 'unreadable'."""
    name = path_of(path, what)
    try:
        with open(name, 'rb', opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise OSError(0, 'it is not a regular file')
            yield file, about.st_size
    except OSError as error:
        raise KinError('unreadable', f'{name} cannot be read ({error.strerror}).') from error


def chosen(value: Any, choices: Mapping[str, int], what: str) -> int:
    if not isinstance(value, str) or value not in choices:
        raise KinError('bad-argument', f"{what} is {' or '.join(map(repr, choices))}, not {value!r}.")
    return choices[value]


def whole(value: Any, low: int, high: int, what: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if not low <= number <= high:
        raise KinError('bad-argument', f'{what} is a whole number from {low} to {high}, not {value!r}.')
    return number


def floats(value: Any, what: str) -> NDArray[np.float32]:
    """Numbers as the engine takes them; what float32 cannot hold is infinite."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in 'iufO':
            raise TypeError(f'they are of the type {given.dtype}')
        with np.errstate(over='ignore'):
            return np.asarray(given, np.float32, order='C')
    except (TypeError, ValueError, OverflowError) as error:
        raise KinError('bad-argument', f'{what}: these are no numbers ({error}).') from None


def unit(vector: Any, dim: int, what: str) -> NDArray[np.float32]:
    """A query as a page makes it: scaled to unit length in double, twice, and rounded once. KinError for another shape,
    and for what is zero or not finite."""
    values = floats(vector, what)
    if values.shape != (dim,):
        raise KinError('bad-argument', f'{what} has the shape {list(values.shape)}, not [{dim}].')

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
