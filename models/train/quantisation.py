#!/usr/bin/env python3
"""What 8 bits cost, and what would make them cost less:  quantisation.py RAW DATA OUT MODEL [--report models/EVAL.md]

Each variant quantises the blocks' weights in its own way and rounds every activation that enters a product to
8 bits a token, in PyTorch; the last row is Kin's own engine. All are held against MODEL in f32 on held-out
photos and on names. What needs data takes it from the training pictures.

    scale      max: the row's largest weight is 63;  search: the scale of least squared error, of 17
    feedback   rounding column by column, later columns make up for the error (GPTQ, Frantar et al. 2022)
    bias       what the rounded weights change in the mean is taken out of the bias
    folding    loud channels' size moved from activations into weights (SmoothQuant, Xiao et al. 2022, alpha 0.5)

Rows of 512 inputs and more keep npx kin-clip convert's rule: in each block of 8 inputs the absolute values at places
0, 1, 4, 5 add up to at most 128, and so do those at 2, 3, 6, 7.
"""
import argparse
import copy
import json
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPModel, CLIPTokenizer

from augment import crops, normalise, warp
from evaluate import Sets, f32, q8
from model import image_features, text_features
from sources import Sources, with_article

GROUP = torch.tensor([0, 1, 0, 1]).repeat_interleave(2)     # of a block's 8 places


def keep_rule(q, x):
    """Least damage first, values of too full groups step towards zero. q, x (unrounded) [rows, inputs]."""
    rows, inputs = q.shape
    pad = -inputs % 8
    order = torch.tensor([0, 1, 4, 5, 2, 3, 6, 7])
    split = lambda v: F.pad(v, (0, pad)).view(rows, -1, 8)[:, :, order].reshape(-1, 4)
    g, want = split(q), split(x)
    while True:
        full = (g.abs().sum(1) > 128).nonzero()[:, 0]
        if not len(full):
            break
        part, goal = g[full], want[full]
        step = part - part.sign()
        damage = ((step - goal) ** 2 - (part - goal) ** 2).masked_fill(part == 0, float('inf'))
        at = damage.argmin(1, keepdim=True)
        g[full] = part.scatter(1, at, step.gather(1, at))
    out = g.view(rows, -1, 8)[:, :, order.argsort()].reshape(rows, -1)
    return out[:, :inputs]


def rounded(w, scale, rule):
    q = (w / scale).round().clamp(-64, 63)
    return keep_rule(q, w / scale) if rule else q


def scales(w, rule, search):
    """[rows, 1]: the best of 17 parts of the largest weight, or the largest alone."""
    top = w.abs().amax(1, keepdim=True).clamp(min=1e-12) / 63
    best, least = top, torch.full_like(top, float('inf'))
    for part in torch.linspace(1, .6, 17) if search else [torch.tensor(1.)]:
        s = top * part
        error = ((rounded(w, s, rule) * s - w) ** 2).sum(1, keepdim=True)
        best, least = torch.where(error < least, s, best), torch.minimum(error, least)
    return best


def with_feedback(w, scale, rule, hessian):
    """Column by column; the rule as a budget of each group."""
    inputs, w = w.shape[1], w.clone()
    h = hessian + .01 * hessian.diagonal().mean() * torch.eye(inputs)
    u = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    q, used = torch.zeros_like(w), torch.zeros(len(w), 2)
    for j in range(inputs):
        if j % 8 == 0:
            used.zero_()
        x = (w[:, j] / scale[:, 0]).round().clamp(-64, 63)
        if rule:
            g = GROUP[j % 8]
            room = 128 - used[:, g]
            x = torch.maximum(torch.minimum(x, room), -room)
            used[:, g] += x.abs()
        q[:, j] = x
        error = (w[:, j] - x * scale[:, 0]) / u[j, j]
        w[:, j + 1:] -= error[:, None] * u[j, j + 1:]
    return q


def eight_bits(x):
    """u8 with a scale and a zero point a token."""
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0)
    step = ((high - low) / 255).clamp(min=1e-12)
    zero = (-low / step).round()
    return ((x / step + zero).round().clamp(0, 255) - zero) * step


def block_layers(model):
    return [layer for tower in (model.vision_model, model.text_model) for layer in tower.encoder.layers]


def linears(model):
    for layer in block_layers(model):
        a = layer.self_attn
        yield from (a.q_proj, a.k_proj, a.v_proj, a.out_proj, layer.mlp.fc1, layer.mlp.fc2)


def embed(model, pixels, ids):
    with torch.inference_mode():
        seen = [model.visual_projection(model.vision_model(x).pooler_output) for x in pixels.split(128)]
        said = model.text_projection(model.text_model(ids).pooler_output)
    return F.normalize(torch.cat(seen), dim=1), F.normalize(said, dim=1)


def statistics(model, pixels, ids):
    """What enters each linear layer: second moments, mean, largest size of each channel."""
    found, hooks = {}, []

    def look(layer, inputs):
        x = inputs[0].flatten(0, -2)
        h, mean, n, top = found.get(layer, (0, 0, 0, torch.zeros(x.shape[1])))
        found[layer] = h + x.T @ x, mean + x.sum(0), n + len(x), torch.maximum(top, x.abs().amax(0))
    for layer in linears(model):
        hooks.append(layer.register_forward_pre_hook(look))
    embed(model, pixels, ids)
    for hook in hooks:
        hook.remove()
    return {layer: (h / n, mean / n, top) for layer, (h, mean, n, top) in found.items()}


