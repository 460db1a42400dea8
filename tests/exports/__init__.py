"""Models as PyTorch, Keras and CatBoost themselves export them; `make test-exports` installs these and runs this folder."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # Keras chooses when it is imported
