#!/usr/bin/env python3
"""Towers of the true architectures with random weights, and the embedded model, in the form that each contender reads.

    build/bench-venv/bin/python bench/make_models.py <folder> [name ...]

Writes <folder>/<name>/ with what is not there yet:
  config.json, model.safetensors, vocab.json, merges.txt, tokenizer*.json, preprocessor_config.json
                      as transformers saves them (Kin's `convert` and transformers.js read these); not of kin-everyday,
                      which Kin reads from models/
  onnx/{vision,text}_model[_quantized].onnx
                      for ONNX Runtime; quantised as transformers.js models are, by quantize_dynamic, a convolutional
                      tower by quantize_static (QDQ, both sides 8 bits), which is what ONNX Runtime advises for one
  pixels.bin          4 pictures, u8 [4, S, S, 3]
  calibration.bin     of kin-everyday: 16 other pictures, by which its activations' ranges are found
  reference.json      { size, mean, std, image: [4 embeddings], texts, ids: [4][context], text: [4 embeddings],
                        labels: [100 texts], labelIds: [100][tokens], macs: {image, text} } by PyTorch in f32
  photo.json          { dim, photo: the embedding of <folder>/photo.jpg, read by Pillow }
and <folder>/photo.jpg, 4000 x 3000, as a phone writes it: quality 87, 4:2:0, grain.
"""
import gzip
import json
import os
import sys
import warnings

import numpy as np
import PIL.Image
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPTokenizerFast, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import modules

warnings.filterwarnings('ignore')
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
TEXTS = ['a photo of a dog', 'red running shoes', 'an astronaut riding a horse in space', 'a wooden chair by the window']
ADJECTIVES = ['red', 'blue', 'green', 'small', 'large', 'wooden', 'old', 'new', 'soft', 'shiny']
NOUNS = ['dog', 'shoe', 'chair', 'lamp', 'apple', 'watch', 'bag', 'coat', 'bottle', 'guitar']

# vision: width, layers, heads, mlp, patch, size; text: width, layers, heads, mlp, vocabulary, context
MODELS = {
    'vit-b32': ((768, 12, 12, 3072, 32, 224), (512, 12, 8, 2048, 49408, 77), 512),
    'tinyclip-8m': ((256, 10, 4, 1024, 16, 224), (256, 3, 4, 1024, 49408, 77), 512),
    'kin-small': ((192, 6, 3, 768, 16, 128), (192, 3, 3, 768, 8192, 32), 256),
}


def build(vision, text, projection):
    width, layers, heads, mlp, patch, size = vision
    v = CLIPVisionConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, patch_size=patch,
                         intermediate_size=mlp, image_size=size, projection_dim=projection)
    width, layers, heads, mlp, words, context = text
    t = CLIPTextConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=mlp,
                       vocab_size=words, max_position_embeddings=context, projection_dim=projection,
                       eos_token_id=words - 1, bos_token_id=words - 2, pad_token_id=words - 1)
    config = CLIPConfig(vision_config=v.to_dict(), text_config=t.to_dict(), projection_dim=projection)
    model = CLIPModel._from_config(config, attn_implementation='eager').eval()
    with torch.no_grad(): # apart enough that another picture has another embedding
        for name, p in model.named_parameters():
            if 'norm' in name and name.endswith('weight'):
                p.mul_(1 + 0.2 * torch.randn_like(p))
            elif name.endswith('bias'):
                p.add_(0.05 * torch.randn_like(p))
            elif p.ndim == 2 and 'embedding' not in name:
                p.mul_(2)
    return model


