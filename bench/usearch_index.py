#!/usr/bin/env python3
"""usearch over a catalogue's rows: queries as JSON on standard input, one JSON object out.

    build/data-venv/bin/python bench/usearch_index.py <catalogue.kin>

-> { ms, best, build: ms, found: [[row, ...], ...] }. The index, HNSW over the int8 rows with connectivity
16, is built once and kept beside the catalogue. One thread searches.
"""
import json
import os
import struct
import sys
import time

import numpy as np
from usearch.index import Index


def main():
    path = sys.argv[1]
    queries = np.array(json.load(sys.stdin), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    with open(path, 'rb') as f:
        (n,) = struct.unpack('<Q', f.read(8))
        about = json.loads(f.read(n))['vectors']
    rows = np.memmap(path, dtype=np.int8, mode='r', offset=8 + n + about['data_offsets'][0], shape=tuple(about['shape']))
    kept, times = path.replace('.kin', '.usearch'), path.replace('.kin', '.usearch.json')
    index = Index(ndim=rows.shape[1], metric='cos', dtype='i8', connectivity=16)
    if os.path.exists(times):
        index.load(kept)
    else:
        start = time.perf_counter()
        index.add(np.arange(len(rows)), np.asarray(rows), log=False)
        build = (time.perf_counter() - start) * 1e3
        index.save(kept)
        with open(times, 'w') as f:
            json.dump(build, f)
    with open(times) as f:
        build = json.load(f)
    taken, found = [], []
    scaled = np.round(queries * 127 / np.abs(queries).max(axis=1, keepdims=True)).astype(np.int8)
    for _ in range(20):
        found = []
        for query in scaled:
            start = time.perf_counter()
            matches = index.search(query, 10, threads=1)
            taken.append((time.perf_counter() - start) * 1e3)
            found.append([int(key) for key in matches.keys])
    print(json.dumps({'ms': float(np.median(taken)), 'best': min(taken), 'build': build, 'found': found}))


main()
