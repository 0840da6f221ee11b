"""From stored pictures to what the student sees: photos cropped and turned, cut-outs laid over things."""
import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from model import MEAN, SIZE, STD


def uniform(n, low, high, *shape):
    return torch.empty(n, *shape).uniform_(low, high)


def placements(n, zoom, turn, shift):
    """n affine maps from output to input: zoom below 1 looks closer, above 1 leaves room around."""
    size = uniform(n, math.log(zoom[0]), math.log(zoom[1])).exp()
    shape = uniform(n, -.12, .12).exp()
    angle = uniform(n, -turn, turn) * math.pi / 180
    # A few things lie on their side or stand on their head.
    angle = angle + (torch.rand(n) < .06) * torch.randint(1, 4, (n,)) * math.pi / 2
    mirror = torch.where(torch.rand(n) < .5, -1., 1.)
    cos, sin, move = angle.cos(), angle.sin(), uniform(n, -shift, shift, 2)
    return torch.stack([torch.stack([size * shape * cos * mirror, -size * sin, move[:, 0]], 1),
                        torch.stack([size * sin * mirror, size / shape * cos, move[:, 1]], 1)], 1)


def warp(x, maps, outside):
    grid = F.affine_grid(maps, (len(x), x.shape[1], SIZE, SIZE), align_corners=False)
    return F.grid_sample(x, grid, mode='bilinear', padding_mode=outside, align_corners=False)


def backgrounds(n, photos):
    """White (half), black, flat, graded, and cuttings of photos."""
    kind = torch.rand(n)
    out = torch.rand(n, 3, 1, 1).expand(n, 3, SIZE, SIZE).clone()
    out[kind < .5], out[kind < .04] = 1., 0.
    graded, photo = (kind > .6) & (kind < .7), kind >= .7
    angle, step = uniform(n, 0, 2 * math.pi, 1, 1, 1), torch.linspace(-.5, .5, SIZE)
    ramp = (step[:, None] * angle.cos() + step * angle.sin() + .5).clamp(0, 1)
    ramp = torch.rand(n, 3, 1, 1) * ramp + torch.rand(n, 3, 1, 1) * (1 - ramp)
    out[graded] = ramp[graded]
    m = int(photo.sum())
    if m and len(photos):
        cut = photos[torch.randint(len(photos), (m,))]
        out[photo] = warp(cut, placements(m, (.3, .9), 180, .4), 'reflection')
    return out


def jpeg(x):
    """Through a JPEG file of poor quality and back."""
    out = []
    for picture in (x * 255).byte().permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, 'JPEG', quality=int(torch.randint(15, 60, ())))
        out.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 255


def camera(x):
    """Exposure, white balance, contrast, saturation, blur, noise, few pixels, JPEG."""
    n, gray = len(x), lambda y: y.mean(1, keepdim=True)
    some = lambda share: torch.rand(n) < share
    x = x * uniform(n, .65, 1.3, 1, 1, 1) * uniform(n, .92, 1.08, 3, 1, 1)
    mean = x.mean((2, 3), keepdim=True)
    x = (x - mean) * uniform(n, .7, 1.25, 1, 1, 1) + mean
    saturation = uniform(n, .6, 1.35, 1, 1, 1)
    saturation[some(.05)] = 0
    x = (gray(x) + (x - gray(x)) * saturation).clamp(0, 1)
    pick = some(.1)
    x[pick] = F.avg_pool2d(x[pick], 3, 1, 1, count_include_pad=False)
    pick = some(.08)
    x[pick] = F.interpolate(F.interpolate(x[pick], size=40, mode='area'), size=SIZE, mode='bilinear')
    pick = some(.1)
    x[pick] += torch.randn_like(x[pick]) * .05
    pick = some(.08)
    if pick.any():
        x[pick] = jpeg(x[pick].clamp(0, 1))
    return x.clamp(0, 1)


def normalise(x):
    return (x - MEAN) / STD


def planes(pictures):
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def augment(photos, cutouts):
    """uint8 [n, h, h, 4] each -> normalised [photos + cutouts, 3, SIZE, SIZE]."""
    raw = planes(photos)[:, :3]
    seen = warp(raw, placements(len(raw), (.65, 1.), 12, .15), 'reflection')
    padded = torch.rand(len(raw)) < .12
    wide = warp(torch.cat([raw, torch.ones_like(raw[:, :1])], 1)[padded],
                placements(int(padded.sum()), (1., 1.6), 8, .1), 'zeros')
    seen[padded] = wide[:, :3] + 1 - wide[:, 3:]
    c = planes(cutouts)
    c = torch.cat([c[:, :3] * c[:, 3:], c[:, 3:]], 1)
    n, over = len(c), backgrounds(len(c), raw)
    # On a busy table: another thing, smaller and towards a corner, behind the one that counts.
    busy = torch.rand(n) < .15
    m = int(busy.sum())
    other = warp(c[torch.randint(n, (m,))], placements(m, (2.2, 3.2), 30, 1.6), 'zeros')
    over[busy] = other[:, :3] + (1 - other[:, 3:]) * over[busy]
    c = warp(c, placements(n, (.85, 1.7), 20, .2), 'zeros')
    return normalise(camera(torch.cat([seen, c[:, :3] + (1 - c[:, 3:]) * over])))


def clean(cutouts):
    """Over white and whole, as a catalogue shows them."""
    c = planes(cutouts)
    x = c[:, :3] * c[:, 3:] + 1 - c[:, 3:]
    return normalise(F.interpolate(x, size=SIZE, mode='bicubic', antialias=True, align_corners=False).clamp(0, 1))
