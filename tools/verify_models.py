#!/usr/bin/env python3
"""Every model of models/index.json against transformers: its true architecture with random weights.

    build/venv/bin/python tools/verify_models.py [name ...]          (packages: tools/requirements.txt)

For each model, and each activation and end-of-text rule that published configs of its kind have: a CLIPModel
of its true shape is saved as a Hugging Face folder with CLIP's own vocabulary (49,408 entries), transformers
embeds pictures and texts in float32, `kin embed` does the same from the folder as it is (f32) and from what
`kin convert` made of it (q8, towers apart, in shards). Printed as a Markdown table: the worst cosine of each,
how alike transformers finds the most alike two inputs (far from 1, or agreement would mean nothing), the sizes.
Exit code 1 where f32 is not above 0.99999, q8 not above 0.99, or the shapes are not those whose fingerprint
index.json states. Needs up to 4 GB of memory and 1.5 GB in build/verify/.
"""
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.utils.logging import disable_progress_bar

warnings.filterwarnings('ignore')
disable_progress_bar()
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..'))
WORK = os.path.join(ROOT, 'build', 'verify')
LEAST = {'f32': 0.99999, 'q8': 0.99}
END = 49407
# OpenAI's first configs say eos_token_id 2, which means: the largest id. OpenCLIP's use gelu.
FORMS = [('quick_gelu', 2), ('gelu', END)]
SIZES = [(224, 224), (300, 400), (640, 361), (97, 211), (224, 500), (50, 40)]
TEXTS = ['a photo of a dog', 'red running shoes', '', 'an astronaut riding a horse in space, oil on canvas',
         'Ein Stuhl aus Holz am Fenster', '👟 size 42½', 'x' * 30, ' '.join(['one more word'] * 40)]


def build(a, act, eos):
    image, text = a['image'], a['text']
    vision = CLIPVisionConfig(hidden_size=image['width'], num_hidden_layers=image['layers'], hidden_act=act,
                              num_attention_heads=image['heads'], intermediate_size=image['mlp'],
                              patch_size=image['patch'], image_size=image['size'], projection_dim=a['dim'])
    words = CLIPTextConfig(hidden_size=text['width'], num_hidden_layers=text['layers'], hidden_act=act,
                           num_attention_heads=text['heads'], intermediate_size=text['mlp'],
                           vocab_size=text['vocabulary'], max_position_embeddings=text['context'],
                           projection_dim=a['dim'], eos_token_id=eos, bos_token_id=END - 1, pad_token_id=END)
    config = CLIPConfig(vision_config=vision.to_dict(), text_config=words.to_dict(), projection_dim=a['dim'])
    model = CLIPModel._from_config(config, attn_implementation='eager').eval()
    with torch.no_grad(): # livelier than at the start of a training, so that errors would show
        for name, p in model.named_parameters():
            if 'norm' in name and name.endswith('weight'):
                p.mul_(1 + 0.2 * torch.randn_like(p))
            elif name.endswith('bias'):
                p.add_(0.05 * torch.randn_like(p))
            elif p.ndim == 2 and 'embedding' not in name:
                p.mul_(2)
    return model


def fingerprint(model):
    """SHA-256 over `name [sizes]` lines in the order of the names, as catalog/lib/fingerprint.js has it."""
    shapes = sorted(f'{name} [{",".join(map(str, p.shape))}]' for name, p in model.state_dict().items()
                    if not name.endswith('position_ids'))
    return hashlib.sha256('\n'.join(shapes).encode()).hexdigest()


def vocabulary(folder, context):
    import open_clip
    with gzip.open(os.path.join(os.path.dirname(open_clip.__file__), 'bpe_simple_vocab_16e6.txt.gz'), 'rt',
                   encoding='utf-8') as f:
        merges = f.read().split('\n')[1:END - 1 - 512 + 1]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    units = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    units += [unit + '</w>' for unit in units]
    words = units + [''.join(merge.split()) for merge in merges] + ['<|startoftext|>', '<|endoftext|>']
    assert len(words) == END + 1
    with open(f'{folder}/vocab.json', 'w') as f:
        json.dump({word: i for i, word in enumerate(words)}, f)
    with open(f'{folder}/merges.txt', 'w', encoding='utf-8') as f:
        f.write('#version: 0.2\n' + '\n'.join(merges) + '\n')
    return CLIPTokenizer.from_pretrained(folder, model_max_length=context, pad_token='<|endoftext|>')


