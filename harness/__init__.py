"""Which Go feature is to blame? A matrix of Go versions and experiments, measured under pytest."""

__version__ = "0.1.0"
