#!/usr/bin/env python3
"""Part of step 1:  icons.py RAW  draws the SVG emoji sets as PNG files named by code point.

Iconify's packages hold one JSON file a set, icons by name. A name is matched with emojibase's label;
icons without a match (skin tones, marks) are left out. OpenMoji, for judging only, is a folder of files.
"""
import glob
import json
import os
import re
import sys

import resvg_py

SETS = dict(flat='fluent-emoji-flat', emojione='emojione', noto1='noto-v1', firefox='fxemoji', outline='streamline-emojis',
            contrast='fluent-emoji-high-contrast')
SIDE = 128


def plain(name):
    return re.sub('[^a-z0-9]', '', name.lower().replace('&', 'and').replace('é', 'e').replace('ñ', 'n'))


def draw(svg, path):
    """False where the renderer does not take an icon."""
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE))
    except ValueError:
        return False
    with open(path, 'wb') as f:
        f.write(png)
    return True


def main():
    raw = sys.argv[1]
    with open(f'{raw}/emojibase/en/data.json', encoding='utf-8') as f:
        codes = {plain(e['label']): e['hexcode'].lower() for e in json.load(f)}
    for style, package in SETS.items():
        with open(f'{raw}/packages/node_modules/@iconify-json/{package}/icons.json', encoding='utf-8') as f:
            icons = json.load(f)
        os.makedirs(f'{raw}/{style}', exist_ok=True)
        w, h, n = icons.get('width', 16), icons.get('height', 16), 0
        for name, icon in icons['icons'].items():
            code = codes.get(plain(name))
            if code is None:
                continue
            body = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ' \
                   f'viewBox="0 0 {icon.get("width", w)} {icon.get("height", h)}">{icon["body"]}</svg>'
            n += draw(body, f'{raw}/{style}/{code}.png')
        print(f'{style}: {n} of {len(icons["icons"])} icons')
    os.makedirs(f'{raw}/openmoji', exist_ok=True)
    for path in glob.glob(f'{raw}/openmoji-package/color/svg/*.svg'):
        code = os.path.basename(path)[:-4].lower()
        if code in codes.values():
            with open(path, encoding='utf-8') as f:
                draw(f.read(), f'{raw}/openmoji/{code}.png')


if __name__ == '__main__':
    main()
