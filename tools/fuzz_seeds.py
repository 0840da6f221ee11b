#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: tests/fuzz/corpus/<target>/. Needs Pillow and numpy.

    python3 tools/fuzz_seeds.py
"""
import io
import json
import os
import struct
import zlib

import numpy as np
from PIL import Image

HERE = os.path.join(os.path.dirname(__file__), '..', 'tests', 'fuzz', 'corpus')


def put(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), 'wb') as f:
        f.write(data)


def safetensors(tensors, meta=None, pad=True, sums=False):
    """sums: with kin.crc32, as docs/format.md has it."""
    header, at, body = {'__metadata__': dict(meta or {})}, 0, b''
    if sums:
        header['__metadata__']['kin.crc32'] = '0' * 8 + ''.join('%08x' % zlib.crc32(data) for *_, data in tensors)
    for name, dtype, shape, data in tensors:
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + len(data)]}
        at += len(data)
        body += data
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8) if pad else b''
    head = struct.pack('<Q', len(text)) + text
    if sums:
        head = head.replace(b'"kin.crc32":"00000000', b'"kin.crc32":"%08x' % zlib.crc32(head))
    return head + body


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(width, height, depth, colour, data, *extra):
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)) + \
        b''.join(extra) + chunk(b'IDAT', data) + chunk(b'IEND', b'')


def pictures():
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (12, 17, 3), dtype=np.uint8))
    for mode in ('RGB', 'L', 'P', 'RGBA', 'CMYK', '1'):
        picture = noise.convert(mode)
        for form, options in (('PNG', {}), ('JPEG', {'quality': 60}), ('JPEG', {'progressive': True, 'subsampling': 2})):
            if (form == 'PNG') == (mode == 'CMYK') or form == 'JPEG' and mode in ('P', 'RGBA', '1'):
                continue
            out = io.BytesIO()
            picture.save(out, form, **options)
            put('image', f'{mode}-{form}{len(options)}'.lower(), out.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    noise.save(out, 'JPEG', exif=exif)
    put('image', 'exif-6', out.getvalue())
    put('image', 'cut-jpeg', out.getvalue()[:-200])
    put('image', 'bomb-18918', png(18918, 18918, 8, 2, b'x'))
    put('image', 'palette-past-its-end', png(4, 1, 8, 3, zlib.compress(b'\0\0\1\2\3'), chunk(b'PLTE', b'\x01\x02\x03')))
    put('image', 'empty-idat', png(1, 1, 8, 0, b''))
    put('image', 'sixteen-bit', png(2, 2, 16, 6, zlib.compress(b'\0' + bytes(range(16)) + b'\0' + bytes(range(16)))))
    whole = out.getvalue()
    scan = whole.index(b'\xff\xda')
    put('image', 'many-scans', whole[:scan] + b'\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00' * 80 + b'\xff\xd9')


def record(*texts, pictures=None, vectors=b''):
    return bytes([] if pictures is None else [pictures]) + b''.join(bytes([len(t)]) + t for t in texts) + vectors


def model(rng, vision, text, patch, tokens, vocabulary, projection, layers=1, hidden=8):
    """All tensors of a CLIP whose towers are `vision` and `text` wide, F16 but for a few."""
    tensors = []

    def add(name, *shape, dtype='F16'):
        values = rng.normal(0, .3, shape).astype({'F16': '<f2', 'F32': '<f4'}[dtype])
        tensors.append((name, dtype, list(shape), values.tobytes()))

    add('logit_scale', dtype='F32')
    add('visual_projection.weight', projection, vision)
    add('text_projection.weight', projection, text)
    add('vision_model.embeddings.class_embedding', vision, dtype='F32')
    add('vision_model.embeddings.patch_embedding.weight', vision, 3, patch, patch)
    add('vision_model.embeddings.position_embedding.weight', 5, vision)
    add('text_model.embeddings.token_embedding.weight', vocabulary, text)
    add('text_model.embeddings.position_embedding.weight', tokens, text)
    norms = ['vision_model.pre_layrnorm', 'vision_model.post_layernorm', 'text_model.final_layer_norm']
    widths = {'vision_model': vision, 'text_model': text}
    for root, width in widths.items():
        for layer in range(layers):
            prefix = f'{root}.encoder.layers.{layer}.'
            norms += [prefix + 'layer_norm1', prefix + 'layer_norm2']
            for name, n_out, n_in in [(f'self_attn.{n}_proj', width, width) for n in ('q', 'k', 'v', 'out')] + \
                    [('mlp.fc1', hidden, width), ('mlp.fc2', width, hidden)]:
                add(prefix + name + '.weight', n_out, n_in)
                add(prefix + name + '.bias', n_out)
    for name in norms:
        for part in ('.weight', '.bias'):
            add(name + part, widths[name.split('.')[0]])
    return safetensors(sorted(tensors, key=lambda tensor: tensor[1] != 'F32'))


def open_clip(rng, vision, text, patch, tokens, vocabulary, projection, hidden=8):
    """The same in open_clip's form, of one layer each: queries, keys and values in one tensor, projections turned."""
    tensors = []

    def add(name, *shape, dtype='F16'):
        values = rng.normal(0, .3, shape).astype({'F16': '<f2', 'F32': '<f4'}[dtype])
        tensors.append((name, dtype, list(shape), values.tobytes()))

    add('logit_scale', dtype='F32')
    add('visual.class_embedding', vision)
    add('visual.conv1.weight', vision, 3, patch, patch)
    add('visual.positional_embedding', 5, vision)
    add('visual.proj', vision, projection)
    add('token_embedding.weight', vocabulary, text)
    add('positional_embedding', tokens, text)
    add('text_projection', text, projection)
    for width, root, norms in (vision, 'visual.', ('ln_pre', 'ln_post')), (text, '', ('ln_final',)):
        block = root + 'transformer.resblocks.0.'
        for name, n_out, n_in in (('attn.in_proj_', 3 * width, width), ('attn.out_proj.', width, width), ('mlp.c_fc.', hidden, width),
                                  ('mlp.c_proj.', width, hidden)):
            add(f'{block}{name}weight', n_out, n_in)
            add(f'{block}{name}bias', n_out)
        for norm in [root + norm for norm in norms] + [block + 'ln_1', block + 'ln_2']:
            add(norm + '.weight', width)
            add(norm + '.bias', width)
    return safetensors(sorted(tensors, key=lambda tensor: tensor[1] != 'F32'))


