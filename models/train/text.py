#!/usr/bin/env python3
"""Step 5, the text tower:  text.py RAW OUT --minutes 8 [--start FOLDER]

Every text learns to lie where its target lies: to point the same way, to find the same names in the same order and
the same pictures; and all-MiniLM-L6-v2's embedding of it is to be read off by a linear map. The names of a photo set's
kinds learn besides which of them a photo is called by, what renders show to find those among all, and the names of the
classes what the classifier tells from what. No picture is looked at, their embeddings are kept. With --keep so many of the other texts are to stay where the tower says them when
this begins. OUT/text.pt is where it ends, and begins if there is one; OUT/said.pt holds where it puts the names.
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from head import features_of, load
from model import DIM, END, FAST, TEMPLATES, begin_text, new_model, text_features, text_tower
from pictures import Pictures, Shadows, Texts, cross_entropy, unit
from sources import with_article

WEIGHTS = dict(place=2., names=1., pictures=1., sentence=.5, kinds=.3, renders=.3, classes=.5)
SHARP = 40.         # of both distributions


def some(of, n):
    return of[torch.randint(len(of), (n,))]


class Trainer:
    def __init__(self, o):
        torch.manual_seed(0)
        self.o, self.texts = o, Texts(o.out)
        p = Pictures(o.out, self.texts)
        head, trunk = load(o.out, p, self.texts, o.raw)
        with torch.no_grad():
            tuned = torch.load(f'{o.out}/head.pt')['tuned']
            rows = p.train
            f = features_of(p, trunk, rows) if tuned else p.features[0][rows].float()
            self.pictures = head.eval()(f)
            self.head, self.classifier, self.shadows = head, (p.rows, p.bias), Shadows(p)
            apart = unit(p.rows - p.rows.mean(0))
            self.near = (apart @ apart.T).topk(6, 1).indices    # classes that are mistaken for each other
            self.probable = (f @ p.rows.T + p.bias).softmax(1)
            class_of = {name: c for c, name in enumerate(self.texts.classes.tolist())}
            self.own = torch.tensor([next((class_of[n] for n in list(p.called[i])[:1] if n in class_of), -1) for i in rows])
            self.called = (self.own >= 0).nonzero()[:, 0]       # like a class: they are of it, whatever the classifier says
            self.probable[self.called] = F.one_hot(self.own[self.called], 1000).float()
            self.names = unit(head.names.data)
            self.targets = unit(torch.sparse.mm(self.texts.mixtures, self.names))
        self.length = (self.texts.tokens == END).int().argmax(1) + 1
        self.model = new_model().train()
        begin_text(self.model, o.start)
        self.read = nn.Linear(DIM, self.texts.sentences.shape[1])
        self.tower = text_tower(self.model)
        if os.path.exists(f'{o.out}/text.pt'):
            saved = torch.load(f'{o.out}/text.pt')
            self.model.load_state_dict(saved['tower'], strict=False)
            self.read.load_state_dict(saved['read'])
        self.average = {n: p.detach().clone() for n, p in self.tower.items()}
        # Muon multiplies in bfloat16: where that is slow its steps cost more than the texts.
        matrix = lambda n, p: FAST == torch.bfloat16 and n.startswith('transformer') and p.ndim == 2
        self.optimisers = [
            torch.optim.AdamW([p for n, p in self.tower.items() if not matrix(n, p)] + list(self.read.parameters()),
                              weight_decay=.01, betas=(.9, .98))]
        matrices = [p for n, p in self.tower.items() if matrix(n, p)]
        if matrices:
            self.optimisers.append(torch.optim.Muon(matrices, weight_decay=.05, adjust_lr_fn='match_rms_adamw'))
        sure = self.texts.sure[self.texts.target]
        # A word that the tokenizer has whole is a common one: people search by those, WordNet is full of the others.
        t = self.texts
        plain = torch.full((len(t.sentences),), 99).scatter_reduce(0, t.sentence, self.length - 2, 'amin')
        common = (plain[t.sentence] == 1) | torch.tensor([x.startswith('something ') for x in t.texts])
        self.pools = [which.nonzero()[:, 0] for which in (sure == 1, sure < 1, common)]
        self.queue = []
        number = {x: i for i, x in enumerate(t.texts)}
        said = lambda way, n: number.get(way.format(n if way == '{}' else with_article(n)), number.get(n, 0))
        self.ways = torch.tensor([[said(way, n) for n in t.names] for way in TEMPLATES])    # texts that say the names
        # kinds: names of each photo set's, and the photos with their places among those
        self.scale, self.kinds = head.scale.exp().item(), []
        for group, names in p.groups.items():
            of = [(k, place) for k, i in enumerate(rows) for g, place in p.in_group[i] if g == group]
            self.kinds.append((names, torch.tensor(of)))
        # shows: how much of what a name calls a render is; found: texts that mean, for the most part, what renders show
        at = {i: k for k, i in enumerate(rows)}
        self.renders = self.pictures[[at[i] for i in p.renders]]
        self.shows = torch.zeros(len(t.names), len(p.renders))
        for k, i in enumerate(p.renders):
            for name, much in p.called[i].items():
                self.shows[name, k] += much
        self.shows = F.normalize(self.shows, p=1, dim=1)
        self.meant = t.target.clone()
        shown = torch.sparse.mm(t.mixtures, self.shows.sum(1, keepdim=True))[self.meant, 0] > .6
        self.found = [(shown & of & (self.length < 10)).nonzero()[:, 0] for of in (sure == 1, common)]
        if o.keep:
            self.keep_places(o.keep)

    def draw(self):
        """Texts of about one length; a third of them names and synonyms, a third everything else, a third of common words."""
        if not self.queue:
            n = 6 * self.o.batch
            pool = torch.cat([of[torch.randint(len(of), (n,))] for of in self.pools])
            parts = list(pool[self.length[pool].argsort()].split(self.o.batch))
            self.queue = [parts[i] for i in torch.randperm(len(parts)).tolist()]
        return self.queue.pop()

    @torch.no_grad()
    def keep_places(self, count):
        """So many texts' targets are where the tower puts them now."""
        t = self.texts
        found = torch.cat(self.found)
        free = [of[~torch.isin(of, found)] for of in self.pools]
        self.pools = [of[torch.randperm(len(of))[:count // 3]] for of in free]
        of = torch.cat(self.pools)
        of = of[self.length[of].argsort()]
        self.targets = unit(torch.cat([text_features(self.model, t.tokens[part]) for part in of.split(512)]))
        t.target[of] = torch.arange(len(of))
        t.sure = torch.ones(len(of))

    def between_kinds(self):
        """Photos among the names of their set's kinds, said in one way."""
        ids = self.ways[torch.randint(len(TEMPLATES), ())]
        said = unit(text_features(self.model, self.texts.tokens[ids[torch.cat([names for names, _ in self.kinds])]]))
        loss = []
        for names, (_, of) in zip(said.split([len(names) for names, _ in self.kinds]), self.kinds):
            photos, places = some(of, 128).T
            loss.append(F.cross_entropy(self.scale * self.pictures[photos] @ names.T, places, label_smoothing=.1))
        return sum(loss) / len(loss)

    def among_renders(self):
        """Texts among the renders."""
        ids = torch.cat([some(of, 96) for of in self.found])
        said = unit(text_features(self.model, self.texts.tokens[ids]))
        wanted = torch.sparse.mm(self.texts.mixtures.index_select(0, self.meant[ids]), self.shows)
        return cross_entropy(self.scale * said @ self.renders.T, F.normalize(wanted, p=1, dim=1)).mean()

    def among_classes(self):
        """The classifier's probabilities of some classes and those nearest to them, by cosines with the names said in one way."""
        photos = torch.cat([torch.randint(len(self.pictures), (128,)), some(self.called, 128)])
        classes = self.near[torch.cat([torch.randint(1000, (32,)), self.own[some(self.called, 16)]])].unique()
        ids = self.ways[torch.randint(len(TEMPLATES), ()), self.texts.classes[classes]]
        said = unit(text_features(self.model, self.texts.tokens[ids]))
        of = some(classes, 192)
        with torch.no_grad():
            shadows = self.shadows(of)
            rows, bias = self.classifier
            probable = F.linear(shadows, rows[classes], bias[classes]).softmax(1)
            seen = torch.cat([self.head(shadows), self.pictures[photos]])
            wanted = torch.cat([probable, self.probable[photos][:, classes]])      # photos of none of these count little
        return cross_entropy(self.scale * seen @ said.T, wanted).sum() / wanted.sum()

    def losses(self):
        t, ids = self.texts, self.draw()
        with torch.autocast('cpu', torch.bfloat16, enabled=FAST == torch.bfloat16):
            said = text_features(self.model, t.tokens[ids])
        where, target = unit(said.float()), self.targets[t.target[ids]]
        sure = t.sure[t.target[ids]]
        names = torch.cat([self.names[t.classes], some(self.names, 1000)])
        out = {}
        for name, bank in (('names', names), ('pictures', some(self.pictures, 1000))):
            with torch.autocast('cpu', torch.bfloat16, enabled=FAST == torch.bfloat16):
                wanted, found = target @ bank.T, where @ bank.T
            wanted = (SHARP * wanted.float()).log_softmax(1)
            kl = (wanted.exp() * (wanted - (SHARP * found.float()).log_softmax(1))).sum(1)
            out[name] = (kl * sure).mean()
        out['place'] = ((1 - (where * target).sum(1)) * sure).mean()
        out['kinds'], out['renders'], out['classes'] = self.between_kinds(), self.among_renders(), self.among_classes()
        if not self.o.keep:
            out['sentence'] = (1 - F.cosine_similarity(self.read(said.float()), t.sentences[t.sentence[ids]])).mean()
        return out

    def run(self):
        o, step, total, cpu, start = self.o, 0, {}, time.process_time(), time.time()
        clock = time.time if o.clock else time.process_time
        begun = clock()
        while (done := (clock() - begun) / 60 / o.minutes) < 1:
            rate = o.rate * min(1, (step + 1) / 50) * (.5 + .5 * math.cos(math.pi * done)) + 1e-6
            for optimiser in self.optimisers:
                for g in optimiser.param_groups:
                    g['lr'] = rate
            loss = self.losses()
            for optimiser in self.optimisers:
                optimiser.zero_grad(set_to_none=True)
            sum(WEIGHTS[k] * v for k, v in loss.items()).backward()
            nn.utils.clip_grad_norm_(list(self.tower.values()), 1.)
            for optimiser in self.optimisers:
                optimiser.step()
            step += 1
            keep = min(.98, step / (step + 10))
            for n, p in self.tower.items():
                self.average[n].lerp_(p.detach(), 1 - keep)
            for k, v in loss.items():
                total[k] = total.get(k, 0) + v.item()
            if step % 20 == 0:
                print(step, f'{100 * done:.0f} %', f'{time.time() - start:.0f} s', f'{step * o.batch / (time.process_time() - cpu):.0f} texts/s of work',
                      *(f'{k} {v / 20:.3f}' for k, v in total.items()), flush=True)
                total = {}
            if step % 100 == 0:
                self.save()
        self.save()
        print(step, 'steps', self.quick_figures())

    def save(self):
        path = f'{self.o.out}/text.pt'
        torch.save(dict(tower=self.average, read=self.read.state_dict()), path + '.part')
        os.replace(path + '.part', path)

    @torch.no_grad()
    def quick_figures(self):
        """How many classes' names find the class's place first; where the tower puts the names."""
        for n, p in self.tower.items():
            p.data.copy_(self.average[n])
        said = sum(torch.cat([unit(text_features(self.model, self.texts.tokens[part])) for part in ids.split(512)]) for ids in self.ways)
        said = unit(said)
        torch.save(said, f'{self.o.out}/said.pt')
        c = self.texts.classes
        first = ((said[c] @ self.names[c].T).argmax(1) == torch.arange(1000)).float().mean()
        return f'{100 * first:.1f} % of classes by name, cosine with the places {(said * self.names).sum(1).mean():.3f}'


def main():
    a = argparse.ArgumentParser()
    a.add_argument('raw')
    a.add_argument('out')
    a.add_argument('--minutes', type=float, default=8, help='of processor time, both cores together')
    a.add_argument('--clock', action='store_true', help='count the minutes by the clock instead')
    a.add_argument('--batch', type=int, default=512)
    a.add_argument('--rate', type=float, default=1e-3)
    a.add_argument('--keep', type=int, default=0, help='so many texts stay where the tower puts them: only what renders show and kinds learn')
    a.add_argument('--start', default='tests/models/kin-small', help='the folder whose text tower to begin with')
    a.add_argument('--threads', type=int, default=2)
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    Trainer(o).run()


if __name__ == '__main__':
    main()
