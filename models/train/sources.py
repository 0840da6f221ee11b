"""What there is to train on and to judge on: a record for each picture, and captions for each record.

`raw` is a folder of packages as fetch.sh leaves them, `data` the folder with the photo sets (tar and
csv). A record is a dict: kind, path, split, name, tags, thing. Pictures with the same `thing` show the
same kind of thing, whatever their style: an emoji's code point, or a photo set's label.
"""
import csv
import glob
import hashlib
import json
import os
import random
import re

from words import GROUPS, THINGS, WordNet, held_out

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTO_SETS = ('clothing', 'grocery', 'caltech101', 'trashnet')
# Sets of emoji to train on. Fluent's renders come first: they are the catalogue that is searched.
STYLES = ('fluent', 'google', 'twitter', 'flat', 'emojione', 'noto1', 'firefox')
LINED = ('outline', 'contrast')       # the same, with black lines or black alone
# What people call the clothing set's labels.
CLOTHES = {'Body': 'bodysuit', 'Longsleeve': 'long sleeve shirt', 'Outwear': 'jacket',
           'Polo': 'polo shirt'}
# Folders of Openclipart that hold things, and what its file names say besides.
CLIPART = ('animals', 'buildings/furniture', 'buildings/homes', 'computer/hardware', 'containers', 'education', 'electronics',
           'food', 'office', 'people/clothing', 'plants', 'recreation/music', 'recreation/sports', 'recreation/toys', 'science',
           'tools', 'transportation/boating', 'transportation/vehicles')
NOT_SAID = {'star', 'jean', 'mike', 'file', 'head', 'mini', 'top', 'rule', 'menu', 'mail', 'package', 'hotel', 'sub', 'board', 'dock',
            'switch', 'screen', 'cell', 'van', 'rock', 'light', 'mouse trap', 'ice', 'pie chart', 'wing', 'spiral', 'school'}
# What the trashnet set's materials mostly are there.
WASTE = {'cardboard': 'cardboard box', 'glass': 'glass bottle', 'metal': 'tin can', 'paper': 'sheet of paper',
         'plastic': 'plastic bottle', 'rubbish': 'wrapper'}
SKIN = re.compile('1f3f[b-f]')


def code_point(text):
    """One spelling of a code point sequence: no leading zeros, no variation selector."""
    parts = (p.lstrip('0') for p in re.split('[-_]', text.lower()))
    return '-'.join(p for p in parts if p != 'fe0f')


def drawing_held_out(code):
    """One code point in ten: its drawings, in every style but the renders, are not trained on."""
    return int(hashlib.sha256(code.encode()).hexdigest(), 16) % 10 == 0


def with_article(name):
    return ('an ' if name[:1] in 'aeiou' else 'a ') + name


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


