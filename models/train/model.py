"""The embedded model's graph: Hugging Face's CLIPModel, and the same arithmetic without its overhead.

`CLIPModel` holds the weights and is what gets exported. Training runs image_features and text_features
below: no attention masks to build, and the last block computes only the token that is pooled.
export.py checks that both give the same numbers.
"""
import json
import os

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel

SIZE, PATCH, WIDTH, DIM, VOCABULARY, TOKENS = 128, 16, 192, 256, 8192, 32
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
END = VOCABULARY - 1


def new_model():
    tower = dict(hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_attention_heads=3, projection_dim=DIM,
                 hidden_act='quick_gelu')
    return CLIPModel._from_config(CLIPConfig(
        projection_dim=DIM,
        vision_config=dict(tower, num_hidden_layers=6, image_size=SIZE, patch_size=PATCH),
        text_config=dict(tower, num_hidden_layers=3, vocab_size=VOCABULARY,
                         max_position_embeddings=TOKENS, bos_token_id=END - 1, eos_token_id=END,
                         pad_token_id=END)))


def begin_with(model, folder):
    """Another CLIP folder's weights; positions of a smaller or larger picture are interpolated."""
    weights = CLIPModel.from_pretrained(folder, dtype=torch.float32).state_dict()
    name = 'vision_model.embeddings.position_embedding.weight'
    where, side = weights[name], SIZE // PATCH
    before = int((len(where) - 1) ** .5)
    grid = where[1:].T.reshape(1, WIDTH, before, before)
    grid = F.interpolate(grid, (side, side), mode='bicubic', align_corners=False)
    weights[name] = torch.cat([where[:1], grid.view(WIDTH, -1).T])
    for name, p in model.named_parameters():
        p.data.copy_(weights[name])


def block(layer, x, mask=None, pick=None):
    """One pre-norm transformer block. mask is added to the scores; pick: one token a row to go on with."""
    a, h = layer.self_attn, layer.layer_norm1(x)
    n, t, width = h.shape
    heads = lambda y: y.view(n, -1, a.num_heads, width // a.num_heads).transpose(1, 2)
    k, v = heads(a.k_proj(h)), heads(a.v_proj(h))
    if pick is not None:
        rows = torch.arange(n, device=x.device)
        x, h = x[rows, pick][:, None], h[rows, pick][:, None]
        if mask is not None:
            mask = mask[pick][:, None, None]
    scores = heads(a.q_proj(h)) * (width // a.num_heads) ** -.5 @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask
    x = x + a.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, -1, width))
    h = layer.mlp.fc1(layer.layer_norm2(x))
    return x + layer.mlp.fc2(h * torch.sigmoid(1.702 * h))


def image_features(model, pixels, kept=None, places=False):
    """[n, 3, SIZE, SIZE] normalised -> [n, 256], not yet of unit length; with places also what the last block
    but one says of each patch, [n, patches, 192]. kept: [n, k], the patches to look at, the others not."""
    v, e = model.vision_model, model.vision_model.embeddings
    n, side = len(pixels), SIZE // PATCH
    # A convolution whose stride is its size is one matrix product over cut-out patches.
    x = pixels.view(n, 3, side, PATCH, side, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(n, side * side, -1)
    where = e.position_embedding.weight
    if kept is None:
        x = F.linear(x, e.patch_embedding.weight.flatten(1)) + where[1:]
    else:
        x = x.gather(1, kept[..., None].expand(-1, -1, x.shape[2]))
        x = F.linear(x, e.patch_embedding.weight.flatten(1)) + where[1:][kept]
    x = torch.cat([(e.class_embedding + where[0]).expand(n, 1, -1), x], 1)
    x = v.pre_layrnorm(x)
    for layer in v.encoder.layers[:-1]:
        x = block(layer, x)
    last = block(v.encoder.layers[-1], x, pick=torch.zeros(n, dtype=torch.long, device=x.device))
    out = model.visual_projection(v.post_layernorm(last[:, 0]))
    return (out, x[:, 1:]) if places else out


def text_features(model, ids):
    """[n, t] token ids, padded with the end token -> [n, 256], not yet of unit length."""
    t, length = model.text_model, ids.shape[1]
    end = (ids == END).int().argmax(1)
    mask = torch.full((length, length), -1e4, device=ids.device).triu(1)
    x = t.embeddings.token_embedding(ids) + t.embeddings.position_embedding.weight[:length]
    for layer in t.encoder.layers[:-1]:
        x = block(layer, x, mask)
    return model.text_projection(t.final_layer_norm(block(t.encoder.layers[-1], x, mask, end)[:, 0]))


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