def open_clip_config(vision, **more):
    return json.dumps({'model_cfg': {**{'embed_dim': 6, 'vision_cfg': vision, 'text_cfg': {
        'width': 8, 'heads': 2, 'layers': 1, 'mlp_ratio': 1, 'vocab_size': 8, 'context_length': 9}}, **more}, 'preprocess_cfg': {
            'mean': [.5] * 3, 'std': [.5] * 3}}, separators=(',', ':')).encode()


VIT = {'image_size': 8, 'patch_size': 4, 'width': 8, 'head_width': 4, 'layers': 1, 'mlp_ratio': 1}


def convolutional():
    """The first tensors of an EfficientNet-Lite, as timm names them and as Kin does, each in a shape that is right."""
    ones = lambda *shape: (list(shape), struct.pack('<e', 1) * int(np.prod(shape)))
    trunk, kin = 'visual.trunk.', 'vision_model.'
    timm = {trunk + 'conv_stem.weight': ones(32, 3, 3, 3), trunk + 'bn1.weight': ones(32), trunk + 'bn1.bias': ones(32),
            trunk + 'bn1.running_mean': ones(32), trunk + 'bn1.running_var': ones(32), trunk + 'bn1.num_batches_tracked': ones(1),
            trunk + 'blocks.0.0.conv_dw.weight': ones(32, 1, 3, 3), trunk + 'blocks.0.0.conv_pw.weight': ones(16, 32, 1, 1),
            trunk + 'blocks.1.0.bn3.running_var': ones(24), trunk + 'blocks.6.0.bn3.bias': ones(320), 'visual.head.proj.weight': ones(4, 1280)}
    own = {kin + 'stem.weight': ones(32, 3, 3, 3), kin + 'blocks.0.depthwise.weight': ones(32, 1, 3, 3),
           kin + 'blocks.0.project.bias': ones(16)}
    files = {name: safetensors([(key, 'F16', shape, data) for key, (shape, data) in tensors.items()])
             for name, tensors in (('timm', timm), ('own', own))}
    files['i8'] = safetensors([(kin + 'blocks.0.project.weight_scale', 'F32', [16], struct.pack('<f', 1) * 16),
                               (kin + 'blocks.0.project.weight', 'I8', [16, 32], bytes(512))], {'kin.weights': 's7q128'}, sums=True)
    for network, name, low in (('tf_efficientnet_lite0', 'timm', 2), ('efficientnet_lite1.in1k', 'own', 0), ('tf_efficientnet_lite0', 'i8', 2)):
        config = open_clip_config({'timm_model_name': network, 'image_size': 32, 'timm_pool': 'avg', 'timm_proj': 'linear'}, embed_dim=4)
        config += b' ' * ((low - len(config)) % 4)
        put('model', f'lite-{name}', struct.pack('<H', len(config)) + config + files[name])
    config = open_clip_config(VIT, quick_gelu=True)
    for low in range(4):
        text = config + b' ' * ((low - len(config)) % 4)
        put('model', f'open-clip-{low}', struct.pack('<H', len(text)) + text + open_clip(np.random.default_rng(4), 8, 8, 4, 9, 8, 6))


