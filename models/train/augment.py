"""From stored pictures to what the student sees: photos cropped and turned, cut-outs laid over things.

The teacher's maps go through the same crops, turns and pastings, so they still say what is where.
"""
import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from model import MEAN, SIZE, STD


def uniform(n, low, high, *shape):
    return torch.empty(n, *shape).uniform_(low, high)


def turns(n, turn):
    """n rotations with mirror images and a little stretching, [n, 2, 2]."""
    shape = uniform(n, -.12, .12).exp()
    angle = uniform(n, -turn, turn) * math.pi / 180
    # A few things lie on their side or stand on their head.
    angle = angle + (torch.rand(n) < .06) * torch.randint(1, 4, (n,)) * math.pi / 2
    mirror = torch.where(torch.rand(n) < .5, -1., 1.)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([shape * cos * mirror, -sin], 1),
                        torch.stack([sin * mirror, cos / shape], 1)], 1)


def placements(n, zoom, turn, shift):
    """n affine maps from output to input: zoom below 1 looks closer, above 1 leaves room around."""
    size = uniform(n, math.log(zoom[0]), math.log(zoom[1])).exp()
    return torch.cat([size[:, None, None] * turns(n, turn), uniform(n, -shift, shift, 2, 1)], 2)


def crops(shape, zoom, turn):
    """Affine maps that cut squares out of photos stored squeezed; shape is width / height, zoom the cut's
    side in parts of the photo's short side."""
    n = len(shape)
    size = uniform(n, math.log(zoom[0]), math.log(zoom[1])).exp()
    half = torch.stack([1 / shape.clamp(min=1), shape.clamp(max=1)], 1)    # of the short side, along x and y
    room = (1 - size[:, None] * half).clamp(min=.04)
    return torch.cat([half[:, :, None] * size[:, None, None] * turns(n, turn),
                      (room * uniform(n, -1, 1, 2))[:, :, None]], 2)


def warp(x, maps, outside, side=SIZE):
    grid = F.affine_grid(maps, (len(x), x.shape[1], side, side), align_corners=False)
    return F.grid_sample(x, grid, mode='bilinear', padding_mode=outside, align_corners=False)


def backgrounds(n, photos):
    """White (half), black, flat, graded, and cuttings of photos; 0..255."""
    kind = torch.rand(n)
    colour = torch.rand(n, 3, 1, 1) * 255
    colour[kind < .5], colour[kind < .04] = 255., 0.
    out = colour.repeat(1, 1, SIZE, SIZE)
    graded, photo = ((kind > .6) & (kind < .7)).nonzero()[:, 0], (kind >= .7).nonzero()[:, 0]
    m = len(graded)
    angle, step = uniform(m, 0, 2 * math.pi, 1, 1, 1), torch.linspace(-.5, .5, SIZE)
    ramp = (step[:, None] * angle.cos() + step * angle.sin() + .5).clamp(0, 1)
    out[graded] = 255 * (torch.rand(m, 3, 1, 1) * ramp + torch.rand(m, 3, 1, 1) * (1 - ramp))
    m = len(photo)
    if m and len(photos):
        out[photo] = warp(photos[torch.randint(len(photos), (m,))], placements(m, (.3, .9), 180, .4), 'reflection')
    return out


def jpeg(x):
    """Through a JPEG file of poor quality and back."""
    out = []
    for picture in (x * 255).byte().permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, 'JPEG', quality=int(torch.randint(15, 60, ())))
        out.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 255


