#!/usr/bin/env python3
"""What CLIPTokenizer makes of hostile texts and of every code point, tests/golden/tokens.bin, and of special
tokens in the ways that model folders give them, tests/golden/special_tokens.jsonl.

    python3 tools/golden_tokens.py          (packages: tools/requirements.txt)

Little-endian: u32 n, then n times u16 length, the text's UTF-8, u32 crc32 of its ids (i32 each); then for
each block of 256 code points (surrogates left out) u32 crc32 of the ids of all its code points alone.
The vocabulary is tests/models/kin-small's, the context 32.
"""
import json
import os
import random
import shutil
import struct
import tempfile
import zlib

import numpy as np
from transformers import CLIPTokenizer

HERE = os.path.join(os.path.dirname(__file__), '..')
CONTEXT = 32
RANGES = [(0x20, 0x7F), (0x00, 0x20), (0x80, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE00),
          (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2460, 0x2500), (0x3000, 0x3100), (0x4E00, 0x4F00),
          (0xAC00, 0xAD00), (0xF900, 0xFB50), (0xFB00, 0xFE10), (0x1D100, 0x1D200), (0x1F1E6, 0x1F200), (0x1F300, 0x1F700),
          (0x16E40, 0x16EA0), (0xE0000, 0xE0080)]
WORDS = ["a photo of a dog", "it's", "THEY'LL", "I've we're don't he'd I'm", "<|endoftext|>", "<|startoftext|>", "<|ENDOFTEXT|>",
         "<|endoftext", "|>", "ΣΑΣ", "İstanbul", "1234567", "3.14", "e-mail@example.com", "café", "cafe\u0301", "a\u0323\u0307",
         "\u1112\u1161\u11ab", "!!!'s", "''''ll", "\u2028", "\u00a0\u3000", "x" * 90, "👩‍👩‍👧", "🏳️‍🌈🇩🇪", "ﬁﬂ①½™", "\0", "&amp;"]


def text(rng):
    parts = []
    for _ in range(rng.randint(0, 6)):
        if rng.random() < 0.4:
            parts.append(rng.choice(WORDS))
        else:
            first, last = rng.choice(RANGES) if rng.random() < 0.6 else RANGES[0]
            parts.append(''.join(chr(rng.randrange(first, last)) for _ in range(rng.randint(1, 7))))
    return rng.choice(['', ' ', ' ', '\n']).join(parts)


def crc(tokenizer, texts):
    lists = tokenizer(texts, truncation=True, max_length=CONTEXT)['input_ids']
    return [zlib.crc32(np.array(ids, dtype='<i4').tobytes()) for ids in lists], lists


