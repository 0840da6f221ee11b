#!/usr/bin/env python3
"""Step 7, evaluation:  evaluate.py RAW DATA OUT MODEL [--beside FOLDER] [--no-engine] [--report models/kin-everyday/EVAL.md]

Judges MODEL (a float open_clip folder) on pictures and words kept out of training: in PyTorch (f32) and, after
`kin convert`, by Kin's own engine (q8). --beside adds a folder that `kin convert` wrote, by the engine too. The
ImageNet network that the image tower began as says what an ImageNet photo would show.
"""
import argparse
import csv
import glob
import hashlib
import io
import json
import os
import random
import subprocess
import tarfile
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from model import SIZE
from prepare import read_photo
from sources import CLOTHES, PHOTO_SETS, Sources, drawing_held_out, with_article

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def white(path):
    im = Image.open(path).convert('RGBA')
    return Image.alpha_composite(Image.new('RGBA', im.size, (255,) * 4), im).convert('RGB')


def changed(im, how):
    w, h = im.size
    if how == 'rotation':
        return im.rotate(20, Image.BICUBIC, fillcolor=(255, 255, 255))
    if how == 'brightness':
        return ImageEnhance.Brightness(im).enhance(.6)
    if how == 'crop':
        return im.crop((w // 8, h // 8, w - w // 8, h - h // 8))
    if how == 'text':       # the name of another thing written over it
        im = im.copy()
        side = max(14, w // 6)
        ImageDraw.Draw(im).text((w // 2, h // 2), 'PIZZA', fill=(0, 0, 0), font_size=side, anchor='mm',
                                stroke_width=max(2, side // 8), stroke_fill=(255, 255, 255))
        return im


def copied(im, rng):
    """A part of a photo, 0.45 to 0.9 of its sides, perhaps mirrored, a little turned, in other light and colour."""
    (w, h), k = im.size, rng.uniform(.45, .9)
    x, y = rng.uniform(0, w * (1 - k)), rng.uniform(0, h * (1 - k))
    im = im.crop((int(x), int(y), int(x + w * k), int(y + h * k)))
    im = ImageOps.mirror(im) if rng.random() < .5 else im
    im = ImageEnhance.Brightness(im.rotate(rng.uniform(-12, 12))).enhance(rng.uniform(.6, 1.4))
    return ImageEnhance.Color(im).enhance(rng.uniform(.6, 1.4))


class Sets:
    """Every picture that is judged, as PIL images, and what is known of it."""

    def __init__(self, source):
        self.pictures, self.labels, E = {}, {}, source.emoji
        add = lambda name, pairs: (self.pictures.__setitem__(name, [p for p, _ in pairs]),
                                   self.labels.__setitem__(name, [x for _, x in pairs]))
        renders = source.emoji_pictures('fluent')
        add('renders', [(white(f), c) for c, f in renders.items()])
        for style in ('google', 'twitter', 'openmoji'):
            add(style, [(white(f), c) for c, f in source.emoji_pictures(style).items()
                        if c in renders and c in E and (style == 'openmoji' or drawing_held_out(c))])
        for set_ in PHOTO_SETS:
            rows = list(source.photos(set_))
            add(set_, [(read_photo(r, source.data), r) for r in rows if r['split'] == 'val'])
            if set_ == 'grocery':
                add('clean', [(read_photo(r, source.data), r) for r in rows if r['kind'] == 'iconic'])
        stamps = []
        for f in sorted(glob.glob(f'{source.raw}/stamps/**/*.png', recursive=True)):
            if os.path.exists(f[:-4] + '.txt'):
                with open(f[:-4] + '.txt', encoding='utf-8', errors='replace') as text:
                    stamps.append((white(f), text.readline().strip().rstrip('.').lower()))
        add('stamps', stamps)
        clean = self.pictures['clean']
        for how in ('rotation', 'brightness', 'crop'):
            add(f'clean, {how}', [(changed(im, how), i) for i, im in enumerate(clean)])
        photos = [p for s in ('clothing', 'grocery', 'caltech101') for p in self.pictures[s]]
        photos, rng = photos[::len(photos) // 600][:600], random.Random(1)
        add('photos', [(p, '') for p in photos])
        add('photos, changed', [(copied(p, rng), '') for p in photos])
        scene = [p for p in self.pictures['caltech101'][::20]]
        pasted = []
        for i, f in enumerate(renders.values()):
            cut = Image.open(f).convert('RGBA').resize((160, 160))
            over = ImageOps.fit(scene[i % len(scene)], (220, 220)).convert('RGBA')
            over.alpha_composite(cut, (30, 30))
            pasted.append((over.convert('RGB'), i))
        add('renders, background', pasted)
        add('shop', list(self.shop(source.data)))
        joined = [i for i, r in enumerate(self.labels['caltech101']) if r['joined']]
        add('text', [(changed(self.pictures['caltech101'][i], 'text'), self.labels['caltech101'][i])
                     for i in range(0, len(self.labels['caltech101']), 4)])
        add('joined', [(self.pictures['caltech101'][i], self.labels['caltech101'][i]) for i in joined])

    @staticmethod
    def shop(data):
        """1,500 products of the 27 types that have 100 and more, by hash. For measuring only."""
        with open(f'{data}/shop.csv', encoding='utf-8') as f:
            rows = list(csv.DictReader(f))
        count = {}
        for r in rows:
            count[r['type']] = count.get(r['type'], 0) + 1
        rows = [r for r in rows if count[r['type']] >= 100]
        rows.sort(key=lambda r: hashlib.sha256(r['file'].encode()).digest())
        with tarfile.open(f'{data}/shop.tar') as tar:
            for r in rows[:1500]:
                yield Image.open(io.BytesIO(tar.extractfile(r['file']).read())).convert('RGB'), \
                    dict(r, thing=f'shop {r["type"]}')


def f32(folder):
    import open_clip
    name = f'local-dir:{os.path.abspath(folder)}'
    model, prepare = open_clip.create_model_from_pretrained(name)
    model, tokenize = model.eval(), open_clip.get_tokenizer(name)
    # The image tower runs in OpenVINO, in f32: half the time.
    import openvino
    tower = openvino.convert_model(model.visual, example_input=torch.zeros(2, 3, SIZE, SIZE))
    tower = openvino.Core().compile_model(tower, 'CPU', dict(INFERENCE_PRECISION_HINT='f32', INFERENCE_NUM_THREADS=2))

    def images(pictures):
        out = []
        for i in range(0, len(pictures), 32):
            x = torch.stack([prepare(p) for p in pictures[i:i + 32]])
            out.append(torch.from_numpy(tower({0: x.numpy()})[0].copy()))
        return F.normalize(torch.cat(out), dim=1)

    def texts(words):
        with torch.inference_mode():
            return torch.cat([model.encode_text(tokenize(words[i:i + 256]), normalize=True)
                              for i in range(0, len(words), 256)])
    return images, texts


def imagenet_probabilities(out, labels):
    """What the network with its ImageNet weights sees in held-out photos, from the features that prepare.py kept."""
    with open(f'{out}/records.json', encoding='utf-8') as f:
        row = {(r['thing'], r['path']): i for i, r in enumerate(json.load(f)['records'])}
    features, classes = np.load(f'{out}/features-0.npy', mmap_mode='r'), np.load(f'{out}/classes.npz')
    f = torch.from_numpy(features[[row[r['thing'], r['path']] for r in labels]].astype('f4'))
    return F.linear(f, torch.from_numpy(classes['rows']), torch.from_numpy(classes['bias'])).softmax(1)


def converted(folder, work):
    """The folder in 8 bits, by Kin's own converter."""
    small = f'{work}/q8'
    subprocess.run(['node', f'{ROOT}/catalog/cli.js', 'convert', folder, '-o', small, '--quiet'], check=True)
    return small


def engine(small, work):
    """Kin's own engine, over files."""
    kin = ['node', f'{ROOT}/catalog/cli.js']

    def embed(arguments, **more):
        out = f'{work}/out.npy'
        subprocess.run([*kin, 'embed', '--model', small, '--format', 'npy', '-o', out, '--quiet', *arguments],
                       check=True, **more)
        return F.normalize(torch.from_numpy(np.load(out)).float(), dim=1)

    def images(pictures):
        out = []
        for i in range(0, len(pictures), 500):
            names = []
            for j, p in enumerate(pictures[i:i + 500]):
                names.append(f'{work}/{j}.png')
                p.save(names[-1], compress_level=1)
            out.append(embed(names))
        return torch.cat(out)

    def texts(words):
        return embed(['--text', '-'], input='\n'.join(json.dumps(w) for w in words), text=True)
    return images, texts


def at(similarity, right, k):
    return 100 * torch.gather(right, 1, similarity.topk(k, 1).indices).any(1).float().mean().item()


def figures(sets, source, probable, images, texts):
    """name of a line -> value in per cent. probable: a set's name -> ImageNet probabilities of its pictures."""
    L = sets.labels
    V = {name: images(p) for name, p in sets.pictures.items() if name not in ('joined',)}
    joined = [i for i, r in enumerate(L['caltech101']) if r['joined']]
    V['joined'] = V['caltech101'][joined]
    equal = lambda a, b: torch.tensor([[x == y for y in b] for x in a])
    out, photo_of = {}, lambda n: f'a photo of {with_article(n)}'
    for style, name in (('google', 'Noto'), ('twitter', 'Twemoji'), ('openmoji', 'OpenMoji')):
        right, s = equal(L[style], L['renders']), V[style] @ V['renders'].T
        for k in (1, 10):
            out[f'{name} drawing → its render, R@{k}'] = at(s, right, k)

    def zero_shot(name, key, names, say=lambda n: n):
        seen = V[name] if name in V else None
        right = equal([key(r) for r in L[name]], names)
        return at(seen @ texts([photo_of(say(n).lower()) for n in names]).T, right, 1)

    def same_kind(name):
        kinds = [r['thing'] for r in L[name]]
        s = (V[name] @ V[name].T).fill_diagonal_(-9)
        return 100 * torch.gather(equal(kinds, kinds).float(), 1, s.topk(10, 1).indices).mean().item()
    label = lambda r: r['thing'].split(' ', 1)[1]
    kinds = lambda name, key: sorted({key(r) for r in L[name]})
    out['clothing, kind by name (17)'] = zero_shot('clothing', label, kinds('clothing', label),
                                                   lambda n: CLOTHES.get(n, n))
    out['clothing, same kind in the 10 nearest'] = same_kind('clothing')
    out['Caltech 101, kind by name (94)'] = zero_shot('caltech101', label, kinds('caltech101', label))
    out['Caltech 101, same kind in the 10 nearest'] = same_kind('caltech101')
    out['grocery, kind by name (81)'] = zero_shot('grocery', label, kinds('clean', label))
    coarse = lambda r: r['tags'][0]
    out['grocery, coarse kind by name (43)'] = zero_shot('grocery', coarse, kinds('clean', coarse))
    right = equal([r['thing'] for r in L['grocery']], [r['thing'] for r in L['clean']])
    for k in (1, 10):
        out[f'grocery photo → its clean picture, R@{k}'] = at(V['grocery'] @ V['clean'].T, right, k)
    right = torch.tensor([[c in r['joined'] for c in L['renders']] for r in (L['caltech101'][i] for i in joined)])
    for k in (1, 10):
        out[f'Caltech photo → render of such a thing, R@{k}'] = at(V['joined'] @ V['renders'].T, right, k)
    captions = L['stamps']
    out['caption → Tux Paint stamp, R@10'] = at(texts(captions) @ V['stamps'].T,
                                               equal(captions, captions), 10)
    names = [source.emoji.get(c, dict(label=c))['label'] for c in L['renders']]
    strip = lambda c: c.removeprefix('an ').removeprefix('a ').removeprefix('the ')
    same = equal([strip(c) for c in captions], [n.lower() for n in names])
    known = same.any(1)
    out['Tux Paint stamp → render of that name, R@10'] = at(V['stamps'][known] @ V['renders'].T, same[known], 10)
    # Few words: each said in three ways, so that one more or less found does not count for 1.6 points.
    unseen = source.unseen_names()
    ways = ('{}', 'a photo of {}', 'a picture of {} on white')
    right = equal([c for _, c in unseen for _ in ways], L['renders'])
    said = texts([way.format(with_article(w)) for w, _ in unseen for way in ways])
    out['synonym never trained on → render, R@10'] = at(said @ V['renders'].T, right, 10)
    out |= imagenet(V, texts, source, L, probable)
    for how in ('rotation', 'brightness', 'crop'):
        v = V[f'clean, {how}']
        out[f'product under {how} → itself, R@1'] = at(v @ V['clean'].T, torch.eye(len(v)).bool(), 1)
    out['changed copy of a photo → itself, R@1 of 600'] = at(V['photos, changed'] @ V['photos'].T, torch.eye(len(V['photos'])).bool(), 1)
    place = L['renders, background']
    right = torch.zeros(len(place), len(L['renders'])).bool()
    right[torch.arange(len(place)), place] = True
    out['render on a photo background → itself, R@1'] = at(V['renders, background'] @ V['renders'].T, right, 1)
    waste = kinds('trashnet', lambda r: r['tags'][0])
    out['trashnet, kind by name (6)'] = zero_shot('trashnet', lambda r: r['tags'][0], waste)
    kinds_ = kinds('caltech101', label)
    t = texts([photo_of(n) for n in kinds_])
    right = equal([label(r) for r in L['text']], kinds_)
    out['Caltech kind with “PIZZA” written over it, by name'] = at(V['text'] @ t.T, right, 1)
    fooled = (V['text'] @ t.T).argmax(1) == kinds_.index('pizza')
    out['… taken for a pizza (less is better)'] = 100 * fooled.float().mean().item()
    return out | shop(V['shop'], L['shop'], texts)


def imagenet(V, texts, source, L, probable):
    """The 1,000 classes by name. Their photos are not at hand: held-out photos of which the network is sure stand for
    them, and Caltech's kinds that are called like a class."""
    classes, out = source.imagenet(), {}
    t = texts([f'a photo of {with_article(words[0])}' for _, words in classes])
    seen = torch.cat([V[s] for s in PHOTO_SETS])
    p = torch.cat([probable[s] for s in PHOTO_SETS])
    guess, first = (seen @ t.T).topk(5, 1).indices, p.argmax(1)
    sure = p.amax(1) > .5
    hit = guess == first[:, None]
    out['1,000 ImageNet names: photos the network is sure of, its first named first'] = 100 * hit[sure, 0].float().mean().item()
    out['… among the first 5'] = 100 * hit[sure].any(1).float().mean().item()
    out['1,000 ImageNet names: guess within the network’s 5, all held-out photos'] = \
        100 * (p.topk(5, 1).indices == guess[:, :1]).any(1).float().mean().item()
    out['… Caltech 101’s only'] = 100 * (probable['caltech101'].topk(5, 1).indices == (V['caltech101'] @ t.T).argmax(1)[:, None]) \
        .any(1).float().mean().item()
    called = {w: c for c, (_, words) in enumerate(classes) for w in words}
    rows = [(i, called[r['name']]) for i, r in enumerate(L['caltech101']) if r['name'] in called]
    g = (V['caltech101'][[i for i, _ in rows]] @ t.T).topk(5, 1).indices == torch.tensor([c for _, c in rows])[:, None]
    out[f'1,000 ImageNet names: Caltech photos of a class so called ({len(rows)}), top 1'] = 100 * g[:, 0].float().mean().item()
    out['… top 5'] = 100 * g.any(1).float().mean().item()
    known = set(first[sure].tolist())
    asked = [(w, c) for w, c in source.unseen_classes() if c in known]
    right = first[sure][None] == torch.tensor([c for _, c in asked])[:, None]
    s = texts([f'a photo of {with_article(w)}' for w, _ in asked]) @ seen[sure].T
    out[f'synonym of a class never trained on ({len(asked)}) → photo of it, R@10'] = at(s, right, 10)
    return out


# What the shop's types are called where the label is not a word for one.
TYPES = {'Tshirts': 't-shirt', 'Kurtas': 'kurta', 'Perfume and Body Mist': 'perfume', 'Casual Shoes': 'casual shoe',
         'Sports Shoes': 'sports shoe', 'Formal Shoes': 'formal shoe', 'Watches': 'watch', 'Dresses': 'dress',
         'Sarees': 'saree', 'Flats': 'flat shoe', 'Heels': 'high-heeled shoe', 'Briefs': 'briefs', 'Sunglasses': 'sunglasses',
         'Jeans': 'jeans', 'Trousers': 'trousers', 'Shorts': 'shorts'}


def shop(seen, rows, texts):
    types = sorted({r['type'] for r in rows})
    number = torch.tensor([types.index(r['type']) for r in rows])
    say = lambda n: TYPES.get(n, n.removesuffix('s')).lower()
    t = texts([f'a photo of {with_article(say(n))}' for n in types])
    near = (seen @ seen.T).fill_diagonal_(-9).topk(10, 1).indices
    titles = [r['title'] for r in rows]
    right = torch.tensor([[a == b for b in titles] for a in titles])
    return {f'shop, type by name ({len(types)})': 100 * ((seen @ t.T).argmax(1) == number).float().mean().item(),
            'shop, same type in the 10 nearest': 100 * (number[near] == number[:, None]).float().mean().item(),
            'shop, title → product in 10 of 1,500': at(texts(titles) @ seen.T, right, 10)}


def table(columns):
    head = list(columns)
    lines = ['| held-out task (%) | ' + ' | '.join(head) + ' |', '|---|' + '---|' * len(head)]
    for line in columns[head[0]]:
        values = [columns[h].get(line) for h in head]
        lines.append(f'| {line} | ' + ' | '.join('–' if v is None else f'{v:.1f}' for v in values) + ' |')
    return '\n'.join(lines)


def main():
    a = argparse.ArgumentParser()
    for name in ('raw', 'data', 'out', 'model'):
        a.add_argument(name)
    a.add_argument('--beside', help="a folder that `kin convert` wrote, to set beside it")
    a.add_argument('--no-engine', action='store_true', help='floats only')
    a.add_argument('--report', help='a markdown file whose table to replace')
    o = a.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    path, columns, figured, loaded = f'{o.out}/figures.json', {}, {}, []
    if os.path.exists(path):
        with open(path, encoding='utf-8') as f:
            figured = json.load(f)

    def judge(pair):
        if not loaded:
            source = Sources(o.raw, o.data)
            sets = Sets(source)
            loaded.extend([sets, source, {s: imagenet_probabilities(o.out, sets.labels[s]) for s in PHOTO_SETS}])
        return figures(*loaded, *pair)

    def column(title, how, file, compute):
        """Figures of weights judged before are kept, by the weights' hash."""
        with open(file, 'rb') as f:
            key = f'{how} {hashlib.sha256(f.read()).hexdigest()}'
        if key not in figured:
            figured[key] = compute()
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(figured, f, ensure_ascii=False)
        columns[title] = figured[key]
        print(title, 'judged', flush=True)

    def by_engine(folder, convert):
        with tempfile.TemporaryDirectory() as work:
            return judge(engine(converted(folder, work) if convert else folder, work))
    weights = f'{o.model}/open_clip_model.safetensors'
    column('f32', 'f32', weights, lambda: judge(f32(o.model)))
    if not o.no_engine:
        column('q8', 'q8', weights, lambda: by_engine(o.model, True))
    if o.beside:
        column(f'{os.path.basename(o.beside)}, q8', 'q8', f'{o.beside}/image.safetensors', lambda: by_engine(o.beside, False))
    text = table(columns)
    if 'q8' in columns:
        gap = max(abs(columns['f32'][k] - columns['q8'][k]) for k in columns['f32'])
        text += f'\n\nLargest difference of q8 from f32: {gap:.1f} points.'
    print(text)
    if o.report:
        with open(o.report, encoding='utf-8') as f:
            before, _, rest = f.read().partition('<!-- table -->\n')
        after = rest.partition('<!-- end of table -->\n')[2]
        with open(o.report, 'w', encoding='utf-8') as f:
            f.write(f'{before}<!-- table -->\n{text}\n<!-- end of table -->\n{after}')


if __name__ == '__main__':
    main()
