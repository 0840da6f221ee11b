#!/usr/bin/env python3
"""The towers of one model for LiteRT.js: fp32, and int8 weights with activations quantised as they come.

    build/bench-litert-venv/bin/python bench/make_tflite.py <model folder>

Writes <model folder>/tflite/{image,text}.{fp32,dyn8}.tflite, then an empty file `done`.
"""
import json
import os
import sys

import litert_torch
import torch
from ai_edge_quantizer import quantizer, recipe
from transformers import CLIPModel


class Tower(torch.nn.Module):
    def __init__(self, model, tower):
        super().__init__()
        self.model, self.tower = model, tower

    def forward(self, x):
        if self.tower == 'image':
            return self.model.visual_projection(self.model.vision_model(pixel_values=x).pooler_output)
        return self.model.text_projection(self.model.text_model(input_ids=x).pooler_output)


def main():
    folder = sys.argv[1]
    os.makedirs(f'{folder}/tflite', exist_ok=True)
    with open(f'{folder}/reference.json') as f:
        reference = json.load(f)
    model = CLIPModel.from_pretrained(folder, attn_implementation='eager').float().eval()
    size = reference['size']
    for tower, example in (('image', torch.zeros(1, 3, size, size)), ('text', torch.tensor(reference['ids'][:1], dtype=torch.int32))):
        path = f'{folder}/tflite/{tower}.fp32.tflite'
        try:
            litert_torch.convert(Tower(model, tower).eval(), (example,)).export(path)
            made = quantizer.Quantizer(path)
            made.load_quantization_recipe(recipe.dynamic_wi8_afp32())
            made.quantize().export_model(path.replace('fp32', 'dyn8'), overwrite=True)
        except Exception as error: # the other tower may still be made
            print(f'{tower} tower of {folder} for LiteRT: {type(error).__name__}: {str(error)[:300]}', flush=True)
    open(f'{folder}/tflite/done', 'w').close()


main()
