"""Whether a person looks on in a notebook."""

import sys


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook. That ipykernel is loaded says nothing: other libraries load it."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