def fold(model, seen):
    """Exact in floats: LayerNorm's outputs divided, the weights that read them multiplied."""
    for layer in block_layers(model):
        a = layer.self_attn
        for norm, readers in ((layer.layer_norm1, (a.q_proj, a.k_proj, a.v_proj)), (layer.layer_norm2, (layer.mlp.fc1,))):
            top = torch.stack([r.weight.abs().amax(0) for r in readers]).amax(0)
            factor = (seen[readers[0]][2].clamp(min=1e-5) / top.clamp(min=1e-5)).sqrt()
            factor = factor / factor.log().mean().exp()
            norm.weight.data.div_(factor)
            norm.bias.data.div_(factor)
            for r in readers:
                r.weight.data.mul_(factor)


@torch.no_grad()
def quantised(model, calibration, search=True, feedback=False, bias=False, folding=False):
    model = copy.deepcopy(model)
    if folding:
        fold(model, statistics(model, *calibration))
    seen = statistics(model, *calibration) if feedback or bias else {}
    for layer in linears(model):
        w, rule = layer.weight.data, layer.in_features >= 512
        scale = scales(w, rule, search)
        q = with_feedback(w, scale, rule, seen[layer][0]) if feedback else rounded(w, scale, rule)
        if bias:
            layer.bias.data += (w - q * scale) @ seen[layer][1]
        layer.weight.data = q * scale
        layer.register_forward_pre_hook(lambda _, inputs: (eight_bits(inputs[0]),))
    return model


def main():
    a = argparse.ArgumentParser()
    for name in ('raw', 'data', 'out', 'model'):
        a.add_argument(name)
    a.add_argument('--report', help='a markdown file whose second table to replace')
    o = a.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = CLIPModel.from_pretrained(o.model, dtype=torch.float32).eval()
    tokenizer = CLIPTokenizer.from_pretrained(o.model)
    with open(f'{o.out}/data.json', encoding='utf-8') as f:
        known = json.load(f)
    stored = np.load(f'{o.out}/pictures.npy', mmap_mode='r')
    train = [r for r in known['records'] if r['split'] == 'train'][::40]
    pictures = torch.from_numpy(np.stack([stored[r['picture']][:3] for r in train])).float()
    shape = torch.tensor([r['shape'] for r in train])
    pixels = normalise(warp(pictures, crops(shape, (.95, 1.), 0), 'reflection') / 255)
    ids = lambda texts: tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors='pt')['input_ids']
    calibration = pixels, ids(known['texts'][::60])

    sets = Sets(Sources(o.raw, o.data))
    photos = [p for name in ('caltech101', 'clothing', 'grocery') for p in sets.pictures[name][::3]]
    renders, words = sets.pictures['renders'], [f'a photo of {with_article(n)}' for n in known['texts'][7::40]]
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    processor = CLIPImageProcessorPil.from_pretrained(o.model)
    held = torch.from_numpy(np.concatenate([processor([p], return_tensors='np')['pixel_values'] for p in photos + renders]))
    seen, said = embed(model, held, ids(words))
    lead = (seen[:len(photos)] @ seen[len(photos):].T).topk(2, 1)
    clear = lead.values[:, 0] - lead.values[:, 1] > .01

    rows = ['| weights of the blocks | photos: mean cosine | worst | texts: mean | worst | first render the same | … with a clear lead |',
            '|---|---|---|---|---|---|---|']

    def row(name, v, t):
        image, text = (v * seen).sum(1)[:len(photos)], (t * said).sum(1)
        same = (v[:len(photos)] @ v[len(photos):].T).argmax(1) == lead.indices[:, 0]
        rows.append(f'| {name} | {image.mean():.5f} | {image.min():.4f} | {text.mean():.5f} | {text.min():.4f} | '
                    f'{100 * same.float().mean():.1f} % | {100 * same[clear].float().mean():.1f} % |')
        print(rows[-1], flush=True)
    for name, how in (('scale by the largest weight', dict(search=False)), ('scale searched, as `npx kin-clip convert` does', {}),
                      ('searched, bias corrected', dict(bias=True)), ('searched, error feedback', dict(feedback=True)),
                      ('searched, feedback and bias', dict(feedback=True, bias=True)),
                      ('folded, searched', dict(folding=True)), ('folded, feedback and bias', dict(folding=True, feedback=True, bias=True))):
        row(name, *embed(quantised(model, calibration, **how), held, ids(words)))
    with tempfile.TemporaryDirectory() as work:
        images, texts = q8(o.model, work)
        row('**q8, Kin\'s engine**', images(photos + renders), texts(words))
    text = '\n'.join(rows) + f'\n\n{len(photos)} held-out photos, {len(words)} texts, {len(renders)} renders; ' \
        f'{100 * clear.float().mean():.0f} % of the photos have a first render that leads by more than 0.01.'
    if o.report:
        with open(o.report, encoding='utf-8') as f:
            before, _, rest = f.read().partition('<!-- quantisation -->\n')
        after = rest.partition('<!-- end of quantisation -->\n')[2]
        with open(o.report, 'w', encoding='utf-8') as f:
            f.write(f'{before}<!-- quantisation -->\n{text}\n<!-- end of quantisation -->\n{after}')


if __name__ == '__main__':
    main()
