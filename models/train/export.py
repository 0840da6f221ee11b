#!/usr/bin/env python3
"""Step 6, export:  export.py RAW OUT FOLDER [--begun MODEL [--share S] [--same-image]]  writes an open_clip folder and holds it
against open_clip.

MODEL is the 8-bit folder with which training began (resume.py). With --share 0.6 the text tower goes so much of the way from there
to what was learnt; with --same-image the image tower stays that folder's as it stands, where only words were taught.
"""
import argparse
import json
import os
import shutil

import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from head import load
from model import CONFIG, PREPROCESS, SIZE, begin_text, lower, new_model, text_features, upper
from pictures import Pictures, Texts
from resume import body
from rounding import round_body, shown


def main():
    a = argparse.ArgumentParser()
    for name in ('raw', 'out', 'folder'):
        a.add_argument(name)
    a.add_argument('--begun', help='the 8-bit folder with which training began')
    a.add_argument('--share', type=float, default=1, help='of the way from its text tower')
    a.add_argument('--same-image', action='store_true', help='its image tower as it stands')
    o = a.parse_args()
    if (o.share != 1 or o.same_image) and not o.begun:
        a.error('--share and --same-image are of a folder --begun')
    raw, out, folder = o.raw, o.out, o.folder
    os.makedirs(folder, exist_ok=True)
    texts = Texts(out)
    pictures = Pictures(out, texts)
    head, trunk = load(out, pictures, texts, raw)
    model = new_model()
    model.visual.trunk.load_state_dict(trunk.state_dict())
    tower, project, scale = torch.load(f'{out}/text.pt')['tower'], head.weight(), head.scale.data
    if o.share != 1:
        begin_text(model, o.begun)
        tower = {k: model.state_dict()[k].lerp(v, o.share) for k, v in tower.items()}
    if o.same_image:
        stored = load_file(f'{o.begun}/image.safetensors')
        body(model.visual.trunk, stored)
        project = torch.from_numpy(stored['visual_projection.weight'].astype('f4'))
        scale = torch.tensor(float(stored['logit_scale']))
    else:
        round_body(model.visual.trunk, shown(out, pictures.records, 256))
    model.load_state_dict(tower, strict=False)
    model.visual.head.proj.weight.data.copy_(project)
    model.logit_scale.data.copy_(scale)
    weights = {k: v.contiguous() for k, v in model.state_dict().items() if not k.endswith('num_batches_tracked')}
    save_file(weights, f'{folder}/open_clip_model.safetensors', metadata={'format': 'pt'})
    with open(f'{folder}/open_clip_config.json', 'w', encoding='utf-8') as f:
        json.dump(dict(model_cfg=CONFIG, preprocess_cfg=PREPROCESS), f, indent=2)
    for name in ('vocab.json', 'merges.txt', 'special_tokens_map.json', 'tokenizer_config.json'):
        shutil.copy(f'{out}/tokenizer/{name}', folder)

    import open_clip
    name = f'local-dir:{os.path.abspath(folder)}'
    loaded, preprocess = open_clip.create_model_from_pretrained(name)
    loaded.eval()
    ids = open_clip.get_tokenizer(name)(['a red shoe', 'three apples in a basket'])
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        image = model.visual.head(upper(model.visual.trunk, lower(model.visual.trunk, x)))
        off = max((loaded.encode_image(x) - image).abs().max().item(),
                  (loaded.encode_text(ids) - text_features(model, ids)).abs().max().item())
    print(f'open_clip gives the same within {off:.1e}; it prepares pictures by {preprocess}')
    assert off < 1e-3


if __name__ == '__main__':
    main()
