"""Comparisons, attribution, stopping rule, diagnosis, gates: pure functions over a run."""
