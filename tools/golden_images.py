#!/usr/bin/env python3
"""Pictures with the pixels they must decode to, and resize results of Pillow and transformers.

    python3 tools/golden_images.py         (packages: tools/requirements.txt)

Writes tests/golden/images/: the files; index.txt, a line each `name status tolerance width height`;
pixels.bin, the RGB bytes of all that decode, in that order. PNG pixels follow from how the file was
made; JPEG pixels are Pillow's, from which ours may differ by `tolerance`.
"""
import io
import os
import shutil
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

FOLDER = os.path.join(os.path.dirname(__file__), '..', 'tests', 'golden', 'images')
JPEG_TOLERANCE = 4
index, pixels = [], []


def noise(width, height, seed, channels=3):
    x = np.arange(width * height * channels, dtype=np.uint64) * 2654435761 + seed * 40503
    x = (x & 0xFFFFFFFF).astype(np.uint32)
    x ^= x >> np.uint32(15)
    x = (x.astype(np.uint64) * 2246822519 & 0xFFFFFFFF).astype(np.uint32)
    x ^= x >> np.uint32(13)
    return (x & 255).astype(np.uint8).reshape(height, width, channels)


# ---- writing ------------------------------------------------------------------------------------

def put(name, data, status, rgb=None, tolerance=0):
    with open(os.path.join(FOLDER, name), 'wb') as f:
        f.write(data)
    height, width = (0, 0) if rgb is None else rgb.shape[:2]
    index.append(f'{name} {status} {tolerance} {width} {height}\n')
    if rgb is not None:
        assert rgb.dtype == np.uint8 and rgb.shape[2] == 3
        pixels.append(rgb.tobytes())


def over_white(c, a):
    c, a = c.astype(np.int64), a.astype(np.int64)
    return ((c * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, 'JPEG', **options)
    return out.getvalue()


def put_jpeg(name, data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGB')
    put(name, data, 'ok', np.asarray(image), JPEG_TOLERANCE)


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def packed_rows(samples, depth):
    """Each row a filter byte and the samples [height][width][channels], most significant bit first."""
    out = []
    for number, row in enumerate(samples):
        values = row.reshape(-1)
        if depth == 16:
            line = values.astype('>u2').tobytes()
        elif depth == 8:
            line = values.astype(np.uint8).tobytes()
        else:
            bits = ''.join(format(int(v), f'0{depth}b') for v in values)
            line = bytes(int(bits[i:i + 8].ljust(8, '0'), 2) for i in range(0, len(bits), 8))
        kind, step = number % 5, max(1, row.shape[-1] * depth // 8)
        out.append((kind, step, line))
    filtered, above = b'', None
    for kind, step, line in out:
        above = above if above is not None and len(above) == len(line) else bytes(len(line))
        filtered += bytes([kind]) + bytes((line[i] - predict(kind, line, above, i, step)) & 255 for i in range(len(line)))
        above = line
    return filtered


def predict(kind, line, above, i, step):
    a = line[i - step] if i >= step else 0
    b, c = above[i], above[i - step] if i >= step else 0
    if kind < 3:
        return (0, a, b)[kind]
    if kind == 3:
        return (a + b) // 2
    p = a + b - c
    return min((a, b, c), key=lambda v: abs(p - v))


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples, depth, colour, before=(), interlace=0, split=None, after=()):
    height, width = samples.shape[:2]
    if interlace:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b''.join(packed_rows(part, depth) for part in passes if part.size)
    else:
        data = packed_rows(samples, depth)
    data = zlib.compress(data, 9)
    parts = [data] if split is None else [data[:split], data[split:]]
    return png_of(width, height, depth, colour, parts, interlace, before, after)


def png_of(width, height, depth, colour, parts, interlace=0, before=(), after=()):
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, interlace)) + \
        b''.join(before) + b''.join(chunk(b'IDAT', part) for part in parts) + b''.join(after) + chunk(b'IEND', b'')


def exif(orientation, order, kind=3, count=1, entries=1, offset=8):
    e = '<' if order == 'II' else '>'
    value = struct.pack(e + 'HH', orientation, 0) if kind == 3 else struct.pack(e + 'I', orientation)
    return order.encode() + struct.pack(e + 'HIH', 42, offset, entries) + \
        struct.pack(e + 'HHI', 0x0112, kind, count) + value + struct.pack(e + 'I', 0)


