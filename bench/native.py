#!/usr/bin/env python3
"""Native contenders in one process: a line of JSON in, a line of JSON out.

    {"open": "ort" | "torch", "folder": ..., "tower": "image" | "text", "dtype": "fp32" | "int8"} -> {"id": n}
    {"open": "pipeline", "folder": ..., "pictures": ..., "batch": b} -> {"id": n, "vectors": [...]}: the folder's JPEG files, made
                                                      where there are none, by transformers, Pillow and torch
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


class Pipeline:
    """Files to embeddings as transformers' documentation has it, `batch` files a run."""

    def __init__(self, folder, pictures, batch):
        import pathlib
        import PIL.Image
        from transformers import CLIPModel
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
        from make_models import pictures as draw
        where = pathlib.Path(pictures)
        for i, scene in enumerate(draw(1000, batch, seed=5) if not any(where.glob('*.jpg')) else []):
            PIL.Image.fromarray(scene).save(where / f'{i:02}.jpg', quality=88, subsampling='4:2:0')
        self.open, self.paths, self.batch = PIL.Image.open, sorted(where.glob('*.jpg')), batch
        self.model, self.processor = CLIPModel.from_pretrained(folder).eval(), CLIPImageProcessorPil.from_pretrained(folder)

    def __call__(self, paths):
        with torch.inference_mode():
            vectors = self.model.get_image_features(**self.processor([self.open(path) for path in paths], return_tensors='pt'))
        vectors = getattr(vectors, 'pooler_output', vectors)
        return (vectors / vectors.norm(dim=-1, keepdim=True)).numpy()

    def batches(self):
        return [self.paths[i:i + self.batch] for i in range(0, len(self.paths), self.batch)]


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def main():
    contenders = []
    for line in sys.stdin:
        ask = json.loads(line)
        if ask.get('open') == 'pipeline':
            pipeline = Pipeline(ask['folder'], ask['pictures'], ask['batch'])
            vectors = pipeline(pipeline.paths)
            contenders.append((pipeline, pipeline.batches(), vectors))
            answer = {'id': len(contenders) - 1, 'vectors': vectors.tolist()}
        elif 'open' in ask:
            with open(f'{ask["folder"]}/reference.json') as f:
                reference = json.load(f)
            contenders.append((opened(ask['open'], ask['folder'], ask['tower'], ask.get('dtype')),
                               inputs(ask['folder'], ask['tower'], reference), np.array(reference[ask['tower']])))
            answer = {'id': len(contenders) - 1, 'ort': ort.__version__, 'torch': torch.__version__}
        elif 'check' in ask:
            run, given, wanted = contenders[ask['check']]
            made = [y for x in given for y in run(x)]
            answer = min(cosine(x.astype(float), y) for x, y in zip(made, wanted))
        else:
            run, given, _ = contenders[ask['time']]
            answer, end = [], time.perf_counter() + ask['warm'] / 1e3
            while time.perf_counter() < end:
                run(given[0])
            end = time.perf_counter() + ask['budget'] / 1e3
            while len(answer) < ask['least'] or time.perf_counter() < end:
                files = isinstance(run, Pipeline)
                x = given[0 if not files and given[0].dtype == np.int64 else len(answer) % len(given)]
                start = time.perf_counter()
                run(x)
                answer.append((time.perf_counter() - start) * 1e3 / (len(x) if files else 1))
        print(json.dumps(answer), flush=True)


main()
