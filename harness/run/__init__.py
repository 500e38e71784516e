"""A run on disk: its directory, its records, and how runs are merged."""