def segment(marker, body):
    return b'\xff' + bytes([marker]) + struct.pack('>H', len(body) + 2) + body


def with_segment(data, marker, body):
    return data[:2] + segment(marker, body) + data[2:]


def find_segment(data, marker):
    at = 2
    while data[at + 1] != marker:
        at += 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
    return at


def frame(marker, width, height, components, precision=8):
    body = struct.pack('>BHHB', precision, height, width, components)
    return segment(marker, body + b''.join(bytes([i + 1, 0x11, 0]) for i in range(components)))


# ---- pictures that decode -----------------------------------------------------------------------

def good_jpegs():
    image = Image.fromarray(noise(37, 23, 1))
    for name, sampling in (('444', 0), ('422', 1), ('420', 2)):
        put_jpeg(f'jpeg-{name}.jpg', jpeg(image, quality=90, subsampling=sampling))
        put_jpeg(f'jpeg-{name}-progressive.jpg', jpeg(image, quality=70, subsampling=sampling, progressive=True))
    for width in (1, 2, 3, 4, 5, 15, 16, 17):
        put_jpeg(f'jpeg-422-width-{width}.jpg', jpeg(Image.fromarray(noise(width, 5, width)), quality=95, subsampling=1))
    put_jpeg('jpeg-420-narrow.jpg', jpeg(Image.fromarray(noise(3, 19, 2)), quality=95, subsampling=2))
    put_jpeg('jpeg-gray.jpg', jpeg(image.convert('L'), quality=90))
    put_jpeg('jpeg-rgb.jpg', jpeg(image, quality=90, keep_rgb=True))
    put_jpeg('jpeg-restart.jpg', jpeg(image, quality=90, restart_marker_blocks=2))
    put_jpeg('jpeg-restart-progressive.jpg', jpeg(image, quality=90, restart_marker_blocks=3, progressive=True))
    plain = jpeg(image, quality=90)
    put_jpeg('jpeg-trailer.jpg', plain + bytes(range(256)) * 3)
    put_jpeg('jpeg-fill-bytes.jpg', plain[:2] + b'\xff\xff\xff' + plain[2:])
    put_jpeg('jpeg-thumbnail.jpg', with_segment(plain, 0xE1, b'Exif\0\0' + jpeg(image.resize((8, 8)))))

    inks = Image.frombytes('CMYK', (21, 13), noise(21, 13, 3, 4).tobytes())
    cmyk = jpeg(inks, quality=95)
    put_jpeg('jpeg-cmyk.jpg', cmyk)
    at = find_segment(cmyk, 0xEE)
    put_jpeg('jpeg-ycck.jpg', cmyk[:at + 15] + b'\2' + cmyk[at + 16:])
    put_jpeg('jpeg-cmyk-without-adobe.jpg', cmyk[:at] + cmyk[at + 16:])


def orientations():
    stored = noise(6, 4, 4)
    image = Image.fromarray(np.repeat(np.repeat(stored, 4, 0), 4, 1))
    for order in ('II', 'MM'):
        for value in range(1, 9):
            put_jpeg(f'exif-{value}-{order}.jpg', with_segment(jpeg(image, quality=90), 0xE1, b'Exif\0\0' + exif(value, order)))
            tagged = Image.fromarray(stored)
            tagged.getexif()[0x0112] = value
            put(f'exif-{value}-{order}.png', png(stored, 8, 2, before=[chunk(b'eXIf', exif(value, order))]), 'ok',
                np.asarray(ImageOps.exif_transpose(tagged)))
    plain = jpeg(image, quality=90)
    upright = np.asarray(Image.open(io.BytesIO(plain)))
    for name, body in (
            ('value-9', exif(9, 'II')), ('value-0', exif(0, 'MM')), ('long', exif(6, 'II', kind=4)),
            ('two-values', exif(6, 'MM', count=2)), ('far', exif(6, 'II', offset=0xFFFFFFF0)),
            ('cut', exif(6, 'II')[:17]), ('many-entries', exif(1, 'II', entries=65535)),
            ('magic', b'XX' + exif(6, 'II')[2:]), ('empty', b'')):
        put(f'exif-bad-{name}.jpg', with_segment(plain, 0xE1, b'Exif\0\0' + body), 'ok', upright, JPEG_TOLERANCE)


