#!/usr/bin/env python3
"""Step 1, pictures:  prepare.py RAW DATA OUT  (RAW as fetch.sh leaves it, DATA with the photo sets).

Writes into OUT, a row a picture to train on or to judge by:
    pictures.npy     uint8 [n, 4, 192, 192]      whole photos squeezed to a square; cut-outs, colours times alpha
    maps-0.npy       float16 [n, 192, 7, 7]      what the body's lower part says of the picture, seen as a shop shows it
    features-0.npy   float16 [n, 1280]           the body's pooled features of it
    classes.npz                                  the ImageNet classifier's rows and bias
    records.json                                 what is known of each picture, and how far it went:
                                                 a stopped run goes on there

views.py adds maps and features of changed views, with numbers from 1 on.
"""
import io
import json
import os
import sys
import tarfile
import time
from multiprocessing import Pool

import numpy as np
from PIL import Image

from colours import colour_of
from model import FEATURES, MAP, SIZE
from sources import Sources

KEEP = 192                  # side of a stored picture
WIDEST = 1.6                # longer photos lose their ends
TARS = dict(clothing='clothing', grocery='grocery', iconic='grocery', caltech='caltech101', trashnet='trashnet')
Image.MAX_IMAGE_PIXELS = 20_000_000     # twice as many are refused: a few drawings would take seconds each
archives = {}


