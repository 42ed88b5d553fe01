"""Whom may we call, and where do their numbers come from: suppliers, sources, lead files, rows and leads."""

import os

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
"""Read when polars is first imported: its allocator then gives memory back at once, which an import has little of."""