def colours(n):
    """n mixtures of the channels, [n, 3, 3]: exposure, white balance, saturation, a little hue."""
    gain = uniform(n, .6, 1.35, 1, 1) * uniform(n, .9, 1.1, 1, 3)
    saturation, angle = uniform(n, .6, 1.35, 1, 1), uniform(n, -.2, .2, 1, 1)
    saturation[torch.rand(n) < .05] = 0
    gray = torch.full((3, 3), 1 / 3)
    across = torch.tensor([[0., -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3 ** .5
    hue = gray + saturation * (angle.cos() * (torch.eye(3) - gray) + angle.sin() * across)
    return hue * gain


def camera(x):
    """0..255 -> 0..1 after exposure, white balance, contrast, saturation, blur, noise, few pixels, JPEG."""
    n = len(x)
    some = lambda share: (torch.rand(n) < share).nonzero()[:, 0]
    x, mix, contrast = x.flatten(2), colours(n) / 255, uniform(n, .7, 1.25, 1, 1)
    x = torch.baddbmm(mix @ x.mean(2, keepdim=True) * (1 - contrast), mix * contrast, x)
    x = x.clamp_(0, 1).view(n, 3, SIZE, SIZE)
    pick = some(.1)
    x[pick] = F.avg_pool2d(x[pick], 3, 1, 1, count_include_pad=False)
    pick = some(.08)
    x[pick] = F.interpolate(F.interpolate(x[pick], size=SIZE * 5 // 12, mode='area'), size=SIZE, mode='bilinear')
    pick = some(.1)
    x[pick] = (x[pick] + torch.randn(len(pick), 3, SIZE, SIZE) * .05).clamp_(0, 1)
    pick = some(.04)
    if len(pick):
        x[pick] = jpeg(x[pick])
    return x


def normalise(x):
    """In place."""
    return x.sub_(MEAN).div_(STD)


def planes(pictures):
    return torch.from_numpy(pictures).float()


def paste(pictures, maps):
    """A rectangle of another photo, up to 40 % of the area, into three photos of ten, and into their maps."""
    n, cells = len(pictures), maps.shape[-1]
    from_ = torch.randint(n, (n,))
    w, h = torch.randint(cells // 4, 2 * cells // 3 + 1, (2, n))
    w[torch.rand(n) >= .3] = 0
    x, y = (torch.rand(n) * (cells + 1 - w)).long(), (torch.rand(n) * (cells + 1 - h)).long()
    place = torch.arange(cells)
    inside = ((place >= x[:, None]) & (place < (x + w)[:, None]))[:, None, :] \
        & ((place >= y[:, None]) & (place < (y + h)[:, None]))[:, :, None]
    rows = (w > 0).nonzero()[:, 0]
    inside = inside[rows, None]
    big = inside.repeat_interleave(SIZE // cells, 2).repeat_interleave(SIZE // cells, 3)
    pictures[rows] = torch.where(big, pictures[from_[rows]], pictures[rows])
    maps[rows] = torch.where(inside, maps[from_[rows]], maps[rows])


def augment(photos, shape, cutouts, maps):
    """uint8 [n, 4, h, h] each (colours times alpha), the photos' width / height, float maps [photos + cutouts, c, cells, cells] ->
    normalised pictures [photos + cutouts, 3, SIZE, SIZE]; maps of the same crops; how much of each place
    the thing itself covers [photos + cutouts, cells, cells]."""
    raw, m, cells = planes(photos)[:, :3], len(photos), maps.shape[-1]
    at = crops(shape, (.5, 1.05), 12)
    padded = (torch.rand(m) < .12).nonzero()[:, 0]
    at[padded] = crops(shape[padded], (1., 1.7), 8)
    seen = warp(raw, at, 'reflection')
    wide = warp(torch.ones_like(raw[padded, :1]), at[padded], 'zeros')
    seen[padded] = seen[padded] * wide + 255 * (1 - wide)
    photo_maps = warp(maps[:m], at, 'border', cells)
    paste(seen, photo_maps)
    c = planes(cutouts)
    n, over = len(c), backgrounds(len(c), raw)
    # On a busy table: another thing, smaller and towards a corner, behind the one that counts.
    busy = (torch.rand(n) < .15).nonzero()[:, 0]
    other = warp(c[torch.randint(n, busy.shape)], placements(len(busy), (2.2, 3.2), 30, 1.6), 'zeros')
    over[busy] = other[:, :3] + (1 - other[:, 3:] / 255) * over[busy]
    at = placements(n, (.85, 1.7), 20, .2)
    c = warp(c, at, 'zeros')
    alpha = c[:, 3:] / 255
    covered = torch.cat([torch.ones(m, cells, cells), F.avg_pool2d(alpha[:, 0], SIZE // cells)])
    return (normalise(camera(torch.cat([seen, torch.addcmul(c[:, :3] + over, alpha, over, value=-1)]))),
            torch.cat([photo_maps, warp(maps[m:], at, 'border', cells)]), covered)


def clean(cutouts):
    """Over white and whole, as a catalogue shows them."""
    c = planes(cutouts)
    x = (c[:, :3] + 255 - c[:, 3:]) / 255
    return normalise(F.interpolate(x, size=SIZE, mode='bicubic', antialias=True, align_corners=False).clamp(0, 1))
