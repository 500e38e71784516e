"""Watching one running program without disturbing it."""
