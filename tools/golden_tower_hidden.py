#!/usr/bin/env python3
"""Hidden states of the tiny models in tests/golden/tower and tests/golden/open_clip, by transformers and open_clip.

    python3 tools/golden_tower_hidden.py   (packages: tools/requirements.txt; after golden_tower.py and golden_open_clip.py)

Writes tests/golden/hidden.safetensors, F32, of the first picture and the first text of each model:

    <tower>.image.last, .text.last      last_hidden_state, as transformers returns it
    <tower>.image.norm.<i>, .text.norm.<i>   hidden_states[i] after the tower's final norm, as diffusers takes it with clip_skip
    <tower>.text.pad0.<i>               hidden_states[i] where the text is padded with token 0
    <open_clip>.image.<i>, .text.<i>    what goes into block i and comes out of the last, of a text padded with 0
    <open_clip>.image.norm, .text.norm  the last of these after ln_post or ln_final
    lite0.<padding>                     the last map, [pixels, 1280]

and tests/golden/projector.safetensors: multi_modal_projector.linear_1, linear_2 (weight, bias) as LLaVA has them, random, and
`tokens`, what PyTorch makes with them of the patches of quick-gelu-f16's first picture in hidden_states[-2].

The other hidden states of tests/golden/tower lie with its models (golden_tower.py).
"""
import json
import os

import numpy as np
import open_clip
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_weights
from transformers import CLIPModel

from golden_open_clip import HALF, noise
from golden_tower import MEAN, STD

HERE = os.path.join(os.path.dirname(__file__), '..', 'tests', 'golden')


def pixels_of(picture, mean, std):
    x = torch.from_numpy(picture)[None].permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def towers(out):
    for name in sorted(os.listdir(os.path.join(HERE, 'tower'))):
        folder = os.path.join(HERE, 'tower', name)
        if not os.path.isdir(folder):
            continue
        given = load_file(os.path.join(folder, 'expected.safetensors'))
        model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
        ids = torch.from_numpy(given['ids'][:1]).long()
        zeros = ids.clone()
        zeros[:, given['lengths'][0]:] = 0
        image = model.vision_model(pixel_values=pixels_of(given['pixels'][0], MEAN, STD), output_hidden_states=True)
        text = model.text_model(input_ids=ids, output_hidden_states=True)
        out[f'{name}.image.last'], out[f'{name}.text.last'] = image.last_hidden_state, text.last_hidden_state
        for i, state in enumerate(image.hidden_states):
            out[f'{name}.image.norm.{i}'] = model.vision_model.post_layernorm(state)
        for i, state in enumerate(text.hidden_states):
            out[f'{name}.text.norm.{i}'] = model.text_model.final_layer_norm(state)
        for i, state in enumerate(model.text_model(input_ids=zeros, output_hidden_states=True).hidden_states):
            out[f'{name}.text.pad0.{i}'] = state


# What goes into each block, and comes out of the last.
def states_of(blocks, run):
    states = []
    hooks = [block.register_forward_pre_hook(lambda _, args: states.append(args[0])) for block in blocks]
    hooks.append(blocks[-1].register_forward_hook(lambda _, args, result: states.append(result)))
    run()
    for hook in hooks:
        hook.remove()
    return states


def open_clips(out):
    for name in sorted(os.listdir(os.path.join(HERE, 'open_clip'))):
        folder = os.path.join(HERE, 'open_clip', name)
        if not name.startswith('vit'):
            continue
        with open(os.path.join(folder, 'open_clip_config.json'), encoding='utf-8') as f:
            config = json.load(f)
        model = open_clip.CLIP(**config['model_cfg']).eval()
        weights = load_weights(os.path.join(folder, 'open_clip_model.safetensors'))
        model.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
        given = load_file(os.path.join(folder, 'expected.safetensors'))
        how = config['preprocess_cfg']
        x = pixels_of(given['pixels'], how.get('mean', MEAN), how.get('std', STD))
        ids = torch.from_numpy(given['ids'])[None].long()
        ids[:, given['ids'].argmax() + 1:] = 0
        for part, blocks, norm, run in (
                ('image', model.visual.transformer.resblocks, model.visual.ln_post, lambda: model.encode_image(x)),
                ('text', model.transformer.resblocks, model.ln_final, lambda: model.encode_text(ids))):
            states = states_of(blocks, run)
            for i, state in enumerate(states):
                out[f'{name}.{part}.{i}'] = state
            out[f'{name}.{part}.norm'] = norm(states[-1])


def lite0(out):
    folder = os.path.join(HERE, 'open_clip', 'lite0')
    state = {key: value.float() for key, value in load_weights(os.path.join(folder, 'stored.safetensors')).items()}
    given = load_file(os.path.join(folder, 'expected.safetensors'))
    with open(os.path.join(folder, 'layout.json'), encoding='utf-8') as f:
        for t, (name, shape, scale) in enumerate(json.load(f)):
            if scale is not None:
                state[name] = torch.from_numpy(noise(t, int(np.prod(shape))) * np.float32(scale)).reshape(shape)
    for padding in ('same', 'symmetric'):
        with open(os.path.join(folder, f'open_clip_config.{padding}.json'), encoding='utf-8') as f:
            model = open_clip.CLIP(**json.load(f)['model_cfg']).eval()
        model.load_state_dict(state, strict=False)
        maps = model.visual.trunk.forward_features(pixels_of(given[f'pictures.{padding}'][0], HALF['mean'], HALF['std']))
        out[f'lite0.{padding}'] = maps.flatten(2).transpose(1, 2)


def projector():
    torch.manual_seed(7)
    name = 'quick-gelu-f16'
    given = load_file(os.path.join(HERE, 'tower', name, 'expected.safetensors'))
    patches = torch.from_numpy(given['image.hidden.2'][0, 1:])
    net = torch.nn.ModuleDict({'linear_1': torch.nn.Linear(patches.shape[1], 64), 'linear_2': torch.nn.Linear(64, 56)})
    for value in net.parameters():
        value.mul_(4) # through GELU's bend
    tokens = net['linear_2'](torch.nn.functional.gelu(net['linear_1'](patches)))
    save_file({'tokens': tokens.numpy(), **{f'multi_modal_projector.{key}': value.numpy() for key, value in net.state_dict().items()}},
              os.path.join(HERE, 'projector.safetensors'))


def main():
    out = {}
    with torch.no_grad():
        towers(out)
        open_clips(out)
        lite0(out)
        projector()
    save_file({name: np.ascontiguousarray(value[0].numpy()) for name, value in out.items()}, os.path.join(HERE, 'hidden.safetensors'))
    print(len(out), 'states,', os.path.getsize(os.path.join(HERE, 'hidden.safetensors')), 'bytes')


main()