def vocabulary(folder, size, context):
    """CLIP's vocabulary, or its first part, from the merges that open_clip ships."""
    import open_clip
    source = os.path.join(os.path.dirname(open_clip.__file__), 'bpe_simple_vocab_16e6.txt.gz')
    with gzip.open(source, 'rt', encoding='utf-8') as f:
        merges = f.read().split('\n')[1:size - 512 - 2 + 1]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    units = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    units += [unit + '</w>' for unit in units]
    words = units + [''.join(merge.split()) for merge in merges] + ['<|startoftext|>', '<|endoftext|>']
    with open(f'{folder}/vocab.json', 'w') as f:
        json.dump({word: i for i, word in enumerate(words)}, f)
    with open(f'{folder}/merges.txt', 'w', encoding='utf-8') as f:
        f.write('#version: 0.2\n' + '\n'.join(merges) + '\n')
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=context, pad_token='<|endoftext|>')
    tokenizer.save_pretrained(folder)
    if not os.path.exists(f'{folder}/tokenizer.json'):
        CLIPTokenizerFast.from_pretrained(folder).save_pretrained(folder)
    return tokenizer


def pictures(size, n=4, seed=1):
    """Scenes of shapes and textures, u8 [n, size, size, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    scenes = []
    for _ in range(n):
        scene = np.zeros((size, size, 3)) + rng.uniform(40, 200, 3)
        for _ in range(9):
            cx, cy, r, f = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.4), rng.uniform(5, 60)
            inside = ((x - cx) ** 2 + (y - cy) ** 2 < r * r)[..., None]
            scene = np.where(inside, rng.uniform(0, 255, 3) + 25 * np.sin(f * (x + y * rng.uniform(-1, 1)))[..., None], scene)
        scenes.append(np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255))
    return np.round(scenes).astype(np.uint8)


def draw_photo(path):
    """Shapes, textures and grain, 12 megapixels."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:3000, 0:4000].astype(np.float32) / 3000
    scene = np.zeros((3000, 4000, 3), np.float32) + rng.uniform(60, 200, 3).astype(np.float32)
    for _ in range(14):
        cx, cy, r, f = rng.uniform(0, 1.33), rng.uniform(0, 1), rng.uniform(0.05, 0.4), rng.uniform(20, 300)
        inside = (x - cx) ** 2 + (y - cy) ** 2 < r * r
        scene[inside] = rng.uniform(0, 255, 3) + 25 * np.sin(f * (x + y * rng.uniform(-1, 1)))[inside][:, None]
    scene += rng.normal(0, 4, (3000, 4000, 1))
    PIL.Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)).save(path, quality=87, subsampling='4:2:0')


def macs(width, layers, mlp, tokens):
    """Multiply-accumulates of the blocks, all rows of all layers."""
    return layers * tokens * width * (4 * width + 2 * mlp + 2 * tokens)


def normalise(pixels, mean=MEAN, std=STD):
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return ((x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)).contiguous()


class Calibration:
    """What quantize_static asks for its inputs."""

    def __init__(self, name, x):
        self.all = iter([{name: one[None].numpy()} for one in x])

    def get_next(self):
        return next(self.all, None)


