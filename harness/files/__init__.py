"""Files of a run: paths that stay inside it, limits on what is read, whole files or none.

A run directory may come from a stranger. ``inside`` is the one place that joins a run's directory
with a name in it; ``document`` reads JSON that may be anything; ``names`` makes names of files from
names of workloads and variants; ``whole`` makes a directory that is there complete or not at all.
"""
