"""Toolchains: found, fetched, checked, and what each says of itself."""
