"""From stored pictures to changed views: photos cropped and turned, cut-outs laid over things."""
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
    if not len(x):
        return x.new_empty(0, x.shape[1], side, side)
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


def paste(pictures):
    """A rectangle of another photo, up to a quarter of the area, into two photos of ten."""
    n = len(pictures)
    for i in (torch.rand(n) < .2).nonzero()[:, 0].tolist():
        w, h = torch.randint(SIZE // 4, SIZE // 2 + 1, (2,)).tolist()
        x, y = (int(torch.randint(SIZE - side + 1, ())) for side in (w, h))
        pictures[i, :, y:y + h, x:x + w] = pictures[int(torch.randint(n, ())), :, y:y + h, x:x + w]


def photo_views(photos, shape, closest=.5):
    """Squares cut out of stored photos, some with white around, [n, 3, SIZE, SIZE] of 0..255."""
    at = crops(shape, (closest, 1.05), 12)
    padded = (torch.rand(len(photos)) < .15).nonzero()[:, 0]
    at[padded] = crops(shape[padded], (1., 1.7), 8)
    seen = warp(photos, at, 'reflection')
    wide = warp(torch.ones_like(photos[padded, :1]), at[padded], 'zeros')
    seen[padded] = seen[padded] * wide + 255 * (1 - wide)
    paste(seen)
    return seen


def outlined(c):
    """Cut-outs as another hand would draw them: flat colours within black lines, along the rim and where light changes.
    [n, 4, h, h] of 0..255, colours times alpha, before and after."""
    n = len(c)
    grow = lambda x, by: F.max_pool2d(x, by, 1, by // 2)
    alpha, light = c[:, 3:] / 255, F.avg_pool2d(c[:, :3].mean(1, keepdim=True), 5, 1, 2) / 255
    rim = grow(alpha, 7) + grow(-alpha, 7) > .5
    change = (grow(light, 3) + grow(-light, 3)) > uniform(n, .06, .2, 1, 1, 1)
    lines = (rim | (change & (torch.rand(n, 1, 1, 1) < .8))).float()
    flat = F.avg_pool2d(c, 9, 1, 4)
    levels = torch.randint(2, 6, (n, 1, 1, 1)).float()
    colour = (flat[:, :3] / 255 * levels).round() / levels * 255 * uniform(n, 1, 1.3, 1, 1, 1)
    colour = torch.where(torch.rand(n, 1, 1, 1) < .15, 255 * alpha, colour.clamp(max=255))    # some are left white
    return torch.cat([colour * (1 - lines) * alpha, 255 * torch.maximum(alpha, lines)], 1)


def among_others(c, over):
    """Cut-outs small on a ground where three to five others lie around, [n, 3, SIZE, SIZE] of 0..255."""
    n = len(c)
    for _ in range(int(torch.randint(3, 6, ()))):
        other = warp(c[torch.randint(n, (n,))], placements(n, (1.8, 3.2), 40, 1.9), 'zeros')
        over = other[:, :3] + (1 - other[:, 3:] / 255) * over
    c = warp(c, placements(n, (1.1, 2.1), 40, .45), 'zeros')
    return c[:, :3] + over * (1 - c[:, 3:] / 255)


def cutout_views(c, over):
    """Stored cut-outs laid over backgrounds, some with another thing behind, [n, 3, SIZE, SIZE] of 0..255."""
    n = len(c)
    # On a busy table: another thing, smaller and towards a corner, behind the one that counts.
    busy = (torch.rand(n) < .15).nonzero()[:, 0]
    other = warp(c[torch.randint(n, busy.shape)], placements(len(busy), (2.2, 3.2), 30, 1.6), 'zeros')
    over[busy] = other[:, :3] + (1 - other[:, 3:] / 255) * over[busy]
    c = warp(c, placements(n, (.85, 1.7), 20, .2), 'zeros')
    return c[:, :3] + over * (1 - c[:, 3:] / 255)


def strange_views(c, over):
    """Cut-outs redrawn, or among other things, or both, [n, 3, SIZE, SIZE] of 0..255."""
    n = len(c)
    redrawn, busy = torch.rand(n) < .6, torch.rand(n) < .4
    c[redrawn] = outlined(c[redrawn])
    out = torch.empty(n, 3, SIZE, SIZE)
    out[busy], out[~busy] = among_others(c[busy], over[busy]), cutout_views(c[~busy], over[~busy])
    return out


def augment(pictures, shape, cutout, scenes, strange=False):
    """uint8 [n, 4, h, h], width / height, which are cut-outs, and stored photos to lay those over ->
    normalised views [n, 3, SIZE, SIZE]; strange ones are less like the picture."""
    x, out = planes(pictures), torch.empty(len(pictures), 3, SIZE, SIZE)
    photo = ~cutout
    if photo.any():
        out[photo] = photo_views(x[photo, :3], shape[photo], .4 if strange else .5)
    if cutout.any():
        look = strange_views if strange else cutout_views
        out[cutout] = look(x[cutout], backgrounds(int(cutout.sum()), planes(scenes)[:, :3]))
    return normalise(camera(out))
