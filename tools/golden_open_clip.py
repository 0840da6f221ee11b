#!/usr/bin/env python3
"""Tiny random models in open_clip's form and what open_clip computes with them.

    python3 tools/golden_open_clip.py      (packages: tools/requirements.txt)

Writes tests/golden/open_clip/<name>/: open_clip_config.json and open_clip_model.safetensors as open_clip saves them, and
expected.safetensors: picture U8 [H, W, 3], pixels U8 [S, S, 3] as open_clip's own transform makes them,
image.embedding F32 [E] of unit length; ids I32 [T] (padded with the end token, which is the largest), text.embedding.
Ids are those of the vocabulary in tests/golden/tower.
"""
import json
import os
import shutil

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

HERE = os.path.join(os.path.dirname(__file__), '..', 'tests', 'golden', 'open_clip')
END = 95
TEXT = dict(context_length=12, vocab_size=END + 1, width=32, heads=2, layers=2)
HALF = dict(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])

# Names say what differs. The pictures' longer sides leave 3 and 7 pixels more than the crop, where roundings differ.
MODELS = {
    'vit-gelu': dict(dtype=torch.float32, quick=False, picture=(32, 35), preprocess=dict(interpolation='bicubic', resize_mode='shortest'),
                     vision=dict(image_size=32, layers=2, width=48, patch_size=8, head_width=16)),
    'vit-quick-f16': dict(dtype=torch.float16, quick=True, picture=(78, 64), preprocess=dict(interpolation='bilinear', **HALF),
                          vision=dict(image_size=32, layers=2, width=40, patch_size=8, head_width=20, mlp_ratio=3.6)),
    'vit-squash-bf16': dict(dtype=torch.bfloat16, quick=False, picture=(40, 90), preprocess=dict(resize_mode='squash', **HALF),
                            vision=dict(image_size=24, layers=1, width=32, patch_size=12, head_width=32)),
}


def picture(rng, size):
    """Blocks of colour under noise: something at every frequency."""
    h, w = size
    blocks = np.kron(rng.integers(0, 256, (h // 8 + 1, w // 8 + 1, 3)), np.ones((8, 8, 1), int))[:h, :w]
    return np.clip(blocks + rng.integers(-20, 21, (h, w, 3)), 0, 255).astype(np.uint8)


def spread(model):
    """Random weights as they come make towers that hardly look at their input."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if 'ln_' in name and name.endswith('weight'):
                p.mul_(1 + 0.3 * torch.randn_like(p))
            elif name.endswith('bias'):
                p.add_(0.1 * torch.randn_like(p))
            elif p.ndim == 2 and 'embedding' not in name:
                p.mul_(2)


def main():
    for seed, (name, m) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        folder = os.path.join(HERE, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        config = dict(embed_dim=24, vision_cfg=m['vision'], text_cfg=TEXT, **({'quick_gelu': True} if m['quick'] else {}))
        model = open_clip.CLIP(**config).eval()
        spread(model)
        model = model.to(m['dtype'])
        save_file({key: value.contiguous() for key, value in model.state_dict().items()},
                  os.path.join(folder, 'open_clip_model.safetensors'))
        with open(os.path.join(folder, 'open_clip_config.json'), 'w', encoding='utf-8') as f:
            json.dump({'model_cfg': config, 'preprocess_cfg': m['preprocess']}, f, indent=1)
        model = model.float()
        source = picture(rng, m['picture'])
        transform = open_clip.image_transform(m['vision']['image_size'], False, **m['preprocess'])
        steps = [step for step in transform.transforms if type(step).__name__ != 'Normalize']
        pixels = Image.fromarray(source)
        for step in steps:
            pixels = step(pixels)
        ids = np.full(TEXT['context_length'], END, dtype=np.int32)
        ids[:7] = [END - 1, *rng.integers(0, END - 1, 5), END]
        unit = lambda v: (v / v.norm(dim=-1, keepdim=True)).numpy()
        with torch.no_grad():
            save_arrays({
                'picture': source,
                'pixels': np.ascontiguousarray((pixels * 255).round().byte().permute(1, 2, 0).numpy()),
                'image.embedding': unit(model.encode_image(transform(Image.fromarray(source))[None]))[0],
                'ids': ids, 'text.embedding': unit(model.encode_text(torch.from_numpy(ids)[None].long()))[0],
            }, os.path.join(folder, 'expected.safetensors'))
        print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), 'bytes')


main()
