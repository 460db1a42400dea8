"""Online vectors: the features of one or many entities as of this moment."""

from fsdb.vectors.entities import vectors_with_keys
from fsdb.vectors.read import feature_vector, feature_vectors

__all__ = ["feature_vector", "feature_vectors", "vectors_with_keys"]
