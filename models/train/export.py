#!/usr/bin/env python3
"""Step 6, export:  export.py RAW OUT FOLDER [--body MODEL [--share S]]  writes an open_clip folder and holds it against open_clip.

The body is rounded anew; with --body it is that of an 8-bit folder as it stands, where nothing of it was tuned since. With
--share 0.6 projection and text tower go so much of the way from that folder's, with which training began, to what was learnt.
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
    a.add_argument('--body', help='an 8-bit folder whose body is taken')
    a.add_argument('--share', type=float, default=1, help='of the way from there')
    o = a.parse_args()
    if o.share != 1 and not o.body:
        a.error('--share is of the way from a --body')
    raw, out, folder = o.raw, o.out, o.folder
    os.makedirs(folder, exist_ok=True)
    texts = Texts(out)
    pictures = Pictures(out, texts)
    head, trunk = load(out, pictures, texts, raw)
    model = new_model()
    model.visual.trunk.load_state_dict(trunk.state_dict())
    tower, project, scale = torch.load(f'{out}/text.pt')['tower'], head.weight(), head.scale.data
    if o.body:
        stored = load_file(f'{o.body}/image.safetensors')
        body(model.visual.trunk, stored)
        begin_text(model, o.body)
        tower = {k: model.state_dict()[k].lerp(v, o.share) for k, v in tower.items()}
        project = torch.from_numpy(stored['visual_projection.weight'].astype('f4')).lerp(project, o.share)
        scale = torch.tensor(float(stored['logit_scale'])).lerp(scale, o.share)
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