class Sources:
    def __init__(self, raw, data):
        self.raw, self.data = raw, data
        self.wordnet = WordNet(f'{raw}/wordnet')
        with open(f'{raw}/emojibase/en/data.json', encoding='utf-8') as f:
            self.emoji = {code_point(e['hexcode']): e for e in json.load(f)}
        by_name = {e['label']: code for code, e in self.emoji.items()}
        self.labels = set(by_name)
        # (photo set, label) -> code points of the same thing
        self.same = {}
        with open(f'{HERE}/kinds.csv', encoding='utf-8') as f:
            for row in csv.DictReader(f):
                self.same[row['set'], row['kind']] = [by_name[n] for n in row['emoji'].split(';')]

    def emoji_pictures(self, style):
        """code point -> file; style is one of STYLES, or openmoji. No skin tones."""
        out = {}
        for path in sorted(glob.glob(f'{self.raw}/{style}/*.*')):
            if not SKIN.search(stem(path).lower()):
                out.setdefault(code_point(stem(path)), path)
        return out

    def photos(self, set_):
        with open(f'{self.data}/{set_}.csv', encoding='utf-8') as f:
            for row in csv.DictReader(f):
                label = row['label']
                kind = 'iconic' if row['split'] == 'iconic' else set_.removesuffix('101')
                joined = self.same.get((set_.removesuffix('101'), label), [])
                name = CLOTHES.get(label, label).lower()
                tags = [row['coarse'].lower()] if 'coarse' in row else []
                tags += [WASTE[label]] if set_ == 'trashnet' else []
                yield dict(kind=kind, path=row['file'], name=name, tags=tags,
                           split='val' if row['split'] == 'val' else 'train',
                           text=row.get('description', ''), thing=f'{set_} {label}', joined=joined,
                           kids=row.get('kids') == 'True')

    def drawn(self, styles):
        for style in styles:
            for code, path in self.emoji_pictures(style).items():
                entry = self.emoji.get(code)
                if entry is None and style != 'fluent':
                    continue
                entry = entry or dict(label=code)
                kept = style != 'fluent' and drawing_held_out(code)
                yield dict(kind=style, path=path, name=entry['label'], tags=entry.get('tags', []),
                           split='val' if kept else 'train', thing=f'emoji {code}', joined=[code],
                           group=entry.get('group'))

    def clipart(self):
        """Openclipart's drawings whose file name begins with a thing's: "soft_blue_couch_jonadab_01". None of an emoji
        whose drawings are held out."""
        shows = {words[0]: [] for _, words in self.imagenet()}
        for set_ in PHOTO_SETS[:3]:
            shows |= {r['name']: r['joined'] for r in self.photos(set_)}
        shows |= {e['label'].lower().removesuffix(' face'): [c] for c, e in self.emoji.items() if e.get('group') in GROUPS}
        for name in NOT_SAID:
            shows.pop(name, None)
        seen = set()
        for path in sorted(p for folder in CLIPART for p in glob.glob(f'{self.raw}/openclipart/{folder}/**/*.png', recursive=True)):
            words = [w for w in re.split('[^a-z]+', stem(path).lower()) if w]
            parts = [' '.join(words[i:i + n]) for n in (3, 2, 1) for i in range(3) if i + n <= len(words)]
            name = next((said for p in parts for said in (p, p.removesuffix('s')) if said in shows), None)
            if name is None or stem(path) in seen or any(drawing_held_out(c) for c in shows[name]):
                continue
            seen.add(stem(path))        # some lie in two folders
            thing = f'emoji {shows[name][0]}' if shows[name] else f'clipart {name}'
            yield dict(kind='clipart', path=path, name=name, tags=[], split='train', thing=thing, joined=shows[name])

    def records(self):
        """What matters most comes first, so that a part of it is useful."""
        yield from self.drawn(STYLES[:1])
        for set_ in PHOTO_SETS:
            yield from self.photos(set_)
        yield from self.drawn(STYLES[1:])
        yield from self.drawn(LINED)
        yield from self.clipart()

    def captions(self, r, colour=''):
        """(text, weight) pairs. A held-out synonym is never among them unless it is a name or tag."""
        name, kind, seed = r['name'], r['kind'], random.Random(r['path'])
        if name.startswith('flag: '):
            name = 'flag of ' + name[6:]
        a = with_article(name)
        out = [(name, 3), (f'a photo of {a}', 3), (a, 1), (f'a picture of {a}', 1)]
        if kind in ('grocery', 'iconic', 'clothing', 'caltech'):
            out += [(f'a close-up photo of {a}', 1), (f'a photo of the {name}', 1)]
            out += [(p + with_article(t), 1.5) for t in r['tags'] for p in ('', 'a photo of ')]
        if kind in ('grocery', 'iconic'):
            out += [(f'{name} in a shop', .5)] + [(f'{name}, a kind of {t}', 1) for t in r['tags']]
            out += [(r['text'][:150], 1)] if r['text'] else []
        if kind == 'clothing':
            out += [(f'{a} on a hanger', .5), (f'{a} lying on the floor', .5)]
            out += [(f"child's {name}", 1)] if r['kids'] else []
        style = dict(fluent='a 3d render of', google='an emoji of', twitter='a flat icon of',
                     flat='a flat icon of', emojione='an emoji of', noto1='an emoji of',
                     firefox='an icon of').get(kind)
        if style:
            tags = r['tags'][:12]
            out += [(f'{style} {a}', 1)] + [(t, 2 / len(tags)) for t in tags]
            out += [(' '.join(seed.sample(tags, 2)), 1)] if len(tags) > 1 else []
        if colour:
            out += [(f'{colour} {name}', 1), (f'a {colour} {name}', .5)]
        names, files = self.meanings(r)
        same = [w for n in names for w in self.wordnet.synonyms(n, files) if not held_out(w)]
        wider = [w for n in names[:1] for w in self.wordnet.wider(n, files)]
        out += [(w, 2 / len(same)) for w in same]
        out += [(f'a photo of {with_article(w)}', 2 / len(same)) for w in same]
        out += [(w, 1.5 / len(wider)) for w in wider]
        out += [(f'{name}, a kind of {w}', .5 / len(wider)) for w in wider]
        return out

    def meanings(self, r):
        """The words to look up in WordNet for a record, and the files they may be found in."""
        if r['kind'] in STYLES + LINED:
            files = GROUPS.get(r['group'])
            return ([r['name']] if files else []), files
        joined = [self.emoji[c]['label'] for c in r['joined'] if c in self.emoji]
        return [r['name']] + r['tags'] + joined, THINGS

    def emoji_meaning(self, code):
        """The WordNet meaning of an emoji of a thing: of its name, of its name without "face", or of the first of two
        things ("couch and lamp") where no emoji shows that alone."""
        e = self.emoji[code]
        files = GROUPS.get(e.get('group'))
        name = e['label'].removesuffix(' face')
        first = name.split(' and ')[0]
        return files and (self.wordnet.sense(name, files) or (first not in self.labels and self.wordnet.sense(first, files)) or None)

    def imagenet(self):
        """(meaning, names) of the 1,000 classes; WordNet has a meaning with just these words for each."""
        by_words = {}
        for offset, words in self.wordnet.words.items():
            by_words.setdefault(', '.join(words).lower(), offset)
        with open(f'{self.data}/imagenet_labels.txt', encoding='utf-8') as f:
            lines = [line.strip() for line in f][1:]        # row 0 is "background"
        return [(by_words[line.lower()], line.lower().split(', ')) for line in lines]

    def unseen_names(self):
        """(synonym, code point): WordNet's other words for an emoji, kept out of all training texts."""
        out, renders = [], self.emoji_pictures('fluent')
        said = {t.lower() for e in self.emoji.values() for t in [e['label'], *e.get('tags', ())]}
        for code, e in self.emoji.items():
            files = GROUPS.get(e.get('group'))
            for w in self.wordnet.synonyms(e['label'], files) if files and code in renders else ():
                if held_out(w) and w not in said:
                    out.append((w, code))
        return out

    def unseen_classes(self):
        """(synonym, class): other words for an ImageNet class, kept out of all training texts."""
        first = {words[0] for _, words in self.imagenet()}
        said = first | {t.lower() for e in self.emoji.values() for t in [e['label'], *e.get('tags', ())]}
        said |= {r['name'] for set_ in PHOTO_SETS for r in self.photos(set_)}
        return [(w, c) for c, (_, words) in enumerate(self.imagenet()) for w in words[1:]
                if held_out(w) and w not in said]

    def unseen_words(self):
        return {w for w, _ in self.unseen_names()} | {w for w, _ in self.unseen_classes()}
