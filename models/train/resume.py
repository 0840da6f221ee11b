#!/usr/bin/env python3
"""In place of a first head.py:  resume.py RAW OUT FOLDER  begins with the 8-bit model in FOLDER, such as the one that is shipped.

Writes OUT/head.pt and OUT/text.pt, from which head.py and text.py go on: the body's upper part and the projection as the
folder has them, norms folded in; the text tower; the places of the names where that tower puts them; and the linear map
to MiniLM's embeddings that fits its answers best (least squares).
"""
import math
import sys

import numpy as np
import torch
import torch.nn as nn
from safetensors.numpy import load_file

from head import Head
from model import DIM, TEMPLATES, begin_image, begin_text, new_model, text_features, text_tower
from pictures import Pictures, Texts, unit
from rounding import settle
from sources import with_article


def body(trunk, stored, begin=0):
    """The body from a block on as an 8-bit folder's image.safetensors has it, by Kin's names (docs/format.md), norms folded in."""
    def take(name, conv, norm):
        name = f'vision_model.{name}'
        weight = torch.from_numpy(stored[f'{name}.weight'].astype('f4'))
        if f'{name}.weight_scale' in stored:
            weight = weight * torch.from_numpy(stored[f'{name}.weight_scale'])[:, None]
        settle(conv, norm, weight, torch.from_numpy(stored[f'{name}.bias']))
    if not begin:
        take('stem', trunk.conv_stem, trunk.bn1)
    for i, b in list(enumerate(block for stage in trunk.blocks for block in stage))[begin:]:
        first = not hasattr(b, 'conv_pwl')      # without a layer that expands
        if not first:
            take(f'blocks.{i}.expand', b.conv_pw, b.bn1)
        take(f'blocks.{i}.depthwise', b.conv_dw, b.bn1 if first else b.bn2)
        take(f'blocks.{i}.project', *((b.conv_pw, b.bn2) if first else (b.conv_pwl, b.bn3)))
    take('head', trunk.conv_head, trunk.bn2)


@torch.no_grad()
def said_of(model, tokens):
    return torch.cat([text_features(model, part) for part in tokens.split(512)])


@torch.no_grad()
def main():
    raw, out, folder = sys.argv[1:4]
    texts = Texts(out)
    pictures = Pictures(out, texts)
    head, model = Head(pictures, texts), new_model()
    begin_image(model, raw)
    stored = load_file(f'{folder}/image.safetensors')
    trunk = model.visual.trunk
    body(trunk, stored, sum(len(stage) for stage in trunk.blocks[:5]) + 1)      # what the kept maps lead into
    begin_text(model, folder)
    number = {x: i for i, x in enumerate(texts.texts)}
    names = sum(unit(said_of(model, texts.tokens[[number.get(t.format(n if t == '{}' else with_article(n)), number.get(n, 0))
                                                  for n in texts.names]])) for t in TEMPLATES)
    head.names.copy_(unit(names))
    head.project.copy_(torch.from_numpy(stored['visual_projection.weight'].astype('f4')) * head.std)
    head.scale.fill_(float(stored['logit_scale']))
    assert head.scale.exp() < 200, math.exp(head.scale)
    trunk = {k: v for k, v in trunk.state_dict().items() if k.startswith(('blocks.5', 'blocks.6', 'conv_head', 'bn2'))}
    torch.save(dict(head=head.state_dict(), trunk=trunk, tuned=True), f'{out}/head.pt')

    some = torch.randperm(len(texts.tokens))[:20000]
    said, target = said_of(model, texts.tokens[some]), texts.sentences[texts.sentence[some]]
    read = nn.Linear(DIM, target.shape[1])
    ones = torch.cat([said, torch.ones(len(said), 1)], 1)
    solved = torch.linalg.lstsq(ones, target).solution
    read.weight.copy_(solved[:-1].T), read.bias.copy_(solved[-1])
    torch.save(dict(tower=text_tower(model), read=read.state_dict()), f'{out}/text.pt')
    near = torch.cosine_similarity(ones @ solved, target).mean()
    print(f'{folder}: cosine with MiniLM by a linear map {near:.3f}, scale {head.scale.exp():.1f}')


if __name__ == '__main__':
    main()
