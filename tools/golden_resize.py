#!/usr/bin/env python3
"""What Pillow and transformers make of pictures of many sizes: tests/golden/resize.txt.

    python3 tools/golden_resize.py          (packages: tools/requirements.txt)

A line a case: width height shortest-edge crop crc32, the checksum of the prepared bytes [crop, crop, 3].
The source pixels come from a generator that tests/c/test_resize.c has as well.
"""
import os
import random
import zlib

import numpy as np
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil


def source(width, height, seed):
    """x' = 1664525 x + 1013904223 mod 2^32; a byte is its top 8 bits, or 0/255 in every third picture."""
    n = width * height * 3
    state, out = seed, np.empty(n, dtype=np.uint8)
    for i in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (255 if state >> 31 else 0) if seed % 3 == 0 else state >> 24
    return out.reshape(height, width, 3)


def main():
    rng = random.Random(20)
    cases = [(1, 1, 96, 96), (1, 900, 32, 32), (900, 1, 32, 32), (224, 224, 224, 224), (96, 97, 96, 96), (50, 50, 20, 64), (300, 20, 96, 200)]
    while len(cases) < 230:
        w, h = rng.choice([(rng.randint(1, 160), rng.randint(1, 160)), (rng.randint(100, 500), rng.randint(10, 60)),
                           (rng.randint(10, 60), rng.randint(100, 500)), (rng.randint(200, 400), rng.randint(200, 400))])
        size = rng.choice([30, 64, 96, 112, 224])
        cases.append((w, h, size, rng.choice([size, size, size + 9, max(1, size - 13)])))
    path = os.path.join(os.path.dirname(__file__), '..', 'tests', 'golden', 'resize.txt')
    with open(path, 'w') as f:
        for seed, (w, h, size, crop) in enumerate(cases):
            ip = CLIPImageProcessorPil(size={'shortest_edge': size}, crop_size={'height': crop, 'width': crop})
            out = ip(Image.fromarray(source(w, h, seed)), return_tensors='np', do_rescale=False, do_normalize=False)
            out = np.ascontiguousarray(np.moveaxis(out['pixel_values'][0], 0, -1)).astype(np.uint8)
            f.write(f'{w} {h} {size} {crop} {zlib.crc32(out.tobytes()):08x}\n')


main()
