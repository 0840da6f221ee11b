"""The towers of a bench folder as PyTorch modules, unnormalised embeddings out; what make_models.py, make_tflite.py and
native.py share.

A folder with config.json is a CLIP of transformers'. The other is kin-everyday, the embedded model: its weights, which
Kin keeps in 8 and 16 bits, made floats again, in timm's EfficientNet (batch norms being in the weights) and
transformers' text tower.
"""
import json
import os

import torch

EVERYDAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../models/kin-everyday')


class Image(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model.visual_projection(self.model.vision_model(pixel_values=pixel_values).pooler_output)


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model.text_projection(self.model.text_model(input_ids=input_ids).pooler_output)


def everyday_config():
    with open(f'{EVERYDAY}/open_clip_config.json') as f:
        config = json.load(f)
    return config['model_cfg'], config['preprocess_cfg']


def floats(path):
    """The tensors of one of Kin's files, f32."""
    from safetensors.numpy import load_file
    stored = load_file(path)
    scaled = lambda name, x: x * stored[name + '_scale'][:, None] if x.dtype == 'int8' else x
    return {name: torch.from_numpy(scaled(name, x.astype('f4') if x.dtype != 'int8' else x).astype('f4'))
            for name, x in stored.items() if name == 'logit_scale' or not name.endswith('_scale')}


def everyday_image():
    import timm
    model, _ = everyday_config()
    weights = floats(f'{EVERYDAY}/image.safetensors')
    trunk = timm.create_model(model['vision_cfg']['timm_model_name'], num_classes=0)
    number = iter(range(99))

    def put(conv, norm, name):
        weight = weights[f'vision_model.{name}.weight']
        conv.weight.data.copy_(weight.reshape(conv.weight.shape))
        norm.weight.data.copy_((norm.running_var + norm.eps).sqrt())  # a batch norm that only adds
        norm.bias.data.copy_(weights[f'vision_model.{name}.bias'])

    put(trunk.conv_stem, trunk.bn1, 'stem')
    for block in (block for stage in trunk.blocks for block in stage):
        here = f'blocks.{next(number)}'
        if hasattr(block, 'conv_pwl'):
            put(block.conv_pw, block.bn1, f'{here}.expand')
            put(block.conv_dw, block.bn2, f'{here}.depthwise')
            put(block.conv_pwl, block.bn3, f'{here}.project')
        else:
            put(block.conv_dw, block.bn1, f'{here}.depthwise')
            put(block.conv_pw, block.bn2, f'{here}.project')
    put(trunk.conv_head, trunk.bn2, 'head')
    projection = torch.nn.Linear(trunk.num_features, model['embed_dim'], bias=False)
    projection.weight.data.copy_(weights['visual_projection.weight'])
    return torch.nn.Sequential(trunk, projection)


def everyday_text():
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection
    model, _ = everyday_config()
    text = model['text_cfg']
    words = text['vocab_size']
    config = CLIPTextConfig(hidden_size=text['width'], num_hidden_layers=text['layers'], num_attention_heads=text['heads'],
                            intermediate_size=4 * text['width'], max_position_embeddings=text['context_length'],
                            vocab_size=words, projection_dim=model['embed_dim'], bos_token_id=words - 2,
                            eos_token_id=words - 1, pad_token_id=words - 1,
                            hidden_act='quick_gelu' if model['quick_gelu'] else 'gelu')
    tower = CLIPTextModelWithProjection._from_config(config, attn_implementation='eager')
    weights = floats(f'{EVERYDAY}/text.safetensors')
    tower.load_state_dict({name: x for name, x in weights.items() if name != 'logit_scale'}, strict=True)
    return Text(tower)


def tower(folder, which, attention='sdpa'):
    if not os.path.exists(f'{folder}/config.json'):
        return (everyday_image() if which == 'image' else everyday_text()).eval()
    from transformers import CLIPModel
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    return (Image if which == 'image' else Text)(model).eval()
