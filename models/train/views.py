#!/usr/bin/env python3
"""Step 2, changed views:  views.py RAW OUT K  writes OUT/maps-K.npy and features-K.npy: what the body sees of
every picture to train on in changed view K, a crop or the thing on another ground. A stopped run goes on where it was.
"""
import json
import os
import sys
import time
from multiprocessing import Pool

import numpy as np
import torch

from augment import augment
from model import FEATURES, MAP
from prepare import TARS, archives, body

PART = 32
STRANGE = 3     # views from here on are less like the picture: redrawn with lines, among other things, closer


def look(job):
    raw, out, k, rows, shapes, cutout, photos = job
    if 'body' not in archives:
        torch.set_num_threads(1)
        archives['body'] = body(raw)
        archives['pictures'] = np.load(f'{out}/pictures.npy', mmap_mode='r')
    torch.manual_seed(1_000_000 * k + rows[0])
    stored = archives['pictures']
    scenes = np.stack([stored[i] for i in photos])
    pictures = np.stack([stored[i] for i in rows])
    x = augment(pictures, torch.tensor(shapes), torch.tensor(cutout), scenes, k >= STRANGE)
    return archives['body'](x.numpy())


def main():
    raw, out, k = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(f'{out}/records.json', encoding='utf-8') as f:
        records = json.load(f)['records']
    n, rng = len(records), np.random.default_rng(k)
    paths = [f'{out}/{name}-{k}.npy' for name in ('maps', 'features')]
    mode = 'r+' if os.path.exists(paths[1]) else 'w+'
    maps, features = (np.lib.format.open_memmap(p, mode, 'f2', (n, *shape))
                      for p, shape in zip(paths, (MAP, (FEATURES,))))
    photos = [i for i, r in enumerate(records) if r['kind'] in TARS and r['split'] == 'train']
    jobs, train = [], [i for i, r in enumerate(records) if r['split'] == 'train' and not features[i].any()]
    for i in range(0, len(train), PART):
        rows = train[i:i + PART]
        some = [records[j] for j in rows]
        jobs.append((raw, out, k, rows, [r['shape'] for r in some], [r['kind'] not in TARS for r in some],
                     rng.choice(photos, 16).tolist()))
    # In an order that makes an unfinished file useful: the renders, then every set in part.
    rng.shuffle(jobs)
    jobs.sort(key=lambda job: records[job[3][0]]['kind'] != 'fluent')
    last = time.time()
    with Pool(2) as pool:
        for done, (job, (m, f)) in enumerate(zip(jobs, pool.imap(look, jobs))):
            maps[job[3]], features[job[3]] = m, f
            if time.time() - last > 10:
                last = time.time()
                print(PART * done, 'of', PART * len(jobs), 'views', flush=True)


if __name__ == '__main__':
    main()
