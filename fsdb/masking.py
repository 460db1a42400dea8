"""Secrets that stand in texts: URLs with passwords, and connection strings."""

import re

# A password ends at the last @ before a blank or a quote.
_URL = re.compile(r"""([A-Za-z][\w.+-]*://[^\s:/?#@'"]*:)[^\s'"]*@""")
_NAMED = re.compile(
    r"""(\b(?:ssl)?password\s*=\s*|[?&][\w-]*(?:secret|token|password|key|sig)[\w-]*=)('(?:[^'\\]|\\.)*'|[^\s&'"]+)""",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """A text without the secrets of URLs and connection strings in it."""
    return _NAMED.sub(r"\1***", _URL.sub(r"\1***@", text))


def has_secret(text: str) -> bool:
    """Whether there is such a secret in a text."""
    return masked(text) != text
