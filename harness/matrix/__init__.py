"""What the user wrote: models of ``matrix.yaml``, and how it is read."""
