"""What training reads: pictures as the body sees them, and pictures of the ImageNet classes made of its rows."""
import glob
import json

import numpy as np
import torch
import torch.nn.functional as F

from colours import COLOURS

PHOTOS = ('clothing', 'grocery', 'iconic', 'caltech', 'trashnet')


def unit(x):
    return F.normalize(x, dim=-1)


def cross_entropy(logits, target):
    return -(target * logits.log_softmax(-1)).sum(-1)


class Texts:
    """texts.py's tables as tensors."""

    def __init__(self, out):
        with open(f'{out}/texts.json', encoding='utf-8') as f:
            d = json.load(f)
        self.texts, self.names, self.unseen = d['texts'], d['names'], d['unseen']
        self.number = {n: i for i, n in enumerate(self.names)}
        self.classes, self.class_emoji = torch.tensor(d['classes']), d['class_emoji']
        self.sentence, self.target = torch.tensor(d['sentence']), torch.tensor(d['target'])
        self.sentences = torch.from_numpy(np.load(f'{out}/sentences.npy').astype('f4'))
        self.name_sentences = self.sentences[d['name_sentence']]
        z = np.load(f'{out}/targets.npz')
        self.sure = torch.from_numpy(z['sure'])
        self.mixtures = torch.sparse_coo_tensor(np.stack([z['rows'], z['names']]), z['shares'],
                                                (len(self.sure), len(self.names))).coalesce()
        self.tokens = torch.from_numpy(np.load(f'{out}/tokens.npy').astype('i8'))


class Pictures:
    def __init__(self, out, texts):
        with open(f'{out}/records.json', encoding='utf-8') as f:
            self.records = json.load(f)['records']
        n = len(self.records)
        read = lambda name: np.load(f'{out}/{name}.npy', mmap_mode='r')[:n]
        views = sorted(int(p.split('-')[-1][:-4]) for p in glob.glob(f'{out}/features-*.npy'))
        self.maps = [read(f'maps-{k}') for k in views]
        self.features = torch.from_numpy(np.stack([read(f'features-{k}') for k in views]))
        self.there = self.features.abs().amax(2) > 0        # [views, n]: a view may be unfinished
        z = np.load(f'{out}/classes.npz')
        self.rows, self.bias = torch.from_numpy(z['rows']), torch.from_numpy(z['bias'])
        known = lambda t: texts.number.get(('flag of ' + t[6:] if t.startswith('flag: ') else t).lower())
        self.train = [i for i, r in enumerate(self.records) if r['split'] == 'train']
        self.by_kind = {}
        for i in self.train:
            self.by_kind.setdefault(self.records[i]['kind'], []).append(i)
        self.photos = [i for k in PHOTOS for i in self.by_kind.get(k, ())]
        # What a picture is called: its name, and with less weight its tags.
        self.called = []
        for r in self.records:
            tags = [t for t in (known(t) for t in r['tags'][:12]) if t is not None]
            name = known(r['name'])
            named = {name: 1.} if name is not None else {}
            for t in tags:
                named[t] = named.get(t, 0) + (.5 if r['kind'] in PHOTOS else 1.) / len(tags)
            self.called.append(named)
        self.colours = torch.tensor([texts.number[c] for c in COLOURS])
        self.colour = torch.tensor([COLOURS.index(r['colour']) if r['colour'] else -1 for r in self.records])
        codes = {}
        for i in self.by_kind['fluent']:
            codes.setdefault(self.records[i]['joined'][0], i)
        self.codes, self.renders = list(codes), list(codes.values())
        column = {c: k for k, c in enumerate(self.codes)}
        self.shows = [[column[c] for c in r['joined'] if c in column] for r in self.records]
        self.class_shows = [[column[c] for c in found if c in column] for found in texts.class_emoji]
        self.clean = self.by_kind.get('iconic', [])
        things = {}
        self.thing = torch.tensor([things.setdefault(r['thing'], len(things)) for r in self.records])
        # Each photo set's kinds, the narrow ones and the wide ones apart: (group, place in it) a photo.
        self.groups, self.in_group = {}, [[] for _ in self.records]
        for i in self.photos:
            r = self.records[i]
            set_ = r['thing'].split()[0]
            for group, text in ((set_, r['name']), (set_ + ' wide', (r['tags'] or [''])[0])):
                if text:
                    of = self.groups.setdefault(group, {})
                    self.in_group[i].append((group, of.setdefault(known(text), len(of))))
        self.groups = {g: torch.tensor(list(of)) for g, of in self.groups.items()}

    def multi_hot(self, lists, columns):
        out = torch.zeros(len(lists), columns)
        for k, where in enumerate(lists):
            out[k, where] = 1
        return out


class Shadows:
    """Pictures of the ImageNet classes without photos. A class's mean lies, from the mean of all, where the spread
    within kinds takes its row (as in Fisher's discriminant); real photos' differences within a kind, and other
    photos' surroundings, are laid over it. How far it lies is chosen so that the classifier is as sure as drawn."""

    def __init__(self, pictures):
        self.p = pictures
        f = pictures.features[0][pictures.photos].float()
        thing = pictures.thing[pictures.photos]
        order = thing.argsort()
        pairs = order[:-1][thing[order[:-1]] == thing[order[1:]]], order[1:][thing[order[:-1]] == thing[order[1:]]]
        self.photos, self.pairs = f, pairs
        off = f[pairs[0]] - f[pairs[1]]
        spread = off.T @ off / (2 * len(off))
        spread += .05 * spread.diagonal().mean() * torch.eye(len(spread))
        rows = pictures.rows - pictures.rows.mean(0)
        step = rows @ spread
        self.step = step / (rows * step).sum(1, keepdim=True).sqrt()
        self.step_scores = self.step @ pictures.rows.T
        self.mean = f.mean(0)

    def __call__(self, classes):
        n = len(classes)
        pick = lambda m: torch.randint(m, (n,))
        surround = self.photos[pick(len(self.photos))]
        k = pick(len(self.pairs[0]))
        noise = (self.photos[self.pairs[0][k]] - self.photos[self.pairs[1][k]]) * torch.empty(n, 1).uniform_(.4, .9)
        share = torch.empty(n, 1).uniform_(0, .5)
        base = self.mean * (1 - share) + surround * share + noise
        scores = base @ self.p.rows.T + self.p.bias
        far, want = torch.arange(2., 20., 1.), torch.empty(n, 1).uniform_(.2, 1)
        sure = torch.stack([(scores + d * self.step_scores[classes]).softmax(1).gather(1, classes[:, None])[:, 0]
                            for d in far], 1)
        far = far[(sure - want).abs().argmin(1)]
        return (base + 1.1 * far[:, None] * self.step[classes]).clamp(min=0)      # the clamp takes a part away
