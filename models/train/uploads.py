#!/usr/bin/env python3
"""What people try:  uploads.py RAW DATA OUT  writes pictures to upload, none of them trained on, for tools/uploads.js.

Photos and drawings of other people than those who made the catalogue: the photo sets' `val` rows, by label the first ones by
name; OpenMoji; stamps on a table of planks; and photos that come with scikit-image and Matplotlib, two of them portraits
(NASA and the US Navy, public domain).
"""
import csv
import os
import sys
import tarfile

import numpy as np
from PIL import Image

LABELS = dict(grocery=['Granny Smith'] * 4 + ['Banana', 'Carrots'], clothing=['Shoes'] * 4 + ['Dress', 'Hat', 'T-Shirt'],
              caltech101=['laptop', 'camera', 'butterfly', 'sunflower', 'electric guitar', 'umbrella', 'chair', 'grand piano'])
OPENMOJI = dict(sofa='1f6cb', lion='1f981')
STRANGERS = ('astronaut.png', 'grace_hopper.jpg', 'chelsea.png', 'coffee.png', 'motorcycle_left.png', 'rocket.jpg', 'clock_motion.png')
ON_TABLE = [('food/fruit/banana', 330, 270, 150), ('household/dishes/mug', 150, 50, 60), ('household/dishes/glass', 150, 620, 60),
            ('household/tools/plyers', 170, 590, 400), ('household/tools/paintbrush_large', 190, 60, 380)]


def on_white(im, size=480):
    im = im.convert('RGBA').resize((size, size))
    return Image.alpha_composite(Image.new('RGBA', im.size, 'white'), im)


def table(stamps):
    """Planks 100 pixels wide, with grain, and things on them."""
    rng = np.random.default_rng(7)
    plank = np.repeat(rng.uniform(-14, 14, 8), 100)[:600, None]
    grain = np.repeat(rng.normal(0, 9, (600, 40)), 20, 1) + rng.normal(0, 4, (600, 800))
    ground = np.array([168, 118, 72]) + (plank + grain)[..., None]
    ground[::100] -= 60
    im = Image.fromarray(ground.clip(0, 255).astype('u1')).convert('RGBA')
    for name, size, x, y in ON_TABLE:
        thing = Image.open(f'{stamps}/{name}.png').convert('RGBA')
        k = size / max(thing.size)
        thing = thing.resize((max(1, int(thing.width * k)), max(1, int(thing.height * k))))
        im.alpha_composite(thing, (x, y))
    return im


def main():
    raw, data, out = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    for set_, labels in LABELS.items():
        with open(f'{data}/{set_}.csv', encoding='utf-8') as f:
            rows = sorted((r for r in csv.DictReader(f) if r['split'] == 'val'), key=lambda r: r['file'])
        with tarfile.open(f'{data}/{set_}.tar') as tar:
            members = {os.path.basename(m.name): m for m in tar.getmembers()}
            taken = {}
            for label in labels:
                n = taken[label] = taken.get(label, 0) + 1
                of = [r for r in rows if r['label'] == label]
                if len(of) < n:
                    raise SystemExit(f'{set_} has no {label} among its val rows: {sorted({r["label"] for r in rows})}')
                photo = tar.extractfile(members[os.path.basename(of[(n - 1) * len(of) // 4]['file'])]).read()
                with open(f'{out}/{set_}-{label.lower().replace(" ", "-")}-{n}.jpg', 'wb') as f:
                    f.write(photo)
    for name, code in OPENMOJI.items():
        on_white(Image.open(f'{raw}/openmoji/{code}.png')).convert('RGB').save(f'{out}/openmoji-{name}.png')
    table(f'{raw}/stamps').convert('RGB').save(f'{out}/table-banana.png')
    for name in STRANGERS:
        Image.open(f'{raw}/strangers/{name}').convert('RGB').save(f'{out}/stranger-{name.split(".")[0]}.png')


if __name__ == '__main__':
    main()
