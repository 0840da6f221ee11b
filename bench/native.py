#!/usr/bin/env python3
"""Native contenders in one process: a line of JSON in, a line of JSON out.

    {"open": "ort" | "torch", "folder": ..., "tower": "image" | "text", "dtype": "fp32" | "int8"} -> {"id": n}
    {"check": n}                                   -> the worst cosine to the reference
    {"time": n, "budget": ms, "least": runs, "warm": ms} -> [ms, ...]
One thread each, as the table's single-threaded columns ask.
"""
import json
import sys
import time

import numpy as np
import onnxruntime as ort
import torch

import modules

torch.set_num_threads(1)
FILES = {'image': 'vision_model', 'text': 'text_model'}


def inputs(folder, tower, reference):
    if tower == 'text':
        return [np.array([ids], dtype=np.int64) for ids in reference['ids']]
    size = reference['size']
    pixels = np.fromfile(f'{folder}/pixels.bin', dtype=np.uint8).reshape(-1, size, size, 3)
    x = (pixels.astype(np.float32) / 255 - np.float32(reference['mean'])) / np.float32(reference['std'])
    return [np.ascontiguousarray(one.transpose(2, 0, 1))[None].astype(np.float32) for one in x]


def opened(engine, folder, tower, dtype):
    if engine == 'ort':
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = f'{folder}/onnx/{FILES[tower]}{"_quantized" if dtype == "int8" else ""}.onnx'
        session = ort.InferenceSession(path, options, providers=['CPUExecutionProvider'])
        name = session.get_inputs()[0].name
        return lambda x: session.run(None, {name: x})[0]
    model = modules.tower(folder, tower)

    def run(x):
        with torch.inference_mode():
            return model(torch.from_numpy(x)).numpy()
    return run


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def main():
    contenders = []
    for line in sys.stdin:
        ask = json.loads(line)
        if 'open' in ask:
            with open(f'{ask["folder"]}/reference.json') as f:
                reference = json.load(f)
            contenders.append((opened(ask['open'], ask['folder'], ask['tower'], ask.get('dtype')),
                               inputs(ask['folder'], ask['tower'], reference), np.array(reference[ask['tower']])))
            answer = {'id': len(contenders) - 1, 'ort': ort.__version__, 'torch': torch.__version__}
        elif 'check' in ask:
            run, given, wanted = contenders[ask['check']]
            answer = min(cosine(run(x)[0].astype(float), y) for x, y in zip(given, wanted))
        else:
            run, given, _ = contenders[ask['time']]
            answer, end = [], time.perf_counter() + ask['warm'] / 1e3
            while time.perf_counter() < end:
                run(given[0])
            end = time.perf_counter() + ask['budget'] / 1e3
            while len(answer) < ask['least'] or time.perf_counter() < end:
                x = given[0 if given[0].dtype == np.int64 else len(answer) % len(given)]
                start = time.perf_counter()
                run(x)
                answer.append((time.perf_counter() - start) * 1e3)
        print(json.dumps(answer), flush=True)


main()