def middle(photo):
    """Pixels of a photo's middle, mostly of the thing, as bright as if the photo's light parts were white."""
    light = np.percentile(photo[::4, ::4].max(2), 95)
    some = photo[KEEP // 4:-KEEP // 4:4, KEEP // 4:-KEEP // 4:4].reshape(-1, 3)
    return (some * min(1.7, 245 / max(light, 1))).clip(0, 255).astype('u1')


def squeezed(im):
    """A photo without the ends that make it longer than WIDEST, squeezed to a square, and its width / height."""
    w, h = im.size
    long = min(max(w, h), int(min(w, h) * WIDEST))
    dx, dy = max(0, w - long) / 2, max(0, h - long) / 2
    box = (dx, dy, w - dx, h - dy)
    return np.asarray(im.resize((KEEP, KEEP), Image.BICUBIC, box=box)), (w - 2 * dx) / (h - 2 * dy)


def as_shown(im):
    """As the model's own preprocessing cuts it, [SIZE, SIZE, 3]."""
    w, h = im.size
    k = SIZE / min(w, h)
    im = im.resize((max(SIZE, int(w * k)), max(SIZE, int(h * k))), Image.BICUBIC)
    x, y = round((im.width - SIZE) / 2), round((im.height - SIZE) / 2)
    return np.asarray(im.crop((x, y, x + SIZE, y + SIZE)))


def read_photo(r, data):
    name = TARS[r['kind']]
    if name not in archives:
        archives[name] = tarfile.open(f'{data}/{name}.tar')
    return Image.open(io.BytesIO(archives[name].extractfile(r['path']).read())).convert('RGB')


def square(path):
    """A cut-out in a transparent square."""
    im = Image.open(path).convert('RGBA')
    im.thumbnail((256, 256), Image.BICUBIC)
    side = max(im.size)
    out = Image.new('RGBA', (side, side), (255, 255, 255, 0))
    out.paste(im, ((side - im.width) // 2, (side - im.height) // 2))
    return out


def load(r, data):
    """-> the stored picture [4, KEEP, KEEP], what is shown [SIZE, SIZE, 3], width / height, a colour's name."""
    if r['kind'] in TARS:
        im = read_photo(r, data)
        cut, shape = squeezed(im)
        small = np.full((4, KEEP, KEEP), 255, 'u1')
        small[:3] = cut.transpose(2, 0, 1)
        return small, as_shown(im), shape, colour_of(middle(cut))
    try:
        im = square(r['path'])
    except (OSError, Image.DecompressionBombError):      # a few drawings are broken or enormous
        return None
    small = np.asarray(im.resize((KEEP, KEEP), Image.BICUBIC))
    if (small[..., 3] > 30).mean() < .02:
        return None
    white = Image.alpha_composite(Image.new('RGBA', im.size, (255,) * 4), im)
    stored = small.transpose(2, 0, 1).copy()
    stored[:3] = (stored[:3].astype('u2') * stored[3] + 127) // 255
    return stored, as_shown(white.convert('RGB')), 1., colour_of(small[small[..., 3] > 200][::4, :3])


def body(raw):
    """The body with its ImageNet weights in OpenVINO and bfloat16, four times as quick on a CPU as PyTorch:
    normalised pictures [n, 3, SIZE, SIZE] -> maps [n, 192, 7, 7], features [n, 1280]. One thread."""
    import openvino
    path = f'{raw}/body.xml'
    if not os.path.exists(path):
        import torch
        from model import begin_image, lower, new_model, upper
        model = new_model()
        begin_image(model, raw)

        class Both(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.trunk = model.visual.trunk

            def forward(self, x):
                m = lower(self.trunk, x)
                return m, upper(self.trunk, m)
        example = torch.zeros(2, 3, SIZE, SIZE)
        openvino.save_model(openvino.convert_model(Both().eval().requires_grad_(False), example_input=example), path,
                            compress_to_fp16=False)
    model = openvino.Core().compile_model(path, 'CPU', dict(
        INFERENCE_PRECISION_HINT='bf16', INFERENCE_NUM_THREADS=1, NUM_STREAMS=1))

    def run(x):
        y = model({0: np.ascontiguousarray(x)})
        return y[0], y[1]
    return run


def look(job):
    """In a worker: records -> for each that loads (picture, map, features, shape, colour)."""
    records, raw, data = job
    if 'body' not in archives:
        archives['body'] = body(raw)
    loaded = [load(r, data) for r in records]
    rows = [i for i, x in enumerate(loaded) if x]
    out = [None] * len(records)
    if rows:
        shown = np.stack([loaded[i][1] for i in rows]).transpose(0, 3, 1, 2)
        maps, features = archives['body']((shown.astype('f4') - 127) / 128)
        for k, i in enumerate(rows):
            out[i] = (loaded[i][0], maps[k].astype('f2'), features[k].astype('f2'), *loaded[i][2:])
    return out


def main():
    from model import imagenet_weights
    raw, data, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    _, rows, bias = imagenet_weights(raw)
    np.savez(f'{out}/classes.npz', rows=rows, bias=bias)
    body(raw)           # exported before the workers start
    jobs, last = list(Sources(raw, data).records()), time.time()
    at = f'{out}/records.json'
    done, records = 0, []
    if os.path.exists(at):
        with open(at, encoding='utf-8') as f:
            saved = json.load(f)
        done, records = saved['done'], saved['records']
    parts = [(jobs[i:i + 32], raw, data) for i in range(done, len(jobs), 32)]
    create = lambda name, kind, *shape: np.lib.format.open_memmap(
        f'{out}/{name}.npy', 'r+' if done else 'w+', kind, (len(jobs),) + shape)
    pictures = create('pictures', 'u1', 4, KEEP, KEEP)
    maps, features = create('maps-0', 'f2', *MAP), create('features-0', 'f2', FEATURES)

    def save():
        with open(at + '.part', 'w', encoding='utf-8') as f:
            json.dump(dict(done=done, records=records), f, ensure_ascii=False)
        os.replace(at + '.part', at)
    with Pool(2) as pool:
        for part, seen in zip(parts, pool.imap(look, parts)):
            for r, x in zip(part[0], seen):
                if x is None:
                    continue
                n = len(records)        # the files keep a few empty rows at their end
                pictures[n], maps[n], features[n] = x[:3]
                r.update(shape=x[3], colour=x[4])
                records.append(r)
            done += len(part[0])
            if time.time() - last > 30:
                last = time.time()
                save()
                print(len(records), 'of', len(jobs), 'pictures', flush=True)
    save()


if __name__ == '__main__':
    main()
