"""Online vectors: the features of one or many entities as of this moment."""

from fsdb.vectors.read import feature_vector, feature_vectors

__all__ = ["feature_vector", "feature_vectors"]
