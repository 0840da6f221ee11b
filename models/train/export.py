#!/usr/bin/env python3
"""Step 3, export:  export.py OUT FOLDER [START [SHARE]]

The averaged weights as a Hugging Face CLIP folder, checked. With START, the folder that training began
with, a mixture with its weights, SHARE (0.6) of it new: after a short run that keeps what was known and
most of what is new.
"""
import shutil
import sys

import torch
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from model import SIZE, begin_with, image_features, new_model, text_features


def main():
    out, folder, *start = sys.argv[1:]
    saved, model = torch.load(f'{out}/checkpoint.pt', map_location='cpu'), new_model().eval()
    for name, p in model.named_parameters():
        p.data.copy_(saved['average'][name])
    if start:
        share = float(start[1]) if len(start) > 1 else .6
        before = new_model()
        begin_with(before, start[0])
        for p, q in zip(model.parameters(), before.parameters()):
            p.data.lerp_(q, 1 - share)
    model.config.architectures = ['CLIPModel']
    model.save_pretrained(folder)
    for name in ('vocab.json', 'merges.txt', 'special_tokens_map.json', 'tokenizer_config.json'):
        shutil.copy(f'{out}/tokenizer/{name}', folder)
    CLIPImageProcessorPil(size={'shortest_edge': SIZE},
                          crop_size={'height': SIZE, 'width': SIZE}).save_pretrained(folder)
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    x = torch.randn(2, 3, SIZE, SIZE)
    ids = CLIPTokenizer.from_pretrained(folder)(['a red shoe', 'three apples in a basket'], padding=True,
                                                return_tensors='pt')
    with torch.no_grad():
        image = model.visual_projection(model.vision_model(pixel_values=x).pooler_output)
        text = model.text_projection(model.text_model(**ids).pooler_output)
        off = max((image - image_features(model, x)).abs().max().item(),
                  (text - text_features(model, ids['input_ids'])).abs().max().item())
    print(f'step {saved["step"]}; training\'s arithmetic is within {off:.1e} of CLIPModel')
    assert off < 1e-3


if __name__ == '__main__':
    main()
