#!/usr/bin/env python3
"""What Pillow and transformers make of pictures of many sizes: tests/golden/resize.txt.

    python3 tools/golden_resize.py          (packages: tools/requirements.txt)

A line a case, the checksum being that of the prepared bytes [out_h, out_w, 3]:
`width height seed  x y w h pad  resize shortest fixed_h fixed_w  crop crop_h crop_w  resample
out_h out_w crc32`. The picture is made from its seed, as in tests/c/test_resize.c. Boxes are cut out here,
in a way of its own; the reference then sees the cut-out.
"""
import math
import os
import random
import zlib

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessorPil


def source(width, height, seed):
    """Byte i is a hash of i and the seed; in every third picture only 0 and 255."""
    x = np.arange(width * height * 3, dtype=np.uint64) * 2654435761 + seed * 40503
    x = (x & 0xFFFFFFFF).astype(np.uint32)
    x ^= x >> np.uint32(15)
    x = (x.astype(np.uint64) * 2246822519 & 0xFFFFFFFF).astype(np.uint32)
    x ^= x >> np.uint32(13)
    out = (x & 255).astype(np.uint8)
    return (np.where(out > 127, 255, 0).astype(np.uint8) if seed % 3 == 0 else out).reshape(height, width, 3)


def region(width, height, box, pad):
    """left, top, right, bottom in whole pixels: outward, clipped, at least one, a square for pad."""
    x, y, w, h = box

    def side(start, extent, size):
        first = min(max(math.floor(round(start * size, 6)), 0), size - 1)
        last = max(min(math.ceil(round((start + extent) * size, 6)), size), first + 1)
        return first, last
    left, right = side(x, w, width)
    top, bottom = side(y, h, height)
    if pad:
        edge = max(right - left, bottom - top)
        left -= (edge - (right - left)) // 2
        top -= (edge - (bottom - top)) // 2
        right, bottom = left + edge, top + edge
    return left, top, right, bottom


def cut_out(array, left, top, right, bottom):
    height, width = array.shape[:2]
    out = np.full((bottom - top, right - left, 3), 255, np.uint8)
    y0, y1, x0, x1 = max(top, 0), min(bottom, height), max(left, 0), min(right, width)
    out[y0 - top:y1 - top, x0 - left:x1 - left] = array[y0:y1, x0:x1]
    return out


def resize_case(width, height, seed, box=(0, 0, 1, 1), pad=0, shortest=0, fixed=(0, 0), crop=None, resample=3):
    part = cut_out(source(width, height, seed), *region(width, height, box, pad))
    resize = bool(shortest or fixed[0])
    processor = CLIPImageProcessorPil(
        do_resize=resize, size={'shortest_edge': shortest} if shortest else {'height': fixed[0] or 1, 'width': fixed[1] or 1},
        resample=resample, do_center_crop=crop is not None, do_rescale=False, do_normalize=False,
        crop_size={'height': crop[0], 'width': crop[1]} if crop else {'height': 1, 'width': 1})
    out = np.asarray(processor(Image.fromarray(part), return_tensors='np')['pixel_values'][0]).transpose(1, 2, 0)
    out = np.ascontiguousarray(out.astype(np.uint8))
    crop_h, crop_w = crop or (0, 0)
    return (f'{width} {height} {seed}  {box[0]!r} {box[1]!r} {box[2]!r} {box[3]!r} {pad}  '
            f'{int(resize)} {shortest} {fixed[0]} {fixed[1]}  {int(crop is not None)} {crop_h} {crop_w}  {resample} '
            f'{out.shape[0]} {out.shape[1]} {zlib.crc32(out.tobytes())}\n')


def resizes():
    rng = random.Random(20)
    length = lambda most: max(1, int(math.exp(rng.uniform(0, math.log(most)))))
    lines = []
    for seed in range(100):  # as models ask for it
        edge = rng.choice((16, 24, 32, 57, 64))
        lines.append(resize_case(length(700), length(700), seed, shortest=edge, crop=(edge, edge)))
    for seed in range(100, 180):  # any size to any size
        lines.append(resize_case(length(400), length(400), seed, fixed=(length(120), length(120)), resample=rng.choice((2, 3, 3))))
    for seed in range(180, 240):  # boxes, padding, crops larger and smaller than the picture
        box = (rng.uniform(-.1, .9), rng.uniform(-.1, .9), rng.uniform(.01, .8), rng.uniform(.01, .8))
        lines.append(resize_case(length(500), length(500), seed, box, seed & 1, shortest=rng.randint(8, 40),
                                 crop=(rng.randint(4, 48), rng.randint(4, 48))))
    for seed in range(240, 270):  # no resize: crop and zeros around
        lines.append(resize_case(rng.randint(1, 30), rng.randint(1, 30), seed, crop=(rng.randint(1, 30), rng.randint(1, 30))))
    for number, (width, height) in enumerate((
            (1, 1), (1, 16000), (16000, 1), (2, 9000), (9000, 3), (32, 32), (32, 33), (33, 32), (31, 32), (64, 32), (3, 4000))):
        lines.append(resize_case(width, height, 300 + number, shortest=32, crop=(32, 32)))
    lines.append(resize_case(1600, 1200, 319, shortest=224, crop=(224, 224)))
    lines.append(resize_case(10, 10, 320, (0.1, 0.3, 0.2, 0.6), shortest=7, crop=(7, 7)))  # 0.1 + 0.2 > 0.3
    lines.append(resize_case(10, 10, 321, (0.999, 0.999, 0.0001, 0.0001), shortest=7, crop=(7, 7)))
    lines.append(resize_case(10, 10, 322, (2, -3, 1, 1), shortest=7, crop=(7, 7)))
    lines.append(resize_case(60, 20, 323, (0, 0, 1, 1), 1, shortest=7, crop=(7, 7)))
    lines.append(resize_case(20, 60, 324, (0.5, 0.9, 0.5, 0.1), 1, shortest=9, crop=(9, 9)))
    lines.append(resize_case(40, 30, 325, fixed=(30, 40)))
    lines.append(resize_case(40, 30, 326))
    with open(os.path.join(os.path.dirname(__file__), '..', 'tests', 'golden', 'resize.txt'), 'w') as f:
        f.writelines(lines)


resizes()
