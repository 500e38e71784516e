"""``matrix.yaml``: its models, and how it is read."""