def added(content, normalized, **flags):
    return {'content': content, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': normalized, **flags}


def special_tokens():
    start, end = '<|startoftext|>', '<|endoftext|>'
    role = {'__type': 'AddedToken'}
    published = {'bos_token': added(start, True, **role), 'eos_token': added(end, True, **role),
                 'unk_token': added(end, True, **role), 'pad_token': end}
    old_map = {'bos_token': added(start, True), 'eos_token': added(end, True), 'unk_token': added(end, True), 'pad_token': end}
    listed = {'8190': added(start, True, special=True), '8191': added(end, False, special=True)}
    forms = [({}, {}), (published, {}), (published, old_map), ({}, old_map), ({'pad_token': '!'}, {}), ({'pad_token': '<PAD>'}, {}),
             ({'pad_token': end}, {'pad_token': '!'}), ({'added_tokens_decoder': listed, 'pad_token': '!'}, {}),
             ({'added_tokens_decoder': listed, 'pad_token': end}, {'pad_token': '!'}),
             ({'additional_special_tokens': ['<PAD>', added('<Mask>', True, **role)]}, {}), ({'mask_token': 'A', 'sep_token': '<sep>'}, {}),
             ({'eos_token': added(end, True, **role), 'pad_token': added(end, True, **role)}, {})]
    # with added_tokens.json, and with the added tokens of a tokenizer.json, which counts before vocab.json and merges.txt
    toy, both = {'<cat-toy>': 8192, '<sks>': 8193}, {'bos_token': start, 'eos_token': end, 'unk_token': end, 'pad_token': end}
    numbered = lambda id, token, special: {'id': id, **token, 'special': special}
    saved = [numbered(8190, added(start, False), True), numbered(8191, added(end, False), True)]
    toys = [numbered(8192, added('<cat-toy>', True), False), numbered(8193, added('<sks>', True), False)]
    forms = [(*form, None, None) for form in forms] + [
        ({}, {}, toy, None), (both, both, toy, None), (both, {}, dict(reversed(toy.items())), None),
        ({'extra_special_tokens': ['<sks>']}, {}, {'<sks>': 8192, '<Mask>': 8193}, None),
        ({'pad_token': '<PAD>'}, {}, {'<PAD>': 8192, '<sks>': 8193}, None), ({}, {'pad_token': '<PAD>'}, {'<sks>': 8192, '<PAD>': 8193}, None),
        (both, {}, {end: 8191, '<sks>': 8192}, None), ({}, {}, {end: 8191, start: 8190}, None), (published, old_map, toy, None),
        ({'added_tokens_decoder': listed}, {}, toy, None), (both, both, {}, saved + toys), ({}, {}, None, saved + toys),
        (both, {}, None, saved + toys[::-1]), (both, {}, toy, saved), (both, {}, {'<Mask>': 8193}, saved + toys),
        ({'added_tokens_decoder': listed}, {}, None, saved + toys), (published, old_map, None, saved),
        (both, {}, None, [numbered(8190, added(start, True), True), numbered(8191, added(end, False), True)]),
        ({'pad_token': '!'}, {}, None, saved), ({}, {}, None, [])]
    texts = ['a <|endoftext|> b', 'a <|ENDOFTEXT|> b', '<|STARTOFTEXT|>x <|startoftext|> y', 'x<|endoftext|>y', '! a!b <|pad|> <PAD> c',
             'A a<PAD>b<pad>', '<cat-toy> on a <sks> table', '<CAT-TOY>x<Sks> <sks', 'h\u00e9llo <|Endoftext|><|endoftext|>', '<mask><MASK> <Mask>', '<sep><SEP>a', '\uff1c|endoftext|>']
    source = os.path.join(HERE, 'tests', 'models', 'kin-small')
    with open(os.path.join(HERE, 'tests', 'golden', 'special_tokens.jsonl'), 'w') as f:
        for config, special_map, added_tokens, json_tokens in forms:
            with tempfile.TemporaryDirectory() as folder:
                for name in ('vocab.json', 'merges.txt'):
                    shutil.copy(os.path.join(source, name), folder)
                whole = None
                if json_tokens is not None:
                    whole = json.loads(CLIPTokenizer.from_pretrained(source).backend_tokenizer.to_str())
                    whole['added_tokens'] = json_tokens
                for name, content in (('tokenizer_config.json', config), ('special_tokens_map.json', special_map),
                                      ('added_tokens.json', added_tokens), ('tokenizer.json', whole)):
                    if content is not None:
                        with open(os.path.join(folder, name), 'w') as out:
                            json.dump(content, out)
                tokenizer = CLIPTokenizer.from_pretrained(folder)
            rows = [[t, tokenizer(t, truncation=True, max_length=CONTEXT)['input_ids']] for t in texts]
            f.write(json.dumps({'config': config, 'map': special_map, 'added': added_tokens, 'listed': json_tokens,
                                'texts': rows}) + '\n')
    print(len(forms), 'forms of special tokens')


def main():
    special_tokens()
    tokenizer = CLIPTokenizer.from_pretrained(os.path.join(HERE, 'tests', 'models', 'kin-small'))
    rng = random.Random(8)
    texts = [t for t in (text(rng) for _ in range(5600)) if len(t.encode()) < 60000][:5200]
    with open(os.path.join(HERE, 'tests', 'golden', 'tokens.bin'), 'wb') as f:
        f.write(struct.pack('<I', len(texts)))
        for t, value in zip(texts, crc(tokenizer, texts)[0]):
            data = t.encode()
            f.write(struct.pack('<H', len(data)) + data + struct.pack('<I', value))
        for block in range(0, 0x110000, 256):
            if 0xD800 <= block < 0xE000:
                continue
            _, lists = crc(tokenizer, [chr(c) for c in range(block, block + 256)])
            f.write(struct.pack('<I', zlib.crc32(b''.join(np.array(ids, dtype='<i4').tobytes() for ids in lists))))
    print(len(texts), 'texts')


main()
