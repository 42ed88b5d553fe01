"""Whom may we call, and where do their numbers come from: suppliers, sources, lead files, rows and leads."""
