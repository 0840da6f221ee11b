#!/usr/bin/env python3
"""Step 2, training:  train.py OUT --steps 1200 [--start FOLDER] [--resume]

Two encoders learn from N pictures and their N captions at a time to give true pairs a high cosine and
all others a low one (symmetric cross-entropy over the N x N matrix, learned temperature). Six further
losses, below, bring in what so few pictures cannot teach. The schedule counts steps, not minutes, so a
paused run loses nothing. OUT/checkpoint.pt is written every few minutes; --resume goes on from it, with
another --steps if time runs short. --start begins with another CLIP folder's weights of the same shape.
"""
import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from augment import augment, clean
from model import DIM, END, image_features, new_model, text_features

WEIGHTS = dict(clip=1, same=.5, bank=.7, say=.4, feature=3, relation=.5, classes=.5, sentence=1.5)
PHOTOS = ('clothing', 'grocery', 'iconic', 'caltech')
AVERAGE = 20        # the weights delivered are an average over the last steps / AVERAGE or so


def unit(x):
    return F.normalize(x, dim=1)


def soft_cross_entropy(logits, target):
    return -(target * logits.log_softmax(1)).sum(1)


class Data:
    def __init__(self, folder, seed):
        with open(f'{folder}/data.json', encoding='utf-8') as f:
            d = json.load(f)
        read = lambda name: np.load(f'{folder}/{name}.npy', mmap_mode='r')
        self.records, self.pictures = d['records'], read('pictures')
        self.tokens = torch.from_numpy(read('tokens').astype('i8'))
        self.length = (self.tokens == END).int().argmax(1) + 1
        self.sentence = torch.from_numpy(read('sentences').astype('f4'))
        self.classes = torch.from_numpy(read('classes').astype('f4'))
        self.imagenet = torch.tensor(d['imagenet'])
        f = torch.from_numpy(read('features').astype('f4'))
        self.features = unit((f - f.mean(0)) / (f.std(0) + 1e-2))
        self.rng, self.left = np.random.default_rng(seed), {}
        self.chance = [np.array(r['weights']) / sum(r['weights']) for r in self.records]
        train = [i for i, r in enumerate(self.records) if r['split'] == 'train']
        self.kind = {k: [i for i in train if self.records[i]['kind'] == k] for k in PHOTOS + ('clip',)}
        self.styles = {}            # code point -> its pictures in the styles that training may see
        for i in train:
            if self.records[i]['thing'].startswith('emoji '):
                self.styles.setdefault(self.records[i]['joined'][0], []).append(i)
        self.codes = list(self.styles)
        column = {c: i for i, c in enumerate(self.codes)}
        self.renders = [self.styles[c][0] for c in self.codes]      # Fluent comes first and has them all
        self.render_names = torch.tensor([self.records[i]['captions'][0] for i in self.renders])
        # Rows of 0 and 1: which renders show the same thing as this picture.
        self.shows = [[column[c] for c in r['joined'] if c in column] for r in self.records]
        things = {}
        self.thing = torch.tensor([things.setdefault(r['thing'], len(things)) for r in self.records])

    def draw(self, pool, name, n):
        """Without replacement until the pool is used up."""
        queue = self.left.get(name, [])
        while len(queue) < n:
            queue = queue + list(self.rng.permutation(len(pool)))
        self.left[name] = queue[n:]
        return [pool[i] for i in queue[:n]]

    def batch(self, size):
        """-> stored photos, stored cut-outs, indices of records, of views, of captions."""
        share = lambda x: max(2, round(x * size))
        photos = [i for kind, x in (('clothing', .11), ('grocery', .09), ('iconic', .015), ('caltech', .17))
                  for i in self.draw(self.kind[kind], kind, share(x))]
        cut = []
        # Things of this batch's photos once more, as render or drawing.
        known = [i for i in photos if self.shows[i]]
        for i in self.rng.permutation(known)[:share(.11)]:
            cut.append(self.rng.choice(self.styles[self.codes[self.rng.choice(self.shows[i])]]))
        for code in self.draw(self.codes, 'codes', share(.155)):
            of = self.styles[code]
            cut += list(self.rng.choice(of, 2, replace=len(of) < 2))
        cut += self.draw(self.kind['clip'], 'clip', max(2, size - len(photos) - len(cut)))
        rows = [int(i) for i in photos + cut]
        view = [self.records[i]['first'] + int(self.rng.integers(self.records[i]['views'])) for i in rows]
        caption = [self.rng.choice(self.records[i]['captions'], p=self.chance[i]) for i in rows]
        stored = np.stack([self.pictures[v] for v in view])
        return stored[:len(photos)], stored[len(photos):], rows, view, torch.tensor(caption)

    def render_targets(self, rows):
        """[n, renders]: 1 where a render shows what the picture shows."""
        out = torch.zeros(len(rows), len(self.codes))
        for k, i in enumerate(rows):
            out[k, self.shows[i]] = 1
        return out