def catalog():
    """Three products as the engine writes them, the same cut short, and with a flipped bit."""
    rows = np.array([[86, -61, -100, -51, -22, 80, -12, -104], [-42, 26, 80, 58, 126, -80, 97, -113],
                     [15, -57, -76, 40, -50, 16, -61, -89]], np.int8)
    scale = (1 / np.sqrt((rows.astype(np.int32) ** 2).sum(1))).astype('<f4')
    item = lambda i: b'{"id": "p%d", "title": "t"}\n' % i
    u64, u32 = lambda *values: struct.pack(f'<{len(values)}Q', *values), lambda *values: struct.pack(f'<{len(values)}I', *values)
    whole = safetensors([
        ('item_offsets', 'U64', [4], u64(0, 27, 54, 81)), ('id_offsets', 'U64', [4], u64(0, 2, 4, 6)),
        ('scale', 'F32', [3], scale.tobytes()), ('row_item', 'U32', [3], u32(0, 1, 2)), ('id_order', 'U32', [3], u32(0, 1, 2)),
        ('row_picture', 'U16', [3], bytes(6)), ('vectors', 'I8', [3, 8], rows.tobytes()), ('ids', 'U8', [6], b'p0p1p2'),
        ('items', 'U8', [81], item(0) + item(1) + item(2)),
    ], {'kin.format': '2', 'kin.kind': 'catalog', 'kin.numerics': '1'}, sums=True)
    put('catalog', 'three', whole)
    put('catalog', 'cut', whole[:-9])
    put('catalog', 'flipped', whole[:-2] + b'|\n')


