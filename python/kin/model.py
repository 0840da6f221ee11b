"""A model's folder, and what it makes of pictures and texts."""
from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from ctypes import c_void_p
from typing import Any, Literal, TypedDict, TypeVar, Union, overload

import numpy as np
from numpy.typing import NDArray

from ._library import FACTS, MORE, OK, ErrorPlace, KinError, Owned, chosen, lib, out_of_memory, path_of, reading, text, utf8, whole

Image = Union[bytes, bytearray, memoryview, str, 'os.PathLike[str]', NDArray[np.uint8]]
Vector = NDArray[np.float32]
T = TypeVar('T')
_TOWERS, _FITS, _DTYPES, _LIMITS = FACTS['towers'], FACTS['fits'], FACTS['dtypes'], FACTS['limits']


class ModelInfo(TypedDict):
    """`ids`: SHA-256 by which catalogues know the towers, '' for one that has not been used. `image_size` in pixels."""
    folder: str
    family: str
    dtype: str
    dim: int
    image_size: int
    numerics: int
    kernels: str
    threads: int
    preprocess: str
    ids: dict[str, str]


class Model:
    """A CLIP model: a Hugging Face or open_clip folder, or one of `npx kin-clip convert`.

    folder: its path.
    dtype: 'q8' (8-bit weights; those of floats are rounded) or 'f32'; a converted q8 folder has no 'f32'.
    threads: 1 to 16, for one picture at a time. For many pictures as many processes of one thread each do more.

    A tower is loaded when it is first needed. One call runs at a time; others wait. A model does not survive a fork where
    it has more than one thread, or is at work in one: open it in the child.

    Raises KinError: 'not-a-model', 'unsupported', 'bad-argument', 'out-of-memory'.
    """

    def __init__(self, folder: str | os.PathLike[str], dtype: Literal['q8', 'f32'] = 'q8', threads: int = 1) -> None:
        self._ctx: Owned | None = None
        chosen(dtype, _DTYPES, 'dtype')
        self._folder, self._dtype, self._threads = path_of(folder, 'folder'), dtype, whole(threads, 1, _LIMITS['threads'], 'threads')
        self._lock = threading.RLock()
        self._left_behind = False
        self._loaded: set[str] = set()
        self._error = ErrorPlace()
        team = None
        if self._threads > 1:
            opened = lib.kin_team_open(self._threads)
            if not opened:
                raise out_of_memory(f'{threads} threads')
            team = Owned(opened, lib.kin_team_close)
        at = lib.kin_open()
        if not at:
            raise out_of_memory('a model')
        self._ctx = Owned(at, lib.kin_close, team)  # which goes before its team
        _opened.add(self)
        if team:
            lib.kin_use_pool(self._ctx, lib.kin_team_pool(team))
        self._error.check(lib.kin_model_open(self._ctx, os.fsencode(self._folder), self._error.at))

    def close(self) -> None:
        """Gives the memory back; later calls raise. Also by `with`."""
        with self._lock:
            self._ctx = None

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dim(self) -> int:
        """Numbers of an embedding."""
        return self.info['dim']

    @property
    def info(self) -> ModelInfo:
        """What the model is; see ModelInfo."""
        with self._lock:
            about = self._about()
        sides = {tower: about[tower] or {} for tower in ('image', 'text')}
        first = sides['image'] or sides['text']
        return {'folder': self._folder, 'family': about['family'], 'dtype': self._dtype, 'dim': first['dim'],
                'image_size': sides['image'].get('imageSize', 0), 'numerics': about['numerics'], 'kernels': about['kernels'],
                'threads': self._threads, 'preprocess': sides['image'].get('preprocess', ''),
                'ids': {tower: side.get('id', '') for tower, side in sides.items()}}

    def identify(self, tower: Literal['image', 'text']) -> str:
        """The SHA-256 by which catalogues know a tower, as 64 hex digits."""
        number = chosen(tower, _TOWERS, 'A tower')
        with self._lock:
            self._with(tower)
            self._check(lib.kin_identify(self._ctx, number))
            return str(self._about()[tower]['id'])

    @overload
    def embed_images(self, images: Sequence[Image], *, fit: Literal['crop', 'pad'] = 'crop',
                     errors: Literal['raise'] = 'raise') -> Vector: ...
    @overload
    def embed_images(self, images: Sequence[Image], *, fit: Literal['crop', 'pad'] = 'crop',
                     errors: Literal['return']) -> list[Vector | KinError]: ...

    def embed_images(self, images: Sequence[Image], *, fit: Literal['crop', 'pad'] = 'crop',
                     errors: Literal['raise', 'return'] = 'raise') -> Vector | list[Vector | KinError]:
        """Embeds pictures.

        images: each the bytes of a JPEG or PNG file, a path, or pixels: uint8 [height, width, 3] (RGB) or
            [height, width, 4] (RGBA, laid over white).
        fit: 'crop' takes the centre of a picture, 'pad' all of it, grown to a square with white.
        errors: 'raise' stops at the first picture that fails; 'return' puts its KinError in its place.

        Returns float32 [len(images), dim], rows of unit length; with errors='return' a list of float32 [dim] and KinError.
        Raises KinError: 'unsupported-image', 'bad-image', 'truncated-image', 'too-large', 'unreadable' (a path), 'bad-argument'.
        """
        way = chosen(fit, _FITS, 'fit')
        if isinstance(images, (str, bytes, bytearray, memoryview, os.PathLike)) or isinstance(images, np.ndarray) and images.ndim in (2, 3):
            raise KinError('bad-argument', 'embed_images takes a list of pictures: put the one into [ ].')

        def one(image: Image) -> Vector:
            self._hold(image)
            self._check(lib.kin_image_prepare(self._ctx, 0, 0, 1, 1, way))
            return self._run(lib.kin_image_begin)
        return self._each('image', images, one, errors)

    @overload
    def embed_texts(self, texts: Sequence[str], *, errors: Literal['raise'] = 'raise') -> Vector: ...
    @overload
    def embed_texts(self, texts: Sequence[str], *, errors: Literal['return']) -> list[Vector | KinError]: ...

    def embed_texts(self, texts: Sequence[str], *, errors: Literal['raise', 'return'] = 'raise') -> Vector | list[Vector | KinError]:
        """Embeds texts, cut to the model's context. Returns and raises as embed_images ('too-large': over 1 MB of text)."""
        if isinstance(texts, (str, bytes)):
            raise KinError('bad-argument', 'embed_texts takes a list of texts: put the one into [ ].')

        def one(words: str) -> Vector:
            given = utf8(words, 'A text')
            lib.kin_text_begin(self._ctx)  # takes a text away that a call left there which was interrupted (Ctrl-C)
            self._check(lib.kin_tokenize(self._ctx, given, len(given)))
            self._check(lib.kin_text_add(self._ctx))
            return self._run(lib.kin_text_begin)
        return self._each('text', texts, one, errors)

    def _forked(self) -> None:
        """In the child: what a thread that is not here has in hand is of no use any more, nor is its lock."""
        if self._threads > 1 or not self._lock.acquire(blocking=False):
            self._left_behind, self._ctx = True, None
        self._lock = threading.RLock()

    # --- within the lock --------------------------------------------------------------------------

    def _about(self) -> dict[str, Any]:
        self._usable()
        about: dict[str, Any] = json.loads(lib.kin_info(self._ctx))
        if about is None:
            raise out_of_memory("the model's description")
        return about

    def _usable(self) -> None:
        if self._left_behind:
            raise KinError('bad-argument', 'The model has threads, or was at work in one, which stayed behind when this process was forked: open it here.')
        if self._ctx is None:
            raise KinError('closed', 'The model is closed: open it again.')

    def _check(self, status: int) -> None:
        if status != OK:
            raise KinError(FACTS['statuses'][status], text(lib.kin_error_text(self._ctx)))

    def _with(self, tower: str) -> None:
        self._usable()
        if tower in self._loaded:
            return
        self._error.check(lib.kin_model_load(self._ctx, os.fsencode(self._folder), _TOWERS[tower], _DTYPES[self._dtype], self._error.at))
        self._loaded.add(tower)

    def _run(self, begin: Callable[[Owned | None], int]) -> Vector:
        self._check(begin(self._ctx))
        while (status := lib.kin_step(self._ctx)) == MORE:
            pass
        self._check(status)
        n = lib.kin_columns(self._ctx)
        return np.ctypeslib.as_array(lib.kin_embedding(self._ctx), (n,)).astype(np.float32, copy=True)

    def _each(self, tower: str, given: Sequence[T], one: Callable[[T], Vector], errors: str) -> Vector | list[Vector | KinError]:
        if errors not in ('raise', 'return'):
            raise KinError('bad-argument', f"errors is 'raise' or 'return', not {errors!r}.")
        try:
            values = iter(given)
        except TypeError:
            raise KinError('bad-argument', f'embed_{tower}s takes a list, not {type(given).__name__}.') from None
        results: list[Vector | KinError] = []
        with self._lock:
            self._with(tower)
            for value in values:
                self._usable()  # which whoever gives the values may have changed
                try:
                    results.append(one(value))
                except KinError as error:
                    if errors == 'raise':
                        raise
                    results.append(error)
            if errors == 'return':
                return results
            vectors = [vector for vector in results if not isinstance(vector, KinError)]
            return np.stack(vectors) if vectors else np.empty((0, self.dim), np.float32)

    def _hold(self, image: Image) -> None:
        if isinstance(image, np.ndarray):
            self._hold_pixels(image)
            return
        if isinstance(image, (bytes, bytearray, memoryview)):
            given = bytes(image)
        elif isinstance(image, (str, os.PathLike)):
            given = read_picture(image)
        else:
            raise KinError('bad-argument', f'A picture is bytes, a path or an array of uint8, not {type(image).__name__}'
                           "; of Pillow's: np.asarray(image.convert('RGB')).")
        check_size(len(given), 'The picture')
        self._check(lib.kin_image_decode(self._ctx, given, len(given)))

    def _hold_pixels(self, pixels: NDArray[Any]) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape \
                or max(pixels.shape) >= 2 ** 31:
            raise KinError('bad-argument', f'Pixels are uint8 [height, width, 3 or 4], not {pixels.dtype} {list(pixels.shape)}.')
        tight = np.ascontiguousarray(pixels)
        height, width, channels = tight.shape
        self._check(lib.kin_image_raw(self._ctx, tight.ctypes.data_as(c_void_p), width, height, channels, None, 0))


_opened: weakref.WeakSet[Model] = weakref.WeakSet()


def _after_fork() -> None:
    for model in list(_opened):
        model._forked()


os.register_at_fork(after_in_child=_after_fork)


def check_size(n: int, what: str) -> None:
    if n > _LIMITS['pictureBytes']:
        raise KinError('too-large', f"{what} is larger than {_LIMITS['pictureBytes'] >> 20} MiB.")


def read_picture(path: str | os.PathLike[str]) -> bytes:
    with reading(path, 'A picture') as (file, size):
        check_size(size, os.fspath(path))
        return file.read(size)
