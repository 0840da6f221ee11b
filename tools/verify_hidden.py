#!/usr/bin/env python3
"""Hidden states of a model of CLIP ViT-L/14's true shape, whose text tower is Stable Diffusion 1.5's, with random weights,
against transformers, diffusers and LLaVA's projector.

    build/venv/bin/python tools/verify_hidden.py          (packages: tools/requirements.txt; diffusers where it is installed)

`kin embed --layer` of a picture and of prompts, float32 and 8 bits, against hidden_states and last_hidden_state of
CLIPVisionModel and CLIPTextModel in float32; prompts against what StableDiffusionPipeline.encode_prompt gives, clip_skip 1
and none; examples/llava-projector.js against transformers' LlavaMultiModalProjector on the reference's own patches. Printed as a
Markdown table: the least cosine of a token. Exit code 1 where one in float32 is below 0.9999. Needs 6 GB of memory, 2 GB in
build/verify/ and minutes.
"""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPModel, CLIPTextModel, LlavaConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from verify_models import END, ROOT, WORK, build, kin, picture, vocabulary

SHAPE = dict(dim=768, image=dict(width=1024, layers=24, heads=16, mlp=4096, patch=14, size=224),
             text=dict(width=768, layers=12, heads=12, mlp=3072, vocabulary=END + 1, context=77))
PROMPTS = ['a photograph of an astronaut riding a horse', '']


def prepare(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    torch.manual_seed(14)
    build(SHAPE, 'quick_gelu', 2).half().save_pretrained(folder)
    tokenizer = vocabulary(folder, 77)
    CLIPImageProcessorPil(size={'shortest_edge': 224}, crop_size={'height': 224, 'width': 224}).save_pretrained(folder)
    picture(np.random.default_rng(14), 300, 400).save(os.path.join(WORK, 'hidden.png'))
    return tokenizer


def from_diffusers(folder, tokenizer):
    """{ name: (layer, norm, embeddings) }"""
    try:
        from diffusers import StableDiffusionPipeline, __version__
    except ImportError:
        print('diffusers is not installed: left out', file=sys.stderr)
        return {}
    encoder = CLIPTextModel.from_pretrained(folder, dtype=torch.float32).eval()
    if not hasattr(encoder, 'text_model'): # where clip_skip looks for the final norm; transformers 5 has it one level up
        encoder.__dict__['text_model'] = encoder
    pipe = StableDiffusionPipeline(vae=None, text_encoder=encoder, tokenizer=tokenizer, unet=None, scheduler=None,
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    encode = lambda skip: pipe.encode_prompt(PROMPTS, 'cpu', 1, False, clip_skip=skip)[0]
    return {f'diffusers {__version__}, encode_prompt': ('last', False, encode(None)),
            f'diffusers {__version__}, encode_prompt, clip_skip 1': ('-2', True, encode(1))}


def least(ours, theirs):
    a, b = (np.asarray(x, np.float64) for x in (ours, theirs))
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(((a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)).min())


def states(folder, dtype, layer, norm, *what, **options):
    path = os.path.join(WORK, 'hidden.npy')
    kin('embed', *what, f'--layer={layer}', *(['--norm'] if norm else []), '-o', path, '--model', folder, '--dtype', dtype, **options)
    return np.load(path)


def projector(folder, patches):
    """-> { dtype: the least cosine of a token }"""
    config = LlavaConfig(vision_config=dict(model_type='clip_vision_model', hidden_size=1024, num_attention_heads=16),
                         text_config=dict(model_type='llama', hidden_size=2048))
    net = LlavaMultiModalProjector(config).eval()
    path, out = os.path.join(WORK, 'projector.safetensors'), os.path.join(WORK, 'hidden.npy')
    save_file({f'multi_modal_projector.{name}': value.contiguous() for name, value in net.state_dict().items()}, path)
    found = {}
    for dtype in ('f32', 'q8'):
        subprocess.run(['node', os.path.join(ROOT, 'examples', 'llava-projector.js'), folder, os.path.join(WORK, 'hidden.png'), path, out],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ, 'DTYPE': dtype})
        found[dtype] = least(np.load(out), net(patches).numpy())
    return found


def main():
    folder = os.path.join(WORK, 'hidden-l14')
    tokenizer = prepare(folder)
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
    pixels = CLIPImageProcessorPil.from_pretrained(folder)([Image.open(os.path.join(WORK, 'hidden.png'))], return_tensors='pt')
    ids = tokenizer(PROMPTS, padding='max_length', max_length=77, truncation=True, return_tensors='pt')['input_ids']
    faults = []

    def tell(name, f32, q8):
        print(f'| {name} | {f32:.7f} | {q8:.4f} |', flush=True)
        faults.extend([name] if not f32 >= 0.9999 else [])

    print('| the least cosine of a token | f32 | q8 |\n|---|---|---|')
    with torch.no_grad():
        image = model.vision_model(pixel_values=pixels['pixel_values'], output_hidden_states=True)
        text = model.text_model(input_ids=ids, output_hidden_states=True)
        final = model.text_model.final_layer_norm
        wanted = {'text, hidden_states[0]': ('0', False, text.hidden_states[0]),
                  'text, hidden_states[-2]': ('-2', False, text.hidden_states[-2]),
                  'text, final_layer_norm(hidden_states[-2])': ('-2', True, final(text.hidden_states[-2])),
                  'text, last_hidden_state': ('last', False, text.last_hidden_state), **from_diffusers(folder, tokenizer)}
        lines = ''.join(json.dumps(prompt) + '\n' for prompt in PROMPTS)
        for name, (layer, norm, theirs) in wanted.items():
            tell(name, *(least(states(folder, dtype, layer, norm, '--text', '-', input=lines), theirs) for dtype in ('f32', 'q8')))
        for name, layer, theirs in (('image, hidden_states[-2]', '-2', image.hidden_states[-2]),
                                    ('image, last_hidden_state', 'last', image.last_hidden_state)):
            tell(name, *(least(states(folder, dtype, layer, False, os.path.join(WORK, 'hidden.png')), theirs) for dtype in ('f32', 'q8')))
        found = projector(folder, image.hidden_states[-2][0, 1:])
        tell("LLaVA's projector after hidden_states[-2]", found['f32'], found['q8'])
    shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