def calls():
    """Sequences of calls for fuzz_kin: an operation's number, then what it takes."""
    CONFIG, PREPROCESSING, VOCABULARY, BEGIN, FEED, FILE_END, END, TELL, EXPORT, DECODE, FAST, RAW, PREPARE, IMAGE, TOKENIZE, \
        ADD, TEXT, STEP, STEPS, LOOK, POOL, KERNELS, FACTS, LAYER = range(24)
    F32, Q8 = 1, 2
    piece = lambda data: struct.pack('<H', len(data)) + data
    none = struct.pack('<H', 65535)
    op = lambda number, *args: bytes([number]) + b''.join(bytes([a]) if isinstance(a, int) else a for a in args)
    whole = [50, 50, 150, 150]  # 0, 0, 1, 1
    tower = {'hidden_size': 8, 'intermediate_size': 8, 'num_hidden_layers': 1, 'num_attention_heads': 2}
    config = json.dumps({'projection_dim': 6, 'vision_config': {**tower, 'image_size': 8, 'patch_size': 4},
                         'text_config': {**tower, 'vocab_size': 8, 'max_position_embeddings': 9, 'eos_token_id': 7}},
                        separators=(',', ':')).encode()
    weights = model(np.random.default_rng(3), 8, 8, 4, 9, 8, 6)
    vocab = b'{"a":0,"b":1,"a</w>":2,"b</w>":3,"ab":4,"ab</w>":5,"<|startoftext|>":6,"<|endoftext|>":7}'
    merges = b'#version: 0.2\na b\na b</w>\n'
    rule = op(PREPROCESSING, piece(b'{"size":8,"crop_size":8}'))
    words = op(VOCABULARY, piece(vocab), piece(merges), none, none, none, none)
    files = op(FEED, piece(weights[:1000])) + op(FEED, piece(weights[1000:])) + op(FILE_END) + op(END)
    image = lambda dtype: op(BEGIN, 0, dtype) + files
    text = lambda dtype: op(BEGIN, 1, dtype) + files
    start = op(CONFIG, piece(config))
    raw = op(RAW, 12, 9, 3, none) + op(PREPARE, *whole, 0)
    say = lambda *texts: b''.join(op(TOKENIZE, piece(t)) + op(ADD) for t in texts)
    out = io.BytesIO()
    Image.fromarray(np.arange(16 * 12 * 3, dtype=np.uint8).reshape(12, 16, 3)).save(out, 'JPEG')
    turned = b'II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0'
    seeds = {
        'image': start + rule + image(Q8) + raw + op(IMAGE) + op(STEPS) + op(LOOK, 0) + op(TELL, 0) + op(EXPORT, 0),
        'image-f32': start + rule + image(F32) + raw + op(IMAGE) + op(STEPS) + op(LOOK, 0) + op(EXPORT, 0),
        'text': start + words + text(Q8) + say(b'ab a', b'ab b', b'b') + op(TEXT) + op(STEPS) + op(LOOK, 1) + op(TELL, 1),
        'text-f32': start + words + text(F32) + say(b'ab a') + op(TEXT) + op(STEPS) + op(LOOK, 1) + op(EXPORT, 1),
        'both': start + rule + words + image(Q8) + text(Q8) + raw + say(b'a b') + op(IMAGE) + op(STEP) + op(TEXT) + op(STEPS),
        'layers': start + rule + words + image(Q8) + text(F32) + raw + op(LAYER, 0, 254, 0) + op(STEPS) + op(LOOK, 0)
        + op(TOKENIZE, piece(b'ab a')) + op(LAYER, 1, 100, 0) + op(STEPS) + op(LOOK, 1) + op(LAYER, 1, 0, 1) + op(STEPS)
        + op(LAYER, 1, 2, 0) + say(b'ab b', b'b') + op(LAYER, 1, 1, 0) + op(STEP) + op(TEXT) + op(STEPS) + op(LOOK, 1),
        'pictures': rule + op(DECODE, piece(out.getvalue())) + op(PREPARE, 60, 60, 90, 90, 1) + op(FAST, *whole, piece(out.getvalue()))
        + op(PREPARE, *whole, 0) + op(RAW, 5, 7, 4, piece(turned)) + op(PREPARE, *whole, 1),
        'pools': op(POOL, 3) + start + rule + image(Q8) + raw + op(IMAGE) + op(STEP) + op(POOL, 4) + op(STEP) + op(IMAGE) + op(STEPS),
        'kernels': op(KERNELS, 1) + op(KERNELS, 3) + start + rule + image(Q8) + op(KERNELS, 1) + raw + op(IMAGE) + op(STEPS),
        'new-rule': start + rule + image(Q8) + raw + op(IMAGE) + op(PREPROCESSING, piece(b'{"size":2,"crop_size":2}')) + op(STEP)
        + op(PREPARE, *whole, 0) + op(IMAGE) + op(STEPS),
        'no-crop': start + op(PREPROCESSING, piece(b'{"do_resize":false,"do_center_crop":false,"size":{"height":8,"width":8}}'))
        + image(Q8) + op(RAW, 2, 2, 3, none) + op(PREPARE, *whole, 0) + op(IMAGE) + op(STEPS),
        'wrong-order': op(STEP) + op(TEXT) + op(ADD) + op(IMAGE) + op(END) + op(FILE_END) + op(FEED, piece(b'x')) + op(BEGIN, 0, Q8)
        + op(TELL, 1) + op(EXPORT, 0) + op(LOOK, 0) + op(FACTS) + op(TOKENIZE, piece(b'a')) + op(PREPARE, *whole, 0),
        'boxes': rule + op(RAW, 5, 7, 3, none) + op(PREPARE, *[part for end in (-1e308, -1e308, 1e308, 1e308)
                                                               for part in (250, struct.pack('<d', end))], 0),
        'nothing': op(CONFIG, none) + op(PREPROCESSING, none) + op(VOCABULARY, *[none] * 6) + op(DECODE, none)
        + op(TOKENIZE, none) + start + rule + op(BEGIN, 0, Q8) + op(FEED, none) + op(END),
    }
    theirs = open_clip(np.random.default_rng(5), 8, 8, 4, 9, 8, 6)
    start = op(CONFIG, piece(open_clip_config(VIT, quick_gelu=True)))
    files = op(FEED, piece(theirs)) + op(FILE_END) + op(END)
    seeds['open-clip'] = start + op(PREPROCESSING, piece(open_clip_config(VIT))) + words + image(Q8) + raw + op(IMAGE) + op(STEPS) + \
        op(LOOK, 0) + text(F32) + say(b'ab a', b'b') + op(TEXT) + op(STEPS) + op(TELL, 0) + op(TELL, 1) + op(EXPORT, 0)
    lite = open_clip_config({'timm_model_name': 'tf_efficientnet_lite0', 'image_size': 32})
    seeds['lite'] = op(CONFIG, piece(lite)) + op(PREPROCESSING, piece(lite)) + words + op(BEGIN, 0, Q8) + op(END) + \
        op(BEGIN, 1, Q8) + files + say(b'a') + op(TEXT) + op(STEPS) + op(LOOK, 1) + op(TELL, 1)
    for name, data in seeds.items():
        put('kin', name, data)


