"""What the user wrote: models, and YAML loading that knows lines and columns."""
