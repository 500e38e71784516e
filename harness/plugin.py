"""The pytest plugin; it comes with the end-to-end path."""
