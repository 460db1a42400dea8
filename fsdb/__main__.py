"""`python -m fsdb` is the command fsdb."""

import sys

from fsdb.cli import main

sys.exit(main())