def picture(rng, width, height):
    """Discs with waves on a plain ground, and noise."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    scene = np.zeros((height, width, 3)) + rng.uniform(30, 220, 3)
    for _ in range(9):
        cx, cy, r, f = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.4), rng.uniform(5, 60)
        wave = 25 * np.sin(f * (x + y * rng.uniform(-1, 1)))[..., None]
        scene = np.where(((x - cx) ** 2 + (y - cy) ** 2 < r * r)[..., None], rng.uniform(0, 255, 3) + wave, scene)
    return Image.fromarray(np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255).round().astype(np.uint8))


def unit(v):
    v = np.asarray(v, np.float64)
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def kin(*args, **options):
    done = subprocess.run(['node', os.path.join(ROOT, 'catalog', 'cli.js'), *args, '--quiet'], check=True,
                          stdout=subprocess.PIPE, text=True, **options)
    return done.stdout


def embeddings(files, model, dtype):
    options = ['--model', model, '--dtype', dtype]
    rows = kin('embed', *files, *options), kin('embed', '--text', '-', *options,
                                               input=''.join(json.dumps(t) + '\n' for t in TEXTS))
    return [unit([json.loads(line)['embedding'] for line in part.splitlines()]) for part in rows]


def reference(model, folder, files, context, tokenizer):
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    ids = tokenizer(TEXTS, padding='max_length', max_length=context, truncation=True, return_tensors='pt')
    with torch.no_grad():
        pixels = processor([Image.open(f) for f in files], return_tensors='pt')['pixel_values']
        image = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
        text = model.text_projection(model.text_model(input_ids=ids['input_ids']).pooler_output)
    return unit(image), unit(text)


def verify(name, entry, act, eos, seed):
    a = entry['architecture']
    folder, small = os.path.join(WORK, name), os.path.join(WORK, name + '-q8')
    for path in (folder, small):
        shutil.rmtree(path, ignore_errors=True)
    os.makedirs(folder)
    torch.manual_seed(seed)
    model = build({**a, 'dim': entry['dim']}, act, eos)
    model.save_pretrained(folder)
    tokenizer = vocabulary(folder, a['text']['context'])
    size = a['image']['size']
    CLIPImageProcessorPil(size={'shortest_edge': size}, crop_size={'height': size, 'width': size}).save_pretrained(folder)
    rng = np.random.default_rng(seed)
    files = []
    for i, shape in enumerate(SIZES):
        files.append(os.path.join(WORK, f'{i}.png'))
        picture(rng, *shape).save(files[-1])
    expected = reference(model, folder, files, a['text']['context'], tokenizer)
    f32 = embeddings(files, folder, 'f32')
    manifest = json.loads(kin('convert', folder, '-o', small, '--json'))
    q8 = embeddings(files, small, 'q8')
    worst = lambda ours: [float((x * y).sum(-1).min()) for x, y in zip(ours, expected)]
    alike = [float((x @ x.T - 2 * np.eye(len(x))).max()) for x in expected]
    megabytes = [sum(f['bytes'] for f in manifest['files'] if f['name'].startswith(tower)) / 1e6
                 for tower in ('image', 'text')]
    whole = os.path.getsize(os.path.join(folder, 'model.safetensors')) / 1e6
    shapes = fingerprint(model)
    for path in (folder, small):
        shutil.rmtree(path)
    row = [name, act, 'largest id' if eos == 2 else 'end token', *(f'{x:.7f}' for x in worst(f32)),
           *(f'{x:.4f}' for x in worst(q8)), *(f'{x:.2f}' for x in alike), f'{whole:.1f}',
           ' + '.join(f'{m:.1f}' for m in megabytes)]
    print('| ' + ' | '.join(row) + ' |', flush=True)
    faults = [f'{name}: {dtype} {x:.7f} is not above {LEAST[dtype]}' for dtype, ours in (('f32', f32), ('q8', q8))
              for x in worst(ours) if not x > LEAST[dtype]]
    if shapes != entry.get('fingerprint'):
        faults.append(f'{name}: index.json states another fingerprint than {shapes}')
    return faults


def main():
    with open(os.path.join(ROOT, 'models', 'index.json')) as f:
        models = {name: entry for name, entry in json.load(f)['models'].items() if 'hub' in entry}
    names = sys.argv[1:] or list(models)
    print('| model | activation | text read at | f32 image | f32 text | q8 image | q8 text | alike image | alike text '
          '| MB f32 | MB q8 image + text |\n|---|---|---|---|---|---|---|---|---|---|---|')
    faults = []
    for seed, name in enumerate(names):
        for act, eos in FORMS:
            faults += verify(name, models[name], act, eos, seed)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
