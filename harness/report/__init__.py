"""Reports, made from a run directory alone, on any machine and without a network."""
