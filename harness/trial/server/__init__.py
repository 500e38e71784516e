"""Servers: ready, under load, and after it."""
