#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: tests/fuzz/corpus/<target>/. Needs Pillow and numpy. Those of `catalog`
are kept as they are: a file of three products as the engine writes it, and the same cut short.

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


def safetensors(tensors, meta=None, pad=True):
    header, at, body = {'__metadata__': meta or {}}, 0, b''
    for name, dtype, shape, data in tensors:
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + len(data)]}
        at += len(data)
        body += data
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8) if pad else b''
    return struct.pack('<Q', len(text)) + text + body


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


def main():
    pictures()
    put('catalog_write', 'five', record(b'{"kin.fit":"crop","a":"\\ud800"}') +
        record(b'a', b'{"id":"a"}', pictures=2, vectors=b'\1\2\3\0\0\x80') + record(b'b', b'{}', pictures=1, vectors=b'\x7f\0\0') +
        record(b'a', b'{}', pictures=1, vectors=b'\1\1\1') + record(b'ab', b'{"x":1\n}', pictures=1, vectors=b'\1\1\1') +
        record(b'\xc3\xa4', b' {"y":[]} ', pictures=1, vectors=b'\0\0\0') + record(b'abc', b'{"y":[]}', pictures=1, vectors=b'\0\1\0'))
    put('catalog_write', 'metadata-twice', record(b'{"a":"b","a":"c"}') + record(b'\0', b'{}', pictures=1, vectors=b'abc'))
    put('catalog_write', 'own-metadata', record(b'{"kin.kind":"x"}'))
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
    put('tokenize', 'json', b'\x03{"model":{"vocab":{"a":0,"<|startoftext|>":1,"<|endoftext|>":2,"aa":3},"merges":[["a","a"]]},'
                           b'"added_tokens":[{"content":"<|endoftext|>"}]}')
    put('tokenize', 'config', b'\x04{"added_tokens_decoder":{"6":{"content":"<|startoftext|>","normalized":true,"special":true}},'
                             b'"pad_token":"<PAD>","additional_special_tokens":["a"]}')
    put('tokenize', 'added', b'\x06{"<PAD>":9,"<cat>":8,"<|endoftext|>":7}')
    put('tokenize', 'map', b'\x05{"eos_token":{"content":"<|endoftext|>","normalized":true},"pad_token":{"content":"\\u0130B"}}')
    for name, text in (('empty', '{}'), ('old', '{"size":224,"crop_size":224,"resample":3,"do_convert_rgb":true}'),
                       ('sizes', '{"size":{"height":16,"width":24},"crop_size":{"height":8,"width":12},"resample":2}'),
                       ('off', '{"do_resize":false,"do_center_crop":false,"do_rescale":false,"do_normalize":false}'),
                       ('numbers', '{"image_mean":[0.5,-1e-3,2E2],"image_std":[1,0.25,3.5],"rescale_factor":0.00784313725490196}'),
                       ('processor', '{"image_processor":{"size":{"shortest_edge":32,"longest_edge":null},"crop_size":null}}')):
        put('preprocess', name, text.encode())
    config = b'{"projection_dim":4,"vision_config":{"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,' \
             b'"num_attention_heads":1,"image_size":8,"patch_size":8},"text_config":{"hidden_size":8,"intermediate_size":8,' \
             b'"num_hidden_layers":1,"num_attention_heads":1,"vocab_size":4}}'
    for extra in range(4):
        text = config + b' ' * ((extra - len(config)) % 4)
        put('model', f'config-{len(text) % 4}', struct.pack('<H', len(text)) + text + safetensors([('logit_scale', 'F32', [], bytes(4)),
            ('vision_model.embeddings.class_embedding', 'F16', [8], bytes(16)), ('text_model.x', 'F32', [1], bytes(4))]))
    count = sum(len(files) for _, _, files in os.walk(HERE))
    print(count, 'seeds')


main()
