"""``python -m harness`` is the command ``gomatrix``."""

from harness.cli import main

main()
