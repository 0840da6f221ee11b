"""Products as other writers' Parquet, for tests/node/feeds.test.js: tests/golden/parquet/.

    pip install pyarrow==26.0.1 polars==2.1.0 && python tools/golden_parquet.py

The bytes depend on the writers' releases; what they hold does not.
"""
import datetime
from pathlib import Path

import polars
import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parent.parent / 'tests/golden/parquet'
N = 7

table = pa.table({
    'id': pa.array([2**53 + 1 + i if i < 6 else 5 for i in range(N)], pa.int64()),  # not exact as doubles
    'title': pa.array([f'Größe {i}' if i != 3 else None for i in range(N)]),
    'image': pa.array([[f'p{i}.jpg', f'q{i}.jpg'] if i != 4 else ['p4.jpg'] for i in range(N)], pa.list_(pa.string())),
    'price': pa.array([19.9, 5.25, float('nan'), None, 7, 1e6, 0.1], pa.float32()),
    'sale': pa.array([True, False, None, True, True, False, True]),
    'brand': pa.array(['A', 'B', 'A', 'A', 'B', 'A', None]).dictionary_encode(),
    'since': pa.array([datetime.date(2024, 1, i + 1) for i in range(N)]),
})

OUT.mkdir(parents=True, exist_ok=True)
for codec in ['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4']:
    pq.write_table(table, OUT / f'pyarrow-{codec}.parquet', row_group_size=3, compression=codec,
                   data_page_version='2.0' if codec in ('gzip', 'zstd') else '1.0')
polars.from_arrow(table).write_parquet(OUT / 'polars.parquet', compression='zstd', row_group_size=3)