def numbers():
    """For fuzz_conv: dtype, padding, names and kernels, a side, then tensors of one number: mild, none, huge, not finite."""
    F32, Q8, SAME, OWN = 0, 1, 2, 4
    every, channel = 65535, 1
    of = lambda *records: b''.join(struct.pack('<HHf', *record) for record in records)
    put('conv', 'mild', bytes([F32 | SAME, 0]))
    put('conv', 'mild-own', bytes([F32 | OWN, 13]))
    put('conv', 'mild-q8', bytes([Q8 | 16, 0]))
    put('conv', 'no-variance', bytes([F32, 1]) + of((4, every, 0), (9, every, 0)))
    put('conv', 'negative-variance', bytes([F32, 0]) + of((4, channel, -1)))
    put('conv', 'huge', bytes([F32 | SAME, 0]) + of(*[(i, every, 1e38) for i in range(0, 240, 5)]))
    put('conv', 'huge-own', bytes([F32 | OWN, 0]) + of(*[(i, every, 1e38) for i in range(64)]))
    put('conv', 'none', bytes([F32, 0]) + of(*[(i, every, 0) for i in range(0, 240, 5)]))
    put('conv', 'not-finite', bytes([F32, 0]) + of((50, channel, float('nan'))))


def main():
    pictures()
    catalog()
    calls()
    convolutional()
    numbers()
    put('catalog_write', 'five', record(b'{"kin.fit":"crop","a":"\\ud800"}') +
        record(b'a', b'{"id":"a"}', pictures=2, vectors=b'\1\2\3\0\0\x80') + record(b'b', b'{}', pictures=1, vectors=b'\x7f\0\0') +
        record(b'a', b'{}', pictures=1, vectors=b'\1\1\1') + record(b'ab', b'{"x":1\n}', pictures=1, vectors=b'\1\1\1') +
        record(b'\xc3\xa4', b' {"y":[]} ', pictures=1, vectors=b'\0\0\0') + record(b'abc', b'{"y":[]}', pictures=1, vectors=b'\0\1\0'))
    put('catalog_write', 'metadata-twice', record(b'{"a":"b","a":"c"}') + record(b'\0', b'{}', pictures=1, vectors=b'abc'))
    put('catalog_write', 'own-metadata', record(b'{"kin.kind":"x"}'))
    put('tensors', 'checksums', safetensors([('a', 'F32', [2], bytes(8)), ('b', 'I8', [3], b'abc')], {'k': 'v'}, sums=True))
    put('tensors', 'two', safetensors([('a', 'F32', [2], bytes(8)), ('b', 'I8', [3], b'abc')], {'k': 'v'}))
    put('tensors', 'empty', safetensors([]))
    put('tensors', 'gap', safetensors([('a', 'F32', [2], bytes(8))]) + b'x')
    put('tensors', 'huge-header', struct.pack('<Q', 2 ** 63) + b'{}')
    put('tensors', 'huge-shape', safetensors([('a', 'F32', [2 ** 40, 2 ** 40], b'')]))
    put('json', 'all', b' {"a\\u00e9\\ud83d\\ude00":[1,-2.5e-3,true,false,null,"\\"\\\\\\/\\b\\f\\n\\r\\t"],"b":{"c":{}}} ')
    put('json', 'deep', b'[' * 70 + b']' * 70)
    put('json', 'numbers', b'[0,-0,1e400,123456789012345678901234567890,0.1]')
    put('json', 'strings', b'["\\u00e4\\ud83d\\ude00\\ud800x\\udc00","\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80","\\u0000",""]')
    put('json', 'keys', b' { "a" : 1 , "\\u0061" : 2 , "b\\"" : [ { } , [ ] ] , "c\\\\" : { "" : null } } ')
    put('json', 'doubles', b'[5e-324,2.2250738585072014e-308,1.7976931348623157e308,5.684341886080802e-14,1e23,9007199254740993]')
    put('tensors', 'none-and-scalar', safetensors([('s', 'F32', [], bytes(4)), ('n', 'F16', [0, 9], b''), ('t@8', 'U8', [2], b'ab')]))
    put('tensors', 'name-twice', safetensors([('a', 'U8', [0], b''), ('b', 'U8', [0], b'')]).replace(b'"b"', b'"a"'))
    put('tokenize', 'text', b'\x00a b\xc3\xa9 <|endoftext|> AB \xed\xa0\x80 \xcc\x81\xcc\x88 it\'s 123!')
    put('tokenize', 'vocab', b'\x01{"a":0,"b":1,"a</w>":2,"b</w>":3,"ab":4,"ab</w>":5,"<|startoftext|>":6,"<|endoftext|>":7}')
    put('tokenize', 'merges', b'\x02#version: 0.2\na b\na b</w>\n')
    put('tokenize', 'json', b'\x03{"model":{"vocab":{"a":0,"<|startoftext|>":1,"<|endoftext|>":2,"aa":3,"a</w>":4},"merges":[["a","a"]]},'
                           b'"added_tokens":[{"content":"<|endoftext|>"}]}')
    put('tokenize', 'config', b'\x04{"added_tokens_decoder":{"6":{"content":"<|startoftext|>","normalized":true,"special":true}},'
                             b'"pad_token":"<PAD>","additional_special_tokens":["a"]}')
    put('tokenize', 'added', b'\x06{"<PAD>":9,"<cat>":8,"<|endoftext|>":7}')
    put('tokenize', 'map', b'\x05{"eos_token":{"content":"<|endoftext|>","normalized":true},"pad_token":{"content":"\\u0130B"}}')
    for name, text in (('empty', '{}'), ('old', '{"size":224,"crop_size":224,"resample":3,"do_convert_rgb":true}'),
                       ('sizes', '{"size":{"height":16,"width":24},"crop_size":{"height":8,"width":12},"resample":2}'),
                       ('off', '{"do_resize":false,"do_center_crop":false,"do_rescale":false,"do_normalize":false}'),
                       ('numbers', '{"image_mean":[0.5,-1e-3,2E2],"image_std":[1,0.25,3.5],"rescale_factor":0.00784313725490196}'),
                       ('processor', '{"image_processor":{"size":{"shortest_edge":32,"longest_edge":null},"crop_size":null}}'),
                       ('open-clip', '{"model_cfg":{"vision_cfg":{"image_size":24}},"preprocess_cfg":{"mean":[0.5,0.4,0.3],"std":[1,2,3],'
                                     '"interpolation":"bilinear","resize_mode":"shortest"}}'),
                       ('squash', '{"model_cfg":{},"preprocess_cfg":{"size":[16,24],"interpolation":"bicubic","resize_mode":"squash"}}')):
        put('preprocess', name, text.encode())
    config = b'{"projection_dim":4,"vision_config":{"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,' \
             b'"num_attention_heads":1,"image_size":8,"patch_size":8},"text_config":{"hidden_size":8,"intermediate_size":8,' \
             b'"num_hidden_layers":1,"num_attention_heads":1,"vocab_size":4}}'
    for extra in range(4):
        text = config + b' ' * ((extra - len(config)) % 4)
        put('model', f'config-{len(text) % 4}', struct.pack('<H', len(text)) + text + safetensors([('logit_scale', 'F32', [], bytes(4)),
            ('vision_model.embeddings.class_embedding', 'F16', [8], bytes(16)), ('text_model.x', 'F32', [1], bytes(4))]))
    put('model', 'checksums', struct.pack('<H', len(config)) + config + safetensors([('logit_scale', 'F32', [], bytes(4)),
        ('vision_model.embeddings.class_embedding', 'F16', [8], bytes(16))], {'kin.weights': 's7q128'}, sums=True))
    count = sum(len(files) for _, _, files in os.walk(HERE))
    print(count, 'seeds')


main()
