#!/usr/bin/env python3
"""Writes src/unicode_tables.h: what the pinned reference (tools/requirements.txt) does with every code point.

    python3 tools/unicode_tables.py

The reference's parts use different Unicode versions, so each table is made by asking that very part:
NFC (decompositions, combining classes, compositions), Lowercase, and the two splitting expressions.
"""
import os
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
split = pre_tokenizers.Split(Regex(CLIP), behavior='removed', invert=True)
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
nfc, nfd, lower = normalizers.NFC(), normalizers.NFD(), normalizers.Lowercase()
spaces = normalizers.Replace(Regex(r'\s+'), ' ')
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)
OTHER, LETTER, NUMBER, SPACE = range(4)


def clip_class(ch):
    n = len(split.pre_tokenize_str('a' + ch + 'a'))
    if n == 1:
        return LETTER
    if n == 2:
        return SPACE
    return NUMBER if len(split.pre_tokenize_str(ch + ch)) == 2 else OTHER


def byte_class(ch):
    for cls, neighbour in ((LETTER, 'a'), (NUMBER, '1'), (OTHER, '!')):
        if len(byte_level.pre_tokenize_str(neighbour + ch + neighbour)) == 1:
            return cls
    return SPACE


def runs(values):
    """[(first, last, value)] of equal neighbours, zeros left out; surrogates count as zero."""
    out = []
    for c, v in values:
        if v and out and out[-1][2] == v and out[-1][1] == c - 1:
            out[-1][1] = c
        elif v:
            out.append([c, c, v])
    return out


def combining_classes():
    top, bottom = '\u0345', '\u0334'  # classes 240 and 1, the greatest and the least
    ladder = {240: top}
    for c in CODE_POINTS:
        v, ch = unicodedata.combining(chr(c)), chr(c)
        # marks younger than the reference's tables do not reorder there
        if v and v not in ladder and nfd.normalize_str(top + ch) == ch + top:
            ladder[v] = ch
    for c in CODE_POINTS:
        ch = chr(c)
        if nfd.normalize_str(ch) != ch:
            yield c, 0
            continue
        below_top = nfd.normalize_str(top + ch) != top + ch
        above_bottom = nfd.normalize_str(ch + bottom) != ch + bottom
        if not below_top and not above_bottom:
            yield c, 0
            continue
        same = [v for v, mark in ladder.items()
                if nfd.normalize_str(mark + ch) == mark + ch and nfd.normalize_str(ch + mark) == ch + mark]
        assert len(same) == 1, (hex(c), same)
        yield c, same[0]


def pairs(whole):
    """Each decomposition as one step: first | index of the second << 18, by code point; the entries that compose,
    ordered by both parts; the seconds (index 0: none)."""
    one_of = {t: c for c, t in whole.items()}
    firsts, composing = {}, []
    for c, t in whole.items():
        head = nfc.normalize_str(t[:-1]) if len(t) > 1 else t
        firsts[c] = ord(head) if len(head) == 1 else one_of[t[:-1]]
        if len(t) > 1 and nfc.normalize_str(t) == chr(c):
            assert len(head) == 1 and nfc.normalize_str(head + t[-1]) == chr(c), hex(c)
            composing.append(c)
    seconds = [0] + sorted({ord(t[-1]) for t in whole.values() if len(t) > 1})
    assert max(firsts.values()) < 1 << 18 and len(seconds) < 1 << 14
    second = {c: seconds.index(ord(t[-1])) if len(t) > 1 else 0 for c, t in whole.items()}
    place = {c: i for i, c in enumerate(whole)}
    order = [place[c] for c in sorted(composing, key=lambda c: (firsts[c], second[c]))]
    return [(c, firsts[c] | second[c] << 18) for c in whole], order, seconds


def lower_runs(lowered):
    """[first, last, step, difference]: every step-th code point of first … last."""
    out = []
    for c, t in lowered:
        difference = ord(t) - c
        last = out[-1] if out else [0, 0, 0, 0]
        step = c - last[1]
        if last[3] == difference and (step == last[2] or (last[0] == last[1] and step <= 2)):
            last[1], last[2] = c, step
        else:
            out.append([c, c, 1, difference])
    return out


