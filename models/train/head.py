#!/usr/bin/env python3
"""Step 4, pictures:  head.py OUT --minutes 5 [--tune] [--share 0.7] [--said]

Learns the projection from the body's features to 256 numbers, and a place among the pictures for every name. With
--tune the body's upper part learns too, from the kept maps, at a small rate, and is held to its ImageNet scores.
With --share 0.7 the weights go so much of the way from where this began, which keeps most of what either knows. With
--said the names' places are where the text tower puts them, and stay there. OUT/head.pt is where it ends; it begins
from there if there is one.
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from model import DIM, FAST, FEATURES, begin_image, new_model, upper
from pictures import PHOTOS, Pictures, Shadows, Texts, cross_entropy, unit

WEIGHTS = dict(classes=1., names=.5, kinds=1., colour=.2, bank=1., clean=.5, same=.5, copy=1., relation=.3, hold=2., scores=1.)
SHARE = dict(clothing=.2, grocery=.16, iconic=.03, caltech=.24, trashnet=.06, fluent=.1, google=.05, twitter=.05,
             flat=.03, emojione=.03, noto1=.03, firefox=.02, outline=.02, contrast=.03, clipart=.04)    # of a step's pictures
PAST = 8        # steps whose pictures a changed view is told from


class Head(nn.Module):
    def __init__(self, pictures, texts):
        super().__init__()
        f = pictures.features[0][pictures.train].float()
        mean, std = f.mean(0), f.std(0) + .05
        rows = (pictures.rows - pictures.rows.mean(0)) * std
        main = torch.linalg.svd(rows, full_matrices=False)[2][:DIM]
        along = unit(mean / std)
        main = main - (main @ along)[:, None] * along      # no bias: what all pictures share says nothing
        self.register_buffer('std', std)
        self.project = nn.Parameter(main)
        proto = unit(F.linear(Shadows(pictures).step, main / std))
        first = unit(torch.randn(len(texts.names), DIM)) * .1
        first[texts.classes] = proto
        near = (texts.name_sentences @ texts.name_sentences[texts.classes].T / .05).softmax(1)
        rest = torch.ones(len(first)).index_fill(0, texts.classes, 0).bool()
        first[rest] = unit(near[rest] @ proto) + first[rest]
        self.names = nn.Parameter(unit(first))
        self.scale = nn.Parameter(torch.tensor(math.log(30.)))

    def forward(self, features):
        return unit(F.linear(features / self.std, self.project))

    def weight(self):
        return (self.project / self.std).detach()


def load(out, pictures, texts, raw):
    """-> head, the body's trunk, as far as they have come."""
    torch.manual_seed(0)
    head, model = Head(pictures, texts), new_model()
    begin_image(model, raw)
    if os.path.exists(f'{out}/head.pt'):
        saved = torch.load(f'{out}/head.pt')
        head.load_state_dict(saved['head'])
        model.visual.trunk.load_state_dict(saved['trunk'], strict=False)
    return head, model.visual.trunk


def upper_parameters(trunk):
    parts = [*trunk.blocks[5][1:], trunk.blocks[6], trunk.conv_head, trunk.bn2]
    return [p for part in parts for p in part.parameters()]


def covered(x, some):
    """Maps of some of the pictures with a rectangle of up to 4 x 4 of the 7 x 7 places blank, as if something lay there:
    the kept views are few."""
    n, side, at = len(x), x.shape[-1], torch.arange(x.shape[-1])
    size, first = torch.randint(1, 5, (2, n, 1)), torch.rand(2, n, 1)
    first = (first * (side - size + 1)).long()
    inside = (at >= first) & (at < first + size)        # [2, n, side]: rows, columns
    hole = (inside[0][:, :, None] & inside[1][:, None] & some[:, None, None])[:, None]
    return torch.where(hole, x.mean((0, 2, 3), keepdim=True), x)


def features_of(pictures, trunk, rows, view=0, size=256):
    """The tuned body's features of pictures in one view."""
    out = []
    with torch.inference_mode():
        for i in range(0, len(rows), size):
            x = torch.from_numpy(np.ascontiguousarray(pictures.maps[view][rows[i:i + size]])).to(FAST)
            out.append(upper(trunk, x))
    return torch.cat(out).clone()


