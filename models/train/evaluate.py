#!/usr/bin/env python3
"""Step 4, evaluation:  evaluate.py RAW DATA OUT MODEL [--first FOLDER] [--report models/EVAL.md]

Judges MODEL (a float CLIP folder) on pictures and words kept out of training: in PyTorch (f32) and, after
`kin convert`, by Kin's own engine (q8). A third column judges the teacher, EfficientNet-Lite2 with its
weights frozen, through a linear map learned from the training pictures; --first adds another model's f32.
"""
import argparse
import glob
import hashlib
import json
import os
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from prepare import SEEN, read_photo, sentences, teacher, whole
from sources import CLOTHES, Sources, drawing_held_out, with_article

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
        for set_ in ('clothing', 'grocery', 'caltech101'):
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
        scene = [p for p in self.pictures['caltech101'][::20]]
        pasted = []
        for i, f in enumerate(renders.values()):
            cut = Image.open(f).convert('RGBA').resize((160, 160))
            over = ImageOps.fit(scene[i % len(scene)], (220, 220)).convert('RGBA')
            over.alpha_composite(cut, (30, 30))
            pasted.append((over.convert('RGB'), i))
        add('renders, background', pasted)
        joined = [i for i, r in enumerate(self.labels['caltech101']) if r['joined']]
        add('text', [(changed(self.pictures['caltech101'][i], 'text'), self.labels['caltech101'][i])
                     for i in range(0, len(self.labels['caltech101']), 4)])
        add('joined', [(self.pictures['caltech101'][i], self.labels['caltech101'][i]) for i in joined])


def f32(folder):
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer, processor = CLIPTokenizer.from_pretrained(folder), CLIPImageProcessorPil.from_pretrained(folder)

    def images(pictures):
        out = []
        for i in range(0, len(pictures), 64):
            x = np.concatenate([processor([p], return_tensors='np')['pixel_values'] for p in pictures[i:i + 64]])
            with torch.inference_mode():
                out.append(model.visual_projection(model.vision_model(torch.from_numpy(x)).pooler_output))
        return F.normalize(torch.cat(out), dim=1)

    def texts(words):
        out = []
        for i in range(0, len(words), 256):
            x = tokenizer(words[i:i + 256], padding=True, truncation=True, max_length=32, return_tensors='pt')
            with torch.inference_mode():
                out.append(model.text_projection(model.text_model(**x).pooler_output))
        return F.normalize(torch.cat(out), dim=1)
    return images, texts


def q8(folder, work):
    """The same folder in 8 bits by Kin's own converter and engine, over files."""
    kin = ['node', f'{ROOT}/catalog/cli.js']
    small = f'{work}/q8'
    subprocess.run([*kin, 'convert', folder, '-o', small, '--quiet'], check=True)

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


def yardstick(raw, out):
    """Frozen teacher features; a ridge regression from them to MiniLM stands for the text side."""
    run = teacher(raw)
    with open(f'{out}/data.json', encoding='utf-8') as f:
        records = json.load(f)['records']
    feature, sentence = np.load(f'{out}/features.npy').astype('f4'), np.load(f'{out}/sentences.npy')
    train = [r for r in records if r['split'] == 'train']
    x = F.normalize(torch.from_numpy(feature[[r['picture'] for r in train]]), dim=1)
    y = torch.from_numpy(sentence[[r['captions'][1] for r in train]].astype('f4'))
    x1 = torch.cat([x, torch.ones(len(x), 1)], 1)
    # One weight a set, so that 8,000 drawings do not drown the photos.
    count = {k: sum(r['kind'] == k for r in train) for k in {r['kind'] for r in train}}
    weight = torch.tensor([1 / count[r['kind']] for r in train])[:, None] * len(train) / len(count)
    to_text = torch.linalg.solve((x1 * weight).T @ x1 + 1. * torch.eye(x1.shape[1]), (x1 * weight).T @ y)

    def images(pictures):
        parts = []
        for i in range(0, len(pictures), 32):
            maps = run(np.stack([whole(p)[0](SEEN) for p in pictures[i:i + 32]]))[0]
            parts.append(torch.from_numpy(maps.mean((1, 2))))
        return F.normalize(torch.cat(parts), dim=1)

    def texts(words):
        return torch.from_numpy(sentences(raw, words).astype('f4'))
    project = lambda v: F.normalize(torch.cat([v, torch.ones(len(v), 1)], 1) @ to_text, dim=1)
    return images, texts, project