def write_onnx(module, example, name, output, dynamic, path, calibration=None):
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    torch.onnx.export(module, (example,), path, input_names=[name], output_names=[output], dynamic_axes={
        name: dynamic, output: {0: 'batch'}}, opset_version=17, dynamo=False)
    inferred = path + '.inferred'
    quant_pre_process(path, inferred, skip_symbolic_shape=True)
    quantised = path.replace('.onnx', '_quantized.onnx')
    if calibration is not None:
        quantize_static(inferred, quantised, Calibration(name, calibration), quant_format=QuantFormat.QDQ,
                        calibrate_method=CalibrationMethod.Percentile, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    else: # signed weights, but ConvInteger of the patches takes unsigned ones only
        quantize_dynamic(inferred, quantised, per_channel=True, reduce_range=False,
                         weight_type=QuantType.QUInt8 if name == 'pixel_values' else QuantType.QInt8)
    os.remove(inferred)


def make_clip(folder, seed, vision, text, projection):
    torch.manual_seed(seed)
    build(vision, text, projection).save_pretrained(folder)
    size, patch, context = vision[5], vision[4], text[5]
    tokenizer = vocabulary(folder, text[4], context)
    CLIPImageProcessorPil(size={'shortest_edge': size}, crop_size={'height': size, 'width': size}).save_pretrained(folder)
    make(folder, tokenizer, size, context, {
        'image': macs(vision[0], vision[1], vision[3], (size // patch) ** 2 + 1) + size * size * 3 * vision[0],
        'text': macs(text[0], text[1], text[3], context)})


def make_everyday(folder):
    model, preprocess = modules.everyday_config()
    size, text = model['vision_cfg']['image_size'], model['text_cfg']
    tokenizer = CLIPTokenizer.from_pretrained(modules.EVERYDAY, model_max_length=text['context_length'])
    counted, tower = [0], modules.tower(folder, 'image')
    for layer in tower.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            layer.register_forward_hook(lambda layer, _, y: counted.append(y.numel() * layer.weight[0].numel()))
    with torch.no_grad():
        tower(torch.zeros(1, 3, size, size))
    calibration = pictures(size, 16, seed=3)
    calibration.tofile(f'{folder}/calibration.bin')
    make(folder, tokenizer, size, text['context_length'], {
        'image': sum(counted), 'text': macs(text['width'], text['layers'], 4 * text['width'], text['context_length'])},
        preprocess['mean'], preprocess['std'], calibration)


def make(folder, tokenizer, size, context, macs_of, mean=MEAN, std=STD, calibration=None):
    os.makedirs(f'{folder}/onnx', exist_ok=True)
    pixels = pictures(size)
    pixels.tofile(f'{folder}/pixels.bin')
    full = tokenizer(TEXTS, padding='max_length', max_length=context, truncation=True)['input_ids']
    labels = [f'a photo of a {a} {n}' for a in ADJECTIVES for n in NOUNS]
    image, words = (modules.tower(folder, which, 'eager') for which in ('image', 'text'))
    with torch.no_grad():
        x, ids = normalise(pixels, mean, std), torch.tensor(full)
        reference = {'size': size, 'mean': mean, 'std': std, 'image': image(x).tolist(),
                     'texts': TEXTS, 'ids': full, 'text': words(ids).tolist(),
                     'labels': labels, 'labelIds': tokenizer(labels)['input_ids'], 'macs': macs_of}
        write_onnx(image, x[:1], 'pixel_values', 'image_embeds', {0: 'batch'}, f'{folder}/onnx/vision_model.onnx',
                   None if calibration is None else normalise(calibration, mean, std))
        write_onnx(words, ids[:1], 'input_ids', 'text_embeds', {0: 'batch', 1: 'tokens'}, f'{folder}/onnx/text_model.onnx')
    with open(f'{folder}/reference.json', 'w') as f: # last: its presence says that the folder is whole
        json.dump(reference, f)


def prepared(folder, path):
    """A photo as the model sees it, by its own library."""
    photo = PIL.Image.open(path)
    if os.path.exists(f'{folder}/config.json'):
        return CLIPImageProcessorPil.from_pretrained(folder)(photo, return_tensors='pt')['pixel_values']
    from open_clip.transform import PreprocessCfg, image_transform_v2
    model, preprocess = modules.everyday_config()
    rule = PreprocessCfg(size=model['vision_cfg']['image_size'], **preprocess)
    return image_transform_v2(rule, is_train=False)(photo)[None]


def embed_photo(folder, path):
    with torch.no_grad():
        vector = modules.tower(folder, 'image')(prepared(folder, path))[0]
    with open(f'{folder}/photo.json', 'w') as f:
        json.dump({'dim': len(vector), 'photo': vector.tolist()}, f)


def main():
    folder, *names = sys.argv[1:]
    names = names or [*MODELS, 'kin-everyday']
    for name in names:
        here = f'{folder}/{name}'
        if os.path.exists(f'{here}/reference.json'):
            continue
        os.makedirs(here, exist_ok=True)
        if name in MODELS:
            make_clip(here, list(MODELS).index(name), *MODELS[name])
        else:
            make_everyday(here)
        print('made', name, flush=True)
    photo = f'{folder}/photo.jpg'
    if not os.path.exists(photo):
        draw_photo(photo)
    for name in names:
        if not os.path.exists(f'{folder}/{name}/photo.json'):
            embed_photo(f'{folder}/{name}', photo)


if __name__ == '__main__':
    main()
