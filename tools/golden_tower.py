#!/usr/bin/env python3
"""Tiny random CLIP models and what transformers computes with them, stage by stage.

    python3 tools/golden_tower.py          (packages: tools/requirements.txt)

Writes tests/golden/tower/<name>/: config.json and model.safetensors as transformers saves them, and
expected.safetensors: pixels U8 [n, S, S, 3], image.hidden.<i> F32 [n, tokens, C], image.embedding
[n, E] of unit length; ids I32 [n, T] (padded with the end token), lengths I32 [n],
text.hidden.<i>, text.embedding. The models differ in what configs differ in: activation, epsilon,
patch and image size, head depth, projection, end-of-text rule, dtype of the file. On another
processor PyTorch sums in another order: expected values then move by up to 1e-6 of their largest.
Beside them vocab.json and merges.txt, in which every id but start and end is a word, so that the ids of
all models can be written as texts: token i of the vocabulary, without its "</w>", for each id i.
"""
import json
import os
import shutil

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

HERE = os.path.join(os.path.dirname(__file__), '..', 'tests', 'golden', 'tower')
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
VOCAB, END = 96, 95

MODELS = {
    'quick-gelu-f16': dict(act='quick_gelu', eps=1e-5, size=32, patch=8, width=48, heads=3, layers=3, mlp=2,
                           text=32, text_heads=2, proj=24, eos=2, dtype=torch.float16),
    'gelu-bf16': dict(act='gelu', eps=1e-6, size=30, patch=7, width=40, heads=2, layers=2, mlp=3,
                      text=40, text_heads=4, proj=36, eos=END, dtype=torch.bfloat16),
    'tanh-f32': dict(act='gelu_pytorch_tanh', eps=1e-5, size=16, patch=16, width=32, heads=1, layers=2, mlp=4,
                     text=24, text_heads=3, proj=16, eos=END, dtype=torch.float32),
    # fc2 has 512 inputs, so that the group rule of s7q128 is exercised
    'wide-f16': dict(act='quick_gelu', eps=1e-5, size=24, patch=8, width=32, heads=2, layers=2, mlp=16,
                     text=32, text_heads=2, proj=32, eos=END, dtype=torch.float16),
}


def build(m):
    vision = CLIPVisionConfig(hidden_size=m['width'], intermediate_size=m['width'] * m['mlp'],
                              num_hidden_layers=m['layers'], num_attention_heads=m['heads'],
                              image_size=m['size'], patch_size=m['patch'], hidden_act=m['act'],
                              layer_norm_eps=m['eps'], projection_dim=m['proj'])
    text = CLIPTextConfig(hidden_size=m['text'], intermediate_size=m['text'] * m['mlp'],
                          num_hidden_layers=2, num_attention_heads=m['text_heads'], vocab_size=VOCAB,
                          max_position_embeddings=12, hidden_act=m['act'], layer_norm_eps=m['eps'],
                          eos_token_id=m['eos'], bos_token_id=END - 1, projection_dim=m['proj'])
    config = CLIPConfig(vision_config=vision.to_dict(), text_config=text.to_dict(), projection_dim=m['proj'])
    model = CLIPModel._from_config(config, attn_implementation='eager').eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if 'norm' in name and name.endswith('weight'):
                p.mul_(1 + 0.3 * torch.randn_like(p))
            elif name.endswith('bias'):
                p.add_(0.1 * torch.randn_like(p))
            elif p.ndim == 2 and 'embedding' not in name:
                p.mul_(2)
    return model.to(m['dtype'])


def vocabulary():
    """Printable ASCII, a character a word; capitals, which no text keeps, stand for a small letter twice."""
    characters = [chr(33 + i) for i in range(END - 1)]
    words = [2 * c.lower() if c.isupper() else c for c in characters]
    letters = [w[0] for w in words if len(w) == 2]
    tokens = [w + '</w>' for w in words] + ['<|startoftext|>', '<|endoftext|>'] + letters
    names = {'vocab.json': json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False, indent=0) + '\n',
             'merges.txt': '#version: 0.2\n' + ''.join(f'{c} {c}</w>\n' for c in letters)}
    for name, text in names.items():
        with open(os.path.join(HERE, name), 'w', encoding='utf-8') as f:
            f.write(text)
    tokenizer = CLIPTokenizer(os.path.join(HERE, 'vocab.json'), os.path.join(HERE, 'merges.txt'))
    assert tokenizer(' '.join(words))['input_ids'] == [END - 1, *range(END - 1), END]


def main():
    vocabulary()
    for seed, (name, m) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        folder = os.path.join(HERE, name)
        shutil.rmtree(folder, ignore_errors=True)
        build(m).save_pretrained(folder)
        model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
        pixels = rng.integers(0, 256, (3, m['size'], m['size'], 3), dtype=np.uint8)
        pixels[1] //= 8
        pixels[2] = 255
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) \
            / torch.tensor(STD).view(3, 1, 1)
        lengths = np.array([3, 7, 12], dtype=np.int32)
        ids = np.full((3, 12), END, dtype=np.int32)
        for row, n in zip(ids, lengths):
            row[0] = END - 1
            row[1:n - 1] = rng.integers(0, END - 1, n - 2)
        unit = lambda v: (v / v.norm(dim=-1, keepdim=True)).numpy()
        with torch.no_grad():
            image = model.vision_model(pixel_values=x, output_hidden_states=True)
            text = model.text_model(input_ids=torch.from_numpy(ids).long(), output_hidden_states=True)
            out = {'pixels': pixels, 'ids': ids, 'lengths': lengths,
                   'image.embedding': unit(model.visual_projection(image.pooler_output)),
                   'text.embedding': unit(model.text_projection(text.pooler_output))}
        for part, states in (('image', image.hidden_states), ('text', text.hidden_states)):
            for i, state in enumerate(states):
                out[f'{part}.hidden.{i}'] = np.ascontiguousarray(state.numpy())
        save_file(out, os.path.join(folder, 'expected.safetensors'))
        for extra in os.listdir(folder):
            if extra not in ('config.json', 'model.safetensors', 'expected.safetensors'):
                os.remove(os.path.join(folder, extra))
        print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), 'bytes')


if __name__ == '__main__':
    main()