def good_pngs():
    for depth in (1, 2, 4, 8, 16):
        gray = (noise(19, 11, depth, 2).astype(np.uint32) @ np.array([1, 256], np.uint32)).astype(np.uint16)[..., None] \
            >> (16 - depth)
        eight = (gray >> 8 if depth == 16 else gray * (255 // (2 ** depth - 1))).astype(np.uint8)
        rgb = np.repeat(eight, 3, 2)
        clear = int(gray[2, 3, 0])
        keyed = np.where(gray == clear, 255, rgb).astype(np.uint8)
        for lace in (0, 1):
            put(f'png-gray-{depth}-{lace}.png', png(gray, depth, 0, interlace=lace), 'ok', rgb)
        put(f'png-gray-{depth}-clear.png', png(gray, depth, 0, [chunk(b'tRNS', struct.pack('>H', clear))]), 'ok', keyed)
    for depth in (1, 2, 4, 8):
        entries = 2 ** depth
        palette = noise(entries, 1, depth)[0]
        alpha = noise(entries - 1, 1, depth + 50, 1)[0, :, 0]
        which = noise(19, 11, depth + 9, 1) & (entries - 1)
        full = np.append(alpha, 255).astype(np.uint8)
        plte = chunk(b'PLTE', palette.tobytes())
        for lace in (0, 1):
            put(f'png-palette-{depth}-{lace}.png', png(which, depth, 3, [plte], lace), 'ok', palette[which[..., 0]])
        put(f'png-palette-{depth}-alpha.png', png(which, depth, 3, [plte, chunk(b'tRNS', alpha.tobytes())]), 'ok',
            over_white(palette[which[..., 0]], full[which]))
        if depth > 1:
            short = palette[:2]
            seen = np.where(which < 2, short[np.minimum(which[..., 0], 1)], 0).astype(np.uint8)
            put(f'png-palette-{depth}-short.png', png(which, depth, 3, [chunk(b'PLTE', short.tobytes())]), 'ok', seen)
    for colour, channels in ((2, 3), (4, 2), (6, 4)):
        for depth in (8, 16):
            high = noise(19, 11, colour + depth, channels)
            samples = high if depth == 8 else high.astype(np.uint16) * 256 + noise(19, 11, 77, channels)
            rgb = high[..., :3] if channels > 2 else np.repeat(high[..., :1], 3, 2)
            if channels in (2, 4):
                rgb = over_white(rgb, high[..., -1:])
            for lace in (0, 1):
                put(f'png-colour-{colour}-{depth}-{lace}.png', png(samples, depth, colour, interlace=lace), 'ok', rgb)
            if colour == 2:
                key = chunk(b'tRNS', struct.pack('>HHH', *(int(v) for v in samples[5, 6])))
                keyed = np.where((samples == samples[5, 6]).all(2, keepdims=True), 255, rgb).astype(np.uint8)
                put(f'png-colour-2-{depth}-clear.png', png(samples, depth, 2, [key]), 'ok', keyed)
    rgb = noise(9, 7, 5)
    put('png-empty-first-part.png', png(rgb, 8, 2, split=0), 'ok', rgb)
    put('png-two-parts.png', png(rgb, 8, 2, split=20), 'ok', rgb)
    put('png-trailer.png', png(rgb, 8, 2) + b'more', 'ok', rgb)
    put('png-gamma.png', png(rgb, 8, 2, [chunk(b'gAMA', struct.pack('>I', 100000))]), 'ok', rgb)
    put('png-1x1.png', png(rgb[:1, :1], 8, 2), 'ok', rgb[:1, :1])
    for width, height in ((1, 9), (9, 1), (8, 8), (3, 5)):
        bits = noise(width, height, 6, 1) & 1
        put(f'png-interlaced-{width}x{height}.png', png(bits, 1, 0, interlace=1), 'ok', np.repeat(bits * 255, 3, 2).astype(np.uint8))
    control = chunk(b'acTL', struct.pack('>II', 2, 0)) + chunk(b'fcTL', struct.pack('>IIIIIHHBB', 0, 9, 7, 0, 0, 1, 1, 0, 0))
    second = chunk(b'fcTL', struct.pack('>IIIIIHHBB', 1, 9, 7, 0, 0, 1, 1, 0, 0)) + \
        chunk(b'fdAT', struct.pack('>I', 2) + zlib.compress(packed_rows(255 - rgb, 8)))
    put('png-animated.png', png(rgb, 8, 2, [control], after=[second]), 'ok', rgb)
    many = [chunk(b'tEXt', b'Comment\0x')] * 500
    put('png-many-texts.png', png(rgb, 8, 2, many), 'ok', rgb)


def spoilt(data):
    """A chunk with a wrong checksum."""
    return data[:-1] + bytes([data[-1] ^ 1])


def odd_pngs():
    """What browsers show although something in it is wrong."""
    rgb = noise(9, 7, 20)
    row = packed_rows(rgb, 8)
    data = chunk(b'IDAT', zlib.compress(row))
    key, other = (chunk(b'tRNS', struct.pack('>HHH', *(int(v) for v in rgb[y, x]))) for y, x in ((2, 3), (0, 0)))
    keyed = np.where((rgb == rgb[2, 3]).all(2, keepdims=True), 255, rgb).astype(np.uint8)

    def parts(*chunks, colour=2, end=chunk(b'IEND', b'')):
        header = chunk(b'IHDR', struct.pack('>IIBBBBB', 9, 7, 8, colour, 0, 0, 0))
        return b'\x89PNG\r\n\x1a\n' + header + b''.join(chunks) + end

    text = spoilt(chunk(b'tEXt', b'Comment\0x'))
    put('png-sum-text.png', parts(text, data), 'ok', rgb)
    put('png-sum-text-after.png', parts(data, text), 'ok', rgb)
    put('png-sum-profile.png', parts(spoilt(chunk(b'iCCP', b'x\0\0' + zlib.compress(b'no profile'))), data), 'ok', rgb)
    put('png-sum-unknown.png', parts(spoilt(chunk(b'abCd', b'123')), data), 'ok', rgb)
    put('png-sum-transparency.png', parts(spoilt(key), data), 'ok', rgb)
    put('png-sum-first-transparency.png', parts(spoilt(other), key, data), 'ok', keyed)
    put('png-sum-second-transparency.png', parts(key, spoilt(other), data), 'ok', keyed)
    put('png-sum-orientation.png', parts(spoilt(chunk(b'eXIf', exif(6, 'MM'))), data), 'ok', rgb)
    put('png-sum-end.png', parts(data, end=spoilt(chunk(b'IEND', b''))), 'ok', rgb)
    put('png-sum-critical.png', parts(spoilt(chunk(b'ABCD', b'123')), data), 'bad-image')
    put('png-sum-data.png', parts(spoilt(data)), 'bad-image')
    put('png-transparency-late.png', parts(data, key), 'ok', rgb)
    put('png-transparency-short.png', parts(chunk(b'tRNS', key[8:12]), data), 'ok', rgb)
    put('png-transparency-long.png', parts(chunk(b'tRNS', key[8:14] + b'x'), data), 'ok', rgb)
    rgba = noise(9, 7, 21, 4)
    rgba_data = chunk(b'IDAT', zlib.compress(packed_rows(rgba, 8)))
    put('png-transparency-twice.png', parts(key, rgba_data, colour=6), 'ok', over_white(rgba[..., :3], rgba[..., 3:]))
    palette, which = noise(4, 1, 22)[0], noise(9, 7, 23, 1) & 3
    plte, alpha = chunk(b'PLTE', palette.tobytes()), bytes([255, 80, 0, 160])
    plte_data = chunk(b'IDAT', zlib.compress(packed_rows(which, 8)))
    seen = palette[which[..., 0]]
    thin = over_white(seen, np.frombuffer(alpha, np.uint8)[which])
    put('png-transparency-first.png', parts(chunk(b'tRNS', alpha), plte, plte_data, colour=3), 'ok', seen)
    put('png-transparency-past-palette.png', parts(plte, chunk(b'tRNS', alpha + b'xyz'), plte_data, colour=3), 'ok', thin)
    put('png-sum-palette-transparency.png', parts(plte, spoilt(chunk(b'tRNS', alpha)), plte_data, colour=3), 'ok', seen)
    put('png-sum-palette.png', parts(spoilt(plte), plte_data, colour=3), 'bad-image')
    put('png-palette-uneven.png', parts(chunk(b'PLTE', palette.tobytes() + b'x'), plte_data, colour=3), 'ok', seen)
    put('png-palette-long.png', parts(chunk(b'PLTE', bytes(1023)), plte_data, colour=3), 'bad-image')
    put('png-more-data.png', parts(chunk(b'IDAT', zlib.compress(row + bytes(8 << 20), 9))), 'ok', rgb)
    put('png-more-stored-data.png', parts(chunk(b'IDAT', zlib.compress(row + bytes(300000), 0)[:66000])), 'ok', rgb)
    put('png-junk-after-data.png', parts(chunk(b'IDAT', zlib.compress(row) + b'junk' * 20)), 'ok', rgb)
    put('png-sum-of-data.png', parts(chunk(b'IDAT', zlib.compress(row)[:-1] + b'?')), 'ok', rgb)


def odd_colours():
    """Which colours a JPEG's components are: libjpeg's rule, by JFIF, Adobe's mark, the components' names."""
    image = Image.fromarray(np.kron(noise(6, 5, 24), np.ones((4, 4, 1), np.uint8)))
    jfif = jpeg(image, quality=95, subsampling=0)
    plain = jfif[:2] + jfif[20:]

    def named(data, names):
        data = bytearray(data)
        frame, scan = find_segment(data, 0xC0), find_segment(data, 0xDA)
        for i, name in enumerate(names):
            data[frame + 10 + 3 * i] = data[scan + 5 + 2 * i] = name
        return bytes(data)

    def adobe(transform):
        return b'Adobe\0\x64\0\0\0\0' + bytes([transform])

    for names in ((82, 71, 66), (1, 2, 3), (0, 1, 2), (66, 71, 82)):
        shown = '-'.join(str(name) for name in names)
        put_jpeg(f'jpeg-names-{shown}.jpg', named(plain, names))
        put_jpeg(f'jpeg-names-{shown}-jfif.jpg', named(jfif, names))
        for transform in (0, 1, 2):
            put_jpeg(f'jpeg-names-{shown}-adobe-{transform}.jpg', with_segment(named(plain, names), 0xEE, adobe(transform)))
        put_jpeg(f'jpeg-names-{shown}-jfif-adobe-0.jpg', with_segment(named(jfif, names), 0xEE, adobe(0)))
    rgb = named(plain, b'RGB')
    put_jpeg('jpeg-names-short-jfif.jpg', with_segment(rgb, 0xE0, b'JFIF\0\1\1'))
    put_jpeg('jpeg-names-jfxx.jpg', with_segment(rgb, 0xE0, b'JFXX\0\x10' + bytes(20)))
    put_jpeg('jpeg-names-short-adobe.jpg', with_segment(rgb, 0xEE, adobe(1)[:11]))
    scan = find_segment(rgb, 0xDA)
    put_jpeg('jpeg-names-adobe-before-scan.jpg', rgb[:scan] + segment(0xEE, adobe(1)) + rgb[scan:])
    put_jpeg('jpeg-names-adobe-after-scan.jpg', rgb[:-2] + segment(0xEE, adobe(1)) + segment(0xE0, jfif[6:20]) + rgb[-2:])
    inks = jpeg(Image.frombytes('CMYK', (21, 13), noise(21, 13, 3, 4).tobytes()), quality=95)
    at = find_segment(inks, 0xEE)
    for transform in (1, 9):
        put_jpeg(f'jpeg-cmyk-adobe-{transform}.jpg', inks[:at + 15] + bytes([transform]) + inks[at + 16:])


def reducible():
    """Smooth pictures large enough to be decoded at a reduced size; no golden pixels: tests compare
    the reductions with the whole picture."""
    y, x = np.mgrid[0:146, 0:203]
    waves = [128 + 100 * np.sin(x / 23 + c) * np.cos(y / (17 + 6 * c)) for c in range(3)]
    image = Image.fromarray(np.stack(waves, 2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, data in (('420', jpeg(image, quality=90)), ('422', jpeg(image, quality=90, subsampling=1)),
                       ('444', jpeg(image, quality=90, subsampling=0)),
                       ('420-progressive', jpeg(image, quality=90, progressive=True)),
                       ('gray', jpeg(image.convert('L'), quality=90)),
                       ('turned', jpeg(image, quality=90, exif=exif))):
        with open(os.path.join(FOLDER, f'reduce-{name}.jpg'), 'wb') as f:
            f.write(data)


# ---- pictures that are refused ------------------------------------------------------------------

def bad_jpegs():
    image = Image.fromarray(noise(64, 48, 7))
    plain, progressive = jpeg(image, quality=80), jpeg(image, quality=80, progressive=True)
    sof, sos = find_segment(plain, 0xC0), find_segment(plain, 0xDA)
    tables = plain[2:sof]
    small = jpeg(Image.fromarray(noise(8, 8, 8)), quality=10)

    def resized(data, marker, width, height):
        at = find_segment(data, marker)
        return data[:at + 5] + struct.pack('>HH', height, width) + data[at + 9:]

    put('bomb-26000.jpg', resized(small, 0xC0, 26000, 26000)[:607] + b'\xff\xd9', 'too-large')
    put('bomb-4000.jpg', resized(small, 0xC0, 4000, 4000), 'truncated-image')
    empty = segment(0xDA, bytes([1, 1, 0, 1, 63, 0]))
    at = find_segment(progressive, 0xDA)
    put('bomb-1000-scans.jpg', resized(progressive[:at], 0xC2, 4000, 4000) + empty * 1000 + b'\xff\xd9', 'too-large')
    put('cut-in-scan.jpg', plain[:len(plain) * 2 // 3], 'truncated-image')
    put('cut-in-header.jpg', plain[:sof + 6], 'truncated-image')
    put('cut-before-end-marker.jpg', plain[:-2], 'truncated-image')
    put('cut-and-zeros.jpg', plain[:len(plain) // 2] + bytes(len(plain) // 2), 'truncated-image')
    put('cut-progressive.jpg', progressive[:len(progressive) * 2 // 3], 'truncated-image')
    put('cut-then-end-marker.jpg', plain[:len(plain) * 2 // 3] + b'\xff\xd9', 'bad-image')
    restart = jpeg(image, quality=80, restart_marker_blocks=4)
    put('cut-at-restart-then-end-marker.jpg', restart[:restart.rindex(b'\xff\xd0')] + b'\xff\xd9', 'bad-image')
    at = restart.index(b'\xff\xd0')
    put('short-before-restart.jpg', restart[:at - 30] + restart[at:], 'bad-image')
    gray = jpeg(image.convert('L'), quality=80, restart_marker_blocks=4)
    put('cut-gray-at-restart-then-end-marker.jpg', gray[:gray.rindex(b'\xff\xd0')] + b'\xff\xd9', 'bad-image')
    one = Image.fromarray(noise(8, 8, 9))
    parts = jpeg(one, quality=80, progressive=True)
    second = parts.index(b'\xff\xda', parts.index(b'\xff\xda') + 2)
    at = find_segment(parts, 0xDA)
    put('scan-lacks-colours.jpg', parts[:at] + segment(0xDA, bytes([1, 1, 0, 0, 0, 1])) + parts[at + 14:second] + b'\xff\xd9',
        'truncated-image')
    put('two-frames.jpg', plain[:sof] + plain[sof:sos] + plain[sof:], 'bad-image')
    put('no-frame.jpg', plain[:sof] + plain[sos:], 'bad-image')
    put('scan-header-short.jpg', plain[:sos] + segment(0xDA, b'\3\1\0') + plain[sos + 14:], 'bad-image')
    put('frame-header-short.jpg', b'\xff\xd8' + tables + segment(0xC0, b'\x08\0\x10') + plain[sos:], 'bad-image')
    put('frame-header-long.jpg', b'\xff\xd8' + tables + segment(0xC0, plain[sof + 4:sof + 19] + b'\0') + plain[sos:], 'bad-image')
    put('segment-without-length.jpg', b'\xff\xd8\xff\xe0\0\1' + plain[2:], 'bad-image')
    put('zero-height.jpg', resized(plain, 0xC0, 64, 0), 'bad-image')
    put('junk-between-scans.jpg', progressive.replace(b'\xff\xc4', b'\xff\x02', 3).replace(b'\xff\x02', b'\xff\xc4', 2),
        'bad-image')
    for name, marker, precision, components in (('12-bit', 0xC1, 12, 3), ('lossless', 0xC3, 8, 3),
                                                ('arithmetic', 0xC9, 8, 3), ('two-colours', 0xC0, 8, 2)):
        put(f'rare-{name}.jpg', b'\xff\xd8' + frame(marker, 64, 48, components, precision) + plain[sos:], 'unsupported-image')


def bad_pngs():
    rgb = noise(9, 7, 10)
    plain = png(rgb, 8, 2)
    put('bomb-18918.png', png_of(18918, 18918, 8, 2, [b'x'])[:66], 'too-large')
    put('bomb-thin.png', png_of(65536, 1, 8, 2, [b'x']), 'too-large')
    put('bomb-5000.png', png_of(5000, 4000, 8, 2, [zlib.compress(bytes(100))]), 'bad-image')
    put('bomb-25-megapixels.png', png_of(6000, 4200, 8, 0, [zlib.compress(bytes(6001 * 4200), 9)]), 'too-large')
    put('cut-in-data.png', plain[:len(plain) // 2], 'truncated-image')
    put('cut-before-end.png', plain[:-12], 'truncated-image')
    put('cut-in-end.png', plain[:-1], 'truncated-image')
    put('cut-after-signature.png', plain[:8], 'truncated-image')
    put('few-rows.png', png_of(9, 7, 8, 2, [zlib.compress(bytes(28 * 6))]), 'bad-image')
    put('no-data.png', png_of(9, 7, 8, 2, []), 'bad-image')
    put('bad-deflate.png', png_of(9, 7, 8, 2, [b'\x78\x9c' + b'\xff' * 40]), 'bad-image')
    put('bad-filter.png', png_of(9, 7, 8, 2, [zlib.compress(b'\5' + bytes(28 * 7 - 1))]), 'bad-image')
    at = plain.index(b'IDAT') + 10
    put('flipped-bit.png', plain[:at] + bytes([plain[at] ^ 4]) + plain[at + 1:], 'bad-image')
    put('not-first.png', plain[:8] + chunk(b'tEXt', b'a\0b') + plain[8:], 'bad-image')
    put('two-headers.png', plain[:33] + plain[8:], 'bad-image')
    put('apple.png', plain[:8] + chunk(b'CgBI', b'\x50\0\x20\2') + plain[8:], 'unsupported-image')
    put('apple-after-header.png', plain[:33] + chunk(b'CgBI', b'\x50\0\x20\2') + plain[33:], 'unsupported-image')
    put('no-palette.png', png(noise(9, 7, 1, 1) & 1, 8, 3), 'bad-image')
    put('unknown-critical.png', plain[:33] + chunk(b'ABCD', b'x') + plain[33:], 'bad-image')
    for name, header in (('width-0', (0, 7, 8, 2, 0, 0, 0)), ('depth-3', (9, 7, 3, 0, 0, 0, 0)),
                         ('depth-16-palette', (9, 7, 16, 3, 0, 0, 0)), ('depth-4-rgb', (9, 7, 4, 2, 0, 0, 0)),
                         ('depth-0', (9, 7, 0, 0, 0, 0, 0)), ('colour-5', (9, 7, 8, 5, 0, 0, 0)),
                         ('compression-1', (9, 7, 8, 2, 1, 0, 0)), ('filter-1', (9, 7, 8, 2, 0, 1, 0)),
                         ('interlace-2', (9, 7, 8, 2, 0, 0, 2)), ('width-huge', (1 << 31, 7, 8, 2, 0, 0, 0))):
        put(f'header-{name}.png', plain[:8] + chunk(b'IHDR', struct.pack('>IIBBBBB', *header)) + plain[33:], 'bad-image')


def other_formats():
    image = Image.fromarray(noise(8, 8, 11))
    for kind in ('gif', 'webp', 'bmp', 'tiff'):
        out = io.BytesIO()
        image.save(out, kind)
        put(f'format.{kind}', out.getvalue(), 'unsupported-image')
    for name, brands in (('heic', b'heic\0\0\0\0mif1heic'), ('avif', b'mif1\0\0\0\0mif1avif')):
        put(f'format.{name}', struct.pack('>I', 24) + b'ftyp' + brands, 'unsupported-image')
    put('format.svg', b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', 'unsupported-image')
    put('format.html', b'\xef\xbb\xbf \n<!doctype html><title>Not found</title>', 'unsupported-image')
    put('format.txt', b'hello', 'unsupported-image')
    put('format.empty', b'', 'unsupported-image')


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
for make in (good_jpegs, orientations, good_pngs, odd_pngs, odd_colours, reducible, bad_jpegs, bad_pngs, other_formats):
    make()
with open(os.path.join(FOLDER, 'index.txt'), 'w') as f:
    f.writelines(index)
with open(os.path.join(FOLDER, 'pixels.bin'), 'wb') as f:
    f.write(b''.join(pixels))
