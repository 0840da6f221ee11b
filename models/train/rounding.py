"""The body's 1 x 1 weights on the grid that 8-bit files have (docs/format.md), so that `kin convert` loses nothing of them.

Layer by layer, with pictures going through what is rounded already: each row w of a layer with inputs x becomes s q,
column by column, and what a column's rounding adds to the sums is taken back by the columns still to come (Frantar et
al. 2023, GPTQ): H = E[x x'] with a little on its diagonal, U = the upper Cholesky factor of its inverse, and
w[j+1:] -= (w[j] - s q[j]) / U[j,j] U[j,j+1:]. What remains on the average goes into the bias. The scale is one of those
that the converter tries, and a row's largest |q| is 63, by which the converter finds the same scale again.
"""
import numpy as np
import torch
import torch.nn.functional as F

from model import MEAN, SIZE, STD, folded

TOP, LONG, MOST = 63, 512, 128      # largest |q|; rows from here on keep the rule that four of a group sum to MOST
GROUPS = (0, 0, 1, 1, 0, 0, 1, 1)   # of a block of eight inputs


def scales(w, part):
    """The best of the converter's scales for each row, of those up to `part` of the full range."""
    unit = w.abs().amax(1).clamp(min=1e-8) / TOP
    tried = torch.stack([unit * c for c in torch.arange(.55, 1.001, .03)])[:, :, None]
    tried = tried * part
    error = ((w - (w / tried).round().clamp(-TOP, TOP) * tried) ** 2).sum(2)
    return tried[error.argmin(0), torch.arange(len(w)), 0]


def round_rows(w, root, s):
    """w [n, k] -> q, errors taken back through root = the upper factor U."""
    w, q = w.clone(), torch.zeros_like(w)
    n, k = w.shape
    left = torch.full((n, (k + 7) // 8 * 2), float(MOST if k >= LONG else 8 * TOP))
    for j in range(k):
        g = j // 8 * 2 + GROUPS[j % 8]
        most = left[:, g].clamp(max=TOP)
        q[:, j] = torch.minimum(torch.maximum((w[:, j] / s).round(), -most), most)
        left[:, g] -= q[:, j].abs()
        off = (w[:, j] - s * q[:, j]) / root[j, j]
        w[:, j + 1:] -= off[:, None] * root[j, j + 1:]
    return q


def on_grid(w, spread):
    """w [n, k] and E[x x'] [k, k] -> s q [n, k] nearest to w in what it does to such inputs."""
    spread = spread + .01 * spread.diagonal().mean() * torch.eye(len(spread))
    root = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(spread.double())), upper=True).float()
    s = scales(w, 1.)
    q = round_rows(w, root, s)
    part = 1.
    for _ in range(8):
        short = (q.abs().amax(1) < TOP).nonzero()[:, 0]
        if not len(short):
            break
        part *= .96
        s[short] = scales(w[short], part)
        q[short] = round_rows(w[short], root, s[short])
    short = (q.abs().amax(1) < TOP).nonzero()[:, 0]
    largest = q[short].abs().argmax(1)
    q[short, largest] = torch.where(q[short, largest] < 0, -float(TOP), float(TOP))
    return s[:, None] * q


def settle(conv, norm, weight, bias):
    """A convolution with its norm folded in, and a norm that adds the bias."""
    conv.weight.data.copy_(weight.view(conv.weight.shape))
    norm.running_mean.zero_(), norm.running_var.fill_(1)
    norm.weight.data.fill_((1 + norm.eps) ** .5)
    norm.bias.data.copy_(bias)


@torch.no_grad()
def round_body(trunk, pixels):
    """In place. pixels [n, 3, SIZE, SIZE]: pictures as the model sees them."""
    exact = F.relu6(trunk.bn1(trunk.conv_stem(pixels)))
    weight, bias = folded(trunk.conv_stem, trunk.bn1)
    settle(trunk.conv_stem, trunk.bn1, weight.half().float(), bias)
    rounded = byte(F.relu6(trunk.bn1(trunk.conv_stem(pixels))))
    done = []

    def layer(conv, norm, exact, rounded):
        """-> the layer's sums of both, before ReLU6; its weights rounded."""
        weight, bias = folded(conv, norm)

        def run(x, w, b):
            conv.weight.data.copy_(w)
            return torch.cat([conv(part) for part in x.split(32)]) + b[:, None, None]
        want = run(exact, weight, bias)
        if conv.groups > 1:
            weight = weight.half().float()
        else:
            some = rounded.permute(0, 2, 3, 1).reshape(-1, weight.shape[1])
            some = some[torch.randperm(len(some))[:20000]]
            weight = on_grid(weight[:, :, 0, 0], some.T @ some / len(some)).view(weight.shape)
        got = run(rounded, weight, bias)
        off = (want - got).mean((0, 2, 3))
        settle(conv, norm, weight, bias + off)
        got += off[:, None, None]
        done.append(F.cosine_similarity(want.flatten(1), got.flatten(1)).mean().item())
        return want, got
    for stage in trunk.blocks:
        for b in stage:
            x, y = exact, rounded
            if hasattr(b, 'conv_pwl'):
                x, y = layer(b.conv_pw, b.bn1, x, y)
                x, y = layer(b.conv_dw, b.bn2, F.relu6(x), byte(F.relu6(y)))
                x, y = layer(b.conv_pwl, b.bn3, F.relu6(x), byte(F.relu6(y)))
            else:
                x, y = layer(b.conv_dw, b.bn1, x, y)
                x, y = layer(b.conv_pw, b.bn2, F.relu6(x), byte(F.relu6(y)))
            same = x.shape == exact.shape
            exact, rounded = (exact + x, rounded + y) if same else (x, y)
    layer(trunk.conv_head, trunk.bn2, exact, rounded)
    print('rounded: cosines of the layers with their exact selves', ' '.join(f'{c:.4f}' for c in done), flush=True)


def byte(x):
    """What of a value of ReLU6 is left in 8 bits."""
    return (x * 42.5).round() / 42.5


def shown(out, records, n):
    """n pictures to train on, squeezed to squares, normalised."""
    stored = np.load(f'{out}/pictures.npy', mmap_mode='r')
    rows = [i for i, r in enumerate(records) if r['split'] == 'train']
    rows = np.sort(np.random.default_rng(0).choice(rows, n, replace=False))
    x = torch.from_numpy(stored[rows].astype('f4'))
    photo = torch.tensor([records[i]['kind'] in ('clothing', 'grocery', 'iconic', 'caltech', 'trashnet') for i in rows])
    x = torch.where(photo[:, None, None, None], x[:, :3], x[:, :3] + 255 - x[:, 3:])
    x = F.interpolate(x, size=SIZE, mode='bicubic').clamp(0, 255) / 255
    return (x - MEAN) / STD