def rows(f, name, kind, values, per_line):
    f.write(f'static const {kind} {name}[] = {{\n')
    for i in range(0, len(values), per_line):
        f.write('    ' + ', '.join(values[i:i + per_line]) + ',\n')
    f.write('};\n\n')


def main():
    for c in CODE_POINTS:  # \s is one set for all parts
        is_space = spaces.normalize_str('a' + chr(c) + 'a') == 'a a' and chr(c) != ' '
        assert (clip_class(chr(c)) == SPACE) == (is_space or c == 32), hex(c)
    classes = runs((c, clip_class(chr(c)) * 4 + byte_class(chr(c))) for c in CODE_POINTS)
    combining = runs(combining_classes())
    lowered = [(c, lower.normalize_str(chr(c))) for c in CODE_POINTS]
    lowered = [(c, t) for c, t in lowered if t != chr(c)]
    double = [(c, t) for c, t in lowered if len(t) > 1]
    assert [(c, t) for c, t in double] == [(0x130, 'i\u0307')], double
    whole = {c: nfd.normalize_str(chr(c)) for c in CODE_POINTS if c not in HANGUL}
    whole = {c: t for c, t in whole.items() if t != chr(c)}
    entries, order, seconds = pairs(whole)

    path = os.path.join(os.path.dirname(__file__), '..', 'src', 'unicode_tables.h')
    with open(path, 'w') as f:
        f.write('/* unicode_tables: made by tools/unicode_tables.py from the pinned reference; do not edit. [level 0] */\n'
                '#ifndef KIN_UNICODE_TABLES_H\n#define KIN_UNICODE_TABLES_H\n#include <stdint.h>\n\n'
                '/* class: 4 * (CLIP split) + (byte-level split); 0 other, 1 letter, 2 number, 3 space. */\n'
                'struct unicode_run {\n    uint32_t first : 21, value : 11;\n    uint32_t last;\n};\n\n')
        for name, table in (('class_runs', classes), ('combining_runs', combining)):
            rows(f, name, 'struct unicode_run', [f'{{{a}, {v}, {b}}}' for a, b, v in table], 6)
        lower_table = lower_runs([(c, t) for c, t in lowered if len(t) == 1])
        f.write('/* Every step-th code point of first … last has its lower case `difference` away. */\n'
                'struct unicode_lower_run {\n    uint32_t first : 21, step : 11;\n    uint32_t last;\n'
                '    int32_t difference;\n};\n\n')
        rows(f, 'lower_runs', 'struct unicode_lower_run', [f'{{{a}, {s}, {b}, {d}}}' for a, b, s, d in lower_table], 5)
        spans = []
        for i, (c, _) in enumerate(entries):
            if spans and c == spans[-1][0] + spans[-1][1]:
                spans[-1][1] += 1
            else:
                spans.append([c, 1, i])
        f.write('/* Code points first … first + n - 1 decompose as `decomposed` has it from `at` on. */\n'
                'struct unicode_span {\n    uint32_t first;\n    uint16_t n, at;\n};\n\n')
        rows(f, 'decomposed_spans', 'struct unicode_span', [f'{{{c}, {n}, {i}}}' for c, n, i in spans], 6)
        f.write('/* One step: first code point | index in `seconds` << 18 (0: the first alone). */\n')
        rows(f, 'decomposed', 'uint32_t', [str(v) for _, v in entries], 10)
        rows(f, 'seconds', 'uint16_t' if max(seconds) < 65536 else 'uint32_t', [str(v) for v in seconds], 14)
        f.write('/* The entries of `decomposed` that compose again, by first and second. */\n')
        rows(f, 'composed_order', 'uint16_t', [str(v) for v in order], 16)
        f.write('#endif\n')
    print(len(classes), 'class runs,', len(combining), 'combining runs,', len(lower_table), 'lower runs,',
          len(spans), 'spans of', len(entries), 'decompositions,', len(order), 'compositions')


main()
