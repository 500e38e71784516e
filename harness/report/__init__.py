"""Reports of a run: made from the run directory alone, on any machine, without a network."""
