"""WordNet 3.0: other words for a name, and the wider words above it.

data.noun has a synset a line, `offset lexfile n count(hex) word id … pointers | gloss`; index.noun
gives a word's synsets, commonest first. A name such as "bat" has several meanings, so the caller
says which lexicographer files (animals, food, artifacts …) its thing may belong to.
"""
import hashlib

ANIMAL, ARTIFACT, BODY, FOOD, OBJECT, PLANT = 5, 6, 8, 13, 17, 20
THINGS = (ANIMAL, ARTIFACT, BODY, FOOD, OBJECT, PLANT)
# emojibase's groups: animals and nature, food, travel and places, activities, objects
GROUPS = {3: (ANIMAL, PLANT, OBJECT), 4: (FOOD, PLANT, ARTIFACT), 5: (ARTIFACT, OBJECT),
          6: (ARTIFACT,), 7: (ARTIFACT, BODY, OBJECT, FOOD)}
# Words so wide that they would join a violin and a jacket.
WIDE = set('''whole, unit, object, physical object, artifact, artefact, instrumentality, entity,
    physical entity, matter, substance, organism, being, living thing, animate thing, animal,
    animate being, beast, creature, fauna, article, covering, structure, device, instrumentation,
    abstraction, causal agent, commodity, consumer goods, good, chordate, vertebrate, craniate,
    mammal, mammalian, placental, placental mammal, eutherian, eutherian mammal, equipment,
    container, part, piece, portion, produce, solid, solid food, food, food product, foodstuff,
    nutrient, nutriment, nourishment, nutrition, sustenance, aliment, alimentation, victuals, plant,
    flora, plant life, vascular plant, tracheophyte, woody plant, ligneous plant, plant organ,
    plant part, plant structure, reproductive structure, material, natural object, implement,
    conveyance, transport, medium, system, construction, way, means'''.replace('\n    ', ' ').split(', '))
# The commonest meaning in an emoji's files is now and then not what it shows. These are passed over:
NOT_MEANT = set('''02450829 09269717 01688589 12593826 09390967 02581957 02279257 03728811 04598582 04597066 09213565 09213434 09213828
    04139859 03125184 04586932 04341686 02800213 03832673 04598965 03929660 03929443 03615133 03036149 04446276 03343560 05308141
    03138856 03481824 03878066 04317976 12262905 12262553 09308398 07620822 07614198 03754295 03579982 03558176 09470550 04469813
    04468847 03936764 05559256'''.split())   # a black cat that is a marten, a tornado that is cocaine, wood that is a wind instrument …
HELD_OUT = 5    # one synonym in five is never a caption: the evaluation asks with it


def held_out(word):
    """Whether a synonym is for judging only, where it is one of those that can be judged."""
    return int(hashlib.sha256(word.encode()).hexdigest(), 16) % HELD_OUT == 0


class WordNet:
    def __init__(self, folder):
        self.words, self.above, self.file, self.senses, self.gloss = {}, {}, {}, {}, {}
        for line in open(f'{folder}/data.noun', encoding='utf-8'):
            if line.startswith(' '):
                continue
            line, _, gloss = line.partition('|')
            field = line.split()
            offset, n = field[0], int(field[3], 16)
            self.file[offset], self.gloss[offset] = int(field[1]), gloss.strip()
            self.words[offset] = [field[4 + 2 * i].replace('_', ' ') for i in range(n)]
            pointers = field[5 + 2 * n:]
            self.above[offset] = [b for a, b in zip(pointers, pointers[1:]) if a == '@']
        for line in open(f'{folder}/index.noun', encoding='utf-8'):
            if not line.startswith(' '):
                field = line.split()
                self.senses[field[0].replace('_', ' ')] = field[-int(field[2]):]

        with open(f'{folder}/index.verb', encoding='utf-8') as f:
            self.verbs = {line.split()[0] for line in f if not line.startswith(' ')}

    def verb(self, doing):
        """"sitting" -> "sit", or None."""
        stem = doing.removesuffix('ing')
        for verb in (stem, stem + 'e', stem[:-1] if stem[-1:] == stem[-2:-1] else ''):
            if verb in self.verbs:
                return verb

    def sense(self, name, files=THINGS):
        """The commonest meaning of a name that lies in one of these files, as far as it can be meant, or None."""
        for word in (name.lower(), name.lower().removesuffix('s')):
            for offset in self.senses.get(word, ()):
                if self.file[offset] in files and offset not in NOT_MEANT:
                    return offset

    def synonyms(self, name, files=THINGS):
        s = self.sense(name, files)
        same = {name.lower(), name.lower().removesuffix('s')}
        # Capitals are proper names and Latin ones; nobody searches by those.
        return [w for w in self.words.get(s, ()) if w.lower() not in same and w.islower()]

    def wider(self, name, files=THINGS, steps=4):
        s, out = self.sense(name, files), []
        for _ in range(steps):
            s = next(iter(self.above.get(s, ())), None)
            if s is None:
                break
            out += [w for w in self.words[s] if w.islower() and w not in WIDE][:2]
        return out