class Trainer:
    def __init__(self, o):
        self.o = o
        self.texts = Texts(o.out)
        self.pictures = p = Pictures(o.out, self.texts)
        self.head, self.trunk = load(o.out, p, self.texts, o.raw)
        self.shadows = Shadows(p)
        # Names that mean much the same count as each other's, by MiniLM.
        s = (self.texts.name_sentences @ self.texts.name_sentences.T).topk(8, 1)
        self.alike = s.indices, (s.values / .06).softmax(1)
        self.called = [self.with_alike(named) for named in p.called]
        self.class_called = [self.with_alike({c: 1.}) for c in self.texts.classes.tolist()]
        if o.said:
            self.head.names.data.copy_(torch.load(f'{o.out}/said.pt'))
            self.head.names.requires_grad_(False)
        groups = [dict(params=of, base=rate) for of, rate in (
            ([self.head.project, self.head.scale], o.rate), ([self.head.names], o.rate if o.name_rate is None else o.name_rate))]
        if o.tune:
            groups.append(dict(params=upper_parameters(self.trunk), base=o.tune_rate))
        self.tuned = o.tune or os.path.exists(f'{o.out}/head.pt') and torch.load(f'{o.out}/head.pt')['tuned']
        if self.tuned and not o.tune:
            p.features = torch.stack([features_of(p, self.trunk, range(len(p.records)), k).half() for k in range(len(p.maps))])
        self.optimiser = torch.optim.AdamW(groups, weight_decay=.02, betas=(.9, .98))
        self.rng = np.random.default_rng(int(time.time()))
        self.past = []      # whole pictures of the last steps: (rows, features)
        self.refresh()

    def with_alike(self, named):
        near, share = self.alike
        at = list(named)
        w = torch.tensor([named[n] for n in at])
        return near[at].flatten(), (share[at] * (w / w.sum())[:, None]).flatten()

    def see(self, rows, views, learn):
        """Features of pictures in views, from the kept maps where the upper part learns."""
        if not self.o.tune:
            return self.pictures.features[views, rows].float()
        x = np.stack([self.pictures.maps[v][i] for v, i in zip(views.tolist(), rows.tolist())])
        x = torch.from_numpy(x).to(FAST)
        if learn:
            x = covered(x, (views > 0) & (torch.rand(len(x)) < .5))
        with torch.set_grad_enabled(learn):
            return upper(self.trunk, x)

    @torch.no_grad()
    def refresh(self):
        """The catalogues: renders and clean pictures as they are shown."""
        p = self.pictures
        bank = p.renders + p.clean
        f = features_of(p, self.trunk, bank) if self.o.tune else p.features[0][bank].float()
        self.bank_features = f

    def draw(self):
        p, rows = self.pictures, []
        for kind, share in SHARE.items():
            of = p.by_kind.get(kind, [])
            if of:
                rows += self.rng.choice(of, min(len(of), round(share * self.o.batch)), replace=False).tolist()
        rows = torch.tensor(rows)
        # One in six whole, of the others any changed view there is.
        some = torch.rand(len(p.maps), len(rows)) * p.there[:, rows]
        some[0] = torch.where(torch.rand(len(rows)) < 1 / 6, 1., some[0] * 0)
        return rows, some.argmax(0)

    def learnt(self):
        return [self.head.project, self.head.scale, self.head.names, *upper_parameters(self.trunk)]

    def losses(self):
        o, p, t, head = self.o, self.pictures, self.texts, self.head
        rows, views = self.draw()
        n = len(rows)
        if o.tune:
            f = self.see(rows, views, True)
        else:
            f = p.features[views, rows].float()
        classes = torch.randint(1000, (o.shadows,))
        shadow = self.shadows(classes)
        keep = (torch.rand(n + o.shadows, FEATURES) > .1) / .9
        e = head(torch.cat([f, shadow]) * keep)
        names, scale, loss = unit(head.names), head.scale.exp(), {}
        bank = head(self.bank_features)
        renders, clean = bank[:len(p.renders)], bank[len(p.renders):]
        # classes: the classifier's probabilities, by cosines with the classes' names.
        frozen = p.features[views, rows].float()
        probable = F.linear(torch.cat([frozen, shadow]), p.rows, p.bias).softmax(1)
        guess = scale * e @ names[t.classes].T
        each = cross_entropy(guess, probable)
        loss['classes'] = (each[:n].mean() + 2 * each[n:].mean()) / 2
        # names: among all names, those that mean the same counted in.
        named = torch.zeros(n + o.shadows, len(t.names))
        said = [self.called[i] for i in rows.tolist()] + [self.class_called[c] for c in classes.tolist()]
        for row, (at, w) in zip(named, said):
            row.index_add_(0, at, w)
        with torch.autocast('cpu', torch.bfloat16, enabled=FAST == torch.bfloat16):
            guess = e @ names.T
        loss['names'] = cross_entropy(scale * guess.float(), named).mean()
        # kinds: a photo among its set's kinds.
        at = {}
        for k, i in enumerate(rows.tolist()):
            for g, c in p.in_group[i]:
                at.setdefault(g, []).append((k, c))
        loss['kinds'] = sum(F.cross_entropy(scale * e[[k for k, _ in of]] @ names[p.groups[g]].T,
                                            torch.tensor([c for _, c in of]), label_smoothing=.05, reduction='sum')
                            for g, of in at.items()) / n
        # colour: its own among the eleven.
        tinted = (p.colour[rows] >= 0).nonzero()[:, 0]
        loss['colour'] = F.cross_entropy(scale * e[tinted] @ names[p.colours].T, p.colour[rows[tinted]], label_smoothing=.1)
        # bank: a picture finds its render among all; clean: a shop photo its clean picture.
        shows = p.multi_hot([p.shows[i] for i in rows.tolist()] + [p.class_shows[c] for c in classes.tolist()], len(renders))
        known = shows.sum(1)
        hit = cross_entropy(e @ renders.T / .05, shows / known.clamp(min=1)[:, None])
        loss['bank'] = (hit * (known > 0)).sum() / n
        shop = [k for k, i in enumerate(rows.tolist()) if p.records[i]['kind'] == 'grocery']
        if shop and len(clean):
            right = (p.thing[rows[shop]][:, None] == p.thing[p.clean]).float()
            loss['clean'] = cross_entropy(e[shop] @ clean.T / .05, right / right.sum(1, keepdim=True)).sum() / n * 4
        # same: pictures of one thing against the others; photo and drawing of one thing too.
        seen, shows = e[:n], shows[:n]
        photo = torch.tensor([p.records[i]['kind'] in PHOTOS for i in rows.tolist()])
        joined = ((shows @ shows.T) > 0) & (photo[:, None] != photo)
        same = ((p.thing[rows][:, None] == p.thing[rows]) | joined).float().fill_diagonal_(0)
        between = (seen @ seen.T / .1).fill_diagonal_(-1e4)
        count = same.sum(1)
        loss['same'] = (cross_entropy(between, same / count.clamp(min=1)[:, None]) * (count > 0)).mean()
        # copy: a changed view finds the picture among those of the last steps; relation: as near to each other as the
        # body finds them.
        if (views > 0).any():
            whole = self.see(rows, views * 0, False)
            others = [f[~torch.isin(at, rows)] for at, f in self.past]
            loss['copy'] = F.cross_entropy(seen @ head(torch.cat([whole, *others])).T / .05, torch.arange(n))
            self.past = [*self.past, (rows, whole)][-PAST:]
        body = unit(frozen - self.shadows.mean)
        loss['relation'] = cross_entropy(between, (body @ body.T / .1).fill_diagonal_(-1e4).softmax(1)).mean()
        if o.tune:      # nothing that the body knew is forgotten
            loss['hold'] = (1 - F.cosine_similarity(f - self.shadows.mean, frozen - self.shadows.mean)).mean()
            loss['scores'] = cross_entropy(F.linear(f, p.rows, p.bias), probable[:n]).mean()
        return loss

    def run(self):
        o, start, step, total = self.o, time.time(), 0, {}
        cpu, begun = time.process_time(), [p.detach().clone() for p in self.learnt()]
        # Minutes of work, however much of the machine others take.
        while (done := (time.process_time() - cpu) / 60 / o.minutes) < 1:
            for g in self.optimiser.param_groups:
                g['lr'] = g['base'] * min(1, (step + 1) / 20) * (.5 + .5 * math.cos(math.pi * done))
            if o.tune and step % 50 == 0:
                self.refresh()
            loss = self.losses()
            self.optimiser.zero_grad(set_to_none=True)
            sum(WEIGHTS[k] * v for k, v in loss.items()).backward()
            self.optimiser.step()
            self.head.scale.data.clamp_(max=math.log(80))
            step += 1
            for k, v in loss.items():
                total[k] = total.get(k, 0) + v.item()
            if step % 20 == 0:
                print(step, f'{100 * done:.0f} %', f'{time.time() - start:.0f} s', f'scale {self.head.scale.exp().item():.1f}',
                      *(f'{k} {v / 20:.3f}' for k, v in total.items()), flush=True)
                total = {}
            if step % 100 == 0:
                self.save()
        for p, first in zip(self.learnt(), begun):
            p.data.copy_(first.lerp(p.data, o.share))
        self.save()
        print(step, 'steps', {k: round(v, 1) for k, v in quick_figures(self).items()})

    def save(self):
        keep = {k: v for k, v in self.trunk.state_dict().items() if k.startswith(('blocks.5', 'blocks.6', 'conv_head', 'bn2'))}
        torch.save(dict(head=self.head.state_dict(), trunk=keep, tuned=self.tuned), f'{self.o.out}/head.pt.part')
        os.replace(f'{self.o.out}/head.pt.part', f'{self.o.out}/head.pt')


