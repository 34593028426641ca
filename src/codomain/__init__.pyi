"""What `import codomain as cd` offers. Written by docs/generate.py: edit `__init__.py`, not this file."""

from codomain.pipeline import Pipeline as Pipeline
from codomain.pipeline import pipeline as pipeline
from codomain.errors import CodomainError as CodomainError
from codomain.store.collection import Collection as Collection
from codomain.measure.data.datasets import Dataset as Dataset
from codomain.arrays import Hits as Hits
from codomain.items import Item as Item
from codomain.items import Media as Media
from codomain.arrays import Packed as Packed
from codomain.arrays import Ragged as Ragged
from codomain.retriever import Retriever as Retriever
from codomain.maps.build import build_map as build_map
from codomain.measure.tasks.comparison import compare as compare
from codomain.store.open_create import create as create
from codomain.diagnosis.run import diagnose as diagnose
from codomain.measure.tasks.evaluation import evaluate as evaluate
from codomain.measure.data.datasets import load as load
from codomain.store.open_create import open as open
from codomain.tuning.tuner import tune as tune
from codomain.transform.fitted import FittedAlign as align
from codomain.index.auto import Auto as auto
from codomain.transform.autoencoder import Autoencoder as autoencoder
from codomain.encode.text.lexical import BagOfWordsEncoder as bag_of_words
from codomain.encode.text.lexical import BagOfWordsEncoder as words
from codomain.transform.quantize import Binary as binary
from codomain.index.bm25 import BM25 as bm25
from codomain.index.multi.cascade import Cascade as cascade
from codomain.encode.text.lexical import CharNGramEncoder as char_ngrams
from codomain.encode.text.lexical import CharNGramEncoder as ngrams
from codomain.encode.hosted import CohereEncoder as cohere
from codomain.rank.diversify import Diversify as diversify
from codomain.encode.called import CalledEncoder as encoder
from codomain.index.filtered.filtered import Filtered as filtered
from codomain.transform.files import FittedTransform as fitted
from codomain.index.flat import Flat as flat
from codomain.transform.quantize import Float16 as float16
from codomain.transform.quantize import Float8 as float8
from codomain.rank.fuse import Fuse as fuse
from codomain.index.hnsw import HNSW as hnsw
from codomain.transform.quantize import Int2 as int2
from codomain.transform.quantize import Int4 as int4
from codomain.transform.quantize import Int8 as int8
from codomain.index.ivf import IVF as ivf
from codomain.index.filtered.ivf_attr import IVFAttr as ivf_attr
from codomain.index.ivf import IVFPQ as ivfpq
from codomain.transform.project import KernelPCA as kernel_pca
from codomain.encode.text.late import LateEncoder as late
from codomain.transform.fitted import FittedLowRankAdapter as low_rank_adapter
from codomain.encode.text.transformer import MiniLMEncoder as minilm
from codomain.index.multi.multivector import MultiVector as multivector
from codomain.transform.reduce import Normalize as normalize
from codomain.encode.hosted import OllamaEncoder as ollama
from codomain.encode.onnx.encoder import OnnxEncoder as onnx
from codomain.encode.hosted import OpenAIEncoder as openai
from codomain.transform.product import OPQ as opq
from codomain.transform.reduce import PCA as pca
from codomain.transform.product import PQ as pq
from codomain.index.prototypes.prototypes import Prototypes as prototypes
from codomain.transform.quantize import QuantileBins as quantile_bins
from codomain.transform.quantize import QuantileBins as bins
from codomain.index.rabitq.rabitq import RaBitQ as rabitq
from codomain.transform.project import RandomProjection as random_projection
from codomain.index.recompute.recompute import Recompute as recompute
from codomain.transform.recurrent import RecurrentBinary as recurrent_binary
from codomain.transform.fitted import FittedRelative as relative
from codomain.index.sdc import SymmetricDistance as sdc
from codomain.transform.fitted import FittedSiamese as siamese
from codomain.index.sparse.sparse import SparseIndex as sparse
from codomain.transform.band import SpectralBand as spectral_band
from codomain.encode.text.splade import SpladeEncoder as splade
from codomain.encode.text.transformer import TransformerEncoder as st
from codomain.encode.text.transformer import TransformerEncoder as sentence_transformer
from codomain.encode.text.static import StaticEncoder as static
from codomain.transform.reduce import SVD as svd
from codomain.encode.hosted import TEIEncoder as tei
from codomain.encode.hosted import TEISparseEncoder as tei_sparse
from codomain.encode.hosted import TEITokensEncoder as tei_tokens
from codomain.index.tiered import Tiered as tiered
from codomain.transform.reduce import Truncate as truncate
from codomain.transform.fitted import FittedUnpairedAlign as unpaired_align
from codomain.encode.words.vectorfile import VectorFileEncoder as vectorfile
from codomain.encode.given import GivenVectors as vectors
from codomain.encode.hosted import VoyageEncoder as voyage

from codomain import encode as encode
from codomain import endpoints as endpoints
from codomain import transform as transform
from codomain import index as index
from codomain import rank as rank
from codomain import read as read
from codomain import store as store
from codomain import learn as learn
from codomain import measure as measure
from codomain import tuning as tuning
from codomain import diagnosis as diagnosis
from codomain import maps as maps
from codomain import vectorfiles as vectorfiles
from codomain import testing as testing

__version__: str

__all__ = [
    "CodomainError",
    "Collection",
    "Dataset",
    "Hits",
    "Item",
    "Media",
    "Packed",
    "Pipeline",
    "Ragged",
    "Retriever",
    "__version__",
    "align",
    "auto",
    "autoencoder",
    "bag_of_words",
    "binary",
    "bins",
    "bm25",
    "build_map",
    "cascade",
    "char_ngrams",
    "cohere",
    "compare",
    "create",
    "diagnose",
    "diagnosis",
    "diversify",
    "encode",
    "encoder",
    "endpoints",
    "evaluate",
    "filtered",
    "fitted",
    "flat",
    "float16",
    "float8",
    "fuse",
    "hnsw",
    "index",
    "int2",
    "int4",
    "int8",
    "ivf",
    "ivf_attr",
    "ivfpq",
    "kernel_pca",
    "late",
    "learn",
    "load",
    "low_rank_adapter",
    "maps",
    "measure",
    "minilm",
    "multivector",
    "ngrams",
    "normalize",
    "ollama",
    "onnx",
    "open",
    "openai",
    "opq",
    "pca",
    "pipeline",
    "pq",
    "prototypes",
    "quantile_bins",
    "rabitq",
    "random_projection",
    "rank",
    "read",
    "recompute",
    "recurrent_binary",
    "relative",
    "sdc",
    "sentence_transformer",
    "siamese",
    "sparse",
    "spectral_band",
    "splade",
    "st",
    "static",
    "store",
    "svd",
    "tei",
    "tei_sparse",
    "tei_tokens",
    "testing",
    "tiered",
    "transform",
    "truncate",
    "tune",
    "tuning",
    "unpaired_align",
    "vectorfile",
    "vectorfiles",
    "vectors",
    "voyage",
    "words",
]
