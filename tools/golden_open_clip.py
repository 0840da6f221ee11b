#!/usr/bin/env python3
"""Tiny random models in open_clip's form and what open_clip computes with them.

    python3 tools/golden_open_clip.py      (packages: tools/requirements.txt)

Writes tests/golden/open_clip/<name>/: open_clip_config.json and open_clip_model.safetensors as open_clip saves them, and
expected.safetensors: picture U8 [H, W, 3], pixels U8 [S, S, 3] as open_clip's own transform makes them,
image.embedding F32 [E] of unit length; ids I32 [T] (padded with the end token, which is the largest), text.embedding.
Ids are those of the vocabulary in tests/golden/tower.

EfficientNet-Lite0 has too many weights to keep. tests/golden/open_clip/lite0/ has layout.json, a list of
[name, shape, scale]: value i of tensor number t is noise(t, i) times the scale, in float32; tensors without a scale lie in
stored.safetensors (F16), batch norms as they measure pictures, so that activations are as those of trained networks.
expected.safetensors is for two configurations of these weights, open_clip_config.<name>.json: pictures.<name> U8
[n, H, W, 3] of the model's own size, image.<name> F32 [n, E].
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


def noise(tensor, n):
    """Odd numbers from -255 to 255; tests/c/noise.h and tests/node/towers.js have it too."""
    h = np.arange(n, dtype=np.uint64) * 2654435761 + tensor * 40503 + 12345 & 0xFFFFFFFF
    h = (h ^ h >> 15) * 2246822519 & 0xFFFFFFFF
    h ^= h >> 13
    return ((h >> 8 & 255).astype(np.int64) * 2 - 255).astype(np.float32)


def lite0():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    folder = os.path.join(HERE, 'lite0')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    configs = {name: dict(embed_dim=64, text_cfg=TEXT, vision_cfg=dict(timm_model_name=network, timm_pool='avg', timm_proj='linear',
                                                                       image_size=size))
               for name, network, size in (('same', 'tf_efficientnet_lite0', 96), ('symmetric', 'efficientnet_lite0', 72))}
    models = {name: open_clip.CLIP(**config).eval() for name, config in configs.items()}
    model = models['same']
    layout, state = [], {}
    for t, (name, value) in enumerate(model.state_dict().items()):
        if not value.is_floating_point():
            continue
        scale = None
        if value.ndim > 1: # as much comes out as goes in: halves of it are cut off
            scale = float(np.float32(np.sqrt(6 / np.prod(value.shape[1:])) / 255))
            state[name] = torch.from_numpy(noise(len(layout), value.numel()) * np.float32(scale)).reshape(value.shape)
        layout.append([name, list(value.shape), scale])
    model.load_state_dict(state, strict=False)
    trunk = model.visual.trunk
    pixels = lambda pictures: (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    draw = lambda n, size: np.stack([picture(rng, (size, size)) for _ in range(n)])
    with torch.no_grad():
        for module in trunk.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.copy_(1 + 0.3 * torch.randn_like(module.weight))
                module.bias.copy_(1 + 0.5 * torch.randn_like(module.bias)) # mostly not cut off: else a rounding grows to chaos
                module.momentum = None
                module.reset_running_stats()
        trunk.train()(pixels(draw(16, 96)))
        model.eval()
        stored = {name: value.half() for name, value in model.state_dict().items() if value.is_floating_point() and name not in state}
        out = {}
        for name, its in models.items():
            its.load_state_dict({**state, **{key: value.float() for key, value in stored.items()}}, strict=False)
            size = configs[name]['vision_cfg']['image_size']
            pictures = draw(2, size)
            vectors = its.encode_image(pixels(pictures))
            out[f'pictures.{name}'] = pictures
            out[f'image.{name}'] = (vectors / vectors.norm(dim=-1, keepdim=True)).numpy()
            print('lite0', name, 'two pictures are alike by', float((out[f'image.{name}'][0] * out[f'image.{name}'][1]).sum()))
            with open(os.path.join(folder, f'open_clip_config.{name}.json'), 'w', encoding='utf-8') as f:
                json.dump({'model_cfg': configs[name], 'preprocess_cfg': HALF}, f, indent=1)
    save_file({name: value.contiguous() for name, value in stored.items()}, os.path.join(folder, 'stored.safetensors'))
    save_arrays(out, os.path.join(folder, 'expected.safetensors'))
    with open(os.path.join(folder, 'layout.json'), 'w', encoding='utf-8') as f:
        f.write('[\n' + ',\n'.join(json.dumps(line) for line in layout) + '\n]\n')


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


if __name__ == '__main__':
    lite0()
    main()
