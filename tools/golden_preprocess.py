#!/usr/bin/env python3
"""What CLIPImageProcessor makes of preprocessor_config.json files: tests/golden/preprocess.jsonl.

    python3 tools/golden_preprocess.py      (packages: tools/requirements.txt)

A line a file: `config`, its text as JSON; `shapes`, the heights and widths of what the processor gives for
pictures of 30 x 20 and of 20 x 50 (width first); `resample`; `black` and `white`, the three channels of a
pixel of either colour.
"""
import json
import os
import random
import tempfile

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessorPil

HERE = os.path.join(os.path.dirname(__file__), '..')
CONFIGS = [
    {},
    {'size': 40},
    {'size': {'shortest_edge': 40}, 'crop_size': 32},
    {'size': {'height': 16, 'width': 24}, 'do_center_crop': False},
    {'size': {'height': 16, 'width': 24}, 'crop_size': {'height': 8, 'width': 12}},
    {'size': [16, 24], 'do_center_crop': False},  # lists, as older files have them
    {'size': [64, 64], 'crop_size': 64},
    {'size': 80, 'crop_size': [64, 64]},
    {'size': [16, 24], 'crop_size': [8, 12]},
    {'size': None, 'do_resize': False, 'crop_size': 9},
    {'crop_size': {'height': 50, 'width': 60}, 'size': 17},
    {'do_resize': False, 'do_center_crop': False},
    {'do_resize': False, 'size': {'height': 16, 'width': 24}},
    {'do_center_crop': False},
    {'do_rescale': False},
    {'do_normalize': False},
    {'do_rescale': False, 'do_normalize': False, 'rescale_factor': 0.5},
    {'rescale_factor': 0.00784313725490196, 'image_mean': [1, 1, 1], 'image_std': [1, 1, 1]},
    {'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.25, 0.125]},
    {'image_mean': [-0.1, 0, 1e-3], 'image_std': [2, 3.5e1, 0.001]},
    {'resample': 2},
    {'resample': 3.0, 'feature_extractor_type': 'CLIPFeatureExtractor', 'do_convert_rgb': True},
    json.load(open(os.path.join(HERE, 'tests', 'models', 'kin-small', 'preprocessor_config.json'))),
]


def some(rng):
    side = lambda: rng.randint(1, 64)
    pair = lambda: {'height': side(), 'width': side()}
    three = lambda low, high: [round(rng.uniform(low, high), rng.randint(1, 8)) for _ in range(3)]
    every = {
        'do_resize': lambda: rng.random() < .7, 'do_center_crop': lambda: rng.random() < .7,
        'do_rescale': lambda: rng.random() < .7, 'do_normalize': lambda: rng.random() < .7,
        'size': lambda: rng.choice((side, pair, lambda: {'shortest_edge': side()}))(),
        'crop_size': lambda: rng.choice((side, pair))(), 'resample': lambda: rng.choice((2, 3)),
        'rescale_factor': lambda: rng.choice((1 / 255, 1 / 127.5, 1, 0.1)),
        'image_mean': lambda: three(-1, 1), 'image_std': lambda: three(0.1, 2),
    }
    keys = list(every)
    rng.shuffle(keys)
    return {key: every[key]() for key in keys if rng.random() < .6}


def line(config):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'preprocessor_config.json'), 'w') as f:
            json.dump(config, f)
        processor = CLIPImageProcessorPil.from_pretrained(folder)
    run = lambda width, height, value: processor(
        Image.fromarray(np.full((height, width, 3), value, np.uint8)), return_tensors='np')['pixel_values'][0]
    black, white = run(30, 20, 0), run(30, 20, 255)
    middle = lambda out: [float(v) for v in out[:, out.shape[1] // 2, out.shape[2] // 2]]
    return json.dumps({'config': config, 'shapes': [list(white.shape[1:]), list(run(20, 50, 0).shape[1:])],
                       'resample': int(processor.resample), 'black': middle(black), 'white': middle(white)}) + '\n'


def main():
    rng = random.Random(1)
    with open(os.path.join(HERE, 'tests', 'golden', 'preprocess.jsonl'), 'w') as f:
        f.writelines(line(config) for config in CONFIGS + [some(rng) for _ in range(40)])


main()
