"""CLIP embeddings of pictures and texts, and search in Kin's catalogues.

    import kin
    model = kin.Model('models/kin-everyday')
    vectors = model.embed_images(['shoe.jpg', 'boot.png'])     # float32 [2, dim], each row of unit length
    hits = kin.Catalog('catalog.safetensors').search(vectors[0], k=12)

The numbers are those of the engine in browsers and in Node, to the last bit. `kin.spark` embeds on Apache Spark.
"""
from ._library import KinError, kernels
from .catalog import Catalog, CatalogWriter, Hit, Metadata
from .model import Image, Model, ModelInfo

__all__ = ['Catalog', 'CatalogWriter', 'Hit', 'Image', 'KinError', 'Metadata', 'Model', 'ModelInfo', 'kernels']
__version__ = '0.1.0'