class Trainer:
    def __init__(self, data, options):
        self.data, self.options, self.device = data, options, options.device
        self.model = new_model()
        if options.start:
            self.model = self.model.from_pretrained(options.start, dtype=torch.float32)
        else:
            self.model.logit_scale.data.fill_(math.log(1 / .07))
        self.heads = nn.ModuleDict(dict(feature=nn.Linear(DIM, data.features.shape[1]),
                                        sentence=nn.Linear(DIM, data.sentence.shape[1])))
        self.all = nn.ModuleDict(dict(model=self.model, heads=self.heads)).to(self.device).train()
        decays = lambda name, p: p.ndim > 1 and 'embedding' not in name
        named = list(self.all.named_parameters())
        self.optimiser = torch.optim.AdamW(
            [dict(params=[p for n, p in named if decays(n, p)], weight_decay=.1),
             dict(params=[p for n, p in named if not decays(n, p)], weight_decay=0.)],
            lr=options.rate, betas=(.9, .98))
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.image, self.text = image_features, text_features
        if options.compile:
            self.image = torch.compile(image_features, dynamic=False)
            self.text = torch.compile(text_features, dynamic=True)
        self.step, self.bank = 0, None

    def save(self, path):
        torch.save(dict(all=self.all.state_dict(), optimiser=self.optimiser.state_dict(),
                        average=self.average, step=self.step), path + '.part')
        os.replace(path + '.part', path)

    def load(self, path):
        saved = torch.load(path, map_location=self.device)
        self.all.load_state_dict(saved['all'])
        self.optimiser.load_state_dict(saved['optimiser'])
        self.average, self.step = saved['average'], saved['step']

    def texts(self, ids):
        """Short and long texts apart, so that the short ones are not padded to the longest."""
        order = self.data.length[ids].argsort()
        parts = []
        for rows in (order[:len(ids) * 7 // 8], order[len(ids) * 7 // 8:]):
            longest = (int(self.data.length[ids[rows]].max()) + 3) // 4 * 4
            parts.append(self.text(self.model, self.data.tokens[ids[rows]][:, :longest].to(self.device)))
        return torch.cat(parts)[order.argsort()]

    @torch.no_grad()
    def refresh_bank(self):
        """All renders as the catalogue shows them, embedded with the weights of now."""
        d, out = self.data, []
        for i in range(0, len(d.renders), 128):
            stored = np.stack([d.pictures[d.records[j]['first']] for j in d.renders[i:i + 128]])
            out.append(unit(image_features(self.model, clean(stored).to(self.device))))
        self.bank = torch.cat(out)

    def losses(self):
        d, n_extra, to = self.data, self.options.texts, lambda x: x.to(self.device)
        photos, cutouts, rows, view, caption = d.batch(self.options.batch)
        pixels, n = to(augment(photos, cutouts)), len(rows)
        probable = d.classes[view]
        named = probable.argmax(1).unique()
        named = torch.cat([named, torch.randint(1000, (n_extra,))])[:n_extra]
        ids = torch.cat([caption, d.imagenet[torch.randint(2, (n_extra,)), named],
                         torch.randint(len(d.tokens), (n_extra,))])
        said, seen = self.texts(ids), self.image(self.model, pixels)
        text, image, scale = unit(said), unit(seen), self.model.logit_scale.exp()
        logits, loss = scale * image @ text[:n].T, {}

        # Which pictures show the same thing: the same record's thing, or a photo and a cut-out that the
        # list of kinds joins. Two kinds of apple stay apart although both are joined to one render.
        shows = d.render_targets(rows)
        same = d.thing[rows][:, None] == d.thing[rows]
        is_photo = torch.arange(n) < len(photos)
        joined = ((shows @ shows.T) > 0) & (is_photo[:, None] != is_photo)
        # clip: other captions count as far as MiniLM finds them alike.
        alike = d.sentence[caption] @ d.sentence[caption].T
        alike = torch.where(joined, alike.clamp(min=.9), alike).masked_fill(same, 1)
        target = to((alike / .08).softmax(1))
        loss['clip'] = (soft_cross_entropy(logits, target) + soft_cross_entropy(logits.T, target)).mean() / 2
        # same: pictures of one thing against the batch's other pictures.
        between = (image @ image.T / .1).fill_diagonal_(-1e4)
        positive = to((same | joined).float().fill_diagonal_(0))
        count = positive.sum(1)
        loss['same'] = (soft_cross_entropy(between, positive / count.clamp(min=1)[:, None]) * (count > 0)).mean()
        # bank: a picture finds its render among all renders; say: so does its caption.
        of, names = to(shows), d.sentence[d.render_names]
        known = of.sum(1)
        hit = soft_cross_entropy(image @ self.bank.T / .05, of / known.clamp(min=1)[:, None])
        loss['bank'] = (hit * (known > 0)).sum() / n
        meant = (d.sentence[caption] @ names.T).masked_fill(shows > 0, 1)
        hit = soft_cross_entropy(scale * text[:n] @ self.bank.T, to((meant / .06).softmax(1)))
        loss['say'] = (hit * (known > 0)).sum() / n
        # feature, relation: EfficientNet-Lite2's view of the same crop, alone and relative to the others.
        feature = to(d.features[view])
        loss['feature'] = (1 - F.cosine_similarity(self.heads['feature'](seen), feature)).mean()
        relation = (feature @ feature.T / .1).fill_diagonal_(-1e4).softmax(1)
        loss['relation'] = soft_cross_entropy(between, relation).mean()
        # classes: its ImageNet probabilities, by cosine with the classes' names.
        q = to(probable[:, named])
        sure = q.sum(1)
        guess = scale * image @ text[n:n + n_extra].T
        loss['classes'] = (soft_cross_entropy(guess, q / (sure[:, None] + 1e-6)) * sure).mean()
        # sentence: MiniLM's embedding of every text.
        loss['sentence'] = (1 - F.cosine_similarity(self.heads['sentence'](said), to(d.sentence[ids]))).mean()
        return loss

    def update(self):
        o = self.options
        if self.bank is None or self.step % 50 == 0:
            self.refresh_bank()
        rate = o.rate * min(1, (self.step + 1) / o.warm_up) * (.5 + .5 * math.cos(math.pi * self.step / o.steps))
        for group in self.optimiser.param_groups:
            group['lr'] = rate + 1e-6
        loss = self.losses()
        self.optimiser.zero_grad(set_to_none=True)
        sum(WEIGHTS[k] * v for k, v in loss.items()).backward()
        nn.utils.clip_grad_norm_(self.all.parameters(), 1.)
        self.optimiser.step()
        self.model.logit_scale.data.clamp_(max=math.log(100))
        keep = min(1 - AVERAGE / o.steps, (1 + self.step) / (10 + self.step))
        for name, p in self.model.named_parameters():
            self.average[name].lerp_(p.detach(), 1 - keep)
        self.step += 1
        return {k: float(v.detach()) for k, v in loss.items()}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('out')
    a.add_argument('--steps', type=int, default=6000)
    a.add_argument('--batch', type=int, default=256, help='pictures a step')
    a.add_argument('--texts', type=int, default=96, help='class names, and other texts, a step')
    a.add_argument('--rate', type=float, default=1.5e-3)
    a.add_argument('--warm-up', type=int, default=100)
    a.add_argument('--start', help='a CLIP folder of the same shape to begin with')
    a.add_argument('--resume', action='store_true')
    a.add_argument('--compile', action='store_true')
    a.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    a.add_argument('--threads', type=int, default=2)
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    path = f'{o.out}/checkpoint.pt'
    torch.manual_seed(0)
    trainer = Trainer(Data(o.out, 0), o)
    if o.resume and os.path.exists(path):
        trainer.load(path)
        torch.manual_seed(trainer.step)
        trainer.data.rng = np.random.default_rng(trainer.step)
    total, count, since, saved = {}, 0, time.time(), time.time()
    while trainer.step < o.steps:
        for k, v in trainer.update().items():
            total[k] = total.get(k, 0) + v
        count += 1
        if trainer.step % 10 == 0:
            speed = count * o.batch / (time.time() - since)
            print(trainer.step, f'{speed:.0f} pictures/s', f'scale {trainer.model.logit_scale.exp().item():.1f}',
                  *(f'{k} {v / count:.3f}' for k, v in total.items()), flush=True)
            total, count, since = {}, 0, time.time()
        if time.time() - saved > 180 or trainer.step == o.steps:
            trainer.save(path)
            saved = time.time()


if __name__ == '__main__':
    main()
