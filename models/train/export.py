#!/usr/bin/env python3
"""Step 6, export:  export.py RAW OUT FOLDER  writes an open_clip folder and holds it against open_clip."""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file

from head import load
from model import CONFIG, PREPROCESS, SIZE, lower, new_model, text_features, upper
from pictures import Pictures, Texts
from rounding import round_body, shown


def main():
    raw, out, folder = sys.argv[1:4]
    os.makedirs(folder, exist_ok=True)
    texts = Texts(out)
    pictures = Pictures(out, texts)
    head, trunk = load(out, pictures, texts, raw)
    model = new_model()
    model.visual.trunk.load_state_dict(trunk.state_dict())
    round_body(model.visual.trunk, shown(out, pictures.records, 256))
    model.load_state_dict(torch.load(f'{out}/text.pt')['tower'], strict=False)
    model.visual.head.proj.weight.data.copy_(head.weight())
    model.logit_scale.data.copy_(head.scale.data)
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