def at(similarity, right, k):
    return 100 * torch.gather(right, 1, similarity.topk(k, 1).indices).any(1).float().mean().item()


def figures(sets, source, unseen, images, texts, project=lambda v: v, teacher_top=None, imagenet=()):
    """name of a line -> (what it is measured on, value in per cent)."""
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
        return at(project(seen) @ texts([photo_of(say(n).lower()) for n in names]).T, right, 1)

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
    out['caption → Tux Paint stamp, R@10'] = at(texts(captions) @ project(V['stamps']).T,
                                               equal(captions, captions), 10)
    names = [source.emoji.get(c, dict(label=c))['label'] for c in L['renders']]
    strip = lambda c: c.removeprefix('an ').removeprefix('a ').removeprefix('the ')
    same = equal([strip(c) for c in captions], [n.lower() for n in names])
    known = same.any(1)
    out['Tux Paint stamp → render of that name, R@10'] = at(V['stamps'][known] @ V['renders'].T, same[known], 10)
    # 64 words: each said in three ways, so that one more or less found does not count for 1.6 points.
    ways = ('{}', 'a photo of {}', 'a picture of {} on white')
    right = equal([c for _, c in unseen for _ in ways], L['renders'])
    said = texts([way.format(with_article(w)) for w, _ in unseen for way in ways])
    out['synonym never trained on → render, R@10'] = at(said @ project(V['renders']).T, right, 10)
    if teacher_top is not None:
        guess = (project(V['caltech101']) @ texts([photo_of(n) for n in imagenet]).T).argmax(1)
        out['guess among 1,000 ImageNet names within the teacher’s 5'] = \
            100 * (teacher_top == guess[:, None]).any(1).float().mean().item()
    for how in ('rotation', 'brightness', 'crop'):
        v = V[f'clean, {how}']
        out[f'product under {how} → itself, R@1'] = at(v @ V['clean'].T, torch.eye(len(v)).bool(), 1)
    place = L['renders, background']
    right = torch.zeros(len(place), len(L['renders'])).bool()
    right[torch.arange(len(place)), place] = True
    out['render on a photo background → itself, R@1'] = at(V['renders, background'] @ V['renders'].T, right, 1)
    kinds_ = kinds('caltech101', label)
    t = texts([photo_of(n) for n in kinds_])
    right = equal([label(r) for r in L['text']], kinds_)
    out['Caltech kind with “PIZZA” written over it, by name'] = at(project(V['text']) @ t.T, right, 1)
    fooled = (project(V['text']) @ t.T).argmax(1) == kinds_.index('pizza')
    out['… taken for a pizza (less is better)'] = 100 * fooled.float().mean().item()
    return out