@torch.no_grad()
def quick_figures(trainer):
    """A first look, from kept features: held-out photos and drawings, and names by their places."""
    p, t, head, out = trainer.pictures, trainer.texts, trainer.head.eval(), {}
    names = unit(head.names)
    feature = lambda rows: features_of(p, trainer.trunk, rows) if trainer.o.tune else p.features[0][rows].float()
    held = {}
    for i, r in enumerate(p.records):
        if r['split'] == 'val':
            held.setdefault(r['kind'], []).append(i)
    renders = head(feature(p.renders))
    for kind, rows in held.items():
        e = head(feature(rows))
        if kind in PHOTOS:
            set_ = p.records[rows[0]]['thing'].split()[0]
            for g in (set_, set_ + ' wide'):
                if g in p.groups:
                    of = [t.names[k] for k in p.groups[g]]
                    key = (lambda r: r['tags'][0]) if g.endswith('wide') else (lambda r: r['name'])
                    guess = (e @ names[p.groups[g]].T).argmax(1)
                    out[g] = 100 * np.mean([of[k] == key(p.records[i]) for k, i in zip(guess.tolist(), rows)])
            thing = p.thing[rows]
            near = (e @ e.T).fill_diagonal_(-9).topk(10, 1).indices
            out[set_ + ' near'] = 100 * (thing[near] == thing[:, None]).float().mean().item()
            top = F.linear(p.features[0][rows].float(), p.rows, p.bias).topk(5, 1).indices
            guess = (e @ names[t.classes].T).argmax(1)
            out[set_ + ' teacher 1'] = 100 * (guess == top[:, 0]).float().mean().item()
            out[set_ + ' teacher 5'] = 100 * (top == guess[:, None]).any(1).float().mean().item()
            if kind == 'grocery' and p.clean:
                s = e @ head(feature(p.clean)).T
                right = p.thing[rows][:, None] == p.thing[p.clean]
                for k in (1, 10):
                    out[f'clean {k}'] = 100 * right.gather(1, s.topk(k, 1).indices).any(1).float().mean().item()
        known = [k for k, i in enumerate(rows) if p.shows[i]]
        if known:
            right = p.multi_hot([p.shows[rows[k]] for k in known], len(renders)).bool()
            for k in (1, 10):
                out[f'{kind} to render {k}'] = 100 * right.gather(1, (e[known] @ renders.T).topk(k, 1).indices).any(1).float().mean().item()
    some = [i for i in p.photos if p.there[1][i]][::15][:600]        # of the first changed view
    copies = head(features_of(p, trainer.trunk, some, 1) if trainer.o.tune else p.features[1][some].float())
    out['copy'] = 100 * ((copies @ head(feature(some)).T).argmax(1) == torch.arange(len(some))).float().mean().item()
    held = [i for i, r in enumerate(p.records) if r['split'] == 'val' and r['colour'] and r['kind'] in ('clothing', 'google')]
    out['colour'] = 100 * ((head(feature(held)) @ names[p.colours].T).argmax(1) == p.colour[held]).float().mean().item()
    torch.manual_seed(1)
    classes = torch.arange(1000).repeat(2)
    f = trainer.shadows(classes)
    out['shadows by rows'] = 100 * ((f @ p.rows.T + p.bias).argmax(1) == classes).float().mean().item()
    guess = (head(f) @ names[t.classes].T).topk(5, 1).indices == classes[:, None]
    out['shadows 1'], out['shadows 5'] = 100 * guess[:, 0].float().mean().item(), 100 * guess.any(1).float().mean().item()
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument('raw')
    a.add_argument('out')
    a.add_argument('--minutes', type=float, default=5, help='of processor time, both cores together')
    a.add_argument('--batch', type=int, default=512, help='pictures a step')
    a.add_argument('--shadows', type=int, default=256, help='pictures made of class rows, a step')
    a.add_argument('--rate', type=float, default=2e-3)
    a.add_argument('--name-rate', type=float, help="of the names' places, where not the same")
    a.add_argument('--tune', action='store_true')
    a.add_argument('--tune-rate', type=float, default=3e-4)
    a.add_argument('--share', type=float, default=1, help='of the way that was learnt, from where this began')
    a.add_argument('--said', action='store_true')
    a.add_argument('--threads', type=int, default=2)
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    Trainer(o).run()


if __name__ == '__main__':
    main()
