#!/usr/bin/env python3
"""Step 2, training:  train.py OUT --steps 1200 | --minutes 90 [--start FOLDER] [--resume]

Two encoders learn from N pictures and their N captions at a time to give true pairs a high cosine and
all others a low one (symmetric cross-entropy over the N x N matrix, learned temperature). Eight further
losses, below, bring in what so few pictures cannot teach. The schedule counts steps, so a paused run loses
nothing; with --minutes it counts time, so that it ends when it should. OUT/checkpoint.pt is written every few minutes; --resume goes on from it, with
another --steps if time runs short. --start begins with another CLIP folder's weights of the same shape.
"""
import argparse
import json
import math
import os
import time
from functools import partial

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from augment import augment, clean
from model import DIM, END, WIDTH, begin_with, image_features, new_model, text_features

WEIGHTS = dict(clip=1, same=.5, bank=.7, say=.4, kinds=1, feature=3, places=3, relation=.5, classes=.5,
               sentence=1.5)
PHOTOS = ('clothing', 'grocery', 'iconic', 'caltech')
HIDING, SHOWN = .85, .4     # of the training; the share of patches that it shows meanwhile
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
        self.imagenet = torch.tensor(d['imagenet'])
        self.maps = read('maps')
        basis = np.load(f'{folder}/basis.npz')
        self.to_classes = [torch.from_numpy(basis[k].astype('f4')) for k in ('weight', 'bias')]
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
        # What each photo set's kinds are called, the narrow ones and the wide ones apart.
        self.names, self.called, named = [], [[] for _ in self.records], {}
        for i, r in enumerate(self.records):
            if r['kind'] in PHOTOS and r['split'] == 'train':
                set_ = r['thing'].split()[0]
                for group, text in ((set_, r['name']), (set_ + ' wide', (r['tags'] or [''])[0])):
                    if text:
                        of = named.setdefault(group, {})
                        self.called[i].append((group, of.setdefault(text, len(of))))
        text_of = {t: i for i, t in enumerate(d['texts'])}
        photo_of = lambda n: f"a photo of {'an' if n[:1] in 'aeiou' else 'a'} {n}"
        self.names = {g: torch.tensor([text_of[photo_of(n)] for n in of]) for g, of in named.items()}
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
        """-> stored photos, stored cut-outs, indices of records and of captions."""
        share = lambda x: max(2, round(x * size))
        photos = [i for kind, x in (('clothing', .14), ('grocery', .09), ('iconic', .015), ('caltech', .2))
                  for i in self.draw(self.kind[kind], kind, share(x))]
        cut = []
        # Things of this batch's photos once more, as render or drawing.
        known = [i for i in photos if self.shows[i]]
        for i in self.rng.permutation(known)[:share(.09)]:
            cut.append(self.rng.choice(self.styles[self.codes[self.rng.choice(self.shows[i])]]))
        for code in self.draw(self.codes, 'codes', share(.145)):
            of = self.styles[code]
            cut += list(self.rng.choice(of, 2, replace=len(of) < 2))
        cut += self.draw(self.kind['clip'], 'clip', max(2, size - len(photos) - len(cut)))
        rows = [int(i) for i in photos + cut]
        caption = [self.rng.choice(self.records[i]['captions'], p=self.chance[i]) for i in rows]
        stored = np.stack([self.pictures[self.records[i]['picture']] for i in rows])
        return stored[:len(photos)], stored[len(photos):], rows, torch.tensor(caption)

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
            begin_with(self.model, options.start)
        else:
            self.model.logit_scale.data.fill_(math.log(1 / .07))
        self.heads = nn.ModuleDict(dict(feature=nn.Linear(DIM, data.maps.shape[3]),
                                        places=nn.Linear(WIDTH, data.maps.shape[3]),
                                        sentence=nn.Linear(DIM, data.sentence.shape[1])))
        self.all = nn.ModuleDict(dict(model=self.model, heads=self.heads)).to(self.device).train()
        # Muon for the blocks' matrices, AdamW for what is not a matrix from features to features.
        named = list(self.all.named_parameters())
        matrix = lambda name, p: '.layers.' in name and p.ndim == 2
        decays = lambda name, p: p.ndim > 1 and 'embedding' not in name and not matrix(name, p)
        self.optimisers = [torch.optim.AdamW(
            [dict(params=[p for n, p in named if decays(n, p)], weight_decay=.1),
             dict(params=[p for n, p in named if not decays(n, p) and not matrix(n, p)], weight_decay=0.)],
            lr=options.rate, betas=(.9, .98), fused=True),
            torch.optim.Muon([p for n, p in named if matrix(n, p)], lr=options.rate, weight_decay=.1,
                             adjust_lr_fn='match_rms_adamw')]
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.image, self.text = partial(image_features, places=True), text_features
        if options.compile:
            self.image = torch.compile(partial(image_features, places=True), dynamic=False)
            self.text = torch.compile(text_features, dynamic=True)
        self.step, self.bank, self.done, self.spent, self.since = 0, None, 0., 0., time.time()

    def save(self, path):
        torch.save(dict(all=self.all.state_dict(), optimisers=[o.state_dict() for o in self.optimisers],
                        average=self.average, step=self.step,
                        spent=self.spent + time.time() - self.since), path + '.part')
        os.replace(path + '.part', path)

    def load(self, path):
        saved = torch.load(path, map_location=self.device)
        self.all.load_state_dict(saved['all'])
        for optimiser, state in zip(self.optimisers, saved['optimisers']):
            optimiser.load_state_dict(state)
        self.average, self.step, self.spent = saved['average'], saved['step'], saved['spent']
        self.since = time.time()
        self.done = self.spent / 60 / self.options.minutes if self.options.minutes else self.step / self.options.steps

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
        with torch.autocast(self.device, torch.bfloat16):
            for i in range(0, len(d.renders), 128):
                stored = np.stack([d.pictures[d.records[j]['picture']] for j in d.renders[i:i + 128]])
                out.append(unit(image_features(self.model, clean(stored).to(self.device)).float()))
            self.kinds = {g: unit(text_features(self.model, d.tokens[ids].to(self.device)).float())
                          for g, ids in d.names.items()}
        self.bank = torch.cat(out)

    def losses(self):
        d, n_extra, to = self.data, self.options.texts, lambda x: x.to(self.device)
        photos, cutouts, rows, caption = d.batch(self.options.batch)
        m, n = len(photos), len(rows)
        shape = torch.tensor([d.records[i]['shape'] for i in rows[:m]])
        maps = np.stack([d.maps[d.records[i]['picture']] for i in rows])
        maps = torch.from_numpy(maps).float().permute(0, 3, 1, 2)
        whole = maps.mean((2, 3))
        pixels, maps, covered = augment(photos, shape, cutouts, maps)
        # For most of the training three fifths of the patches are hidden: quicker, and harder to learn by heart.
        kept = None
        if self.done < HIDING:
            kept = to(torch.rand(n, covered[0].numel()).argsort(1)[:, :int(SHOWN * covered[0].numel())])
        # Of a photo the teacher's word on the crop is wanted; of a cut-out that on the whole thing.
        view = torch.cat([maps[:m].mean((2, 3)), whole[m:]])
        probable = F.linear(view, *d.to_classes).softmax(1)
        named = probable.argmax(1).unique()
        named = torch.cat([named, torch.randint(1000, (n_extra,))])[:n_extra]
        ids = torch.cat([caption, d.imagenet[torch.randint(2, (n_extra,)), named],
                         torch.randint(len(d.tokens), (n_extra,))])
        with torch.autocast(self.device, torch.bfloat16):
            # Compiled for the hidden patches only: the rest of the training would not earn another compilation.
            look = self.image if kept is not None else partial(image_features, places=True)
            said, (seen, places) = self.texts(ids), look(self.model, to(pixels), kept)
            places = self.heads['places'](places)
        said, seen = said.float(), seen.float()
        text, image, scale = unit(said), unit(seen), self.model.logit_scale.exp()
        logits, loss = scale * image @ text[:n].T, {}

        # Which pictures show the same thing: the same record's thing, or a photo and a cut-out that the
        # list of kinds joins. Two kinds of apple stay apart although both are joined to one render.
        shows = d.render_targets(rows)
        same = d.thing[rows][:, None] == d.thing[rows]
        is_photo = torch.arange(n) < m
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
        # kinds: a photo among its set's kinds, by name; a tenth for all the others alike.
        loss['kinds'] = 0.
        for group, names in self.kinds.items():
            at = [(k, c) for k in range(m) for g, c in d.called[rows[k]] if g == group]
            if at:
                guess = scale * image[[k for k, _ in at]] @ names.T
                loss['kinds'] += F.cross_entropy(guess, to(torch.tensor([c for _, c in at])),
                                                 label_smoothing=.1, reduction='sum') / n
        # feature, relation, places: EfficientNet-Lite2's view of the same crop, alone, relative to the
        # others, and patch by patch.
        feature = to(view)
        there, sure = to(maps.flatten(2).mT), to((covered.flatten(1) > .25).float())
        if kept is not None:
            there, sure = there.gather(1, kept[..., None].expand(-1, -1, there.shape[2])), sure.gather(1, kept)
        off = 1 - F.cosine_similarity(places.float(), there, dim=2)
        loss['places'] = (off * sure).sum() / sure.sum()
        loss['feature'] = (1 - F.cosine_similarity(self.heads['feature'](seen), feature)).mean()
        feature = unit(feature)
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
        if self.bank is None or self.step % 150 == 0:
            self.refresh_bank()
        rate = o.rate * min(1, (self.step + 1) / o.warm_up) * (.5 + .5 * math.cos(math.pi * min(1, self.done)))
        for group in (g for x in self.optimisers for g in x.param_groups):
            group['lr'] = rate + 1e-6
        loss = self.losses()
        self.all.zero_grad(set_to_none=True)
        sum(WEIGHTS[k] * v for k, v in loss.items()).backward()
        nn.utils.clip_grad_norm_(self.all.parameters(), 1.)
        for optimiser in self.optimisers:
            optimiser.step()
        self.model.logit_scale.data.clamp_(max=math.log(100))
        steps = o.steps if not o.minutes else self.step / max(self.done, .01)
        keep = min(1 - AVERAGE / max(steps, 2 * AVERAGE), (1 + self.step) / (10 + self.step))
        for name, p in self.model.named_parameters():
            self.average[name].lerp_(p.detach(), 1 - keep)
        self.step += 1
        self.done = (self.spent + time.time() - self.since) / 60 / o.minutes if o.minutes else self.step / o.steps
        return {k: float(torch.as_tensor(v).detach()) for k, v in loss.items()}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('out')
    a.add_argument('--steps', type=int, default=6000)
    a.add_argument('--minutes', type=float, help='end after so long, instead of after --steps')
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
    while trainer.done < 1:
        for k, v in trainer.update().items():
            total[k] = total.get(k, 0) + v
        count += 1
        if trainer.step % 10 == 0:
            speed = count * o.batch / (time.time() - since)
            print(trainer.step, f'{100 * trainer.done:.0f} %', f'{speed:.0f} pictures/s', f'scale {trainer.model.logit_scale.exp().item():.1f}',
                  *(f'{k} {v / count:.3f}' for k, v in total.items()), flush=True)
            total, count, since = {}, 0, time.time()
        if time.time() - saved > 180 or trainer.done >= 1:
            trainer.save(path)
            saved = time.time()


if __name__ == '__main__':
    main()