def linear_probe(out):
    """Kinds named by logistic regression on the frozen features, instead of by text."""
    with open(f'{out}/data.json', encoding='utf-8') as f:
        records = json.load(f)['records']
    feature, result = np.load(f'{out}/features.npy').astype('f4'), {}
    lines = (('clothing', ('clothing',), lambda r: r['thing'], 'clothing, kind by name (17)'),
             ('caltech101', ('caltech',), lambda r: r['thing'], 'Caltech 101, kind by name (94)'),
             ('grocery', ('grocery', 'iconic'), lambda r: r['thing'], 'grocery, kind by name (81)'),
             ('grocery', ('grocery', 'iconic'), lambda r: r['tags'][0], 'grocery, coarse kind by name (43)'))
    for name, kinds, key, line in lines:
        train = [r for r in records if r['kind'] in kinds and r['split'] == 'train']
        names = sorted({key(r) for r in train})
        number = {n: i for i, n in enumerate(names)}
        x = torch.from_numpy(feature[[r['picture'] for r in train]])
        y = torch.tensor([number[key(r)] for r in train])
        mean, std = x.mean(0), x.std(0) + 1e-2
        probe = torch.nn.Linear(x.shape[1], len(names))
        optimiser = torch.optim.AdamW(probe.parameters(), lr=2e-3, weight_decay=.05)
        for _ in range(200):
            optimiser.zero_grad()
            F.cross_entropy(probe((x - mean) / std), y).backward()
            optimiser.step()
        held = [r for r in records if r['kind'] in kinds and r['split'] == 'val']
        v = torch.from_numpy(feature[[r['picture'] for r in held]])
        guess = probe((v - mean) / std).argmax(1)
        result[line] = 100 * (guess == torch.tensor([number[key(r)] for r in held])).float().mean().item()
    return result


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
    a.add_argument('--first', help='another CLIP folder to set beside it')
    a.add_argument('--report', help='a markdown file whose table to replace')
    a.add_argument('--no-teacher', action='store_true')
    o = a.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    source = Sources(o.raw, o.data)
    sets = Sets(source)
    with open(f'{o.out}/data.json', encoding='utf-8') as f:
        known = json.load(f)
    unseen = source.unseen_names(set(known['texts']))
    imagenet = [known['texts'][i] for i in known['imagenet'][0]]
    held = [r for r in known['records'] if r['kind'] == 'caltech' and r['split'] == 'val']
    top = torch.from_numpy(np.load(f'{o.out}/classes.npy')[[r['picture'] for r in held]].astype('f4')).topk(5).indices
    judge = lambda pair, **k: figures(sets, source, unseen, *pair, teacher_top=top, imagenet=imagenet, **k)
    path, columns = f'{o.out}/figures.json', {}
    figured = {}
    if os.path.exists(path):
        with open(path, encoding='utf-8') as f:
            figured = json.load(f)

    def column(title, file, compute):
        """Figures of weights judged before are kept, by the weights' hash."""
        with open(file, 'rb') as f:
            key = f'{title.split(", ")[-1]} {hashlib.sha256(f.read()).hexdigest()}'
        if key not in figured:
            figured[key] = compute()
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(figured, f, ensure_ascii=False)
        columns[title] = figured[key]
        print(title, 'judged', flush=True)

    def judge_q8():
        with tempfile.TemporaryDirectory() as work:
            return judge(q8(o.model, work))

    def judge_teacher():
        images, texts, project = yardstick(o.raw, o.out)
        return judge((images, texts), project=project) | linear_probe(o.out)
    column('f32', f'{o.model}/model.safetensors', lambda: judge(f32(o.model)))
    column('q8', f'{o.model}/model.safetensors', judge_q8)
    if o.first:
        column('first cut, f32', f'{o.first}/model.safetensors', lambda: judge(f32(o.first)))
    if not o.no_teacher:
        column('teacher + linear map', f'{o.out}/features.npy', judge_teacher)
    text = table(columns)
    print(text)
    gap = max(abs(columns['f32'][k] - columns['q8'][k]) for k in columns['f32'])
    print(f'largest difference of q8 from f32: {gap:.1f} points; {len(unseen)} unseen synonyms')
    if o.report:
        with open(o.report, encoding='utf-8') as f:
            before, _, rest = f.read().partition('<!-- table -->\n')
        after = rest.partition('<!-- end of table -->\n')[2]
        with open(o.report, 'w', encoding='utf-8') as f:
            f.write(f'{before}<!-- table -->\n{text}\n\nLargest difference of q8 from f32: {gap:.1f} points.\n'
                    f'<!-- end of table -->\n{after}')


if __name__ == '__main__':
    main()
