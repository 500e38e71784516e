"""Heap profiles: one codec, and how several are added up and compared."""
